"""Having an image: from the store, else from its registry, else an error that says what else can be done.

Base images are made from packages only where the user asked for that; then no registry is asked for them.
"""

from __future__ import annotations

from _thread import RLock

from izba.errors import IzbaError, NotFound, Unavailable
from izba.image.stored import find, fits
from izba.image.transfer import silent
from izba.oci.platform import Platform
from izba.oci.reference import Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from izba.engine.engine import Engine
    from izba.image.stored import StoredImage
    from izba.image.transfer import Report

    Bootstrap = Callable[[Engine, Reference], StoredImage]


_BRINGING = RLock()
"""Services that are built at once have a base in common: the first one brings it. Its layers come together anyhow."""


class CannotAcquire(NotFound):
    """The image is neither here nor to be had; Docker's first words, then why."""

    def __init__(self, name: str, reason: str, hint: str) -> None:
        super().__init__(f"No such image: {name}: {reason}", hint=hint)
        self.name = name


def acquire(
    engine: Engine,
    name: str,
    *,
    pull: str = "missing",
    platform: str | None = None,
    takes_name: bool = True,
    bootstrap: Bootstrap | None = None,
    report: Report = silent,
    missing: Callable[[str], object] = lambda _: None,
) -> StoredImage:
    """The image that `name` means, for `platform` or this machine's. Raises `CannotAcquire`.

    `pull` is always, missing or never; `bootstrap` makes a base image where the user wants that; `missing` is told
    before a registry is asked. Without `takes_name` a name that means an image for another platform goes on meaning
    that. In rootless mode the engine's user namespace must have been entered.
    """
    if pull != "always" and (found := find(engine.store, name)) is not None and fits(found.row, platform):
        return found
    with _BRINGING:
        image = find(engine.store, name)  # another build of this process may have brought it meanwhile
        if pull != "always" and image is not None and fits(image.row, platform):
            return image
        reference = Reference.parse(name)
        if bootstrap is not None and platform is None:
            from izba.bootstrap.catalog import recipe_for

            if recipe_for(reference) is not None:
                return bootstrap(engine, reference)
        wanted = Platform.parse(platform) if platform else None
        other = _other_platform(image, wanted)
        if pull == "never":
            why = other or "it is not in the store"
            raise CannotAcquire(reference.familiar(), f"{why}, and pulling was forbidden", _hint(reference, other))
        missing(reference.familiar())
        try:
            return engine.registries.pull(
                reference, platform=wanted, takes_name=takes_name or image is None, report=report
            ).image
        except (NotFound, Unavailable) as error:
            why = f"{other}; {error.message}" if other else error.message
            hint = _hint(reference, other) if other or not error.hint else error.hint
            raise CannotAcquire(reference.familiar(), why, hint) from error
        except IzbaError as error:
            error.add_note(f"pulling {reference.canonical()}")
            raise


def _other_platform(image: StoredImage | None, wanted: Platform | None) -> str | None:
    """What to say where an image is here, but not the one that was asked for."""
    if image is None or wanted is None or fits(image.row, str(wanted)):
        return None
    here = Platform.of(image.row.os, image.row.architecture, image.row.variant)
    return f"the image here is for {here}, and {wanted} was asked for"


def _hint(reference: Reference, other_platform: str | None) -> str:
    if other_platform:
        return (
            "pull or load it for that platform, build it with --platform, or leave --platform out to use what is here"
        )
    from izba.bootstrap.catalog import recipe_for

    name = reference.familiar()
    if recipe_for(reference) is not None:
        return f"`izba image bootstrap {name}` makes it from signed packages, without a registry"
    return f"check the name, or bring it here with izba load or izba build -t {name}"
