"""Secrets of a build: `--secret id=token,src=path` or `env=NAME`. Values stay in memory; files of them on a tmpfs."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LIMIT = 500 << 10
"""BuildKit's: a secret is no data."""


class SecretNotFound(NotFound):
    """A step requires a secret that the command line does not give."""

    def __init__(self, id: str) -> None:
        super().__init__(f"secret {id}: not found", hint=f"pass it with --secret id={id},src=FILE or env=VARIABLE")
        self.id = id


class SecretSource(Record):
    """Where a secret is: a file, or a variable of izba's own environment."""

    id: str
    file: str | None = None
    variable: str | None = None


class Secrets:
    """The secrets of one build, read when they are first needed."""

    def __init__(self, sources: Sequence[SecretSource], environ: Mapping[str, str]) -> None:
        self._sources = {source.id: source for source in sources}
        self._environ = environ

    def value(self, id: str) -> bytes | None:
        """The secret's value; None if there is none of this id."""
        source = self._sources.get(id)
        if source is None:
            return None
        if source.variable is not None:
            value = self._environ.get(source.variable)
            return None if value is None else value.encode("utf-8", "surrogateescape")
        assert source.file is not None
        try:
            with open(source.file, "rb") as file:
                data = file.read(LIMIT + 1)
        except OSError as error:
            raise InvalidArgument(f"secret {id}: {source.file}: {(error.strerror or '').lower()}") from None
        if len(data) > LIMIT:
            raise InvalidArgument(f"secret {id}: {source.file} is larger than {LIMIT >> 10} KiB")
        return data


def parse_secret(text: str, environ: Mapping[str, str]) -> SecretSource:
    """`--secret`'s text, as Docker reads it: without src and env, a variable called like the id, else a file."""
    fields: dict[str, str] = {}
    for field in text.split(","):
        key, equals, value = field.partition("=")
        if not equals:
            raise InvalidArgument(f"invalid field '{field}' must be a key=value pair", hint="--secret id=NAME,src=FILE")
        name = {"src": "source"}.get(key.strip().lower(), key.strip().lower())
        if name not in {"id", "source", "env", "type"}:
            raise InvalidArgument(f"unexpected key '{key}' in '{field}'", hint="--secret id=NAME,src=FILE")
        fields[name] = value
    kind = fields.get("type", "")
    if kind not in {"", "file", "env"}:
        raise InvalidArgument(f'unsupported secret type "{kind}"')
    if kind == "env" and "source" in fields:
        fields["env"] = fields.pop("source")
    id = fields.get("id") or fields.get("env") or fields.get("source", "")
    if not id:
        raise InvalidArgument("secret needs an id", hint="--secret id=NAME,src=FILE")
    if "env" in fields:
        return SecretSource(id=id, variable=fields["env"])
    if "source" not in fields and id in environ:
        return SecretSource(id=id, variable=id)
    return SecretSource(id=id, file=fields.get("source", id))
