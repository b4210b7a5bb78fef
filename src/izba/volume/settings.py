"""The options of a volume: Docker's local driver's, in the words of mount(8), as far as they have a meaning here."""

from __future__ import annotations

import os

from izba import errors
from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class CannotOwn(InvalidArgument):
    """An owner that the volume cannot have here."""

    def __init__(self, uid: int, gid: int) -> None:
        ids = " and ".join(f"{kind} {id}" for kind, id in (("uid", uid), ("gid", gid)) if id >= 0)
        super().__init__(
            f"no volume can belong to {ids} here: the ids are not mapped",
            hint="a user has more than one id with a range in /etc/subuid and /etc/subgid; `izba doctor` says how",
        )


class Settings(Record):
    """What a volume's options mean: who owns it, -1 for who makes it or what is copied into it; a `device` is the
    directory of the host that it is.
    """

    uid: int = -1
    gid: int = -1
    device: str = ""

    def give(self, path: str) -> None:
        """Let the directory belong to whom it shall. Raises `CannotOwn`."""
        if self.uid < 0 and self.gid < 0:
            return
        try:
            os.chown(path, self.uid, self.gid)
        except OSError:
            raise CannotOwn(self.uid, self.gid) from None


def parse(options: Iterable[tuple[str, str]]) -> Settings:
    """`o=uid=1000,gid=1000`; or `type=none`, `o=bind` and `device=DIRECTORY`. Raises for all that izba cannot do."""
    given = dict(options)
    if unknown := given.keys() - {"type", "o", "device"}:
        raise InvalidArgument(f'invalid option: "{min(unknown)}"', hint="type, o and device are")
    settings, words = Settings(), [word for word in given.get("o", "").split(",") if word]
    for word in words:
        name, equals, value = word.partition("=")
        if name in {"uid", "gid"} and equals and value.isdecimal():
            settings = settings.replace(**{name: int(value)})
        elif name not in {"bind", "rbind", "rw"}:
            raise InvalidArgument(f"invalid option o={word}", hint="uid=N, gid=N and bind are")
    device, kind = given.get("device", ""), given.get("type", "none")
    if not device and "bind" not in words and kind == "none":
        return settings
    if kind not in {"none", "bind"} or not {"bind", "rbind"} & set(words):
        memory = "--tmpfs, or `tmpfs:` of a Compose service, is memory" if kind == "tmpfs" else ""
        raise errors.NotImplemented(
            f"a volume of type {kind!r} is not supported",
            hint=memory or "a volume is izba's own directory or, with type=none, o=bind and device=DIRECTORY, another",
        )
    if not device.startswith("/"):
        raise InvalidArgument(f"a volume with o=bind needs an absolute path as its device, not {device!r}")
    return settings.replace(device=os.path.normpath(device))
