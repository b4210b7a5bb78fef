"""An assembler for classic BPF over struct seccomp_data (linux/filter.h, linux/seccomp.h).

Instructions are written from the last to the first, so that the target of a jump is always known when the jump is
written. A conditional jump reaches 255 instructions; what is farther is reached through a jump or a copy of the answer
put in between.
"""

from __future__ import annotations

from _struct import pack

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Label: TypeAlias = int
    """An instruction, as its distance from the end of the program."""

# BPF_JMP | BPF_K | …
JEQ = 0x15
JGT = 0x25
JGE = 0x35
_JA = 0x05
_LD_W_ABS = 0x20
_AND = 0x54
_RET = 0x06

NUMBER = 0
"""Offsets in struct seccomp_data."""
ARCHITECTURE = 4

_REACH = 255


def argument(index: int) -> tuple[int, int]:
    """The offsets of the low and the high word of an argument, on a little-endian machine."""
    return 16 + 8 * index, 20 + 8 * index


class Program:
    """Each method puts an instruction in front of those that are there and gives its label."""

    def __init__(self) -> None:
        self._reversed: list[bytes] = []
        self._answers: dict[int, Label] = {}

    def answer(self, value: int) -> Label:
        """End with a SECCOMP_RET_* value; one that is near enough is used again."""
        label = self._answers.get(value)
        if label is None or self._distance(label) > _REACH - 8:
            label = self._answers[value] = self._put(_RET, 0, 0, value)
        return label

    def load(self, offset: int) -> Label:
        """Load a word of struct seccomp_data into the accumulator, then go on with the instruction written before."""
        return self._put(_LD_W_ABS, 0, 0, offset)

    def mask(self, value: int) -> Label:
        """And the accumulator with `value`, then go on with the instruction written before."""
        return self._put(_AND, 0, 0, value)

    def jump(self, test: int, value: int, holds: Label, fails: Label) -> Label:
        """Compare the accumulator with `value` and go on at one of two labels."""
        holds = self._near(holds, 1)
        fails = self._near(fails, 0)
        return self._put(test, self._distance(holds), self._distance(fails), value)

    def _near(self, label: Label, more: int) -> Label:
        """The label, or a jump to it, so that it can be reached with `more` instructions put before."""
        if self._distance(label) + more <= _REACH:
            return label
        return self._put(_JA, 0, 0, self._distance(label))

    def _distance(self, label: Label) -> int:
        """From an instruction put now to the label: how many lie between."""
        return len(self._reversed) - label - 1

    def _put(self, code: int, holds: int, fails: int, value: int) -> Label:
        self._reversed.append(pack("=HBBI", code, holds, fails, value))
        return len(self._reversed) - 1

    def assemble(self) -> bytes:
        """The program, beginning with the instruction put last."""
        return b"".join(reversed(self._reversed))
