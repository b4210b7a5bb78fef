"""What can go wrong while a base image is made. After each of these there is no image."""

from __future__ import annotations

from izba.errors import DataLoss, Internal, InvalidArgument, NotFound, Unavailable


class BadConfiguration(InvalidArgument):
    """A configuration file of the host, or a `--mirror`, cannot be understood."""


class NoMirror(NotFound):
    """Neither the host's configuration nor the command line names a place to download from."""


class NoKeyring(NotFound):
    """There is no key to check the signature of an archive with."""


class Unreachable(Unavailable):
    """A mirror does not answer, or not with the file."""

    def __init__(self, url: str, reason: str, *, status: int | None = None, hint: str | None = None) -> None:
        super().__init__(f"cannot download {url}: {reason}", hint=hint)
        self.url = url
        self.status = status


class Corrupt(DataLoss):
    """A download, or a package, is not what the signed index promises."""

    def __init__(self, what: str, reason: str, *, hint: str | None = None) -> None:
        super().__init__(f"{what}: {reason}", hint=hint)
        self.what = what


class BadSignature(DataLoss):
    """No trusted key signed the archive's index."""

    def __init__(self, what: str, reason: str, *, keyrings: tuple[str, ...]) -> None:
        super().__init__(
            f"{what}: {reason}",
            hint=f"the keys of {', '.join(keyrings)} were tried; --keyring FILE names another keyring",
        )
        self.keyrings = keyrings


class Expired(Unavailable):
    """The archive's index is older than it says it may be used."""


class PackageNotFound(NotFound):
    """The archive has no such package."""

    def __init__(self, name: str, *, wanted_by: str | None, archives: str) -> None:
        by = f", which {wanted_by} needs," if wanted_by else ""
        super().__init__(f"package {name}{by} is not in {archives}")
        self.name = name


class Unsatisfiable(NotFound):
    """Packages that are there cannot be installed together."""


class ConfigureFailed(Internal):
    """A maintainer script failed in the container."""

    def __init__(self, what: str, code: int, output: str) -> None:
        super().__init__(f"{what} failed with exit code {code}")
        self.code = code
        self.output = output
        for line in output.strip().splitlines()[-20:]:
            self.add_note(line)


class ForeignArchitecture(InvalidArgument):
    """The scripts of packages are programs, and this machine cannot run them."""

    def __init__(self, architecture: str, what: str) -> None:
        super().__init__(
            f"{what} cannot be made for {architecture} on this machine, which cannot run programs of {architecture}",
            hint="make it on such a machine, and carry it over with `izba save` and `izba load`",
        )
        self.architecture = architecture


class UnknownRecipe(NotFound):
    """izba has no recipe of this name."""
