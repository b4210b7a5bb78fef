from pathlib import Path

from pydantic import Field, model_validator

from common.settings import StoringSettings

MULTIPART_AROUND = 64 * 1024


class DefectsSettings(StoringSettings):
    projects_url: str = "http://projects-service:8002"
    file_limit: int = Field(default=10 * 1024 * 1024, ge=1024)
    pixels_limit: int = Field(default=50_000_000, ge=1)
    attachments_limit: int = Field(default=30, ge=1)
    keep_photo_metadata: bool = False

    @model_validator(mode="after")
    def bodies_hold_files(self) -> "DefectsSettings":
        self.body_limit = self.file_limit + MULTIPART_AROUND
        return self

    @property
    def attachments(self) -> Path:
        return self.data_directory / "attachments"
