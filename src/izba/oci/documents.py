"""The JSON documents of the image-spec, for typing only: the bytes are what counts, unknown fields pass through.

`manifest.md`, `image-index.md`, `config.md`, `descriptor.md`.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Platform(TypedDict):
    architecture: str
    os: str
    variant: NotRequired[str]


class Descriptor(TypedDict):
    mediaType: str
    digest: str
    size: int
    urls: NotRequired[list[str]]
    annotations: NotRequired[dict[str, str]]
    data: NotRequired[str]
    artifactType: NotRequired[str]
    platform: NotRequired[Platform]


class Manifest(TypedDict):
    schemaVersion: int
    mediaType: NotRequired[str]
    artifactType: NotRequired[str]
    config: Descriptor
    layers: list[Descriptor]
    subject: NotRequired[Descriptor]
    annotations: NotRequired[dict[str, str]]


class Index(TypedDict):
    schemaVersion: int
    mediaType: NotRequired[str]
    artifactType: NotRequired[str]
    manifests: list[Descriptor]
    subject: NotRequired[Descriptor]
    annotations: NotRequired[dict[str, str]]


class Healthcheck(TypedDict, total=False):
    """Durations in nanoseconds (Docker's extension of the image config)."""

    Test: list[str]
    Interval: int
    Timeout: int
    StartPeriod: int
    StartInterval: int
    Retries: int


class ContainerDefaults(TypedDict, total=False):
    """`config` of an image config: what a container of this image is started with."""

    User: str
    ExposedPorts: dict[str, dict[str, Any]] | None
    Env: list[str] | None
    Entrypoint: list[str] | None
    Cmd: list[str] | None
    Volumes: dict[str, dict[str, Any]] | None
    WorkingDir: str
    Labels: dict[str, str] | None
    StopSignal: str
    ArgsEscaped: bool
    Healthcheck: Healthcheck
    OnBuild: list[str] | None
    Shell: list[str] | None


class RootFS(TypedDict):
    type: str
    diff_ids: list[str]


class History(TypedDict, total=False):
    created: str
    author: str
    created_by: str
    comment: str
    empty_layer: bool


class ImageConfig(TypedDict):
    created: NotRequired[str]
    author: NotRequired[str]
    architecture: str
    os: str
    variant: NotRequired[str]
    config: NotRequired[ContainerDefaults]
    rootfs: RootFS
    history: NotRequired[list[History]]
