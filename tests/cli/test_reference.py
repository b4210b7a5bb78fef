"""docs/cli.md says what the commands say of themselves. `IZBA_UPDATE_GOLDEN=1` writes it anew."""

from __future__ import annotations

import os
from pathlib import Path

from izba.cli.completion.model import command_of
from izba.cli.reference import markdown
from izba.cli.table import ALIASES, COMMANDS, GROUPS

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"


def test_the_page_is_what_the_tables_say() -> None:
    page = markdown()
    if os.environ.get("IZBA_UPDATE_GOLDEN"):
        PAGE.write_text(page)

    assert PAGE.read_text() == page


def test_every_command_declares_itself_by_the_name_of_the_table() -> None:
    for name in COMMANDS:
        command = command_of(name)
        assert command.name == name
        assert command.summary
        assert set(command.aliases) >= {alias for alias, target in ALIASES.items() if target == name}


def test_every_flag_says_what_it_does() -> None:
    unexplained = [
        f"izba {name} --{flag.name}"
        for name in COMMANDS
        for flag in command_of(name).flags
        if not flag.hidden and not flag.help
    ]

    assert unexplained == []


def test_groups_are_those_of_the_commands() -> None:
    groups = {name.split(" ")[0] for name in (*COMMANDS, *ALIASES) if " " in name}

    assert groups == set(GROUPS)
