"""How closely a number must come back when an archive is run again.

Two cases are told apart. *The same machine type*: equal versions of all packages, equal system and processor.
There two runs give the same bytes, threads being fixed by the workflow, and what is left for the tolerance is
the order of sums between a split and a joined job (1e-5, a rule of the package) and the precision of JSON.
*Another machine type*: the rounding of a training differs from its first step on, and a training amplifies
rounding; all that follows from networks moves, by a part of its statistical error, since the events stay the
same and only the network's own scatter is new. There a number is judged by its error (`sigmas`), and a number
without one is only reported.

Measured with the demo study, whose representations, trainings and all that follows were made again by
instructions of 2008 (SSE2 instead of AVX-512, in torch, oneDNN, MKL, numpy, numba): numbers of toys scatter
as independent draws do (2,400 counts: median 0.6, largest 4.0 errors of the difference, hence 5); numbers of
trainings and fits to the same events by at most 1.7 of theirs (AUC of a tagger 0.8, calibration 1.7, events
selected 1.7, fitted signals 0.6), local significances by at most 0.8, hence 2.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from resonaut.comparing.numbers import PROBABILITIES, SIGNIFICANCES, Leaf, key_of

TOLERANCES: dict[str, dict[str, Any]] = {
    "exact": {
        "relative": 0.0,
        "absolute": 0.0,
        "elsewhere": "exact",
        "why": "counts of simulated, read and selected events before any training, and what the "
        "configuration sets: the same on every machine",
    },
    "sum": {
        "relative": 1e-9,
        "absolute": 0.0,
        "elsewhere": "relative",
        "why": "sums over the same events in double precision: only their order may differ",
    },
    "count": {
        "relative": 0.0,
        "absolute": 0.0,
        "elsewhere": "sigmas",
        "sigmas": 2.0,
        "why": "counts of events after a cut on a network's output: exact on one machine type; elsewhere "
        "events near the cut change sides, fewer than the square root of the count",
    },
    "training": {
        "relative": 1e-5,
        "absolute": 1e-9,
        "elsewhere": "sigmas",
        "sigmas": 2.0,
        "why": "what a training gave: split and joined jobs agree to 1e-5; elsewhere within its error",
    },
    "fit": {
        "relative": 1e-5,
        "absolute": 1e-9,
        "elsewhere": "sigmas",
        "sigmas": 2.0,
        "why": "fits stop within 1e-5 of their minimum's place; elsewhere the fitted counts differ too, "
        "within their errors",
    },
    "probability": {
        "relative": 1e-3,
        "absolute": 0.0,
        "elsewhere": "sigmas",
        "sigmas": 2.0,
        "why": "1e-5 of a significance z moves its p-value by z squared times 1e-5, 1e-3 at z = 10; "
        "elsewhere judged as a significance",
    },
    "toys": {
        "relative": 1e-5,
        "absolute": 1e-9,
        "elsewhere": "sigmas",
        "sigmas": 5.0,
        "why": "what pseudo-experiments gave: the same draws on one machine type; elsewhere other spectra "
        "give other draws, so results are independent, and of ten thousand numbers none is expected beyond "
        "5 errors",
    },
    "time": {
        "relative": None,
        "absolute": None,
        "elsewhere": "reported",
        "why": "measured times: not compared",
    },
}
"""Kind of number -> tolerance where the machine type is the same, what counts elsewhere, and why."""

BEFORE_TRAINING = ("simulate", "ingest", "represent")
TRAININGS = ("tag", "tune", "generate", "detect")
CONFIGURED = ("schema_version", "n_toys", "n_bootstrap", "n_folds", "n_events", "n_parameters", "n_networks")
CONFIGURED += ("edges", "confidence", "confidence_level", "degrees_of_freedom", "n_windows", "n_checks")
CHOSEN = ("best_epoch", "each", "epoch", "min", "max", "median")
"""Whole numbers of a training that are no counts of events."""
OF_TOYS = ("validation.json", "linearity.json", "calibration.json", "trials.json", "global.json")
"""Results of pseudo-experiments; a file of a round of them is `round<k>.json`."""
OBSERVED = ("best", "tests", "left_out")
"""Keys of such results below which the data stand."""
TIMES = ("time", "training_seconds", "seconds_per_row", "rows_per_second", "speed_up")


def kind(path: str, pointer: str, value: Leaf) -> str:
    """The kind of a number, a key of `TOLERANCES`.

    Args:
        path: of the JSON result, below `results/<study>`.
        pointer: RFC 6901, inside it.
        value: a number or a truth value.
    """
    stage, key = path.split("/")[0], key_of(pointer)
    tokens = set(pointer.split("/"))
    if path.endswith("timing.json") or tokens & set(TIMES):
        return "time"
    if stage in BEFORE_TRAINING:
        return "sum" if isinstance(value, float) else "exact"
    if key in CONFIGURED:
        return "exact"
    if _of_toys(path) and key not in SIGNIFICANCES and not tokens & set(OBSERVED):
        return "toys"
    if key in PROBABILITIES:
        return "probability"
    if stage in TRAININGS and (isinstance(value, float) or key in CHOSEN):
        return "training"
    return "fit" if isinstance(value, float) else "count"


def _of_toys(path: str) -> bool:
    name = path.split("/")[-1]
    return name in OF_TOYS or (name.startswith("round") and name.endswith(".json"))


def within(kind: str, old: Leaf, new: Leaf, relative: float | None = None) -> bool:
    """Whether a number came back on the same machine type.

    Args:
        relative: replaces the relative tolerance where that is not zero.
    """
    tolerance = TOLERANCES[kind]
    # A truth value equals 0 or 1, and is neither.
    if tolerance["relative"] is None or (old == new and isinstance(old, bool) == isinstance(new, bool)):
        return True
    if any(isinstance(leaf, bool) or not isinstance(leaf, int | float) for leaf in (old, new)):
        return False
    share = (tolerance["relative"] and relative) or tolerance["relative"]
    return abs(new - old) <= max(tolerance["absolute"], share * max(abs(old), abs(new)))


def elsewhere(kind: str, old: Leaf, new: Leaf, sigmas: float | None) -> bool | None:
    """Whether a number came back on another machine type; None if that cannot be said.

    Args:
        sigmas: the difference in units of the stated error, if one is stated.
    """
    if within(kind, old, new):
        return True
    rule = TOLERANCES[kind]["elsewhere"]
    if rule in ("exact", "relative"):
        return False
    if sigmas is None and all(isinstance(n, int) and not isinstance(n, bool) for n in (old, new)):
        # Of two independent Poisson counts, whose difference has the variance of their sum.
        sigmas = abs(new - old) / max(old + new, 1) ** 0.5
    return None if rule == "reported" or sigmas is None else sigmas <= TOLERANCES[kind]["sigmas"]


def same_machine(old: Mapping[str, Any], new: Mapping[str, Any], packages: Collection[str]) -> list[str]:
    """What makes two environments different machine types; empty if nothing does.

    Args:
        old, new: `environment.json`.
        packages: whose versions count: those of the lock file.
    """
    found = []
    for part in ("platform", "versions"):
        before, after = old.get(part) or {}, new.get(part) or {}
        # What a later version writes down too says nothing of an archive that does not have it.
        names = before if part == "platform" else sorted(set(packages) & set(before))
        found += [
            f"{name}: {before[name]} then, {after.get(name)} now"
            for name in names
            if before[name] != after.get(name)
        ]
    return found
