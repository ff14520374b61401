"""Between one standard deviation down and up: HistFactory's interpolations `code4` and `code4p`, as in pyhf.

Both are polynomials inside (-1, 1) and go on with what they are made for outside, twice differentiable
(CERN-OPEN-2012-016, section 4.1; pyhf, doi:10.21105/joss.02823).
"""

from __future__ import annotations

import numpy as np

_MATRIX = np.array(
    [
        [sign**power * np.prod(range(power - order + 1, power + 1)) * sign**-order for power in range(1, 7)]
        for order in range(3)
        for sign in (1.0, -1.0)
    ]
)
"""Value, first and second derivative of x ... x^6 at 1 and at -1."""


def shape(
    x: np.ndarray, nominal: np.ndarray, up: np.ndarray, down: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What a template changes by, and the derivative: straight lines outside of (-1, 1), `code4p`.

    Args:
        x: (n,) standard deviations.
        nominal, up, down: (n_bins,) templates at 0, 1 and -1.

    Returns:
        Two arrays (n, n_bins).
    """
    x = np.asarray(x, float)[:, None]
    above, below = up - nominal, nominal - down
    even, odd = (above - below) / 16, (above + below) / 2
    inner = x * odd + x**2 * even * (15 + x**2 * (3 * x**2 - 10))
    slope = odd + x * even * (30 + x**2 * (18 * x**2 - 40))
    outer_slope = np.where(x > 0, above, below)
    inside = np.abs(x) <= 1
    return np.where(inside, inner, x * outer_slope), np.where(inside, slope, outer_slope)


def factor(x: np.ndarray, high: float, low: float) -> tuple[np.ndarray, np.ndarray]:
    """A factor on the rate, and its derivative: exponentials outside of (-1, 1), `code4`.

    Args:
        x: (n,) standard deviations.
        high, low: factors at 1 and -1, positive.

    Returns:
        Two arrays (n,).
    """
    x = np.asarray(x, float)
    logs = np.log([high, low])
    values = np.array([high, low])
    # At -1 the exponential is low^(-x): its derivative has the opposite sign.
    wanted = np.concatenate([values - 1, values * logs * (1, -1), values * logs**2])
    powers = np.arange(1, 7)
    coefficients = np.linalg.solve(_MATRIX, wanted)
    inner = 1 + x[:, None] ** powers @ coefficients
    slope = x[:, None] ** (powers - 1) @ (coefficients * powers)
    rate = np.where(x > 0, logs[0], -logs[1])
    outer = np.exp(x * rate)
    inside = np.abs(x) <= 1
    return np.where(inside, inner, outer), np.where(inside, slope, rate * outer)
