"""`izba doctor`: say which isolation this machine allows, and why."""

from __future__ import annotations

import sys

from izba.cli.options.flags import Command, Flag
from izba.cli.output.columns import align

TYPE_CHECKING = False
if TYPE_CHECKING:
    from izba.cli.context import Context
    from izba.engine.doctor import Diagnosis

COMMAND = Command(
    name="doctor",
    usage="[OPTIONS]",
    summary="Say which isolation this machine allows, and why",
    flags=(Flag(name="format", kind="string", help="Format output: 'json' or a Go template"),),
    maximum=0,
)


def run(context: Context, argv: list[str]) -> int:
    """Try everything and tell; 1 where no container can run."""
    flags = COMMAND.parse(argv)
    from izba.engine.doctor import diagnose

    diagnosis = diagnose(context.engine().roots)
    if format_ := flags.text("format"):
        from izba.cli.output.inspection import shown

        sys.stdout.write(shown([_document(diagnosis)], format_))
    else:
        sys.stdout.write(_table(diagnosis))
    return 0 if diagnosis.works else 1


def _table(diagnosis: Diagnosis) -> str:
    rows = [["CHECK", "STATE", "DETAIL"]]
    rows += [[finding.check, finding.state, finding.detail] for finding in diagnosis.findings]
    remedies = [
        f"{finding.check}: {finding.remedy}\n"
        for finding in diagnosis.findings
        if finding.remedy and finding.state != "ok"
    ]
    advice = "\nWhat would help:\n" + "".join(f"  {line}" for line in remedies) if remedies else ""
    verdict = diagnosis.verdict[0].upper() + diagnosis.verdict[1:]
    return f"{verdict}.\n\n{align(rows)}{advice}"


def _document(diagnosis: Diagnosis) -> dict[str, object]:
    return {
        "Works": diagnosis.works,
        "Verdict": diagnosis.verdict,
        "Findings": [
            {
                "Check": finding.check,
                "State": finding.state,
                "Detail": finding.detail,
                "Remedy": finding.remedy or "",
            }
            for finding in diagnosis.findings
        ],
    }
