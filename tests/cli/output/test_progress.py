from __future__ import annotations

import contextlib
import io
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from izba.build.progress import Output, Reporter, Started, Step, Warned
from izba.cli.output.liveview import View, clean
from izba.cli.output.progress import UnknownMode, progress

BUILD = """
from izba.build.progress import Reporter
from izba.cli.output.progress import progress

with progress({mode!r}) as sink:
    reporter = Reporter(sink)
    reporter.cached("[1/3] FROM scratch")
    with reporter.step("[2/3] RUN echo hi") as step:
        step.output(b"hi\\x1b[31m red\\n")
    reporter.warn("mind the gap")
"""


def test_elsewhere_than_on_a_terminal_lines_are_plain() -> None:
    out = io.StringIO()
    with progress("auto", out) as sink:
        reporter = Reporter(sink)
        reporter.cached("[1/2] FROM scratch")
        with reporter.step("[2/2] RUN true") as step:
            step.output(b"said\n")

    lines = out.getvalue().split("\n")
    assert lines[:5] == ["#1 [1/2] FROM scratch", "#1 CACHED", "", "#2 [2/2] RUN true", lines[4]]
    assert lines[4].endswith(" said")
    assert lines[5] == "#2 DONE 0.0s"


def test_quiet_says_nothing_and_an_unknown_mode_names_the_nearest() -> None:
    out = io.StringIO()
    with progress("quiet", out) as sink:
        Reporter(sink).cached("[1/2] FROM scratch")
    assert out.getvalue() == ""

    with pytest.raises(UnknownMode) as error, progress("plan", out):
        pass
    assert error.value.hint == "did you mean plain?"


def on_a_terminal(code: str, *, shell: str = "", **environment: str) -> str:
    """What `code` writes to a terminal, run by a job-controlling shell's `shell` as "$@" if that is given."""
    master, slave = pty.openpty()
    source = Path(__file__).parents[3] / "src"
    # The terminal's session has to outlast the command: its end takes along what was not read yet.
    within = ["setsid", "--ctty", "bash", "-mc", f"{shell}; echo over; read _", "bash"] if shell else []
    with subprocess.Popen(
        [*within, sys.executable, "-c", code],
        stdin=slave,
        stderr=slave,
        stdout=slave,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "TERM": "xterm", "COLUMNS": "60", **environment},
    ) as process:
        os.close(slave)
        shown = b""
        try:
            while data := os.read(master, 65536):
                shown += data
                if shown.endswith(b"over\r\n"):
                    os.write(master, b"\n")
        except OSError:
            pass  # the other end is closed
        os.close(master)
    assert process.returncode == 0, shown.decode()
    return shown.decode()


def test_on_a_terminal_the_view_moves_and_all_steps_stay() -> None:
    shown = on_a_terminal(BUILD.format(mode="auto"))

    last = shown[shown.rindex("[+] Building") :]
    assert "(2/2) FINISHED" in last
    assert "=> CACHED [1/3] FROM scratch" in last
    assert "=> [2/3] RUN echo hi" in last
    assert "WARNING: mind the gap" in last
    assert "\x1b[34m" in shown


STOPPED = """
import os, signal
from izba.build.progress import Reporter
from izba.cli.output.progress import progress

with progress("tty") as sink, Reporter(sink).step("[1/1] RUN echo hi"):
    os.kill(os.getpid(), signal.SIGTSTP)
"""


def test_a_view_that_is_stopped_leaves_the_terminal_as_it_was_and_comes_back_below() -> None:
    shown = on_a_terminal(STOPPED, shell='"$@"; echo shell is here; fg')

    before, after = shown.split("shell is here")
    assert before.rindex("\x1b[?25h") > before.rindex("\x1b[?25l")  # the cursor is shown
    assert "\x1b[?25l" in after
    assert "\x1b[1A" not in after[: after.index("[+] Building")]  # what the shell wrote is not drawn over
    assert after.rindex("\x1b[?25h") > after.rindex("\x1b[?25l")
    assert "FINISHED" in after


def test_without_colour_meaning_stays() -> None:
    shown = on_a_terminal(BUILD.format(mode="auto"), NO_COLOR="1")

    assert "\x1b[34m" not in shown
    assert "CACHED" in shown


def test_a_dumb_terminal_gets_plain_lines() -> None:
    assert "#1 CACHED" in on_a_terminal(BUILD.format(mode="auto"), TERM="dumb")


def test_a_running_step_shows_the_end_of_what_it_says() -> None:
    view = View()
    step = Step(number=1, name="[1/1] RUN make")
    view(Started(step=step))
    view(Output(step=step, data=b"".join(b"line %d\n" % number for number in range(20)), stream=1, seconds=0.1))

    shown = view.render(40, 10).plain.split("\n")

    assert shown[0].startswith("[+] Building 0.0s (0/1)")
    assert shown[2:] == [f" => => # line {number}" for number in range(14, 20)]


def test_what_does_not_fit_are_the_oldest_steps_that_are_over() -> None:
    view = View()
    reporter = Reporter(view)
    for number in range(30):
        reporter.cached(f"[{number}/31] RUN {number}")
    view(Started(step=Step(number=99, name="[31/31] RUN last")))

    shown = view.render(40, 8).plain.split("\n")

    assert len(shown) == 8
    assert "RUN last" in shown[-1]
    assert "[29/31]" in shown[-2]


def test_a_step_that_failed_shows_its_whole_output_afterwards() -> None:
    view = View()
    with contextlib.suppress(ValueError), Reporter(view).step("[2/2] RUN false") as step:
        step.output(b"first\nsecond")
        raise ValueError("boom")
    view(Warned(message="careful", hint="do this"))

    assert list(view.afterwards()) == [
        "------\n > [2/2] RUN false:\nfirst\nsecond\n------",
        "WARNING: careful (do this)",
    ]


def test_output_cannot_move_the_cursor() -> None:
    assert clean("a\x1b[2Kb\x1b]0;title\x07c\r\n10%\r100%\x08\x00\nok\x1b[1A") == "abc\n100%\nok"
