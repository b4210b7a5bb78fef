"""One blob on its way from a registry into the content store, while others already read what has come of it.

A blob that izba would write just so again from the layer's files is kept only until it is unpacked: its beginning tells
whether it may be one (`form`), and who unpacks it says in the end whether it is (`keep`, `drop`).
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from threading import Condition, Event

from izba import log
from izba.errors import IzbaError, Unavailable
from izba.image import transfer
from izba.image.transfer import Progress
from izba.layer.remake import BEGINNING, form_of
from izba.registry.fault import RegistryError, RegistryUnreachable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.image.transfer import Report
    from izba.layer.compress import Kind
    from izba.oci.descriptor import Descriptor
    from izba.registry.client import Client
    from izba.registry.transport import Body
    from izba.store.content import Ingest
    from izba.store.store import Store

RESUMES = 5
"""How often in a row a download may break without having brought anything worth the while."""

WORTH = 1 << 16
CHUNK = 1 << 20


class Cancelled(Unavailable):
    """Another layer failed, or the user gave up; what has come stays for the next pull."""

    def __init__(self) -> None:
        super().__init__("the pull was given up")


class Superfluous(Cancelled):
    """Another process unpacked the layer meanwhile."""


class Download:
    """`run` in one thread; `wait` and the `Follower`s in others; `cancel` from anywhere.

    `is_unpacked` tells whether the layer is unpacked already, asked when another process has downloaded it at the same
    time. `may_drop`: the blob is left open for `keep` or `drop` if its `form` is one of izba's.
    """

    def __init__(
        self,
        store: Store,
        client: Client,
        layer: Descriptor,
        report: Report,
        *,
        is_unpacked: Callable[[], bool],
        may_drop: bool,
    ) -> None:
        self.layer = layer
        self.report = report
        self._store = store
        self._client = client
        self._is_unpacked = is_unpacked
        self._is_recognised = not may_drop
        self._form: Kind | None = None
        self._ingest: Ingest | None = None
        self._open_ingest = ExitStack()
        self._changed = Condition()
        self._size = 0
        self._fd = -1
        self._done = False
        self._cancelled = Event()
        self._is_useless = False
        self._body: Body | None = None
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Download, resuming after a broken connection; and what an earlier process left is gone on with."""
        try:
            if self._store.content.has(self.layer.digest):
                self._open(self._store.content.path(self.layer.digest))
                self._advance(self.layer.size)
            else:
                self._fetch()
        except BaseException as error:  # carried to all who wait
            self._failure = error
        else:
            self._tell(transfer.DOWNLOADED, self.layer.size)
        finally:
            with self._changed:
                self._done = True
                self._changed.notify_all()

    def wait(self) -> None:
        """Return when all of the blob is here, and right. Raises the download's error, `Cancelled`."""
        with self._changed:
            self._changed.wait_for(lambda: self._done)
        if self._failure is not None:
            raise self._failure

    @property
    def form(self) -> Kind | None:
        """After `wait`: how izba would compress to the blob, if it may be dropped for that."""
        return self._form

    def keep(self) -> None:
        """Have the blob in the store, after `wait`."""
        if self._ingest is not None:
            self._ingest.commit(self.layer.media_type)
            self._let_go()

    def drop(self) -> None:
        """Have no blob, after `wait`; those who read it can read on."""
        if self._ingest is not None:
            self._ingest.drop()
            self._let_go()

    def available(self, offset: int) -> int:
        """Wait until there are bytes beyond `offset`, or no more will come; how many bytes there are."""
        with self._changed:
            self._changed.wait_for(lambda: self._size > offset or self._done)
        if self._failure is not None:
            raise self._failure
        return self._size

    def read_at(self, offset: int, count: int) -> bytes:
        """Bytes that `available` promised."""
        return os.pread(self._fd, count, offset)

    def cancel(self, *, forget: bool = False) -> None:
        """Stop now; what has come stays for the next pull, unless nobody will need it."""
        self._is_useless = self._is_useless or forget
        self._cancelled.set()
        if (body := self._body) is not None:
            body.abort()

    def close(self, *, forget: bool = False) -> None:
        """Nobody reads any more. What has come and is not settled stays for the next pull, unless to be forgotten."""
        if (forget or self._is_useless) and self._ingest is not None:
            self._ingest.discard()
        self._let_go()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def is_done(self) -> bool:
        """Whether the whole blob is here, or never will be."""
        return self._done

    def _fetch(self) -> None:
        layer = self.layer
        with ExitStack() as stack:
            ingest = stack.enter_context(self._store.content.ingest(f"layer {layer.digest}", expected=layer))
            if self._is_unpacked():
                ingest.discard()
                raise Superfluous
            self._open(ingest.path)
            ingest.is_wanted = self._is_recognised
            self._came(ingest)
            failures, before = 0, ingest.offset
            while ingest.offset < layer.size:
                try:
                    self._receive(ingest)
                except RegistryUnreachable:
                    failures = 1 if ingest.offset - before >= WORTH else failures + 1
                    before = ingest.offset
                    if failures > RESUMES and not self._cancelled.is_set():
                        raise
                    self._cancelled.wait(0.2 * 2**failures)
                if self._cancelled.is_set():
                    if self._is_useless:
                        ingest.discard()
                    raise Cancelled
            if self._form is None:
                ingest.commit(layer.media_type)
                return
            ingest.checked(layer.media_type)
            self._ingest, self._open_ingest = ingest, stack.pop_all()

    def _came(self, ingest: Ingest) -> None:
        """Let others read, and look at the beginning once it is here."""
        self._advance(ingest.offset)
        if self._is_recognised or ingest.offset < min(BEGINNING, self.layer.size):
            return
        try:
            self._form = form_of(self.read_at(0, BEGINNING), is_whole=self.layer.size <= BEGINNING)
        except IzbaError as error:  # damaged: whoever unpacks it says so
            log.debug("no form", layer=self.layer.digest, reason=str(error))
        self._is_recognised = True
        ingest.is_wanted = self._form is None

    def _let_go(self) -> None:
        self._ingest = None
        self._open_ingest.close()

    def _receive(self, ingest: Ingest) -> None:
        """Take what one answer gives, from where the ingest stands. Raises `RegistryUnreachable` if it breaks off."""
        layer = self.layer
        try:
            body, begins = self._client.blob(layer, offset=ingest.offset)
        except RegistryError:
            ingest.discard()  # what goes on otherwise than it began was no good beginning
            raise
        self._body = body
        try:
            if begins != ingest.offset:  # the server has no ranges: what is here already is skipped
                _skip(body, ingest.offset)
            while not self._cancelled.is_set() and (data := body.read(min(CHUNK, layer.size - ingest.offset + 1))):
                ingest.write(data)
                self._came(ingest)
                self._tell(transfer.DOWNLOADING, ingest.offset)
        finally:
            self._body = None
            body.close()
        if ingest.offset < layer.size:
            raise RegistryUnreachable(self._client.host, f"layer {layer.digest} ends too early")

    def _open(self, path: str) -> None:
        # The descriptor keeps its file when that is renamed into place.
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def _advance(self, size: int) -> None:
        with self._changed:
            self._size = size
            self._changed.notify_all()

    def _tell(self, state: str, done: int) -> None:
        self.report(Progress(layer=self.layer.digest, state=state, done=done, total=self.layer.size))


class Follower:
    """Reads a download from its beginning while it grows."""

    def __init__(self, download: Download) -> None:
        self._download = download
        self._offset = 0

    def read(self, count: int = -1) -> bytes:
        """Up to `count` bytes, `b""` at the end of the blob."""
        download = self._download
        have = download.available(self._offset) - self._offset
        if have <= 0:
            return b""
        data = download.read_at(self._offset, min(count, have) if count >= 0 else have)
        if not data:  # given up, as bytes that are not the layer's are, a moment before this is told
            download.wait()
        self._offset += len(data)
        if download.is_done:
            layer = download.layer
            download.report(
                Progress(layer=layer.digest, state=transfer.EXTRACTING, done=self._offset, total=layer.size)
            )
        return data


def _skip(body: Body, count: int) -> None:
    while count > 0 and (data := body.read(min(CHUNK, count))):
        count -= len(data)
