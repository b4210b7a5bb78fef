"""What every service is told by its environment. Without a SECRET_KEY worth the name nothing starts."""

import sys
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_SECRET = 32

Chosen = TypeVar("Chosen", bound="Settings")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True, validate_default=True)

    secret_key: SecretStr
    time_zone: str = "Europe/Moscow"
    log_level: str = "INFO"
    body_limit: int = 1024 * 1024

    @field_validator("secret_key")
    @classmethod
    def long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value().encode()) < SHORTEST_SECRET:
            raise ValueError(f"it has to be at least {SHORTEST_SECRET} bytes; `openssl rand -hex 32` makes one")
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class StoringSettings(Settings):
    """Of a service that owns a database: SQLite in its data folder, or what DATABASE_URL names."""

    data_directory: Path = Field(default=Path("/app/data"), validation_alias=AliasChoices("data_directory", "data_dir"))
    database_url: SecretStr | None = None
    backup_at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    backups_kept: int = Field(default=14, ge=1)
    nightly_backup: bool = True

    @property
    def sqlite_file(self) -> Path | None:
        return None if self.database_url else self.data_directory / "database.sqlite3"

    @property
    def sqlalchemy_url(self) -> str:
        if self.database_url is None:
            return f"sqlite:///{self.sqlite_file}"
        url = self.database_url.get_secret_value()
        for prefix in ("postgresql://", "postgres://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @field_validator("database_url", mode="before")
    @classmethod
    def empty_means_sqlite(cls, value: object) -> object:
        return value or None


def load(kind: type[Chosen]) -> Chosen:
    """The settings of this process, or its end with a line that says what is missing."""
    try:
        return kind()
    except ValidationError as error:
        for problem in error.errors():
            name = "_".join(str(part) for part in problem["loc"]).upper()
            print(f"error: {name}: {problem['msg']}", file=sys.stderr)
        print("hint: copy .env.example to .env and fill it in", file=sys.stderr)
        sys.exit(1)
