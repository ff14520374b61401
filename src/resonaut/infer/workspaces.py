"""HistFactory workspaces, one per window and selection (CERN-OPEN-2012-016; pyhf, doi:10.21105/joss.02823).

One unit of the parameter of interest `mu` is one signal event.

A counting window is a single bin, the signal region. Its background comes with the uncertainty of the fit to
the side bands, which is independent of the signal region's count, as a Poisson constraint (`shapesys`): the
side bands act as one auxiliary count of the same relative error. A log-normal constraint (`normsys`) of the
same width is too soft upwards and was found to give significances 5 to 10 % too small above 4 and limits 1 to
2 % too strong; this one stays below 3 and 0.6 %.

A shape is a channel of the selected events in all bins that are fitted, and one of the failing events where
these constrain the background. HistFactory has no analytic functions: the background is that of the fit, and
eigenvectors of its covariance move it (`histosys`). Their constraints are `FREEDOM` times as wide as that, so
that the data and not the constraints determine them: the data that gave the covariance are in the
workspace too, and would otherwise count twice (measured with constraints of 1: a signal of 1 came back as
0.55, limits were 18 to 32 % too strong; with 8: 0.96 and within 2 %). What a Gaussian process knows before
any data constrains them too.

Uncertainties of the signal: luminosity (`lumi`), acceptance (`normsys`), energy scale (`histosys`), those of
the simulated shape (`staterror`), and of each systematic variation its rate and its shape (`normsys` and
`histosys` of one name, so one parameter, the same in all windows); the spurious signal is a sample of signal
shape with expectation 0 and a constraint of its own (`histosys`).
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resonaut.errors import OutputError
from resonaut.files import write_json
from resonaut.scan import Window

if TYPE_CHECKING:
    from resonaut.stats.likelihood import Uncertainties
    from resonaut.stats.signals import Signal

FREEDOM = 8
"""Width of the constraints of the background's eigenvectors, standard deviations of the fit."""
_WIDE = 5.0
_BOUND = 8
"""Upper bound of the signal strength in units of the larger of expected and observed limit: a tight one
truncates q0 without a word, a wide one costs the search of limits its precision."""

_OURS = re.compile(r"(?:[\d.e+]+-[\d.e+]+|background|patchset)_[\d.e-]+(?:\.hs3)?\.json")

Json = dict[str, Any]


@dataclass(frozen=True)
class Channel:
    """Bins of a workspace.

    Attributes:
        name: of the channel.
        observed: (B,) events; in a blind search those that are expected.
        background: (B,) events expected.
        modes: (K, B) shifts of the background by one standard deviation of independent constraints
            (`eigenvectors` of `constraint`); None for a single bin with `log_error`.
        log_error: standard deviation of the logarithm of the background of a single bin.
        signal: per signal event; None where there is none.
    """

    name: str
    observed: np.ndarray
    background: np.ndarray
    modes: np.ndarray | None = None
    log_error: float = 0.0
    signal: Signal | None = None


def file_name(window: Window, efficiency: float) -> str:
    """`3300-3700_0.01.json`."""
    return f"{window.name}_{efficiency:g}.json"


def channel_name(window: Window, efficiency: float, part: str = "") -> str:
    """`window_3300-3700_efficiency_0.01`, and `_failing` for those that are not selected."""
    return f"window_{window.name}_efficiency_{efficiency:g}" + (f"_{part}" if part else "")


def workspace(
    channels: Sequence[Channel], limit: float, uncertainties: Uncertainties, name: str = "search"
) -> Json:
    """A workspace.

    Args:
        channels: of one window and selection.
        limit: the larger of the observed and the expected limit, events: `mu` is bounded well above.
        uncertainties: of the signal.
        name: of the measurement.
    """
    digits = 10.0 ** math.floor(math.log10(_BOUND * limit))
    bound = math.ceil(_BOUND * limit / digits) * digits
    parameters: list[Json] = [{"name": "mu", "inits": [1.0], "bounds": [[0.0, bound]]}]
    if uncertainties.luminosity:
        width = uncertainties.luminosity
        parameters.append(
            {
                "name": "lumi",
                "inits": [1.0],
                "bounds": [[max(1 - 5 * width, 0.0), 1 + 5 * width]],
                "auxdata": [1.0],
                "sigmas": [width],
            }
        )
    parameters += _bounds(channels)
    return {
        "channels": [
            {"name": channel.name, "samples": [*_signal(channel, uncertainties), _background(channel)]}
            for channel in channels
        ],
        "observations": [
            {"name": channel.name, "data": _list(np.asarray(channel.observed, float))} for channel in channels
        ],
        "measurements": [{"name": name, "config": {"poi": "mu", "parameters": parameters}}],
        "version": "1.0.0",
    }


