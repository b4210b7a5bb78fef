"""A project's networks in the engine, and what it expects to be there."""

from __future__ import annotations

from izba.compose import labels
from izba.compose.errors import ComposeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.project import Network, Project
    from izba.engine.engine import Engine


def create(engine: Engine, project: Project, network: Network) -> None:
    """Make it. Nothing happens if another command made it meanwhile."""
    from izba.engine.networks import NetworkRequest
    from izba.engine.networks import create as create_network
    from izba.network.errors import NetworkExists

    if network.driver not in {"", "bridge", "default"}:
        raise ComposeError(
            f"network {network.key}: the driver {network.driver} is not supported",
            hint="izba's networks are bridges; leave `driver` out",
        )
    request = NetworkRequest(
        name=network.name,
        subnet=network.subnet,
        gateway=network.gateway,
        ip_range=network.ip_range,
        internal=network.internal,
        attachable=network.attachable,
        options=network.options,
        labels=(*network.labels, *labels.of_resource(project.name, labels.NETWORK, network.key)),
    )
    try:
        create_network(engine, request)
    except NetworkExists:
        return


def remove(engine: Engine, name: str) -> None:
    """Remove it. One that others use stays, which is told."""
    from izba.engine.networks import remove as remove_network
    from izba.engine.networks import require
    from izba.network.errors import NetworkNotFound

    try:
        remove_network(engine, require(engine, name))
    except NetworkNotFound:
        return


def check_external(engine: Engine, project: Project) -> None:
    """Networks and volumes that the project expects to be there are. Raises `ComposeError`; Compose's sentences."""
    from izba.engine.networks import networks
    from izba.engine.volumes import volumes
    from izba.network.store import PREDEFINED
    from izba.volume.store import VolumeNotFound

    used = {endpoint.network for service in project.services for endpoint in service.endpoints}
    for network in project.networks:
        if not network.external or network.name not in used or network.name in PREDEFINED:
            continue
        if networks(engine).find(network.name) is None:
            raise ComposeError(
                f"network {network.name} declared as external, but could not be found",
                hint=f"`izba network create {network.name}` makes it",
            )
    mounted = {mount["Source"] for service in project.services for mount in service.host_config.get("Mounts") or ()}
    for volume in project.volumes:
        if volume.external and volume.name in mounted:
            try:
                volumes(engine).get(volume.name)
            except VolumeNotFound:
                raise ComposeError(
                    f'external volume "{volume.name}" not found', hint=f"`izba volume create {volume.name}` makes it"
                ) from None
