"""Registries, as the engine uses them: who is asked, as whom, and what comes of it."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from izba.engine import eventlog
from izba.image.stored import find
from izba.image.transfer import silent
from izba.oci.reference import DEFAULT_DOMAIN
from izba.registry.client import Client, Mirror
from izba.registry.config import load
from izba.registry.credentials import ConfigFile, Credentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from izba.engine.engine import Engine
    from izba.image.pull import Pulled
    from izba.image.push import Compression
    from izba.image.stored import StoredImage
    from izba.image.transfer import Report
    from izba.oci.descriptor import Descriptor
    from izba.oci.platform import Platform
    from izba.oci.reference import Reference
    from izba.registry.config import RegistryConfig
    from izba.registry.search import Found


class Registries:
    """Pull, push, log in and out."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        own = f"{engine.roots.data}/registries.toml"  # of an izba that has a root of its own
        self._config = load(own if os.path.exists(own) else f"{engine.roots.config}/registries.toml")
        self._logins = ConfigFile(os.environ)

    def pull(
        self,
        reference: Reference,
        *,
        platform: Platform | None = None,
        takes_name: bool = True,
        report: Report = silent,
    ) -> Pulled:
        """Have the image in the store. In rootless mode the engine's user namespace must have been entered."""
        from izba.image.pull import pull

        client = self.client(reference)
        store = self._engine.store
        pulled = pull(store, reference, client, platform=platform, takes_name=takes_name, report=report)
        eventlog.emit(self._engine, "image", "pull", reference.familiar(), name=reference.familiar_name)
        return pulled

    def push(self, reference: Reference, *, compression: Compression = "gzip", report: Report = silent) -> Descriptor:
        """Copy a named image to the registry that its name begins with. Raises `ImageNotFound`."""
        image = find(self._engine.store, reference.familiar())
        if image is None:
            from izba.image.stored import ImageNotFound

            raise ImageNotFound(reference.familiar(), hint=f"izba tag IMAGE {reference.familiar()}")
        from izba.image.push import push

        client = self.client(reference)
        pushed = push(self._engine.store, image, reference, client, compression=compression, report=report)
        eventlog.emit(self._engine, "image", "push", reference.familiar(), name=reference.familiar_name)
        return pushed

    def push_index(
        self,
        images: Sequence[StoredImage],
        reference: Reference,
        *,
        compression: Compression = "gzip",
        report: Report = silent,
    ) -> Descriptor:
        """Copy images for several platforms to the registry, `reference` naming the index of them all."""
        from izba.image.compressed import compressed
        from izba.image.copying.graph import copy
        from izba.image.copying.store import FromImages
        from izba.image.copying.targets import ToRegistry
        from izba.image.portable import portable

        store = self._engine.store
        with store.lease(f"push {reference.familiar()}"):
            wanted = [compressed(store, portable(store, image), compression) for image in images]
            target = ToRegistry(self.client(reference), reference, source=None, compression=compression)
            return copy(FromImages(store, wanted, reference.familiar()), target, every=True, report=report)

    def client(self, reference: Reference, *, insecure: bool = False) -> Client:
        """A client for the reference's repository, with the user's credentials. `insecure`: as in registries.toml."""
        config = self._config.of(reference.domain)
        return Client(
            config.replace(insecure=True) if insecure else config,
            reference.path,
            environ=os.environ,
            credentials=self._logins.get(reference.domain),
            mirrors=tuple(map(self._mirror, config.mirrors)),
        )

    def _mirror(self, url: str) -> Mirror:
        """A mirror is a registry of its own, with its own table in registries.toml and its own login."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        return Mirror(url=url, config=self._config.of(host), credentials=self._logins.get(host))

    def search(self, term: str, *, limit: int) -> list[Found]:
        """Repositories by a word; `HOST/WORD` asks another registry than Docker Hub. Raises `CannotSearch`."""
        from izba.registry.search import search

        first, slash, rest = term.partition("/")
        is_host = bool(slash) and (first == "localhost" or "." in first or ":" in first)
        host, words = (first, rest) if is_host else (DEFAULT_DOMAIN, term)
        config = self._config.of(host)
        client = Client(config, "", environ=os.environ, credentials=self._logins.get(host))
        return search(client, config, words, limit=limit, environ=os.environ)

    def configuration(self, host: str) -> RegistryConfig:
        """What registries.toml says of a registry."""
        return self._config.of(host)

    def login(self, host: str, credentials: Credentials) -> str:
        """Ask the registry whether it knows the user, and keep the credentials; where they are kept."""
        client = Client(self._config.of(host), "", environ=os.environ, credentials=credentials)
        client.check_access()
        return self._logins.store(host, credentials)

    def logout(self, host: str) -> bool:
        """Forget the credentials; whether there were any."""
        return self._logins.erase(host)

    def known(self, host: str) -> Credentials | None:
        """The credentials kept for a registry."""
        return self._logins.get(host)
