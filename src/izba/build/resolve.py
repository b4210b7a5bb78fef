"""What names in a Dockerfile mean outside of it: images of the store, and the contexts that the command line names."""

from __future__ import annotations

import os

from izba.build.convert.stages import BaseImage
from izba.build.graph import Layer
from izba.errors import InvalidArgument, NotFound
from izba.oci.platform import Platform, suits
from izba.oci.reference import InvalidReference, Reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from izba.build.files import FileSource
    from izba.build.progress import Reporter, RunningStep
    from izba.image.stored import StoredImage
    from izba.oci.digest import Digest
    from izba.store.store import Store

_IMAGE = "docker-image://"
_LAYOUT = "oci-layout://"


class WrongPlatform(NotFound):
    """An image is there, for another platform than the one asked for."""

    def __init__(self, name: str, *, wanted: str, found: str) -> None:
        super().__init__(f"{name}: the image is for {found}, not for {wanted}", hint=f"izba load one for {wanted}")


class Names:
    """A `convert.stages.Resolver` over the store.

    `fetch` finds an image or gets it, for a platform or this machine's, telling a step of the build how far it is.
    `directory` opens a named context's directory.
    """

    def __init__(
        self,
        store: Store,
        reporter: Reporter,
        contexts: Mapping[str, str],
        *,
        fetch: Callable[[str, str | None, RunningStep], StoredImage],
        directory: Callable[[str], FileSource],
    ) -> None:
        self._store = store
        self._reporter = reporter
        self._contexts = {_canonical(name): value for name, value in contexts.items()}
        self._fetch = fetch
        self._directory = directory
        self._known: dict[tuple[str, str | None], BaseImage] = {}
        self.sources: dict[str, FileSource] = {}
        """The directories that were asked for, by the name of their context."""
        self.manifests: dict[str, Digest] | None = {}
        """The manifests of images of the store, by name; None where more than a name decided which."""
        self.images: dict[Digest, StoredImage] = {}
        """The images that were asked for, by the chain of their trees."""

    @property
    def bases(self) -> dict[str, BaseImage]:
        """The images that were asked for, by the name in the Dockerfile."""
        return {name: base for (name, _), base in self._known.items()}

    def image(self, name: str, platform: str | None) -> BaseImage:
        """See `Resolver.image`."""
        key = (name, platform)
        if key not in self._known:
            with self._reporter.step(f"[internal] load metadata for {_shown(name)}") as step:
                self._known[key] = self._resolve(name, platform, step)
        return self._known[key]

    def context(self, name: str, platform: str | None) -> BaseImage | str | None:
        """See `Resolver.context`."""
        value = self._contexts.get(_canonical(name))
        if value is None:
            return None
        if value.startswith(_IMAGE):
            return self.image(value.removeprefix(_IMAGE), platform)
        if value.startswith(_LAYOUT):
            return self._layout(value.removeprefix(_LAYOUT))
        if "://" in value:
            raise InvalidArgument(
                f"named context {name}={value}: izba knows directories, docker-image:// and oci-layout://",
                hint="clone or fetch it into a directory, and name that",
            )
        if name not in self.sources:
            if not os.path.isdir(value):
                raise InvalidArgument(f'failed to get build context {name}: path "{value}" is no directory')
            self.sources[name] = self._directory(value)
        return name

    def _resolve(self, name: str, platform: str | None, step: RunningStep) -> BaseImage:
        image = self._fetch(name, platform, step)
        if platform is not None:
            _check_platform(name, image, platform)
            self.manifests = None
        elif self.manifests is not None:
            self.manifests[name] = image.descriptor.digest
        return self._base(_shown(name), image)

    def _base(self, name: str, image: StoredImage) -> BaseImage:
        layers = tuple(
            Layer(diff_id=diff_id, descriptor=descriptor)
            for diff_id, descriptor in zip(image.diff_ids, image.layers, strict=True)
        )
        if image.chain_id is not None:
            self.images[image.chain_id] = image
        return BaseImage(name=name, config=image.config, layers=layers)

    def _layout(self, path: str) -> BaseImage:
        """The image in an OCI layout's directory; after an `@` its digest, after a `:` its tag."""
        from izba.image.loading import load_directory

        directory, at, digest = path.partition("@")
        if not at and not os.path.isdir(directory):
            directory, _, _ = directory.rpartition(":")
        loaded = load_directory(self._store, directory)
        for each in loaded:
            if not digest or each.image.descriptor.digest == digest:
                return self._base(path, each.image)
        raise InvalidArgument(f"{_LAYOUT}{path}: there is no such image in the layout")


def _check_platform(name: str, image: StoredImage, wanted: str) -> None:
    config = image.config
    found = Platform.of(config["os"], config["architecture"], config.get("variant") or "")
    if not suits(found, Platform.parse(wanted), is_vague=not config.get("variant")):
        raise WrongPlatform(name, wanted=wanted, found=str(found))


def _canonical(name: str) -> str:
    """Names of contexts may be image references, and then all spellings of one are the same."""
    try:
        return Reference.parse(name).canonical() if name == name.lower() else name.lower()
    except InvalidReference:
        return name.lower()


def _shown(name: str) -> str:
    try:
        return Reference.parse(name).familiar()
    except InvalidReference:
        return name
