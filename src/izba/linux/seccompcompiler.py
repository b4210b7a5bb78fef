"""An OCI seccomp profile compiled to classic BPF (config-linux.md, Seccomp; seccomp(2)).

The program looks at the architecture, then finds the call's number by binary search over ranges of numbers with the
same answer, then compares arguments where a rule has conditions.
"""

from __future__ import annotations

import errno

from izba._record import Record
from izba.errors import InvalidArgument
from izba.linux import syscalls
from izba.linux.bpf import ARCHITECTURE, JEQ, JGE, JGT, NUMBER, Program, argument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.linux.bpf import Label
    from izba.oci.runtimespec import LinuxSeccomp, LinuxSeccompArg, LinuxSyscall


def compile(profile: LinuxSeccomp, machine: str) -> bytes:  # noqa: A001 - that is what it does
    """The program, an array of struct sock_filter, for a kernel of `machine` (uname -m). Raises `InvalidArgument`."""
    program = Program()
    parts = [(audit, _part(program, profile, tables)) for audit, tables in _tables(profile, machine)]
    # The numbers of an architecture that the profile does not name could mean anything.
    following = program.answer(_KILL_PROCESS)
    for audit, label in parts:
        following = program.jump(JEQ, audit, label, following)
    program.load(ARCHITECTURE)
    return program.assemble()


# -- architectures

_AUDIT = {"x86_64": 0xC000003E, "i386": 0x40000003, "aarch64": 0xC00000B7}  # linux/audit.h
_X32_BIT = 0x40000000  # asm/unistd.h
_ARCHITECTURES = {
    "SCMP_ARCH_X86_64": "x86_64",
    "SCMP_ARCH_X86": "i386",
    "SCMP_ARCH_X32": "x32",
    "SCMP_ARCH_AARCH64": "aarch64",
}


def _tables(profile: LinuxSeccomp, machine: str) -> list[tuple[int, list[str]]]:
    """The architectures that this machine can run and the profile names: audit number and tables of numbers."""
    named = {_ARCHITECTURES[name] for name in profile.get("architectures", ()) if name in _ARCHITECTURES}
    if machine == "x86_64":
        # x32 has the audit number of x86_64, and a bit in the call's number.
        native = (_AUDIT["x86_64"], ["x86_64", "x32"] if "x32" in named else ["x86_64"])
        return [native, (_AUDIT["i386"], ["i386"])] if "i386" in named else [native]
    if machine == "aarch64":
        return [(_AUDIT["aarch64"], ["aarch64"])]
    raise InvalidArgument(f"seccomp: izba has no filter for {machine}", hint="--security-opt seccomp=unconfined")


def _part(program: Program, profile: LinuxSeccomp, tables: list[str]) -> Label:
    """The part of the program for one audit number."""
    leaves: list[tuple[int, _Leaf]] = []
    for name in tables:
        first = _X32_BIT if name == "x32" else 0
        leaves += [(first + number, leaf) for number, leaf in _leaves(profile, syscalls.table(name))]
    if tables == ["x86_64"]:
        leaves.append((_X32_BIT, _Leaf(default=_KILL_PROCESS)))
    _search(program, leaves, 0, len(leaves))
    return program.load(NUMBER)


# -- rules


class _Rule(Record):
    conditions: tuple[_Condition, ...]
    action: int


class _Condition(Record):
    index: int
    op: str
    value: int
    value_two: int


class _Leaf(Record):
    """What to answer: the action of the first rule whose conditions all hold, else `default`."""

    default: int
    rules: tuple[_Rule, ...] = ()


