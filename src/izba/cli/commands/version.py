"""`izba version`: show the version of izba and what it runs on."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="version",
    usage="[OPTIONS]",
    summary="Show the version of izba and what it runs on",
    flags=(Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),),
    maximum=0,
)


def run(_context: Context, argv: list[str]) -> int:
    """Print it; `.Client` and `.Server` of a template are the same program."""
    flags = COMMAND.parse(argv)
    from izba.engine.system import version

    facts = version()
    if format_ := flags.text("format"):
        from izba.cli.output.inspection import shown

        sys.stdout.write(shown([facts], format_))
        return 0
    client = facts["Client"]
    rows = (
        ("Version", client["Version"]),
        ("Python", client["PythonVersion"]),
        ("OS/Arch", f"{client['Os']}/{client['Arch']}"),
        ("Kernel", client["KernelVersion"]),
    )
    sys.stdout.write("izba\n" + "".join(f" {title + ':':<10}{value}\n" for title, value in rows))
    return 0
