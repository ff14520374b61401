"""Every number of the results of a study, with how closely it must come back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.archive import layout, tolerances
from resonaut.comparing.numbers import is_number, leaves
from resonaut.files import read_json

FORMAT = 1
CHECKS = "review/checks.json"
NOT_RESULTS = ("review", layout.LOGS, layout.BENCHMARKS)


def counts(path: str) -> bool:
    """Whether the numbers of a file are compared when a study is run again.

    Args:
        path: below `results/<study>`.
    """
    if not path.endswith(".json") or path.endswith(".run.json"):
        return False
    return path == CHECKS or path.split("/")[0] not in NOT_RESULTS


def collect(study: str, results: Mapping[str, Path]) -> dict[str, Any]:
    """`numbers.json`.

    Args:
        study: its name.
        results: files by their path below `results/<study>`.

    Raises:
        InputError: a file is not JSON.
    """
    found = {}
    for path in sorted(filter(counts, results)):
        numbers = {
            pointer: [value, tolerances.kind(path, pointer, value)]
            for pointer, value in leaves(read_json(results[path])).items()
            if is_number(value)
        }
        found[layout.archive_name(f"{layout.RESULTS}/{study}/{path}")] = numbers
    return {"format": FORMAT, "tolerances": tolerances.TOLERANCES, "numbers": found}
