"""The library's front door: an engine is one izba on its roots; what it offers is opened when it is first used."""

from __future__ import annotations

import os

from izba.paths import roots
from izba.store.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from izba.cgroups.manager import Hierarchy
    from izba.engine.images import Images
    from izba.engine.registries import Registries
    from izba.paths import Roots
    from izba.runtime.specgen.request import HostFacts


_LEFT: list[Store] = []
"""Stores that the end of the process lets go of, and nothing before it: see `keep_left_open`."""


class Engine:
    """One izba. `with Engine.open() as engine:` closes its database at the end."""

    def __init__(self, roots: Roots, *, leaving: bool = False) -> None:
        self.roots = roots
        self._leaving = leaving
        self._store: Store | None = None
        self._host: HostFacts | None = None
        self._cgroups: list[Hierarchy | None] = []  # empty until it was looked for
        self._entered = False

    @classmethod
    def open(cls, root: str | None = None, *, leaving: bool = False) -> Engine:
        """The engine of this user, or the one under `root`; touches no disk yet.

        `leaving`: the process ends when it is done with this engine, and that is soon enough to close its database.
        """
        return cls(roots(os.environ, os.getuid(), root=root), leaving=leaving)

    @property
    def store(self) -> Store:
        """The images, snapshots and rows of this engine."""
        if self._store is None:
            self._store = Store.open(self.roots)
        return self._store

    @property
    def host(self) -> HostFacts:
        """What this machine is and allows, as seen from inside the engine's user namespace."""
        if self._host is None:
            from izba.runtime.specgen.hostfacts import host_facts

            found = self.cgroups
            self._host = host_facts(
                rootless=self.roots.rootless,
                cgroup_version=found.version if found else 0,
                cgroup_controllers=found.controllers if found else (),
            )
        return self._host

    @property
    def cgroups(self) -> Hierarchy | None:
        """Where this process may make cgroups, if anywhere."""
        if not self._cgroups:
            from izba.cgroups.manager import detect

            self._cgroups = [detect()]
        return self._cgroups[0]

    @property
    def images(self) -> Images:
        """What can be done with images."""
        from izba.engine.images import Images

        return Images(self)

    @property
    def registries(self) -> Registries:
        """Pull, push, log in and out."""
        from izba.engine.registries import Registries

        return Registries(self)

    def enter_user_namespace(self) -> None:
        """Become root of a user namespace, where this engine is an ordinary user's; nothing happens otherwise.

        For commands that write files of images or containers, or start processes as other users. The process must have
        a single thread. The id maps depend on the machine's configuration alone, so all commands see the same owners.
        """
        if not self.roots.rootless or self._entered:
            return
        from izba.linux.idmaps import plan_of_this_user
        from izba.linux.namespaces import enter_user_namespace

        enter_user_namespace(plan_of_this_user())
        self._entered = True

    @staticmethod
    def keep_left_open() -> None:
        """Let not even the interpreter's own end close the databases that were left.

        Their last user would take log and index away, and on a full disk nobody could make these anew.
        """
        from _ctypes import Py_INCREF

        Py_INCREF(_LEFT)

    def close(self) -> None:
        """Close what was opened."""
        if self._store is not None:
            if self._leaving:
                _LEFT.append(self._store)
            else:
                self._store.close()
            self._store = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
