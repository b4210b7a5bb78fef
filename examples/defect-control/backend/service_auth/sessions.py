"""Sessions: begun by a password, carried on by refresh tokens of one use, ended by people or by a token used twice."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from common.database import now
from common.problems import Kind
from service_auth import problems
from service_auth.models import RefreshToken, SignIn, User

# Two tabs, or an answer lost on a bad line: within this time the loser is only refused, later the session is closed.
RACE = timedelta(seconds=5)
KEPT_AFTER_EXPIRY = timedelta(
    days=7
)  # so long people are told that their sign-in expired, rather than that it is unknown


@dataclass(frozen=True)
class Begun:
    user: User
    session_id: UUID
    refresh_token: str


@dataclass(frozen=True)
class Refused:
    """Not an exception: what was written on the way (a session revoked) has to be committed."""

    kind: Kind


def begin(session: Session, user: User, lifetime: timedelta) -> Begun:
    user.last_login_at = now()
    session.execute(delete(RefreshToken).where(RefreshToken.expires_at < now() - KEPT_AFTER_EXPIRY))
    sign_in = SignIn(user_id=user.id)
    session.add(sign_in)
    session.flush()
    return Begun(user, sign_in.id, _issue(session, sign_in.id, lifetime))


def carry_on(session: Session, token: str, lifetime: timedelta) -> Begun | Refused:
    known = session.get(RefreshToken, digest(token))
    if known is None:
        return Refused(problems.REFRESH_INVALID)
    sign_in = session.get_one(SignIn, known.session_id)
    if sign_in.revoked_at is not None:
        reused = sign_in.revoked_for == "reuse"
        return Refused(problems.REFRESH_REUSED if reused else problems.REFRESH_INVALID)
    if known.expires_at <= now():
        return Refused(problems.REFRESH_EXPIRED)
    if not _use(session, known):
        session.refresh(known)
        if known.used_at and now() - known.used_at <= RACE:
            return Refused(problems.REFRESH_RACED)
        revoke(sign_in, "reuse")
        return Refused(problems.REFRESH_REUSED)
    user = session.get_one(User, sign_in.user_id)
    if not user.is_active:
        return Refused(problems.USER_DISABLED)
    return Begun(user, sign_in.id, _issue(session, sign_in.id, lifetime))


def end(session: Session, token: str, *, everywhere: bool) -> None:
    known = session.get(RefreshToken, digest(token))
    if known is None:
        return
    sign_in = session.get_one(SignIn, known.session_id)
    if everywhere:
        end_all(session, sign_in.user_id)
    elif sign_in.revoked_at is None:
        revoke(sign_in, "sign-out")


def end_all(session: Session, user_id: UUID) -> None:
    live = SignIn.user_id == user_id, SignIn.revoked_at.is_(None)
    session.execute(update(SignIn).where(*live).values(revoked_at=now(), revoked_for="sign-out"))


def revoke(sign_in: SignIn, reason: str) -> None:
    sign_in.revoked_at = now()
    sign_in.revoked_for = reason


def digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _use(session: Session, token: RefreshToken) -> bool:
    """One of many at once gets True, on any database: the row changes for one of them only."""
    fresh = RefreshToken.digest == token.digest, RefreshToken.used_at.is_(None)
    return session.execute(update(RefreshToken).where(*fresh).values(used_at=now())).rowcount == 1


def _issue(session: Session, session_id: UUID, lifetime: timedelta) -> str:
    token = secrets.token_urlsafe(32)
    session.add(RefreshToken(digest=digest(token), session_id=session_id, expires_at=now() + lifetime))
    return token
