"""Building in this process, and looking at what came of it."""

from __future__ import annotations

import io
import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from izba.build.export.output import IMAGE, Output
from izba.build.options import Options
from izba.build.progress import Cached, Event, Finished, Warned
from izba.build.progress import Output as Said
from izba.build.secrets import SecretSource
from izba.engine.buildcaches import parse_cache
from izba.engine.builds import BuildRequest, Built, build, default_platform
from izba.engine.engine import Engine
from izba.image.importing import import_root
from izba.image.stored import StoredImage
from izba.oci.platform import host
from izba.oci.reference import Reference
from tests.build import busybox

Files = Mapping[str, str | bytes | None]


@dataclass
class Done:
    """One build: its image, what was told, and its root file system as files."""

    builder: Builder
    built: Built
    events: list[Event | Warned]

    @property
    def image(self) -> StoredImage:
        assert self.built.image is not None
        return self.built.image

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.image.config.get("config") or {})

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self.image.diff_ids)

    @property
    def output(self) -> str:
        """All that RUNs printed."""
        return b"".join(event.data for event in self.events if isinstance(event, Said)).decode()

    @property
    def cached(self) -> list[str]:
        return self._steps(Cached)

    @property
    def executed(self) -> list[str]:
        """The steps of the Dockerfile that were done, by their text."""
        return [name for name in self._steps(Finished) if not name.startswith("exporting")]

    @property
    def warnings(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]

    def _steps(self, kind: type[Event]) -> list[str]:
        names = [event.step.name for event in self.events if isinstance(event, kind)]
        return [name.partition("] ")[2] for name in names if not name.startswith("[internal]") and "] " in name]

    # -- files: the topmost layer that has a path tells what it is; tests here delete little

    def find(self, path: str) -> Path | None:
        chain = self.image.chain_id
        assert chain is not None
        for lower in self.builder.engine.store.snapshots.lowers(chain):
            found = Path(lower) / path.lstrip("/")
            if os.path.lexists(found):
                is_whiteout = stat.S_ISCHR(found.lstat().st_mode) and found.lstat().st_rdev == 0
                return None if is_whiteout else found
        return None

    def exists(self, path: str) -> bool:
        return self.find(path) is not None

    def path(self, path: str) -> Path:
        found = self.find(path)
        assert found is not None, f"{path} is not in the image"
        return found

    def read(self, path: str) -> str:
        return self.path(path).read_text()

    def mode(self, path: str) -> int:
        return stat.S_IMODE(self.path(path).lstat().st_mode)

    def owner(self, path: str) -> tuple[int, int]:
        status = self.path(path).lstat()
        return status.st_uid, status.st_gid

    def names(self, layer: int = -1) -> set[str]:
        """The paths in one layer, without the directories that lead to others."""
        chain = self.image.chain_id
        assert chain is not None
        top = Path(self.builder.engine.store.snapshots.lowers(chain)[-1 - layer])
        everything = {str(path.relative_to(top)) for path in top.rglob("*")}
        return {path for path in everything if not any(other.startswith(f"{path}/") for other in everything)}


@dataclass
class Builder:
    """An engine with a busybox image, and a directory for contexts."""

    engine: Engine
    directory: Path
    count: int = 0
    known: dict[str, Any] = field(default_factory=dict)

    def __call__(self, dockerfile: str, files: Files = {}, **options: Any) -> Done:  # noqa: B006 - read only
        return self.build(self.context(dockerfile, files), **options)

    def context(self, dockerfile: str, files: Files = {}) -> Path:  # noqa: B006 - read only
        """A new build context."""
        self.count += 1
        directory = self.directory / f"context-{self.count}"
        directory.mkdir()
        write_files(directory, {"Dockerfile": dockerfile, **files})
        return directory

    def build(self, context: Path | str, *, stdin: bytes = b"", **options: Any) -> Done:
        events: list[Event | Warned] = []
        built = build(self.engine, self.request(context, **options), events.append, stdin=io.BytesIO(stdin))
        return Done(builder=self, built=built, events=events)

    def request(
        self,
        context: Path | str,
        *,
        file: str | None = None,
        tags: tuple[str, ...] = (),
        args: Mapping[str, str] = {},
        contexts: Mapping[str, str] = {},
        secrets: tuple[SecretSource, ...] = (),
        outputs: tuple[Output, ...] = (IMAGE,),
        host_trust: bool = False,
        bootstrap: bool = False,
        platforms: tuple[str, ...] = (),
        cache_from: tuple[str, ...] = (),
        cache_to: tuple[str, ...] = (),
        **options: Any,
    ) -> BuildRequest:
        platform = options.pop("platform", default_platform())
        return BuildRequest(
            context=str(context),
            file=file,
            tags=tags,
            contexts=tuple(contexts.items()),
            secrets=secrets,
            outputs=outputs,
            host_trust=host_trust,
            bootstrap=bootstrap,
            platforms=platforms,
            cache_from=tuple(parse_cache(text, is_import=True) for text in cache_from),
            cache_to=tuple(parse_cache(text, is_import=False) for text in cache_to),
            options=Options(build_args=tuple(args.items()), platform=platform, **options),
        )


def make_root(root: Path) -> None:
    """A data root with the image `busybox`."""
    with Engine.open(str(root)) as engine:
        import_root(
            engine.store,
            io.BytesIO(busybox.root_tar()),
            defaults={"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]},
            platform=host(),
            message="test",
            created=busybox.CREATED * 10**9,
            name=Reference.parse("busybox"),
        )


def copy_root(template: Path, root: Path) -> Engine:
    """An engine on a copy of a data root that nobody has open."""
    subprocess.run(["cp", "-a", template, root], check=True)
    return Engine.open(str(root))


def write_files(directory: Path, files: Files) -> None:
    """Write files below `directory`; a name that ends with a slash is a directory, None removes."""
    for name, content in files.items():
        path = directory / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.unlink()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content)
