"""The short syntax of a service's volume: `[SOURCE:]TARGET[:OPTIONS]`."""

from __future__ import annotations

import posixpath

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PROPAGATIONS = frozenset(("rprivate", "private", "rshared", "shared", "rslave", "slave"))
_SELINUX = frozenset(("z", "Z"))


def parse_volume(text: str) -> dict[str, Any]:
    """The long form. Raises `ValueError`.

    A name of one letter is a volume here, as everywhere on Linux; Compose takes `v:/data` for a drive of Windows.
    """
    parts = _split(text)
    if not text or any(not part for part in parts):
        raise ValueError(f"invalid spec: {text}: empty section between colons")
    if len(parts) > 3:
        raise ValueError(f"invalid spec: {text}: too many colons")
    source, target = (parts[0], parts[1]) if len(parts) > 1 else ("", parts[0])
    volume: dict[str, Any] = {"type": "bind" if source[:1] in {".", "/", "~"} and source else "volume"}
    if source:
        volume["source"] = source
    volume["target"] = posixpath.normpath(target) if target.startswith("/") else target
    below: dict[str, Any] = {"create_host_path": True} if volume["type"] == "bind" else {}
    for option in parts[2].split(",") if len(parts) == 3 else ():
        if option in {"ro", "rw"}:
            volume.pop("read_only", None)
            if option == "ro":
                volume["read_only"] = True
        elif option == "nocopy" and volume["type"] == "volume":
            below["nocopy"] = True
        elif option in _PROPAGATIONS and volume["type"] == "bind":
            below["propagation"] = option
        elif option in _SELINUX and volume["type"] == "bind":
            below["selinux"] = option
    volume[volume["type"]] = below
    return volume


def _split(text: str) -> list[str]:
    """Parted at colons, but not inside of `${…}`, which stands there without interpolation."""
    parts, level = [""], 0
    for index, character in enumerate(text):
        if text.startswith("${", index):
            level += 1
        elif character == "}" and level:
            level -= 1
        if character == ":" and not level:
            parts.append("")
        else:
            parts[-1] += character
    return parts
