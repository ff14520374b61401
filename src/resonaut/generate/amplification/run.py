"""Study amplification: `amplification.json` and its numbers.

The file holds `distribution`, `n_training`, `repetitions`, `fitted` (names of the fit's parameters), and
`quantiles`, one entry per number of quantiles:

    {"n_quantiles": 10, "n_cells": 10,
     "curves": {"sample": [{"size": 100, "error": ..., "error_standard": ..., "expected": ...}, ...],
                "gan": [...], "flow": [...]},
     "training": {...}, "fit": {...}, "generators": {"gan": {...}, "flow": {...}}}

`curves` are mean quantile errors over the repetitions with the standard error of the mean; `expected` is the
closed form of a true sample. `training`, `fit` and `generators` (at the largest size) are equivalent true
samples: `error`, `error_standard`, `size`, `factor` (size over n_training) and `factor_standard`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import provenance
from resonaut.files import write_json
from resonaut.generate.amplification import flow, gan
from resonaut.generate.amplification.distributions import DISTRIBUTIONS, Distribution
from resonaut.generate.amplification.quantiles import (
    equivalent,
    error_of_shares,
    expected_error,
    quantile_error,
)
from resonaut.generate.amplification.settings import AmplificationSettings
from resonaut.logs import log
from resonaut.seeds import generator
from resonaut.settings import Count, Settings, validate

Draw = Callable[[int, int], np.ndarray]
"""Points of a repetition: draw(repetition, count) -> (count, n_dimensions)."""


class AmplificationSlice(Settings):
    """The part of the configuration that is used."""

    name: str
    seed: Count
    amplification: AmplificationSettings


def run(settings: Mapping[str, Any], output: Path, threads: int) -> None:
    """Fit and learn every training sample, measure, and write the JSON.

    Args:
        settings: the slice `amplify`: name, seed, amplification.
        output: JSON to write.
        threads: of the CPU.

    Raises:
        ConfigError: a setting cannot be used.
        TrainingError: a loss is not finite.
    """
    import torch

    slice_ = validate(AmplificationSlice, settings, "--settings")
    torch.set_num_threads(threads)
    start = time.monotonic()
    result = study(slice_.amplification, slice_.seed, f"amplification.{slice_.name}")
    packages = ("numpy", "scipy", "torch", "zuko")
    origin = provenance.describe(dict(settings), (), packages)
    write_json(output, {"name": slice_.name, **result, "provenance": origin})
    provenance.write_run_record(output, seconds=round(time.monotonic() - start, 1))


def study(settings: AmplificationSettings, seed: int, what: str) -> dict[str, Any]:
    """The numbers of the file, without its provenance."""
    truth = DISTRIBUTIONS[settings.distribution]
    training = np.stack(
        [
            truth.draw(settings.n_training, generator(seed, "amplification", "training", repetition))
            for repetition in range(settings.repetitions)
        ]
    )
    draws: dict[str, Draw] = {
        "sample": lambda repetition, count: truth.draw(
            count, generator(seed, "amplification", "truth", repetition)
        )
    }
    learn = {"gan": (gan.fit, settings.gan), "flow": (flow.fit, settings.flow)}
    for name in settings.generators:
        log.info("%s: %s learns %d samples", what, name, settings.repetitions)
        fit, own = learn[name]
        draws[name] = fit(training, own, seed, f"{what}.{name}")
    errors = {name: _errors(truth, draw, settings) for name, draw in draws.items()}
    fits = [truth.fit(points) for points in training]
    return {
        "distribution": settings.distribution,
        "n_training": settings.n_training,
        "repetitions": settings.repetitions,
        "fitted": list(truth.fitted),
        "quantiles": [
            _entry(truth, settings, number, training, fits, {name: own[k] for name, own in errors.items()})
            for k, number in enumerate(settings.quantiles)
        ],
    }


def _errors(truth: Distribution, draw: Draw, settings: AmplificationSettings) -> np.ndarray:
    """Quantile errors (numbers of quantiles, sizes, repetitions); small samples begin the large ones."""
    found = np.empty((len(settings.quantiles), len(settings.sizes), settings.repetitions))
    for repetition in range(settings.repetitions):
        uniform = truth.uniform(draw(repetition, settings.sizes[-1]).astype(np.float64))
        for k, number in enumerate(settings.quantiles):
            found[k, :, repetition] = [quantile_error(uniform[:size], number) for size in settings.sizes]
    return found


def _entry(
    truth: Distribution,
    settings: AmplificationSettings,
    n_quantiles: int,
    training: np.ndarray,
    fits: list[np.ndarray],
    errors: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    n_cells = n_quantiles**truth.n_dimensions

    def worth(own: np.ndarray) -> dict[str, float]:
        return dataclasses.asdict(equivalent(own, n_cells, settings.n_training))

    root = np.sqrt(settings.repetitions)
    curves = {
        name: [
            {"size": size, "error": float(own.mean()), "error_standard": float(own.std(ddof=1) / root)}
            for size, own in zip(settings.sizes, of_sizes, strict=True)
        ]
        for name, of_sizes in errors.items()
    }
    for point in curves["sample"]:
        point["expected"] = expected_error(point["size"], n_cells)
    fitted = np.array([error_of_shares(truth.shares(parameters, n_quantiles)) for parameters in fits])
    return {
        "n_quantiles": n_quantiles,
        "n_cells": n_cells,
        "curves": curves,
        "training": worth(quantile_error(truth.uniform(training), n_quantiles)),
        "fit": worth(fitted),
        "generators": {name: worth(own[-1]) for name, own in errors.items() if name != "sample"},
    }
