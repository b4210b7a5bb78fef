"""Accounts: made by their people or an administrator, changed by one, never deleted (history names them)."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common.paging import pattern
from common.tokens import Role
from service_auth import problems, sessions
from service_auth.models import Installation, User
from service_auth.schemas import UserChanges

THE_INSTALLATION = 1


def add(session: Session, *, email: str, full_name: str, password_hash: str, role: Role) -> User:
    user = User(email=email, full_name=full_name, password_hash=password_hash, role=role)
    user.search_text = _searchable(user)
    try:
        with session.begin_nested():
            session.add(user)
    except IntegrityError:
        raise problems.EMAIL_TAKEN() from None
    return user


def register(session: Session, *, email: str, full_name: str, password_hash: str, registration_open: bool) -> User:
    """An observer; the first of all an administrator, who may register even where registration is closed."""
    first = session.get(Installation, THE_INSTALLATION) is None
    if not (first or registration_open):
        raise problems.REGISTRATION_CLOSED()
    user = add(session, email=email, full_name=full_name, password_hash=password_hash, role=Role.OBSERVER)
    if first and _claims_installation(session, user):
        user.role = Role.ADMINISTRATOR
    elif not registration_open:
        raise problems.REGISTRATION_CLOSED()
    return user


def _claims_installation(session: Session, user: User) -> bool:
    try:
        with session.begin_nested():
            session.add(Installation(id=THE_INSTALLATION, administrator_id=user.id))
    except IntegrityError:
        return False
    return True


def change(session: Session, user: User, changes: UserChanges, password_hash: str | None) -> None:
    given = changes.given()
    if password_hash:
        user.password_hash = password_hash
    user.full_name = given.get("full_name", user.full_name)
    user.role = given.get("role", user.role)
    user.is_active = given.get("is_active", user.is_active)
    user.search_text = _searchable(user)
    session.flush()
    if given.keys() & {"role", "is_active"} and not _administrators(session):
        raise problems.LAST_ADMINISTRATOR()
    if given.keys() - {"full_name"}:
        sessions.end_all(session, user.id)


def require(session: Session, user_id: UUID) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise problems.USER_NOT_FOUND()
    return user


def found(q: str | None, role: Role | None, is_active: bool | None) -> Select[tuple[User]]:
    query = select(User).order_by(User.search_text, User.id)
    if q:
        query = query.where(User.search_text.like(pattern(q), escape="\\"))
    if role is not None:
        query = query.where(User.role == role)
    if is_active is not None:
        query = query.where(User.is_active == is_active)
    return query


def rename(user: User, full_name: str) -> None:
    user.full_name = full_name
    user.search_text = _searchable(user)


def _administrators(session: Session) -> int:
    """Counted with their rows locked, so that two administrators cannot demote each other at once."""
    active = User.role == Role.ADMINISTRATOR, User.is_active.is_(True)
    return len(session.scalars(select(User.id).where(*active).with_for_update()).all())


def _searchable(user: User) -> str:
    return f"{user.full_name} {user.email}".casefold()
