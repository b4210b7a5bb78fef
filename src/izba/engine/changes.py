"""`--change`: Dockerfile instructions applied to an image's config, for `commit` and `import`."""

from __future__ import annotations

from izba.errors import InvalidArgument

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Never

    from izba.oci.documents import ContainerDefaults

ALLOWED = frozenset("CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD SHELL STOPSIGNAL USER VOLUME WORKDIR".split())


def apply_changes(defaults: ContainerDefaults, changes: Sequence[str]) -> ContainerDefaults:
    """`defaults` with the instructions applied in order, as a build would. Raises `DockerfileError`, `InvalidArgument`.

    No file is made or run: WORKDIR only says where containers start.
    """
    if not changes:
        return defaults
    from izba.build.convert import meta
    from izba.build.convert.stages import Conversion, State
    from izba.build.dockerfile.parser import parse
    from izba.build.graph import Vertex
    from izba.build.ops.image import ScratchOp
    from izba.build.options import Options

    dockerfile = parse("\n".join(["FROM scratch", *changes]), file="--change")
    stage = dockerfile.stages[-1]
    if len(dockerfile.stages) > 1:
        raise _refused("FROM")
    state = State(stage, "")
    state.vertex = Vertex(ScratchOp(), name="the image")
    state.defaults = {**defaults}
    state.environment = dict(pair.partition("=")[::2] for pair in defaults.get("Env") or ())
    conversion = Conversion(dockerfile, Options(), _NoImages())
    for instruction in stage.instructions:
        if instruction.name not in ALLOWED:
            raise _refused(instruction.name)
        meta.apply(conversion, state, instruction)
    return state.defaults


def _refused(name: str) -> InvalidArgument:
    return InvalidArgument(f"{name} is not a valid change command", hint=f"--change takes {', '.join(sorted(ALLOWED))}")


class _NoImages:
    """Nothing is looked up: there is no FROM and no COPY."""

    def image(self, name: str, platform: str | None) -> Never:
        raise AssertionError(name, platform)

    def context(self, name: str, platform: str | None) -> None:
        raise AssertionError(name, platform)
