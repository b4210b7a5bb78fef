"""What every recipe works with: the store, the host's configuration, downloads, and layers that were made before."""

from __future__ import annotations

import os

from izba._record import Record
from izba.bootstrap.debian.archive import ArchiveOptions, open_archive
from izba.bootstrap.fetch.cache import Cache
from izba.bootstrap.fetch.download import Downloader
from izba.bootstrap.host import aptauth, aptconf
from izba.bootstrap.host.transport import Routes
from izba.bootstrap.progress import silent

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.bootstrap.debian.archive import Archive
    from izba.bootstrap.progress import Progress
    from izba.runtime.specgen.request import HostFacts
    from izba.store.store import Store


class Settings(Record):
    """What the user chose; by default all comes from the host's configuration.

    mirrors       URLs of Debian archives, or whole `deb …` lines, instead of the host's apt sources
    keyrings      files with the keys to trust, instead of those that the sources name
    npm_registry  the URL of a registry of npm packages, instead of npm's own setting
    suite         another Debian release than the recipe's
    architecture  Debian's name of it; by default this machine's
    host_root     where the host's configuration is read (tests put one of their own there)
    """

    mirrors: tuple[str, ...] = ()
    keyrings: tuple[str, ...] = ()
    npm_registry: str | None = None
    suite: str | None = None
    architecture: str | None = None
    host_root: str = ""


class Workshop:
    """One bootstrap's tools."""

    def __init__(
        self,
        store: Store,
        host: HostFacts,
        settings: Settings,
        *,
        environ: Mapping[str, str] | None = None,
        progress: Progress = silent,
    ) -> None:
        self.store = store
        self.host = host
        self.settings = settings
        self.environ = os.environ if environ is None else environ
        self.progress = progress
        self.architecture = settings.architecture or native_architecture()
        self.apt = aptconf.read(settings.host_root)
        self.cache = Cache(f"{store.roots.data}/cache/bootstrap")
        self.downloader = self.downloader_by(Routes(self.environ, self.apt))
        for login in aptauth.read(settings.host_root):
            self.downloader.log_in(login)
        self._archives: dict[str, Archive] = {}

    @property
    def can_run(self) -> bool:
        """Whether this machine runs programs of the architecture."""
        native = native_architecture()
        return self.architecture == native or (native, self.architecture) in {("amd64", "i386"), ("arm64", "armhf")}

    def downloader_by(self, routes: Routes) -> Downloader:
        """Another downloader into the same cache."""
        return Downloader(self.cache, routes, self.progress)

    def archive(self, codename: str) -> Archive:
        """The verified archive of a Debian release; read once."""
        codename = self.settings.suite or codename
        if codename not in self._archives:
            options = ArchiveOptions(
                mirrors=self.settings.mirrors,
                keyrings=self.settings.keyrings,
                architecture=self.architecture,
                root=self.settings.host_root,
            )
            self._archives[codename] = open_archive(codename, options, self.downloader, self.apt, self.progress)
        return self._archives[codename]


_DEBIAN = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "armhf",
    "i686": "i386",
    "ppc64le": "ppc64el",
    "riscv64": "riscv64",
    "s390x": "s390x",
    "loongarch64": "loong64",
}
# Debian's name → the image-spec's architecture and variant (GOARCH, GOARM).
_OCI = {
    "amd64": ("amd64", ""),
    "arm64": ("arm64", "v8"),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v5"),
    "i386": ("386", ""),
    "ppc64el": ("ppc64le", ""),
    "riscv64": ("riscv64", ""),
    "s390x": ("s390x", ""),
    "loong64": ("loong64", ""),
}


def native_architecture() -> str:
    """Debian's name of this machine's architecture."""
    machine = os.uname().machine
    return _DEBIAN.get(machine, machine)


def platform(architecture: str) -> tuple[str, str]:
    """The image-spec's architecture and variant for Debian's name."""
    return _OCI.get(architecture, (architecture, ""))
