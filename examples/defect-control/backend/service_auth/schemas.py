from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from common.texts import Body, Changes, Line, absent
from common.tokens import Role
from service_auth.models import User


def address(value: str) -> str:
    """Enough of RFC 5321 to catch slips; that a letter arrives is the only proof there is."""
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    if not (at and local and len(labels) > 1 and all(labels)) or any(
        sign.isspace() or sign in ",;<>\"'" for sign in value
    ):
        raise PydanticCustomError("email", "not an e-mail address")
    return value.casefold()


Email = Annotated[Line, Field(max_length=254, json_schema_extra={"format": "email"}), AfterValidator(address)]
Name = Annotated[Line, Field(min_length=2, max_length=120)]
Password = Annotated[str, Field(min_length=10, max_length=128)]


class Registration(Body):
    email: Email
    password: Password
    full_name: Name
    refresh_in_body: bool = False


class Login(Body):
    email: Annotated[Line, Field(max_length=254)]
    password: Annotated[str, Field(max_length=128)]
    refresh_in_body: bool = False


class Refresh(Body):
    refresh_token: Annotated[str, Field(max_length=100)] | None = None


class Logout(Refresh):
    everywhere: bool = False


class PasswordChange(Body):
    current_password: Annotated[str, Field(max_length=128)]
    new_password: Password


class OwnChanges(Body):
    full_name: Name


class NewUser(Body):
    email: Email
    password: Password
    full_name: Name
    role: Role


class UserChanges(Changes):
    full_name: Name = absent()
    role: Role = absent()
    is_active: bool = absent()
    password: Password = absent()


class UserAnswer(BaseModel):
    id: UUID
    email: str
    full_name: str
    role: Role
    is_active: bool
    created_at: datetime
    last_login_at: datetime | None

    @classmethod
    def of(cls, user: User) -> Self:
        return cls.model_validate(user, from_attributes=True)


class Session(BaseModel):
    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - what kind of token, not one
    expires_in: int
    refresh_token: str | None
    user: UserAnswer


class InstallationAnswer(BaseModel):
    administrator_id: UUID | None
