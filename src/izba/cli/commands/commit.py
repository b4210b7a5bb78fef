"""`izba commit`: make an image of what a container changed."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="commit",
    usage="[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    summary="Create a new image from a container's changes",
    aliases=("container commit",),
    flags=(
        Flag(
            name="author", short="a", kind="string", help='Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'
        ),
        Flag(name="change", short="c", kind="list", help="Apply Dockerfile instruction to the created image"),
        Flag(name="message", short="m", kind="string", help="Commit message"),
        Flag(name="pause", short="p", help="Pause container during commit (default true)"),
    ),
    minimum=1,
    maximum=2,
)


def run(context: Context, argv: list[str]) -> int:
    """Make the image; print its id."""
    flags = COMMAND.parse(argv)
    from izba.engine.containers.commit import CommitRequest, commit
    from izba.engine.containers.model import require

    request = CommitRequest(
        name=flags.arguments[1] if len(flags.arguments) > 1 else None,
        author=flags.text("author") or "",
        message=flags.text("message") or "",
        changes=flags.all("change"),
        pause=flags.on("pause", True),
    )
    with context.engine() as engine:
        engine.enter_user_namespace()
        print(commit(engine, require(engine, flags.arguments[0]), request).id)
    return 0
