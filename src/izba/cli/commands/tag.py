"""`izba tag`: one more name for an image."""

from __future__ import annotations

from izba.cli.options.flags import Command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="tag",
    usage="SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    summary="Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
    aliases=("image tag",),
    minimum=2,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Name the image."""
    source, target = COMMAND.parse(argv).arguments
    with context.engine() as engine:
        engine.images.tag(source, target)
    return 0
