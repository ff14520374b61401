"""Background fits per second: batched Fisher scoring against loops of Minuit and of pyhf, in one run.

    python tests/bench/bench_background_fit.py [--pyhf-toys 30]

The loop of Minuit fits the same function with analytic gradients, in the coordinates that suit it best. The
toy loop of pyhf (numpy backend) fits the background-only hypothesis to each toy with its two minimisers; pyhf
has no smooth functions, so its background is the fit with the eigenvectors of its covariance as nearly free
shapes (histosys, 8 standard deviations). Times are of the processor, ours on all threads.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from iminuit import Minuit

from resonaut import registry
from resonaut.stats import poisson
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.poisson import Fits

EDGES = np.arange(2500.0, 6001.0, 100.0)
N_BATCH, N_LOOP = 5000, 100
FREE = 8.0
"""Standard deviations of the eigenvectors: pyhf's background is then free."""
GOAL = 50.0


def main() -> None:
    """Print fits per second and their ratio for several numbers of parameters."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pyhf-toys", type=int, default=30)
    n_pyhf = parser.parse_args().pyhf_toys
    rng = np.random.default_rng(1)
    print(f"{N_BATCH} spectra of {len(EDGES) - 1} bins; the loops do {N_LOOP} and {n_pyhf} of them")
    for n_parameters in (3, 4, 5):
        model = registry.build("stats", "dijet", {"n_parameters": n_parameters})(EDGES)
        truth = model.expected(np.array([7.8, 15.3, -1.1, 0.0, 0.0][:n_parameters]))
        counts = rng.poisson(truth / truth.sum() * 3000, (N_BATCH, len(truth)))

        start = time.process_time()
        fits = poisson.fit(model, counts)
        batched = N_BATCH / (time.process_time() - start)

        axes = np.linalg.cholesky(fits.covariance[0])
        looped, deviances = _loop(partial(_minuit, model, fits.parameters[0], axes), counts[:N_LOOP])
        worst = np.abs(deviances - fits.deviance[:N_LOOP]).max()
        print(
            f"{n_parameters} parameters: {batched:8.0f} fits/s batched, {looped:6.0f} fits/s Minuit, "
            f"ratio {batched / looped:5.0f}; converged {fits.converged.mean():.4f}, "
            f"deviances differ by {worst:.0e}"
        )
        for optimiser in ("scipy", "minuit"):
            looped, deviances = _loop(_pyhf(model, fits, optimiser), counts[:n_pyhf])
            shift = np.nanmedian(np.abs(deviances - fits.deviance[:n_pyhf]))
            print(
                f"    pyhf, {optimiser:6s} {looped:6.1f} fits/s, ratio {batched / looped:5.0f} "
                f"(goal {GOAL:g}); deviances differ by {shift:.0e} (median)"
            )


def _loop(fit: Callable[[np.ndarray], float], counts: np.ndarray) -> tuple[float, np.ndarray]:
    """Fits per second of one after the other, and their deviances."""
    start = time.process_time()
    deviances = np.array([fit(row) for row in counts])
    return len(counts) / (time.process_time() - start), deviances


def _minuit(model: LogLinear, origin: np.ndarray, axes: np.ndarray, counts: np.ndarray) -> float:
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


def _pyhf(model: LogLinear, fits: Fits, optimiser: str) -> Callable[[np.ndarray], float]:
    """pyhf's background-only fit of one toy: its deviance, NaN where it fails."""
    import pyhf

    pyhf.set_backend("numpy", optimiser)
    nominal = fits.expected[0]
    values, vectors = np.linalg.eigh(fits.covariance[0])
    shifts = FREE * (model.jacobian(fits.parameters[0]) @ (vectors * np.sqrt(values))).T
    free = [
        {
            "name": f"eigenvector_{number}",
            "type": "histosys",
            "data": {"hi_data": (nominal + shift).tolist(), "lo_data": (nominal - shift).tolist()},
        }
        for number, shift in enumerate(shifts)
    ]
    samples = [
        {
            "name": "signal",
            "data": np.ones_like(nominal).tolist(),
            "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
        },
        {"name": "background", "data": nominal.tolist(), "modifiers": free},
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = pyhf.Model({"channels": [{"name": "spectrum", "samples": samples}]}, poi_name="mu")

    def fit(counts: np.ndarray) -> float:
        data = [*counts.tolist(), *built.config.auxdata]
        try:
            best = pyhf.infer.mle.fixed_poi_fit(0.0, data, built)
        except pyhf.exceptions.FailedMinimization:
            return np.nan
        return float(poisson.deviance(counts, built.expected_actualdata(best)))

    return fit


if __name__ == "__main__":
    main()
