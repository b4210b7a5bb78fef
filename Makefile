# izba: the commands of this project. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
# The system's interpreter first: every user of the machine can run it, and the tests of rootless mode do.
PYTHON ?= $(shell for p in /usr/bin/python3 python3; do \
	"$$p" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
DEMO_ROOT ?= $(CURDIR)/.cache/demo

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 16

.PHONY: venv
venv: $(VENV)/.ready ## the virtual environment that everything here uses

PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

$(VENV)/.ready: pyproject.toml
	@$(NEEDS_PYTHON)
	$(PYTHON) -m venv $(if $(wildcard $(VENV)/.izba),,--clear) $(VENV)
	$(PIP) --upgrade 'pip>=25.1'
	$(PIP) --editable . --group test --group lint --group app
	touch $@

# izba alone, which is all that a demonstration needs.
$(VENV)/.izba: pyproject.toml
	@$(NEEDS_PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

define NEEDS_PYTHON
test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer with venv was found" >&2; \
	echo "hint: apt-get install python3 python3-venv, or make PYTHON=/path/to/python3" >&2; exit 1; }
endef

PREFIX ?= $(if $(filter 0,$(shell id -u)),/usr/local,$(HOME)/.local)

# Not a plain `pip install`, which distributions refuse outside of virtual environments (PEP 668).
.PHONY: install
install: ## install izba below PREFIX (~/.local, or /usr/local for root), in a virtual environment of its own
	@$(NEEDS_PYTHON)
	$(PYTHON) -m venv $(PREFIX)/lib/izba
	$(PREFIX)/lib/izba/bin/python -m pip install --quiet --disable-pip-version-check --upgrade .
	mkdir -p $(PREFIX)/bin
	ln -sfn $(PREFIX)/lib/izba/bin/izba $(PREFIX)/bin/izba
	@case ":$$PATH:" in *:$(PREFIX)/bin:*) ;; *) echo "hint: export PATH=\"$(PREFIX)/bin:\$$PATH\"" ;; esac

.PHONY: uninstall
uninstall: ## remove what `make install` installed; images and containers stay
	rm -rf $(PREFIX)/lib/izba
	rm -f $(PREFIX)/bin/izba

DEMO := PATH="$(CURDIR)/$(BIN):$$PATH" IZBA_BOOTSTRAP=1 IZBA_ROOT=$(DEMO_ROOT)

.PHONY: demo
demo: $(VENV)/.izba ## bring up six services with `izba compose up`, and say where their page is
	@$(DEMO) examples/defect-control/demo up

.PHONY: demo-seed
demo-seed: ## fill the demo with a demonstration site
	@$(DEMO) examples/defect-control/demo seed

.PHONY: demo-down
demo-down: ## end the demo; its data stay
	@$(DEMO) examples/defect-control/demo down

.PHONY: demo-clean
demo-clean: ## end the demo and remove its data and images
	@$(DEMO) examples/defect-control/demo clean
	rm -rf $(DEMO_ROOT)

.PHONY: hello
hello: $(VENV)/.izba ## bootstrap a base image, build one web service, run it and show its answer
	@$(DEMO) examples/hello/demo

.PHONY: test
test: venv lint ## all tests that this machine can run
	IZBA_BOOTSTRAP=1 $(BIN)/python -m pytest -n 2 --dist loadscope $(PYTEST_ARGS)

.PHONY: test-fast
test-fast: venv ## the tests that take no more than seconds each and need no network
	$(BIN)/python -m pytest -m 'not slow and not network' $(PYTEST_ARGS)

.PHONY: lint
lint: venv ## formatting, lint, types and the layers of the architecture
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

.PHONY: format
format: venv ## format the code as the linter wants it
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

.PHONY: bench
bench: venv ## izba beside Docker and Podman, alternating, medians and ratios (needs root and Debian's packages of both)
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m bench $(BENCH_ARGS)

.PHONY: clean
clean: $(if $(wildcard $(DEMO_ROOT)),demo-clean) ## remove what these commands made inside the checkout
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
