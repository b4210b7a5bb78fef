"""The build checks in a build: what they are told of the images and the context, and what their findings lead to."""

from __future__ import annotations

from izba.build.convert.args import platforms
from izba.build.dockerfile import lint
from izba.build.dockerfile.lint import BaseImage, Surroundings, Violated
from izba.oci.platform import Platform

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from izba.build.convert import stages
    from izba.build.convert.stages import Converted
    from izba.build.dockerfile.ignore import Ignore
    from izba.build.dockerfile.instructions import Dockerfile
    from izba.build.dockerfile.rules import Finding
    from izba.build.options import Options
    from izba.build.progress import Reporter


def look(
    dockerfile: Dockerfile,
    options: Options,
    converted: Converted | None,
    bases: Mapping[str, stages.BaseImage],
    ignore: Ignore | None,
) -> tuple[Finding, ...]:
    """What the checks find in the stages that the target needs; in all, where that is not known."""
    surroundings = Surroundings(
        platform_args={**platforms(options), "TARGETSTAGE": options.target or "default"},
        build_args=dict(options.build_args),
        ignore=ignore,
        stages=converted.stages if converted else None,
        base_images={name: _base(image) for name, image in bases.items()},
    )
    return lint.check(dockerfile, surroundings)


def refuse(dockerfile: Dockerfile, findings: tuple[Finding, ...], reporter: Reporter) -> None:
    """Raise `Violated` where the Dockerfile wants its findings to be errors."""
    if findings and lint.is_error(dockerfile):
        warn(reporter, findings)
        raise Violated(findings)


def warn(reporter: Reporter, findings: tuple[Finding, ...]) -> None:
    """Tell the findings at a build's end."""
    for finding in findings:
        reporter.warn(f"{finding.rule.name}: {finding.message}", place=finding.place)


def _base(image: stages.BaseImage) -> BaseImage:
    config = image.config
    pairs = (text.partition("=") for text in (config.get("config") or {}).get("Env") or ())
    return BaseImage(
        environment={name: value for name, _, value in pairs},
        platform=Platform.of(config["os"], config["architecture"], config.get("variant", "")),
    )
