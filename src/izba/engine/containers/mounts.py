"""From `-v`, `--mount`, `--tmpfs` and VOLUME to mount points: volumes found or made, sources checked."""

from __future__ import annotations

import os

from izba._record import Record
from izba.engine.containers.errors import BindSourceForbidden, BindSourceMissing
from izba.errors import InvalidArgument
from izba.runtime.specgen.request import MountRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from izba.engine.containers.documents import ContainerConfig, HostConfig, Mount, MountPoint
    from izba.volume.store import Volume, Volumes

PROPAGATIONS = frozenset(("private", "rprivate", "shared", "rshared", "slave", "rslave"))
_IGNORED = frozenset(("z", "Z", "consistent", "cached", "delegated"))


class BadMountSpec(InvalidArgument):
    """A mount that cannot be meant; Docker's sentence."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"invalid mount config for {text}: {reason}")
        self.text = text


class Wish(Record):
    """A mount to be made. A volume has its name in `source`, None for a new, anonymous one; `copy` fills a new volume.

    type         bind, volume or tmpfs
    make_source  a bind's missing source becomes a directory
    subpath      of a volume: what of it is mounted, relative to it
    is_of_image  a VOLUME, or `-v` with a target alone
    mode         the options of `-v` as they were written, which `inspect` shows
    is_scratch   `--tmpfs`: nobody else's, and no mount point in Docker's sense
    """

    type: str
    target: str
    source: str | None = None
    read_only: bool = False
    propagation: str = "rprivate"
    recursive: bool = True
    options: tuple[str, ...] = ()
    copy: bool = True
    make_source: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    driver_options: tuple[tuple[str, str], ...] = ()
    mode: str = ""
    subpath: str = ""
    is_of_image: bool = False
    is_scratch: bool = False


def resolve(
    config: ContainerConfig,
    host_config: HostConfig,
    volumes: Volumes,
    open_image: Callable[[], int] | None,
    borrowed: Sequence[MountPoint] = (),
) -> list[MountPoint]:
    """The mount points of a container, volumes made and filled. Raises `InvalidArgument` for what cannot be.

    `open_image` gives a descriptor of the image's tree, for copy-up; None for an image without files. `borrowed` are
    those of other containers (`--volumes-from`), of which it gets what it has no mount of its own for; a VOLUME of the
    image gives way to them. Where this raises, the anonymous volumes it made are gone again.
    """
    points: list[MountPoint] = []
    lent = {point["Destination"]: point for point in borrowed}
    try:
        for wish in wishes(config, host_config):
            if wish.target in lent and wish.is_of_image:
                continue
            lent.pop(wish.target, None)
            points.append(_point(wish, volumes))
            if wish.type == "volume" and wish.copy and open_image and not wish.subpath:
                _fill(volumes.get(points[-1]["Name"]), wish.target, open_image)
    except BaseException:
        for name in anonymous(points):
            volumes.discard(name)
        raise
    return [*points, *lent.values()]


def _fill(volume: Volume, target: str, open_image: Callable[[], int]) -> None:
    from izba.volume.copyup import copy_up

    if volume.settings.device:  # a directory of the host's is not izba's to fill
        return
    root = open_image()
    try:
        copy_up(root, target, volume)
    finally:
        os.close(root)


def lent(points: Iterable[MountPoint], *, read_only: bool) -> list[MountPoint]:
    """Mount points as another container gets them."""
    return [{**point, "RW": point["RW"] and not read_only} for point in shown(points)]


def shown(points: Iterable[MountPoint]) -> list[MountPoint]:
    """Those that Docker counts as mount points: a `--tmpfs` is part of how the host runs it."""
    return [point for point in points if not point.get("Scratch")]


def anonymous(points: Iterable[MountPoint]) -> tuple[str, ...]:
    """The names of the volumes that were made for one container alone."""
    return tuple(point["Name"] for point in points if point.get("Anonymous") and "Name" in point)


def wishes(config: ContainerConfig, host_config: HostConfig) -> list[Wish]:
    """All mounts that are asked for. Two at one place are an error; a VOLUME gives way to whatever is there."""
    asked = [
        *(bind(text) for text in host_config.get("Binds") or ()),
        *(_of_mount(mount) for mount in host_config.get("Mounts") or ()),
        *(_tmpfs(target, options) for target, options in (host_config.get("Tmpfs") or {}).items()),
    ]
    places: dict[str, Wish] = {}
    for wish in asked:
        if wish.target in places:
            raise InvalidArgument(f"Duplicate mount point: {wish.target}")
        places[wish.target] = wish
    for target in config.get("Volumes") or ():
        place = _target(target)
        places.setdefault(place, Wish(type="volume", target=place, is_of_image=True))
    return list(places.values())


def bind(text: str) -> Wish:
    """`-v`'s SOURCE:TARGET[:OPTIONS], where a source without a slash in front is a volume's name."""
    source, *rest = text.split(":")
    if not rest or len(rest) > 2 or not source:
        raise InvalidArgument(f"invalid volume specification: '{text}'")
    wish = Wish(type="bind", target=_target(rest[0]), source=source, make_source=True)
    if not source.startswith("/"):
        wish = wish.replace(type="volume")
    options = rest[1].split(",") if len(rest) == 2 else []
    if len({"ro", "rw", "readonly"}.intersection(options)) > 1:
        raise InvalidArgument(f"invalid volume specification: '{text}': invalid mode: {rest[1]}")
    for option in options:
        if option in {"ro", "rw", "readonly"}:
            wish = wish.replace(read_only=option != "rw")
        elif option == "nocopy" and wish.type == "volume":
            wish = wish.replace(copy=False)
        elif option in PROPAGATIONS and wish.type == "bind":
            wish = wish.replace(propagation=option)
        elif option == "bind-nonrecursive" and wish.type == "bind":
            wish = wish.replace(recursive=False)
        elif option not in _IGNORED:
            raise InvalidArgument(f"invalid volume specification: '{text}': invalid mode: {rest[1]}")
    return wish.replace(mode=",".join(options))


def requests(points: Iterable[MountPoint]) -> tuple[MountRequest, ...]:
    """Mount points as the spec generator takes them."""
    return tuple(
        MountRequest(
            type="tmpfs" if point["Type"] == "tmpfs" else "bind",
            source=point["Source"],
            target=point["Destination"],
            read_only=not point["RW"],
            propagation=point["Propagation"] or "rprivate",
            options=tuple(point.get("Options", ())),
            recursive=not point.get("NonRecursive", False),
            subpath=point.get("Subpath", ""),
        )
        for point in points
    )


def _of_mount(mount: Mount) -> Wish:
    kind, source, target = mount["Type"], mount.get("Source", ""), mount["Target"]
    read_only = mount.get("ReadOnly", False)
    if kind == "bind":
        options = mount.get("BindOptions", {})
        propagation = options.get("Propagation", "rprivate")
        if propagation not in PROPAGATIONS:
            raise BadMountSpec('type "bind"', f"invalid propagation {propagation!r}")
        if not source.startswith("/"):
            raise BadMountSpec('type "bind"', f"invalid mount path: '{source}' mount path must be absolute")
        return Wish(
            type="bind",
            source=source,
            target=_target(target),
            read_only=read_only,
            propagation=propagation,
            recursive=not options.get("NonRecursive", False),
            make_source=options.get("CreateMountpoint", False),
        )
    if kind == "volume":
        volume = mount.get("VolumeOptions", {})
        return Wish(
            type="volume",
            source=source or None,
            target=_target(target),
            read_only=read_only,
            copy=not volume.get("NoCopy", False),
            subpath=_subpath(volume.get("Subpath", "")),
            labels=tuple((volume.get("Labels") or {}).items()),
            driver_options=tuple(volume["DriverConfig"]["Options"].items()) if volume.get("DriverConfig") else (),
        )
    if kind == "tmpfs":
        tmpfs = mount.get("TmpfsOptions", {})
        options_ = [f"size={tmpfs['SizeBytes']}"] if tmpfs.get("SizeBytes") else []
        options_ += [f"mode={tmpfs['Mode']:o}"] if "Mode" in tmpfs else []
        return Wish(type="tmpfs", target=_target(target), options=tuple(options_), read_only=read_only)
    raise BadMountSpec(f'type "{kind}"', "mount type unknown")


def _subpath(path: str) -> str:
    if path.startswith("/") or ".." in path.split("/") or "\0" in path:
        raise BadMountSpec('type "volume"', f"subpath must be a relative path within the volume, not {path!r}")
    return os.path.normpath(path) if path else ""


def _tmpfs(target: str, options: str) -> Wish:
    return Wish(type="tmpfs", target=_target(target), options=tuple(filter(None, options.split(","))), is_scratch=True)


def _target(path: str) -> str:
    if not path.startswith("/"):
        raise InvalidArgument(f"invalid mount path: '{path}' mount path must be absolute")
    normal = os.path.normpath(path).replace("//", "/")
    if normal == "/":
        raise InvalidArgument("invalid specification: destination can't be '/'")
    return normal


def _point(wish: Wish, volumes: Volumes) -> MountPoint:
    point: MountPoint = {
        "Type": wish.type,
        "Source": wish.source or "",
        "Destination": wish.target,
        "Mode": wish.mode,
        "RW": not wish.read_only,
        "Propagation": wish.propagation if wish.type == "bind" else "",
    }
    if wish.is_scratch:
        point["Scratch"] = True
    if wish.options:
        point["Options"] = list(wish.options)
    if wish.subpath:
        point["Subpath"] = wish.subpath
    if not wish.recursive:
        point["NonRecursive"] = True
    if wish.type == "bind":
        _check_source(wish)
    if wish.type == "volume":
        volume = volumes.ensure(wish.source, wish.labels, wish.driver_options)
        point |= {"Name": volume.name, "Source": volume.path, "Driver": "local"}
        if wish.source is None:
            point["Anonymous"] = True
    return point


def _check_source(wish: Wish) -> None:
    source = wish.source or ""
    if "\0" in source:
        raise InvalidArgument("a mount's source holds a NUL byte")
    if os.path.lexists(source):
        return
    if not wish.make_source:
        raise BindSourceMissing(source)
    try:
        os.makedirs(source, mode=0o755, exist_ok=True)
    except OSError as error:
        raise BindSourceForbidden(source, os.strerror(error.errno or 0).lower()) from error
