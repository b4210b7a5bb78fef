"""The images that izba can make itself, by the names that Dockerfiles use for them."""

from __future__ import annotations

from izba.bootstrap.errors import UnknownRecipe
from izba.bootstrap.progress import silent
from izba.bootstrap.workshop import Settings, Workshop
from izba.oci.reference import DEFAULT_DOMAIN, OFFICIAL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from izba.bootstrap.progress import Progress
    from izba.engine.engine import Engine
    from izba.image.stored import StoredImage
    from izba.oci.reference import Reference

    class Recipe(Protocol):
        """How one image is made. The same packages give the same image; a failure leaves no image."""

        @property
        def name(self) -> str:
            """The image's familiar name, `debian:bookworm-slim`."""

        def make(self, workshop: Workshop, reference: Reference) -> StoredImage:
            """Make the image and name it `reference`."""


# Debian release → the words that its images' tags use for it. `latest` is the release that izba is made on.
_DEBIAN = {"bookworm": ("bookworm", "12", "latest"), "trixie": ("trixie", "13")}
# Python version → the release that has it, and further tags.
_PYTHON: dict[str, tuple[str, tuple[str, ...]]] = {"3.11": ("bookworm", ("3", "latest")), "3.13": ("trixie", ())}
_NODE = ("20", "22", "24")


def recipe_for(reference: Reference) -> Recipe | None:
    """The recipe for what `reference` names on Docker Hub; None where there is none."""
    if reference.domain != DEFAULT_DOMAIN or reference.digest is not None or reference.tag is None:
        return None
    family = reference.path.removeprefix(f"{OFFICIAL}/")
    return _recipe(family, reference.tag) if "/" not in family else None


def names() -> tuple[str, ...]:
    """The main name of each recipe."""
    return (
        "busybox:latest",
        *(f"debian:{codename}{slim}" for codename in _DEBIAN for slim in ("-slim", "")),
        *(f"python:{version}-slim" for version in _PYTHON),
        *(f"node:{version}-slim" for version in _NODE),
    )


def bootstrap(
    engine: Engine, reference: Reference, progress: Progress = silent, *, settings: Settings | None = None
) -> StoredImage:
    """Make the image that `reference` names, from signed packages; as an ordinary user in a user namespace.

    A layer that was made from the same packages before is taken as it is. Raises `UnknownRecipe`, and the errors of
    `izba.bootstrap.errors`; then there is no new image.
    """
    recipe = recipe_for(reference)
    if recipe is None:
        raise UnknownRecipe(f"izba has no recipe for {reference.familiar()}", hint=f"it can make {', '.join(names())}")
    engine.enter_user_namespace()
    workshop = Workshop(engine.store, engine.host, settings or Settings(), progress=progress)
    with workshop.cache.in_use():
        return recipe.make(workshop, reference)


def _recipe(family: str, tag: str) -> Recipe | None:
    from izba.bootstrap.recipes.busybox import BusyboxRecipe

    if family == "busybox":
        return BusyboxRecipe() if tag in {"latest", "stable", "glibc"} else None
    words = tag.split("-")
    slim = "slim" in words
    version, codename = _version_and_release([word for word in words if word != "slim"])
    return _FAMILIES[family](version, codename, slim) if family in _FAMILIES else None


def _version_and_release(words: list[str]) -> tuple[str, str | None]:
    """The two parts of tags like `3.11-bookworm`."""
    codename = words.pop() if len(words) > 1 and words[-1] in _DEBIAN else None
    return "-".join(words) or "latest", codename


def _debian(version: str, codename: str | None, slim: bool) -> Recipe | None:
    from izba.bootstrap.recipes.debian import DebianRecipe

    release = next((release for release, words in _DEBIAN.items() if version in words), None)
    if release is None or codename is not None:
        return None
    return DebianRecipe(name=f"debian:{release}{_suffix(slim)}", codename=release, slim=slim)


def _python(version: str, codename: str | None, slim: bool) -> Recipe | None:
    from izba.bootstrap.recipes.python import PythonRecipe

    for number, (release, words) in _PYTHON.items():
        if (version == number or version in words) and codename in {None, release}:
            return PythonRecipe(name=f"python:{number}{_suffix(slim)}", version=number, codename=release, slim=slim)
    return None


def _node(version: str, codename: str | None, slim: bool) -> Recipe | None:
    from izba.bootstrap.recipes.node import NodeRecipe

    major = _NODE[0] if version in {"lts", "latest"} else version
    if major not in _NODE:
        return None
    return NodeRecipe(name=f"node:{major}{_suffix(slim)}", major=major, codename=codename or "bookworm", slim=slim)


def _suffix(slim: bool) -> str:
    return "-slim" if slim else ""


_FAMILIES = {"debian": _debian, "python": _python, "node": _node}
