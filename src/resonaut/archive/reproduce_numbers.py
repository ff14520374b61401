"""Compare the numbers of an archive with those of a new run, each within the tolerance of its kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from resonaut.archive import layout, tolerances
from resonaut.comparing.numbers import difference, is_number, joint_error, key_of, leaves
from resonaut.files import read_json, sha256

IDENTICAL, WITHIN, OUTSIDE = "identical", "within", "outside"
STATISTICAL, UNJUDGED, MISSING = "statistical", "unjudged", "missing"
BYTES = (".h5", ".safetensors", ".npz", ".npy")
"""Files that hold the same bytes after two runs on one machine type; others may hold times."""


@dataclass(frozen=True)
class Judgement:
    """A number that did not come back exactly.

    Attributes:
        path: of the result in the archive.
        pointer: RFC 6901, inside it.
        kind: a key of `tolerances.TOLERANCES`.
        verdict: `WITHIN` the tolerance of the same machine type; `STATISTICAL`: within that of others;
            `UNJUDGED`: outside, and without an error to judge it by; `OUTSIDE`; `MISSING` in the new run.
        old, new: the values.
        sigmas: difference in units of the stated error, if one is stated.
    """

    path: str
    pointer: str
    kind: str
    verdict: str
    old: Any
    new: Any = None
    sigmas: float | None = None


@dataclass
class Numbers:
    """All numbers of an archive, judged.

    Attributes:
        n: how many there are.
        counts: kind -> verdict -> how many.
        judgements: of those that are not identical.
        added: results of the new run that the archive does not have.
    """

    n: int = 0
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    judgements: list[Judgement] = field(default_factory=list)
    added: list[str] = field(default_factory=list)

    def count(self, *verdicts: str) -> int:
        """How many numbers have one of these verdicts."""
        return sum(number for kind in self.counts.values() for v, number in kind.items() if v in verdicts)

    def agrees(self, same_machine: bool) -> bool:
        """Whether the numbers came back, by the tolerances of the same or of another machine type."""
        return self.n > 0 and self.count(*wrong_verdicts(same_machine)) == 0


def wrong_verdicts(same_machine: bool) -> tuple[str, ...]:
    """Verdicts of numbers that did not come back, by the tolerances of the same or another machine type."""
    return (OUTSIDE, MISSING, STATISTICAL, UNJUDGED) if same_machine else (OUTSIDE, MISSING)


def judge(listed: Mapping[str, Mapping[str, Any]], archived: Path, folder: Path) -> Numbers:
    """Judge every number of `numbers.json`.

    Args:
        listed: `numbers` of that file.
        archived: the unpacked archive, for the errors of its numbers.
        folder: where the study ran anew.
    """
    numbers = Numbers()
    for path, entries in sorted(listed.items()):
        old = leaves(read_json(archived / path))
        target = folder / layout.study_path(path)
        new = leaves(read_json(target)) if target.is_file() else {}
        for pointer, (value, kind) in entries.items():
            judgement = _judge(path, pointer, value, kind, old, new)
            by_verdict = numbers.counts.setdefault(kind, {})
            verdict = IDENTICAL if judgement is None else judgement.verdict
            by_verdict[verdict] = by_verdict.get(verdict, 0) + 1
            numbers.n += 1
            if judgement is not None:
                numbers.judgements.append(judgement)
        appeared = [place for place, leaf in new.items() if is_number(leaf) and place not in entries]
        numbers.added += [f"{path}{place}" for place in appeared]
    return numbers


def _judge(
    path: str, pointer: str, value: Any, kind: str, old: Mapping[str, Any], new: Mapping[str, Any]
) -> Judgement | None:
    again = new.get(pointer)
    if again == value and type(again) is type(value):
        return None
    if not is_number(again):
        # A place that holds null or text now is as good as missing.
        return Judgement(path, pointer, kind, MISSING, value, again)
    sigmas = difference(value, again, joint_error(old, new, pointer), key_of(pointer)).sigmas
    if tolerances.within(kind, value, again):
        verdict = WITHIN
    else:
        verdict = {True: STATISTICAL, False: OUTSIDE, None: UNJUDGED}[
            tolerances.elsewhere(kind, value, again, sigmas)
        ]
    return Judgement(path, pointer, kind, verdict, value, again, sigmas)


@dataclass(frozen=True)
class Files:
    """Checksums of the study's files, then and now.

    Attributes:
        equal, different: paths of files that both have, of the kinds whose bytes come back (`BYTES`).
        not_made: paths that the new run did not make.
    """

    equal: list[str]
    different: list[str]
    not_made: list[str]


def compare_files(sums: Mapping[str, str], folder: Path) -> Files:
    """Compare arrays and weights by their checksums.

    Args:
        sums: `SHA256SUMS.study`.
        folder: where the study ran anew.
    """
    equal, different, not_made = [], [], []
    for path, digest in sums.items():
        if not path.startswith(f"{layout.RESULTS}/") or not path.endswith(BYTES):
            continue
        if not (folder / path).is_file():
            not_made.append(path)
        else:
            (equal if sha256(folder / path) == digest else different).append(path)
    return Files(equal, different, not_made)
