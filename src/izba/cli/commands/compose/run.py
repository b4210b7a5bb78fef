"""`izba compose run`: one command in a new container of a service."""

from __future__ import annotations

import os

from izba.cli.commands.compose.session import Session
from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.commands.compose.context import ComposeContext
    from izba.cli.options.flags import Flags
    from izba.compose.project import Project, Publish, Service

COMMAND = Command(
    name="compose run",
    usage="[OPTIONS] SERVICE [COMMAND] [ARG...]",
    summary="Run a one-off command on a service",
    flags=(
        Flag(name="build", help="Build image before starting container"),
        Flag(name="cap-add", kind="list", help="Add Linux capabilities"),
        Flag(name="cap-drop", kind="list", help="Drop Linux capabilities"),
        Flag(name="detach", short="d", help="Run container in background and print container ID"),
        Flag(name="entrypoint", kind="string", help="Override the entrypoint of the image"),
        Flag(name="env", short="e", kind="list", help="Set environment variables"),
        Flag(name="env-from-file", kind="list", help="Set environment variables from file"),
        Flag(name="interactive", short="i", help="Keep STDIN open even if not attached (default true)"),
        Flag(name="label", short="l", kind="list", help="Add or override a label"),
        Flag(name="name", kind="string", help="Assign a name to the container"),
        Flag(name="no-TTY", short="T", help="Disable pseudo-TTY allocation"),
        Flag(name="no-deps", help="Don't start linked services"),
        Flag(name="publish", short="p", kind="list", help="Publish a container's port(s) to the host"),
        Flag(name="pull", kind="string", help='Pull image before running: "always", "missing" or "never"'),
        Flag(name="quiet-build", help="Suppress progress output from the build process"),
        Flag(name="quiet-pull", help="Pull without printing progress information"),
        Flag(name="remove-orphans", help="Remove containers for services not defined in the files"),
        Flag(name="rm", help="Automatically remove the container when it exits"),
        Flag(name="service-ports", short="P", help="Run command with all service's ports enabled and mapped"),
        Flag(name="use-aliases", help="Use the service's network aliases in the networks the container connects to"),
        Flag(name="user", short="u", kind="string", help="Run as specified username or uid"),
        Flag(name="volume", short="v", kind="list", help="Bind mount a volume"),
        Flag(name="workdir", short="w", kind="string", help="Working directory inside the container"),
    ),
    minimum=1,
    interspersed=False,
)


def run(compose: ComposeContext, argv: list[str]) -> int:
    """Run it; the container's exit code."""
    flags = COMMAND.parse(argv)
    name = flags.arguments[0]
    detach = flags.on("detach")
    from izba.monitor.spawn import Monitor

    monitor = Monitor(attached=not detach)
    with Session(compose, starts=True) as session:
        from izba.cli.commands.compose.bringing import bring_up, told
        from izba.compose import images
        from izba.compose.builds import ensure
        from izba.compose.verbs.run import create_one_off
        from izba.compose.verbs.up import UpOptions

        whole = compose.project([name])
        service = whole.service(name)
        image_options = images.ImageOptions(build=flags.on("build"), pull=flags.text("pull") or "")
        with told():
            needed = tuple(each.service for each in service.depends_on if whole.has(each.service))
            if needed and not flags.on("no-deps"):
                options = UpOptions(
                    services=needed, images=image_options, recreate="never", remove_orphans=flags.on("remove-orphans")
                )
                bring_up(session, whole, options, quiet=flags)
            alone = whole.with_services((service,))
            tools = session.tools(quiet=flags.on("quiet-build"), pull_quiet=flags.on("quiet-pull"))
            ensure(session.engine, alone, image_options, tools)
        container = create_one_off(session.engine, whole, _changed(whole, service, flags), name=flags.text("name"))
        from izba.cli.foreground import run_attached
        from izba.engine.containers.start import start

        if detach:
            start(session.engine, container, monitor)
            print(container.name)
            return 0
        return run_attached(
            session.engine,
            container,
            monitor,
            keys=None,
            proxy=True,
            stdin=container.config.get("AttachStdin", False),
        )


def _changed(project: Project, service: Service, flags: Flags) -> Service:
    """The service as this one container shall be."""
    from izba.cli.options.environment import environment, labels
    from izba.engine.containers.imageconfig import merged_env

    config, host = service.config.copy(), service.host_config.copy()
    detach = flags.on("detach")
    tty = not flags.on("no-TTY") and os.isatty(0) and os.isatty(1) and not detach
    interactive = flags.on("interactive", True) and not detach
    config["Tty"], config["OpenStdin"] = tty, interactive
    config["AttachStdin"] = config["StdinOnce"] = interactive
    config["AttachStdout"] = config["AttachStderr"] = not detach
    if command := flags.arguments[1:]:
        config["Cmd"] = list(command)
    if (entrypoint := flags.text("entrypoint")) is not None:
        import shlex

        config["Entrypoint"] = shlex.split(entrypoint) or [""]
        config["Cmd"] = list(flags.arguments[1:])
    if flags.given("env") or flags.given("env-from-file"):
        given = environment(flags.all("env"), flags.all("env-from-file"))
        config["Env"] = merged_env(config.get("Env") or [], given)
    if flags.given("label"):
        config["Labels"] = (config.get("Labels") or {}) | labels(flags.all("label"), ())
    if user := flags.text("user"):
        config["User"] = user
    if directory := flags.text("workdir"):
        config["WorkingDir"] = directory
    config.pop("Healthcheck", None)
    host["AutoRemove"] = flags.on("rm")
    host["RestartPolicy"] = {"Name": "no", "MaximumRetryCount": 0}
    host["CapAdd"] = [*(host.get("CapAdd") or ()), *flags.all("cap-add")]
    host["CapDrop"] = [*(host.get("CapDrop") or ()), *flags.all("cap-drop")]
    if flags.given("volume"):
        host["Binds"] = [_absolute(text, project) for text in flags.all("volume")]
    ports = service.ports if flags.on("service-ports") else ()
    endpoints = service.endpoints
    if not flags.on("use-aliases"):
        endpoints = tuple(endpoint.replace(aliases=(), address="", mac="") for endpoint in endpoints)
    return service.replace(
        config=config, host_config=host, ports=(*ports, *_published(flags.all("publish"))), endpoints=endpoints
    )


def _absolute(text: str, project: Project) -> str:
    source, colon, rest = text.partition(":")
    if colon and source.startswith((".", "~")):
        from izba.compose.files import absolute

        return f"{absolute(project.directory, source)}:{rest}"
    return text


def _published(texts: tuple[str, ...]) -> tuple[Publish, ...]:
    from izba.cli.options.ports import published
    from izba.compose.project import Publish

    found = []
    for key, places in published(texts).items():
        target, _, protocol = key.partition("/")
        found += [
            Publish(target=int(target), protocol=protocol, published=place["HostPort"], address=place["HostIp"])
            for place in places
        ]
    return tuple(found)
