"""What a container is: what was asked for, and the container it became."""

from __future__ import annotations

from izba import jsonio
from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.containers.documents import ContainerConfig, HostConfig, Kept, MountPoint
    from izba.engine.engine import Engine
    from izba.network.store import EndpointRequest
    from izba.oci.runtimespec import Spec
    from izba.store.containers import ContainerRow


class ContainerRequest(Record):
    """One container to create. `config` says over the image's what it names; `image` is as the user typed it.

    pull        missing, always or never
    platform    empty: any
    endpoints   the networks; none: that of `NetworkMode`
    host_trust  lend proxies, certificates and package indexes of the host (`hosttrust`)
    """

    image: str
    config: ContainerConfig
    host_config: HostConfig
    name: str | None = None
    platform: str = ""
    pull: str = "missing"
    host_trust: bool = True
    endpoints: tuple[EndpointRequest, ...] = ()


class Container:
    """One container: its row read. What it does at the moment is `lifecycle.state`'s to tell."""

    def __init__(self, engine: Engine, row: ContainerRow) -> None:
        self.engine = engine
        self.row = row
        self.id = row.id
        self.name = row.name
        self.created = row.created
        self.directory = f"{engine.roots.data}/containers/{row.id}"
        self.run = f"{engine.roots.run}/containers/{row.id}"
        self.spec: Spec | None = None  # of one that was created a moment ago: its first start needs no other
        self._kept: Kept | None = None

    @property
    def kept(self) -> Kept:
        """The row's document."""
        if self._kept is None:
            self._kept = jsonio.loads(self.row.config)
        return self._kept

    @property
    def image_id(self) -> str:
        """The digest of the image's config."""
        return self.kept["ImageId"]

    @property
    def config(self) -> ContainerConfig:
        """What it was asked to be, the image's share included."""
        return self.kept["Config"]

    @property
    def host_config(self) -> HostConfig:
        """How this host was asked to run it."""
        return self.kept["HostConfig"]

    @property
    def mounts(self) -> list[MountPoint]:
        """The mounts made of what was asked for."""
        return self.kept["Mounts"]

    @property
    def command(self) -> tuple[str, ...]:
        """The whole command line."""
        return (*(self.config.get("Entrypoint") or ()), *(self.config.get("Cmd") or ()))

    @property
    def anonymous_volumes(self) -> tuple[str, ...]:
        """The volumes that are its own and go with it."""
        from izba.engine.containers.mounts import anonymous

        return anonymous(self.mounts)


def require(engine: Engine, name: str) -> Container:
    """By name, id or the unique beginning of an id. Raises `ContainerNotFound`."""
    return Container(engine, engine.store.containers.require(name))
