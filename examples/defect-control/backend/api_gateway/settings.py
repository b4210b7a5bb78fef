from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from common.settings import Settings

Words = Annotated[tuple[str, ...], NoDecode]


class GatewaySettings(Settings):
    auth_url: str = "http://auth-service:8001"
    projects_url: str = "http://projects-service:8002"
    defects_url: str = "http://defects-service:8003"
    reports_url: str = "http://reports-service:8004"

    frontend_origins: Words = ("http://localhost:3000",)
    trusted_proxies: Words = ("frontend",)
    hsts: bool = False

    rate_auth: int = Field(default=20, ge=1)
    rate_refresh: int = Field(default=120, ge=1)
    rate_users: int = Field(default=60, ge=1)
    rate_projects: int = Field(default=60, ge=1)
    rate_defects: int = Field(default=60, ge=1)
    rate_reports: int = Field(default=30, ge=1)
    rate_files: int = Field(default=300, ge=1)

    connect_seconds: float = Field(default=2, gt=0)
    answer_seconds: float = Field(default=15, gt=0)
    attempts: int = Field(default=3, ge=1, le=10)
    body_limit: int = 10 * 1024 * 1024 + 128 * 1024

    @field_validator("frontend_origins", "trusted_proxies", mode="before")
    @classmethod
    def several(cls, value: object) -> object:
        return (
            tuple(word.strip().rstrip("/") for word in value.split(",") if word.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("frontend_origins")
    @classmethod
    def named_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(not origin.startswith(("http://", "https://")) for origin in value):
            raise ValueError("origins such as https://defects.example.com, separated by commas; not *")
        return value

    @property
    def urls(self) -> dict[str, str]:
        return {
            "auth": self.auth_url,
            "projects": self.projects_url,
            "defects": self.defects_url,
            "reports": self.reports_url,
        }

    @property
    def rates(self) -> dict[str, int]:
        return {
            "auth": self.rate_auth,
            "refresh": self.rate_refresh,
            "users": self.rate_users,
            "projects": self.rate_projects,
            "defects": self.rate_defects,
            "reports": self.rate_reports,
            "files": self.rate_files,
        }
