"""Image references: the grammar of the distribution project, and Docker's short forms.

    reference = name [":" tag] ["@" digest]
    name      = [domain "/"] path
    domain    = host [":" port]; host = name | IPv4 | "[" IPv6 "]"
    path      = component ("/" component)*; component = alnum (separator alnum)*, lowercase
    separator = "." | "_" | "__" | "-"+

`python` means `docker.io/library/python:latest` (canonical); people see `python:latest` (familiar).
Written without `re`, which would cost a quarter of the start of `izba run`.
"""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument
from izba.ids import HEX
from izba.oci.digest import Digest, InvalidDigest

DEFAULT_DOMAIN = "docker.io"
OFFICIAL = "library"
DEFAULT_TAG = "latest"
NAME_LIMIT = 255
TAG_LIMIT = 128

_LOWER = frozenset("abcdefghijklmnopqrstuvwxyz0123456789")
_LETTERS = _LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_TAG_FIRST = _LETTERS | {"_"}
_TAG = _TAG_FIRST | {".", "-"}
_IPV6 = frozenset("0123456789abcdefABCDEF:")
_DIGITS = frozenset("0123456789")


class InvalidReference(InvalidArgument):
    """A text is not a reference; the message begins with the words that Docker's clients know."""

    def __init__(self, text: str, reason: str = "") -> None:
        # The text may come from anywhere and goes to a terminal: repr keeps control characters out.
        super().__init__(f"invalid reference format: {reason or repr(text[:300])}")
        self.text = text


class Reference(Record):
    """A name in a registry, with a tag, a digest or both; `Reference.parse` always gives at least one."""

    domain: str
    path: str
    tag: str | None = None
    digest: Digest | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read what a user typed; the tag is `latest` where nothing else is given. Raises `InvalidReference`."""
        if len(text) == 64 and HEX.issuperset(text):
            raise InvalidReference(text, f"repository name ({text}), cannot specify 64-byte hexadecimal strings")
        rest, at, digest_text = text.partition("@")
        digest = _digest(digest_text, text) if at else None
        name, tag = _split_tag(rest)
        if tag is not None and not is_tag(tag):
            raise InvalidReference(text)
        domain, path = _split_domain(name)
        if not _is_domain(domain):
            raise InvalidReference(text)
        if not _is_path(path):
            raise InvalidReference(text, _hint_lowercase(path))
        if len(domain) + 1 + len(path) > NAME_LIMIT:
            raise InvalidReference(text, f"repository name must not be more than {NAME_LIMIT} characters")
        return cls(domain=domain, path=path, tag=DEFAULT_TAG if tag is None and digest is None else tag, digest=digest)

    @property
    def name(self) -> str:
        """The repository, in full: `docker.io/library/python`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar_name(self) -> str:
        """The repository as people write it: `python`."""
        if self.domain != DEFAULT_DOMAIN:
            return self.name
        official, _, rest = self.path.partition("/")
        return rest if official == OFFICIAL and "/" not in rest else self.path

    def canonical(self) -> str:
        """The one form that names are kept under; a digest says more than a tag, so the tag is left out beside it."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    def familiar(self) -> str:
        """The shortest form that means the same, as Docker prints it."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.familiar_name}{tag}" + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.familiar()


def is_tag(text: str) -> bool:
    """Whether `text` is a tag."""
    return 0 < len(text) <= TAG_LIMIT and text[0] in _TAG_FIRST and _TAG.issuperset(text)


def familiar(canonical: str) -> str:
    """The familiar form of a name kept by the store, which needs no checking."""
    domain, _, rest = canonical.partition("/")
    if domain != DEFAULT_DOMAIN:
        return canonical
    short = rest.removeprefix(f"{OFFICIAL}/")
    return rest if "/" in short.partition("@")[0] else short


def _split_tag(text: str) -> tuple[str, str | None]:
    """A colon after the last slash begins the tag; one before it is a port or in an IPv6 address."""
    head, slash, tail = text.rpartition("/")
    name, colon, tag = tail.partition(":")
    return head + slash + name, tag if colon else None


def _split_domain(name: str) -> tuple[str, str]:
    """Docker's rule: the first part is a host if it looks like one, by a dot, a colon, `localhost` or an upper case."""
    first, slash, rest = name.partition("/")
    if not slash or (first != "localhost" and first == first.lower() and not any(c in first for c in ".:[")):
        domain, path = DEFAULT_DOMAIN, name
    else:
        domain, path = first, rest
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"{OFFICIAL}/{path}"
    return domain, path


def _is_domain(text: str) -> bool:
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        return bool(bracket and address) and _IPV6.issuperset(address) and (not port or _is_port(port))
    host, colon, port = text.partition(":")
    return all(map(_is_label, host.split("."))) and (not colon or _is_port(f":{port}"))


def _is_port(text: str) -> bool:
    return len(text) > 1 and text[0] == ":" and _DIGITS.issuperset(text[1:])


def _is_label(text: str) -> bool:
    return bool(text) and text[0] in _LETTERS and text[-1] in _LETTERS and (_LETTERS | {"-"}).issuperset(text)


def _is_path(text: str) -> bool:
    return all(map(_is_component, text.split("/")))


def _is_component(text: str) -> bool:
    """Runs of letters and digits, with one separator between two runs."""
    if not text or text[0] not in _LOWER or text[-1] not in _LOWER:
        return False
    separator = ""
    for character in text:
        if character in _LOWER:
            if separator.strip("-") and separator not in {".", "_", "__"}:
                return False
            separator = ""
        elif character in "._-":
            separator += character
        else:
            return False
    return True


def _digest(text: str, whole: str) -> Digest:
    try:
        return Digest.parse(text)
    except InvalidDigest as error:
        raise InvalidReference(whole, f"{error.message}; {error.hint}") from None


def _hint_lowercase(path: str) -> str:
    if path != path.lower() and _is_path(path.lower()):
        return f"repository name ({path}) must be lowercase"
    return ""
