"""Which packages are needed: the closure of dependencies, first alternative first, as apt chooses on a new system."""

from __future__ import annotations

from izba.bootstrap.errors import PackageNotFound, Unsatisfiable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from izba.bootstrap.debian.index import Package, PackageIndex, Relation


def resolve(
    index: PackageIndex,
    wanted: Iterable[str],
    *,
    base: Sequence[Package] = (),
    seeds: Sequence[Package] = (),
    prefer: Sequence[str] = (),
) -> list[Package]:
    """The packages to add to `base` so that `wanted` and `seeds` and all they depend on are there.

    Of several alternatives one that is named in `prefer` wins, then the first.

    The order is one in which each comes after what it depends on, as far as circles allow. Raises `PackageNotFound` or
    `Unsatisfiable`.
    """
    resolution = _Resolution(index, base, prefer)
    chosen = list(seeds)
    for name in wanted:
        package = index.newest(name)
        if package is None:
            raise PackageNotFound(name, wanted_by=None, archives=index.description())
        chosen.append(package)
    for package in chosen:
        resolution.take(package)
    for package in chosen:
        resolution.complete(package)
    resolution.check_conflicts()
    return in_order(resolution.added)


class _Resolution:
    """What has been decided so far."""

    def __init__(self, index: PackageIndex, base: Sequence[Package], prefer: Sequence[str]) -> None:
        self._index = index
        self._prefer = frozenset(prefer)
        self._taken: dict[str, Package] = {package.name: package for package in base}
        self._providers: dict[str, list[Package]] = {}
        self._base = frozenset(self._taken)
        self.added: list[Package] = []
        for package in base:
            self._note_provides(package)

    def take(self, package: Package) -> None:
        """Decide for `package`."""
        if package.name not in self._taken:
            self._taken[package.name] = package
            self._note_provides(package)
            self.added.append(package)

    def complete(self, package: Package) -> None:
        """Decide for what `package` depends on, and so on."""
        pending = [package]
        while pending:
            package = pending.pop()
            for group in package.groups("pre-depends", "depends"):
                if not any(self._is_satisfied(relation) for relation in group):
                    choice = self._choose(group, package)
                    self.take(choice)
                    pending.append(choice)

    def check_conflicts(self) -> None:
        """Nothing that was decided may exclude another. Raises `Unsatisfiable`."""
        for package in self._taken.values():
            if (other := self._excluded_by(package)) is not None:
                raise Unsatisfiable(f"{package.name} {package.version} cannot be installed together with {other.name}")

    def _choose(self, group: list[Relation], needed_by: Package) -> Package:
        for relation in sorted(group, key=lambda relation: relation.name not in self._prefer):
            for candidate in self._index.candidates(relation):
                if candidate.name not in self._taken and self._excluded_by(candidate) is None:
                    return candidate
        text = " | ".join(str(relation) for relation in group)
        if len(group) == 1 and not any(self._index.candidates(group[0])) and not group[0].operator:
            raise PackageNotFound(group[0].name, wanted_by=needed_by.name, archives=self._index.description())
        present = [self._taken[relation.name] for relation in group if relation.name in self._taken]
        have = f"; {present[0].name} is {present[0].version}" if present else ""
        raise Unsatisfiable(f"{needed_by.name} needs {text}, which {self._index.description()} cannot give{have}")

    def _is_satisfied(self, relation: Relation) -> bool:
        package = self._taken.get(relation.name)
        if package is not None and package.satisfies(relation):
            return True
        return any(provider.satisfies(relation) for provider in self._providers.get(relation.name, ()))

    def _excluded_by(self, package: Package) -> Package | None:
        """The package decided for that `package` conflicts with or breaks."""
        for group in package.groups("conflicts", "breaks"):
            for relation in group:
                others: list[Package] = list(self._providers.get(relation.name, ()))
                if relation.name in self._taken:
                    others.append(self._taken[relation.name])
                for other in others:
                    # A package may conflict with what it provides itself (policy, section 7.6.2).
                    if other.name != package.name and other.satisfies(relation):
                        return other
        return None

    def _note_provides(self, package: Package) -> None:
        for provided in package.provides:
            self._providers.setdefault(provided.name, []).append(package)


def in_order(packages: Sequence[Package]) -> list[Package]:
    """Dependencies before those who depend on them, as far as circles allow; the same for the same packages."""
    by_name: dict[str, list[Package]] = {}
    for package in packages:
        for name in (package.name, *(provided.name for provided in package.provides)):
            by_name.setdefault(name, []).append(package)

    def needed_by(package: Package) -> Iterator[Package]:
        for group in package.groups("pre-depends", "depends"):
            for relation in group:
                yield from by_name.get(relation.name, ())

    ordered: list[Package] = []
    begun: set[str] = set()
    for root in sorted(packages, key=lambda package: package.name):
        path = [(root, needed_by(root))] if root.name not in begun else []
        begun.add(root.name)
        while path:
            package, needs = path[-1]
            following = next((need for need in needs if need.name not in begun), None)
            if following is None:
                ordered.append(package)
                path.pop()
            else:
                begun.add(following.name)
                path.append((following, needed_by(following)))
    return ordered
