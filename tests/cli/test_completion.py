"""Completion, asked of the shells themselves. What `izba ps` and its kin would list is put in their place."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from izba.cli.completion import bash, fish, zsh
from izba.cli.main import main

NAMES = {"ps": "web db", "images": "alpine:3 alpine:latest python:3.11", "volume": "data"}

CASES = [
    ("izba bu", {"build", "builder"}),
    ("izba container l", {"logs", "ls"}),
    ("izba run --rest", {"--restart"}),
    ("izba image rm ", {"alpine:3", "alpine:latest", "python:3.11"}),
    ("izba --root /x exec w", {"web"}),
    ("izba exec --env A=1 --user root d", {"db"}),
    ("izba run --name x pyth", {"python:3.11"}),
    ("izba container exec d", {"db"}),
    ("izba volume rm d", {"data"}),
    ("izba -D pull --qu", {"--quiet"}),
    ("izba nonsense --q", set()),
]


def ask(shell: list[str], script: str) -> set[str]:
    done = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    return set(done.stdout.split())


@pytest.mark.parametrize(("line", "expected"), CASES)
def test_bash_completes(line: str, expected: set[str]) -> None:
    words = line.split(" ")
    script = f"""{bash.script()}
        izba() {{ case "$1" in {" ".join(f"{name}) echo '{names}' ;;" for name, names in NAMES.items())} esac; }}
        compopt() {{ :; }}
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        _izba; printf '%s\\n' "${{COMPREPLY[@]}}"
    """

    assert ask(["bash", "--norc"], script) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [("alpine : l", {"latest"}), ("alpine :", {"3", "latest"}), ("alp", {"alpine:3", "alpine:latest"})],
)
def test_bash_completes_tags_though_it_parts_words_at_colons(words: str, expected: set[str]) -> None:
    parted = f"izba rmi {words}".split(" ")
    script = f"""{bash.script()}
        izba() {{ echo '{NAMES["images"]}'; }}
        COMP_WORDS=({" ".join(f"'{word}'" for word in parted)}); COMP_CWORD={len(parted) - 1}
        _izba; printf '%s\\n' "${{COMPREPLY[@]}}"
    """

    assert ask(["bash", "--norc"], script) == expected


@pytest.mark.peer("zsh")
@pytest.mark.parametrize(("line", "expected"), CASES)
def test_zsh_completes(line: str, expected: set[str]) -> None:
    words = line.split(" ")
    # The shell's own functions, which offer what they are given, are replaced by ones that print what begins rightly.
    script = f"""compdef() {{ :; }}
        {zsh.script()}
        izba() {{ case "$1" in {" ".join(f"{name}) print -l {names} ;;" for name, names in NAMES.items())} esac; }}
        offer() {{ for each in "$@"; [[ $each == "${{words[CURRENT]}}"* ]] && print -r -- "${{each%%:[A-Z \\[]*}}"; : }}
        _describe() {{ [[ $1 == -o ]] && shift; offer "${{(@P)2}}" }}
        compadd() {{ offer "${{(@P)2}}" }}
        _files() {{ : }}
        words=({" ".join(f"'{word}'" for word in words)}); CURRENT={len(words)}
        _izba
    """

    assert ask(["zsh", "-f"], script) == expected


@pytest.mark.peer("fish")
@pytest.mark.parametrize(("line", "expected"), CASES)
def test_fish_completes(line: str, expected: set[str], tmp_path: Path) -> None:
    cases = "\n".join(f"case {name}; printf '%s\\n' {names}" for name, names in NAMES.items())
    script = f"""set -x HOME {tmp_path}
        {fish.script()}
        function izba; switch $argv[1]
            {cases}
        end; end
        complete -C '{line}' | string replace -r '\\t.*' ''; true
    """
    typed = line.rpartition(" ")[2]

    assert {word for word in ask(["fish", "--no-config"], script) if word.startswith(typed)} == expected


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_command_prints_the_script(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0

    assert re.search(rf"izba completion {shell} >", capsys.readouterr().out)


def test_another_shell_is_refused_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bsh"]) == 1

    assert "hint: did you mean bash?" in capsys.readouterr().err
