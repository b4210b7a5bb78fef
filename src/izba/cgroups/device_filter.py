"""The devices controller of cgroup v2: a BPF program on each cgroup that answers "may it?".

The rules are the v1 controller's: in order, the last one that matches decides.
"""

from __future__ import annotations

import os
from _struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.oci.runtimespec import LinuxDeviceCgroup

# linux/bpf.h
_PROG_LOAD, _PROG_ATTACH = 5, 8
_PROG_TYPE_CGROUP_DEVICE, _ATTACH_CGROUP_DEVICE, _ALLOW_MULTI = 15, 6, 2
_ACCESS = {"m": 1, "r": 2, "w": 4}
_TYPES = {"b": 1, "c": 2}

# The system call's number is the generic one except on the oldest ports.
_BPF = {"x86_64": 321, "i686": 357, "armv7l": 386, "ppc64le": 361, "s390x": 351}

# linux/bpf_common.h: class, operation and source of an instruction.
_LOAD_WORD, _MOVE, _MOVE_REGISTER, _AND, _SHIFT_RIGHT = 0x61, 0xB4, 0xBC, 0x54, 0x74
_JUMP_EQUAL, _JUMP_NOT_EQUAL, _EXIT = 0x15, 0x55, 0x95

_RESULT, _CONTEXT, _TYPE, _WANTED, _MAJOR, _MINOR, _SCRATCH = 0, 1, 2, 3, 4, 5, 6


def attach(directory: str, rules: Sequence[LinuxDeviceCgroup]) -> None:
    """Hold the processes of the cgroup at `directory` to the rules. Raises `OSError`."""
    from izba.linux import libc

    code = libc.Buffer(program(rules))
    licence = libc.Buffer(b"Apache-2.0\0")
    count = len(bytes(code)) // 8
    fields = pack("=IIQQIIQII", _PROG_TYPE_CGROUP_DEVICE, count, code.pointer, licence.pointer, 0, 0, 0, 0, 0)
    program_fd = _bpf(_PROG_LOAD, fields, directory)
    try:
        cgroup_fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _bpf(_PROG_ATTACH, pack("=IIII", cgroup_fd, program_fd, _ATTACH_CGROUP_DEVICE, _ALLOW_MULTI), directory)
        finally:
            os.close(cgroup_fd)
    finally:
        os.close(program_fd)  # the cgroup keeps it


def program(rules: Sequence[LinuxDeviceCgroup]) -> bytes:
    """The instructions: the rules from the last to the first, the first match decides."""
    code = [
        _instruction(_LOAD_WORD, _TYPE, _CONTEXT, 0),
        _instruction(_MOVE_REGISTER, _WANTED, _TYPE),
        _instruction(_SHIFT_RIGHT, _WANTED, value=16),
        _instruction(_AND, _TYPE, value=0xFFFF),
        _instruction(_LOAD_WORD, _MAJOR, _CONTEXT, 4),
        _instruction(_LOAD_WORD, _MINOR, _CONTEXT, 8),
    ]
    for rule in reversed(rules):
        code += _rule(rule)
        if _is_for_all(rule):
            return b"".join(code)  # nothing before it counts, and the verifier refuses code that is never reached
    return b"".join([*code, _instruction(_MOVE, _RESULT, value=0), _instruction(_EXIT)])


def _rule(rule: LinuxDeviceCgroup) -> list[bytes]:
    allow = rule["allow"]
    checks: list[tuple[int, int, int]] = []  # jump if it does not match: operation, register, value
    head: list[bytes] = []
    if not _is_for_all(rule):
        access = sum(_ACCESS[letter] for letter in rule.get("access") or "rwm")
        checks.append((_JUMP_NOT_EQUAL, _TYPE, _TYPES[rule["type"]]))
        for register, number in ((_MAJOR, rule.get("major")), (_MINOR, rule.get("minor"))):
            if number is not None and number != -1:
                checks.append((_JUMP_NOT_EQUAL, register, number))
        if access != 7:
            # Allowed is what asks for nothing else; denied is what asks for any of it.
            head = [
                _instruction(_MOVE_REGISTER, _SCRATCH, _WANTED),
                _instruction(_AND, _SCRATCH, value=7 & ~access if allow else access),
            ]
            checks.append((_JUMP_NOT_EQUAL if allow else _JUMP_EQUAL, _SCRATCH, 0))
    verdict = [_instruction(_MOVE, _RESULT, value=int(allow)), _instruction(_EXIT)]
    jumps = [
        _instruction(operation, register, offset=len(checks) - index - 1 + len(verdict), value=value)
        for index, (operation, register, value) in enumerate(checks)
    ]
    return head + jumps + verdict


def _is_for_all(rule: LinuxDeviceCgroup) -> bool:
    """v1's `a` means all devices and all uses, whatever else the rule says."""
    return (rule.get("type") or "a") == "a"


def _instruction(operation: int, target: int = 0, source: int = 0, offset: int = 0, *, value: int = 0) -> bytes:
    return pack("=BBhi", operation, target | source << 4, offset, value)


def _bpf(command: int, fields: bytes, directory: str) -> int:
    from izba.linux import libc

    attributes = libc.Buffer(fields.ljust(128, b"\0"))
    number = _BPF.get(os.uname().machine, 280)
    return libc.check("bpf", libc.syscall(number, command, attributes.pointer, 128), directory)
