"""Upload sessions: blobs that come in one or many requests, each session for one repository and one user.

The bytes go into an ingest of the content store, which hashes them as they come; a session that nobody continues is
dropped. A session may be ended while a request writes to it: its file is closed by who is the last to need it, since
its descriptor may be another upload's the moment it is closed.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, contextmanager

from izba.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from izba.store.content import ContentStore, Ingest

MAX_SESSIONS = 256
IDLE_SECONDS = 3600.0
CROWDED_SECONDS = 60.0
"""As `IDLE_SECONDS`, when there is no other place for one more."""


class TooManyUploads(Unavailable):
    """More sessions are open than a registry serves at once."""


class Session:
    """One upload; `lock` is held by the request that writes.

    `is_ended`: what comes is for nothing. `is_settled`: what came is counted as a blob, if it becomes one.
    """

    def __init__(self, id: str, repository: str, user: str, ingest: Ingest, stack: ExitStack) -> None:
        self.id = id
        self.repository = repository
        self.user = user
        self.ingest = ingest
        self.stack = stack
        self.lock = threading.Lock()
        self.used = time.monotonic()
        self.is_written = self.is_ended = self.is_settled = False


class Uploads:
    """The open sessions of one server; they end with it."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, repository: str, user: str) -> Session:
        """Open a session. Raises `TooManyUploads`."""
        self._drop_idle(IDLE_SECONDS if len(self._sessions) < MAX_SESSIONS else CROWDED_SECONDS)
        id = os.urandom(16).hex()
        stack = ExitStack()
        with self._lock:
            if len(self._sessions) >= MAX_SESSIONS:
                raise TooManyUploads(f"{MAX_SESSIONS} uploads are open already")
            ingest = stack.enter_context(self._content.ingest(f"upload {id}"))
            session = self._sessions[id] = Session(id, repository, user, ingest, stack)
        return session

    def get(self, id: str, repository: str, user: str) -> Session | None:
        """The session, if it is this repository's and this user's."""
        with self._lock:
            session = self._sessions.get(id)
        if session is None or session.repository != repository or session.user != user:
            return None
        session.used = time.monotonic()
        return session

    @contextmanager
    def writing(self, session: Session) -> Iterator[bool]:
        """Be the one who writes; whether the session is open still. Its file stays open until here is left."""
        with session.lock:
            with self._lock:
                is_open = session.is_written = not session.is_ended
            try:
                yield is_open
            finally:
                with self._lock:
                    session.used = time.monotonic()
                    session.is_written = False
                    is_last = is_open and session.is_ended
                if is_last:
                    session.stack.close()

    def end(self, session: Session) -> None:
        """Forget the session, with what it wrote if that was not committed."""
        with self._lock:
            if self._sessions.pop(session.id, None) is None:
                return
            session.is_ended = True
            if session.is_written:
                return  # who writes closes it
        session.stack.close()

    def size(self) -> int:
        """The bytes of all uploads that are not blobs yet."""
        with self._lock:
            return sum(session.ingest.offset for session in self._sessions.values() if not session.is_settled)

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            self.end(session)

    def _drop_idle(self, seconds: float) -> None:
        now = time.monotonic()
        for session in list(self._sessions.values()):
            if now - session.used > seconds and not session.is_written:
                self.end(session)
