"""`izba-oci`: the built-in runtime by the command line of crun and runc (python -m izba.runtime.native.command).

izba itself calls the runtime in process; this is for those who have a bundle, and for conformance tests.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time

from izba import jsonio
from izba.errors import Conflict, InvalidArgument, IzbaError
from izba.linux import process
from izba.runtime import bundle as bundles
from izba.runtime.launch import Launched, Stdio
from izba.runtime.native import channel, create, defaultspec, execin, hooks, state, terminal
from izba.runtime.native.state import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cgroups.manager import CgroupManager
    from izba.oci.runtimespec import Process, Spec

NAME = "izba-oci"


def main(argv: list[str] | None = None) -> int:
    """Run one command and give its exit code."""
    options = _parser().parse_args(argv)
    try:
        code: int = options.run(options)
    except (IzbaError, OSError) as error:
        message = str(error)
        if options.log:
            with open(options.log, "a", encoding="utf-8") as log:
                log.write(_log_line(message, options.log_format))
        sys.stderr.write(f"{NAME}: {message}\n")
        return int(getattr(error, "exit_code", 1))
    return code


def _log_line(message: str, form: str) -> str:
    if form == "json":
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return jsonio.dumps_ordered({"msg": message, "level": "error", "time": stamp}) + "\n"
    return message + "\n"


# -- the commands


def run_create(options: argparse.Namespace) -> int:
    container, created = _create(options)
    created.close()
    del container
    return 0


def run_start(options: argparse.Namespace) -> int:
    container = state.load(options.root, options.id)
    if container.status != "created":
        raise Conflict(f"cannot start a container that is {container.status}")
    _start(container)
    return 0


def run_run(options: argparse.Namespace) -> int:
    container, created = _create(options)
    try:
        _start(container)
    except BaseException:
        _delete(container)
        raise
    if options.detach:
        created.close()
        return 0
    code = _wait(created, options)
    if not options.keep:
        _delete(container)
    return code


def run_state(options: argparse.Namespace) -> int:
    container = state.load(options.root, options.id)
    document = {**container.state(), "rootfs": _rootfs(container), "created": container.created}
    sys.stdout.write(jsonio.dumps_ordered(document) + "\n")
    return 0


def run_kill(options: argparse.Namespace) -> int:
    container = state.load(options.root, options.id)
    number = _signal(options.signal)
    if options.all and (manager := _cgroup(container.cgroup)) is not None:
        for pid in manager.pids():
            os.kill(pid, number)
        return 0
    if container.status == "stopped":
        raise Conflict("container not running")
    pidfd = process.pidfd_open(container.pid, container.start_time)
    process.send_signal(pidfd, number)
    os.close(pidfd)
    return 0


def run_delete(options: argparse.Namespace) -> int:
    try:
        container = state.load(options.root, options.id)
    except state.OciContainerNotFound:
        if options.force:
            return 0
        raise
    status = container.status
    if status == "running" and not options.force:
        raise Conflict(f"cannot delete container {container.id} that is not stopped: {status}")
    _delete(container)
    return 0


def run_exec(options: argparse.Namespace) -> int:
    container = state.load(options.root, options.id)
    if container.status != "running":
        raise Conflict(f"cannot exec in a container that is {container.status}")
    launched = execin.exec_in(
        container.spec,
        _process(options, container.spec),
        pid=container.pid,
        start_time=container.start_time,
        stdio=Stdio(),
        run_directory=options.root,
        cgroup=_cgroup(container.cgroup),
    )
    _write_pid(options.pid_file, launched.pid)
    _hand_over_console(options.console_socket, launched)
    if options.detach:
        launched.close()
        return 0
    return _wait(launched, options)


def run_list(options: argparse.Namespace) -> int:
    containers = list(state.load_all(options.root))
    if options.quiet:
        sys.stdout.write("".join(f"{each.id}\n" for each in containers))
    elif options.format == "json":
        rows = [{**each.state(), "created": each.created} for each in containers]
        sys.stdout.write(jsonio.dumps_ordered(rows) + "\n")
    else:
        row = "{:<20} {:<8} {:<8} {}\n".format
        sys.stdout.write(row("ID", "PID", "STATUS", "BUNDLE"))
        for each in containers:
            document = each.state()
            sys.stdout.write(row(each.id, document["pid"], document["status"], each.bundle))
    return 0


def run_spec(options: argparse.Namespace) -> int:
    path = f"{options.bundle}/config.json"
    if os.path.exists(path):
        raise Conflict(f"file {path} exists; remove it first")
    with open(path, "x", encoding="utf-8") as file:
        file.write(jsonio.dumps_ordered(defaultspec.default_spec()))
    return 0


# -- what they share


def _create(options: argparse.Namespace) -> tuple[Container, create.Created]:
    bundle = os.path.realpath(options.bundle)
    spec = bundles.read_checked(bundle)
    directory = state.reserve(options.root, options.id)
    cgroup = spec.get("linux", {}).get("cgroupsPath", "")
    resources = spec.get("linux", {}).get("resources", {})
    if not cgroup and set(resources) - {"devices"}:
        cgroup = f"/{NAME}/{options.id}"
    manager = _cgroup(cgroup)
    listener = channel.listen(f"{directory}/start.sock")
    try:
        if manager is not None:
            manager.apply(resources)
        created = create.create(
            spec,
            id=options.id,
            bundle=bundle,
            stdio=Stdio(),
            run_directory=options.root,
            cgroup=manager,
            listener=listener,
        )
        container = Container(
            id=options.id,
            directory=directory,
            bundle=bundle,
            pid=created.pid,
            start_time=created.start_time,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            cgroup=cgroup if manager is not None else "",
            spec=spec,
        )
        container.save()
        _write_pid(options.pid_file, created.pid)
        _hand_over_console(options.console_socket, created)
    except BaseException:
        if manager is not None:
            manager.remove()
        state.forget(directory)
        raise
    finally:
        listener.close()
    return container, created


def _start(container: Container) -> None:
    connection = channel.connect(container.socket)
    os.unlink(container.socket)
    try:
        create.start_by(connection, (container.spec["process"].get("args") or [""])[0])
    finally:
        connection.close()
    create.run_poststart_hooks(container.spec.get("hooks", {}), container.state())


def _delete(container: Container) -> None:
    try:
        pidfd = process.pidfd_open(container.pid, container.start_time)
    except ProcessLookupError:
        pass
    else:
        process.send_signal(pidfd, signal.SIGKILL)
        process.has_ended(pidfd, 10_000)
        os.close(pidfd)
    if (manager := _cgroup(container.cgroup)) is not None:
        manager.kill()
        manager.remove()
    for hook in container.spec.get("hooks", {}).get("poststop", ()):
        try:
            hooks.run(hook, {**container.state(), "status": "stopped"})
        except hooks.HookFailed as error:  # told, and no reason to keep the rest (runtime.md, Lifecycle)
            sys.stderr.write(f"{NAME}: {error}\n")
    state.forget(container.directory)


def _cgroup(path: str) -> CgroupManager | None:
    if not path:
        return None
    from izba.cgroups.manager import manager

    return manager(path)


def _process(options: argparse.Namespace, spec: Spec) -> Process:
    """The process to execute: a document, or the container's own with other words."""
    if options.process:
        given: Process = jsonio.read(options.process)
        return given
    made: Process = {**spec["process"], "args": options.command, "terminal": options.tty}
    if not options.command:
        raise InvalidArgument("no command specified")
    if options.cwd:
        made["cwd"] = options.cwd
    made["env"] = [*made.get("env", []), *options.env]
    if options.user:
        uid, _, gid = options.user.partition(":")
        made["user"] = {"uid": int(uid), "gid": int(gid or 0)}
    if options.no_new_privs:
        made["noNewPrivileges"] = True
    return made


