"""The study's seed and every seed that derived from it, as the jobs recorded them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut import seeds
from resonaut.files import read_json

RULE = (
    "A seed is numpy.random.SeedSequence([seed, word(name), ...]), word(name) being the first 8 bytes of the "
    "SHA-256 of the name, little endian. `value` is the first 64-bit word of its state: a generator is "
    "PCG64DXSM of the sequence, an integer seed is the upper bits of `value`. A seed may derive from such an "
    "integer seed."
)


def collect(seed: int, records: Mapping[str, Path]) -> dict[str, Any]:
    """`seeds.json`: what each job derived, in its order.

    Args:
        seed: of the study.
        records: records of runs by the path of their output.

    Returns:
        `derived` has the path of an output -> list of `{"seed": ..., "names": [...], "value": "..."}`;
        outputs that no random numbers went into are left out. `incomplete` lists outputs whose job derived
        more than a record holds, `unrecorded` those whose record holds none at all (of an older version).
    """
    derived, incomplete, unrecorded = {}, [], []
    for output, path in sorted(records.items()):
        entries = read_json(path).get("seeds")
        if entries is None:
            unrecorded.append(output)
        elif entries:
            derived[output] = [_entry(*entry) for entry in entries]
            if len(entries) >= seeds.RECORDED_MAX:
                incomplete.append(output)
    return {
        "seed": seed,
        "rule": RULE,
        "derived": derived,
        "incomplete": incomplete,
        "unrecorded": unrecorded,
    }


def _entry(seed: int, *names: str) -> dict[str, Any]:
    # As text: a number of 64 bits is more than many readers of JSON hold.
    return {"seed": str(seed), "names": list(names), "value": str(seeds.integer_seed(seed, *names, bits=64))}
