import logging
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Cookie, Depends, Header, Query, Request, Response
from sqlalchemy import select

from common.identity import Administrator, Asking, Leader, Service
from common.paging import Page, PageNumber, PageSize, paged
from common.peers import Relayed
from common.problems import Problem
from common.service import Store
from common.texts import Line
from common.tokens import Identity, Role
from service_auth import problems, sessions, users
from service_auth.models import Installation, User
from service_auth.passwords import Passwords
from service_auth.schemas import (
    InstallationAnswer,
    Login,
    Logout,
    NewUser,
    OwnChanges,
    PasswordChange,
    Refresh,
    Registration,
    Session,
    UserAnswer,
    UserChanges,
)
from service_auth.settings import AuthSettings

COOKIE = "refresh_token"
COOKIE_PATH = "/api/auth"
CSRF_HEADER = "defect-control"

log = logging.getLogger(__name__)
auth = APIRouter(prefix="/auth", tags=["auth"])
accounts = APIRouter(prefix="/users", tags=["users"])
internal = APIRouter(prefix="/internal", tags=["internal"], include_in_schema=False)

RefreshCookie = Annotated[str | None, Cookie(alias=COOKIE, max_length=100, include_in_schema=False)]
RequestedWith = Annotated[str | None, Header(alias="X-Requested-With", max_length=100)]


def _settings(request: Request) -> AuthSettings:
    return request.app.state.settings


def _passwords(request: Request) -> Passwords:
    return request.app.state.passwords


Options = Annotated[AuthSettings, Depends(_settings)]
Hashes = Annotated[Passwords, Depends(_passwords)]


@auth.post("/register", status_code=201)
def register(
    body: Registration, request: Request, response: Response, database: Store, options: Options, passwords: Hashes
) -> Session:
    """Make an account; the first one of all is the administrator's."""
    password_hash = passwords.hash(body.password)
    with database.writing() as session:
        user = users.register(
            session,
            email=body.email,
            full_name=body.full_name,
            password_hash=password_hash,
            registration_open=options.registration_open,
        )
        begun = sessions.begin(session, user, _lifetime(options))
    return _answer(request, response, begun, in_body=body.refresh_in_body)


@auth.post("/login")
def login(
    body: Login, request: Request, response: Response, database: Store, options: Options, passwords: Hashes
) -> Session:
    with database.reading() as session:
        found = session.scalar(select(User).where(User.email == body.email.casefold()))
    if not passwords.match(found.password_hash if found else None, body.password) or found is None:
        raise problems.CREDENTIALS_WRONG()
    if not found.is_active:
        raise problems.USER_DISABLED()
    renewed = passwords.hash(body.password) if passwords.outdated(found.password_hash) else None
    with database.writing() as session:
        user = session.get_one(User, found.id)
        if renewed and user.password_hash == found.password_hash:
            user.password_hash = renewed
        begun = sessions.begin(session, user, _lifetime(options))
    return _answer(request, response, begun, in_body=body.refresh_in_body)


@auth.post("/refresh")
def refresh(
    request: Request,
    response: Response,
    database: Store,
    options: Options,
    body: Refresh | None = None,
    cookie: RefreshCookie = None,
    requested_with: RequestedWith = None,
) -> Session:
    """The next access token and the next refresh token; the one that was sent is spent."""
    in_body = body is not None and body.refresh_token is not None
    token = _refresh_token(body, cookie, requested_with)
    with database.writing() as session:
        outcome = sessions.carry_on(session, token, _lifetime(options))
    if isinstance(outcome, sessions.Refused):
        raise outcome.kind()
    return _answer(request, response, outcome, in_body=in_body)


@auth.post("/logout", status_code=204)
def logout(
    response: Response,
    database: Store,
    body: Logout | None = None,
    cookie: RefreshCookie = None,
    requested_with: RequestedWith = None,
) -> None:
    token = _refresh_token(body, cookie, requested_with)
    with database.writing() as session:
        sessions.end(session, token, everywhere=bool(body and body.everywhere))
    response.delete_cookie(COOKIE, path=COOKIE_PATH)


@auth.get("/me")
def me(asking: Asking, database: Store) -> UserAnswer:
    with database.reading() as session:
        return UserAnswer.of(users.require(session, asking.user_id))


@auth.patch("/me")
def change_me(body: OwnChanges, asking: Asking, request: Request, database: Store) -> UserAnswer:
    with database.writing() as session:
        user = users.require(session, asking.user_id)
        users.rename(user, body.full_name)
    _tell_projects(request, user)
    return UserAnswer.of(user)


