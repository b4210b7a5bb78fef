"""What `izba build --check` prints, as docker does."""

from __future__ import annotations

from izba.cli.excerpt import excerpt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.build.dockerfile.instructions import Dockerfile
    from izba.build.dockerfile.rules import Finding


def report(dockerfile: Dockerfile, findings: tuple[Finding, ...]) -> str:
    """How many findings there are, and each with its page and its lines."""
    if not findings:
        return "Check complete, no warnings found.\n"
    count = "1 warning has" if len(findings) == 1 else f"{len(findings)} warnings have"
    return "".join([f"Check complete, {count} been found!\n", *(_shown(dockerfile, each) for each in findings)])


def _shown(dockerfile: Dockerfile, finding: Finding) -> str:
    lines = [
        f"\nWARNING: {finding.rule.name}" + (f" - {finding.rule.url}" if finding.rule.url else ""),
        finding.message,
        f"{finding.place.file}:{finding.place.start}",
        *excerpt(dockerfile.source.error(finding.message, finding.place)),
    ]
    return "".join(f"{line}\n" for line in lines)
