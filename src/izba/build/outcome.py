"""What a build came to, remembered, so that building again without a change is looking whether there is none.

A build that found every step in the cache leaves a note: what was asked, the digest of Dockerfile and ignore file, the
images behind the names in it, the cache records of its steps, a fingerprint of the context, and the image that it made.
The next build with all of that the same would come to the same image, step by step; so its steps are told as they were
told, and the image gets its names, without parsing, solving or making anything.

One note for each context, Dockerfile and target. A lost or torn note costs time, never truth.
"""

from __future__ import annotations

import os
import time

from izba import __version__, jsonio
from izba._record import Record
from izba.build.definition import bounded, find, ignore_candidates, open_regular, shown
from izba.build.fingerprint import Fingerprint, is_settled
from izba.errors import IzbaError
from izba.oci.digest import Digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from izba.build.progress import Event, Sink, Warned
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference
    from izba.store.store import Store

_FORMAT = 2
_CHECKSUM = len("sha256:") + 64
_RECENTLY = 60 * 10**9
"""Within this, uses and taggings of the same things are counted once, as `relatime` does: reading stays reading."""


class Question(Record):
    """What is asked of a build: `digest` is of all that it depends on, but for images, the cache and the context.

    `stamps` (device, inode, mtime, ctime) tell whether Dockerfile and ignore file were touched since.
    """

    root: str
    path: str
    digest: str
    stamps: tuple[tuple[int, int, int, int], ...]

    def is_settled(self, looked_at: int) -> bool:
        """Whether none of the files was just being changed."""
        return all(is_settled(mtime, ctime, looked_at) for _, _, mtime, ctime in self.stamps)


class Answer(Record):
    """What it came to. `images` are pairs of name and manifest, `steps` of cache key, chain and time; `told` is
    what people saw: (`cached` | `done` | `warning`, …)."""

    images: tuple[tuple[str, str], ...]
    steps: tuple[tuple[str, str | None, int], ...]
    context: Fingerprint
    manifest: str
    told: tuple[tuple[Any, ...], ...]


class Remembered(Record):
    """An answer that still holds."""

    image: StoredImage
    told: tuple[tuple[Any, ...], ...]

    def tell(self, sink: Sink) -> None:
        """Tell the steps again, as the build did whose outcome this is."""
        from izba.build.progress import Reporter
        from izba.errors import Range

        reporter = Reporter(sink)
        for kind, text, *more in self.told:
            if kind == "cached":
                reporter.cached(text)
            elif kind == "done":
                with reporter.step(text):
                    pass
            else:
                place, hint = more
                reporter.warn(text, place=Range(*place) if place else None, hint=hint)


def question(data: str, context: str, file: str | None, asked: Any) -> Question | None:
    """The question of a build under the data root `data`; `asked` is JSON. None where there is no Dockerfile."""
    try:
        dockerfile = find(context, file)
        root = os.path.realpath(context)
        texts: list[str | None] = []
        stamps: list[tuple[int, int, int, int]] = []
        for path in (dockerfile, *ignore_candidates(root, dockerfile)):
            if path is not dockerfile and not os.path.lexists(path):
                texts.append(None)
                continue
            with open_regular(path) as opened:
                status = os.fstat(opened.fileno())
                texts.append(Digest.of(bounded(opened, path)))
                stamps.append((status.st_dev, status.st_ino, status.st_mtime_ns, status.st_ctime_ns))
    except (IzbaError, OSError):  # the build will say it better
        return None
    name = shown(context, dockerfile)
    target = asked["options"]["target"]
    place = jsonio.dumps([root, name, target]).encode()
    everything = jsonio.dumps([_FORMAT, __version__, _code(), root, name, asked, texts]).encode()
    return Question(
        root=root,
        path=f"{data}/build/outcomes/{Digest.of(place).hex[:32]}",
        digest=Digest.of(everything),
        stamps=tuple(stamps),
    )


def recall(store: Store, asked: Question, names: Sequence[Reference]) -> Remembered | None:
    """What the build would come to, its image named; None where that is not known or something has changed."""
    answer = _read(asked)
    if answer is None or not answer.context.matches(asked.root):
        return None
    with store.db.transaction():  # nobody removes the image between finding and naming it
        used = _last_used(store, answer)
        image = _image(store, answer) if used is not None else None
        if used is None or image is None:
            return None
        now = time.time_ns()
        if used < now - _RECENTLY:
            _note_use(store, answer)
        for name in names:
            if store.names.get(name) != image.descriptor or store.names.updated(name.canonical()) < now - _RECENTLY:
                store.names.set(name, image.descriptor)
    return Remembered(image=image, told=answer.told)


