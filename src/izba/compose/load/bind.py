"""Phase 17: the canonical tree becomes a `Project`."""

from __future__ import annotations

from izba.compose.load.documents import container_config, host_config
from izba.compose.project import (
    Build,
    Dependency,
    FileMount,
    FileSource,
    Hook,
    Network,
    Project,
    Publish,
    Service,
    Volume,
    WatchRule,
)
from izba.compose.units import duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from izba.compose.load.phases import Loaded
    from izba.network.store import EndpointRequest


def bind(loaded: Loaded, directory: str, files: Sequence[str]) -> Project:
    """The project of a loaded tree."""
    tree = loaded.tree
    links = _links(tree["services"])
    services = [
        _service(name, model, tree, links).replace(ports_at=_ports_at(loaded, name, model))
        for name, model in sorted(tree["services"].items())
    ]
    enabled = loaded.enabled
    return Project(
        name=loaded.name,
        directory=directory,
        files=tuple(files),
        services=tuple(service for service in services if service.name in enabled),
        disabled=tuple(service for service in services if service.name not in enabled),
        networks=tuple(_network(key, model) for key, model in (tree.get("networks") or {}).items()),
        volumes=tuple(_volume(key, model) for key, model in (tree.get("volumes") or {}).items()),
        sources=tuple(
            _source(kind, key, model, loaded.environment)
            for kind in ("secrets", "configs")
            for key, model in (tree.get(kind) or {}).items()
        ),
    )


def _service(name: str, model: dict[str, Any], tree: dict[str, Any], links: dict[str, tuple[str, ...]]) -> Service:
    scale = model.get("scale", (model.get("deploy") or {}).get("replicas"))
    return Service(
        name=name,
        image=model.get("image", ""),
        config=container_config(model),
        host_config=host_config(model, tree),
        model=model,
        build=_build(model["build"]) if "build" in model else None,
        scale=1 if scale is None else scale,
        container_name=model.get("container_name", ""),
        pull_policy=model.get("pull_policy", ""),
        refresh=_refresh(model),
        platform=model.get("platform", ""),
        attach=model.get("attach", True),
        profiles=tuple(model.get("profiles", ())),
        depends_on=tuple(
            Dependency(
                service=other,
                condition=how["condition"],
                restart=how.get("restart", False),
                required=how.get("required", True),
            )
            for other, how in sorted((model.get("depends_on") or {}).items())
        ),
        endpoints=_endpoints(name, model, tree, links.get(name, ())),
        ports=tuple(
            Publish(
                target=port["target"],
                protocol=port.get("protocol", "tcp"),
                published=port.get("published", ""),
                address=port.get("host_ip", ""),
            )
            for port in model.get("ports") or ()
        ),
        files=(
            *(_mount("secrets", each) for each in model.get("secrets") or ()),
            *(_mount("configs", each) for each in model.get("configs") or ()),
        ),
        volumes_from=tuple(_volumes_from(text) for text in model.get("volumes_from") or ()),
        namespaces=tuple(
            (key, model[attribute].removeprefix("service:"))
            for attribute, key in (("network_mode", "NetworkMode"), ("ipc", "IpcMode"), ("pid", "PidMode"))
            if model.get(attribute, "").startswith("service:")
        ),
        watch=tuple(_watch(rule) for rule in (model.get("develop") or {}).get("watch") or ()),
        post_start=tuple(_hook(each) for each in model.get("post_start") or ()),
        pre_stop=tuple(_hook(each) for each in model.get("pre_stop") or ()),
    )


def _ports_at(loaded: Loaded, name: str, model: dict[str, Any]) -> str:
    return loaded.sources.where(("services", name, "ports")) if model.get("ports") else ""


def _refresh(model: dict[str, Any]) -> float | None:
    """After how many seconds an image is pulled again: `daily`, `weekly`, `every_12h`, `refresh` with its own time."""
    policy = model.get("pull_policy", "")
    if policy == "refresh":
        text = model.get("pull_refresh_after", "0")
    else:
        text = {"daily": "1d", "weekly": "7d"}.get(policy) or policy.removeprefix("every_")
        if text == policy:
            return None
    return duration(text) / 1e9


def _hook(model: dict[str, Any]) -> Hook:
    return Hook(
        command=tuple(model.get("command") or ()),
        user=model.get("user", ""),
        privileged=model.get("privileged", False),
        workdir=model.get("working_dir", ""),
        environment=tuple(
            f"{name}={value}" for name, value in (model.get("environment") or {}).items() if value is not None
        ),
    )


