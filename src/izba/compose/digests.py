"""Image names with the digest that they mean now."""

from __future__ import annotations

from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.engine.engine import Engine


def pinned(engine: Engine, name: str) -> str:
    """`NAME:TAG@sha256:…`, from the store, else by asking the registry. Raises `CannotAcquire`."""
    from izba.engine.acquire import acquire

    reference = Reference.parse(name)
    if reference.digest:
        return name
    engine.enter_user_namespace()
    return f"{name}@{acquire(engine, name).descriptor.digest}"
