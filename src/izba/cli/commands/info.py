"""`izba info`: display system-wide information."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag
from izba.cli.output import humanise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.cli.context import Context

COMMAND = Command(
    name="info",
    usage="[OPTIONS]",
    summary="Display system-wide information",
    aliases=("system info",),
    flags=(Flag(name="format", short="f", kind="string", help="Format output: 'json' or a Go template"),),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Print it, warnings to stderr."""
    flags = COMMAND.parse(argv)
    from izba.engine.system import info

    with context.engine() as engine:
        facts = info(engine)
    if format_ := flags.text("format"):
        from izba.cli.output.inspection import shown

        sys.stdout.write(shown([facts], format_))
        return 0
    sys.stdout.write(_text(facts))
    sys.stdout.flush()
    sys.stderr.write("".join(f"{warning}\n" for warning in facts["Warnings"]))
    return 0


def _text(facts: dict[str, Any]) -> str:
    how = [f"  {key}: {value}" for key, value in facts["DriverStatus"]]
    proxies = [
        f" {title}: {facts[key]}"
        for title, key in (("HTTP Proxy", "HttpProxy"), ("HTTPS Proxy", "HttpsProxy"), ("No Proxy", "NoProxy"))
        if facts[key]
    ]
    lines = [
        f" Containers: {facts['Containers']}",
        f"  Running: {facts['ContainersRunning']}",
        f"  Paused: {facts['ContainersPaused']}",
        f"  Stopped: {facts['ContainersStopped']}",
        f" Images: {facts['Images']}",
        f" Version: {facts['ServerVersion']}",
        f" Storage Driver: {facts['Driver']}",
        *how,
        f" Logging Driver: {facts['LoggingDriver']}",
        f" Cgroup Driver: {facts['CgroupDriver']}",
        f" Cgroup Version: {facts['CgroupVersion']}",
        f" Runtimes: {' '.join(sorted(facts['Runtimes']))}",
        f" Default Runtime: {facts['DefaultRuntime']}",
        " Security Options:",
        *(f"  {option.removeprefix('name=').partition(',')[0]}" for option in facts["SecurityOptions"]),
        f" Kernel Version: {facts['KernelVersion']}",
        f" Operating System: {facts['OperatingSystem']}",
        f" OSType: {facts['OSType']}",
        f" Architecture: {facts['Architecture']}",
        f" CPUs: {facts['NCPU']}",
        f" Total Memory: {humanise.binary_size(facts['MemTotal'])}",
        f" Name: {facts['Name']}",
        f" Root Dir: {facts['DockerRootDir']}",
        *proxies,
    ]
    return "\n".join(lines) + "\n"
