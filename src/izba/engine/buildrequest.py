"""What is asked of a build and what comes of it."""

from __future__ import annotations

from izba._record import Record
from izba.build.export.output import IMAGE
from izba.build.options import Options
from izba.errors import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.build.dockerfile.instructions import Dockerfile
    from izba.build.dockerfile.rules import Finding
    from izba.build.export.output import Output
    from izba.build.secrets import SecretSource
    from izba.engine.buildcaches import CachePlace
    from izba.errors import Range
    from izba.image.stored import StoredImage
    from izba.oci.descriptor import Descriptor
    from izba.oci.reference import Reference


class BuildRequest(Record):
    """What `izba build` was asked. `context` is a directory or `-`; `contexts` are `--build-context` pairs.

    `platforms` are several to build for; with one or none it is the one of the options.
    """

    context: str
    file: str | None = None
    tags: tuple[str, ...] = ()
    options: Options = Options()
    contexts: tuple[tuple[str, str], ...] = ()
    secrets: tuple[SecretSource, ...] = ()
    outputs: tuple[Output, ...] = (IMAGE,)
    platforms: tuple[str, ...] = ()
    cache_from: tuple[CachePlace, ...] = ()
    cache_to: tuple[CachePlace, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    pull: bool = False
    host_trust: bool = True
    bootstrap: bool = False
    check_only: bool = False

    @property
    def may_be_remembered(self) -> bool:
        """Whether nothing but names, files of one directory and the cache decide what comes of it."""
        is_of_files = "-" not in {self.context, self.file} and not self.contexts and not self.cache_to
        wants_work = self.pull or self.check_only or self.options.no_cache or self.options.no_cache_filter
        return is_of_files and not wants_work and self.outputs == (IMAGE,) and len(self.platforms) < 2

    @property
    def of_each_platform(self) -> tuple[Options, ...]:
        """The options for each platform that is built for."""
        if len(self.platforms) < 2:
            return (self.options,)
        return tuple(self.options.replace(platform=each, is_one_of_several=True) for each in self.platforms)

    def identity(self) -> Any:
        """All of it as JSON, but for the names that the image gets."""
        return _plain(self.replace(tags=()))


class Built(Record):
    """What came of a build. No image where only files, or only the checks, were asked for.

    pushed  the manifest that a registry has, where the image was pushed; not the store's, as its layers are compressed
    """

    image: StoredImage | None
    names: tuple[Reference, ...]
    checked: Checked | None = None
    pushed: Descriptor | None = None


class Checked(Record):
    """What the build checks found in the Dockerfile."""

    dockerfile: Dockerfile
    findings: tuple[Finding, ...]


class StepFailed(SourceError):
    """A step of a build failed; `tail` is the last that its command said."""

    def __init__(self, message: str, *, place: Range, source: str, hint: str | None, tail: bytes) -> None:
        super().__init__(message, place=place, source=source, hint=hint)
        self.tail = tail


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return {field: _plain(getattr(value, field)) for field in value.__fields__}
    return [_plain(each) for each in value] if isinstance(value, tuple) else value
