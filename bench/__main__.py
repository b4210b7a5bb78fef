"""The command line of the benchmarks."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench import harness, peers
from bench.scenarios import SCENARIOS


@contextlib.contextmanager
def fresh_file_system(parent: Path, gigabytes: int) -> Iterator[Path]:
    """A new ext4 in a file for all contestants alike; as an ordinary user a directory has to do."""
    parent.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="izba-bench-", dir=parent))
    image = directory.with_suffix(".ext4")
    mounted = os.geteuid() == 0
    try:
        if mounted:
            with image.open("wb") as file:
                file.truncate(gigabytes << 30)
            subprocess.run(["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=1", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, directory], check=True)
            _write_through(directory)
        yield directory
    finally:
        if mounted:
            subprocess.run(["umount", "--recursive", "--lazy", directory], check=False)
        shutil.rmtree(directory, ignore_errors=True)
        image.unlink(missing_ok=True)


def _write_through(mounted: Path) -> None:
    """Let the loop device go past the page cache, which would hold each page twice, as it does of no real disk."""
    device = subprocess.run(["findmnt", "-no", "SOURCE", mounted], capture_output=True, text=True, check=True).stdout
    done = subprocess.run(["losetup", "--direct-io=on", device.strip()], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"the file system is cached twice: {done.stderr.strip()}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"of {', '.join(SCENARIOS)}; all by default")
    parser.add_argument("--runs", type=int, help="timed runs of each contestant, in place of each measure's own number")
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"), help="where the file system is made")
    parser.add_argument("--gigabytes", type=int, default=24, help="its size; only what is used takes space")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    options = parser.parse_args()
    if unknown := set(options.scenarios) - set(SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")

    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print("milliseconds: minimum, median, maximum")
    figures = {}
    missed = 0
    with fresh_file_system(options.directory, options.gigabytes) as directory:
        contestants = peers.start(directory)
        with contextlib.ExitStack() as stops:  # each, whatever becomes of the others
            for contestant in contestants.values():
                stops.callback(contestant.stop)
            for name in options.scenarios or SCENARIOS:
                scratch = directory / "scratch" / name
                scratch.mkdir(parents=True)
                for measure in SCENARIOS[name](contestants, scratch):
                    runs = options.runs or measure.runs
                    outcome = harness.run(replace(measure, runs=runs))
                    text = harness.report(outcome)
                    print(text, flush=True)
                    missed += text.count("MISSED")
                    figures[measure.name] = outcome.medians
                shutil.rmtree(scratch, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    print(f"\n{missed} goals missed" if missed else "\nall goals met")
    return 0


if __name__ == "__main__":
    sys.exit(main())
