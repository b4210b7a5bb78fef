"""`--chmod`: an octal mode, or chmod(1)'s symbolic one (`u=rwX,go=rX`, `a+x`)."""

from __future__ import annotations

import stat

from izba.errors import InvalidArgument

_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007, "a": 0o7777}
_PERMISSIONS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


class InvalidMode(InvalidArgument):
    """A text is no mode."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"invalid chmod parameter: '{text}'",
            hint="it should be an octal string between 0 and 07777, or symbolic such as u=rwX,go=rX",
        )
        self.text = text


def check_mode(text: str) -> None:
    """Raise `InvalidMode` for what is no mode."""
    change_mode(text, 0, is_directory=False)


def change_mode(text: str, mode: int, *, is_directory: bool) -> int:
    """The permission bits that `text` makes of `mode`'s."""
    if text and all(each in "01234567" for each in text):
        value = int(text, 8)
        if value > 0o7777:
            raise InvalidMode(text)
        return value
    result = stat.S_IMODE(mode)
    for clause in text.split(","):
        result = _clause(text, clause, result, is_directory)
    return result


def _clause(text: str, clause: str, mode: int, is_directory: bool) -> int:
    actions = clause.lstrip("ugoa")
    who = clause[: len(clause) - len(actions)] or "a"
    mask = 0
    for each in who:
        mask |= _WHO[each]
    if not actions:
        raise InvalidMode(text)
    while actions:
        operator, rest = actions[0], actions[1:]
        if operator not in "+-=":
            raise InvalidMode(text)
        length = next((index for index, each in enumerate(rest) if each in "+-="), len(rest))
        bits = _bits(text, rest[:length], mode, is_directory) & mask
        if operator == "+":
            mode |= bits
        elif operator == "-":
            mode &= ~bits
        else:
            # As chmod(1): a directory keeps set-id bits that are not named.
            cleared = mask & (0o777 if is_directory else 0o7777)
            mode = mode & ~cleared | bits
        actions = rest[length:]
    return mode


def _bits(text: str, permissions: str, mode: int, is_directory: bool) -> int:
    bits = 0
    for each in permissions:
        if each in _PERMISSIONS:
            bits |= _PERMISSIONS[each]
        elif each == "X":
            bits |= 0o111 if is_directory or mode & 0o111 else 0
        elif each in "ugo" and len(permissions) == 1:
            three = mode >> {"u": 6, "g": 3, "o": 0}[each] & 7
            bits |= three * 0o111
        else:
            raise InvalidMode(text)
    return bits