def _hand_over_console(socket_path: str, launched: Launched) -> None:
    if launched.console is None or not socket_path:
        return
    terminal.send_console(socket_path, launched.console)
    os.close(launched.console)
    launched.console = None


def _wait(launched: Launched, options: argparse.Namespace) -> int:
    del options
    if launched.console is not None:
        terminal.relay(launched.console)
    code = process.wait(launched.pid)
    launched.close()
    return code


def _write_pid(path: str, pid: int) -> None:
    if path:
        jsonio.write_bytes(path, str(pid).encode(), durable=False)


def _rootfs(container: Container) -> str:
    return os.path.normpath(os.path.join(container.bundle, container.spec["root"]["path"]))


def _signal(name: str) -> int:
    if name.isdigit():
        return int(name)
    try:
        return signal.Signals[name.upper() if name.upper().startswith("SIG") else f"SIG{name.upper()}"]
    except KeyError:
        raise InvalidArgument(f"unknown signal {name!r}") from None


# -- the command line


def _default_root() -> str:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    return f"{runtime}/{NAME}" if runtime and os.geteuid() != 0 else f"/run/{NAME}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(NAME, description="izba's own OCI runtime.", allow_abbrev=False)
    parser.add_argument("--root", default=_default_root(), help="where the state of containers is kept")
    parser.add_argument("--log", default="", help="append errors to this file")
    parser.add_argument("--log-format", default="text", choices=("text", "json"))
    parser.add_argument("--debug", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--systemd-cgroup", action="store_true", help=argparse.SUPPRESS)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    for name, run, text in (
        ("create", run_create, "make a container, its init waiting"),
        ("run", run_run, "create, start and wait"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("-b", "--bundle", default=".")
        command.add_argument("--pid-file", default="")
        command.add_argument("--console-socket", default="")
        command.add_argument("--no-new-keyring", action="store_true", help=argparse.SUPPRESS)
        if name == "run":
            command.add_argument("-d", "--detach", action="store_true")
            command.add_argument("--keep", action="store_true")
        command.add_argument("id")
    for name, run, text in (
        ("start", run_start, "let a created container execute its command"),
        ("state", run_state, "print the state of a container"),
    ):
        command = commands.add_parser(name, help=text)
        command.set_defaults(run=run)
        command.add_argument("id")
    command = commands.add_parser("kill", help="signal a container's init")
    command.set_defaults(run=run_kill)
    command.add_argument("-a", "--all", action="store_true", help="all its processes")
    command.add_argument("id")
    command.add_argument("signal", nargs="?", default="SIGTERM")
    command = commands.add_parser("delete", help="remove what is kept of a container that has ended")
    command.set_defaults(run=run_delete)
    command.add_argument("-f", "--force", action="store_true", help="end it first")
    command.add_argument("id")
    command = commands.add_parser("exec", help="execute a command in a running container")
    command.set_defaults(run=run_exec)
    command.add_argument("--cwd", default="")
    command.add_argument("-e", "--env", action="append", default=[])
    command.add_argument("-t", "--tty", action="store_true")
    command.add_argument("-u", "--user", default="")
    command.add_argument("-p", "--process", default="", help="a process document instead of a command")
    command.add_argument("-d", "--detach", action="store_true")
    command.add_argument("--pid-file", default="")
    command.add_argument("--console-socket", default="")
    command.add_argument("--no-new-privs", action="store_true")
    command.add_argument("id")
    command.add_argument("command", nargs=argparse.REMAINDER)
    command = commands.add_parser("list", help="list containers")
    command.set_defaults(run=run_list)
    command.add_argument("-f", "--format", default="table", choices=("table", "json"))
    command.add_argument("-q", "--quiet", action="store_true")
    command = commands.add_parser("spec", help="write a config.json to begin with")
    command.set_defaults(run=run_spec)
    command.add_argument("-b", "--bundle", default=".")
    return parser


if __name__ == "__main__":
    sys.exit(main())
