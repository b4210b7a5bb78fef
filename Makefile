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

$(VENV)/.ready: pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or newer with venv was found"; \
		echo "hint: apt-get install python3 python3-venv, or make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group test --group lint --group app
	touch $@

.PHONY: demo
demo: venv ## bootstrap a base image, build a web service, run it and show its answer
	@PATH="$(CURDIR)/$(BIN):$$PATH" IZBA_BOOTSTRAP=1 IZBA_ROOT=$(DEMO_ROOT) examples/hello/demo

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
clean: ## remove what these commands made inside the checkout
	rm -rf $(VENV) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
