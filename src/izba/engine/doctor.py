"""`izba doctor`: which isolation this machine allows, found out by trying, and what would allow more.

Each check tries the real thing in a child process, where it changes nothing. Checks look at the machine through the
eyes of the user who asks: an ordinary user's run inside the user namespace that his containers would have.
"""

from __future__ import annotations

import os

from izba._record import Record
from izba.linux import flags as f
from izba.linux import idmaps, mount, namespaces

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.linux.idmaps import IdMapPlan
    from izba.paths import Roots

OLDEST_KERNEL = (5, 12)
"""mount_setattr(2), with which izba makes mounts before anybody sees them."""


class Finding(Record):
    """One check. `state`: ok; limited, izba works with less; missing, without it no container runs here."""

    check: str
    state: str
    detail: str
    remedy: str | None = None


class Diagnosis(Record):
    """All findings, and what they come to in a sentence."""

    verdict: str
    findings: tuple[Finding, ...]

    @property
    def works(self) -> bool:
        """Whether containers run here."""
        return not any(finding.state == "missing" for finding in self.findings)


class Failed(Exception):
    """What was tried in a child failed with `number` (errno) in `call`."""

    def __init__(self, number: int, call: str) -> None:
        super().__init__(f"{call}: {os.strerror(number).lower()}")
        self.number = number


def diagnose(roots: Roots) -> Diagnosis:
    """Try everything; takes some ten milliseconds. The process must have a single thread."""
    root = not roots.rootless
    plan = idmaps.plan_of_this_user()
    findings = [_kernel()]
    if not root:
        findings += [_user_namespaces(plan), _ids(plan)]
    if root or findings[-2].state == "ok":
        enter = None if root else plan
        findings += [_namespaces(enter), _proc(enter), _overlay(enter, roots), _networks(enter)]
    findings += [_seccomp(), _cgroups(root), _storage(roots), _apparmor(), _tun()]
    if root:
        findings.append(_capabilities())
    return Diagnosis(verdict=_verdict(root, plan, findings), findings=tuple(findings))


def _verdict(root: bool, plan: IdMapPlan, findings: list[Finding]) -> str:
    missing = [finding.check for finding in findings if finding.state == "missing"]
    if missing:
        return f"containers cannot run here: {', '.join(missing)}"
    if root:
        return "containers run here as root, with all of Docker's isolation"
    if plan.single_id:
        return "containers run here rootless with one uid: owners inside images are recorded, not real"
    return f"containers run here rootless, with {sum(each.size for each in plan.uids)} uids"


def _kernel() -> Finding:
    release = os.uname().release
    major, minor = release.split(".")[:2]
    if (int(major), int("".join(c for c in minor if c.isdigit()))) >= OLDEST_KERNEL:
        return Finding(check="kernel", state="ok", detail=f"Linux {release}")
    oldest = ".".join(map(str, OLDEST_KERNEL))
    return Finding(
        check="kernel", state="missing", detail=f"Linux {release}", remedy=f"izba needs Linux {oldest} or later"
    )


def _user_namespaces(plan: IdMapPlan) -> Finding:
    try:
        in_child(lambda: namespaces.enter_user_namespace(plan))
    except Failed as failure:
        detail, remedy = _why_no_user_namespace(str(failure))
        return Finding(check="user namespaces", state="missing", detail=detail, remedy=remedy)
    return Finding(check="user namespaces", state="ok", detail="an ordinary user may make them")


def _why_no_user_namespace(failure: str) -> tuple[str, str]:
    if _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return (
            "AppArmor refuses them to programs without a profile (kernel.apparmor_restrict_unprivileged_userns=1)",
            "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, or a profile with `userns,` for izba's python",
        )
    if _read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "kernel.unprivileged_userns_clone is 0", "sudo sysctl kernel.unprivileged_userns_clone=1"
    if _read("/proc/sys/user/max_user_namespaces") == "0":
        return "user.max_user_namespaces is 0", "sudo sysctl user.max_user_namespaces=28633"
    if _status("Seccomp") == "2":
        return (
            f"{failure}; a seccomp filter around this process refuses them",
            "in a container: run the outer one with --security-opt seccomp=unconfined, or as root",
        )
    return failure, "run izba as root"


