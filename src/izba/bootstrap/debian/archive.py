"""An archive as a whole: fetch and verify its signed index, read its packages, bring the files."""

from __future__ import annotations

import bz2
import gzip
import lzma

from izba._record import Record
from izba.bootstrap.debian import release as releases
from izba.bootstrap.debian.index import PackageIndex
from izba.bootstrap.debian.openpgp import verify_clearsigned
from izba.bootstrap.errors import BadConfiguration, Corrupt, NoMirror, Unreachable
from izba.bootstrap.fetch.download import Download
from izba.bootstrap.host import aptauth, aptsources
from izba.bootstrap.host.keyrings import keyrings_of
from izba.bootstrap.progress import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from izba.bootstrap.debian.index import Package
    from izba.bootstrap.debian.release import Release
    from izba.bootstrap.fetch.download import Downloader
    from izba.bootstrap.host.aptconf import AptConfiguration
    from izba.bootstrap.host.aptsources import Source
    from izba.bootstrap.progress import Progress

_COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".xz": lzma.decompress,
    ".gz": gzip.decompress,
    ".bz2": bz2.decompress,
    "": bytes,
}


class Archive(Record):
    """A release and its pockets, verified. `release` is the one of the main suite."""

    sources: tuple[Source, ...]
    release: Release
    index: PackageIndex


class ArchiveOptions(Record):
    """How to find and trust an archive. `root` is where the host's file system is (for tests)."""

    mirrors: tuple[str, ...] = ()
    keyrings: tuple[str, ...] = ()
    architecture: str
    root: str = ""


def sources_for(codename: str, options: ArchiveOptions) -> list[Source]:
    """Where to get the release `codename` from: `--mirror`, else the host's apt sources. Raises `NoMirror`."""
    if options.mirrors:
        chosen = [source for mirror in options.mirrors for source in _from_mirror(mirror, codename)]
        if all(source.optional for source in chosen):
            raise BadConfiguration(f"--mirror {options.mirrors[0]} names no archive of binary packages")
        return chosen
    found = aptsources.of_release(
        (source for source in aptsources.read(options.root) if source.serves(options.architecture)),
        codename,
        host_codename=aptsources.host_codename(options.root),
    )
    if not found:
        raise NoMirror(
            f"no apt source of this host serves the Debian release {codename}",
            hint="name a mirror with --mirror URL (and --keyring FILE where Debian's keys are not installed)",
        )
    return found


def _from_mirror(mirror: str, codename: str) -> list[Source]:
    if mirror.startswith(("deb ", "deb-src ")):
        return aptsources.parse_list(mirror, file="--mirror")
    uri, login = aptauth.split(mirror.rstrip("/"))
    main = aptsources.Source(uri=uri, suite=codename, login=login)
    return [main, main.replace(suite=f"{codename}-updates", optional=True)]


def open_archive(
    codename: str, options: ArchiveOptions, downloader: Downloader, apt: AptConfiguration, progress: Progress
) -> Archive:
    """Verify the signatures and read the indexes of every suite of `codename`."""
    index = PackageIndex()
    main: Release | None = None
    used = []
    for source in sources_for(codename, options):
        progress(Step(text=f"Reading {source.uri} {source.suite}"))
        if source.login is not None:
            downloader.log_in(source.login)
        try:
            release = _read_release(source, options, downloader, apt)
        except Unreachable as error:
            if source.optional and error.status == 404:
                continue
            raise releases.unreachable_hint(error) from error
        if main is None or source.suite == codename:
            main = release
        used.append(source)
        for path in _index_paths(release, source, options.architecture):
            index.add(_read_index(release, path, downloader), source.uri, archive=f"{source.uri} {source.suite}")
    assert main is not None, "a release has at least one source that is not optional"
    return Archive(sources=tuple(used), release=main, index=index)


def _read_release(source: Source, options: ArchiveOptions, downloader: Downloader, apt: AptConfiguration) -> Release:
    keyrings = keyrings_of(source, chosen=options.keyrings, root=options.root)
    url = f"{source.uri}/dists/{source.suite}/InRelease"
    signed = downloader.text(url, limit=1 << 24)
    text = verify_clearsigned(signed, keyrings=keyrings, key="" if options.keyrings else source.key, what=url)
    release = releases.parse(text, source)
    releases.check_name(release)
    releases.check_dates(
        release,
        valid_until=source.check_valid_until and apt.on("Acquire::Check-Valid-Until", default=True),
        date=apt.on("Acquire::Check-Date", default=True),
    )
    return release


def _index_paths(release: Release, source: Source, architecture: str) -> list[str]:
    paths = []
    architectures = (architecture, "all") if release.separate_all else (architecture,)
    for component in source.components:
        for wanted in architectures:
            stem = f"{component}/binary-{wanted}/Packages"
            path = next((stem + ending for ending in _COMPRESSIONS if stem + ending in release.hashes), None)
            if path is not None:
                paths.append(path)
            elif wanted != "all":
                raise Corrupt(release.url, f"has no packages of component {component} for {architecture}")
    return paths


def _read_index(release: Release, path: str, downloader: Downloader) -> str:
    promise = release.promise(path)
    assert promise is not None, "the path was taken from the release"
    download = Download(urls=release.places(path), promise=promise)
    (local,) = downloader.files([download], text=f"Reading {release.uri} {release.suite}")
    ending = next(ending for ending in _COMPRESSIONS if path.endswith(ending))
    with open(local, "rb") as file:
        data = file.read()
    try:
        # The hash was verified, so this is what the archive's owner compressed.
        return _COMPRESSIONS[ending](data).decode("utf-8")
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise Corrupt(promise.what, f"cannot be read: {error}") from error


def fetch(packages: Sequence[Package], downloader: Downloader) -> list[str]:
    """The paths of the verified package files."""
    downloads = [Download(urls=(package.url,), promise=package.promise) for package in packages]
    return downloader.files(downloads, text=f"Downloading {len(packages)} package{'s' if len(packages) != 1 else ''}")
