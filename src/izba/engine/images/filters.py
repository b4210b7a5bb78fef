"""Which images to list or prune: the filters dangling, label, before, since, until and reference."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument
from izba.image.stored import ImageNotFound, find_row
from izba.oci import reference as references

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from izba.engine.images.listing import ImageSummary
    from izba.store.store import Store

LISTING = frozenset(("dangling", "label", "before", "since", "until", "reference"))
PRUNING = frozenset(("dangling", "label", "label!", "until"))


class InvalidFilter(InvalidArgument):
    """Docker's sentences for a filter that does not exist, or not with this value."""


class ImageFilter(Record):
    """Every field must pass; of `references` one. Times in nanoseconds; `labels` are `name` or `name=value`."""

    dangling: bool | None = None
    labels: tuple[str, ...] = ()
    without_labels: tuple[str, ...] = ()
    created_before: int | None = None
    created_after: int | None = None
    references: tuple[str, ...] = ()

    def accepts(self, image: ImageSummary) -> bool:
        """Whether the image passes, its names aside."""
        labels = dict(image.labels)
        return (
            (self.dangling is None or self.dangling == image.is_dangling)
            and all(_has_label(labels, wanted) for wanted in self.labels)
            and not any(_has_label(labels, unwanted) for unwanted in self.without_labels)
            and (self.created_before is None or image.created < self.created_before)
            and (self.created_after is None or image.created > self.created_after)
        )

    def accepts_name(self, canonical: str) -> bool:
        """Whether a name passes `references`: a familiar name, with or without tag, by shell patterns."""
        if not self.references:
            return True
        name = references.familiar(canonical)
        repository = name.partition("@")[0] if "@" in name else name.rpartition(":")[0]
        return any(matches(pattern, name) or matches(pattern, repository) for pattern in self.references)


def image_filter(store: Store, values: Mapping[str, Sequence[str]], *, until: Sequence[int] = ()) -> ImageFilter:
    """From the values given for each name, those of `until` as times. Raises `InvalidFilter`, `ImageNotFound`."""
    before = [*until, *(_created(store, name) for name in values.get("before", ()))]
    return ImageFilter(
        dangling=_bool("dangling", values["dangling"]) if "dangling" in values else None,
        labels=tuple(values.get("label", ())),
        without_labels=tuple(values.get("label!", ())),
        created_before=min(before, default=None),
        created_after=max((_created(store, name) for name in values.get("since", ())), default=None),
        references=tuple(values.get("reference", ())),
    )


def matches(pattern: str, name: str) -> bool:
    """Go's path.Match: the shell's patterns, where `*` and `?` stop at a slash."""
    from fnmatch import fnmatchcase

    patterns, parts = pattern.replace("[^", "[!").split("/"), name.split("/")
    return len(patterns) == len(parts) and all(map(fnmatchcase, parts, patterns))


def _created(store: Store, name: str) -> int:
    row = find_row(store, name)
    if row is None:
        raise ImageNotFound(name)
    return row.created


def _bool(name: str, values: Sequence[str]) -> bool:
    words = {"true": True, "1": True, "t": True, "false": False, "0": False, "f": False}
    found = {words.get(value.lower()) for value in values}
    if len(found) != 1 or None in found:
        raise InvalidFilter(f"invalid filter '{name}={values[-1]}'", hint=f"{name} is true or false")
    return found == {True}


def _has_label(labels: dict[str, str], wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in labels and (not equals or labels[name] == value)