def _ids(plan: IdMapPlan) -> Finding:
    if not plan.single_id:
        count = sum(each.size for each in plan.uids)
        return Finding(check="subordinate ids", state="ok", detail=f"{count} uids by newuidmap")
    user = os.environ.get("USER") or str(os.getuid())
    if idmaps.helper("newuidmap") is None:
        detail = "newuidmap is not installed: one uid, package installation works, owners are recorded and not real"
        remedy = "install the package uidmap (Debian, Ubuntu) or shadow-utils, and see /etc/subuid"
    else:
        detail = f"{user} has no range in /etc/subuid and /etc/subgid: one uid, owners are recorded and not real"
        first, last = idmaps.unused_range()
        remedy = f"sudo usermod --add-subuids {first}-{last} --add-subgids {first}-{last} {user}"
    return Finding(check="subordinate ids", state="limited", detail=detail, remedy=remedy)


def _namespaces(plan: IdMapPlan | None) -> Finding:
    wanted = {"mount": f.CLONE_NEWNS, "pid": f.CLONE_NEWPID, "network": f.CLONE_NEWNET, "ipc": f.CLONE_NEWIPC}
    wanted |= {"uts": f.CLONE_NEWUTS, "cgroup": f.CLONE_NEWCGROUP}
    refused = {}
    for name, flag in wanted.items():
        try:
            in_child(lambda flag=flag: namespaces.unshare(flag), plan)  # type: ignore[misc]
        except Failed as failure:
            refused[name] = str(failure)
    if not refused:
        return Finding(check="namespaces", state="ok", detail=", ".join(wanted))
    return Finding(
        check="namespaces",
        state="missing" if refused.keys() - {"network", "cgroup"} else "limited",
        detail="; ".join(f"{name}: {reason}" for name, reason in refused.items()),
        remedy="as root in a container: give the outer one CAP_SYS_ADMIN (--privileged)",
    )


def _proc(plan: IdMapPlan | None) -> Finding:
    def mount_proc() -> None:
        namespaces.unshare(f.CLONE_NEWNS | f.CLONE_NEWPID)
        in_child(lambda: os.close(mount.new_filesystem("proc", "proc")))

    try:
        in_child(mount_proc, plan)
    except Failed as failure:
        return Finding(
            check="proc",
            state="missing",
            detail=f"{failure}: parts of /proc are hidden here, as in a container, so no new one may be mounted",
            remedy="run the outer container with --security-opt systempaths=unconfined (podman: unmask=ALL)",
        )
    return Finding(check="proc", state="ok", detail="a container gets its own")


def _overlay(plan: IdMapPlan | None, roots: Roots) -> Finding:
    directory = _existing(roots.data)

    def probe() -> None:
        from izba.linux import overlay

        if overlay.probe(directory) is None:
            raise OSError(95, "Operation not supported")

    try:
        in_child(probe, plan)
    except Failed:
        return Finding(
            check="overlay",
            state="limited",
            detail=f"overlayfs does not work on {directory} for this user: layers are copied, slower and larger",
            remedy="put the data root on ext4, xfs or btrfs with --root or IZBA_ROOT; a user needs Linux 5.11",
        )
    marks = "user" if plan else "trusted"
    return Finding(check="overlay", state="ok", detail=f"works on {directory}, marks are {marks}.overlay attributes")


def _networks(plan: IdMapPlan | None) -> Finding:
    def make_a_network() -> None:
        from izba.linux.netlink import RouteSocket
        from izba.linux.nft import NftSocket
        from izba.network import nft

        namespaces.unshare(f.CLONE_NEWNET)
        with RouteSocket() as route:
            route.add_bridge("izba-doctor")
        with NftSocket() as rules:
            rules.commit(nft.table())
            if plan is not None:
                nft.lead_out(rules, 1, 1)

    try:
        in_child(make_a_network, plan)
    except Failed as failure:
        return Finding(
            check="networks",
            state="limited",
            detail=f"no bridge or no nftables here ({failure}): containers have --network host, none or container:NAME",
            remedy="a kernel with bridge, veth and nf_tables; as root in a container, CAP_NET_ADMIN in the outer one",
        )
    how = "bridges of the host's" if plan is None else "bridges in the user's own namespace, without any helper program"
    return Finding(check="networks", state="ok", detail=how)


def _seccomp() -> Finding:
    if not _status("Seccomp"):
        return Finding(
            check="seccomp",
            state="limited",
            detail="the kernel has no seccomp: system calls are not filtered",
            remedy="a kernel with CONFIG_SECCOMP_FILTER",
        )
    around = ", and this process is filtered itself" if _status("Seccomp") == "2" else ""
    return Finding(check="seccomp", state="ok", detail=f"system calls are filtered{around}")


