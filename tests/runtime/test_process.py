"""config.json's `process`: the same for izba's runtime, crun and runc, for root and for ordinary users."""

from __future__ import annotations

import os

import pytest

from izba.linux import program
from izba.runtime.failures import InitFailed
from izba.runtime.native import channel
from tests.runtime.harness import Failure, Runner, base_config

pytestmark = pytest.mark.root


def status_of(text: str) -> dict[str, str]:
    """/proc/self/status as a mapping."""
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def test_the_command_runs_and_its_exit_code_comes_back(everyone: Runner) -> None:
    result = everyone.run(base_config("sh", "-c", "echo out; echo err >&2; exit 42"))

    assert (result.code, result.out, result.err) == (42, "out\n", "err\n")


def test_standard_input_reaches_the_command(everyone: Runner) -> None:
    assert everyone.run(base_config("cat"), stdin=b"hello").out == "hello"


def test_the_environment_is_exactly_the_specs(everyone: Runner) -> None:
    config = base_config("env")
    config["process"]["env"] = ["PATH=/bin", "GREETING=good day", "EMPTY="]

    lines = set(everyone.out(config).splitlines()) - {"HOME=/root", "HOME=/", "container=", "PWD=/", "SHLVL=1"}

    assert lines == {"PATH=/bin", "GREETING=good day", "EMPTY="}


def test_the_last_of_several_values_of_a_variable_counts(root: Runner) -> None:
    config = base_config("sh", "-c", "echo $A")
    config["process"]["env"] += ["A=first", "A=last"]

    assert root.out(config) == "last"


def test_it_is_process_one_and_sees_only_its_own_kind(everyone: Runner) -> None:
    assert everyone.out(base_config("sh", "-c", "echo $$; ls -d /proc/[0-9]* | wc -l")).split()[0] == "1"


def test_the_working_directory_is_made_where_the_image_lacks_it(everyone: Runner) -> None:
    config = base_config("pwd")
    config["process"]["cwd"] = "/srv/new/../app"

    assert everyone.out(config) == "/srv/app"


@pytest.mark.parametrize("is_read_only", [False, True])
def test_a_working_directory_that_was_made_is_for_its_owner_to_change(anyone: Runner, is_read_only: bool) -> None:
    """With all that lead to it, and under a read-only root, too."""
    config = base_config("sh", "-c", "pwd; stat -c '%a %u' /made /made/below .")
    config["process"]["cwd"] = "/made/below/here"
    config["root"]["readonly"] = is_read_only

    assert anyone.out(config).splitlines() == ["/made/below/here", *["755 0"] * 3]


def test_a_command_is_looked_up_on_the_containers_path(everyone: Runner) -> None:
    config = base_config("only-here")
    tool = everyone.rootfs / "root" / "only-here"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    config["process"]["env"] = ["PATH=/nowhere:/root"]

    assert everyone.out(config) == "found"


@pytest.mark.parametrize(
    ("args", "kind", "code", "message"),
    [
        (["nope"], "CommandNotFound", 127, 'exec: "nope": executable file not found in $PATH'),
        (["/bin/nope"], "CommandNotFound", 127, 'exec: "/bin/nope": stat /bin/nope: no such file or directory'),
        (["/etc/passwd"], "CommandNotExecutable", 126, 'exec: "/etc/passwd": permission denied'),
        (["/etc"], "CommandNotExecutable", 126, 'exec: "/etc": is a directory'),
        (["/bin/busybox/x"], "CommandNotFound", 127, 'exec: "/bin/busybox/x": stat /bin/busybox/x: not a directory'),
    ],
)
def test_a_command_that_cannot_run_says_why(
    anyone: Runner, args: list[str], kind: str, code: int, message: str
) -> None:
    with pytest.raises(Failure) as caught:
        anyone.run(base_config(*args))

    assert (caught.value.kind, caught.value.message) == (kind, message)


@pytest.mark.parametrize("runtime", [pytest.param(name, marks=pytest.mark.peer(name)) for name in ("crun", "runc")])
def test_peers_failures_to_find_a_command_are_told_alike(make_runner, runtime: str) -> None:
    with pytest.raises(Failure, match="CommandNotFound"):
        make_runner("root", runtime).run(base_config("nope"))


def test_what_is_no_program_is_not_executable(anyone: Runner) -> None:
    text = anyone.rootfs / "bin/text"
    text.write_text("no program\n")
    text.chmod(0o755)

    with pytest.raises(Failure, match='CommandNotExecutable: exec: "text": exec format error'):
        anyone.run(base_config("text"))


def test_a_script_whose_interpreter_is_missing_says_so(anyone: Runner) -> None:
    script = anyone.rootfs / "bin/script"
    script.write_text("#!/bin/python\n")
    script.chmod(0o755)

    with pytest.raises(Failure, match=r"CommandNotFound.*interpreter"):
        anyone.run(base_config("script"))


