"""Capabilities (capabilities(7)): their names and the five sets of a process."""

from __future__ import annotations

from _struct import pack, unpack

from izba._record import Record
from izba.linux import flags as f
from izba.linux import libc
from izba.linux.process import prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

# In the order of their numbers, from 0 (linux/capability.h).
NAMES = (
    "CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_FSETID CAP_KILL CAP_SETGID CAP_SETUID CAP_SETPCAP "
    "CAP_LINUX_IMMUTABLE CAP_NET_BIND_SERVICE CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW CAP_IPC_LOCK CAP_IPC_OWNER "
    "CAP_SYS_MODULE CAP_SYS_RAWIO CAP_SYS_CHROOT CAP_SYS_PTRACE CAP_SYS_PACCT CAP_SYS_ADMIN CAP_SYS_BOOT CAP_SYS_NICE "
    "CAP_SYS_RESOURCE CAP_SYS_TIME CAP_SYS_TTY_CONFIG CAP_MKNOD CAP_LEASE CAP_AUDIT_WRITE CAP_AUDIT_CONTROL "
    "CAP_SETFCAP CAP_MAC_OVERRIDE CAP_MAC_ADMIN CAP_SYSLOG CAP_WAKE_ALARM CAP_BLOCK_SUSPEND CAP_AUDIT_READ "
    "CAP_PERFMON CAP_BPF CAP_CHECKPOINT_RESTORE"
).split()
NUMBERS = {name: number for number, name in enumerate(NAMES)}

_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3

_capset = libc.function("capset", libc.Pointer, libc.Pointer)
_capget = libc.function("capget", libc.Pointer, libc.Pointer)


class CapabilitySets(Record):
    """The sets as bit masks, bit n for capability n."""

    bounding: int
    effective: int
    permitted: int
    inheritable: int
    ambient: int


def mask(names: Iterable[str]) -> int:
    """The bit mask of capability names; ones that this table does not know are left out, as newer than this kernel."""
    result = 0
    for name in names:
        if name in NUMBERS:
            result |= 1 << NUMBERS[name]
    return result


def names(mask: int) -> list[str]:
    """The names in a bit mask."""
    return [name for number, name in enumerate(NAMES) if mask >> number & 1]


def known() -> int:
    """The mask of all capabilities this kernel has."""
    with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
        return (1 << int(file.read()) + 1) - 1


def bounding() -> int:
    """The bounding set of this process: what it and its children can ever have."""
    result = 0
    for number in range(64):
        try:
            if prctl(f.PR_CAPBSET_READ, number):
                result |= 1 << number
        except OSError:  # EINVAL: past the kernel's last
            break
    return result


def permitted() -> int:
    """The permitted set of this process."""
    header = libc.Buffer(pack("=Ii", _VERSION_3, 0))
    data = libc.Buffer(24)
    libc.check("capget", _capget(header.pointer, data.pointer))
    _, low, _, _, high, _ = unpack("=6I", bytes(data))
    return int(low | high << 32)


def drop_bounding(keep: int) -> None:
    """Drop from the bounding set all but `keep`. Needs CAP_SETPCAP if there is anything to drop."""
    for number in range(64):
        if not keep >> number & 1:
            try:
                if prctl(f.PR_CAPBSET_READ, number):
                    prctl(f.PR_CAPBSET_DROP, number, name="prctl(PR_CAPBSET_DROP)")
            except OSError as error:
                if error.errno == 22 and number > 30:  # EINVAL: past the kernel's last
                    return
                raise


def set_process(sets: CapabilitySets) -> None:
    """Give this process the effective, permitted, inheritable and ambient sets; what it lacks itself it cannot give."""
    header = pack("=Ii", _VERSION_3, 0)
    low, high = 0xFFFFFFFF, 32
    data = pack(
        "=6I",
        sets.effective & low,
        sets.permitted & low,
        sets.inheritable & low,
        sets.effective >> high,
        sets.permitted >> high,
        sets.inheritable >> high,
    )
    libc.check("capset", _capset(header, data))
    prctl(f.PR_CAP_AMBIENT, f.PR_CAP_AMBIENT_CLEAR_ALL, name="prctl(PR_CAP_AMBIENT_CLEAR_ALL)")
    for number in range(64):
        if sets.ambient >> number & 1:
            prctl(f.PR_CAP_AMBIENT, f.PR_CAP_AMBIENT_RAISE, number, name="prctl(PR_CAP_AMBIENT_RAISE)")


def keep_across_setuid() -> None:
    """Keep the permitted set when the user ids all become ordinary ones (effective goes, capset brings it back)."""
    prctl(f.PR_SET_KEEPCAPS, 1, name="prctl(PR_SET_KEEPCAPS)")
