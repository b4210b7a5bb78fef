"""`izba logout`: forget the credentials for a registry."""

from __future__ import annotations

from izba.cli.commands.login import host_of
from izba.cli.options.flags import Command
from izba.oci.reference import DEFAULT_DOMAIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(name="logout", usage="[SERVER]", summary="Log out from a registry", maximum=1)


def run(context: Context, argv: list[str]) -> int:
    """Remove them from config.json or the credential helper."""
    flags = COMMAND.parse(argv)
    host = host_of(flags.arguments[0] if flags.arguments else DEFAULT_DOMAIN)
    with context.engine() as engine:
        found = engine.registries.logout(host)
    print(f"Removing login credentials for {host}" if found else f"Not logged in to {host}")
    return 0
