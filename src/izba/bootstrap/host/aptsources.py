"""sources.list(5): the archives this host installs from, in both formats, and those of a Debian release among them."""

from __future__ import annotations

import os
import re

from izba._record import Record
from izba.bootstrap.errors import BadConfiguration
from izba.bootstrap.host import aptauth

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from izba.bootstrap.host.aptauth import Login

# Suites that every Debian mirror has beside the releases' code names.
_MOVING = ("stable", "oldstable", "oldoldstable", "testing")
_POCKETS = ("", "-updates", "-security", "/updates")


class Source(Record):
    """One suite of one archive. `keyrings`: files; `key`: an armoured key given in place.

    A name and password that stood in the URI are in `login`, so that the URI may be shown and kept.
    """

    uri: str
    suite: str
    login: Login | None = None
    components: tuple[str, ...] = ("main",)
    keyrings: tuple[str, ...] = ()
    key: str = ""
    architectures: tuple[str, ...] = ()
    check_valid_until: bool = True
    optional: bool = False

    def serves(self, architecture: str) -> bool:
        """Whether the host takes packages of `architecture` from here."""
        return not self.architectures or architecture in self.architectures


def read(root: str = "") -> list[Source]:
    """All sources of binary packages of the host whose file system is at `root`."""
    directory = f"{root}/etc/apt"
    sources: list[Source] = []
    for path in _files(directory):
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
        sources += parse_deb822(text, file=path) if path.endswith(".sources") else parse_list(text, file=path)
    return [_resolve_mirror_file(source, root) for source in sources]


def parse_list(text: str, *, file: str) -> list[Source]:
    """The one-line format: `deb [option=value …] uri suite component…`."""
    sources = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        if words.split(None, 1)[:1] == ["deb"]:
            sources.append(_one_line(words, place=f"{file}:{number}"))
    return sources


def _one_line(line: str, *, place: str) -> Source:
    match = re.fullmatch(r"deb\s+(?:\[(?P<options>[^]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)(?P<rest>.*)", line)
    if match is None:
        raise BadConfiguration(f"{place}: not `deb [options] uri suite component…`: {line}")
    options = dict(word.partition("=")[::2] for word in match["options"].split()) if match["options"] else {}
    return _source(
        uri=match["uri"],
        suite=match["suite"],
        components=match["rest"].split(),
        options={name.rstrip("+-").lower(): value.replace(",", " ") for name, value in options.items()},
    )


def parse_deb822(text: str, *, file: str) -> list[Source]:
    """The format of `.sources` files: every URI with every suite of a stanza."""
    from debian.deb822 import Deb822

    sources = []
    for stanza in Deb822.iter_paragraphs(text, use_apt_pkg=False):
        fields = {str(name).lower(): str(value) for name, value in stanza.items()}
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").strip().lower() == "no":
            continue
        if not fields.get("uris") or not fields.get("suites"):
            raise BadConfiguration(f"{file}: a stanza has no URIs or no Suites")
        sources += [
            _source(uri=uri, suite=suite, components=fields.get("components", "").split(), options=fields)
            for uri in fields["uris"].split()
            for suite in fields["suites"].split()
        ]
    return sources


def _source(*, uri: str, suite: str, components: Sequence[str], options: Mapping[str, str]) -> Source:
    signed_by = options.get("signed-by", "").strip()
    armoured = "-----BEGIN PGP" in signed_by
    bare, login = aptauth.split(uri.rstrip("/"))
    return Source(
        uri=bare,
        suite=suite,
        login=login,
        components=tuple(components),
        keyrings=() if armoured else tuple(word for word in signed_by.split() if word.startswith("/")),
        key=_unfold(signed_by) if armoured else "",
        architectures=tuple((options.get("architectures") or options.get("arch", "")).split()),
        check_valid_until=options.get("check-valid-until", "yes").lower() not in {"no", "false", "0"},
    )


def _unfold(key: str) -> str:
    # deb822(5): continuation lines begin with a space, and a single dot stands for an empty line.
    lines = [line.strip() for line in key.splitlines()]
    return "\n".join("" if line == "." else line for line in lines) + "\n"


def of_release(sources: Iterable[Source], codename: str, *, host_codename: str | None) -> list[Source]:
    """The sources that serve the Debian release `codename` and its pockets (updates, security).

    A host that names this release is taken at its word. A host on another Debian release uses mirrors that carry all
    releases: the same archives with the suite exchanged, pockets being optional there.
    """
    sources = list(sources)
    exact = [source for source in sources if source.suite in {codename + pocket for pocket in _POCKETS}]
    if any(source.suite == codename for source in exact):
        return exact
    bases = (*_MOVING, *((host_codename,) if host_codename else ()))
    found = []
    for base in bases:
        for source in sources:
            pocket = source.suite.removeprefix(base)
            if source.suite.startswith(base) and pocket in _POCKETS:
                pocket = "-security" if pocket == "/updates" else pocket
                found.append(source.replace(suite=codename + pocket, optional=bool(pocket)))
    return list(dict.fromkeys(found))


def host_codename(root: str = "") -> str | None:
    """The code name of the host's release where the host is Debian."""
    try:
        with open(f"{root}/etc/os-release", encoding="utf-8") as file:
            pairs = dict(line.strip().partition("=")[::2] for line in file if "=" in line)
    except OSError:
        return None
    values = {name: value.strip("\"'") for name, value in pairs.items()}
    return values.get("VERSION_CODENAME") if values.get("ID") == "debian" else None


def _resolve_mirror_file(source: Source, root: str) -> Source:
    # apt-transport-mirror(1): mirror+file names a list of mirrors on this host; the first one is taken.
    scheme, _, path = source.uri.partition(":")
    if scheme != "mirror+file":
        return source
    path = "/" + path.lstrip("/")
    try:
        with open(root + path, encoding="utf-8") as file:
            mirrors = [words[0] for line in file if (words := line.partition("#")[0].split())]
    except OSError as error:
        raise BadConfiguration(f"{path}: {error.strerror}") from None
    if not mirrors:
        raise BadConfiguration(f"{path}: names no mirror")
    bare, login = aptauth.split(mirrors[0].rstrip("/"))
    return source.replace(uri=bare, login=login)


def _files(directory: str) -> Iterator[str]:
    if os.path.isfile(f"{directory}/sources.list"):
        yield f"{directory}/sources.list"
    parts = f"{directory}/sources.list.d"
    for name in sorted(os.listdir(parts)) if os.path.isdir(parts) else ():
        if name.endswith((".list", ".sources")):
            yield f"{parts}/{name}"
