"""npm's configuration: the registry this host installs from, its CA file and its token."""

from __future__ import annotations

import os
import re

from izba._record import Record
from izba.bootstrap.errors import NoMirror

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class NpmSettings(Record):
    """The registry's URL without a slash at its end; `token` is sent to it as a bearer token."""

    registry: str
    ca_file: str | None = None
    token: str | None = None
    proxy: str | None = None


def read(environ: Mapping[str, str], *, root: str = "", registry: str | None = None) -> NpmSettings:
    """npm's own order: environment, the user's file, the global file, then what npm itself was built with.

    `registry` overrides all. Raises `NoMirror`: izba names no registry of its own.
    """
    values: dict[str, str] = {}
    for path in reversed(list(_files(environ, root))):
        values |= _parse(path, environ)
    values |= {
        name.lower().removeprefix("npm_config_").replace("_", "-"): value
        for name, value in environ.items()
        if name.lower().startswith("npm_config_")
    }
    registry = registry or values.get("registry") or _built_in(environ, root)
    if registry is None:
        raise NoMirror(
            "no npm registry is configured on this host",
            hint="name one with --npm-registry URL, npm_config_registry, or `registry=` in ~/.npmrc",
        )
    registry = registry.rstrip("/")
    scope = registry.partition(":")[2]
    return NpmSettings(
        registry=registry,
        ca_file=values.get("cafile"),
        token=values.get(f"{scope}/:_authToken") or values.get(f"{scope}:_authToken"),
        proxy=values.get("https-proxy") or values.get("proxy"),
    )


def _files(environ: Mapping[str, str], root: str) -> Iterator[str]:
    home = environ.get("HOME")
    user = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig")
    candidates = [user or f"{root}{home}/.npmrc"] if user or home else []
    for path in (*candidates, f"{root}/etc/npmrc", f"{root}/usr/etc/npmrc", f"{root}/usr/local/etc/npmrc"):
        if os.path.isfile(path):
            yield path


def _parse(path: str, environ: Mapping[str, str]) -> dict[str, str]:
    values = {}
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            name, equals, value = line.strip().partition("=")
            if equals and not name.startswith(("#", ";", "[")):
                value = re.sub(r"\$\{(\w+)\}", lambda match: environ.get(match[1], match[0]), value.strip())
                values[name.strip()] = value.strip("\"'")
    return values


def _built_in(environ: Mapping[str, str], root: str) -> str | None:
    """The default of the npm that is installed here, read from its sources."""
    for directory in _node_modules(environ, root):
        for definitions in (
            f"{directory}/npm/node_modules/@npmcli/config/lib/definitions/definitions.js",
            f"{directory}/@npmcli/config/lib/definitions/definitions.js",
        ):
            if os.path.isfile(definitions):
                with open(definitions, encoding="utf-8", errors="replace") as file:
                    match = re.search(r"'registry',\s*\{\s*default:\s*['\"`](https?://[^'\"`]+)", file.read())
                if match:
                    return match[1]
    return None


def _node_modules(environ: Mapping[str, str], root: str) -> Iterator[str]:
    for prefix in ("/usr/lib", "/usr/local/lib", "/usr/share"):
        yield f"{root}{prefix}/node_modules"
    if not root:
        import shutil

        if npm := shutil.which("npm", path=environ.get("PATH")):
            # …/node_modules/npm/bin/npm-cli.js
            yield os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(npm))))
