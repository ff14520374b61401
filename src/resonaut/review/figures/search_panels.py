"""Words and curves that the figures of one search and of all searches share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from resonaut.errors import InputError
from resonaut.plot.curves import Curve
from resonaut.plot.improvement import Gain
from resonaut.plot.sculpting import PValues
from resonaut.plot.style import series_colour

TESTS = {"kolmogorov_smirnov": "KS", "chi2": r"$\chi^2$"}


def of_kind(result: Mapping[str, Any], kind: str, path: Any) -> None:
    """Refuse JSON of another kind.

    Raises:
        InputError: it is of another kind.
    """
    if result["kind"] != kind:
        raise InputError(
            f"{path}: JSON of kind '{kind}' is expected, got {result['kind']!r}. Give the file of that rule."
        )


def range_words(low: float, high: float) -> str:
    """A signal region in words."""
    return f"{low:g}-{high:g} GeV"


def per_cent(efficiency: float) -> str:
    """An efficiency in words."""
    return f"{100 * efficiency:.3g} %"


def power(value: float) -> str:
    """A positive number of two digits with its power of ten, for figures."""
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"${mantissa}\\times 10^{{{int(exponent)}}}$"


def numbers(values: Sequence[float | None]) -> np.ndarray:
    """(n,) NaN for null."""
    return np.array([np.nan if value is None else value for value in values], float)


def with_interval(interval: Mapping[str, Any], digits: int = 1) -> str:
    """A number with the distances to the ends of its interval, where it has one."""
    text = f"{interval['value']:.{digits}f}"
    if interval.get("low") is None or interval.get("high") is None:
        return text
    up = max(interval["high"] - interval["value"], 0.0)
    down = max(interval["value"] - interval["low"], 0.0)
    return f"{text} $^{{+{up:.{digits}f}}}_{{-{down:.{digits}f}}}$"


def ends(interval: Mapping[str, Any]) -> tuple[float, float]:
    """Ends of an interval that hold its value; the value itself where there are none."""
    value = float(interval["value"])
    low, high = interval.get("low"), interval.get("high")
    return min(value if low is None else low, value), max(value if high is None else high, value)


def gain_of(
    curve: Mapping[str, Any],
    band: tuple[str, str] | None,
    label: str,
    colour: str,
    dashes: str = "-",
    best: Mapping[str, Any] | None = None,
) -> Gain:
    """A curve of the significance improvement.

    Args:
        curve: lists from tight to loose cuts.
        band: names of the ends of its band; None for a plain line.
        best: the maximum with its interval; marked where the drawn curve is highest.
    """
    keys = ("background_efficiency", "signal_efficiency", "improvement", *(band or ()))
    columns = np.array([numbers(curve[key]) for key in keys])
    background, signal, value, *sides = columns[:, np.isfinite(columns).all(0)]
    return Gain(
        *(label, colour, background, signal, value),
        *(sides or (None, None)),
        dashes=dashes,
        best=None if best is None else ends(best),
    )


def rejection_of(curve: Mapping[str, Any], label: str, colour: str, dashes: str = "-") -> Curve:
    """Background rejection against signal efficiency.

    The interval of the signal efficiency at each cut, which lies along x, becomes the band of the rejection
    at each signal efficiency: the ends' curves, read at the same x.
    """
    rejection = 1 / numbers(curve["background_efficiency"])
    x, *beside = (
        numbers(curve[key])
        for key in ("signal_efficiency", "signal_efficiency_low", "signal_efficiency_high")
    )
    lower, upper = (np.exp(np.interp(x, end, np.log(rejection))) for end in beside)
    band = np.minimum(lower, rejection), np.maximum(upper, rejection)
    return Curve(label, colour, x, rejection, *band, dashes=dashes)


def p_words(p_value: float, n_toys: int) -> str:
    """A p-value from toys in words; the smallest that they can give is a limit."""
    least = 1 / (n_toys + 1)
    return f"< {least:.1g}" if p_value <= 1.01 * least else f"{p_value:.2g}"


def p_values_of(
    lines: Sequence[Sequence[Mapping[str, Any] | None]], efficiencies: Sequence[float]
) -> list[PValues]:
    """p-values of both tests at each efficiency, where a line has one.

    Args:
        lines: of each window or method, one entry per efficiency; a test is its p-value or has one.
        efficiencies: of the selections.
    """
    found = []
    for number, efficiency in enumerate(efficiencies):
        colour = series_colour(number, len(efficiencies))
        for test, word in TESTS.items():
            values = [None if line[number] is None else line[number][test] for line in lines]
            values = [value["p_value"] if isinstance(value, Mapping) else value for value in values]
            if any(value is not None for value in values):
                label = f"{word}, {per_cent(efficiency)}"
                found.append(PValues(label, colour, numbers(values), hollow=test == "chi2"))
    return found
