"""Two things at once. The interpreter runs one thread at a time, but system calls and long hashes run beside it."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def in_two_threads(first: Callable[[], None], second: Callable[[], None]) -> None:
    """Do both, and return when both are over; an exception of either is raised here."""
    failure: list[BaseException] = []

    def guarded() -> None:
        try:
            second()
        except BaseException as error:  # raised again in the thread that waits
            failure.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()
    try:
        first()
    finally:
        thread.join()
    if failure:
        raise failure[0]
