"""`izba login`: keep credentials for a registry, where Docker keeps them too."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag, UsageError
from izba.oci.reference import DEFAULT_DOMAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="login",
    usage="[OPTIONS] [SERVER]",
    summary="Authenticate to a registry",
    flags=(
        Flag(name="password", short="p", kind="string", help="Password (others can see it in the process list)"),
        Flag(name="password-stdin", help="Take the password from stdin"),
        Flag(name="username", short="u", kind="string", help="Username"),
    ),
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Ask for what is missing, check it with the registry, and keep it."""
    flags = COMMAND.parse(argv)
    host = host_of(flags.arguments[0] if flags.arguments else DEFAULT_DOMAIN)
    username, password = flags.text("username"), flags.text("password")
    if flags.on("password-stdin"):
        if password is not None:
            raise UsageError("--password and --password-stdin are mutually exclusive")
        if not username:
            raise UsageError("Must provide --username with --password-stdin")
        password = sys.stdin.read().rstrip("\r\n")
    elif password is not None:
        print("warning: using --password via the CLI is insecure. Use --password-stdin.", file=sys.stderr)
    if not username:
        username = _ask("Username: ")
    if password is None:
        from getpass import getpass

        password = getpass("Password: ")
    from izba.registry.credentials import Credentials

    with context.engine() as engine:
        kept = engine.registries.login(host, Credentials(username=username, password=password))
    print(f"Login Succeeded; the credentials are in {kept}")
    return 0


def host_of(server: str) -> str:
    """The registry's name as references have it: no scheme, no path."""
    host = server.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DEFAULT_DOMAIN if host in {"index.docker.io", "registry-1.docker.io"} else host


def _ask(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError("cannot ask for a username without a terminal", hint="give --username and --password-stdin")
    return input(prompt)
