"""Nuisance parameters of the signal, from variations of its simulated events that `hunt templates` selected.

Of each source there is one parameter, the same in all windows. Its two sides are the two variations of the
source (`jes_up`, `jes_down`), each brought to one standard deviation: the logarithm of its change of the rate
and its change of the shape are divided by the number that it stands for. Of a source with one variation the
other side is its mirror image.

The shape of the signal is that of the events that the search selects in the window, or of all where these are
few: a network of a window away from the simulated mass selects next to none of them. The rate changes by the
ratio of selected events, varied over nominal, the shape by the difference of the shares in the bins. Both
come from the same events, whose fluctuations cancel (`stats.paired`). A shape that differs by no more than
these fluctuations allow (a p-value of `SHAPE_P_VALUE` or above, of both sides) is left out, and the rate
stays. Nothing is smoothed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, InputError, MismatchError
from resonaut.infer import templates
from resonaut.infer.settings import InferSettings
from resonaut.infer.spectra import Spectra
from resonaut.infer.templates import Masses
from resonaut.logs import log
from resonaut.scan import Window
from resonaut.stats import signals
from resonaut.stats.paired import Binned, Change, change
from resonaut.stats.signals import Signal
from resonaut.store import open_h5

KIND = "signal_variations"
NOMINAL = "nominal"
SHAPE_P_VALUE = 0.05
"""Below, the change of a shape is taken for one."""
EVENTS_MIN = 400
"""Effective selected events of which a shape is made."""
LARGEST = 10.0
"""Factors on the rate beyond this or its inverse are set to it: their interpolation says nothing."""


Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Mass (GeV), weight and number of events, each (n,)."""


@dataclass(frozen=True)
class Side:
    """One variation of a source.

    Attributes:
        name: of the variation.
        sigma: standard deviations that it stands for.
        found: what it changes in the selected events, of which the rate is taken.
        shape: what it changes in those of which the shape is taken.
    """

    name: str
    sigma: float
    found: Change
    shape: Change

    @property
    def log_rate(self) -> float:
        """Logarithm of the factor on the rate at one standard deviation in its direction."""
        return float(np.clip(np.log(self.found.ratio) / abs(self.sigma), -np.log(LARGEST), np.log(LARGEST)))

    @property
    def shift(self) -> np.ndarray:
        """(B,) change of the shape at one standard deviation in its direction."""
        return self.shape.difference / abs(self.sigma)


class Varied:
    """Selected events of the signal, nominal and varied.

    Args:
        path: HDF5 of `hunt templates`.
        found: spectra of the same search.
        wanted: sources that `infer.uncertainties.variations` names.
        dataset: `infer.signal.dataset`.

    Raises:
        InputError: the file is not usable.
        MismatchError: it is of another search or another signal.
        ConfigError: it does not hold a source.
    """

    def __init__(self, path: str | os.PathLike, found: Spectra, wanted: Sequence[str], dataset: str) -> None:
        self.path = Path(path)
        with open_h5(path) as file:
            if file.attrs.get("kind") != KIND:
                raise InputError(
                    f"{path}: a file of kind '{KIND}' is expected, got '{file.attrs.get('kind')}'. Give the "
                    "output of `hunt templates`."
                )
            self._check(file, found, dataset)
            sources: dict[str, dict[str, float]] = json.loads(file.attrs["sources"])
            missing = [source for source in wanted if source not in sources]
            if missing:
                raise ConfigError(
                    f"infer.uncertainties.variations: {path} holds no '{missing[0]}', but "
                    f"{', '.join(sorted(sources)) or 'none'}. Run `hunt templates` again."
                )
            self.sources = {source: sources[source] for source in wanted}
            names = {NOMINAL, *(name for members in self.sources.values() for name in members)}
            self._columns: dict[str, Columns] = {
                name: (file[name]["mass"][:], file[name]["weight"][:], file[name]["event"][:])
                for name in sorted(names)
            }

    def _check(self, file: Any, found: Spectra, dataset: str) -> None:
        wanted = {"mixture": found.mixture, "method": found.method, "dataset": dataset}
        for key, value in wanted.items():
            if str(file.attrs[key]) != value:
                raise MismatchError(
                    f"{self.path}: its {key} is '{file.attrs[key]}', '{value}' is expected. Run "
                    "`hunt templates` again."
                )
        edges = [(one["low"], one["high"]) for one in json.loads(file.attrs["windows"])]
        if edges != [(one.low, one.high) for one in found.windows] or not np.array_equal(
            file["efficiencies"][:], found.efficiencies
        ):
            raise MismatchError(f"{self.path}: other windows or efficiencies. Run `hunt templates` again.")

    def signal(
        self, at: tuple[int, int], window: Window, edges: np.ndarray, masses: Masses, given: InferSettings
    ) -> tuple[Signal, dict[str, Any]]:
        """The signal that is selected in one window at one efficiency, and what variations do to it.

        Args:
            at: numbers of the window and of the efficiency.
            window: the signal region.
            edges: (B + 1,) GeV.
            masses: of all events of the signal: their median goes to the window's centre.
            given: settings.

        Returns:
            The signal in these bins with its changes, and what the result says of them.

        Raises:
            ConfigError: no event of the signal is selected, nominal or varied.
        """
        scale = templates.scale(given.signal, masses, window)
        samples = {name: self._selected(name, at) for name in self._columns}
        for name, (_, weight, _) in samples.items():
            if not weight.sum() > 0:
                raise ConfigError(
                    f"infer.uncertainties.variations: no event of '{name}' is selected ({self.path}). "
                    "Simulate more signal, or test a window where it is."
                )
        shown = samples if _effective(samples[NOMINAL]) >= EVENTS_MIN else dict(self._columns)
        made = templates.selected(masses.dataset, *shown[NOMINAL][:2]).signal(
            edges, scale, given.uncertainties.energy_scale
        )
        n_bins = len(edges) - 1
        rates, shapes = (
            {name: _binned(sample, edges, scale) for name, sample in of.items()} for of in (samples, shown)
        )
        sides = {
            source: [
                Side(
                    name,
                    sigma,
                    change(rates[NOMINAL], rates[name], n_bins),
                    change(shapes[NOMINAL], shapes[name], n_bins),
                )
                for name, sigma in of.items()
            ]
            for source, of in self.sources.items()
        }
        changes = tuple(of_source(source, of, made.nominal) for source, of in sides.items())
        return replace(made, changes=changes), _describe(sides, changes, shown is samples)

    def _selected(self, name: str, at: tuple[int, int]) -> Columns:
        """Mass, weight and number of the selected events of a variation."""
        with open_h5(self.path) as file:
            chosen = file[name]["selected"][at]
        mass, weight, event = (column[chosen] for column in self._columns[name])
        return mass, weight, event


