"""Metrics of generated jets (arXiv:2211.10295), each beside its floor: real jets against other real jets.

`compute` returns, for JSON:

    n_rows                jets of each of the three samples that are compared
    w1m, w1p, w1efp       Wasserstein-1 distances: of the mass in units of the jet's pt; mean of those of eta,
                          phi and z of all particles; mean of those of five energy flow polynomials
    fpd, kpd              Frechet and kernel physics distance: on 36 energy flow polynomials of jets with
                          particles, on all columns of features
    observables/<name>    Wasserstein-1 distance of each of `jet_observables`

each with `value`, `error`, `floor`, `floor_error`, and observables with `real_mean`, `real_width` and
`generated_mean` besides. Without particles (features, clouds of other columns) w1m, w1p and w1efp are null,
and fpd and kpd are those of the observables. They are null too where there are fewer than `N_ROWS_MIN` jets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from resonaut import ragged
from resonaut.errors import InputError
from resonaut.generate.energy_flow import FOUR_NODES_FOUR_EDGES, all_polynomials, of_ragged
from resonaut.generate.evaluation.jet_distances import (
    Measured,
    frechet_without_bias,
    kernel_distance,
    measured,
    scaled,
)
from resonaut.generate.evaluation.jet_observables import jet_observables, total_momentum
from resonaut.generate.evaluation.jet_particles import Particles, can_have_particles, particles
from resonaut.generate.learnt import Learnt
from resonaut.seeds import generator

N_ROWS_MAX = 20_000
N_ROWS_MIN = 40
"""Jets that FPD and KPD need."""


def wasserstein1(first: np.ndarray, second: np.ndarray) -> float:
    """Wasserstein-1 distance of two samples, (n,) and (m,)."""
    from scipy.stats import wasserstein_distance

    return float(wasserstein_distance(first, second))


def compute(real: Learnt, generated: Learnt, other_half: Learnt, seed: int) -> dict[str, Any]:
    """Metrics of generated jets, see the module.

    All samples are cut to one size, so that a distance and its floor have the same statistical part.

    Args:
        real, other_half: disjoint real jets that the generator never saw.
        generated: of the same kind and columns.
        seed: of the random halves and batches.

    Raises:
        InputError: samples of different kinds or columns, showers, or no rows.
    """
    samples = (real, generated, other_half)
    for sample in samples[1:]:
        if (sample.kind, sample.columns) != (real.kind, real.columns):
            raise InputError(
                f"jets as {sample.kind} ({', '.join(sample.columns)}) cannot be compared with {real.kind} "
                f"({', '.join(real.columns)}); sample again with the weights of this study."
            )
    size = min(N_ROWS_MAX, *map(len, samples))
    if not size:
        raise InputError("generated and real jets cannot be compared: one of the samples holds no rows.")
    cut = [sample.select(np.arange(size)) for sample in samples]
    found: dict[str, Any] = {"n_rows": size, "observables": _observables(cut, seed)}
    with_particles = all(can_have_particles(sample) for sample in cut)
    if with_particles:
        jets = [particles(sample) for sample in cut]
        polynomials = [of_ragged(j.z, j.eta, j.phi, j.offsets) for j in jets]
        distances = {
            "w1m": _of_columns([total_momentum(j)[1][:, None] for j in jets]),
            "w1p": _of_particles(jets),
            "w1efp": _of_columns(
                [np.stack([p[name] for name in FOUR_NODES_FOUR_EDGES], 1) for p in polynomials]
            ),
        }
        for name, distance in distances.items():
            found[name] = _entry(distance, size, seed, name)
        features = [
            all_polynomials(p, ragged.sums(j.z, j.offsets)) for p, j in zip(polynomials, jets, strict=True)
        ]
    else:
        found |= {"w1m": None, "w1p": None, "w1efp": None}
        features = [np.stack(list(jet_observables(sample).values()), 1) for sample in cut]
    return {**found, **_physics_distances(scaled(*features), seed)}


Distance = Callable[[int, np.ndarray, np.ndarray], float]
"""Of sample number k (1 generated, 2 further real ones) to the real jets, by the rows of each that count."""


def _entry(distance: Distance, size: int, seed: int, name: str) -> dict[str, float | None]:
    pair = [
        measured(lambda a, b, k=k: distance(k, a, b), size, size, generator(seed, "jet metrics", name, k))
        for k in (1, 2)
    ]
    return _beside(*pair)


def _beside(value: Measured, floor: Measured) -> dict[str, float | None]:
    return {
        "value": value.value,
        "error": value.error,
        "floor": floor.value,
        "floor_error": floor.error,
    }


def _of_columns(columns: list[np.ndarray]) -> Distance:
    """Mean over columns of the distances; columns are (n, n_columns) of each sample."""

    def distance(number: int, rows: np.ndarray, others: np.ndarray) -> float:
        pairs = zip(columns[0][rows].T, columns[number][others].T, strict=True)
        return float(np.mean([wasserstein1(*pair) for pair in pairs]))

    return distance


def _of_particles(jets: list[Particles]) -> Distance:
    """Mean over eta, phi and z of the distances between all particles."""

    def distance(number: int, rows: np.ndarray, others: np.ndarray) -> float:
        one, two = jets[0].select(rows), jets[number].select(others)
        if not (len(one.z) and len(two.z)):
            return 0.0
        return float(np.mean([wasserstein1(getattr(one, n), getattr(two, n)) for n in ("eta", "phi", "z")]))

    return distance


def _observables(cut: list[Learnt], seed: int) -> dict[str, dict[str, float | None]]:
    columns = [jet_observables(sample) for sample in cut]
    found = {}
    for name in columns[0]:
        if not all(name in sample for sample in columns):
            continue
        values = [sample[name][:, None] for sample in columns]
        entry = _entry(_of_columns(values), len(values[0]), seed, name)
        both = np.concatenate([values[0], values[2]])
        entry |= {"real_mean": float(both.mean()), "real_width": float(both.std())}
        found[name] = {**entry, "generated_mean": float(values[1].mean())}
    return found


def _physics_distances(features: list[np.ndarray], seed: int) -> dict[str, dict[str, float | None] | None]:
    size = len(features[0])
    if size < N_ROWS_MIN:
        return {"fpd": None, "kpd": None}

    def frechet(number: int, rows: np.ndarray, others: np.ndarray) -> float:
        rng = generator(seed, "jet metrics", "parts", number)
        return frechet_without_bias(features[0][rows], features[number][others], rng)

    kernels = [
        kernel_distance(features[0], features[k], generator(seed, "jet metrics", "kpd", k)) for k in (1, 2)
    ]
    return {"fpd": _entry(frechet, size, seed, "fpd"), "kpd": _beside(*kernels)}
