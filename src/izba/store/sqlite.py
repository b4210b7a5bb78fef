"""sqlite's C module, without what it drags in.

`_sqlite3` imports `functools` for one thing, the cache of its compiled statements, and that brings `collections`,
`operator`, `keyword` and `reprlib`: more than half of the time. The cache itself is C and can be had alone.
"""

from __future__ import annotations

import sys


def _load() -> None:
    """Import `_sqlite3`, with a stand-in for `functools` where nobody has imported that yet."""
    if "functools" in sys.modules:
        return
    try:
        from _functools import _lru_cache_wrapper  # type: ignore[import-not-found]
    except ImportError:  # another Python, which finds its own way
        return
    stand_in = type(sys)("functools")
    stand_in.lru_cache = lambda size: lambda function: _lru_cache_wrapper(function, size, False, tuple)  # type: ignore[attr-defined]
    sys.modules["functools"] = stand_in
    try:
        import _sqlite3  # noqa: F401 - from here on it is in sys.modules
    except AttributeError:  # one that wants more of functools: the import below gives it the whole
        pass
    finally:
        del sys.modules["functools"]


_load()

from _sqlite3 import DatabaseError, IntegrityError, OperationalError, connect  # noqa: E402 - after the stand-in

__all__ = ["DatabaseError", "IntegrityError", "OperationalError", "connect"]
