"""Upload sessions: blobs that come in one or many requests, each session for one repository and one user.

The bytes go into an ingest of the content store, which hashes them as they come; a session that nobody continues is
dropped.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack

from izba.errors import Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.store.content import ContentStore, Ingest

MAX_SESSIONS = 256
IDLE_SECONDS = 3600.0


class TooManyUploads(Unavailable):
    """More sessions are open than a registry serves at once."""


class Session:
    """One upload; `lock` is held by the request that writes."""

    def __init__(self, id: str, repository: str, user: str, ingest: Ingest, stack: ExitStack) -> None:
        self.id = id
        self.repository = repository
        self.user = user
        self.ingest = ingest
        self.stack = stack
        self.lock = threading.Lock()
        self.used = time.monotonic()


class Uploads:
    """The open sessions of one server; they end with it."""

    def __init__(self, content: ContentStore) -> None:
        self._content = content
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def begin(self, repository: str, user: str) -> Session:
        """Open a session. Raises `TooManyUploads`."""
        self._drop_idle()
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

    def end(self, session: Session) -> None:
        """Forget the session, with what it wrote if that was not committed."""
        with self._lock:
            if self._sessions.pop(session.id, None) is None:
                return
        session.stack.close()

    def close(self) -> None:
        """End all sessions."""
        for session in list(self._sessions.values()):
            self.end(session)

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for session in list(self._sessions.values()):
            if now - session.used > IDLE_SECONDS and session.lock.acquire(blocking=False):
                self.end(session)
                session.lock.release()
