"""`--cache-from` and `--cache-to`: where caches of builds come from and go to, in the words of the command line."""

from __future__ import annotations

import os
from contextlib import closing

from izba._record import Record
from izba.errors import InvalidArgument, IzbaError
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.build.cache import BuildCache
    from izba.build.exchange import ImportedCache
    from izba.build.graph import Vertex
    from izba.build.progress import Reporter
    from izba.build.solver import Solver
    from izba.engine.engine import Engine
    from izba.image.copying.graph import Source, Target
    from izba.layer.compress import Kind

_HOWTO = "type=local,{}=DIRECTORY or type=registry,ref=NAME"
_REFUSED = {
    "inline": "an image says what it is and not how it was made; use type=registry with a name of its own",
    "gha": "use type=local with a directory that the workflow caches",
    "s3": "use type=registry, or type=local and copy the directory",
    "azblob": "use type=registry, or type=local and copy the directory",
}


class CachePlace(Record):
    """A cache in a directory or a registry. `everything`: also the steps of stages that only others copy from."""

    kind: str
    where: str
    tag: str = "latest"
    everything: bool = False
    compression: Kind = "zstd"
    may_fail: bool = False


def parse_cache(text: str, *, is_import: bool) -> CachePlace:
    """`type=local,src=DIR` or `type=registry,ref=NAME`; a bare NAME is a registry's. Raises `InvalidArgument`."""
    flag, key = ("cache-from", "src") if is_import else ("cache-to", "dest")
    fields = dict(field.partition("=")[::2] for field in text.split(",")) if "=" in text else {"ref": text}
    kind = fields.pop("type", "registry" if "ref" in fields else "")
    if kind in _REFUSED:
        raise InvalidArgument(f"--{flag} type={kind} is not supported", hint=_REFUSED[kind])
    if kind not in {"local", "registry"}:
        raise InvalidArgument(f"invalid --{flag} {text}", hint=_HOWTO.format(key))
    where = fields.pop("ref" if kind == "registry" else key, "")
    if not where:
        raise InvalidArgument(f"--{flag} {text} does not say where", hint=_HOWTO.format(key))
    mode = fields.pop("mode", "min")
    compression = fields.pop("compression", "zstd")
    if mode not in {"min", "max"} or compression not in {"zstd", "gzip", "uncompressed"}:
        raise InvalidArgument(
            f"invalid --{flag} {text}", hint="mode is min or max; compression zstd, gzip, uncompressed"
        )
    tag = fields.pop("tag", "latest")
    may_fail = fields.pop("ignore-error", "false") in {"true", "1"}
    for known in ("oci-mediatypes", "image-manifest", "force-compression"):  # of BuildKit's own forms
        fields.pop(known, None)
    if fields:
        raise InvalidArgument(f"unknown key {next(iter(fields))} in --{flag} {text}", hint=_HOWTO.format(key))
    kinds: dict[str, Kind] = {"zstd": "zstd", "gzip": "gzip", "uncompressed": "none"}
    return CachePlace(
        kind=kind,
        where=where,
        tag=tag,
        everything=mode == "max",
        compression=kinds[compression],
        may_fail=may_fail,
    )


def read_caches(engine: Engine, places: Iterable[CachePlace], reporter: Reporter) -> tuple[ImportedCache, ...]:
    """The caches that can be read; of the others it is told why not, for a first build finds none."""
    from izba.build.exchange import ImportedCache

    found = []
    for place in places:
        try:
            with reporter.step(f"importing build cache from {place.where}"):
                found.append(ImportedCache(_source(engine, place)))
        except (IzbaError, OSError) as error:
            reporter.warn(f"the build cache at {place.where} is not used: {error}")
    return tuple(found)


def write_cache(
    engine: Engine, place: CachePlace, cache: BuildCache, targets: Iterable[tuple[Solver, Vertex]], reporter: Reporter
) -> None:
    """Put the steps of a build that is done where `place` says. Raises what the place raises, unless it may fail."""
    from izba.build.exchange import ExportedCache
    from izba.image.copying.graph import copy

    keys = {key: None for solver, vertex in targets for key in solver.keys(None if place.everything else vertex)}
    records = [record for record in map(cache.find, keys) if record is not None]
    try:
        with reporter.step(f"exporting build cache to {place.where}"), engine.store.lease("export build cache"):
            exported = ExportedCache(engine.store, records, cache.aliases(keys), place.compression)
            with closing(exported) as source:
                copy(source, _target(engine, place), every=True)
    except (IzbaError, OSError) as error:
        if not place.may_fail:
            raise
        reporter.warn(f"the build cache was not written to {place.where}: {error}")


def _source(engine: Engine, place: CachePlace) -> Source:
    from izba.image.copying.sources import Directory, FromLayout, FromRegistry

    if place.kind == "registry":
        reference = Reference.parse(place.where)
        return FromRegistry(engine.registries.client(reference), reference)
    if not os.path.isdir(place.where):
        raise InvalidArgument(f"there is no directory {place.where}")
    return FromLayout(Directory(place.where), place.where, place.tag)


def _target(engine: Engine, place: CachePlace) -> Target:
    from izba.image.copying.targets import ToLayout, ToRegistry

    if place.kind == "local":
        return ToLayout(place.where, place.tag)
    reference = Reference.parse(place.where)
    return ToRegistry(engine.registries.client(reference), reference, source=None, compression="zstd")
