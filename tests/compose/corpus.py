"""The corpus: each directory is one feature, with the project it takes, its flags (`args`) and variables (`env`)."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

CORPUS = Path(__file__).parent / "corpus"
FEATURES = sorted(path.name for path in CORPUS.iterdir() if path.is_dir())
COMPOSE = str(Path(sys.executable).parent / "docker-compose")


class Strict(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML 1.2's booleans, as Go prints them."""


Strict.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern) for tag, pattern in found if tag not in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp"}
    ]
    for letter, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}
Strict.add_implicit_resolver("tag:yaml.org,2002:bool", __import__("re").compile("^(true|false)$"), list("tf"))


def flags(feature: Path) -> list[str]:
    file = feature / "args"
    return file.read_text().split() if file.exists() else []


def environment(feature: Path) -> dict[str, str]:
    file = feature / "env"
    lines = file.read_text().splitlines() if file.exists() else []
    return {
        "PATH": os.environ["PATH"],
        "HOME": "/home/somebody",
        "DOCKER_HOST": "unix:///nowhere.sock",
        **dict(line.split("=", 1) for line in lines),
    }


def project(name: str, into: Path) -> Path:
    """A copy of the feature's project, in a directory of that name."""
    target = into / name
    shutil.copytree(CORPUS / name, target)
    return target


def compose(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """The real one."""
    return subprocess.run(
        [COMPOSE, *flags(directory), *command],
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def izba(directory: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "izba", "compose", *flags(directory), *command],
        cwd=directory,
        env=environment(directory),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def corrected(tree: Any) -> Any:
    """What the real one prints, where it cannot read that again: ssh keys as `id: path`, dollars of keys doubled.

    The keys come in another order each time: they are a map of Go's. izba's are sorted.
    """
    tree = _with_plain_keys(tree)
    for service in tree["services"].values():
        build = service.get("build") or {}
        if "ssh" in build:
            build["ssh"] = sorted(entry.replace(": ", "=") for entry in build["ssh"])
    return tree


def _with_plain_keys(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_plain_keys(each) for each in value]
    if isinstance(value, dict):
        return {key.replace("$$", "$"): _with_plain_keys(each) for key, each in value.items()}
    return value


def tree(text: str) -> Any:
    return yaml.load(text, Loader=Strict)
