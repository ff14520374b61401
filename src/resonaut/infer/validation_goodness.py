"""Goodness of the fit of the background to the side bands, by toys that are fitted again (`stats.goodness`).

The chi-squared probability of hunt is rough at few events per bin. Toys are drawn from the fitted spectrum in
the bins that hunt fits, failing events among them where these are fitted too, and no bin of the window's own
signal region. An order that hunt chose is held.

Under the null p is uniform with 1.5 events in each of 21 bins, within what 200 experiments tell (chi-squared:
0.33 on average in place of 0.5). With 15 events in all it is 0.43 on average: toys of a fit to so few events
know no more than that fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from resonaut.infer.spectra import Spectra, WindowTest
from resonaut.stats.goodness import by_toys, chi2_p_value
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.order import free_parameters


def sideband_counts(found: Spectra, window: int, number: int, test: WindowTest) -> np.ndarray | None:
    """(n, n_bins) events in the bins of `test.window.sidebands`, of the experiments of a test.

    Args:
        found: the spectra; window, number: which window and efficiency of them.
        test: of that window and efficiency.

    Returns:
        Counts as they were seen; None where some of these bins are closed, because they are in the signal
        region of another window of a blind search.
    """
    selected, total = found.counts[test.rows, window, number], found.total[test.rows]
    if (total[:, found.fitted[window] & ~found.inside[window]] < 0).any():
        return None
    return test.window.arrange(selected, total - selected)[:, :-1].astype(float)


def goodness(
    sidebands: LogLinear, counts: np.ndarray, n_toys: int, generator: np.random.Generator
) -> dict[str, Any] | None:
    """The entry `goodness` of `validation.json`.

    Args:
        sidebands: the model that is fitted.
        counts: (n_bins,) events that were seen.
        n_toys: how many.
        generator: of the toys.

    Returns:
        None where the fit, or that of all toys, did not converge, or has no degrees of freedom.
    """
    freedom = sidebands.n_bins - free_parameters(sidebands)
    if freedom <= 0:
        return None
    result = by_toys(sidebands, counts, n_toys, generator)
    if not np.isfinite(result.p_deviance):
        return None
    return {
        "p": float(result.p_deviance),
        "error": float(result.p_deviance_error),
        "n_toys": int(result.n_toys),
        "n_failed": n_toys - int(result.n_toys),
        "deviance": float(result.deviance),
        "degrees_of_freedom": freedom,
        "p_chi2": float(chi2_p_value(result.deviance, freedom)),
        "ks": float(result.ks),
        "ks_p": float(result.p_ks),
        "ks_error": float(result.p_ks_error),
    }
