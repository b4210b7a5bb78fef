"""The support tables of `docs/compose.md`: each feature of the corpus and what izba makes of it, and the keys that are
ignored.

`python -m tests.compose.support` prints them; with `--write` they take the place of those in the document.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from izba.compose.load.warn import MEANINGLESS, Other

DOCUMENT = Path(__file__).parents[2] / "docs" / "compose.md"

MATRIX = {
    "anchors": ("anchors, aliases, merge keys `<<`", "yes"),
    "build": (
        "`build` in all its keys",
        "yes; `ssh`, `cache_from`, `cache_to`, `platforms` beyond one: named in a warning",
    ),
    "command": ("`command`, `entrypoint`: text, list, empty", "yes"),
    "depends-on": ("`depends_on` with conditions, `restart`, `required`; `links`, `volumes_from`", "yes"),
    "deploy": ("`deploy`: replicas, resources, restart_policy, labels", "yes; what is for a swarm: named in a warning"),
    "develop": ("`develop.watch`: sync, rebuild, restart, sync+restart, sync+exec", "yes"),
    "dotenv": ("`.env`", "yes"),
    "env-file": ("`env_file`, also `required` and `format: raw`", "yes"),
    "env-file-flag": ("`--env-file`, several", "yes"),
    "environment": ("`environment` as list and mapping", "yes"),
    "extends": ("`extends` of a service, of a file, in a chain", "yes; not from elsewhere"),
    "extensions": ("`x-…`", "yes"),
    "healthcheck": ("`healthcheck` with `start_interval`", "yes"),
    "hooks": ("`post_start`, `pre_stop`", "yes; `pre_start`: named in a warning"),
    "image": ("`image`, `container_name`, `hostname`, `user`, `working_dir`, `platform`, `pull_policy`", "yes"),
    "include": ("`include`: path list, `project_directory`, `env_file`", "yes; not from elsewhere"),
    "interpolation": ("variables in all forms, nested", "yes"),
    "life": ("`restart`, `stop_signal`, `logging`, `labels`, `label_file`, `extra_hosts`, `dns`, `tty`", "yes"),
    "limits": ("`mem_limit`, `cpus`, `pids_limit`, `ulimits`, `blkio_config` …", "yes"),
    "merge": ("several files, merged by the specification's rules", "yes"),
    "microservices": ("a project of several services", "yes"),
    "multi-document": ("several documents in one file", "yes"),
    "name": ("`name`, normalised", "yes"),
    "networks": ("`networks`: aliases, addresses, ipam, internal, external", "yes; IPv6: no"),
    "override-file": ("`compose.override.yaml`", "yes"),
    "ports": ("`ports` short and long, ranges; `expose`", "yes"),
    "profiles": ("`profiles`", "yes"),
    "reset-override": ("`!reset`, `!override`", "yes"),
    "secrets-configs": (
        "`secrets`, `configs`: file, environment, content; uid, gid, mode",
        "yes; external ones are those of `izba secret` and `izba config`",
    ),
    "security": ("`privileged`, `cap_add`, `security_opt`, `devices`, `sysctls`, `init`, `read_only` …", "yes"),
    "version": ("`version`, obsolete", "read, with a warning"),
    "volumes": ("`volumes` short and long, `tmpfs`, `volumes_from`", "yes; `type: image`: no"),
    "yaml-types": ("numbers, booleans, octals as YAML has them", "yes"),
}


def matrix() -> str:
    """The table."""
    rows = [f"| {what} | {how} | `{name}` |" for name, (what, how) in sorted(MATRIX.items())]
    return "\n".join(("| in the file | in izba | corpus |", "|---|---|---|", *rows))


def ignored() -> str:
    """The keys that are named in a warning, and why."""
    rows = []
    for key, why in MEANINGLESS.items():
        told = why
        if isinstance(why, Other):
            told = f"but for {' and '.join(f'`{json.dumps(each)}`' for each in why.than)}: {why.reason}"
        rows.append(f"| `{key}` | {told} |")
    return "\n".join(("| key | why it means nothing |", "|---|---|", *rows))


def write() -> None:
    """Put both tables into the document, each in the place of the one with its first line."""
    text = DOCUMENT.read_text()
    for table in (matrix(), ignored()):
        head = table.partition("\n")[0]
        before, _, after = text.partition(head)
        rest = after.removeprefix("\n").split("\n")
        while rest and rest[0].startswith("|"):
            rest.pop(0)
        text = f"{before}{table}\n" + "\n".join(rest)
    DOCUMENT.write_text(text)


if __name__ == "__main__":
    if "--write" in sys.argv:
        write()
    else:
        print(f"{matrix()}\n\n{ignored()}")
