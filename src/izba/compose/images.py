"""The images of a project: built, pulled, or found."""

from __future__ import annotations

import os
import time

from izba._record import Record
from izba.compose.errors import ComposeError
from izba.compose.order import with_dependencies

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from typing import TypeAlias

    from izba.build.progress import Sink
    from izba.build.secrets import SecretSource
    from izba.compose.project import Build, Project, Service
    from izba.engine.builds import BuildRequest
    from izba.engine.engine import Engine

    Pull: TypeAlias = Callable[[Engine, str, str, str], None]


class Tools(Record):
    """How it is told. `progress` gives a sink for builds; `pull(engine, image, policy, platform)` has an image.

    parallel  how many images are built at once at most; 0 is as many as the machine likes
    """

    progress: Callable[[], AbstractContextManager[Sink]]
    pull: Pull
    bootstrap: bool = False
    parallel: int = 0


class BuildOptions(Record):
    """`izba compose build`'s flags, over what the files say."""

    args: tuple[tuple[str, str], ...] = ()
    no_cache: bool = False
    pull: bool = False


class ImageOptions(Record):
    """When an image is built or pulled. `pull` is `--pull`: always, missing, never, build, or empty."""

    build: bool = False
    no_build: bool = False
    pull: str = ""
    options: BuildOptions = BuildOptions()


class CannotPull(ComposeError):
    """A service without a build has no image, and it was not to be pulled."""


class Need(Record):
    """What a service's image needs: `action` is build, pull or "" (it is here); `policy` is how it is pulled."""

    service: str
    image: str
    action: str
    policy: str = "missing"


def needs(engine: Engine, project: Project, options: ImageOptions) -> list[Need]:
    """What is to be done for each service, those that others build on first. Nothing is done."""
    contexts = {service.name: built_on(service) for service in project.services}
    order = with_dependencies([service.name for service in project.services], contexts)
    return [_need(engine, project, project.service(name), options) for name in order]


def built_on(service: Service) -> list[str]:
    """The services whose images its image is built on."""
    contexts = service.build.contexts if service.build else ()
    return [context.removeprefix("service:") for _, context in contexts if context.startswith("service:")]


def ids(engine: Engine, project: Project) -> dict[str, str]:
    """By service the id of its image, of those that are here."""
    from izba.image.stored import find_row

    found: dict[str, str] = {}
    for service in project.services:
        row = find_row(engine.store, project.image(service))
        if row is not None:
            found[service.name] = str(row.id)
    return found


def _need(engine: Engine, project: Project, service: Service, options: ImageOptions) -> Need:
    from izba.image.stored import find_row

    image = project.image(service)
    is_here = find_row(engine.store, image) is not None
    policy = options.pull or service.pull_policy
    if not options.pull and service.refresh is not None:
        policy = "always" if _age(engine, image) >= service.refresh else "missing"
    action = ""
    if service.build is not None and not options.no_build:
        if options.build or policy == "build" or not is_here:
            action = "build"
    elif policy == "always" or (not is_here and policy != "never"):
        action = "pull"
    elif not is_here:
        raise CannotPull(
            f"service {service.name!r}: no such image: {image}",
            hint="--build builds it" if service.build else f"`izba pull {image}` brings it",
        )
    return Need(service=service.name, image=image, action=action, policy="always" if policy == "always" else "missing")


def _age(engine: Engine, image: str) -> float:
    """How many seconds ago a name got its meaning: when it was pulled last."""
    from izba.oci.reference import Reference

    return time.time() - engine.store.names.updated(Reference.parse(image).canonical()) / 1e9


def build(
    engine: Engine, project: Project, service: Service, options: BuildOptions, sink: Sink, *, bootstrap: bool
) -> None:
    """Build a service's image. Raises what the build raises, with the service named."""
    from izba.engine import builds

    assert service.build is not None
    with _InlineDockerfile(service.build) as file:
        request = build_request(project, service, service.build, options, file, bootstrap=bootstrap)
        try:
            builds.build(engine, request, sink)
        except Exception as error:
            error.add_note(f"building service {service.name}")
            raise


def build_request(
    project: Project, service: Service, wanted: Build, options: BuildOptions, file: str | None, *, bootstrap: bool
) -> BuildRequest:
    """What the engine is asked to build."""
    from izba.build.options import Options
    from izba.compose import labels
    from izba.engine.builds import BuildRequest, default_platform
    from izba.oci.platform import Platform
    from izba.runtime.specgen.request import Ulimit

    platform = service.platform or (wanted.platforms[0] if len(wanted.platforms) == 1 else "")
    args = {**dict(wanted.args), **dict(options.args)}
    own = ((labels.PROJECT, project.name), (labels.SERVICE, service.name))
    return BuildRequest(
        context=wanted.context,
        file=file,
        tags=(project.image(service), *wanted.tags),
        options=Options(
            target=wanted.target,
            build_args=tuple(args.items()),
            labels=(*wanted.labels, *own),
            no_cache=wanted.no_cache or options.no_cache,
            no_cache_filter=wanted.no_cache_filter,
            platform=str(Platform.parse(platform)) if platform else default_platform(),
            build_platform=default_platform(),
            network=wanted.network,
            add_hosts=wanted.extra_hosts,
            shm_size=wanted.shm_size,
            ulimits=tuple(Ulimit(name=name, soft=soft, hard=hard) for name, soft, hard in wanted.ulimits),
            epoch=_epoch(args),
        ),
        contexts=tuple(_contexts(project, wanted)),
        secrets=_secrets(project, wanted),
        pull=wanted.pull or options.pull,
        bootstrap=bootstrap,
    )


def _epoch(args: Mapping[str, str]) -> int | None:
    text = args.get("SOURCE_DATE_EPOCH", os.environ.get("SOURCE_DATE_EPOCH", ""))
    return int(text) if text.isdecimal() else None


def _contexts(project: Project, wanted: Build) -> Iterable[tuple[str, str]]:
    for name, context in wanted.contexts:
        if context.startswith("service:"):
            other = project.service(context.removeprefix("service:"))
            yield name, f"docker-image://{project.image(other)}"
        else:
            yield name, context


def _secrets(project: Project, wanted: Build) -> tuple[SecretSource, ...]:
    from izba.build.secrets import SecretSource

    sources = {source.key: source for source in project.sources if source.kind == "secrets"}
    found = []
    for mount in wanted.secrets:
        source = sources[mount.source]
        id = mount.target.rpartition("/")[2] or mount.source
        if source.file is not None:
            found.append(SecretSource(id=id, file=source.file))
        else:
            found.append(SecretSource(id=id, variable=source.variable))
    return tuple(found)


class _InlineDockerfile:
    """The Dockerfile's path for a build: the one that is named, or a file of the text in the project."""

    def __init__(self, wanted: Build) -> None:
        self._wanted = wanted
        self._path = ""

    def __enter__(self) -> str | None:
        if self._wanted.dockerfile_inline is not None:
            import tempfile

            fd, self._path = tempfile.mkstemp(prefix="izba-dockerfile-")
            with os.fdopen(fd, "w", encoding="utf-8") as file:
                file.write(self._wanted.dockerfile_inline)
            return self._path
        if self._wanted.dockerfile is None:
            return None
        if "://" in self._wanted.context:
            return self._wanted.dockerfile
        return os.path.join(self._wanted.context, self._wanted.dockerfile)

    def __exit__(self, *_: object) -> None:
        if self._path:
            os.unlink(self._path)
