"""A bundle: the directory with config.json that a runtime is given (runtime-spec, bundle.md)."""

from __future__ import annotations

import os

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.oci.runtimespec import Spec


def write(directory: str, spec: Spec) -> None:
    """Write `<directory>/config.json` and make `rootfs` beside it, where the root will be mounted."""
    os.makedirs(f"{directory}/rootfs", mode=0o755, exist_ok=True)
    jsonio.write(f"{directory}/config.json", spec, mode=0o600, durable=False)


def read(directory: str) -> Spec:
    """The spec that `write` wrote: izba's own, trusted."""
    spec: Spec = jsonio.read(f"{directory}/config.json")
    return spec


def read_checked(directory: str) -> Spec:
    """The spec in a bundle made by others, checked against its form. Raises `DecodeError`."""
    from izba import decode
    from izba.oci.runtimespec import Spec

    with open(f"{directory}/config.json", "rb") as file:
        return decode.document(file.read(), Spec, what="config.json")
