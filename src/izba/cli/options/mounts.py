"""`-v`, `--mount` and `--tmpfs`."""

from __future__ import annotations

import os

from izba.cli.options.flags import UsageError
from izba.cli.options.units import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.options.flags import Flags
    from izba.engine.containers.documents import ContainerConfig, HostConfig, Mount, VolumeOptions

_TRUE, _FALSE = frozenset(("", "true", "1")), frozenset(("false", "0"))


def read(flags: Flags, config: ContainerConfig, host: HostConfig) -> None:
    """Put what was given into the documents. Raises `UsageError`."""
    binds: list[str] = []
    for text in flags.all("volume"):
        source, colon, rest = text.partition(":")
        if not colon:
            config.setdefault("Volumes", {})[source] = {}
        elif source.startswith(("./", "../")) or source in {".", ".."}:
            binds.append(f"{os.path.abspath(source)}:{rest}")
        elif source.startswith("~"):
            binds.append(f"{os.path.expanduser(source)}:{rest}")
        else:
            binds.append(text)
    host["Binds"] = binds
    if flags.given("volumes-from"):
        host["VolumesFrom"] = list(flags.all("volumes-from"))
    host["Mounts"] = [_mount(text) for text in flags.all("mount")]
    host["Tmpfs"] = dict(text.partition(":")[::2] for text in flags.all("tmpfs"))


def _mount(text: str) -> Mount:
    mount: Mount = {"Type": "volume", "Source": "", "Target": ""}
    for field in _fields(text):
        key, equals, value = field.partition("=")
        _set(mount, key.strip().lower(), value, bare=not equals, text=text)
    if not mount["Target"]:
        raise UsageError(f'invalid argument "{text}" for "--mount" flag: target is required')
    if mount["Type"] not in {"bind", "volume", "tmpfs"}:
        raise UsageError(
            f'invalid argument "{text}" for "--mount" flag: mount type {mount["Type"]!r} is not supported',
            hint="bind, volume and tmpfs are",
        )
    if mount["Type"] == "bind" and not mount["Source"]:
        raise UsageError(f'invalid argument "{text}" for "--mount" flag: a bind needs a source')
    if mount["Type"] == "tmpfs" and mount["Source"]:
        raise UsageError(f'invalid argument "{text}" for "--mount" flag: a tmpfs has no source')
    for kind in ("bind", "volume", "tmpfs"):
        if f"{kind.title()}Options" in mount and mount["Type"] != kind:
            raise UsageError(
                f'invalid argument "{text}" for "--mount" flag: cannot mix \'{kind}-*\' options with mount type '
                f"'{mount['Type']}'"
            )
    return mount


def _set(mount: Mount, key: str, value: str, *, bare: bool, text: str) -> None:
    bind = mount.get("BindOptions", {})
    volume = mount.get("VolumeOptions", {})
    tmpfs = mount.get("TmpfsOptions", {})
    if bare and key not in {"readonly", "ro", "volume-nocopy", "bind-nonrecursive"}:
        raise UsageError(
            f'invalid argument "{text}" for "--mount" flag: invalid field \'{key}\' must be a key=value pair'
        )
    match key:
        case "type":
            mount["Type"] = value.lower()
        case "source" | "src":
            mount["Source"] = os.path.abspath(value) if value.startswith(("./", "../", ".")) else value
        case "target" | "dst" | "destination":
            mount["Target"] = value
        case "readonly" | "ro":
            mount["ReadOnly"] = _bool(value, key, text)
        case "bind-propagation":
            mount["BindOptions"] = bind | {"Propagation": value}
        case "bind-nonrecursive":
            mount["BindOptions"] = bind | {"NonRecursive": _bool(value, key, text)}
        case "bind-recursive":
            if value not in {"enabled", "disabled", "writable", "readonly"}:
                raise UsageError(f'invalid argument "{text}" for "--mount" flag: invalid value for {key}: {value}')
            mount["BindOptions"] = bind | {"NonRecursive": value == "disabled"}
        case "volume-nocopy" | "volume-label" | "volume-subpath" | "volume-driver" | "volume-opt":
            mount["VolumeOptions"] = volume | _volume_option(volume, key, value, text)
        case "tmpfs-size":
            mount["TmpfsOptions"] = tmpfs | {"SizeBytes": size(value, "mount tmpfs-size")}
        case "tmpfs-mode":
            if not value or set(value) - set("01234567"):
                raise UsageError(f'invalid argument "{text}" for "--mount" flag: invalid value for {key}: {value}')
            mount["TmpfsOptions"] = tmpfs | {"Mode": int(value, 8)}
        case "consistency":
            pass  # of Docker Desktop's file sharing; there is only one consistency here
        case _:
            raise UsageError(
                f"invalid argument \"{text}\" for \"--mount\" flag: unexpected key '{key}' in '{key}={value}'"
            )


def _volume_option(volume: VolumeOptions, key: str, value: str, text: str) -> VolumeOptions:
    name, _, rest = value.partition("=")
    match key:
        case "volume-nocopy":
            return {"NoCopy": _bool(value, key, text)}
        case "volume-label":
            return {"Labels": volume.get("Labels", {}) | {name: rest}}
        case "volume-subpath":
            return {"Subpath": value}
        case "volume-opt":
            options = volume["DriverConfig"]["Options"] if "DriverConfig" in volume else {}
            return {"DriverConfig": {"Name": "local", "Options": options | {name: rest}}}
    if value != "local":
        raise UsageError(f"volume driver {value} is not supported: volumes are local directories")
    return {}


def _bool(value: str, key: str, text: str) -> bool:
    if value.lower() in _TRUE:
        return True
    if value.lower() in _FALSE:
        return False
    raise UsageError(f'invalid argument "{text}" for "--mount" flag: invalid value for {key}: {value}')


def _fields(text: str) -> list[str]:
    """Comma-separated values (RFC 4180): a field in double quotes may hold commas, and quotes doubled."""
    if '"' not in text:
        return text.split(",")
    import csv

    return next(csv.reader([text]))
