"""A client of a registry as tests have it: it knows a password, and waits for nothing."""

from __future__ import annotations

from izba.oci import mediatype
from izba.oci.descriptor import Descriptor
from izba.oci.digest import Digest
from izba.registry.client import Client
from izba.registry.config import RegistryConfig
from izba.registry.credentials import Credentials

SECRET = "correct-horse"
WHO = Credentials(username="ivan", password=SECRET)


def client(host: str, **config: object) -> Client:
    return Client(RegistryConfig(host=host, **config), "a/b", environ={}, credentials=WHO)


def blob(data: bytes) -> Descriptor:
    return Descriptor(media_type=mediatype.OCI_LAYER, digest=Digest.of(data), size=len(data))
