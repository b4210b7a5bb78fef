"""A blob on its way from the registry behind this one: written, verified, and shown to all who ask while it comes."""

from __future__ import annotations

import os
from threading import Condition, Thread

from izba import log
from izba.errors import IzbaError
from izba.registry.server.http import BodyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from izba.oci.descriptor import Descriptor


class Arriving:
    """`fetch` runs in a thread of its own, so that who went away costs the others nothing.

    It calls `opened` with the file that grows, `advance` with how much is there, and returns when the blob is verified
    and in the store. Before that its last byte is shown to nobody: a body that ends early is no blob.
    """

    def __init__(self, blob: Descriptor, fetch: Callable[[Arriving], None]) -> None:
        self.blob = blob
        self.repositories: set[str] = set()
        """Who asked for it; they are to see it in the end."""
        self._fetch = fetch
        self._changed = Condition()
        self._fd = -1
        self._size = 0
        self._is_done = False
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="pull-through", daemon=True)

    def start(self) -> None:
        """Begin; once."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def opened(self, path: str) -> None:
        """The bytes are in this file, wherever it is moved."""
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def advance(self, size: int) -> None:
        """So many bytes are there."""
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def open(self) -> BinaryIO | None:
        """The file, once its first bytes are there; None if the blob came without them. Raises what `fetch` raised."""
        with self._changed:
            self._changed.wait_for(lambda: self._size > 0 or self._is_done)
            if self._failure is not None:
                raise self._failure
            # A position of its own: descriptors that are duplicated share theirs.
            return open(f"/proc/self/fd/{self._fd}", "rb") if self._fd >= 0 else None

    def arrived(self, offset: int) -> int:
        """How much is there, once it is more than `offset`. Raises `BodyError` if no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._shown() > offset or self._is_done)
            if self._failure is not None:
                raise BodyError(f"blob {self.blob.digest} could not be had whole") from self._failure
            return self._shown()

    def _shown(self) -> int:
        return self._size if self._is_done else min(self._size, self.blob.size - 1)

    def _run(self) -> None:
        try:
            self._fetch(self)
        except (IzbaError, OSError) as error:
            log.warning(f"blob {self.blob.digest} could not be fetched", why=str(error))
            self._failure = error
        except BaseException as error:
            self._failure = error
            raise
        finally:
            with self._changed:
                self._is_done = True
                if self._failure is None:
                    self._size = self.blob.size
                self._changed.notify_all()
                if self._fd >= 0:
                    os.close(self._fd)
                    self._fd = -1