def remember(store: Store, asked: Question, answer: Answer) -> None:
    """Note the answer, unless it does not hold already: an image was named anew, a record replaced."""
    if _last_used(store, answer) is None or _image(store, answer) is None:
        return
    document = {
        "question": asked.digest,
        "images": answer.images,
        "steps": answer.steps,
        "context": {field: getattr(answer.context, field) for field in Fingerprint.__fields__},
        "manifest": answer.manifest,
        "told": answer.told,
    }
    body = jsonio.dumps(document).encode()
    os.makedirs(os.path.dirname(asked.path), mode=0o700, exist_ok=True)
    jsonio.write_bytes(asked.path, Digest.of(body).encode() + body, mode=0o600, durable=False)


def transcript(events: Iterable[Event | Warned]) -> tuple[tuple[Any, ...], ...] | None:
    """What a build told that did nothing; None if it did something."""
    from izba.build.progress import Cached, Finished, Started, Warned

    told: list[tuple[Any, ...]] = []
    for event in events:
        match event:
            case Warned(message=message, place=place, hint=hint):
                where = (place.file, place.start, place.end, place.column, place.end_column) if place else None
                told.append(("warning", message, where, hint))
            case Cached(step=step):
                told.append(("cached", step.name))
            case Finished(step=step):
                told.append(("done", step.name))
            case Started():
                pass
            case _:
                return None
    return tuple(told)


def _read(asked: Question) -> Answer | None:
    try:
        with open(asked.path, "rb") as file:
            data = file.read()
    except OSError:
        return None
    checksum, body = data[:_CHECKSUM], data[_CHECKSUM:]
    if Digest.of(body).encode() != checksum:
        return None
    document = jsonio.loads(body)
    if document["question"] != asked.digest:
        return None
    context = document["context"]
    return Answer(
        images=tuple((name, manifest) for name, manifest in document["images"]),
        steps=tuple((key, chain, created) for key, chain, created in document["steps"]),
        context=Fingerprint(
            directories=tuple((path, tuple(map(tuple, left_out))) for path, left_out in context["directories"]),
            paths=tuple(context["paths"]),
            links=tuple(context["links"]),
            listings=tuple(context["listings"]),
            digest=context["digest"],
        ),
        manifest=document["manifest"],
        told=tuple(map(tuple, document["told"])),
    )


def _last_used(store: Store, answer: Answer) -> int | None:
    """When the cache's records of the steps last served a build; None where one is gone or says something else."""
    oldest = time.time_ns()
    for key, chain, created in answer.steps:
        row = store.db.row("SELECT chain, created, used FROM build_cache WHERE key = ?", key)
        if row is None or row[:2] != (chain, created):
            return None
        oldest = min(oldest, row[2])
    return oldest


def _image(store: Store, answer: Answer) -> StoredImage | None:
    """The image, if it is there and the names of its bases mean what they meant. As it is there, so are its layers."""
    from izba.image.stored import StoredImage, find_row

    try:
        for name, manifest in answer.images:
            found = find_row(store, name)
            if found is None or found.manifest != manifest:
                return None
        row = store.images.by_manifest(Digest(answer.manifest))
        return None if row is None else StoredImage(store, row)
    except IzbaError:  # a name has become ambiguous, a blob is missing: the build tells it, or makes it anew
        return None


def _note_use(store: Store, answer: Answer) -> None:
    from izba.build.cache import BuildCache

    BuildCache(store).note_use(Digest(key) for key, _, _ in answer.steps)


def _code() -> int:
    """The newest change of what builds are made by: another izba may make something else of the same."""
    newest = 0
    pending = [os.path.dirname(__file__)]
    while pending:
        with os.scandir(pending.pop()) as listing:
            for each in listing:
                if each.is_dir(follow_symlinks=False):
                    if each.name != "__pycache__":
                        pending.append(each.path)
                else:
                    newest = max(newest, each.stat().st_mtime_ns)
    return newest
