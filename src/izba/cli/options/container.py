"""The flags of `create` and `run`, and Docker's two documents that they make.

Groups of flags are read by modules of their own, which are imported only where one of their flags was given.
"""

from __future__ import annotations

from izba.cli.options.containerflags import MEANINGLESS, REFUSED
from izba.cli.options.flags import UsageError
from izba.engine.containers.model import ContainerRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags
    from izba.engine.containers.documents import ContainerConfig, HostConfig, RestartPolicy
    from izba.network.store import EndpointRequest


_RESOURCES = (
    "blkio-weight blkio-weight-device cpu-period cpu-quota cpu-shares cpus cpuset-cpus cpuset-mems device "
    "device-cgroup-rule device-read-bps device-read-iops device-write-bps device-write-iops memory memory-reservation "
    "memory-swap memory-swappiness oom-kill-disable pids-limit shm-size ulimit"
).split()
_MOUNTS = ("mount", "tmpfs", "volume", "volumes-from")
_NETWORK = (
    "add-host dns dns-option dns-search expose ip mac-address net network network-alias publish publish-all"
).split()
_MODES = {"userns": "USER", "cgroupns": "CGROUP"}
_HEALTH = (
    "health-cmd health-interval health-on-failure health-retries health-start-interval health-start-period "
    "health-timeout no-healthcheck"
).split()


def request(flags: Flags, *, detach: bool) -> ContainerRequest:
    """What the command line asks for. Raises `UsageError`."""
    for name, reason in REFUSED.items():
        if flags.given(name) and flags.all(name)[-1] != MEANINGLESS.get(name):
            raise UsageError(f"--{name} is not supported: {reason}")
    config: ContainerConfig = {}
    host: HostConfig = {}
    _process(flags, config, detach=detach)
    _environment(flags, config)
    _isolation(flags, host)
    _lifecycle(flags, host)
    if any(map(flags.given, _RESOURCES)):
        from izba.cli.options import resources

        resources.read(flags, host)
    if any(map(flags.given, _MOUNTS)):
        from izba.cli.options import mounts

        mounts.read(flags, config, host)
    if any(map(flags.given, _HEALTH)):
        from izba.cli.options import health

        health.read(flags, config, host)
    endpoints: tuple[EndpointRequest, ...] = ()
    if any(map(flags.given, _NETWORK)):
        from izba.cli.options import network

        endpoints = network.read(flags, config, host)
    _check_hostname_is_its_own(config, host)
    from izba.cli.options.environment import platform

    pull = flags.text("pull") or "missing"
    if pull not in {"always", "missing", "never"}:
        raise UsageError(f'invalid pull option: \'{pull}\': must be one of "always", "missing" or "never"')
    return ContainerRequest(
        image=flags.arguments[0],
        config=config,
        host_config=host,
        name=flags.text("name") or None,
        platform=platform(flags),
        pull=pull,
        host_trust=not flags.on("no-host-trust"),
        endpoints=endpoints,
    )


def _check_hostname_is_its_own(config: ContainerConfig, host: HostConfig) -> None:
    if "Hostname" in config and host.get("UTSMode") == "host":
        raise UsageError("conflicting options: hostname and the UTS mode")
    if "Hostname" in config and host.get("NetworkMode", "").startswith("container:"):
        raise UsageError("conflicting options: hostname and the network mode")


def _process(flags: Flags, config: ContainerConfig, *, detach: bool) -> None:
    interactive, tty = flags.on("interactive"), flags.on("tty")
    attach = [stream.lower() for stream in flags.all("attach")]
    for stream in attach:
        if stream not in {"stdin", "stdout", "stderr"}:
            raise UsageError("valid streams are STDIN, STDOUT and STDERR")
    if detach and attach:
        raise UsageError("conflicting options: cannot specify both --attach and --detach")
    config["Tty"] = tty
    config["OpenStdin"] = interactive
    config["AttachStdin"] = interactive and not detach and (not attach or "stdin" in attach)
    config["AttachStdout"] = not detach and (not attach or "stdout" in attach)
    config["AttachStderr"] = not detach and (not attach or "stderr" in attach)
    config["StdinOnce"] = config["AttachStdin"]
    if command := flags.arguments[1:]:
        config["Cmd"] = list(command)
    if flags.given("entrypoint"):
        config["Entrypoint"] = [flags.text("entrypoint") or ""]
    if user := flags.text("user"):
        config["User"] = user
    if directory := flags.text("workdir"):
        config["WorkingDir"] = directory
    if hostname := flags.text("hostname"):
        _check_hostname(hostname)
        config["Hostname"] = hostname
    if domain := flags.text("domainname"):
        config["Domainname"] = domain
    if signal := flags.text("stop-signal"):
        from izba.signals import number

        number(signal)
        config["StopSignal"] = signal
    if (timeout := flags.number("stop-timeout")) is not None:
        config["StopTimeout"] = timeout


