"""Whether a service's containers are what its file says now: a digest of all that makes a container what it is.

What says only how many there are, when they start or how their image is made does not count. Files that izba writes
for a container (secrets with an owner, texts) count by their keyed digest, so that a label tells nothing of a secret.
"""

from __future__ import annotations

from izba import jsonio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from izba.compose.project import Service

_ASIDE = frozenset("build depends_on develop profiles pull_policy scale attach".split())


def config_hash(service: Service, contents: Iterable[str] = ()) -> str:
    """64 hexadecimal digits. `contents` are the digests of the files written for it."""
    import hashlib

    model = {key: value for key, value in service.model.items() if key not in _ASIDE}
    deploy = {key: value for key, value in model.pop("deploy", {}).items() if key != "replicas"}
    if deploy:
        model["deploy"] = deploy
    digest = hashlib.sha256(jsonio.dumps(model).encode())
    for content in contents:
        digest.update(content.encode())
    return digest.hexdigest()
