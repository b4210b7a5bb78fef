"""Every key of the specification's schema, with a value for it: what `test_keys` puts into a file.

A path has `*` for a name and `[]` for a place in a list. `COMPANY` is what has to stand beside a key for it to mean
anything. Below a key that is ignored as a whole nothing is listed: it is named in a warning whatever it holds.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

import izba.compose

IGNORED_WHOLE = (
    "jobs",
    "models",
    "services.*.credential_spec",
    "services.*.deploy.placement",
    "services.*.deploy.rollback_config",
    "services.*.deploy.update_config",
    "services.*.deploy.resources.reservations.devices",
    "services.*.deploy.resources.reservations.generic_resources",
    "services.*.gpus",
    "services.*.models",
    "services.*.pre_start",
    "services.*.provider",
)

COMPANY: dict[str, Any] = yaml.safe_load("""
services: {one: {image: x}, other: {image: x, build: .}, third: {image: x, init: true}}
include.[]: {path: inc.yaml}
include.[].path: {path: other.yaml}
services.*.blkio_config.device_read_bps.[]: {path: /dev/null, rate: 1}
services.*.blkio_config.device_read_iops.[]: {path: /dev/null, rate: 1}
services.*.blkio_config.device_write_bps.[]: {path: /dev/null, rate: 1}
services.*.blkio_config.device_write_iops.[]: {path: /dev/null, rate: 1}
services.*.blkio_config.weight_device.[]: {path: /dev/null, weight: 10}
services.*.build: {context: .}
services.*.build.additional_contexts: {}
services.*.build.secrets.[]: {source: s}
services.*.build.ulimits.*: {soft: 1, hard: 2}
services.*.configs.[]: {source: c}
services.*.depends_on.*: {condition: service_started}
services.*.develop.watch.[]: {path: ., action: sync+exec, target: /t, exec: {command: [a]}}
services.*.devices.[]: {source: /dev/null}
services.*.env_file.[]: {path: a.env}
services.*.env_file.[].required: {path: missing.env}
services.*.extends: {service: other}
services.*.extends.file: {service: other}
services.*.healthcheck: {test: a}
services.*.networks: {two: }
services.*.networks.*: {}
services.*.ports.[]: {target: 80}
services.*.post_start.[]: {command: a}
services.*.pre_stop.[]: {command: a}
services.*.pull_refresh_after: {pull_policy: refresh}
services.*.secrets.[]: {source: s}
services.*.ulimits.*: {soft: 1, hard: 2}
services.*.volumes.[]: {type: bind, source: /s, target: /t}
services.*.volumes.[].image: {type: image, source: x}
services.*.volumes.[].tmpfs: {type: tmpfs, source: null}
services.*.volumes.[].volume: {type: volume, source: v}
networks: {one: , two: }
networks.*.external.name: {}
networks.*.ipam.config.[]: {subnet: 10.1.0.0/16}
volumes: {v: , one: }
secrets: {s: {file: a}, s2: {file: b}}
secrets.*: {file: a}
secrets.*.environment: {file: null}
secrets.*.external: {file: null}
secrets.*.external.name: {file: null}
configs: {c: {file: a}, c2: {file: b}}
configs.*: {file: a}
configs.*.content: {file: null}
configs.*.environment: {file: null}
configs.*.external: {file: null}
configs.*.external.name: {file: null}
""")

SAMPLES: dict[str, Any] = yaml.safe_load("""
configs.*.content: text
configs.*.environment: V
configs.*.external: true
configs.*.external.name: n
configs.*.file: b
configs.*.labels: {a: b}
configs.*.name: n
configs.*.template_driver: golang
include.[].env_file: inc.env
include.[].path: inc.yaml
include.[].project_directory: sub
jobs: {j: {image: x, triggers: {manual: true}}}
models: {m: {model: x}}
name: other
networks.*.attachable: true
networks.*.driver: overlay
networks.*.driver_opts: {a: b}
networks.*.enable_ipv4: false
networks.*.enable_ipv6: true
networks.*.external: true
networks.*.external.name: n
networks.*.internal: true
networks.*.ipam.config.[].aux_addresses: {a: 10.1.0.9}
networks.*.ipam.config.[].gateway: 10.1.0.2
networks.*.ipam.config.[].ip_range: 10.1.1.0/24
networks.*.ipam.config.[].subnet: 10.2.0.0/16
networks.*.ipam.driver: other
networks.*.ipam.options: {a: b}
networks.*.labels: {a: b}
networks.*.name: n
secrets.*.driver: d
secrets.*.driver_opts: {a: b}
secrets.*.environment: V
secrets.*.external: true
secrets.*.external.name: n
secrets.*.file: b
secrets.*.labels: {a: b}
secrets.*.name: n
secrets.*.template_driver: golang
services.*.annotations: {a: b}
services.*.attach: false
services.*.blkio_config.device_read_bps.[].path: /dev/zero
services.*.blkio_config.device_read_bps.[].rate: 1mb
services.*.blkio_config.device_read_iops.[].path: /dev/zero
services.*.blkio_config.device_read_iops.[].rate: 2
services.*.blkio_config.device_write_bps.[].path: /dev/zero
services.*.blkio_config.device_write_bps.[].rate: 2
services.*.blkio_config.device_write_iops.[].path: /dev/zero
services.*.blkio_config.device_write_iops.[].rate: 2
services.*.blkio_config.weight: 100
services.*.blkio_config.weight_device.[].path: /dev/zero
services.*.blkio_config.weight_device.[].weight: 20
services.*.build.additional_contexts: {c: ./c}
services.*.build.args: {A: b}
services.*.build.cache_from: [x]
services.*.build.cache_to: [x]
services.*.build.context: ./c
services.*.build.dockerfile: other
services.*.build.dockerfile_inline: FROM x
services.*.build.entitlements: [network.host]
services.*.build.extra_hosts: ["a=127.0.0.1"]
services.*.build.isolation: hyperv
services.*.build.labels: {a: b}
services.*.build.network: none
services.*.build.no_cache: true
services.*.build.no_cache_filter: [a]
services.*.build.platforms: [linux/arm64]
services.*.build.privileged: true
services.*.build.provenance: true
services.*.build.pull: true
services.*.build.sbom: true
services.*.build.secrets.[].gid: "1"
services.*.build.secrets.[].mode: 0440
services.*.build.secrets.[].source: s2
services.*.build.secrets.[].target: t
services.*.build.secrets.[].uid: "1"
services.*.build.shm_size: 1mb
services.*.build.ssh: [default]
services.*.build.tags: [t]
services.*.build.target: t
services.*.build.ulimits.*.hard: 3
services.*.build.ulimits.*.soft: 2
services.*.cap_add: [NET_ADMIN]
services.*.cap_drop: [ALL]
services.*.cgroup: host
services.*.cgroup_parent: p
services.*.command: [a]
services.*.configs.[].gid: "1"
services.*.configs.[].mode: 0440
services.*.configs.[].source: c2
services.*.configs.[].target: /t
services.*.configs.[].uid: "1"
services.*.container_name: name
services.*.cpu_count: 1
services.*.cpu_percent: 10
services.*.cpu_period: 100000
services.*.cpu_quota: 100000
services.*.cpu_rt_period: 1000
services.*.cpu_rt_runtime: 1000
services.*.cpu_shares: 10
services.*.cpus: 0.5
services.*.cpuset: "0"
services.*.credential_spec: {file: f}
services.*.depends_on.*.condition: service_healthy
services.*.depends_on.*.required: false
services.*.depends_on.*.restart: true
services.*.deploy.endpoint_mode: dnsrr
services.*.deploy.labels: {a: b}
services.*.deploy.mode: replicated
services.*.deploy.placement: {constraints: [a]}
services.*.deploy.replicas: 2
services.*.deploy.resources.limits.cpus: 0.5
services.*.deploy.resources.limits.memory: 1gb
services.*.deploy.resources.limits.pids: 10
services.*.deploy.resources.reservations.cpus: 0.5
services.*.deploy.resources.reservations.devices: [{capabilities: [gpu]}]
services.*.deploy.resources.reservations.generic_resources: [{discrete_resource_spec: {kind: a, value: 1}}]
services.*.deploy.resources.reservations.memory: 1gb
services.*.deploy.restart_policy.condition: on-failure
services.*.deploy.restart_policy.delay: 5s
services.*.deploy.restart_policy.max_attempts: 3
services.*.deploy.restart_policy.window: 5s
services.*.deploy.rollback_config: {parallelism: 1}
services.*.deploy.update_config: {parallelism: 1}
services.*.develop.watch.[].action: sync
services.*.develop.watch.[].exec.command: [b]
services.*.develop.watch.[].exec.environment: {A: b}
services.*.develop.watch.[].exec.privileged: true
services.*.develop.watch.[].exec.user: me
services.*.develop.watch.[].exec.working_dir: /w
services.*.develop.watch.[].ignore: [i]
services.*.develop.watch.[].include: [i]
services.*.develop.watch.[].initial_sync: true
services.*.develop.watch.[].path: ./c
services.*.develop.watch.[].target: /other
services.*.device_cgroup_rules: ["c 1:3 r"]
services.*.devices.[].permissions: r
services.*.devices.[].source: /dev/zero
services.*.devices.[].target: /dev/x
services.*.dns: [1.1.1.1]
services.*.dns_opt: [ndots:1]
services.*.dns_search: [a.b]
services.*.domainname: a.b
services.*.entrypoint: [a]
services.*.env_file.[].format: raw
services.*.env_file.[].path: raw.env
services.*.env_file.[].required: false
services.*.environment: {A: b}
services.*.expose: ["80"]
services.*.extends.file: base.yaml
services.*.extends.service: third
services.*.external_links: [a]
services.*.extra_hosts: ["a=127.0.0.1"]
services.*.gpus: all
services.*.group_add: ["1"]
services.*.healthcheck.disable: true
services.*.healthcheck.interval: 5s
services.*.healthcheck.retries: 7
services.*.healthcheck.start_interval: 5s
services.*.healthcheck.start_period: 5s
services.*.healthcheck.test: b
services.*.healthcheck.timeout: 5s
services.*.hostname: h
services.*.image: y
services.*.init: true
services.*.ipc: host
services.*.isolation: hyperv
services.*.label_file: labels
services.*.labels: {a: b}
services.*.links: ["other:alias"]
services.*.logging.driver: none
services.*.logging.options: {max-size: 1m}
services.*.mac_address: "02:00:00:00:00:01"
services.*.mem_limit: 1gb
services.*.mem_reservation: 1gb
services.*.mem_swappiness: 10
services.*.memswap_limit: 1gb
services.*.models: [m]
services.*.network_mode: host
services.*.networks.*.aliases: [a]
services.*.networks.*.driver_opts: {a: b}
services.*.networks.*.gw_priority: 3
services.*.networks.*.interface_name: eth7
services.*.networks.*.ipv4_address: 10.1.0.3
services.*.networks.*.ipv6_address: "fd00::3"
services.*.networks.*.link_local_ips: [169.254.1.1]
services.*.networks.*.mac_address: "02:00:00:00:00:01"
services.*.networks.*.priority: 3
services.*.networks.*.use_service_name_alias: false
services.*.oom_kill_disable: true
services.*.oom_score_adj: 100
services.*.pid: host
services.*.pids_limit: 10
services.*.platform: linux/arm64
services.*.ports.[].app_protocol: http
services.*.ports.[].host_ip: 127.0.0.1
services.*.ports.[].mode: other
services.*.ports.[].name: n
services.*.ports.[].protocol: udp
services.*.ports.[].published: "8080"
services.*.ports.[].target: 81
services.*.post_start.[].command: b
services.*.post_start.[].environment: {A: b}
services.*.post_start.[].privileged: true
services.*.post_start.[].user: me
services.*.post_start.[].working_dir: /w
services.*.pre_start: [{command: a}]
services.*.pre_stop.[].command: b
services.*.pre_stop.[].environment: {A: b}
services.*.pre_stop.[].privileged: true
services.*.pre_stop.[].user: me
services.*.pre_stop.[].working_dir: /w
services.*.privileged: true
services.*.profiles: [p]
services.*.provider: {type: t}
services.*.pull_policy: daily
services.*.pull_refresh_after: 5h
services.*.read_only: true
services.*.restart: always
services.*.runtime: crun
services.*.scale: 2
services.*.secrets.[].gid: "1"
services.*.secrets.[].mode: 0440
services.*.secrets.[].source: s2
services.*.secrets.[].target: t
services.*.secrets.[].uid: "1"
services.*.security_opt: [no-new-privileges]
services.*.shm_size: 1mb
services.*.stdin_open: true
services.*.stop_grace_period: 5s
services.*.stop_signal: SIGINT
services.*.storage_opt: {size: 1G}
services.*.sysctls: {net.core.somaxconn: 1}
services.*.tmpfs: [/t]
services.*.tty: true
services.*.ulimits.*.hard: 3
services.*.ulimits.*.soft: 2
services.*.umask: "0077"
services.*.use_api_socket: true
services.*.user: me
services.*.userns_mode: host
services.*.uts: host
services.*.volumes.[].bind.create_host_path: false
services.*.volumes.[].bind.propagation: rslave
services.*.volumes.[].bind.recursive: disabled
services.*.volumes.[].bind.selinux: z
services.*.volumes.[].consistency: cached
services.*.volumes.[].image.subpath: s
services.*.volumes.[].read_only: true
services.*.volumes.[].source: /s2
services.*.volumes.[].target: /t2
services.*.volumes.[].tmpfs.mode: 0755
services.*.volumes.[].tmpfs.size: 1mb
services.*.volumes.[].type: image
services.*.volumes.[].volume.labels: {a: b}
services.*.volumes.[].volume.nocopy: true
services.*.volumes.[].volume.subpath: s
services.*.volumes_from: [other]
services.*.working_dir: /w
version: "3"
volumes.*.driver: d
volumes.*.driver_opts: {type: tmpfs}
volumes.*.external: true
volumes.*.external.name: n
volumes.*.labels: {a: b}
volumes.*.name: n
""")


def schema_keys() -> list[str]:
    """The keys of the schema that have no keys below them, or may have none (`external`), in its own order."""
    schema = json.loads((Path(izba.compose.__file__).parent / "schema.json").read_text())
    found: dict[str, None] = {}
    _walk(schema, schema["$defs"], (), found, ())
    keys = [key for key in found if not key.endswith(("*", "[]"))]
    return [
        key
        for key in keys
        if key.endswith(".external") or not any(other.startswith(f"{key}.") and _named(other, key) for other in keys)
    ]


def _named(other: str, key: str) -> bool:
    """Whether a key stands directly below another, not below a name or a place that people choose."""
    return any(part not in {"*", "[]"} for part in other[len(key) + 1 :].split("."))


def _walk(
    schema: dict[str, Any], definitions: dict[str, Any], path: tuple[str, ...], found: dict[str, None], above: Any
) -> None:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if id(schema) in above or ".".join(path).startswith(tuple(f"{each}." for each in IGNORED_WHOLE)):
        return
    above = (*above, id(schema))
    if path:
        found[".".join(path)] = None
    for part in (*schema.get("allOf", ()), *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        _walk(part, definitions, path, found, above)
    for key, below in schema.get("properties", {}).items():
        _walk(below, definitions, (*path, key), found, above)
    for pattern, below in schema.get("patternProperties", {}).items():
        if pattern != "^x-":
            _walk(below, definitions, (*path, "*"), found, above)
    if isinstance(schema.get("additionalProperties"), dict):
        _walk(schema["additionalProperties"], definitions, (*path, "*"), found, above)
    if "items" in schema:
        _walk(schema["items"], definitions, (*path, "[]"), found, above)


def document(key: str, *, given: bool) -> dict[str, Any]:
    """A file in which the key stands with its sample, or does not."""
    tree: dict[str, Any] = {}
    parts = key.split(".")
    for length in range(1, len(parts) + 1):
        company = COMPANY.get(".".join(parts[:length]))
        if company is not None:
            # What stands beside the last key stands in the mapping that has it.
            beside = parts[: length - 1] if length == len(parts) or _is_beside(parts, length) else parts[:length]
            _put(tree, beside, deepcopy(company))
    if "services" not in tree:
        _put(tree, ["services"], deepcopy(COMPANY["services"]))
    for section in ("networks", "volumes", "secrets", "configs"):
        tree.setdefault(section, {}).update(deepcopy(COMPANY[section]) | tree[section])
    if given:
        _put(tree, parts, deepcopy(SAMPLES[key]))
    return tree


def chosen(parts: list[str], index: int) -> str:
    """The name in a place where people choose one. A service cannot depend on itself."""
    if parts[index] != "*":
        return parts[index]
    return "other" if index and parts[index - 1] == "depends_on" else "one"


def shown(key: str) -> str:
    """The key as messages name it."""
    parts = key.split(".")
    return ".".join(chosen(parts, index) for index in range(len(parts))).replace(".[]", "[0]")


def _is_beside(parts: list[str], length: int) -> bool:
    """`volumes.[].tmpfs` keeps company with the mount's own keys."""
    return parts[length - 1] in {"tmpfs", "volume", "image"} and parts[length - 2] == "[]"


def _put(tree: Any, parts: list[str], value: Any) -> None:
    for index, part in enumerate(parts):
        following = parts[index + 1] if index + 1 < len(parts) else None
        last = following is None
        if part == "[]":
            if not tree:
                tree.append([] if following == "[]" else {})
            if last:
                tree[0] = _merged(tree[0], value)
            else:
                tree = tree[0]
            continue
        name = chosen(parts, index)
        if last:
            tree[name] = _merged(tree.get(name), value)
        else:
            if not tree.get(name):
                tree[name] = [] if following == "[]" else {}
            tree = tree[name]
    if not parts:
        tree.update(value)


def _merged(old: Any, new: Any) -> Any:
    if isinstance(old, dict) and isinstance(new, dict):
        merged = old | new
        return {key: each for key, each in merged.items() if each is not None or key not in old or old[key] is None}
    return new
