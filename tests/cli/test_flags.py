"""Flags are read as Docker reads them."""

from __future__ import annotations

import pytest

from izba.cli.commands.create import COMMAND as CREATE
from izba.cli.options.container import request
from izba.cli.options.flags import Command, Flag, HelpWanted, UsageError

RUN = Command(
    name="run",
    usage="[OPTIONS] IMAGE [COMMAND] [ARG...]",
    summary="Create and run a new container from an image",
    interspersed=False,
    minimum=1,
    flags=(
        Flag(name="interactive", short="i", help="Keep STDIN open even if not attached"),
        Flag(name="tty", short="t", help="Allocate a pseudo-TTY"),
        Flag(name="rm", help="Remove the container when it exits"),
        Flag(name="env", short="e", kind="list", help="Set environment variables"),
        Flag(name="name", kind="string", help="Assign a name to the container"),
        Flag(name="stop-timeout", kind="int", help="Timeout (in seconds) to stop a container"),
    ),
)


def test_a_cluster_of_short_flags_is_each_of_them_and_the_last_may_take_a_value() -> None:
    flags = RUN.parse(["-iteA=1", "-e", "B=2", "-e=C=3", "busybox"])

    assert flags.on("interactive")
    assert flags.on("tty")
    assert flags.all("env") == ("A=1", "B=2", "C=3")
    assert flags.arguments == ("busybox",)


def test_flags_of_run_end_at_the_image_so_that_the_command_keeps_its_own() -> None:
    flags = RUN.parse(["--rm", "busybox", "ls", "--name", "-la", "--", "x"])

    assert flags.on("rm")
    assert flags.text("name") is None
    assert flags.arguments == ("busybox", "ls", "--name", "-la", "--", "x")


def test_flags_and_arguments_mix_where_the_words_are_the_commands_own() -> None:
    command = RUN.replace(interspersed=True)

    flags = command.parse(["a", "--rm", "b", "--", "--name"])

    assert flags.on("rm")
    assert flags.arguments == ("a", "b", "--name")


@pytest.mark.parametrize(
    ("word", "value"), [("--rm", True), ("--rm=false", False), ("--rm=0", False), ("--rm=T", True)]
)
def test_a_bool_flag_takes_a_value_only_after_an_equals_sign(word: str, value: bool) -> None:
    flags = RUN.parse([word, "false"])

    assert flags.on("rm") is value
    assert flags.arguments == ("false",)


def test_a_value_may_look_like_a_flag() -> None:
    assert RUN.parse(["--name", "--rm", "busybox"]).text("name") == "--rm"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--nmae", "x"], "unknown flag: --nmae", "did you mean --name?"),
        (["--quux"], "unknown flag: --quux", "see `izba run --help`"),
        (["-iz", "x"], "unknown shorthand flag: 'z' in -iz", "see `izba run --help`"),
        (["--name"], "flag needs an argument: --name", "see `izba run --help`"),
        (["-e"], "flag needs an argument: 'e' in -e", "see `izba run --help`"),
        (["--rm=perhaps"], 'invalid argument "perhaps" for "--rm" flag: not true or false', "see `izba run --help`"),
        (
            ["--stop-timeout=x"],
            'invalid argument "x" for "--stop-timeout" flag: not a whole number',
            "see `izba run --help`",
        ),
    ],
)
def test_what_is_wrong_is_named_and_answered_with_125(words: list[str], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        RUN.parse(words)

    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (message, hint, 125)


def test_missing_arguments_are_answered_with_the_usage_and_1_as_dockers() -> None:
    with pytest.raises(UsageError) as caught:
        RUN.parse(["--rm"])

    assert caught.value.message == '"izba run" requires at least 1 argument'
    assert (caught.value.hint, caught.value.exit_code) == ("izba run [OPTIONS] IMAGE [COMMAND] [ARG...]", 1)


def test_help_lists_the_flags_by_name_as_docker_does() -> None:
    with pytest.raises(HelpWanted) as caught:
        RUN.parse(["--help"])

    assert caught.value.command.help() == (
        "Usage:  izba run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
        "Create and run a new container from an image\n\n"
        "Options:\n"
        "  -e, --env list           Set environment variables\n"
        "  -i, --interactive        Keep STDIN open even if not attached\n"
        "      --name string        Assign a name to the container\n"
        "      --rm                 Remove the container when it exits\n"
        "      --stop-timeout int   Timeout (in seconds) to stop a container\n"
        "  -t, --tty                Allocate a pseudo-TTY\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dns", "bad"], "bad is not an ip address"),
        (["--add-host", "name:b"], 'invalid IP address in add-host: "b"'),
        (["--env", "=x"], "invalid environment variable: =x"),
    ],
)
def test_a_value_that_no_container_can_have_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        request(CREATE.parse([*words, "busybox"]), detach=True)

    assert str(refused.value) == message


def test_the_platform_is_dockers_variable_where_no_flag_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_DEFAULT_PLATFORM", "linux/arm64")

    assert request(CREATE.parse(["busybox"]), detach=True).platform == "linux/arm64"
    assert request(CREATE.parse(["--platform", "linux/amd64", "busybox"]), detach=True).platform == "linux/amd64"


def test_volumes_are_local_whether_that_is_asked_for_or_not() -> None:
    request(CREATE.parse(["--volume-driver", "local", "busybox"]), detach=True)

    with pytest.raises(UsageError):
        request(CREATE.parse(["--volume-driver", "nfs", "busybox"]), detach=True)
