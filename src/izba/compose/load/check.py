"""Phase 16: what the schema cannot say. Names that exist, attributes that exclude each other, no circles.

And names that go into paths, DNS and labels are names (`service_name`, `project_name`).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from izba.compose.load.source import Sources

_LETTERS_AND_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_IN_NAMES = _LETTERS_AND_DIGITS | frozenset("._-")
_CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}


def _is_container_name(name: str) -> bool:
    return len(name) > 1 and name[0] in _LETTERS_AND_DIGITS and _IN_NAMES.issuperset(name)


def check_resources(tree: dict[str, Any], sources: Sources) -> None:
    """Volumes, configs and secrets of one file or include. Raises `ComposeFileError`."""
    for name, volume in (tree.get("volumes") or {}).items():
        if not (volume or {}).get("external"):
            continue
        for key in volume:
            if key not in {"name", "external"} and not key.startswith("x-"):
                message = f'"external" and {key!r} exclude each other'
                raise sources.error(("volumes", name, key), message)
    for section, ways in (("configs", ("file", "environment", "content")), ("secrets", ("file", "environment"))):
        for name, resource in (tree.get(section) or {}).items():
            given = [key for key in ways if key in (resource or {})]
            path = (section, name)
            if len(given) > 1:
                raise sources.error(path, f"{'|'.join(ways)} attributes are mutually exclusive")
            if not given and not {"external", "driver"} & set(resource or ()):
                raise sources.error(path, f"one of {'|'.join(ways)} must be set")


def check_project(tree: dict[str, Any], enabled: Callable[[str], bool], sources: Sources) -> None:
    """The whole. Services that are not `enabled` count for nothing but their names. Raises `ComposeFileError`."""
    checker = _Checker(tree, enabled, sources)
    for name, service in checker.services.items():
        if not _IN_NAMES.issuperset(name) or name.strip(".") == "":
            raise sources.error(("services", name), "a service's name has letters, digits and ._- only")
        if enabled(name):
            checker.service(name, service)
    checker.circles()


class _Checker:
    """One project's."""

    def __init__(self, tree: dict[str, Any], enabled: Callable[[str], bool], sources: Sources) -> None:
        self.tree = tree
        self.services: dict[str, dict[str, Any]] = tree.get("services") or {}
        self.enabled = enabled
        self.sources = sources

    def service(self, name: str, service: dict[str, Any]) -> None:
        path = ("services", name)
        if not ({"build", "image", "provider"} & service.keys()):
            raise self.sources.error(
                path, "neither an image nor a build context is given", hint="add `image: NAME` or `build: DIRECTORY`"
            )
        if "build" in service:
            self._build(name, service["build"], service)
        if service.get("network_mode") and service.get("networks"):
            raise self.sources.error((*path, "network_mode"), "network_mode and networks exclude each other")
        container_name = service.get("container_name")
        if container_name and not _is_container_name(container_name):
            raise self.sources.error(
                (*path, "container_name"), f"{container_name!r} is no name of a container: [a-zA-Z0-9][a-zA-Z0-9_.-]"
            )
        self._references(name, service)
        self._healthcheck(name, service)
        self._dependencies(name, service)
        self._mounts(name, service)
        self._numbers(name, service)

    def _build(self, name: str, build: dict[str, Any], service: dict[str, Any]) -> None:
        path = ("services", name, "build")
        if "dockerfile_inline" in build and "dockerfile" in build:
            raise self.sources.error(
                (*path, "dockerfile_inline"), "dockerfile and dockerfile_inline exclude each other"
            )
        for key, context in (build.get("additional_contexts") or {}).items():
            if not context.startswith("service:"):
                continue
            other = context.removeprefix("service:")
            where = (*path, "additional_contexts", key)
            self._known(other, self.services, where, "service")
            if "build" not in self.services[other]:
                raise self.sources.error(where, f"service {other!r} has no build, so it is no context")
        for index, secret in enumerate(build.get("secrets") or ()):
            self._known(secret["source"], self.tree.get("secrets") or {}, (*path, "secrets", index), "secret")
        platforms, platform = build.get("platforms"), service.get("platform")
        if platforms and platform and platform not in platforms:
            raise self.sources.error((*path, "platforms"), f"must have the service's platform {platform!r}")

    def _references(self, name: str, service: dict[str, Any]) -> None:
        for attribute, section, what in (
            ("networks", "networks", "network"),
            ("models", "models", "model"),
        ):
            for key in service.get(attribute) or ():
                self._known(key, self.tree.get(section) or {}, ("services", name, attribute, key), what)
        for attribute, what in (("configs", "config"), ("secrets", "secret")):
            for index, mount in enumerate(service.get(attribute) or ()):
                self._known(mount["source"], self.tree.get(attribute) or {}, ("services", name, attribute, index), what)
        for index, volume in enumerate(service.get("volumes") or ()):
            if isinstance(volume, dict) and volume.get("type") == "volume" and volume.get("source"):
                volumes = self.tree.get("volumes") or {}
                self._known(volume["source"], volumes, ("services", name, "volumes", index), "volume")
        for attribute in ("network_mode", "ipc", "pid"):
            mode = service.get(attribute) or ""
            if mode.startswith("service:"):
                self._known(mode[len("service:") :], self.services, ("services", name, attribute), "service")

    def _healthcheck(self, name: str, service: dict[str, Any]) -> None:
        test = (service.get("healthcheck") or {}).get("test")
        if test and test[0] not in {"CMD", "CMD-SHELL", "NONE"}:
            raise self.sources.error(
                ("services", name, "healthcheck", "test"), 'must begin with "CMD", "CMD-SHELL" or "NONE"'
            )

    def _dependencies(self, name: str, service: dict[str, Any]) -> None:
        for other, how in (service.get("depends_on") or {}).items():
            path = ("services", name, "depends_on", other)
            self._known(other, self.services, path, "service")
            if how["condition"] not in _CONDITIONS:
                raise self.sources.error(path, f"condition must be one of {', '.join(sorted(_CONDITIONS))}")
            if not self.enabled(other) and how.get("required", True):
                profiles = ", ".join(self.services[other].get("profiles") or ())
                raise self.sources.error(
                    path,
                    f"service {other!r} is not enabled",
                    hint=f"its profiles are {profiles}: --profile enables one",
                )

    def _mounts(self, name: str, service: dict[str, Any]) -> None:
        known: dict[str, str] = {}
        entries = [
            *((("tmpfs", i), each.partition(":")[0]) for i, each in enumerate(service.get("tmpfs") or ())),
            *(
                (("volumes", i), each["target"])
                for i, each in enumerate(service.get("volumes") or ())
                if isinstance(each, dict) and "target" in each
            ),
        ]
        for (attribute, index), target in entries:
            if target in known:
                raise self.sources.error(
                    ("services", name, attribute, index), f"target {target} is mounted already, as {known[target]}"
                )
            known[target] = f"{attribute}[{index}]"

    def _numbers(self, name: str, service: dict[str, Any]) -> None:
        deploy = service.get("deploy") or {}
        scale, replicas = service.get("scale"), deploy.get("replicas")
        if scale is not None and replicas is not None and scale != replicas:
            raise self._distinct(name, "scale", "deploy.replicas")
        for key, number in (("scale", scale), ("deploy.replicas", replicas)):
            if number is not None and number < 0:
                raise self.sources.error(("services", name, *key.split(".")), "must be 0 or more")
        resources = deploy.get("resources") or {}
        for short, part, long in (
            ("cpus", "limits", "cpus"),
            ("mem_limit", "limits", "memory"),
            ("mem_reservation", "reservations", "memory"),
            ("pids_limit", "limits", "pids"),
        ):
            limits = resources.get(part) or {}
            if service.get(short) and long in limits and limits[long] != service[short]:
                raise self._distinct(name, short, f"deploy.resources.{part}.{long}")

    def _distinct(self, name: str, one: str, other: str) -> Exception:
        return self.sources.error(
            ("services", name, one.split(".", maxsplit=1)[0]), f"{one} and {other} have different values"
        )

    def _known(self, name: str, known: Iterable[str], path: tuple[str | int, ...], what: str) -> None:
        if name in known:
            return
        from izba.nearest import nearest

        meant = nearest(name, known)
        hint = f"did you mean {meant}?" if meant else None
        raise self.sources.error(path, f"refers to undefined {what} {name}", hint=hint)

    def circles(self) -> None:
        """No service waits for itself."""
        done: set[str] = set()
        for start in self.services:
            if start in done:
                continue
            chain: list[str] = []
            self._follow(start, chain, done)

    def _follow(self, start: str, chain: list[str], done: set[str]) -> None:
        stack = [(start, iter(self._needs(start)))]
        chain.append(start)
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                chain.pop()
                done.add(name)
            elif following in chain:
                shown = " -> ".join((*chain[chain.index(following) :], following))
                raise self.sources.error(("services", name, "depends_on", following), f"dependency cycle: {shown}")
            elif following not in done:
                stack.append((following, iter(self._needs(following))))
                chain.append(following)

    def _needs(self, name: str) -> list[str]:
        return [other for other in self.services[name].get("depends_on") or () if other in self.services]
