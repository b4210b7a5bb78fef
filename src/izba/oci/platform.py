"""Platforms (image-spec, image-index.md): `linux/arm64/v8`, in the spellings people use, and which one runs where."""

from __future__ import annotations

from izba._record import Record
from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ARCHITECTURES = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i486": ("386", ""),
    "i586": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv6l": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv8l": ("arm", "v7"),
}
_KNOWN = frozenset(
    "386 amd64 arm arm64 loong64 mips mips64 mips64le mipsle ppc64 ppc64le riscv64 s390x wasm".split()
) | frozenset(_ARCHITECTURES)
_SYSTEMS = frozenset("linux windows darwin freebsd netbsd openbsd solaris wasip1".split())
# The variant that one means who names none; left out of the normal form.
_DEFAULT_VARIANT = {"arm64": "v8", "arm": "v7", "amd64": "v1"}


class InvalidPlatform(InvalidArgument):
    """A text names no platform."""

    def __init__(self, text: str) -> None:
        super().__init__(f"invalid platform {text[:100]!r}", hint="write it as OS/ARCHITECTURE[/VARIANT]: linux/arm64")
        self.text = text


class Platform(Record):
    """What a binary is made for, normalised; `variant` is empty where it is the usual one (arm's v7 is kept)."""

    os: str
    architecture: str
    variant: str = ""

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os/architecture[/variant]`, or one of the first two alone. Raises `InvalidPlatform`."""
        parts = text.strip().lower().split("/")
        if (
            not all(parts)
            or len(parts) > 3
            or not all(part.replace("-", "").replace("_", "").isalnum() for part in parts)
        ):
            raise InvalidPlatform(text)
        if len(parts) > 1:
            return cls.of(*parts)
        if (word := parts[0]) in _SYSTEMS:
            return host().replace(os=word)
        if word in _KNOWN:
            return cls.of("linux", word)
        raise InvalidPlatform(text)

    @classmethod
    def of(cls, os: str, architecture: str, variant: str = "") -> Platform:
        """From the fields of a config or an index, in whatever spelling."""
        architecture, implied = _ARCHITECTURES.get(architecture, (architecture, ""))
        variant = variant or implied
        if variant.isdigit():
            variant = f"v{variant}"
        if architecture == "arm":
            variant = variant or _DEFAULT_VARIANT["arm"]
        elif variant == _DEFAULT_VARIANT.get(architecture):
            variant = ""
        return cls(os=os, architecture=architecture, variant=variant)

    def runs(self) -> tuple[Platform, ...]:
        """What a machine of this platform runs, the best first (containerd's order)."""
        variants: tuple[str, ...] = {"amd64": ("v4", "v3", "v2", ""), "arm": ("v8", "v7", "v6", "v5")}.get(
            self.architecture, (self.variant,)
        )
        if self.variant in variants:
            variants = variants[variants.index(self.variant) :]
        same = [self.replace(variant=variant) for variant in variants]
        if self.architecture == "arm64":
            if self.variant:
                same.append(self.replace(variant=""))
            same += [Platform(os=self.os, architecture="arm", variant=variant) for variant in ("v8", "v7", "v6", "v5")]
        elif self.architecture == "amd64":
            same.append(Platform(os=self.os, architecture="386"))
        return tuple(same)

    def best(self, offered: Sequence[Platform]) -> int | None:
        """The index of the one among `offered` that a machine of this platform runs best; None for none."""
        for wanted in self.runs():
            if wanted in offered:
                return offered.index(wanted)
        return None

    def __str__(self) -> str:
        return f"{self.os}/{self.architecture}" + (f"/{self.variant}" if self.variant else "")


def suits(found: Platform, wanted: Platform, *, is_vague: bool) -> bool:
    """Whether a machine of the platform `wanted` runs what is made for `found`; `is_vague` where that names no variant.

    Configs leave the variant out more often than not, arm's above all, so that then any is taken.
    """
    same = (found.os, found.architecture) == (wanted.os, wanted.architecture)
    return found in wanted.runs() or (is_vague and same)


def host() -> Platform:
    """The platform of this machine's kernel."""
    import os

    return Platform.of("linux", os.uname().machine.lower())
