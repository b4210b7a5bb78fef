"""linux.seccomp in a container, and the filter that fakes ownership."""

from __future__ import annotations

import errno
import os

import pytest

from izba.linux import syscalls
from izba.runtime.specgen import seccomp as profiles
from tests.runtime.harness import DOCKER_CAPABILITIES, Failure, Runner, base_config
from tests.runtime.programs import install_call

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the programs are x86_64 code"),
]

NUMBERS = syscalls.table("x86_64")
X32_BIT = 0x40000000


def docker_config(*args: str):
    config = base_config(*args)
    config["linux"]["seccomp"] = profiles.default_profile(DOCKER_CAPABILITIES, "amd64")
    return config


@pytest.mark.parametrize(
    ("name", "first", "answer"),
    [
        *(
            (name, 0, errno.EPERM)
            for name in (
                "keyctl add_key request_key bpf perf_event_open userfaultfd mount umount2 unshare setns pivot_root "
                "reboot kexec_load init_module open_by_handle_at swapon settimeofday io_uring_setup "
                "move_mount"
            ).split()
        ),
        ("clone3", 0, errno.ENOSYS),
        ("socket", 40, errno.EPERM),  # AF_VSOCK
        ("clone", 0x10000000, errno.EPERM),  # CLONE_NEWUSER
        ("personality", 0x0040000, errno.EPERM),  # ADDR_NO_RANDOMIZE
        ("getpid", 0, 0),
        ("personality", 0xFFFFFFFF, 0),
        ("socket", 1, errno.EPROTONOSUPPORT),  # AF_UNIX of type 0
    ],
)
def test_dockers_profile_answers_as_dockers(everyone: Runner, name: str, first: int, answer: int) -> None:
    """C12."""
    if name == "socket" and first == 1:
        answer = everyone.run(_calling(everyone, base_config, NUMBERS[name], first)).code

    assert everyone.run(_calling(everyone, docker_config, NUMBERS[name], first)).code == answer


def test_a_call_newer_than_the_profile_does_not_exist(anyone: Runner) -> None:
    """As runc has it, and crun 1.8 not yet: a library then takes the older call instead of giving up."""
    assert anyone.run(_calling(anyone, docker_config, 1000, 0)).code == errno.ENOSYS


def test_the_x32_numbers_are_no_way_around(everyone: Runner) -> None:
    """C12: keyctl by its x32 number."""
    code = everyone.run(_calling(everyone, docker_config, X32_BIT | NUMBERS["keyctl"], 0)).code

    assert code in {errno.EPERM, errno.ENOSYS}


def test_the_32_bit_entry_is_no_way_around(everyone: Runner) -> None:
    """C12: keyctl through int 0x80."""
    install_call(everyone.rootfs / "bin/call", syscalls.table("i386")["keyctl"], i386=True)
    code = everyone.run(docker_config("call")).code

    assert code in {errno.EPERM, 139}  # 139: a kernel without that entry


def test_an_architecture_that_is_not_named_is_killed(root: Runner) -> None:
    config = _calling(root, base_config, X32_BIT | NUMBERS["getpid"], 0)
    config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"]}

    assert root.run(config).code == 128 + 31  # SIGSYS


def test_the_filter_holds_with_and_without_no_new_privileges(everyone: Runner) -> None:
    for no_new_privileges in (False, True):
        config = docker_config("grep", "^Seccomp:", "/proc/self/status")
        config["process"]["noNewPrivileges"] = no_new_privileges
        config["process"]["user"] = {"uid": 0, "gid": 0}

        assert everyone.out(config).split() == ["Seccomp:", "2"]


def test_compiled_filters_are_kept_and_a_foreign_one_is_not_believed(root: Runner) -> None:
    config = docker_config("true")
    root.out(config)
    (kept,) = root.run_directory.glob("seccomp-*.bpf")
    program = kept.read_bytes()
    allow_everything = bytes.fromhex("0600 0000 0000ff7f")
    kept.write_bytes(allow_everything)
    kept.chmod(0o666)
    config["process"]["args"] = ["unshare", "-m", "true"]

    assert root.run(config).code != 0
    assert kept.read_bytes() == program
    assert kept.stat().st_mode & 0o777 == 0o600


def test_an_action_that_needs_a_listener_is_refused(root: Runner) -> None:
    config = base_config("true")
    config["linux"]["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}],
    }

    with pytest.raises(Failure, match="SCMP_ACT_NOTIFY is not supported"):
        root.run(config)


# -- fake ownership


def faking(*args: str):
    config = docker_config(*args)
    config["annotations"] = {"izba.fake-ownership": "true"}
    return config


@pytest.mark.parametrize(
    "command",
    [
        "touch /tmp/f && chown 1000:1000 /tmp/f",
        "touch /tmp/f && chown -h 1000:1000 /tmp/f",
        "mknod /tmp/d c 1 3",
        "mknod /tmp/d b 8 0",
        "mkfifo /tmp/p && test -p /tmp/p",
        "su user -c true",
    ],
)
def test_with_a_single_id_ownership_is_answered_with_success(make_runner, command: str) -> None:
    runner = make_runner("single")
    (runner.rootfs / "etc/group").write_text("user:x:1000:\n")

    assert runner.run(faking("sh", "-c", command)).code == 0


@pytest.mark.parametrize("name", ["setuid", "setgid", "setgroups", "setresuid", "setresgid", "capset", "setfsuid"])
def test_with_a_single_id_a_change_of_identity_is_answered_with_success(make_runner, name: str) -> None:
    runner = make_runner("single")
    config = _calling(runner, faking, NUMBERS[name], 1000)

    assert runner.run(config).code == 0


def test_with_a_single_id_an_unmapped_user_stays_root(make_runner) -> None:
    config = faking("id", "-u")
    config["process"]["user"] = {"uid": 1000, "gid": 1000, "additionalGids": [5]}

    assert make_runner("single").out(config) == "0"
    assert make_runner("single").exec_in(faking("sleep", "60"), "id", "-u", user=config["process"]["user"]).out == "0\n"


def _calling(runner: Runner, make, number: int, first: int):
    install_call(runner.rootfs / "bin/call", number, first)
    return make("call")


def test_with_faked_ownership_only_the_named_capabilities_are_left(make_runner) -> None:
    """capset is faked too: what it would have dropped must be gone all the same."""
    for no_new_privileges in (False, True):
        config = faking("grep", "-E", "Cap(Inh|Prm|Eff|Bnd|Amb)", "/proc/self/status")
        config["process"]["noNewPrivileges"] = no_new_privileges

        values = [int(line.split()[1], 16) for line in make_runner("single").out(config).splitlines()]

        assert values == [0, 0xA80425FB, 0xA80425FB, 0xA80425FB, 0]