def _cgroups(root: bool) -> Finding:
    from izba.cgroups import delegate
    from izba.cgroups.manager import detect

    found = detect()
    if found is None:
        return Finding(
            check="cgroups",
            state="limited",
            detail="none may be made here: no limits of memory, cpu and processes",
            remedy=None if root else delegate.remedy(),
        )
    missing = [name for name in ("memory", "cpu", "pids", "cpuset", "blkio") if name not in found.controllers]
    where = f" in {found.base}" if found.base else ""
    detail = f"v{found.version}{where}, limits of {', '.join(found.controllers)}"
    if not missing:
        return Finding(check="cgroups", state="ok", detail=detail)
    return Finding(
        check="cgroups",
        state="limited",
        detail=f"{detail}; not of {', '.join(missing)}",
        remedy=None if root else "sudo systemctl edit user@.service, with [Service] Delegate=cpu cpuset io memory pids",
    )


# statfs(2): the ones whose locks, owners or overlays behave differently.
_REMOTE = {
    0x6969: "NFS",
    0xFE534D42: "SMB",
    0xFF534D42: "CIFS",
    0x65735546: "FUSE",
    0x47504653: "GPFS",
    0x0BD00BD0: "Lustre",
}
_LOCAL = {0xEF53: "ext4", 0x58465342: "xfs", 0x9123683E: "btrfs", 0x01021994: "tmpfs", 0x794C7630: "overlayfs"}
_LOCAL |= {0x2FC12FC1: "zfs", 0xF2F52010: "f2fs"}


def _storage(roots: Roots) -> Finding:
    from izba.linux import rootpath

    directory = _existing(roots.data)
    fd = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        kind = rootpath.filesystem_type(fd)
    finally:
        os.close(fd)
    space = os.statvfs(directory)
    free = space.f_bavail * space.f_frsize
    name = _REMOTE.get(kind) or _LOCAL.get(kind) or f"a file system of type {kind:#x}"
    detail = f"{roots.data} on {name}, {free / 1e9:.1f} GB free"
    if kind in _REMOTE:
        return Finding(
            check="storage",
            state="limited",
            detail=detail,
            remedy="file owners and locks may not work there: put the data root on a local disk (--root, IZBA_ROOT)",
        )
    if free < 1 << 30:
        return Finding(check="storage", state="limited", detail=detail, remedy="make room: izba system prune")
    return Finding(check="storage", state="ok", detail=detail)


def _apparmor() -> Finding:
    if not _read("/sys/module/apparmor/parameters/enabled").startswith("Y"):
        return Finding(check="apparmor", state="ok", detail="not enabled; izba does not need it")
    return Finding(
        check="apparmor", state="ok", detail="enabled; a profile is applied with --security-opt apparmor=NAME"
    )


def _tun() -> Finding:
    usable = os.access("/dev/net/tun", os.R_OK | os.W_OK)
    detail = "open" if usable else "closed"
    return Finding(check="/dev/net/tun", state="ok", detail=f"{detail}; izba's own networks do not need it")


def _capabilities() -> Finding:
    from izba.linux import caps

    missing = caps.names(caps.known() & ~caps.bounding())
    if not missing:
        return Finding(check="capabilities", state="ok", detail="all")
    return Finding(
        check="capabilities",
        state="missing" if "CAP_SYS_ADMIN" in missing else "limited",
        detail=f"this root lacks {', '.join(missing)}",
        remedy="--cap-add and --privileged give at most what is there; ulimits cannot exceed this process's own",
    )


def in_child(action: Callable[[], object], plan: IdMapPlan | None = None) -> None:
    """Do `action` in a child process, inside a user namespace if there is a `plan`. Raises `Failed`."""
    from izba.linux import libc

    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if plan is not None:
                namespaces.enter_user_namespace(plan)
            action()
        except OSError as error:
            os.write(write_fd, f"{error.errno or 0} {libc.syscall_of(error) or 'the kernel'}".encode())
        except Failed as failure:
            os.write(write_fd, f"{failure.number} {str(failure).partition(':')[0]}".encode())
        finally:
            os._exit(0)
    os.close(write_fd)
    with open(read_fd, "rb") as file:
        answer = file.read().decode()
    os.waitpid(child, 0)
    if answer:
        number, _, call = answer.partition(" ")
        raise Failed(int(number), call)


def _existing(path: str) -> str:
    """The path, or the nearest directory above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _status(name: str) -> str:
    _, _, rest = _read("/proc/self/status").partition(f"\n{name}:")
    return rest.partition("\n")[0].strip()


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
