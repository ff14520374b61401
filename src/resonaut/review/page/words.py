"""Numbers as a physicist writes them: values with errors, p-values, significances, counts, times."""

from __future__ import annotations

import math
from html import escape

NOTHING = "–"
_THIN = "\u202f"
"""A narrow space that breaks no line, between groups of three digits and before units."""
_MINUS = "\u2212"


def _known(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def text(value: object) -> str:
    """Any words, safe to stand in HTML; a dash for nothing."""
    return NOTHING if value is None or value == "" else escape(str(value))


def count(value: float | None) -> str:
    """A whole number in groups of three digits."""
    return f"{round(value):,}".replace(",", _THIN) if _known(value) else NOTHING


def number(value: float | None, digits: int = 3) -> str:
    """A number with so many significant digits, powers of ten where it is far from 1."""
    if not _known(value):
        return NOTHING
    if value == 0:
        return "0"
    if not 1e-3 <= abs(value) < 1e6:
        return _power(value, digits)
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return _fixed(value, places)


def limit(value: float | None) -> str:
    """A number that somebody chose: as it was written."""
    return f"{value:g}" if _known(value) else NOTHING


def _fixed(value: float, places: int) -> str:
    # Zero plus: what is rounded to zero has no sign.
    return f"{round(value, places) + 0.0:,.{places}f}".replace(",", _THIN).replace("-", _MINUS)


def _power(value: float, digits: int) -> str:
    mantissa, exponent = f"{value:.{max(digits - 1, 0)}e}".split("e")
    return f"{mantissa.replace('-', _MINUS)} × 10<sup>{str(int(exponent)).replace('-', _MINUS)}</sup>"


def _places(error: float, digits: int = 2) -> int:
    """Decimal places at which an error has so many significant digits."""
    return max(0, digits - 1 - math.floor(math.log10(error)))


def measured(value: float | None, error: float | None, digits: int = 2) -> str:
    """A value and its error, both to the place where the error has `digits` significant digits."""
    if not _known(value):
        return NOTHING
    if not _known(error) or error <= 0:
        return number(value)
    if not 1e-4 <= error < 1e6:
        return f"{number(value)} ± {number(error, digits)}"
    places = _places(error, digits)
    return f"{_fixed(value, places)} ± {_fixed(error, places)}"


def between(value: float | None, low: float | None, high: float | None) -> str:
    """A value with the distances to the ends of its interval, above and below."""
    if not _known(value) or not _known(low) or not _known(high):
        return number(value)
    ends = [abs(high - value), abs(value - low)]
    least = min((end for end in ends if end > 0), default=0.0)
    if not 1e-4 <= least < 1e6:
        return number(value)
    places = _places(least)
    up, down = (_fixed(end, places) for end in ends)
    return f'{_fixed(value, places)} <span class="ends"><span>+{up}</span><span>{_MINUS}{down}</span></span>'


def p_value(value: float | None) -> str:
    """A probability."""
    return number(value, 2)


def sigma(value: float | None, places: int = 2) -> str:
    """A significance in standard deviations."""
    return f"{_fixed(value, places)}{_THIN}σ" if _known(value) else NOTHING


def percent(share: float | None) -> str:
    """A fraction as per cent."""
    return f"{100 * share:.3g}{_THIN}%" if _known(share) else NOTHING


def window(low: float, high: float) -> str:
    """A window of the resonant mass, GeV."""
    return f"{low:g}–{high:g}{_THIN}GeV"


def seconds(value: float | None) -> str:
    """A duration."""
    if not _known(value):
        return NOTHING
    if value < 60:
        return f"{value:.1f}{_THIN}s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{_THIN}h {minutes:02d}{_THIN}min" if hours else f"{minutes}{_THIN}min {rest:02d}{_THIN}s"
