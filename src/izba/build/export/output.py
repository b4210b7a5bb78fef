"""`--output`: where a build's result goes."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument
from izba.nearest import nearest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    Compression = Literal["none", "gzip", "zstd"]

KINDS = ("image", "registry", "docker", "oci", "tar", "local")


class Output(Record):
    """One output. `destination` is a path, `-` for stdout, None for the store. `names` are for the image in it.

    `compression` is that of the layers which came without one, in an archive or in the registry that an image with
    `push` goes to.
    """

    kind: str
    destination: str | None = None
    names: tuple[str, ...] = ()
    as_directory: bool = False
    push: bool = False
    compression: Compression = "none"


IMAGE = Output(kind="image")
PUSH = Output(kind="image", push=True, compression="gzip")


def parse_output(text: str) -> Output:
    """`--output`'s text: `type=…,dest=…`, a directory alone, or `-` for a tar on stdout. Raises `InvalidArgument`."""
    if text == "-":
        return Output(kind="tar", destination="-")
    if "=" not in text:
        return Output(kind="local", destination=text)
    fields: dict[str, str] = {}
    names: list[str] = []
    for field in text.split(","):
        key, equals, value = field.partition("=")
        if not equals and key and names:
            names.append(key)  # name=a,b
            continue
        if not equals:
            raise InvalidArgument(f"invalid value {field} in --output {text}", hint="--output type=tar,dest=rootfs.tar")
        if key == "name":
            names.append(value)
        else:
            fields[{"destination": "dest"}.get(key, key)] = value
    return _output(text, fields, tuple(names))


def _output(text: str, fields: dict[str, str], names: tuple[str, ...]) -> Output:
    kind = fields.pop("type", "")
    if kind not in KINDS:
        meant = nearest(kind, KINDS)
        hint = f"did you mean {meant}?" if meant else f"it is one of {', '.join(KINDS)}"
        raise InvalidArgument(f'unknown output type "{kind}"' if kind else f"--output {text} needs a type", hint=hint)
    destination = fields.pop("dest", None)
    as_directory = fields.pop("tar", "true") in {"false", "0"}
    push = fields.pop("push", "false") in {"true", "1"} or kind == "registry"
    if kind == "registry":
        kind = "image"
    if push and kind != "image":
        raise InvalidArgument(f'push=true is for the output types image and registry, not for "{kind}"')
    compression = _compression(fields.pop("compression", "gzip" if push else "uncompressed"))
    if push and compression == "none":
        raise InvalidArgument("layers go to a registry compressed", hint="compression=gzip or compression=zstd")
    fields.pop("oci-mediatypes", None)
    if fields:
        raise InvalidArgument(f"unknown key {next(iter(fields))} in --output {text}")
    if kind in {"oci", "docker"} and destination is None and kind == "oci":
        raise InvalidArgument(f'dest is required for the output type "{kind}"')
    if kind in {"tar", "local"} and destination is None:
        raise InvalidArgument(f'dest is required for the output type "{kind}"')
    if kind == "docker" and destination is None:
        kind = "image"  # to Docker's own store; izba has one of its own
    if compression != "none" and kind not in {"oci", "docker"} and not push:
        raise InvalidArgument(
            f"compression={compression} is for the output types oci, docker and registry",
            hint="izba push compresses what the store keeps as files",
        )
    return Output(
        kind=kind,
        destination=destination,
        names=names,
        as_directory=as_directory,
        push=push,
        compression=compression,
    )


def _compression(text: str) -> Compression:
    known: dict[str, Compression] = {"uncompressed": "none", "gzip": "gzip", "zstd": "zstd"}
    if text not in known:
        raise InvalidArgument(f'unsupported compression "{text}"', hint=f"it is one of {', '.join(known)}")
    return known[text]
