"""RUN: its forms, its mounts, its surroundings; and that nothing of these is left in the layer."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from izba.build.dockerfile.source import DockerfileError
from izba.build.secrets import SecretSource
from izba.engine.builds import StepFailed
from tests.build.builder import Builder

pytestmark = pytest.mark.root


# -- forms


def test_shell_and_exec_form(build: Builder) -> None:
    done = build('FROM busybox\nRUN echo "$0-$HOME" && echo two\nRUN ["echo", "$HOME", "a b"]\n')

    assert done.output == "/bin/sh-/root\ntwo\n$HOME a b\n"


def test_shell_instruction_changes_who_runs_it(build: Builder) -> None:
    done = build('FROM busybox\nSHELL ["/bin/sh", "-e", "-x", "-c"]\nRUN echo traced\n')

    assert "+ echo traced" in done.output
    assert done.config["Shell"] == ["/bin/sh", "-e", "-x", "-c"]


def test_heredocs_run_as_text_as_script_and_as_input(build: Builder) -> None:
    done = build(
        "FROM busybox\n"
        "RUN <<EOF\nset -e\nX=1\necho text $X\nEOF\n"
        'RUN <<EOF\n#!/bin/awk -f\nBEGIN { print "script" }\nEOF\n'
        "RUN cat <<one - <<two /dev/null\ninput one\none\ninput two\ntwo\n"
        'RUN cat > /file <<EOF\nquoted "$HOME"\nEOF\n'
    )

    assert "text 1\n" in done.output
    assert "script\n" in done.output
    assert "input two\n" in done.output
    assert done.read("file") == 'quoted "/root"\n'
    assert not done.exists("dev/pipes")


def test_a_failing_command_points_at_its_lines_with_its_status_and_last_words(build: Builder) -> None:
    with pytest.raises(StepFailed) as caught:
        build("FROM busybox\n\nRUN echo said && \\\n    exit 42\n")

    assert caught.value.message == (
        'process "/bin/sh -c echo said &&     exit 42" did not complete successfully: exit code: 42'
    )
    assert (caught.value.place.start, caught.value.place.end) == (3, 4)
    assert caught.value.tail == b"said\n"


def test_a_command_that_is_not_there_says_which(build: Builder) -> None:
    with pytest.raises(StepFailed, match="no-such-program") as caught:
        build('FROM busybox\nRUN ["no-such-program"]\n')
    assert caught.value.place.start == 2


# -- surroundings


def test_env_arg_user_and_workdir_are_what_the_stage_says(build: Builder) -> None:
    done = build(
        "FROM busybox\nARG A=arg\nENV E=env\nWORKDIR /w\nUSER app:staff\nRUN echo $A $E $PWD $(id -u):$(id -g) $HOME\n"
    )

    assert done.output == "arg env /w 1000:50 /home/app\n"


def test_nothing_of_the_hosts_environment_is_seen(build: Builder, monkeypatch: pytest.MonkeyPatch) -> None:
    """D11"""
    monkeypatch.setenv("HOST_CANARY", "leaked")

    done = build("FROM busybox\nRUN env\n")

    names = {line.partition("=")[0] for line in done.output.splitlines()}
    assert names <= {"PATH", "HOSTNAME", "HOME", "SOURCE_DATE_EPOCH", "PWD", "SHLVL"}


def test_no_descriptor_of_the_builders_is_seen(build: Builder) -> None:
    done = build("FROM busybox\nRUN ls /proc/self/fd | sort -n | tr '\\n' ' '\n")

    assert done.output.split() == ["0", "1", "2", "3"]  # 3 is ls's own


def test_network_none_has_only_a_loopback_and_host_is_the_hosts(build: Builder) -> None:
    before = set(os.listdir("/sys/class/net"))

    done = build("FROM busybox\nRUN --network=none ls /sys/class/net | tr '\\n' ' '\nRUN ls /sys/class/net\n")

    first, _, rest = done.output.partition(" ")
    assert first == "lo"
    assert set(rest.split()) >= before & set(os.listdir("/sys/class/net"))  # others on this machine come and go


def test_network_of_the_command_line_is_the_default(build: Builder) -> None:
    done = build("FROM busybox\nRUN ls /sys/class/net\n", network="none")
    assert done.output == "lo\n"


def test_add_host_reaches_hosts_and_no_layer(build: Builder) -> None:
    done = build("FROM busybox\nRUN grep db.example /etc/hosts > /found\n", add_hosts=(("db.example", "192.0.2.7"),))

    assert done.read("found") == "192.0.2.7\tdb.example\n"
    assert not done.exists("etc/hosts")
    assert not done.exists("etc/resolv.conf")


def test_shm_size_and_ulimits(build: Builder) -> None:
    from izba.runtime.specgen.request import Ulimit

    done = build(
        "FROM busybox\nRUN df -k /dev/shm | tail -1 | awk '{print $2}'; ulimit -n\n",
        shm_size=8 << 20,
        ulimits=(Ulimit(name="nofile", soft=123, hard=456),),
    )

    assert done.output == "8192\n123\n"


def test_the_layer_of_a_command_has_its_changes_and_nothing_else(build: Builder) -> None:
    done = build("FROM busybox\nRUN echo x > /file && rm /etc/group && rm -r /usr\n")

    assert done.names() == {"file", "etc/group", "usr"}
    assert not done.exists("etc/group")
    assert not done.exists("usr/bin") or done.find("usr") is None


def test_a_command_that_changes_nothing_makes_no_layer(build: Builder) -> None:
    done = build(
        "FROM busybox\nRUN true\nRUN --mount=type=tmpfs,target=/scratch echo x > /scratch/y\nRUN cat /etc/passwd\n"
    )

    assert len(done.layers) == 1
    assert [entry.get("empty_layer") for entry in done.image.config["history"][-3:]] == [True, True, True]


# -- mounts


def test_bind_mounts_show_the_context_a_stage_and_an_image(build: Builder) -> None:
    done = build(
        "FROM busybox AS one\nRUN mkdir /out && echo stage > /out/f\n"
        "FROM busybox\n"
        "WORKDIR /w\n"
        "RUN --mount=target=/ctx cat /ctx/sub/f && (touch /ctx/x 2>&1 || true)\n"
        "RUN --mount=type=bind,source=sub,target=rel cat rel/f\n"
        "RUN --mount=type=bind,source=sub/f,target=/file cat /file\n"
        "RUN --mount=type=bind,from=one,source=/out,target=/o cat /o/f\n"
        "RUN --mount=type=bind,from=busybox,source=/etc,target=/e head -n 1 /e/passwd\n",
        {"sub/f": "context\n"},
    )

    assert done.output.count("context\n") == 3
    assert "Read-only file system" in done.output
    assert "stage\n" in done.output
    assert "root:x:0:0" in done.output
    assert not done.exists("ctx")
    assert not done.exists("w/rel")
    assert not done.exists("file")


def test_what_is_written_to_a_writable_bind_is_thrown_away(build: Builder) -> None:
    context = build.context(
        "FROM busybox AS one\nRUN mkdir /out && echo one > /out/f\n"
        "FROM busybox\n"
        "RUN --mount=target=/ctx,rw echo changed > /ctx/f && rm /ctx/g && cat /ctx/f && ls /ctx\n"
        "RUN --mount=from=one,source=/out,target=/o,rw echo two > /o/f && cat /o/f\n"
        "RUN --mount=from=one,source=/out,target=/o cat /o/f\n",
        {"f": "f", "g": "g"},
    )

    done = build.build(context)

    assert "changed\n" in done.output
    assert done.output.endswith("two\none\n")
    assert (context / "f").read_text() == "f"
    assert (context / "g").exists()
    assert not done.exists("ctx")


def test_a_cache_mount_lasts_and_is_in_no_layer(fresh: Builder) -> None:
    text = (
        "FROM busybox\nARG N\n"
        "RUN --mount=type=cache,target=/root/.cache/x echo $N >> /root/.cache/x/log && cat /root/.cache/x/log\n"
    )

    fresh(text, args={"N": "1"})
    done = fresh(text, args={"N": "2"})

    assert done.output == "1\n2\n"
    assert not done.exists("root/.cache")


def test_cache_mounts_are_told_apart_by_id_and_begin_as_they_are_told(fresh: Builder) -> None:
    done = fresh(
        "FROM busybox AS seed\nRUN mkdir /s && echo seed > /s/f\n"
        "FROM busybox\n"
        "RUN --mount=type=cache,id=a,target=/c echo a > /c/f\n"
        "RUN --mount=type=cache,id=b,target=/c ls /c | wc -l\n"
        "RUN --mount=type=cache,id=a,target=/elsewhere cat /elsewhere/f\n"
        "RUN --mount=type=cache,from=seed,source=/s,target=/c cat /c/f && echo more >> /c/f\n"
        "RUN --mount=type=cache,from=seed,source=/s,target=/c wc -l < /c/f\n"
        "RUN --mount=type=cache,id=m,target=/m,mode=0700,uid=1000,gid=50 stat -c '%a %u:%g' /m\n"
    )

    assert done.output == "0\na\nseed\n2\n700 1000:50\n"


def test_a_private_cache_is_not_shared_while_another_uses_it(fresh: Builder) -> None:
    step = (
        "RUN --mount=type=cache,id=p,target=/c,sharing=private --mount=type=cache,id=met,target=/m "
        "echo x >> /c/log; touch /m/{}; until test -e /m/{}; do sleep 0.02; done; wc -l < /c/log > /n"
    )
    done = fresh(
        f"FROM busybox AS a\n{step.format('a', 'b')}\nFROM busybox AS b\n{step.format('b', 'a')}\n"
        "FROM scratch\nCOPY --from=a /n /a\nCOPY --from=b /n /b\n"
    )

    assert (done.read("a").strip(), done.read("b").strip()) == ("1", "1")


def test_a_locked_cache_is_used_by_one_at_a_time(fresh: Builder) -> None:
    step = (
        "RUN --mount=type=cache,id=l,target=/c,sharing=locked "
        "test ! -e /c/busy && touch /c/busy && sleep 0.5 && rm /c/busy && echo {} > /n"
    )
    done = fresh(
        f"FROM busybox AS a\n{step.format('a')}\nFROM busybox AS b\n{step.format('b')}\n"
        "FROM scratch\nCOPY --from=a /n /a\nCOPY --from=b /n /b\n"
    )

    assert done.exists("a")
    assert done.exists("b")


def test_tmpfs_is_empty_sized_and_runs_programs(build: Builder) -> None:
    done = build(
        "FROM busybox\nRUN --mount=type=tmpfs,target=/t,size=4m "
        "df -k /t | tail -1 | awk '{print $2}' && cp /bin/busybox /t/ && /t/busybox echo runs\n"
    )

    assert done.output == "4096\nruns\n"
    assert not done.exists("t")


def test_secrets_are_files_or_variables_and_in_nothing_that_stays(fresh: Builder, tmp_path: Path) -> None:
    """D9"""
    (tmp_path / "token").write_text("hunter2-file")
    os.environ["IZBA_TEST_TOKEN"] = "hunter2-env"
    secrets = (
        SecretSource(id="file", file=str(tmp_path / "token")),
        SecretSource(id="env", variable="IZBA_TEST_TOKEN"),
    )
    try:
        done = fresh(
            "FROM busybox\n"
            "RUN --mount=type=secret,id=file cat /run/secrets/file | md5sum && stat -c %a /run/secrets/file\n"
            "RUN --mount=type=secret,id=file,target=/etc/token,mode=0444,uid=1000,gid=50 "
            "stat -c '%a %u:%g' /etc/token\n"
            "RUN --mount=type=secret,id=env,env=TOKEN echo ${#TOKEN}\n"
            "RUN --mount=type=secret,id=missing test ! -e /run/secrets/missing\n",
            secrets=secrets,
        )
    finally:
        del os.environ["IZBA_TEST_TOKEN"]

    assert done.output.splitlines()[1:] == ["400", "444 1000:50", "11"]
    assert len(done.layers) == 1
    root = Path(fresh.engine.roots.data)
    everything = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [str(path) for path in everything if b"hunter2" in path.read_bytes()] == []


def test_a_required_secret_that_is_missing_is_an_error(build: Builder) -> None:
    with pytest.raises(StepFailed, match="secret token: not found") as caught:
        build("FROM busybox\nRUN --mount=type=secret,id=token,required cat /run/secrets/token\n")
    assert "--secret id=token" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("type=bind,from=busybox", "target"),
        ("type=cache,target=/", "invalid mount target"),
        ("type=ssh", "ssh mounts are not supported"),
        ("type=bond,target=/x", 'unsupported mount type "bond"'),
        ("type=bind,target=/x,propagation=shared", "unexpected key 'propagation'"),
    ],
)
def test_wrong_mounts_are_errors_at_the_flag(build: Builder, mount: str, message: str) -> None:
    """D4: no option of a mount is passed on that is not known."""
    with pytest.raises(DockerfileError, match=message) as caught:
        build(f"FROM busybox\nRUN --mount={mount} true\n")
    assert caught.value.place.start == 2


# -- times


def test_files_that_a_command_makes_are_as_old_as_the_base_image(build: Builder) -> None:
    from tests.build.busybox import CREATED

    done = build("FROM busybox\nRUN echo new > /new && touch -d '2001-01-01 00:00:00' /old\n")

    assert done.path("new").lstat().st_mtime == CREATED
    assert done.path("old").lstat().st_mtime < 1_000_000_000