def _links(services: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """By service the names that others call it by (`links: [SERVICE:ALIAS]`)."""
    found: dict[str, list[str]] = {}
    for model in services.values():
        for link in model.get("links") or ():
            name, colon, alias = link.partition(":")
            if colon:
                found.setdefault(name, []).append(alias)
    return {name: tuple(dict.fromkeys(aliases)) for name, aliases in found.items()}


def _endpoints(
    name: str, model: dict[str, Any], tree: dict[str, Any], links: tuple[str, ...]
) -> tuple[EndpointRequest, ...]:
    from izba.network.store import EndpointRequest

    if "network_mode" in model:
        return ()
    networks: list[tuple[str, dict[str, Any]]] = [
        (key, how or {}) for key, how in (model.get("networks") or {}).items()
    ]
    # The first one that leads out has the default route, unless another has a higher gateway priority.
    networks.sort(key=lambda item: -(item[1].get("priority") or 0))
    return tuple(
        EndpointRequest(
            network=tree["networks"][key]["name"],
            aliases=tuple(
                dict.fromkeys(
                    (*((name,) if how.get("use_service_name_alias", True) else ()), *(how.get("aliases") or ()), *links)
                )
            ),
            address=how.get("ipv4_address", ""),
            mac=(how.get("mac_address") or model.get("mac_address") or "").lower(),
            interface=how.get("interface_name") or "",
            gateway_priority=how.get("gw_priority") or 0,
        )
        for key, how in networks
    )


def _build(model: dict[str, Any]) -> Build:
    return Build(
        context=model["context"],
        dockerfile=model.get("dockerfile"),
        dockerfile_inline=model.get("dockerfile_inline"),
        args=tuple((key, value) for key, value in (model.get("args") or {}).items() if value is not None),
        labels=tuple((model.get("labels") or {}).items()),
        target=model.get("target"),
        contexts=tuple((model.get("additional_contexts") or {}).items()),
        secrets=tuple(_mount("secrets", each) for each in model.get("secrets") or ()),
        tags=tuple(model.get("tags") or ()),
        platforms=tuple(model.get("platforms") or ()),
        network=model.get("network") or "default",
        extra_hosts=tuple(_pair(text) for text in model.get("extra_hosts") or ()),
        shm_size=size(model["shm_size"]) if "shm_size" in model else None,
        ulimits=tuple(
            (name, limit["soft"], limit["hard"]) if isinstance(limit, dict) else (name, limit, limit)
            for name, limit in (model.get("ulimits") or {}).items()
        ),
        no_cache=model.get("no_cache", False),
        no_cache_filter=tuple(model.get("no_cache_filter") or ()),
        pull=model.get("pull", False),
    )


def _pair(text: str) -> tuple[str, str]:
    name, _, address = text.partition("=")
    return name, address


def _mount(kind: str, model: dict[str, Any]) -> FileMount:
    source = model["source"]
    target = model.get("target") or source
    if not target.startswith("/"):
        target = f"/run/secrets/{target}" if kind == "secrets" else f"/{target}"
    return FileMount(
        kind=kind,
        source=source,
        target=target,
        uid=_id(model.get("uid")),
        gid=_id(model.get("gid")),
        mode=int(model["mode"], 8) if "mode" in model else None,
    )


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _volumes_from(text: str) -> tuple[str, bool]:
    rest, _, mode = text.rpartition(":")
    if mode in {"ro", "rw"} and rest:
        return rest, mode == "ro"
    return text, False


def _watch(rule: dict[str, Any]) -> WatchRule:
    return WatchRule(
        action=rule["action"],
        path=rule["path"],
        target=rule.get("target", ""),
        ignore=tuple(rule.get("ignore") or ()),
        include=tuple(rule.get("include") or ()),
        initial_sync=rule.get("initial_sync", False),
        command=_hook(rule.get("exec") or {}),
    )


def _network(key: str, model: dict[str, Any]) -> Network:
    from izba.network.store import AUXILIARY

    pools = (model.get("ipam") or {}).get("config") or [{}]
    pool: dict[str, Any] = next((each for each in pools if ":" not in each.get("subnet", "")), {})
    kept_free = {f"{AUXILIARY}{name}": address for name, address in (pool.get("aux_addresses") or {}).items()}
    return Network(
        key=key,
        name=model["name"],
        external=model.get("external", False),
        driver=model.get("driver", ""),
        subnet=pool.get("subnet", ""),
        gateway=pool.get("gateway", ""),
        ip_range=pool.get("ip_range", ""),
        internal=model.get("internal", False),
        attachable=model.get("attachable", False),
        options=tuple(((model.get("driver_opts") or {}) | kept_free).items()),
        labels=tuple((model.get("labels") or {}).items()),
    )


def _volume(key: str, model: dict[str, Any]) -> Volume:
    return Volume(
        key=key,
        name=model["name"],
        external=model.get("external", False),
        driver=model.get("driver", ""),
        options=tuple((model.get("driver_opts") or {}).items()),
        labels=tuple((model.get("labels") or {}).items()),
    )


def _source(kind: str, key: str, model: dict[str, Any], environment: Mapping[str, str]) -> FileSource:
    content = model.get("content")
    if "environment" in model:
        content = environment.get(model["environment"])
    return FileSource(
        kind=kind,
        key=key,
        name=model["name"],
        file=model.get("file"),
        variable=model.get("environment"),
        content=content,
        external=model.get("external", False),
    )
