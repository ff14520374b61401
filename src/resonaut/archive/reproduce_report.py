"""What came of a reproduction: as JSON values, and for a terminal."""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import Any

from resonaut import __version__
from resonaut.archive import tolerances
from resonaut.archive.reproduce import Reproduction
from resonaut.archive.reproduce_numbers import wrong_verdicts
from resonaut.archive.verify import listed

FORMAT = 1
REPORT = "reproduction.json"
_LINES = 15


def report(reproduction: Reproduction) -> dict[str, Any]:
    """`reproduction.json`: the reproduction as JSON values."""
    numbers, files = reproduction.numbers, reproduction.files
    return {
        "format": FORMAT,
        "study": reproduction.study,
        "agrees": reproduction.agrees,
        "judged_as": "same machine type" if reproduction.same_machine else "another machine type",
        "software": {**asdict(reproduction.software), "resonaut": __version__, "system": platform.system()},
        "inputs": [asdict(entry) for entry in reproduction.inputs],
        "seconds": round(reproduction.seconds, 1),
        "seconds_of_archived_jobs": reproduction.seconds_before,
        "n_numbers": numbers.n,
        "counts": numbers.counts,
        "tolerances": tolerances.TOLERANCES,
        "not_identical": [asdict(judgement) for judgement in numbers.judgements],
        "added": numbers.added,
        "arrays": {"n_equal": len(files.equal), "different": files.different, "not_made": files.not_made},
    }


def text(reproduction: Reproduction) -> str:
    """The reproduction for a terminal: what was compared, what failed, the verdict."""
    numbers, files, software = reproduction.numbers, reproduction.files, reproduction.software
    same = reproduction.same_machine
    lines = [f"sources: {software.sources}; commit {software.commit or 'none'}"]
    lines += [f"note: {note}" for note in software.notes]
    if software.differences:
        lines.append(
            f"{len(software.differences)} differences of the software: {listed(software.differences)}"
        )
    else:
        lines.append("software and platform: equal")
    lines.append(f"{len(files.equal)} arrays have the same bytes, {len(files.different)} differ")
    if files.not_made:
        lines.append(f"{len(files.not_made)} arrays were not made: {listed(files.not_made)}")
    for kind, verdicts in sorted(numbers.counts.items()):
        words = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        lines.append(f"  {kind:<12}{words}")
    wrong = wrong_verdicts(same)
    failed = [judgement for judgement in numbers.judgements if judgement.verdict in wrong]
    for judgement in failed[:_LINES]:
        errors = "" if judgement.sigmas is None else f" ({judgement.sigmas:.2g} errors)"
        lines.append(
            f"  {judgement.verdict}: {judgement.path}{judgement.pointer}: {judgement.old} then, "
            f"{judgement.new} now{errors}"
        )
    if len(failed) > _LINES:
        lines.append(f"  and {len(failed) - _LINES} more, see {REPORT}")
    machine = "the same machine type" if same else "another machine type"
    verdict = "reproduced" if reproduction.agrees else "NOT reproduced"
    lines.append(f"study '{reproduction.study}': {numbers.n} numbers, judged as on {machine}: {verdict}.")
    if same and not reproduction.agrees and numbers.agrees(same_machine=False):
        lines.append(
            "All numbers agree within their errors: was it another processor? --machine other judges so."
        )
    return "\n".join(lines)
