"""Each scenario prepares what it needs and yields its measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.harness import Measure
from bench.peers import Peer
from bench.scenarios import build, compose, context, listing, network, registry, run

Scenario = Callable[[Mapping[str, Peer], Path], Iterator[Measure]]

SCENARIOS: dict[str, Scenario] = {
    "run": run.run,
    "exec": run.exec_,
    "memory": run.memory,
    "output": run.output,
    "build": build.service,
    "context": context.many_files,
    "large": context.large_file,
    "archive": context.archives,
    "registry": registry.transfers,
    "listing": listing.listing,
    "compose": compose.project,
    "network": network.start,
    "network-many": network.many,
    "network-names": network.names,
    "ports": network.published,
    "ports-rootless": network.published_rootless,
    "config": compose.large,
}
