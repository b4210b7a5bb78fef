"""Commands that do one thing to each of several containers: the name of each done, an error for each that failed."""

from __future__ import annotations

from izba.errors import IzbaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from izba.engine.containers.model import Container
    from izba.engine.engine import Engine


def each(
    engine: Engine, names: Iterable[str], action: Callable[[Container], object], *, missing_is_fine: bool = False
) -> int:
    """Do `action` to each; print the name as it was given, or what `action` returned. The exit code: 1 if any failed.

    With `missing_is_fine` a container that is not there is told of, but is no failure.
    """
    from izba.cli.main import report
    from izba.engine.containers.model import require
    from izba.store.containers import ContainerNotFound

    code = 0
    for name in names:
        try:
            result = action(require(engine, name))
        except IzbaError as error:
            failed = report(error, 1)
            if not (missing_is_fine and isinstance(error, ContainerNotFound)):
                code = failed
            continue
        print(name if result is None else result, flush=True)
    return code
