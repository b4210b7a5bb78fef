"""Text from elsewhere (an image, a container, a file's name) for a terminal: its escape codes are not obeyed there."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""`text` with what is no letter, sign or space written as `\x1b`, `\n` … (and what is no text, as `\udcff`)."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def printable_lines(text: str) -> str:
    """The same, where line ends and tabs are meant."""
    return "".join(each if each in "\n\t" or each.isprintable() else repr(each)[1:-1] for each in text)
