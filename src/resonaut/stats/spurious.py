"""The spurious signal: what a background function that is not the true one is taken for.

A background function plus signal is fitted to a background without signal that another function, or a
template of many simulated events, describes; the signal that comes out is spurious. Its largest size over the
candidates for the background and over neighbouring masses is taken as one standard deviation of a term of
signal shape that is added to the model (ATLAS, arXiv:1207.7214; arXiv:1802.04146): a single mass may lie at a
zero of the bias by chance. The spectra are expectations (Asimov data, arXiv:1007.1727), so that no
fluctuation enters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from resonaut.stats import poisson
from resonaut.stats.loglinear import LogLinear


@dataclass(frozen=True)
class Spurious:
    """Spurious signal at M masses (or windows), from T candidates for the true background.

    Attributes:
        signal: (T, M) fitted signal events, of either sign; NaN where a fit did not converge.
        error: (T, M) their statistical error, one standard deviation.
        events: (M) the largest |signal| over candidates and neighbouring masses; NaN if there is none.
        relative: (M) the largest |signal| / error over the same.
    """

    signal: np.ndarray
    error: np.ndarray
    events: np.ndarray
    relative: np.ndarray


def asimov(models: Sequence[LogLinear], counts: np.ndarray) -> np.ndarray:
    """Candidates for the true background: what each of `models` expects when it is fitted to `counts`.

    Args:
        models: other background functions, over the bins of `counts`.
        counts: (..., n_bins) data or simulation.

    Returns:
        (n_models, ..., n_bins); NaN where a fit did not converge.
    """
    return np.stack([poisson.fit(model, counts).expected for model in models])


def fitted_signal(
    model: LogLinear, truths: np.ndarray, template: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Signal events, and their error, of fits with a free signal of either sign.

    Args:
        model: the background function of the analysis.
        truths: (..., n_bins) backgrounds without signal; rows that hold NaN give NaN.
        template: (n_bins,) signal events per event of signal.

    Returns:
        (...) and (...), NaN where a fit did not converge.
    """
    known = np.isfinite(truths).all(axis=-1)
    fits = poisson.fit(model, np.where(known[..., None], truths, 0.0), template=template)
    good = known & fits.converged
    variance = fits.covariance[..., -1, -1]
    return np.where(good, fits.signal, np.nan), np.sqrt(np.where(good, variance, np.nan))


def measure(
    models: LogLinear | Sequence[LogLinear],
    truths: np.ndarray | Sequence[np.ndarray],
    templates: np.ndarray | Sequence[np.ndarray],
    masses: np.ndarray,
    reach: float,
) -> Spurious:
    """Spurious signal at several masses.

    Args:
        models: the background function of the analysis, of all masses or one for each.
        truths: (T, n_bins) candidates for the true background (`asimov`, or templates scaled to the data's
            luminosity), of all masses or one array for each.
        templates: M of (n_bins,), signal events per event of signal at each mass.
        masses: (M) GeV, rising.
        reach: masses at most so far away, GeV, are neighbours; 0 for none.
    """
    n_masses = len(masses)
    each_model = [models] * n_masses if isinstance(models, LogLinear) else models
    shared = isinstance(truths, np.ndarray) and truths.ndim == 2
    each_truth = [truths] * n_masses if shared else truths
    found = [
        fitted_signal(model, truth, template)
        for model, truth, template in zip(each_model, each_truth, templates, strict=True)
    ]
    signal, error = (np.stack(part, axis=-1) for part in zip(*found, strict=True))
    return Spurious(
        signal, error, largest(np.abs(signal), masses, reach), largest(np.abs(signal) / error, masses, reach)
    )


def largest(sizes: np.ndarray, masses: np.ndarray, reach: float) -> np.ndarray:
    """The largest of `sizes` (T, M) over candidates and neighbours, (M); NaN counts as nothing.

    Args:
        sizes: not negative.
        masses: (M) GeV.
        reach: GeV.
    """
    masses = np.asarray(masses, float)
    near = np.abs(masses[:, None] - masses[None, :]) <= reach * (1 + 1e-9)
    known = np.isfinite(sizes)
    highest = np.where(known, sizes, -1.0).max(axis=0)
    best = np.where(near, highest, -1.0).max(axis=1)
    return np.where(best >= 0, best, np.nan)
