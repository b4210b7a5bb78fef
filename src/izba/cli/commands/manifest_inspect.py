"""`izba manifest inspect`: a manifest or index as the registry has it."""

from __future__ import annotations

import json
from base64 import b64encode

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from izba.cli.context import Context
    from izba.registry.client import Client, Manifest

COMMAND = Command(
    name="manifest inspect",
    usage="[OPTIONS] NAME[:TAG|@DIGEST]",
    summary="Display a manifest or index of a registry",
    flags=(
        Flag(name="insecure", help="Allow plain HTTP, or TLS that nobody vouches for"),
        Flag(name="verbose", short="v", help="With descriptors and platforms, and each image of an index"),
    ),
    minimum=1,
    maximum=1,
)


def run(context: Context, argv: list[str]) -> int:
    """Print JSON in the shapes of Docker's command."""
    flags = COMMAND.parse(argv)
    from izba.jsonio import loads
    from izba.oci.reference import Reference

    reference = Reference.parse(flags.arguments[0])
    with context.engine() as engine:
        client = engine.registries.client(reference, insecure=flags.on("insecure"))
        found = client.manifest(reference.digest or reference.tag or "latest")
        document = _verbose(client, found, reference.name, str(reference)) if flags.on("verbose") else loads(found.data)
    print(json.dumps(document, indent="\t", ensure_ascii=False))
    return 0


def _verbose(client: Client, found: Manifest, repository: str, name: str) -> Any:
    """One object for an image, a list of them for an index."""
    from izba.oci import mediatype, validate
    from izba.oci.descriptor import Descriptor

    if found.descriptor.media_type not in mediatype.INDEXES:
        return _shown(name, found, None)
    entries = validate.index(found.data, media_type=found.descriptor.media_type)["manifests"]
    return [
        _shown(
            f"{repository}@{entry['digest']}",
            client.manifest(entry["digest"], expected=Descriptor.from_document(entry)),
            entry.get("platform"),
        )
        for entry in entries
    ]


def _shown(name: str, found: Manifest, platform: object) -> dict[str, Any]:
    from izba.jsonio import loads
    from izba.oci import mediatype

    descriptor: dict[str, Any] = dict(found.descriptor.to_document())
    if platform:
        descriptor["platform"] = platform
    kind = "SchemaV2Manifest" if found.descriptor.media_type == mediatype.DOCKER_MANIFEST else "OCIManifest"
    return {
        "Ref": name,
        "Descriptor": descriptor,
        "Raw": b64encode(found.data).decode(),
        kind: loads(found.data),
    }
