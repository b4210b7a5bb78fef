"""An engine for a verb, and where the monitors of what it starts come from.

Made before a project is loaded: the nursery must be forked while the process is light, and the user namespace entered
while it has one thread.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

    from izba.build.progress import Sink
    from izba.cli.commands.compose.context import ComposeContext
    from izba.compose.execute import Event, Report, RunHook
    from izba.compose.images import Tools
    from izba.compose.outside import Outside
    from izba.compose.project import Project
    from izba.engine.engine import Engine
    from izba.monitor.nursery import Nursery
    from izba.monitor.spawn import Monitor
    from izba.store.lock import FileLock


PATIENCE = 600.0
"""Seconds that a command waits for another one of the same project: that one may wait for a service's health."""


class Session:
    """`with Session(compose, starts=True) as session:`. `starts`: containers will be started; `writes`: files, too."""

    def __init__(self, compose: ComposeContext, *, starts: bool = False, writes: bool = False) -> None:
        self._compose = compose
        self._nursery: Nursery | None = None
        if starts and not compose.dry_run:
            from izba.monitor.nursery import Nursery

            self._nursery = Nursery()
        self.engine: Engine = compose.context.engine()
        self._outside: Outside | None = None
        if starts or writes:
            if self.engine.roots.rootless:
                from izba.compose.outside import Outside

                self._outside = Outside(self.engine)
            self.engine.enter_user_namespace()

    def monitor(self) -> Monitor:
        """A monitor for one container; from any thread."""
        assert self._nursery is not None
        return self._nursery.monitor()

    @property
    def remove_network(self) -> Callable[[str], None] | None:
        """Who removes networks, where this process cannot."""
        return self._outside.remove_network if self._outside else None

    def hooks(self, project: Project | None) -> RunHook | None:
        """Who executes the hooks of a project that has some. Asked for before the process has threads."""
        services = project.services if project else ()
        if not any(service.post_start or service.pre_stop for service in services):
            return None
        if self._outside is None:
            from izba.compose.outside import Outside

            self._outside = Outside(self.engine)
        return self._outside.execute

    def lock(self, project: str) -> FileLock:
        """The project is this command's alone, while it is held. Raises `LockTimeout` after long waiting."""
        from izba.store.lock import FileLock

        directory = f"{self.engine.roots.data}/compose"
        os.makedirs(directory, mode=0o700, exist_ok=True)
        return FileLock(f"{directory}/{project}.lock", what=f"project {project}", timeout=PATIENCE)

    def tools(self, *, quiet: bool = False, pull_quiet: bool = False) -> Tools:
        """How builds and pulls are shown."""
        from izba.cli.output.progress import progress
        from izba.compose.images import Tools

        wanted = self._compose.progress
        mode = "quiet" if quiet or wanted in {"quiet", "none"} else wanted

        def shown() -> AbstractContextManager[Sink]:
            return progress(mode if mode in {"auto", "tty", "plain", "quiet"} else "plain")

        def pull(engine: Engine, image: str, policy: str, platform: str) -> None:
            _pull(engine, image, policy, platform, quiet=quiet or pull_quiet or mode == "quiet")

        return Tools(progress=shown, pull=pull, bootstrap=wants_bootstrap(), parallel=self._compose.parallel)

    def report(self) -> Report:
        """Tells of operations on stderr, as Compose does."""
        return silent if self._compose.progress in {"quiet", "none"} else tell

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.engine.close()
        if self._outside is not None:  # it was forked last, and has an end of the nursery's connection
            self._outside.close()
        if self._nursery is not None:
            self._nursery.close()


def wants_bootstrap() -> bool:
    """IZBA_BOOTSTRAP: base images are made from packages."""
    return os.environ.get("IZBA_BOOTSTRAP") in {"1", "true"}


def _pull(engine: Engine, image: str, policy: str, platform: str, *, quiet: bool) -> None:
    from izba.cli.creation import partial_bootstrap
    from izba.cli.output.transfer import Transfer
    from izba.engine.acquire import acquire

    with Transfer(sys.stderr, quiet=quiet) as transfer:
        acquire(
            engine,
            image,
            pull=policy,
            platform=platform or None,
            bootstrap=partial_bootstrap(quiet=quiet) if wants_bootstrap() else None,
            report=transfer.report,
        )


_WORDS = {
    "CreateNetwork": ("Network", "Creating", "Created"),
    "CreateVolume": ("Volume", "Creating", "Created"),
    "RemoveNetwork": ("Network", "Removing", "Removed"),
    "RemoveVolume": ("Volume", "Removing", "Removed"),
    "CreateContainer": ("Container", "Creating", "Created"),
    "StartContainer": ("Container", "Starting", "Started"),
    "StopContainer": ("Container", "Stopping", "Stopped"),
    "RemoveContainer": ("Container", "Removing", "Removed"),
    "WaitFor": ("Service", "Waiting", ""),
}


def tell(event: Event) -> None:
    """One line on stderr for an operation's beginning or end."""
    operation = event.operation
    if event.warning:
        sys.stderr.write(f"warning: container {operation.name}: {event.warning}\n")
        return
    words = _WORDS.get(operation.kind)
    if words is None:
        return
    kind, begin, end = words
    name = operation.service if kind == "Service" else operation.name
    if operation.old and operation.kind == "CreateContainer":
        begin, end, name = "Recreate", "Recreated", operation.name.partition("_")[2]
    ready = {"service_healthy": "Healthy", "service_completed_successfully": "Exited"}.get(operation.condition, "")
    state = (f"Error: {event.failed}" if event.failed else end or ready) if event.done else begin
    sys.stderr.write(f" {kind} {name}  {state}\n")
    sys.stderr.flush()


def tell_skipped(compose: ComposeContext, what: str, why: str = "") -> None:
    """One line on stderr for a service or an image that a command passes over."""
    if compose.progress not in {"quiet", "none"}:
        sys.stderr.write(f" {what}  Skipped {why}".rstrip() + "\n")


def silent(_event: Event) -> None:
    """Tells nothing."""


def tell_orphans(orphans: tuple[str, ...]) -> None:
    """Containers of services that the files do not have any more; Compose's sentence."""
    if orphans:
        sys.stderr.write(
            f"warning: Found orphan containers ([{' '.join(orphans)}]) for this project. If you removed or renamed "
            "this service in your compose file, you can run this command with the --remove-orphans flag to clean it "
            "up.\n"
        )