def _effective(sample: Columns) -> float:
    """Events without weights that would be as many."""
    weight = sample[1]
    return float(weight.sum() ** 2 / (weight**2).sum())


def _binned(sample: Columns, edges: np.ndarray, scale: float) -> Binned:
    mass, weight, event = sample
    place = np.searchsorted(edges, mass * scale, side="right") - 1
    return Binned(event, weight, np.where(place < 0, len(edges) - 1, place))


def of_source(source: str, sides: Sequence[Side], nominal: np.ndarray) -> signals.Change:
    """The nuisance parameter of one source, from its one or two variations.

    Args:
        source: its name.
        sides: at most one of each direction.
        nominal: (B,) the nominal shape.
    """
    above = next((side for side in sides if side.sigma > 0), None)
    below = next((side for side in sides if side.sigma < 0), None)
    if len(sides) != (above is not None) + (below is not None):
        raise ConfigError(
            f"infer.uncertainties.variations: '{source}' has the variations "
            f"{', '.join(f'{side.name} ({side.sigma:+g} sigma)' for side in sides)}; one of each direction, "
            "or one alone, is expected."
        )
    rates = [
        side.log_rate if side is not None else -other.log_rate
        for side, other in ((above, below), (below, above))
    ]
    for side in sides:
        if not 1 / LARGEST < side.found.ratio ** (1 / abs(side.sigma)) < LARGEST:
            log.warning(
                "%s changes the rate by a factor of %.3g per standard deviation; %g is used",
                side.name, side.found.ratio ** (1 / abs(side.sigma)), LARGEST,
            )  # fmt: skip
    high, low = (float(np.exp(rate)) for rate in rates)
    if min(side.shape.p_value for side in sides) >= SHAPE_P_VALUE:
        return signals.Change(source, high, low)
    shifts = [
        side.shift if side is not None else -other.shift for side, other in ((above, below), (below, above))
    ]
    # A bin that holds less than nothing is no Poisson mean.
    up, down = (np.maximum(nominal + shift, 0.0) for shift in shifts)
    return signals.Change(source, high, low, up, down)


def _describe(
    sides: dict[str, list[Side]], changes: Sequence[signals.Change], of_selected: bool
) -> dict[str, Any]:
    """What was found, for the result."""
    return {
        made.name: {
            "rate_up": made.high,
            "rate_down": made.low,
            "shape": made.up is not None,
            "shape_from": "selected" if of_selected else "all",
            "variations": {
                side.name: {
                    "sigma": side.sigma,
                    "rate": side.found.ratio,
                    "rate_error": side.found.ratio * side.found.log_error,
                    "shape_p_value": side.shape.p_value,
                }
                for side in sides[made.name]
            },
        }
        for made in changes
    }