def test_capabilities_are_the_fourteen_in_all_but_the_inheritable_set(everyone: Runner) -> None:
    status = status_of(everyone.out(base_config("cat", "/proc/self/status")))

    assert {name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {
        "CapInh": 0,
        "CapPrm": 0xA80425FB,
        "CapEff": 0xA80425FB,
        "CapBnd": 0xA80425FB,
        "CapAmb": 0,
    }


def test_a_user_that_is_not_root_has_no_capabilities_but_ambient_ones(make_runner) -> None:
    """C10."""
    runner = make_runner("root")
    config = base_config("cat", "/proc/self/status")
    config["process"]["user"] = {"uid": 1000, "gid": 1000}

    plain = status_of(runner.out(config))
    for kind in ("inheritable", "ambient"):
        config["process"]["capabilities"][kind] = ["CAP_NET_BIND_SERVICE"]
    ambient = status_of(runner.out(config))

    assert (plain["CapEff"], plain["CapPrm"], plain["Uid"].split()) == ("0" * 16, "0" * 16, ["1000"] * 4)
    assert (int(ambient["CapEff"], 16), int(ambient["CapAmb"], 16)) == (1 << 10, 1 << 10)


def test_no_capabilities_in_the_spec_means_none(root: Runner) -> None:
    config = base_config("cat", "/proc/self/status")
    del config["process"]["capabilities"]

    assert int(status_of(root.out(config))["CapBnd"], 16) == 0


def test_user_groups_and_umask_are_taken(make_runner) -> None:
    for who, runtime in (("root", "native"), ("range", "native")):
        config = base_config("sh", "-c", "id -u; id -g; id -G; umask")
        config["process"]["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [10, 20], "umask": 0o027}

        assert make_runner(who, runtime).out(config).split("\n") == ["1000", "1001", "1001 10 20", "0027"]


def test_a_user_that_a_single_id_namespace_lacks_is_refused(make_runner) -> None:
    config = base_config("true")
    config["process"]["user"] = {"uid": 1000, "gid": 1000}

    with pytest.raises(Failure, match="user 1000 does not exist in this user namespace"):
        make_runner("single").run(config)


def test_no_new_privileges_is_set(everyone: Runner) -> None:
    config = base_config("cat", "/proc/self/status")
    config["process"]["noNewPrivileges"] = True

    assert status_of(everyone.out(config))["NoNewPrivs"] == "1"


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the program is x86_64 code")
def test_a_setuid_program_gains_nothing_with_no_new_privileges(root: Runner) -> None:
    """C10."""
    tool = root.rootfs / "bin/geteuid"
    tool.write_bytes(program.executable(62, bytes.fromhex("b86b0000000f0589c7b83c0000000f05")))  # exit(geteuid())
    tool.chmod(0o4755)
    config = base_config("geteuid")
    config["process"]["user"] = {"uid": 99, "gid": 99}

    assert root.run(config).code == 0
    config["process"]["noNewPrivileges"] = True
    assert root.run(config).code == 99


def test_resource_limits_are_set(everyone: Runner) -> None:
    config = base_config("sh", "-c", "ulimit -Sn; ulimit -Hn")
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]

    assert everyone.out(config).split() == ["100", "200"]


def test_a_limit_above_the_hard_one_is_a_warning_for_an_ordinary_user(make_runner) -> None:
    config = base_config("sh", "-c", "ulimit -Hn")
    config["process"]["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 2**31, "hard": 2**31}]

    assert int(make_runner("single").out(config)) < 2**31


def test_the_oom_score_is_set(everyone: Runner) -> None:
    config = base_config("cat", "/proc/self/oom_score_adj")
    config["process"]["oomScoreAdj"] = 321

    assert everyone.out(config) == "321"


def test_signals_are_as_a_program_expects_them(everyone: Runner) -> None:
    """Python ignores SIGPIPE, and exec would keep that."""
    status = status_of(everyone.out(base_config("cat", "/proc/self/status")))

    # 32 and 33 are the C library's own, which nobody can set through it: they are as those of who started the tests.
    libc = 1 << 31 | 1 << 32
    assert (int(status["SigIgn"], 16) & ~libc, int(status["SigBlk"], 16)) == (0, 0)


def test_a_signal_ends_it_with_128_more(everyone: Runner) -> None:
    assert everyone.run(base_config("sh", "-c", "sh -c 'kill -9 $$'; exit $?")).code == 137


def test_a_failure_is_told_also_where_the_creator_was_about_to_speak() -> None:
    ours, theirs = channel.Channel.pair()
    theirs.send(channel.Failed(stage="identity", reason="user 7 does not exist"))
    theirs.close()

    with pytest.raises(channel.Ended):
        ours.send(channel.Attached())
    with pytest.raises(InitFailed, match="identity: user 7 does not exist"):
        ours.raise_last_words()
    ours.close()
