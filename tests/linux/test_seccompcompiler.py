"""The compiler of seccomp profiles, against a plain reading of the profile; the programs run in an interpreter."""

from __future__ import annotations

import errno
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from izba.errors import InvalidArgument
from izba.linux import bpf, seccompcompiler, syscalls

X86_64, I386, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7
ALLOW, KILL_PROCESS = 0x7FFF0000, 0x80000000


def errno_of(number: int) -> int:
    return 0x50000 | number


def run(program: bytes, number: int, *arguments: int, audit: int = X86_64) -> int:
    """Interpret a filter (Documentation/networking/filter.rst) on a call."""
    data = struct.pack("=IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("=HBBI", program))
    at = accumulator = 0
    while True:
        code, holds, fails, value = instructions[at]
        at += 1
        match code:
            case 0x20:
                accumulator = struct.unpack_from("=I", data, value)[0]
            case 0x54:
                accumulator &= value
            case 0x06:
                return int(value)
            case 0x05:
                at += value
            case bpf.JEQ | bpf.JGT | bpf.JGE:
                true = {bpf.JEQ: accumulator == value, bpf.JGT: accumulator > value, bpf.JGE: accumulator >= value}
                at += holds if true[code] else fails
            case _:
                raise AssertionError(code)


def profile(*entries: dict[str, Any], default: str = "SCMP_ACT_ERRNO", **fields: Any) -> Any:
    return {"defaultAction": default, "syscalls": list(entries), **fields}


def allow(*names: str, **fields: Any) -> dict[str, Any]:
    return {"names": list(names), "action": "SCMP_ACT_ALLOW", **fields}


def test_named_calls_are_allowed_and_others_refused() -> None:
    program = seccompcompiler.compile(profile(allow("read", "write", "no_such_call", "close")), "x86_64")

    assert [run(program, number) for number in (0, 1, 2, 3)] == [ALLOW, ALLOW, errno_of(errno.EPERM), ALLOW]


def test_every_named_call_gets_its_own_answer() -> None:
    table = syscalls.table("x86_64")
    entries = [
        {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": 1 + number % 100} for name, number in table.items()
    ]
    program = seccompcompiler.compile(profile(*entries, default="SCMP_ACT_ALLOW"), "x86_64")

    assert {number: run(program, number) for number in table.values()} == {
        number: errno_of(1 + number % 100) for number in table.values()
    }
    assert len(program) // 8 < 4096  # BPF_MAXINSNS


def test_calls_newer_than_the_profile_do_not_exist() -> None:
    program = seccompcompiler.compile(profile(allow("read", "openat2")), "x86_64")

    assert run(program, 436) == errno_of(errno.EPERM)
    assert run(program, 438) == errno_of(errno.ENOSYS)


def test_an_error_number_of_the_default_is_used() -> None:
    program = seccompcompiler.compile(profile(allow("openat2"), defaultErrnoRet=13), "x86_64")

    assert run(program, 0) == errno_of(13)


def test_architectures_have_their_own_numbers() -> None:
    names = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    program = seccompcompiler.compile(profile(allow("mkdir", "openat2"), architectures=names), "x86_64")

    assert run(program, 83) == ALLOW
    assert run(program, 39, audit=I386) == ALLOW
    assert run(program, 83, audit=I386) == errno_of(errno.EPERM)
    assert run(program, 0x40000000 | 83) == ALLOW
    assert run(program, 0x40000000 | 84) == errno_of(errno.EPERM)
    assert run(program, 83, audit=AARCH64) == KILL_PROCESS


def test_what_is_not_named_is_killed() -> None:
    program = seccompcompiler.compile(profile(allow("mkdir")), "x86_64")

    assert run(program, 39, audit=I386) == KILL_PROCESS
    assert run(program, 0x40000000 | 83) == KILL_PROCESS


def test_aarch64_has_its_numbers() -> None:
    program = seccompcompiler.compile(profile(allow("mkdirat", "openat2")), "aarch64")

    assert run(program, 34, audit=AARCH64) == ALLOW
    assert run(program, 35, audit=AARCH64) == errno_of(errno.EPERM)


def test_a_machine_without_tables_is_told() -> None:
    with pytest.raises(InvalidArgument, match="s390x"):
        seccompcompiler.compile(profile(), "s390x")


@pytest.mark.parametrize("what", ["action", "op", "index"])
def test_what_is_not_supported_is_named(what: str) -> None:
    entry = allow("read", args=[{"index": 0, "value": 0, "op": "SCMP_CMP_EQ"}])
    if what == "action":
        entry["action"] = "SCMP_ACT_NOTIFY"
    else:
        entry["args"][0][what] = "SCMP_CMP_LIKE" if what == "op" else 6

    with pytest.raises(InvalidArgument, match=r"SCMP_ACT_NOTIFY|SCMP_CMP_LIKE|argument 6"):
        seccompcompiler.compile(profile(entry), "x86_64")


OPS: Any = {
    "SCMP_CMP_NE": lambda a, v, _: a != v,
    "SCMP_CMP_LT": lambda a, v, _: a < v,
    "SCMP_CMP_LE": lambda a, v, _: a <= v,
    "SCMP_CMP_EQ": lambda a, v, _: a == v,
    "SCMP_CMP_GE": lambda a, v, _: a >= v,
    "SCMP_CMP_GT": lambda a, v, _: a > v,
    "SCMP_CMP_MASKED_EQ": lambda a, mask, v: a & mask == v,
}
WORDS = st.one_of(
    st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63, 2**64 - 1])
)
CONDITIONS = st.builds(
    lambda index, op, value, two: {"index": index, "op": op, "value": value, "valueTwo": two},
    st.integers(0, 5),
    st.sampled_from(sorted(OPS)),
    WORDS,
    WORDS,
)
ENTRIES = st.builds(
    lambda names, number, args: {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number, "args": args},
    st.lists(st.sampled_from(sorted(syscalls.table("x86_64"))), min_size=1, max_size=6),
    st.integers(2, 30),
    st.lists(CONDITIONS, max_size=3),
)


@settings(max_examples=150, deadline=None)
@given(
    entries=st.lists(ENTRIES, max_size=8),
    padding=st.booleans(),
    calls=st.lists(st.tuples(st.integers(0, 470), st.lists(WORDS, min_size=6, max_size=6)), min_size=1, max_size=10),
)
def test_programs_answer_as_the_profile_reads(entries: Any, padding: bool, calls: Any) -> None:
    """`padding` makes the program so long that jumps have to be relayed."""
    table = syscalls.table("x86_64")
    more = [
        {"names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": 31 + number % 50}
        for name, number in table.items()
        if padding and number % 2
    ]
    given_profile = profile(*entries, *more, default="SCMP_ACT_ALLOW")
    program = seccompcompiler.compile(given_profile, "x86_64")
    named = [table[name] for entry in entries for name in entry["names"]]

    for number, arguments in [*calls, *((number, calls[0][1]) for number in named)]:
        assert run(program, number, *arguments) == _read(given_profile, table, number, arguments)


def _read(profile: Any, table: dict[str, int], number: int, arguments: list[int]) -> int:
    rules = [entry for entry in profile["syscalls"] if number in {table[name] for name in entry["names"]}]
    for rule in rules:
        if not rule.get("args"):
            return errno_of(rule["errnoRet"])
    for rule in rules:
        results = [OPS[c["op"]](arguments[c["index"]], c["value"], c["valueTwo"]) for c in rule["args"]]
        same_argument = len({c["index"] for c in rule["args"]}) < len(rule["args"])
        if any(results) if same_argument else all(results):
            return errno_of(rule["errnoRet"])
    return ALLOW