def _list(values: np.ndarray) -> list[float]:
    return [float(value) for value in values]


def _modifier(name: str, kind: str, data: Any = None) -> Json:
    return {"name": name, "type": kind, "data": data}


def _shift(name: str, low: np.ndarray, high: np.ndarray) -> Json:
    return _modifier(name, "histosys", {"lo_data": _list(low), "hi_data": _list(high)})


def _background(channel: Channel) -> Json:
    if channel.modes is None:
        errors = channel.background * channel.log_error
        modifiers = [_modifier("background_fit", "shapesys", _list(errors))]
    else:
        modifiers = [
            _shift(f"background_{number}", channel.background - mode, channel.background + mode)
            for number, mode in enumerate(channel.modes)
        ]
    return {"name": "background", "data": _list(channel.background), "modifiers": modifiers}


def _signal(channel: Channel, uncertainties: Uncertainties) -> list[Json]:
    """Samples of the signal and of what the background function fakes."""
    signal = channel.signal
    if signal is None:
        return []
    modifiers = [_modifier("mu", "normfactor")]
    if uncertainties.luminosity:
        modifiers.append(_modifier("lumi", "lumi"))
    if uncertainties.acceptance:
        factor = 1 + uncertainties.acceptance
        modifiers.append(_modifier("acceptance", "normsys", {"lo": 1 / factor, "hi": factor}))
    if signal.up is not None:
        modifiers.append(_shift("energy_scale", signal.down, signal.up))
    for change in signal.changes:
        modifiers.append(_modifier(change.name, "normsys", {"lo": change.low, "hi": change.high}))
        if change.up is not None:
            modifiers.append(_shift(change.name, change.down, change.up))
    if uncertainties.statistics and signal.error is not None:
        modifiers.append(_modifier(f"staterror_{channel.name}", "staterror", _list(signal.error)))
    samples = [{"name": "signal", "data": _list(signal.nominal), "modifiers": modifiers}]
    if uncertainties.spurious:
        events = uncertainties.spurious * signal.nominal
        samples.append(
            {
                "name": "spurious_signal",
                "data": [0.0] * len(events),
                "modifiers": [_shift("spurious_signal", -events, events)],
            }
        )
    return samples


def _bounds(channels: Sequence[Channel]) -> list[Json]:
    """Bounds of the background's parameters: each alone leaves every bin positive."""
    if channels[0].modes is None:
        return []
    background = np.concatenate([channel.background for channel in channels])
    modes = np.concatenate([channel.modes for channel in channels], axis=1)
    furthest = (background / np.maximum(np.abs(modes), 1e-12 * background)).min(axis=1)
    return [
        {"name": f"background_{number}", "inits": [0.0], "bounds": [[-bound, bound]]}
        for number, bound in enumerate(np.clip(0.99 * furthest, 3 / FREEDOM, _WIDE).tolist())
    ]


def constraint(covariance: np.ndarray, penalty: np.ndarray | None) -> np.ndarray:
    """Covariance (K, K) of the constraints of the background's parameters.

    Args:
        covariance: (K, K) of the fit.
        penalty: (K, K) precision that the background has before any data, or None.
    """
    if penalty is None:
        return FREEDOM**2 * covariance
    return np.linalg.pinv(penalty + np.linalg.pinv(covariance, hermitian=True) / FREEDOM**2, hermitian=True)


def eigenvectors(jacobian: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Independent shifts of the bins by one standard deviation, the largest first.

    Args:
        jacobian: (B, K) derivatives of the expected events with respect to the parameters.
        covariance: (K, K) of the parameters.

    Returns:
        (K, B): the sum of their outer products is the covariance of the bins.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    _, sizes, modes = np.linalg.svd((jacobian @ root).T, full_matrices=False)
    return sizes[:, None] * modes * np.where(modes.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)


def write(folder: str | os.PathLike, workspaces: Mapping[str, Json]) -> None:
    """Write workspaces by file name, and remove those that an earlier scan left.

    Raises:
        OutputError: the folder is a file or cannot be written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"{folder}: a folder for workspaces is expected, this is a file. Remove it or name another."
        )
    for name, content in workspaces.items():
        write_json(folder / name, content)
    for path in folder.glob("*.json"):
        if _OURS.fullmatch(path.name) and path.name not in workspaces:
            path.unlink()
