"""What the command line adds to a Dockerfile."""

from __future__ import annotations

from izba._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.runtime.specgen.request import Ulimit


class Options(Record):
    """What the command line adds to a Dockerfile. Pairs are (name, value).

    `is_one_of_several` where the same Dockerfile is built for other platforms too.
    """

    target: str | None = None
    build_args: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    platform: str = "linux/amd64"
    build_platform: str = "linux/amd64"
    is_one_of_several: bool = False
    network: str = "default"
    add_hosts: tuple[tuple[str, str], ...] = ()
    shm_size: int | None = None
    ulimits: tuple[Ulimit, ...] = ()
    epoch: int | None = None
