"""Draw rows from trained weights into a file that is laid out like the representation that was learnt.

Besides what that has: `events/run, lumi, event` (0, 0 and the number of the row), the conditions where the
representation has them (`events/incident_energy`, `jets/pt`), `conditions` (n, k) float32 with all of them,
and `events/extrapolated`, 1 where one of them leaves the range of the training. One jet per event.
Attributes: `generated`, `method`, `condition_names`, `extrapolated` (number of such rows), `n_outside` (rows
of the test part that were left out because they would be such).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, EmptyFileError
from resonaut.generate import reading
from resonaut.generate.conditions import Conditions, from_mapping, from_words, require_inside
from resonaut.generate.drawing import BLOCK, Drawn, blocks
from resonaut.generate.networks import Trained, load
from resonaut.generate.train import PACKAGES
from resonaut.generate.writing import SampleWriter, attributes, condition_columns
from resonaut.hdf5 import creating, write_attributes
from resonaut.logs import log, progress
from resonaut.nn.device import deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.representation import require_same
from resonaut.seeds import integer_seed


@dataclass(frozen=True)
class Request:
    """How rows are drawn.

    Attributes:
        number: of rows.
        seed: another one gives other rows.
        extrapolate: also outside of the range of the training; such rows are marked.
        device: auto, cuda, mps or cpu.
        threads: CPU threads; another number may change last digits.
    """

    number: int
    seed: int
    extrapolate: bool = False
    device: str = "auto"
    threads: int = 2


def run(
    weights: Path,
    output: Path,
    request: Request,
    *,
    manifests: Mapping[str, Path] | None = None,
    words: Sequence[str] = (),
) -> None:
    """Draw rows with trained weights.

    Args:
        weights: file of `resonaut generate train`.
        output: HDF5 to write, see the module.
        request: how many, with which seed.
        manifests: by dataset, of what was learnt: conditions are those of the test rows, in random order.
        words: instead of them, conditions as `conditions.from_words` takes them. A generator without
            conditions needs neither.

    Raises:
        ConfigError: no rows are wanted, or conditions are absent, unknown or outside of the training.
        MissingFileError, CorruptFileError, InputError: the weights cannot be used.
        MismatchError: the weights are of another representation than the manifests.
    """
    if request.number < 1:
        raise ConfigError(f"--number: 1 or more is expected, got {request.number}.")
    trained = load(weights)
    conditions, inputs, n_outside = conditions_of(trained, request, manifests, words)
    task = {"number": request.number, "seed": request.seed, "extrapolate": request.extrapolate}
    provenance = describe({**task, "conditions": list(words)}, [weights, *inputs], PACKAGES)
    provenance["threads"] = request.threads
    seed = integer_seed(request.seed, trained.where, "samples")
    extrapolated = 0
    with deterministic(request.threads), creating(output, {}) as file:
        writer = SampleWriter(file, trained.shape, 1)
        drawing = blocks(trained, conditions, request.number, seed, request.device)
        number = math.ceil(request.number / BLOCK)
        for drawn in progress(drawing, f"{trained.where}: blocks of {BLOCK} rows", number):
            outside = trained.outside(drawn.conditions).any(axis=1)
            extrapolated += int(outside.sum())
            writer.append(drawn, sample_columns(drawn, trained, outside))
            if drawn.conditions.shape[1]:
                writer.extend("conditions", drawn.conditions)
        more: dict[str, Any] = {
            "method": trained.description["method"],
            "condition_names": list(trained.shape.conditions),
            "extrapolated": extrapolated,
            "n_outside": n_outside,
            "provenance": provenance,
        }
        name = trained.description["method"]
        write_attributes(file, attributes(trained.shape, name, "", request.number, more))
    if extrapolated:
        log.warning("%s: %d of %d rows are extrapolated", trained.where, extrapolated, request.number)
    write_run_record(output, device=request.device, threads=request.threads)


def sample_columns(drawn: Drawn, trained: Trained, outside: np.ndarray) -> dict[str, np.ndarray]:
    """Columns of rows that are an event each."""
    zero = np.zeros(len(drawn), np.int64)
    ids = {"run": zero, "lumi": zero, "event": drawn.start + np.arange(len(drawn))}
    found = {f"events/{name}": values for name, values in ids.items()}
    found["events/extrapolated"] = outside.astype(np.int8)
    return found | condition_columns(drawn.conditions, tuple(trained.description["places"]), 1)


def conditions_of(
    trained: Trained, request: Request, manifests: Mapping[str, Path] | None, words: Sequence[str]
) -> tuple[Conditions, list[Path], int]:
    """Conditions of words or of test rows (see `run`), their files, and how many rows were left out.

    Raises:
        ConfigError: there are none, or they are outside of the training.
    """
    if words:
        found = from_words(words, trained)
        require_inside(found, trained, request.extrapolate, "--conditions")
        return found, [Path(words[0])] if "=" not in words[0] else [], 0
    if not manifests:
        if trained.shape.conditions:
            raise ConfigError(
                f"--conditions: {trained.where} is conditional on {', '.join(trained.settings.conditions)}: "
                f"give values (--conditions {trained.shape.conditions[0]}=...), a file, or the rows of the "
                f"datasets (--{trained.shape.kind} NAME=MANIFEST)."
            )
        return from_mapping({}, trained, "--conditions"), [], 0
    return _of_test_rows(trained, request, manifests)


def _of_test_rows(
    trained: Trained, request: Request, manifests: Mapping[str, Path]
) -> tuple[Conditions, list[Path], int]:
    seed = int(trained.description["seed"])
    rows = reading.read(manifests, trained.settings, seed, trained.where, ["test"], with_values=False)
    paths = [manifests[name] for name in trained.settings.datasets]
    require_same(rows.settings, paths[0], trained.shape.settings, trained.path, rows.kind, trained=True)
    found = rows.conditions[np.lexsort((rows.ids["index"], rows.ids["order"]))]
    inside = np.ones(len(found), bool) if request.extrapolate else ~trained.outside(found).any(axis=1)
    if not inside.any():
        raise EmptyFileError(
            f"{trained.where}: none of {len(found)} test rows lies in the range of the training. Set "
            "evaluate.extrapolate, or take other weights."
        )
    if not inside.all():
        log.warning(
            "%s: %d of %d test rows are outside of the training and left out (evaluate.extrapolate)",
            *(trained.where, int((~inside).sum()), len(found)),
        )
    return Conditions(found[inside]), paths, int((~inside).sum())
