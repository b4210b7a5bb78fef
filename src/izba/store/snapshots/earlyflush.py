"""A file system's flush beside other work: while a layer is unpacked or hashed, the disk has nothing else to do."""

from __future__ import annotations

import threading

from izba.linux.fs import syncfs


class EarlyFlush:
    """Flushes the file system of `directory` in a thread, once."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="flush", daemon=True)
        self._thread.start()

    def is_over(self) -> bool:
        """Whether it ended, and well: what went wrong is for `finish` to say."""
        return not self._thread.is_alive() and self._error is None

    def finish(self) -> None:
        """Wait for it, and raise what it met: the kernel tells of a lost write once, and to whoever asks first."""
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            syncfs(self._directory)
        except OSError as error:
            self._error = error
