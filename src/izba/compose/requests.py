"""What is asked of the engine for one container of a service."""

from __future__ import annotations

from izba.compose import labels
from izba.compose.errors import ComposeError
from izba.compose.observe import container_name, is_anonymous

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.compose.project import Project, Publish, Service
    from izba.engine.containers.documents import HostConfig, Mount, PortPlace
    from izba.engine.containers.model import Container, ContainerRequest
    from izba.engine.engine import Engine


def container_request(
    engine: Engine,
    project: Project,
    service: Service,
    *,
    number: int,
    name: str,
    config_hash: str,
    image_id: str,
    files: Iterable[Mount] = (),
    inherited: Container | None = None,
    one_off: bool = False,
) -> ContainerRequest:
    """The request. `inherited` is the container it replaces, whose anonymous volumes it goes on with."""
    from izba.engine.containers.model import ContainerRequest

    config, host = service.config.copy(), service.host_config.copy()
    config["Labels"] = (config.get("Labels") or {}) | labels.of_container(
        project, service, number, config_hash=config_hash, image=image_id, one_off=one_off
    )
    host["Annotations"] = (host.get("Annotations") or {}) | {labels.OWNER: project.name}
    mounts = [*(host.get("Mounts") or ()), *files]
    mounts += _volumes_from(engine, project, service, {mount["Target"] for mount in mounts})
    if inherited is not None:
        mounts = _with_anonymous(mounts, inherited)
    host["Mounts"] = mounts
    _namespaces(project, service, host)
    endpoints = service.endpoints
    if "NetworkMode" not in host:
        host["NetworkMode"] = endpoints[0].network if endpoints else "none"
    if endpoints:
        host["PortBindings"] = _bindings(service.ports, number)
    return ContainerRequest(
        image=project.image(service),
        config=config,
        host_config=host,
        name=name,
        platform=service.platform,
        endpoints=endpoints,
    )


def _bindings(ports: Iterable[Publish], number: int) -> dict[str, list[PortPlace]]:
    """Of a range of the host's ports each container takes the one of its number."""
    bindings: dict[str, list[PortPlace]] = {}
    for port in ports:
        place: PortPlace = {"HostIp": port.address, "HostPort": _published(port.published, number)}
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(place)
    return bindings


def _published(text: str, number: int) -> str:
    first, dash, last = text.partition("-")
    if not dash:
        return first
    return str(int(first) + (number - 1) % (int(last) - int(first) + 1))


def _volumes_from(engine: Engine, project: Project, service: Service, taken: set[str]) -> list[Mount]:
    """The mounts of another container, as mounts of this one."""
    from izba.engine.containers.model import require

    found: list[Mount] = []
    for source, read_only in service.volumes_from:
        if source.startswith("container:"):
            other = require(engine, source.removeprefix("container:"))
        else:
            of = project.service(source)
            other = require(engine, container_name(project, source, 1, of.container_name))
        for mount in _again(other, read_only=read_only):
            if mount["Target"] not in taken:
                taken.add(mount["Target"])
                found.append(mount)
    return found


def _again(container: Container, *, read_only: bool) -> list[Mount]:
    return [
        {
            "Type": point["Type"],
            "Source": point.get("Name") or point["Source"],
            "Target": point["Destination"],
            "ReadOnly": read_only or not point["RW"],
        }
        for point in container.mounts
        if point["Type"] in {"bind", "volume"}
    ]


def _with_anonymous(mounts: list[Mount], old: Container) -> list[Mount]:
    """The mounts, with the old container's anonymous volumes where the new one would get anonymous ones."""
    volumes = {point["Destination"]: point for point in old.mounts if is_anonymous(point)}
    result: list[Mount] = []
    for mount in mounts:
        point = volumes.pop(mount["Target"], None)
        if point and mount["Type"] == "volume" and not mount["Source"]:
            mount = mount | {"Source": point["Name"]}  # noqa: PLW2901
        result.append(mount)
    return result + [
        {"Type": "volume", "Source": point["Name"], "Target": target, "ReadOnly": not point["RW"]}
        for target, point in volumes.items()
    ]


def _namespaces(project: Project, service: Service, host: HostConfig) -> None:
    """`service:NAME` becomes the first container of that service."""
    for key, other in service.namespaces:
        of = project.service(other)
        host[key] = f"container:{container_name(project, other, 1, of.container_name)}"  # type: ignore[literal-required]


def check_replicas(service: Service, scale: int) -> None:
    """Several containers cannot have one name. Raises `ComposeError`; Compose's sentence."""
    if scale > 1 and service.container_name:
        raise ComposeError(
            f"can't set container_name and {service.name} as container name must be unique: "
            f"{scale} containers are wanted, and one name is given",
            hint=f"take container_name of {service.name} out of the file, or scale it to 1",
        )
