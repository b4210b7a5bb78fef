"""FastAPI dependencies: who is asking, and may they. Each service checks for itself; the gateway is only the first."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from common.problems import ROLE_FORBIDDEN, Kind
from common.tokens import Identity, Role, TokenExpired, TokenInvalid, Tokens

TOKEN_MISSING = Kind(401, "token_missing", ru="Войдите в систему.", en="Please sign in.")
TOKEN_INVALID = Kind(401, "token_invalid", ru="Вход недействителен, войдите снова.", en="Please sign in again.")
TOKEN_EXPIRED = Kind(401, "token_expired", ru="Время входа истекло.", en="Your sign-in has expired.")
CHALLENGE = {"WWW-Authenticate": "Bearer"}

Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def identity(request: Request, credentials: Bearer) -> Identity:
    return checked(request.app.state.tokens, credentials.credentials if credentials else None)


def checked(tokens: Tokens, token: str | None) -> Identity:
    if not token:
        raise TOKEN_MISSING(headers=CHALLENGE)
    try:
        return tokens.read_access(token)
    except TokenExpired:
        raise TOKEN_EXPIRED(headers=CHALLENGE) from None
    except TokenInvalid:
        raise TOKEN_INVALID(headers=CHALLENGE) from None


def service_name(request: Request, credentials: Bearer) -> str:
    """Of the service that asks; people never reach what depends on this."""
    if not credentials:
        raise TOKEN_MISSING(headers=CHALLENGE)
    try:
        return request.app.state.tokens.read_service(credentials.credentials)
    except (TokenExpired, TokenInvalid):
        raise TOKEN_INVALID(headers=CHALLENGE) from None


def allowed(*roles: Role) -> Callable[[Identity], Identity]:
    def check(asking: Asking) -> Identity:
        if asking.role not in roles:
            raise ROLE_FORBIDDEN()
        return asking

    return check


Asking = Annotated[Identity, Depends(identity)]
Administrator = Annotated[Identity, Depends(allowed(Role.ADMINISTRATOR))]
Leader = Annotated[Identity, Depends(allowed(Role.ADMINISTRATOR, Role.MANAGER))]
Writer = Annotated[Identity, Depends(allowed(Role.ADMINISTRATOR, Role.MANAGER, Role.ENGINEER))]
Service = Annotated[str, Depends(service_name)]
