"""What phase 1 made of a text, kept for the next command: importing the YAML library takes a fifth of a `compose down`.

    <data>/compose/.yaml/<crc32 of the text>-<its length in bytes>

    crc32 of the rest (4 bytes, little-endian), then marshal of: who made it, the text, and of each document
    (tree, places, resets, overrides)

`up` and `create` keep it; all commands use it. An entry counts only if it was made of this very text by this very
reader, so it is a cache in every respect: it may be deleted, and nobody waits until it is on the disk. Like the rows of
containers it has what a file has, secrets among it, and like them only its owner may read it.
"""

from __future__ import annotations

import marshal
import os
from binascii import crc32

from izba import __version__, jsonio
from izba._record import Record
from izba.compose.load.source import Document, Source

MOST = 64
"""How many are kept; the oldest go."""

MAX_BYTES = 4 << 20
"""A longer one is not kept."""


class Kept(Record):
    """Where they are, empty for nowhere, and whether what is not there yet comes there."""

    directory: str = ""
    grows: bool = False

    def documents(self, text: str, file: str) -> list[Document]:
        """The documents of a file's text. Raises `ComposeFileError`."""
        encoded = text.encode(errors="surrogatepass")
        path = f"{self.directory}/{crc32(encoded):08x}-{len(encoded)}"
        if self.directory and (found := _read(path, text, file)) is not None:
            return found
        from izba.compose.load import yaml

        parsed = yaml.documents(text, file)
        if self.directory and self.grows:
            _write(path, text, parsed)
        return parsed


def _read(path: str, text: str, file: str) -> list[Document] | None:
    try:
        with open(path, "rb", buffering=0) as kept:
            data = kept.read()
    except OSError:
        return None
    if data[:4] != crc32(data[4:]).to_bytes(4, "little"):
        return None
    try:
        reader, of_text, parts = marshal.loads(memoryview(data)[4:])  # noqa: S302 - only its owner can write it
    except (EOFError, TypeError, ValueError):  # another Python's
        return None
    if (reader, of_text) != (_reader(), text):
        return None
    found = []
    for tree, places, resets, overrides in parts:
        source = Source(file, text)
        source.places = places
        found.append(Document(tree=tree, source=source, resets=resets, overrides=overrides))
    return found


def _reader() -> str:
    """Whose work it is: another version may read a text otherwise, and so may a source that was changed."""
    return f"{__version__} {os.stat(f'{os.path.dirname(__file__)}/yaml.py').st_mtime_ns}"


def _write(path: str, text: str, parsed: list[Document]) -> None:
    parts = [(each.tree, each.source.places, each.resets, each.overrides) for each in parsed]
    content = marshal.dumps((_reader(), text, parts))
    if len(content) > MAX_BYTES:
        return
    directory = os.path.dirname(path)
    try:
        for each in (os.path.dirname(directory), directory):
            if not os.path.isdir(each):
                os.mkdir(each, 0o700)  # the data root itself is made by who has something to keep in it
        jsonio.write_bytes(path, crc32(content).to_bytes(4, "little") + content, mode=0o600, durable=False)
        with os.scandir(directory) as entries:
            by_age = sorted((entry.stat().st_mtime_ns, entry.path) for entry in entries)
        for _, oldest in by_age[:-MOST]:
            os.unlink(oldest)
    except OSError:  # whoever comes next may have more luck
        return
