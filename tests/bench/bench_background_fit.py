"""Background fits per second: batched Fisher scoring against a loop of Minuit fits, in one run.

python tests/bench/bench_background_fit.py
"""

from __future__ import annotations

import time

import numpy as np
from iminuit import Minuit

from resonaut import registry
from resonaut.stats import poisson

EDGES = np.arange(2500.0, 6001.0, 100.0)
N_BATCH, N_LOOP = 5000, 100


def main() -> None:
    """Print fits per second and their ratio for several numbers of parameters."""
    rng = np.random.default_rng(1)
    print(f"{N_BATCH} spectra of {len(EDGES) - 1} bins; the loop does {N_LOOP} of them")
    for n_parameters in (3, 4, 5):
        model = registry.build("stats", "dijet", {"n_parameters": n_parameters})(EDGES)
        truth = model.expected(np.array([7.8, 15.3, -1.1, 0.0, 0.0][:n_parameters]))
        counts = rng.poisson(truth / truth.sum() * 3000, (N_BATCH, len(truth)))

        start = time.perf_counter()
        fits = poisson.fit(model, counts)
        batched = N_BATCH / (time.perf_counter() - start)

        axes = np.linalg.cholesky(fits.covariance[0])
        deviances = []
        start = time.perf_counter()
        for row in range(N_LOOP):
            deviances.append(_minuit(model, counts[row], fits.parameters[0], axes))
        looped = N_LOOP / (time.perf_counter() - start)

        worst = np.abs(np.array(deviances) - fits.deviance[:N_LOOP]).max()
        print(
            f"{n_parameters} parameters: {batched:8.0f} fits/s batched, {looped:6.0f} fits/s Minuit, "
            f"ratio {batched / looped:5.0f}; converged {fits.converged.mean():.4f}, "
            f"deviances differ by {worst:.0e}"
        )


def _minuit(model, counts: np.ndarray, origin: np.ndarray, axes: np.ndarray) -> float:
    """Deviance of a Minuit fit with the analytic gradient, in the coordinates that suit it best."""

    def objective(step: np.ndarray) -> float:
        return float(poisson.deviance(counts, model.expected(origin + axes @ step)))

    def gradient(step: np.ndarray) -> np.ndarray:
        parameters = origin + axes @ step
        mu = model.expected(parameters)
        return 2 * axes.T @ (model.jacobian(parameters).T @ (1 - counts / mu))

    minuit = Minuit(objective, np.zeros(len(origin)), grad=gradient)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.migrad()
    return minuit.fval


if __name__ == "__main__":
    main()
