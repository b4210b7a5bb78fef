"""The tar of a snapshot as something to read from: written by a thread into a pipe."""

from __future__ import annotations

import fcntl
import os
import threading
from io import FileIO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.store.snapshots.snapshotter import Snapshotter


PIPE_BYTES = 1 << 20
"""As much as an ordinary user may have; with the usual 64 KiB both ends wait for each other."""


class RewrittenTar(FileIO):
    """The reading end; an error of the writer is raised where its bytes end."""

    def __init__(self, snapshots: Snapshotter, key: str) -> None:
        reading, self._writing = os.pipe2(os.O_CLOEXEC)
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        super().__init__(reading, "rb")
        self._snapshots = snapshots
        self._key = key
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._write, name=f"tar of {key[:19]}", daemon=True)
        self._thread.start()

    def read(self, size: int | None = -1, /) -> bytes:
        """As of a file; short reads are the pipe's."""
        data = super().read(size) or b""
        if not data and size:
            self._thread.join()
            if self._error is not None:
                raise self._error
        return data

    def close(self) -> None:
        """Stop the writer, if it is not done."""
        super().close()
        self._thread.join()

    def _write(self) -> None:
        try:
            with FileIO(self._writing, "wb") as pipe:
                self._snapshots.write_layer(self._key, _Whole(pipe))
        except BrokenPipeError:  # closed before its end
            pass
        except BaseException as error:
            self._error = error


class _Whole:
    """A raw pipe takes a part of what it is given; this one takes all."""

    def __init__(self, pipe: FileIO) -> None:
        self._pipe = pipe

    def write(self, data: bytes | memoryview) -> int:
        view = memoryview(data)
        while view:
            view = view[self._pipe.write(view) or 0 :]
        return len(data)
