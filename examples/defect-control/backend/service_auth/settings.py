from pydantic import Field

from common.settings import StoringSettings


class AuthSettings(StoringSettings):
    access_token_seconds: int = Field(default=600, ge=1, le=3600)
    refresh_token_days: int = Field(default=30, ge=1)
    registration_open: bool = True
    cookie_secure: bool = False
    projects_url: str = "http://projects-service:8002"
    # OWASP's second choice for Argon2id: 19 MiB and two passes, so that many sign-ins at once fit a small machine.
    argon2_memory_kib: int = Field(default=19_456, ge=8)
    argon2_passes: int = Field(default=2, ge=1)
