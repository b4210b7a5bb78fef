"""What `izba secret` and `izba config` have in common: they differ in a word, and in that configs are shown."""

from __future__ import annotations

import sys
import time

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.cli.context import Context
    from izba.cli.options.flags import Flags
    from izba.engine.secrets import Entries, Entry

_FORMAT = "Format output: 'table', 'table TEMPLATE', 'json' or a Go template"
_MORE_THAN_ANY = 2 << 20
"""Bytes: what is longer is refused, and need not be read."""


def create_command(word: str) -> Command:
    """`create`."""
    return Command(
        name=f"{word} create",
        usage=f"[OPTIONS] {word.upper()} FILE|-",
        summary=f"Create a {word} from a file or STDIN as content",
        flags=(Flag(name="label", short="l", kind="list", help=f"{word.title()} labels"),),
        minimum=2,
        maximum=2,
    )


def create_entry(context: Context, kind: str, flags: Flags) -> int:
    """Keep it."""
    from izba.cli.options.environment import labels

    name, file = flags.arguments
    entries = _entries(context, kind)
    print(entries.create(name, _content(file), tuple(labels(flags.all("label"), ()).items())).name)
    return 0


def list_command(word: str) -> Command:
    """`ls`."""
    return Command(
        name=f"{word} ls",
        usage="[OPTIONS]",
        summary=f"List {word}s",
        aliases=(f"{word} list",),
        flags=(
            Flag(name="filter", short="f", kind="list", shown="filter", help="Filter output based on conditions"),
            Flag(name="format", kind="string", help=_FORMAT),
            Flag(name="quiet", short="q", help="Only display names"),
        ),
        maximum=0,
    )


def list_entries(context: Context, kind: str, flags: Flags) -> int:
    """Print a table, names, or what a template makes of each."""
    from izba.cli.output.filters import Filters
    from izba.cli.output.humanise import ago
    from izba.cli.output.listing import Field, Listing

    filters = Filters(flags.all("filter"), {"label", "name"})
    listing = Listing(
        kind=kind.removesuffix("s"),
        table=("Name", "CreatedAt", "Size"),
        fields={
            "Name": Field(header="NAME", value=lambda entry: entry.name),
            "CreatedAt": Field(header="CREATED", value=lambda entry: ago(time.time() - entry.created / 1e9)),
            "Size": Field(header="SIZE", value=lambda entry: f"{entry.size}B"),
            "Labels": Field(
                header="LABELS", value=lambda entry: ",".join(f"{name}={value}" for name, value in sorted(entry.labels))
            ),
            "Label": Field(
                header="LABEL", value=lambda entry, name: dict(entry.labels).get(name, ""), takes_argument=True
            ),
        },
    )
    found = [
        entry
        for entry in _entries(context, kind).all()
        if filters.labels(dict(entry.labels)) and filters.matches("name", entry.name)
    ]
    sys.stdout.write(listing.ids(found, "Name") if flags.on("quiet") else listing.show(found, flags.text("format")))
    return 0


def remove_command(word: str) -> Command:
    """`rm`."""
    return Command(
        name=f"{word} rm",
        usage=f"{word.upper()} [{word.upper()}...]",
        summary=f"Remove one or more {word}s",
        aliases=(f"{word} remove",),
        minimum=1,
    )


def remove_entries(context: Context, kind: str, flags: Flags) -> int:
    """Remove each that is there; tell of those that are not."""
    from izba.cli.main import report
    from izba.errors import IzbaError

    entries, code = _entries(context, kind), 0
    for name in flags.arguments:
        try:
            entries.remove(name)
        except IzbaError as error:
            code = report(error, 1)
        else:
            print(name)
    return code


def inspect_command(word: str) -> Command:
    """`inspect`."""
    return Command(
        name=f"{word} inspect",
        usage=f"[OPTIONS] {word.upper()} [{word.upper()}...]",
        summary=f"Display detailed information on one or more {word}s",
        flags=(Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),),
        minimum=1,
    )


def inspect_entries(context: Context, kind: str, flags: Flags) -> int:
    """Print what is known of each: of a secret all but what it holds."""
    from izba.cli.output.inspection import print_found

    entries = _entries(context, kind)
    return print_found(flags.arguments, lambda name: _shown(entries, entries.get(name)), flags.text("format"))


def _shown(entries: Entries, entry: Entry) -> dict[str, Any]:
    """Docker's document of a secret or config, without what only a swarm has."""
    from base64 import b64encode

    from izba.engine.secrets import CONFIGS
    from izba.timestamps import format_time

    spec: dict[str, Any] = {"Name": entry.name, "Labels": dict(entry.labels)}
    if entry.kind == CONFIGS:
        spec["Data"] = b64encode(entries.read(entry.name)).decode()
    return {"ID": entry.name, "CreatedAt": format_time(entry.created), "Spec": spec}


def _entries(context: Context, kind: str) -> Entries:
    from izba.engine.secrets import Entries

    return Entries(context.engine(), kind)


def _content(file: str) -> bytes:
    from izba.errors import InvalidArgument

    if file == "-":
        return sys.stdin.buffer.read(_MORE_THAN_ANY)
    try:
        with open(file, "rb") as opened:
            return opened.read(_MORE_THAN_ANY)
    except OSError as error:
        raise InvalidArgument(f"{file}: {(error.strerror or '').lower()}") from None
