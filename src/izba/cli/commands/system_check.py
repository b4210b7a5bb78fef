"""`izba system check`: find what is damaged in the store, and mend it."""

from __future__ import annotations

from izba.cli.options.flags import Command, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context

COMMAND = Command(
    name="system check",
    usage="[OPTIONS]",
    summary="Find what is damaged in the store, and mend it with --repair",
    flags=(
        Flag(name="repair", help="Remove what is damaged with the images that need it, and what a crash left behind"),
        Flag(name="verify", help="Read all content and layers and compare them with their digests"),
    ),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Print one line for each problem; 1 if any is left."""
    flags = COMMAND.parse(argv)
    with context.engine() as engine:
        engine.enter_user_namespace()
        store = engine.store
        problems = store.check(verify=flags.on("verify"))
        for problem in problems:
            print(problem)
        if problems and flags.on("repair"):
            store.repair(problems)
            left = store.check(verify=flags.on("verify"))
            print(f"repaired {len(problems) - len(left)} of {_count(len(problems))}")
            return 1 if left else 0
    if problems:
        print(f"{_count(len(problems))} found; `izba system check --repair` mends what can be mended")
        return 1
    print("no problem found")
    return 0


def _count(number: int) -> str:
    return "1 problem" if number == 1 else f"{number} problems"
