"""Byte streams as the layer code needs them, and the threads that decompress and hash beside the work.

hashlib and the decompressors release the interpreter lock, so on a second core they cost the reader and the writer next
to nothing. To decompress takes about twice as long as to hash, so that neither waits for the other.
"""

from __future__ import annotations

from izba.oci.digest import Hasher

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queue import SimpleQueue
    from threading import Thread
    from typing import Protocol

    from izba.oci.digest import Digest

    class Reader(Protocol):
        """Gives up to `count` bytes, and `b""` only at its end."""

        def read(self, count: int, /) -> bytes: ...

    class Writer(Protocol):
        """Takes all of `data`; the memory is used again after the call."""

        def write(self, data: bytes | memoryview, /) -> object: ...


CHUNK = 1 << 19  # large enough to be rare, small enough for a core's cache
_DEPTH = 4


class Discard:
    """A writer for those who want only a digest."""

    def write(self, data: bytes | memoryview, /) -> object:
        """Forget `data`."""
        return len(data)


class ReadAhead:
    """Reads `stream` in a thread, a few chunks ahead of the one who parses it, and hashes it in another."""

    def __init__(self, stream: Reader) -> None:
        import queue
        import threading

        self._stream = stream
        self._hasher = Hasher()
        self._chunks: SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
        self._slots = threading.Semaphore(_DEPTH)
        self._unhashed: SimpleQueue[bytes] = queue.SimpleQueue()
        self._hash_slots = threading.Semaphore(_DEPTH)
        self._stopped = False
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="layer-read", daemon=True)
        self._hash_thread = threading.Thread(target=self._hash, name="layer-hash", daemon=True)
        self._thread.start()
        self._hash_thread.start()

    def chunk(self) -> bytes:
        """The next bytes, `b""` at the end; raises what the stream raised."""
        if self._ended:
            return b""
        item = self._chunks.get()
        self._slots.release()
        if isinstance(item, bytes):
            self._ended = not item
            return item
        self._ended = True
        raise item

    def digest(self) -> tuple[Digest, int]:
        """Digest and size of the whole stream, whose end must have been reached."""
        self._thread.join()
        self._hash_thread.join()
        return self._hasher.digest(), self._hasher.size

    def close(self) -> None:
        """End the threads. A stream that blocks in `read` is given a second and then left to die with the process."""
        self._stopped = True
        self._slots.release()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        try:
            while True:
                self._slots.acquire()
                if self._stopped:
                    return
                data = self._stream.read(CHUNK)
                self._hash_slots.acquire()
                self._unhashed.put(data)
                self._chunks.put(data)
                if not data:
                    return
        except BaseException as error:  # carried to the reading thread and raised there
            self._chunks.put(error)
        finally:
            self._unhashed.put(b"")

    def _hash(self) -> None:
        while data := self._unhashed.get():
            self._hasher.update(data)
            self._hash_slots.release()


class HashedSink:
    """Hashes and writes buffers in a thread, once there is more than one.

    `buffer` gives an empty one, `full` hands it over when it is filled.
    """

    def __init__(self, out: Writer) -> None:
        from queue import SimpleQueue

        self._out = out
        self._hasher = Hasher()
        self._filled: SimpleQueue[tuple[bytearray, int] | None] = SimpleQueue()
        self._empty: SimpleQueue[bytearray] = SimpleQueue()
        self._made = 0
        self._error: BaseException | None = None
        self._thread: Thread | None = None

    def buffer(self) -> bytearray:
        """An empty buffer of `CHUNK` bytes."""
        if self._made < _DEPTH and self._empty.empty():
            self._made += 1
            return bytearray(CHUNK)
        return self._empty.get()

    def full(self, buffer: bytearray, length: int) -> None:
        """Take the first `length` bytes of `buffer`; raises what writing raised."""
        if self._error is not None:
            raise self._error
        self._filled.put((buffer, length))
        if self._thread is None and length == CHUNK:
            from threading import Thread

            self._thread = Thread(target=self._run, name="layer-write", daemon=True)
            self._thread.start()

    def finish(self) -> tuple[Digest, int]:
        """Wait for all to be written; digest and size."""
        self.close()
        if self._error is not None:
            raise self._error
        return self._hasher.digest(), self._hasher.size

    def close(self) -> None:
        """End after what was given."""
        self._filled.put(None)
        if self._thread is None:
            self._run()
        else:
            self._thread.join()

    def _run(self) -> None:
        while (item := self._filled.get()) is not None:
            buffer, length = item
            try:
                if self._error is None:
                    view = memoryview(buffer)[:length]
                    self._hasher.update(view)
                    self._out.write(view)
                    view.release()
            except BaseException as error:  # carried to the writing thread and raised there
                self._error = error
            self._empty.put(buffer)
