"""The command line as a whole: dispatch, help, errors and exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from izba.cli import table
from izba.cli.main import main


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0

    assert "Common Commands:\n  run " in capsys.readouterr().out


def test_a_misspelt_command_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["imagse"]) == 1

    assert capsys.readouterr().err == "error: 'imagse' is not a command of `izba`\nhint: did you mean `izba images`?\n"


def test_a_misspelt_command_of_a_group_is_answered_within_the_group(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", "inspekt"]) == 1

    assert "did you mean `izba image inspect`?" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("-H", "tcp://a:1"), ("--tlsverify",), ("--tls",), ("--context", "x"), ("-c", "x")])
def test_flags_that_lead_to_a_daemon_are_answered_clearly(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "ps"]) == 1

    assert "izba has no daemon to connect to\nhint: leave it out" in capsys.readouterr().err


def test_a_log_level_is_taken_and_a_wrong_one_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--log-level", "warn", "-l", "error", "--version"]) == 0
    assert main(["-l", "loud", "ps"]) == 1

    assert "unable to parse logging level: loud" in capsys.readouterr().err


def test_a_group_alone_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["container"]) == 0

    out = capsys.readouterr().out
    assert out.startswith("Usage:  izba container COMMAND\n\nManage containers\n\nCommands:\n  attach ")
    assert " ls " in out
    assert " list " not in out


def test_an_unknown_global_flag_exits_with_125(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--rot", "/x", "ps"]) == 125

    assert capsys.readouterr().err == "error: unknown flag: --rot\nhint: did you mean --root?\n"


def test_every_alias_leads_to_a_command() -> None:
    assert {name for name in table.ALIASES.values() if name not in table.COMMANDS} == set()


def test_a_reader_that_goes_away_ends_the_command_quietly() -> None:
    process = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m izba --help | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert process.stdout in {"141\n", "0\n"}
    assert process.stderr == ""


def test_docker_configuration_is_taken_from_the_directory_that_the_flag_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", "/elsewhere")

    assert main(["--config", "/some/where", "version", "--format", "json"]) == 0

    assert os.environ["DOCKER_CONFIG"] == "/some/where"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["cp", "", "web:/x"], "source can not be empty"),
        (["volume", "create", "--name", "a", "b"], "either specify --name or provide positional arg"),
    ],
)
def test_what_contradicts_itself_is_refused(
    words: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--root", str(tmp_path), *words]) == 1

    assert said in capsys.readouterr().err
