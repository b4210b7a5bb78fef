"""`izba system df -v`: every image, container and volume with its size."""

from __future__ import annotations

import time

from izba.cli.output import humanise
from izba.cli.output.columns import align
from izba.ids import short
from izba.oci.reference import familiar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.diskusage import ContainerUsage, DiskUsage, ImageUsage


def verbose(usage: DiskUsage) -> str:
    """The whole text, in Docker's order."""
    images = [["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE", "SHARED SIZE", "UNIQUE SIZE", "CONTAINERS"]]
    images += map(_image, usage.images)
    containers = [["CONTAINER ID", "IMAGE", "SIZE", "CREATED", "STATUS", "NAMES"]]
    containers += map(_container, usage.containers)
    volumes = [["VOLUME NAME", "LINKS", "SIZE"]]
    volumes += [[volume.name, str(volume.containers), _size(volume.size)] for volume in usage.volumes]
    return (
        f"Images space usage:\n\n{align(images)}\n"
        f"Containers space usage:\n\n{align(containers)}\n"
        f"Local Volumes space usage:\n\n{align(volumes)}\n"
        f"Build cache usage: {_size(usage.cache_size)} in {usage.cache_records} records\n"
    )


def _image(usage: ImageUsage) -> list[str]:
    name = familiar(usage.image.tags[0]) if usage.image.tags else "<none>:<none>"
    repository, _, tag = name.rpartition(":")
    sizes = (usage.image.size, usage.shared_size, usage.unique_size)
    return [
        *(repository, tag, short(usage.image.id), _ago(usage.image.created)),
        *map(_size, sizes),
        str(usage.containers),
    ]


def _container(usage: ContainerUsage) -> list[str]:
    status = "running" if usage.is_running else "stopped"
    return [short(usage.id), short(usage.image), _size(usage.size), _ago(usage.created), status, usage.name]


def _size(size: int) -> str:
    return humanise.size(size, digits=4)


def _ago(moment: int) -> str:
    return humanise.ago((time.time_ns() - moment) / 1e9) if moment else "N/A"
