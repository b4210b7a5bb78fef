"""debian: the required packages and apt, set up for containers as Docker Hub's images are."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from izba._record import Record
from izba.bootstrap.assemble import Portrait, assemble, sources
from izba.bootstrap.debian import archive as archives
from izba.bootstrap.debian import scripts
from izba.bootstrap.debian.resolve import resolve
from izba.bootstrap.debian.unpack import Trim
from izba.bootstrap.host.keyrings import keyrings_of
from izba.bootstrap.layers import Plan, make_layer
from izba.bootstrap.rootfs import File

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.bootstrap.debian.archive import Archive
    from izba.bootstrap.debian.index import Package
    from izba.bootstrap.host.aptsources import Source
    from izba.bootstrap.layers import Layer
    from izba.bootstrap.workshop import Workshop
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference
    from izba.store.leases import Lease

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SLIM = Trim(
    excluded=(
        "/usr/share/doc/*",
        "/usr/share/groff/*",
        "/usr/share/info/*",
        "/usr/share/linda/*",
        "/usr/share/lintian/*",
        "/usr/share/locale/*",
        "/usr/share/man/*",
    ),
    included=("/usr/share/doc/*/copyright", "/usr/share/locale/locale.alias"),
)

_DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring"
# UsrMerge for releases whose base-files does not bring the links itself (before trixie).
_MERGED = {
    "amd64": "bin sbin lib lib32 lib64 libx32",
    "i386": "bin sbin lib lib64 libx32",
    "ppc64el": "bin sbin lib lib64",
}

# What the scripts of the required packages give to groups of their own: shadow, utmp and mail.
_OWNERS = (
    ("etc/gshadow", 0, 42),
    ("etc/shadow", 0, 42),
    ("var/log/btmp", 0, 43),
    ("var/log/lastlog", 0, 43),
    ("var/log/wtmp", 0, 43),
    ("var/mail", 0, 8),
)

_POLICY = """\
#!/bin/sh
# Packages must not start services when they are installed in a container (invoke-rc.d(8)).
exit 101
"""
_CLEAN = """\
// A layer keeps what a step leaves behind, so apt keeps no downloaded packages and no binary caches.
DPkg::Post-Invoke { "cd /var/cache/apt && rm -f archives/*.deb archives/partial/*.deb *.bin || true"; };
APT::Update::Post-Invoke { "cd /var/cache/apt && rm -f archives/*.deb archives/partial/*.deb *.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
"""
# The names are those of Docker Hub's images: Dockerfiles remove `docker-clean` to use a cache mount.
_APT = {
    "docker-clean": _CLEAN,
    "docker-gzip-indexes": 'Acquire::GzipIndexes "true";\n',
    "docker-no-languages": 'Acquire::Languages "none";\n',
    "docker-autoremove-suggests": 'Apt::AutoRemove::SuggestsImportant "false";\n',
}


class DebianRecipe(Record):
    """A Debian release; `slim` leaves out documentation and translations."""

    name: str
    codename: str
    slim: bool

    def make(self, workshop: Workshop, reference: Reference) -> StoredImage:
        """Make the one layer and the image."""
        archive = workshop.archive(self.codename)
        with workshop.store.lease("bootstrap") as lease:
            base = make_base(workshop, archive, slim=self.slim, lease=lease)
            portrait = Portrait(
                recipe=self.name,
                version=archive.release.version,
                suite=archive.release.codename,
                steps=(base.step,),
                sources=sources(base.packages),
                defaults=(("Env", [PATH]), ("Cmd", ["bash"])),
            )
            return assemble(workshop, reference, base.layer, portrait)


class Base(Record):
    """The layer of a release and the packages in it; `step` is its line of history."""

    layer: Layer
    packages: tuple[Package, ...]
    step: str


def make_base(workshop: Workshop, archive: Archive, *, slim: bool, lease: Lease) -> Base:
    """The layer that other images of this release stand on too."""
    packages = resolve(archive.index, ["apt"], seeds=archive.index.required(), prefer=["usr-is-merged"])
    paths = archives.fetch(packages, workshop.downloader)
    trim = SLIM if slim else Trim()
    plan = Plan(
        packages=tuple(zip(packages, paths, strict=True)),
        trim=trim,
        before=tuple(_links(workshop.architecture, packages)),
        after=tuple(_settings(workshop, archive, trim)),
        script=scripts.configure(packages, first=True),
        owners=_OWNERS,
    )
    release = archive.release
    kind = "debian slim" if slim else "debian"
    layer = make_layer(workshop, plan, lease, what=f"{kind} {release.codename}")
    step = f"{kind} {release.codename} {release.version}: {len(packages)} packages".replace("  ", " ")
    return Base(layer=layer, packages=tuple(packages), step=step)


def _links(architecture: str, packages: list[Package]) -> Iterator[File]:
    if any(package.name == "usr-is-merged" for package in packages):
        for name in _MERGED.get(architecture, "bin sbin lib").split():
            yield File(name=f"usr/{name}/", mode=0o755)
            yield File(name=name, link=f"usr/{name}")
    # base-files wants it before mawk is configured and sets it up as an alternative.
    yield File(name="usr/bin/", mode=0o755)
    yield File(name="usr/bin/awk", link="mawk")


def _settings(workshop: Workshop, archive: Archive, trim: Trim) -> Iterator[File]:
    yield File(name="usr/sbin/policy-rc.d", data=_POLICY.encode(), mode=0o755)
    for name, text in _APT.items():
        yield File(name=f"etc/apt/apt.conf.d/{name}", data=text.encode())
    yield File(name="etc/dpkg/dpkg.cfg.d/docker-apt-speedup", data=b"force-unsafe-io\n")
    if trim.excluded:
        yield File(name="etc/dpkg/dpkg.cfg.d/docker", data=trim.configuration().encode())
        # update-alternatives puts links to pages here, and fails where it cannot.
        for section in range(1, 9):
            yield File(name=f"usr/share/man/man{section}/", mode=0o755)
    yield from _apt_sources(workshop, archive)


def _apt_sources(workshop: Workshop, archive: Archive) -> Iterator[File]:
    """The image installs from the mirrors it was made from, and trusts the same keys."""
    stanzas = []
    keys: dict[str, File] = {}
    for source in archive.sources:
        if urlsplit(source.uri).scheme not in {"http", "https"}:
            continue
        lines = [
            "Types: deb",
            f"URIs: {source.uri}",
            f"Suites: {source.suite}",
            f"Components: {' '.join(source.components)}",
        ]
        signed_by = []
        for path, file in _keys(workshop, source):
            signed_by.append(path)
            if file is not None:
                keys[path] = file
        lines.append(f"Signed-By: {' '.join(signed_by)}")
        if not source.check_valid_until or not workshop.apt.on("Acquire::Check-Valid-Until", default=True):
            lines.append("Check-Valid-Until: no")
        if not workshop.apt.on("Acquire::Check-Date", default=True):
            lines.append("Check-Date: no")
        stanzas.append("\n".join(lines) + "\n")
    yield from keys.values()
    if stanzas:
        yield File(name="etc/apt/sources.list.d/debian.sources", data="\n".join(stanzas).encode())


def _keys(workshop: Workshop, source: Source) -> Iterator[tuple[str, File | None]]:
    """Where the image has the keys of `source`; with a file where no package brings it."""
    settings = workshop.settings
    if source.key and not settings.keyrings:
        path = "etc/apt/keyrings/bootstrap.asc"
        yield f"/{path}", File(name=path, data=source.key.encode())
    for keyring in keyrings_of(source, chosen=settings.keyrings, root=settings.host_root):
        stem, ending = os.path.splitext(keyring.removeprefix(settings.host_root))
        if stem == _DEBIAN_KEYRING:
            yield f"{stem}.gpg", None
            continue
        path = f"etc/apt/keyrings/{os.path.basename(stem)}{ending}"
        with open(keyring, "rb") as file:
            yield f"/{path}", File(name=path, data=file.read())