@auth.post("/password", status_code=204)
def change_password(body: PasswordChange, asking: Asking, database: Store, passwords: Hashes) -> None:
    with database.reading() as session:
        user = users.require(session, asking.user_id)
    if not passwords.match(user.password_hash, body.current_password):
        raise problems.PASSWORD_WRONG()
    password_hash = passwords.hash(body.new_password)
    with database.writing() as session:
        users.require(session, asking.user_id).password_hash = password_hash
        sessions.end_all(session, asking.user_id)


@accounts.get("")
def list_users(
    _asking: Leader,
    database: Store,
    q: Annotated[Line | None, Query(max_length=100)] = None,
    role: Role | None = None,
    is_active: bool | None = None,
    page: PageNumber = 1,
    size: PageSize = 20,
) -> Page[UserAnswer]:
    with database.reading() as session:
        return paged(session, users.found(q, role, is_active), page, size, UserAnswer.of)


@accounts.post("", status_code=201)
def add_user(body: NewUser, _asking: Administrator, database: Store, passwords: Hashes) -> UserAnswer:
    password_hash = passwords.hash(body.password)
    with database.writing() as session:
        user = users.add(
            session, email=body.email, full_name=body.full_name, password_hash=password_hash, role=body.role
        )
    return UserAnswer.of(user)


@accounts.get("/{user_id}")
def one_user(user_id: UUID, _asking: Leader, database: Store) -> UserAnswer:
    with database.reading() as session:
        return UserAnswer.of(users.require(session, user_id))


@accounts.patch("/{user_id}")
def change_user(
    user_id: UUID, body: UserChanges, _asking: Administrator, request: Request, database: Store, passwords: Hashes
) -> UserAnswer:
    password_hash = passwords.hash(body.password) if body.password is not None else None
    with database.writing() as session:
        user = users.require(session, user_id)
        users.change(session, user, body, password_hash)
    if body.model_fields_set - {"password"}:
        _tell_projects(request, user)
    return UserAnswer.of(user)


@internal.get("/users/{user_id}")
def user_for_services(user_id: UUID, _service: Service, database: Store) -> UserAnswer:
    with database.reading() as session:
        return UserAnswer.of(users.require(session, user_id))


@internal.get("/installation")
def installation(_service: Service, database: Store) -> InstallationAnswer:
    """Whose it is; nobody's until the first person registers."""
    with database.reading() as session:
        known = session.get(Installation, users.THE_INSTALLATION)
        return InstallationAnswer(administrator_id=known.administrator_id if known else None)


def _refresh_token(body: Refresh | None, cookie: str | None, requested_with: str | None) -> str:
    """From the body, where only the client can have put it, or from the cookie, with a header that no form sends."""
    if body is not None and body.refresh_token is not None:
        return body.refresh_token
    if cookie is None:
        raise problems.REFRESH_MISSING()
    if requested_with != CSRF_HEADER:
        raise problems.CSRF_HEADER_MISSING()
    return cookie


def _answer(request: Request, response: Response, begun: sessions.Begun, *, in_body: bool) -> Session:
    options = _settings(request)
    user = begun.user
    identity = Identity(user.id, user.role, user.full_name, begun.session_id)
    if not in_body:
        response.set_cookie(
            COOKIE,
            begun.refresh_token,
            max_age=int(_lifetime(options).total_seconds()),
            path=COOKIE_PATH,
            secure=options.cookie_secure,
            httponly=True,
            samesite="strict",
        )
    response.headers["Cache-Control"] = "no-store"
    return Session(
        access_token=request.app.state.tokens.access(identity, options.access_token_seconds),
        expires_in=options.access_token_seconds,
        refresh_token=begun.refresh_token if in_body else None,
        user=UserAnswer.of(user),
    )


def _lifetime(options: AuthSettings) -> timedelta:
    return timedelta(days=options.refresh_token_days)


def _tell_projects(request: Request, user: User) -> None:
    """Memberships carry names and roles; what misses the news shows the old ones until the next change."""
    body = {"full_name": user.full_name, "role": user.role, "is_active": user.is_active}
    token = request.app.state.tokens.service("auth-service")
    try:
        request.app.state.peers["projects"].put(f"/internal/users/{user.id}", token=token, json=body)
    except (Problem, Relayed):
        log.warning("projects-service was not told of a change of user %s", user.id)
