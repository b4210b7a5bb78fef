"""Who waits for whom: services in the order of their dependencies, and those that a selection brings along."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from izba.compose.project import Project


def with_dependencies(names: Iterable[str], depends: Mapping[str, Iterable[str]]) -> list[str]:
    """The services and all they need, who is needed first; each once. Unknown ones are left out."""
    order: dict[str, None] = {}
    for start in names:
        stack = [(start, iter(sorted(depends.get(start, ()))))]
        entered = {start}
        while stack:
            name, rest = stack[-1]
            following = next((each for each in rest if each in depends and each not in order), None)
            if following is None:
                stack.pop()
                if name in depends:
                    order.setdefault(name)
            elif following not in entered:
                entered.add(following)
                stack.append((following, iter(sorted(depends[following]))))
    return list(order)


def dependencies(project: Project) -> dict[str, tuple[str, ...]]:
    """By service those it waits for, of those that are enabled."""
    return {
        service.name: tuple(each.service for each in service.depends_on if project.has(each.service))
        for service in project.services
    }


def select(project: Project, names: Iterable[str], *, dependencies_too: bool = True) -> Project:
    """The project of some services (none named: of all), with those they need unless they shall be left alone."""
    wanted = list(names)
    for name in wanted:
        project.service(name)
    if not wanted:
        return project
    chosen = set(with_dependencies(wanted, dependencies(project)) if dependencies_too else wanted)
    return project.with_services(tuple(service for service in project.services if service.name in chosen))


def dependents(names: Iterable[str], depends: Mapping[str, Iterable[str]]) -> set[str]:
    """The services, and all that need one of them."""
    found = set(names)
    while True:
        more = {name for name, needed in depends.items() if name not in found and found & set(needed)}
        if not more:
            return found
        found |= more
