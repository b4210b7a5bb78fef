"""The words of mount options (mount(8), runtime-spec config.md) and what each does to a mount."""

from __future__ import annotations

from izba._record import Record
from izba.linux import flags as f

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class MountOptions(Record):
    """Options sorted by where the kernel takes them: the mount, those below it, its propagation, the filesystem."""

    set: int = 0
    """MOUNT_ATTR_* of this mount."""
    clear: int = 0
    set_below: int = 0
    """MOUNT_ATTR_* of this mount and all below it (`rro` and the like)."""
    clear_below: int = 0
    propagation: tuple[int, ...] = ()
    """MS_SHARED and the like, with MS_REC where they reach below."""
    bind: bool = False
    recursive: bool = False
    remount: bool = False
    data: tuple[str, ...] = ()
    """What the filesystem itself reads: `mode=755`, `lowerdir=…`."""


# word: (attributes set, attributes cleared)
_ATTRIBUTES: dict[str, tuple[int, int]] = {
    "defaults": (0, 0),
    "ro": (f.MOUNT_ATTR_RDONLY, 0),
    "rw": (0, f.MOUNT_ATTR_RDONLY),
    "nosuid": (f.MOUNT_ATTR_NOSUID, 0),
    "suid": (0, f.MOUNT_ATTR_NOSUID),
    "nodev": (f.MOUNT_ATTR_NODEV, 0),
    "dev": (0, f.MOUNT_ATTR_NODEV),
    "noexec": (f.MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, f.MOUNT_ATTR_NOEXEC),
    "nodiratime": (f.MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, f.MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (f.MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, f.MOUNT_ATTR_NOSYMFOLLOW),
    # The access-time modes are one field of values, so that setting one clears the field (mount_setattr(2)).
    "noatime": (f.MOUNT_ATTR_NOATIME, f.MOUNT_ATTR__ATIME),
    "atime": (f.MOUNT_ATTR_RELATIME, f.MOUNT_ATTR__ATIME),
    "relatime": (f.MOUNT_ATTR_RELATIME, f.MOUNT_ATTR__ATIME),
    "norelatime": (0, 0),
    "strictatime": (f.MOUNT_ATTR_STRICTATIME, f.MOUNT_ATTR__ATIME),
    "nostrictatime": (f.MOUNT_ATTR_RELATIME, f.MOUNT_ATTR__ATIME),
}

PROPAGATION = {
    "shared": f.MS_SHARED,
    "slave": f.MS_SLAVE,
    "private": f.MS_PRIVATE,
    "unbindable": f.MS_UNBINDABLE,
    "rshared": f.MS_SHARED | f.MS_REC,
    "rslave": f.MS_SLAVE | f.MS_REC,
    "rprivate": f.MS_PRIVATE | f.MS_REC,
    "runbindable": f.MS_UNBINDABLE | f.MS_REC,
}

# MS_* of mount(2) for each MOUNT_ATTR_*, for kernels and filesystems that know only the old call.
_OLD_FLAGS = (
    (f.MOUNT_ATTR_RDONLY, f.MS_RDONLY),
    (f.MOUNT_ATTR_NOSUID, f.MS_NOSUID),
    (f.MOUNT_ATTR_NODEV, f.MS_NODEV),
    (f.MOUNT_ATTR_NOEXEC, f.MS_NOEXEC),
    (f.MOUNT_ATTR_NOATIME, f.MS_NOATIME),
    (f.MOUNT_ATTR_STRICTATIME, f.MS_STRICTATIME),
    (f.MOUNT_ATTR_NODIRATIME, f.MS_NODIRATIME),
    (f.MOUNT_ATTR_NOSYMFOLLOW, f.MS_NOSYMFOLLOW),
)


def parse(words: Iterable[str]) -> MountOptions:
    """Sort the words; later ones override earlier ones, as mount(8) has it."""
    set_, clear, set_below, clear_below = 0, 0, 0, 0
    propagation: list[int] = []
    data: list[str] = []
    bind = recursive = remount = False
    for word in words:
        if word in _ATTRIBUTES:
            on, off = _ATTRIBUTES[word]
            set_, clear = set_ & ~off | on, clear & ~on | off
        elif word in PROPAGATION:
            propagation.append(PROPAGATION[word])
        elif word in {"bind", "rbind"}:
            bind, recursive = True, word == "rbind"
        elif word == "remount":
            remount = True
        elif word[:1] == "r" and word[1:] in _ATTRIBUTES and word != "relatime":
            on, off = _ATTRIBUTES[word[1:]]
            set_below, clear_below = set_below & ~off | on, clear_below & ~on | off
        else:
            data.append(word)
    return MountOptions(
        set=set_,
        clear=clear,
        set_below=set_below,
        clear_below=clear_below,
        propagation=tuple(propagation),
        bind=bind,
        recursive=recursive,
        remount=remount,
        data=tuple(data),
    )


def old_flags(attributes: int) -> int:
    """The MS_* flags of mount(2) for MOUNT_ATTR_* attributes."""
    result = 0
    for attribute, flag in _OLD_FLAGS:
        if attributes & attribute:
            result |= flag
    return result
