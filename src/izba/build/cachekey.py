"""Cache keys: what names a step's result across builds.

content key = digest(op, for each input: its key, or the content of what is taken of it)
name        = digest(op, for each input: its key)           known without looking at a file
"""

from __future__ import annotations

from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_VERSION = "1"
"""Changed when what a step does with the same inputs changes, so that records of older releases are not taken."""


def cache_key(op: Digest, inputs: Sequence[Digest]) -> Digest:
    """The content key."""
    return _digest("key", op, inputs)


def definition_name(op: Digest, inputs: Sequence[Digest]) -> Digest:
    """The name by how the inputs were made, which an alias leads from."""
    return _digest("name", op, inputs)


def _digest(kind: str, op: Digest, inputs: Sequence[Digest]) -> Digest:
    return Digest.of("\n".join((kind, _VERSION, op, *inputs)).encode())
