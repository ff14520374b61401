"""Compare samplers of phase space: `phase_space.json` and its numbers.

The file holds `process`, `unit`, `integral` (the exact one), `n_points`, and `samplers`, by name:
`integral` {value, standard_error}, `pull` (its distance from the exact one in standard errors),
`relative_spread`, `efficiency`, `efficiency_of_quantile` {value, standard_error} and `cut` (see
`unweighting.Unweighting`). Seconds are in `<output>.run.json`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import provenance
from resonaut.files import write_json
from resonaut.generate.phase_space import flow, vegas
from resonaut.generate.phase_space.processes import Process, process
from resonaut.generate.phase_space.settings import PhaseSpaceSettings
from resonaut.generate.phase_space.unweighting import unweighting
from resonaut.seeds import generator, integer_seed
from resonaut.settings import validate

_PACKAGES = ("numpy", "scipy", "torch", "zuko")


def run(settings: Mapping[str, Any], output: Path, threads: int) -> None:
    """Train the samplers, measure their weights, and write the JSON.

    Args:
        settings: see `PhaseSpaceSettings`.
        output: JSON to write.
        threads: of the CPU.

    Raises:
        ConfigError: a setting cannot be used.
        TrainingError: a loss is not finite.
    """
    import torch

    wanted = validate(PhaseSpaceSettings, settings, "--settings")
    torch.set_num_threads(threads)
    matrix_element = process(wanted.process)
    found, seconds = {}, {}
    for name in wanted.samplers:
        start = time.monotonic()
        weights = sampled_weights(name, matrix_element, wanted)
        seconds[name] = round(time.monotonic() - start, 2)
        found[name] = _numbers(weights, matrix_element)
    write_json(
        output,
        {
            "process": wanted.process,
            "unit": matrix_element.unit,
            "integral": matrix_element.integral,
            "n_points": wanted.n_points,
            "samplers": found,
            "provenance": provenance.describe(wanted.model_dump(mode="json"), (), _PACKAGES),
        },
    )
    provenance.write_run_record(output, seconds=seconds)


def sampled_weights(name: str, matrix_element: Process, settings: PhaseSpaceSettings) -> np.ndarray:
    """Integrand over density at the points of a sampler that has learnt, (n_points,)."""
    count, n_dimensions = settings.n_points, matrix_element.n_dimensions
    if name == "flow":
        learnt = flow.train(
            *(matrix_element.integrand, n_dimensions, settings.flow),
            integer_seed(settings.seed, "phase space", "flow"),
        )
        own = integer_seed(settings.seed, "phase space", "flow points")
        return flow.weights(learnt, matrix_element.integrand, count, own)
    random = generator(settings.seed, "phase space", name)
    grid = vegas.uniform_grid(n_dimensions, 1)
    if name == "grid":
        own = settings.grid
        grid = vegas.adapt(
            *(matrix_element.integrand, n_dimensions, own.n_bins, own.n_points),
            *(own.n_iterations, own.damping, random),
        )
    points, inverse_density = grid.points(random.random((count, n_dimensions)))
    return matrix_element.integrand(points) * inverse_density


def _numbers(weights: np.ndarray, matrix_element: Process) -> dict[str, Any]:
    found = unweighting(weights)
    pull = (found.integral.value - matrix_element.integral) / found.integral.standard_error
    return {"pull": float(pull), **dataclasses.asdict(found)}
