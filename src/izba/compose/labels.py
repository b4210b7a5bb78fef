"""The labels by which a project's containers, networks and volumes are known; Compose's own.

An image can carry labels, and a container inherits them. So what izba goes by is the annotation `OWNER`, which no image
can give a container: a stranger's image never becomes part of a project.
"""

from __future__ import annotations

from izba import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.compose.project import Project, Service

OWNER = "izba.compose.project"

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NUMBER = "com.docker.compose.container-number"
CONFIG_HASH = "com.docker.compose.config-hash"
IMAGE = "com.docker.compose.image"
ONE_OFF = "com.docker.compose.oneoff"
NETWORK = "com.docker.compose.network"
VOLUME = "com.docker.compose.volume"
DEPENDS_ON = "com.docker.compose.depends_on"
CONFIG_FILES = "com.docker.compose.project.config_files"
WORKING_DIR = "com.docker.compose.project.working_dir"
VERSION = "com.docker.compose.version"


def of_container(
    project: Project, service: Service, number: int, *, config_hash: str, image: str, one_off: bool
) -> dict[str, str]:
    """A container's labels. `image` is the id of its image."""
    return {
        CONFIG_HASH: config_hash,
        NUMBER: str(number),
        DEPENDS_ON: ",".join(
            f"{each.service}:{each.condition}:{str(each.restart).lower()}" for each in service.depends_on
        ),
        IMAGE: image,
        ONE_OFF: str(one_off),
        PROJECT: project.name,
        CONFIG_FILES: ",".join(project.files),
        WORKING_DIR: project.directory,
        SERVICE: service.name,
        VERSION: __version__,
    }


def of_resource(project: str, kind: str, key: str) -> tuple[tuple[str, str], ...]:
    """A network's or a volume's."""
    return ((PROJECT, project), (kind, key), (VERSION, __version__))
