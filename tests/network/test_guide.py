"""What docs/networks.md says to type works as it is typed, by each who can run izba."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.network.conftest import LAN, Izba, Machine, Server, ask_from, eventually, fetch, idle, own_prefix, within
from tests.test_documents import ROOT, typed_in

pytestmark = [pytest.mark.root, pytest.mark.peer("nft"), pytest.mark.peer("setpriv"), pytest.mark.peer("pgrep")]


def section(title: str) -> list[tuple[str, list[str]]]:
    """The commands below one of the page's headings, each with the output shown under it."""
    text = (ROOT / "docs/networks.md").read_text()
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    assert found, title
    return typed_in(found[1])


def is_typed(izba: Izba, machine: Machine, command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Type the command on the machine, as whoever runs this izba."""
    python = izba.user.installation.python if izba.user else sys.executable
    program = directory / "izba"
    program.write_text(f'#!/bin/sh\nexec "{python}" -m izba --root "{izba.root}" "$@"\n')
    program.chmod(0o755)
    environ = {**izba.environment, "PATH": f"{directory}:{izba.environment['PATH']}", "no_proxy": "localhost"}
    return subprocess.run(
        [*own_prefix(izba, machine), "sh", "-c", command],
        env=environ,
        cwd=izba.root,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_page_works_as_it_is_typed(each_izba: Izba, machine: Machine, busybox_archive: Path) -> None:
    rules = section("The way of a packet, rootless" if each_izba.user else "The way of a packet, as root")
    each_izba.names.append("web")
    for command, expected in (*section("Networks"), *rules):

        def works(command: str = command, expected: list[str] = expected) -> bool:
            done = is_typed(each_izba, machine, command, busybox_archive.parent)
            return done.returncode == 0 and (not expected or done.stdout.splitlines() == expected)

        # A server listens a moment after its container was started, and what a test before left ends a moment after it.
        if expected or command.startswith("nsenter"):
            eventually(works)
        else:
            assert works(), command


def test_an_address_is_closed_as_the_page_says(each_izba: Izba, machine: Machine, busybox_archive: Path) -> None:
    name = idle(each_izba)
    machine.lan("ip", "addr", "add", "169.254.169.254/32", "dev", "lan0")
    commands = [command for command, _ in section("Closing more")]
    chain = "output" if each_izba.user else "forward"
    try:
        with Server("0.0.0.0", 7070, machine.on_lan):
            assert ask_from(each_izba, name, "169.254.169.254", 7070) != ""
            for command in commands:
                if f"my {chain}" in command:
                    user = each_izba.user.name if each_izba.user else "root"
                    machine.host("sh", "-c", command.replace("NAME", user))
            inside = within(each_izba, name)
            assert fetch("169.254.169.254", 7070, prefix=inside, timeout=1) == "TimeoutError"
            assert ask_from(each_izba, name, LAN, 7070) != ""
    finally:
        machine.host("nft", "delete", "table", "ip", "my")
        machine.lan("ip", "addr", "del", "169.254.169.254/32", "dev", "lan0")
