"""Packages indexes: 60,000 paragraphs of which a hundred are wanted, so each is parsed when it is asked for."""

from __future__ import annotations

from functools import cached_property

from izba.bootstrap.errors import Corrupt
from izba.bootstrap.fetch.cache import Promise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from debian.deb822 import Packages
    from debian.debian_support import Version


class Relation:
    """One alternative of a dependency: `name (operator version)`."""

    __slots__ = ("name", "operator", "version")

    def __init__(self, name: str, operator: str | None = None, version: str | None = None) -> None:
        self.name = name
        self.operator = operator
        self.version = version

    def accepts(self, version: Version) -> bool:
        """Whether `version` is one that is wanted (policy, section 7.1)."""
        from debian.debian_support import Version

        if self.operator is None:
            return True
        wanted = Version(self.version)
        return {
            "<<": version < wanted,
            "<=": version <= wanted,
            "<": version <= wanted,
            "=": version == wanted,
            ">=": version >= wanted,
            ">": version >= wanted,
            ">>": version > wanted,
        }[self.operator]

    def __str__(self) -> str:
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name


class Package:
    """A binary package of an index; `uri` is the archive that has it."""

    def __init__(self, paragraph: str, uri: str) -> None:
        self.paragraph = paragraph
        self.uri = uri

    @cached_property
    def fields(self) -> Packages:
        """The paragraph, parsed."""
        from debian.deb822 import Packages

        return Packages(self.paragraph)

    @cached_property
    def version(self) -> Version:
        """The version, comparable."""
        from debian.debian_support import Version

        return Version(self.fields["Version"])

    @property
    def name(self) -> str:
        """The package's name."""
        return str(self.fields["Package"])

    @property
    def architecture(self) -> str:
        """What it is built for, or `all`."""
        return str(self.fields["Architecture"])

    @property
    def priority(self) -> str:
        """Required, important, standard, optional or extra."""
        return str(self.fields.get("Priority", "optional"))

    @property
    def identity(self) -> str:
        """Name, architecture and version, as dpkg writes them in a file's name."""
        return f"{self.name}_{self.fields['Version']}_{self.architecture}"

    @property
    def url(self) -> str:
        """Where the archive has it."""
        return f"{self.uri}/{self.fields['Filename']}"

    @cached_property
    def promise(self) -> Promise:
        """What the signed index says of the file. Raises `Corrupt` where it does not say enough."""
        try:
            digest, size = str(self.fields["SHA256"]).lower(), int(self.fields["Size"])
        except (KeyError, ValueError):
            raise Corrupt(f"package {self.name}", "the index gives no SHA256 and size") from None
        return Promise(what=self.url, algorithm="sha256", hex=digest, size=size)

    def groups(self, *fields: str) -> list[list[Relation]]:
        """The relations of `fields`: all groups must hold, by any alternative each."""
        return [
            [Relation(one["name"], *(one["version"] or ())) for one in group]
            for field in fields
            for group in self.fields.relations[field] or ()
        ]

    @cached_property
    def provides(self) -> tuple[Relation, ...]:
        """The names it provides besides its own."""
        return tuple(group[0] for group in self.groups("provides"))

    def satisfies(self, relation: Relation) -> bool:
        """Whether it, or what it provides, is what `relation` wants (policy, sections 7.1 and 7.5)."""
        from debian.debian_support import Version

        if self.name == relation.name:
            return relation.accepts(self.version)
        return any(
            provided.name == relation.name
            and (relation.operator is None or (provided.version and relation.accepts(Version(provided.version))))
            for provided in self.provides
        )

    def __repr__(self) -> str:
        return f"<Package {self.identity}>"


class PackageIndex:
    """All packages of several indexes."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[Package]] = {}
        self._providing: list[Package] = []
        self._required: list[Package] = []
        self.archives: list[str] = []

    def add(self, text: str, uri: str, *, archive: str) -> None:
        """Take in a Packages file."""
        self.archives.append(archive)
        for paragraph in text.split("\n\n"):
            name = _name_of(paragraph)
            if name is None:
                continue
            package = Package(paragraph, uri)
            self._by_name.setdefault(name, []).append(package)
            if "\nProvides:" in paragraph:
                self._providing.append(package)
            if "\nPriority: required" in paragraph or "\nEssential: yes" in paragraph:
                self._required.append(package)

    def newest(self, name: str) -> Package | None:
        """The highest version of `name`."""
        candidates = self._by_name.get(name)
        return max(candidates, key=lambda package: package.version) if candidates else None

    def required(self) -> list[Package]:
        """The packages that every Debian system has: priority required, or essential."""
        names = sorted({package.name for package in self._required})
        newest = (self.newest(name) for name in names)
        return [
            package
            for package in newest
            if package and (package.priority == "required" or package.fields.get("Essential") == "yes")
        ]

    def candidates(self, relation: Relation) -> Iterator[Package]:
        """The packages that satisfy `relation`, the real one before those that provide it."""
        real = self.newest(relation.name)
        if real is not None and real.satisfies(relation):
            yield real
        yield from sorted(self._providers(relation), key=lambda package: (_RANK.get(package.priority, 9), package.name))

    def _providers(self, relation: Relation) -> Iterable[Package]:
        for package in self._providing:
            if (
                relation.name in package.paragraph
                and package.name != relation.name
                and package.satisfies(relation)
                and self.newest(package.name) is package
            ):
                yield package

    def description(self) -> str:
        """The archives, for an error."""
        return ", ".join(self.archives)


_RANK = {"required": 0, "important": 1, "standard": 2, "optional": 3, "extra": 4}


def _name_of(paragraph: str) -> str | None:
    if paragraph.startswith("Package: "):
        end = paragraph.find("\n")
        return paragraph[9:end] if end > 0 else None
    # An index may begin a paragraph with another field.
    for line in paragraph.splitlines():
        if line.lower().startswith("package:"):
            return line[8:].strip()
    return None