_KILL_PROCESS = 0x80000000
_ERRNO = 0x00050000
_ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000,
    "SCMP_ACT_KILL_THREAD": 0x00000000,
    "SCMP_ACT_KILL_PROCESS": _KILL_PROCESS,
    "SCMP_ACT_TRAP": 0x00030000,
    "SCMP_ACT_ERRNO": _ERRNO,
    "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000,
    "SCMP_ACT_ALLOW": 0x7FFF0000,
}
_LENIENT = {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"}


def _leaves(profile: LinuxSeccomp, numbers: dict[str, int]) -> list[tuple[int, _Leaf]]:
    """The answers by the first number each holds for, ascending from 0; neighbours with the same answer are one."""
    default = _Leaf(default=_action(profile["defaultAction"], profile.get("defaultErrnoRet")))
    by_number = _by_number(profile, numbers, default.default)
    points: list[tuple[int, _Leaf]] = [(0, default)]
    for number in sorted(by_number):
        _extend(points, number, by_number[number])
        _extend(points, number + 1, default)
    if profile["defaultAction"] not in _LENIENT and by_number:
        # Calls newer than the profile do not exist, rather than being forbidden: libraries then take the older one.
        _extend(points, max(by_number) + 1, _Leaf(default=_ERRNO | errno.ENOSYS))
    return points


def _extend(points: list[tuple[int, _Leaf]], number: int, leaf: _Leaf) -> None:
    if points[-1][0] == number:
        points.pop()
    if not points or points[-1][1] != leaf:
        points.append((number, leaf))


def _by_number(profile: LinuxSeccomp, numbers: dict[str, int], default: int) -> dict[int, _Leaf]:
    """The leaf of each call the profile names. A rule without conditions decides for its call, the first such."""
    rules: dict[int, list[_Rule]] = {}
    for entry in profile.get("syscalls", ()):
        made = _rules(entry)
        for name in entry["names"]:
            if name in numbers:
                rules.setdefault(numbers[name], []).extend(made)
    leaves = {}
    for number, found in rules.items():
        always = next((rule.action for rule in found if not rule.conditions), None)
        if always is not None:
            leaves[number] = _Leaf(default=always)
        else:
            leaves[number] = _Leaf(default=default, rules=tuple(rule for rule in found if rule.action != default))
    return leaves


def _rules(entry: LinuxSyscall) -> list[_Rule]:
    """An entry as rules. Conditions on several arguments must all hold; on the same one, any (as runc has it)."""
    action = _action(entry["action"], entry.get("errnoRet"))
    conditions = [_condition(each) for each in entry.get("args", ())]
    if len({each.index for each in conditions}) < len(conditions):
        return [_Rule(conditions=(each,), action=action) for each in conditions]
    return [_Rule(conditions=tuple(conditions), action=action)]


def _condition(each: LinuxSeccompArg) -> _Condition:
    if not 0 <= each["index"] < 6:
        raise InvalidArgument(f"seccomp: a system call has no argument {each['index']}")
    return _Condition(index=each["index"], op=each["op"], value=each["value"], value_two=each.get("valueTwo", 0))


def _action(name: str, number: int | None) -> int:
    if name not in _ACTIONS:
        raise InvalidArgument(f"seccomp: the action {name} is not supported")
    action = _ACTIONS[name]
    if name in {"SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"}:
        return action | (errno.EPERM if number is None else number & 0xFFFF)
    return action


# -- instructions


def _search(program: Program, leaves: list[tuple[int, _Leaf]], low: int, high: int) -> Label:
    """Find the number in the accumulator among `leaves[low:high]`."""
    if high - low == 1:
        return _answer(program, leaves[low][1])
    middle = (low + high) // 2
    above = _search(program, leaves, middle, high)
    below = _search(program, leaves, low, middle)
    return program.jump(JGE, leaves[middle][0], above, below)


def _answer(program: Program, leaf: _Leaf) -> Label:
    otherwise = program.answer(leaf.default)
    for rule in reversed(leaf.rules):
        label = program.answer(rule.action)
        for condition in reversed(rule.conditions):
            label = _compare(program, condition, label, otherwise)
        otherwise = label
    return otherwise


def _compare(program: Program, condition: _Condition, holds: Label, fails: Label) -> Label:
    """Compare a 64-bit argument with the 32-bit words that BPF has."""
    op = condition.op
    if op in {"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE"}:  # the opposites of EQ, GE and GT
        holds, fails = fails, holds
    low, high = argument(condition.index)
    if op == "SCMP_CMP_MASKED_EQ":
        mask, value = condition.value, condition.value_two
        program.jump(JEQ, value & 0xFFFFFFFF, holds, fails)
        program.mask(mask & 0xFFFFFFFF)
        lower = program.load(low)
        program.jump(JEQ, value >> 32, lower, fails)
        program.mask(mask >> 32)
        return program.load(high)
    tests = {
        "SCMP_CMP_EQ": JEQ,
        "SCMP_CMP_NE": JEQ,
        "SCMP_CMP_GE": JGE,
        "SCMP_CMP_LT": JGE,
        "SCMP_CMP_GT": JGT,
        "SCMP_CMP_LE": JGT,
    }
    if op not in tests:
        raise InvalidArgument(f"seccomp: the comparison {op} is not supported")
    program.jump(tests[op], condition.value & 0xFFFFFFFF, holds, fails)
    lower = program.load(low)
    equal = program.jump(JEQ, condition.value >> 32, lower, fails)
    if tests[op] != JEQ:
        program.jump(JGT, condition.value >> 32, holds, equal)
    return program.load(high)