def _environment(flags: Flags, config: ContainerConfig) -> None:
    if flags.given("env") or flags.given("env-file"):
        from izba.cli.options.environment import environment

        config["Env"] = environment(flags.all("env"), flags.all("env-file"))
    if flags.given("label") or flags.given("label-file"):
        from izba.cli.options.environment import labels

        config["Labels"] = labels(flags.all("label"), flags.all("label-file"))


def _isolation(flags: Flags, host: HostConfig) -> None:
    host["Privileged"] = flags.on("privileged")
    host["ReadonlyRootfs"] = flags.on("read-only")
    host["CapAdd"] = list(flags.all("cap-add"))
    host["CapDrop"] = list(flags.all("cap-drop"))
    host["GroupAdd"] = list(flags.all("group-add"))
    host["IpcMode"] = _mode(flags, "ipc", {"", "none", "private", "shareable", "host"})
    host["PidMode"] = _mode(flags, "pid", {"", "host"})
    host["UTSMode"] = _mode(flags, "uts", {"", "host"}, container=False)
    host["CgroupnsMode"] = _mode(flags, "cgroupns", {"", "host", "private"}, container=False)
    if userns := flags.text("userns"):
        from izba.engine.containers import keepid

        keepid.check(userns)
        host["UsernsMode"] = userns
    host["CgroupParent"] = flags.text("cgroup-parent") or ""
    host["SecurityOpt"] = [_with_profile(option) for option in flags.all("security-opt")]
    host["Sysctls"] = dict(_pair(text, "sysctl") for text in flags.all("sysctl"))
    host["Annotations"] = dict(_pair(text, "annotation") for text in flags.all("annotation"))
    if (adjustment := flags.number("oom-score-adj")) is not None:
        if not -1000 <= adjustment <= 1000:
            raise UsageError(f"Invalid value {adjustment}, range for oom score adj is [-1000, 1000]")
        host["OomScoreAdj"] = adjustment


def restart_policy(text: str) -> RestartPolicy:
    """`no`, `always`, `unless-stopped`, `on-failure[:N]`. Raises `UsageError`."""
    name, _, count = text.partition(":")
    if name not in {"no", "always", "unless-stopped", "on-failure"}:
        raise UsageError(
            f"invalid restart policy: unknown policy '{name}'", hint="no, always, unless-stopped, on-failure[:N]"
        )
    if count and (name != "on-failure" or not count.isdecimal()):
        raise UsageError(f"invalid restart policy: {text}: a maximum count is of on-failure only")
    return {"Name": name, "MaximumRetryCount": int(count or 0)}


def _lifecycle(flags: Flags, host: HostConfig) -> None:
    policy = restart_policy(flags.text("restart") or "no")
    if flags.on("rm") and policy["Name"] != "no":
        raise UsageError("conflicting options: cannot specify both --restart and --rm")
    host["RestartPolicy"] = policy
    host["AutoRemove"] = flags.on("rm")
    host["Init"] = flags.on("init")
    host["Runtime"] = flags.text("runtime") or ""
    options = dict(_pair(text, "log-opt") for text in flags.all("log-opt"))
    host["LogConfig"] = {"Type": flags.text("log-driver") or "json-file", "Config": options}
    if options or flags.given("log-driver"):
        from izba.engine.containers.logoptions import log_plan

        log_plan(host["LogConfig"])


def _mode(flags: Flags, name: str, known: set[str], *, container: bool = True) -> str:
    value = flags.text(name) or ""
    if value in known or (container and value.startswith("container:")):
        return value
    words = [*sorted(known - {""}), *(("container:NAME",) if container else ())]
    raise UsageError(
        f"--{name}: invalid {_MODES.get(name, name.upper())} mode", hint=f"it is one of {', '.join(words)}"
    )


def _with_profile(option: str) -> str:
    """`seccomp=FILE` with the file's text in it: the profile is the user's, wherever the container is started from."""
    key, equals, value = option.partition("=")
    if key != "seccomp" or not equals or value in {"unconfined", "builtin"} or value.lstrip().startswith("{"):
        return option
    try:
        with open(value, encoding="utf-8") as file:
            return f"seccomp={file.read()}"
    except OSError as error:
        raise UsageError(f"opening seccomp profile ({value}) failed: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"opening seccomp profile ({value}) failed: it is not text") from None


def _pair(text: str, flag: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise UsageError(f"invalid argument {text!r} for --{flag}", hint="write it as NAME=VALUE")
    return name, value


def _check_hostname(text: str) -> None:
    if len(text) > 64 or not all(part and len(part) < 64 for part in text.split(".")) or set(text) & set(" /\0\n"):
        raise UsageError(f"invalid hostname format: {text}")
