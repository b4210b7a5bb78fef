"""Access tokens of people and tokens between services: HS256, short, each for its own audience."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import jwt
from pydantic import SecretStr

ALGORITHM = "HS256"
ISSUER = "defect-control"
PEOPLE = "people"
SERVICES = "services"
SERVICE_TOKEN_SECONDS = 60


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    MANAGER = "manager"
    ENGINEER = "engineer"
    OBSERVER = "observer"


@dataclass(frozen=True)
class Identity:
    """Who a request comes from, as the access token says."""

    user_id: UUID
    role: Role
    name: str
    session_id: UUID

    @property
    def leads(self) -> bool:
        return self.role in {Role.MANAGER, Role.ADMINISTRATOR}

    @property
    def writes(self) -> bool:
        return self.role is not Role.OBSERVER


class TokenExpired(Exception):
    pass


class TokenInvalid(Exception):
    pass


class Tokens:
    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret.get_secret_value()

    def access(self, identity: Identity, seconds: int) -> str:
        claims = {
            "sub": str(identity.user_id),
            "role": identity.role,
            "name": identity.name,
            "sid": str(identity.session_id),
        }
        return self._sign(claims, PEOPLE, seconds)

    def service(self, name: str) -> str:
        return self._sign({"sub": name}, SERVICES, SERVICE_TOKEN_SECONDS)

    def read_access(self, token: str) -> Identity:
        claims = self._read(token, PEOPLE, ["sub", "role", "name", "sid"])
        try:
            return Identity(UUID(claims["sub"]), Role(claims["role"]), str(claims["name"]), UUID(claims["sid"]))
        except (ValueError, AttributeError, TypeError) as error:
            raise TokenInvalid from error

    def read_service(self, token: str) -> str:
        return str(self._read(token, SERVICES, ["sub"])["sub"])

    def _sign(self, claims: dict[str, Any], audience: str, seconds: int) -> str:
        now = datetime.now(UTC)
        claims = {**claims, "iss": ISSUER, "aud": audience, "iat": now, "exp": now + timedelta(seconds=seconds)}
        return jwt.encode(claims, self._secret, ALGORITHM)

    def _read(self, token: str, audience: str, needed: list[str]) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                options={"require": ["exp", "iat", *needed]},
            )
        except jwt.ExpiredSignatureError as error:
            raise TokenExpired from error
        except jwt.InvalidTokenError as error:
            raise TokenInvalid from error
