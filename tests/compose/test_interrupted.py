"""SIGKILL ends `up` while it replaces a container: the next one finishes that, and what the container kept is kept."""

from __future__ import annotations

import pytest

from tests.compose.conftest import Compose

DB = """
services:
  db:
    image: busybox
    environment: {ROUND: "NUMBER"}
    command: [sh, -c, "trap 'sleep 0.2; exit 0' TERM; while :; do sleep 0.02; done"]
    volumes: [/keep]
"""
PATIENT = DB.replace("sleep 0.2;", "while [ ! -e /tmp/go ]; do sleep 0.02; done;") + "    stop_grace_period: 60s\n"
"""It ends when it may: until then no command gets past stopping it, however late the signal that kills the command."""
STEPS = ("Recreate", "Recreated", "Stopping", "Stopped", "Removing", "Removed", "Starting", "Started")
LEFT_TWO = STEPS[1:4]


def kill_after(project: Compose, step: str, *flags: str) -> None:
    """`up`, killed at once when it has told of the step."""
    with project.popen("up", "-d", *flags) as process:
        assert process.stderr is not None
        seen = ""
        while not seen.endswith(f"db-1  {step}\n"):
            line = process.stderr.readline()
            assert line, f"it ended before the step {step}:\n{seen}"
            seen += line
        process.kill()


def kill_while_it_stops(project: Compose, *flags: str) -> None:
    """`up`, killed while the old container has not ended yet; it ends when it is told to."""
    kill_after(project, "Stopping", *flags)
    project.ok("exec", "-T", "db", "touch", "/tmp/go")


def begun(project: Compose, text: str = DB) -> Compose:
    """The project, up, with something kept in its anonymous volume."""
    project.write(text)
    project.ok("up", "-d")
    project.ok("exec", "-T", "db", "sh", "-c", "echo kept > /keep/it")
    return project


def volumes(project: Compose) -> list[str]:
    return sorted(project.izba.ok("volume", "ls", "-q").splitlines())


@pytest.mark.parametrize("steps", [STEPS[:4], STEPS[4:]])
def test_the_next_up_finishes_what_a_killed_one_began(project: Compose, steps: tuple[str, ...]) -> None:
    each_step_is_gone_on_from(project, steps)


def test_as_an_ordinary_user(rootless_project: Compose) -> None:
    each_step_is_gone_on_from(rootless_project, ("Stopping", "Removed"))


def each_step_is_gone_on_from(project: Compose, steps: tuple[str, ...]) -> None:
    begun(project)
    there = volumes(project)
    for step in steps:
        project.write(DB.replace("NUMBER", step))
        kill_after(project, step)

        project.ok("up", "-d")

        assert project.ok("exec", "-T", "db", "sh", "-c", "echo $ROUND; cat /keep/it") == f"{step}\nkept"
        assert list(project.ids()) == ["db-1"]
    assert volumes(project) == there
    assert project.ok("plan") == ""


@pytest.mark.parametrize("step", LEFT_TWO)
def test_a_replacement_that_nothing_but_a_flag_asked_for_is_finished_too(project: Compose, step: str) -> None:
    """The old one has been asked to stop: left as it is, it would end after the command that found it running."""
    old = begun(project).ids()["db-1"]
    kill_after(project, step, "--force-recreate")
    (new,) = set(project.ids().values()) - {old}

    project.ok("up", "-d")

    assert project.ids() == {"db-1": new}
    assert project.ok("exec", "-T", "db", "cat", "/keep/it") == "kept"


def test_a_replacement_that_is_not_wanted_any_more_is_made_anew(project: Compose) -> None:
    begun(project)
    project.write(DB.replace("NUMBER", "unwanted"))
    kill_after(project, "Stopping")
    project.write(DB.replace("NUMBER", "wanted"))
    kill_after(project, "Recreated")

    project.ok("up", "-d")

    assert project.ps() == {"db-1": "running"}
    assert project.ok("exec", "-T", "db", "sh", "-c", "echo $ROUND; cat /keep/it") == "wanted\nkept"


def test_new_anonymous_volumes_that_an_interrupted_up_was_to_make_take_nothing_away(project: Compose) -> None:
    """The one that was killed had the flag, the one after it has not: nothing is lost that it was not told to lose."""
    begun(project, PATIENT)
    there = volumes(project)
    kill_while_it_stops(project, "--force-recreate", "-V")
    assert len(volumes(project)) == len(there) + 1

    project.ok("up", "-d")

    assert project.ok("exec", "-T", "db", "cat", "/keep/it") == "kept"
    assert volumes(project) == there


@pytest.mark.parametrize("command", [("up", "-d", "--no-recreate"), ("start",)])
def test_who_replaces_nothing_goes_on_with_the_old_one(project: Compose, command: tuple[str, ...]) -> None:
    old = begun(project, PATIENT).ids()["db-1"]
    kill_while_it_stops(project, "--force-recreate")
    project.izba.ok("stop", f"{project.name}-db-1")

    project.ok(*command)

    running = {project.ids()[name] for name, state in project.ps().items() if state == "running"}
    assert running == {old}


def test_one_that_is_ending_is_started_again_where_nothing_is_replaced(project: Compose) -> None:
    begun(project, PATIENT)
    before = project.izba.inspect(f"{project.name}-db-1")
    kill_while_it_stops(project, "--force-recreate")

    project.ok("up", "-d", "--no-recreate")

    after = project.izba.inspect(f"{project.name}-db-1")
    assert after["Id"] == before["Id"]
    assert after["State"]["Running"]
    assert after["State"]["StartedAt"] > before["State"]["StartedAt"]
