"""The background functions of a hunt, and what is said of fits that fail."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError, FitError
from resonaut.hunt.fits import BackgroundFits, Choice
from resonaut.hunt.settings import HuntSettings
from resonaut.logs import log
from resonaut.scan import ScanSettings
from resonaut.stats.families import on_range
from resonaut.stats.order import free_parameters
from resonaut.stats.windows import Bins

_FIX = "Use fewer hunt.n_parameters, a looser efficiency or wider side bands."


def background_choice(hunt: HuntSettings, scan: ScanSettings, bins: Bins) -> Choice:
    """The orders of the background function that every window's side bands have bins for.

    Raises:
        ConfigError: no such function; a window's side bands have fewer bins than the function has parameters.
    """
    functions = {
        number: registry.build("stats", hunt.background, settings)
        for number, settings in hunt.functions().items()
    }
    for window, (inside, fitted) in enumerate(zip(bins.inside, bins.fitted, strict=True)):
        n_bins = int(fitted.sum())
        sizes = {
            number: free_parameters(on_range(function, bins.edges, inside | fitted))
            for number, function in functions.items()
        }
        functions = {number: functions[number] for number, size in sizes.items() if size <= n_bins}
        if not functions:
            raise ConfigError(
                f"scan.windows[{window}] ({scan.windows[window].name} GeV): the {hunt.fit_region} beside it "
                f"are {n_bins} bins of hunt.bin_width = {hunt.bin_width:g} GeV, hunt.background = "
                f"{hunt.background} has {min(sizes.values())} parameters; at least as many bins are "
                "expected. Widen scan.sideband_width (or this window's sidebands), use narrower bins or "
                "fewer hunt.n_parameters."
            )
    return Choice(functions, hunt.f_test_alpha)


def check_fits(
    fits: BackgroundFits,
    counts: np.ndarray,
    bins: Bins,
    hunt: HuntSettings,
    where: Callable[[int, int], str],
    *,
    of_data: bool,
) -> None:
    """Say which fits failed; they are flagged in the file, and the other windows go on.

    Args:
        fits: of all experiments.
        counts: (P, W, E, B) selected events.
        bins: roles of the bins.
        hunt: settings.
        where: names a window and an efficiency by their indices.
        of_data: one experiment, of data.

    Raises:
        FitError: no fit to data converged.
    """
    failed = np.argwhere(~fits.converged)
    if not len(failed):
        return
    index, window, number = failed[0]
    if not of_data:
        log.warning(
            "%d of %d background fits did not converge; they are flagged. The first: experiment %d, %s",
            len(failed), fits.converged.size, index, where(window, number),
        )  # fmt: skip
        return
    messages = [
        _message(hunt, where(window, number), counts[0, window, number, bins.fitted[window]])
        for _, window, number in failed
    ]
    if len(failed) == fits.converged.size:
        raise FitError(f"{messages[0]} {_FIX} No other fit converged.")
    for message in messages:
        log.warning("%s Its numbers are null, the other windows go on. %s", message, _FIX)


def _message(hunt: HuntSettings, where: str, counts: np.ndarray) -> str:
    return (
        f"{where}: the fit of hunt.background = {hunt.background} ({hunt.n_parameters} parameters) to the "
        f"{hunt.fit_region} did not converge, or leaves the window open: {int(counts.sum())} events in "
        f"{len(counts)} bins, {int((counts == 0).sum())} of them empty."
    )
