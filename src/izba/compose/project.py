"""A project as it is worked with: what its files say, complete and in one form. Nothing of it changes."""

from __future__ import annotations

from izba._record import Record
from izba.compose.errors import NoSuchService

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from izba.engine.containers.documents import ContainerConfig, HostConfig
    from izba.network.store import EndpointRequest


class Dependency(Record):
    """A service waits for another one. `condition` is service_started, _healthy or _completed_successfully."""

    service: str
    condition: str = "service_started"
    restart: bool = False
    required: bool = True


class Build(Record):
    """How a service's image is built."""

    context: str
    dockerfile: str | None = None
    dockerfile_inline: str | None = None
    args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    target: str | None = None
    contexts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[FileMount, ...] = ()
    tags: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    network: str = "default"
    extra_hosts: tuple[tuple[str, str], ...] = ()
    shm_size: int | None = None
    ulimits: tuple[tuple[str, int, int], ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False


class Hook(Record):
    """A command executed in a container, after its start or before its stop. `environment` is of `NAME=VALUE`."""

    command: tuple[str, ...]
    user: str = ""
    privileged: bool = False
    workdir: str = ""
    environment: tuple[str, ...] = ()


class FileMount(Record):
    """A secret or a config in a service. `kind` is the section it is declared in, `source` its name there.

    Without `uid`, `gid` and `mode` the file is the host's own, with its owner.
    """

    kind: str
    source: str
    target: str
    uid: int | None = None
    gid: int | None = None
    mode: int | None = None


class FileSource(Record):
    """A declared secret or config: a file of the host, or a text, which may be that of a `variable`."""

    kind: str
    key: str
    name: str
    file: str | None = None
    variable: str | None = None
    content: str | None = None
    external: bool = False


class WatchRule(Record):
    """What happens when files change: `action` is sync, rebuild, restart, sync+restart or sync+exec (of `command`)."""

    action: str
    path: str
    target: str = ""
    ignore: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    initial_sync: bool = False
    command: Hook = Hook(command=())


class Publish(Record):
    """A published port. `published` is empty, a number, or a range of which each container takes its own."""

    target: int
    protocol: str = "tcp"
    published: str = ""
    address: str = ""


class Service(Record):
    """One service. `config` and `host_config` are what all of its containers have in common.

    image          as it was given; empty for one that is named after project and service
    endpoints      the networks by the name they have in the engine, the first one first
    refresh        seconds after which its image is pulled again, None for never
    volumes_from   `(service or container:NAME, read_only)`
    ports_at       where its `ports:` stands, FILE:LINE
    namespaces     `(HostConfig key, service)`: whose namespace is shared
    model          the canonical tree, which its configuration's hash is made of
    """

    name: str
    image: str
    config: ContainerConfig
    host_config: HostConfig
    model: Mapping[str, Any]
    build: Build | None = None
    scale: int = 1
    container_name: str = ""
    pull_policy: str = ""
    refresh: float | None = None
    platform: str = ""
    attach: bool = True
    profiles: tuple[str, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    endpoints: tuple[EndpointRequest, ...] = ()
    ports: tuple[Publish, ...] = ()
    ports_at: str = ""
    files: tuple[FileMount, ...] = ()
    volumes_from: tuple[tuple[str, bool], ...] = ()
    namespaces: tuple[tuple[str, str], ...] = ()
    watch: tuple[WatchRule, ...] = ()
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()

    @property
    def has_healthcheck(self) -> bool:
        """Whether the file gives it a check; its image may have one all the same."""
        test = self.config.get("Healthcheck", {}).get("Test")
        return bool(test) and test != ["NONE"]


class Network(Record):
    """A network that services use. `key` is its name in the files, `name` its name in the engine."""

    key: str
    name: str
    external: bool = False
    driver: str = ""
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    internal: bool = False
    attachable: bool = False
    options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


class Volume(Record):
    """A volume that services use."""

    key: str
    name: str
    external: bool = False
    driver: str = ""
    options: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


class Project(Record):
    """The project. `services` are those that are enabled; `disabled` are known by name."""

    name: str
    directory: str
    files: tuple[str, ...]
    services: tuple[Service, ...]
    disabled: tuple[Service, ...] = ()
    networks: tuple[Network, ...] = ()
    volumes: tuple[Volume, ...] = ()
    sources: tuple[FileSource, ...] = ()

    def service(self, name: str) -> Service:
        """Raises `NoSuchService`."""
        for service in self.services:
            if service.name == name:
                return service
        raise NoSuchService(name, [service.name for service in self.services])

    def has(self, name: str) -> bool:
        """Whether the service is there and enabled."""
        return any(service.name == name for service in self.services)

    def image(self, service: Service) -> str:
        """The name of its image."""
        return service.image or f"{self.name}-{service.name}"

    def with_services(self, services: tuple[Service, ...]) -> Project:
        """The same with other services."""
        return self.replace(services=services)
