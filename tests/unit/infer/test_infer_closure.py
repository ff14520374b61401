"""The workspace's numbers where p-values are too small for a double."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resonaut.infer import workspaces
from resonaut.infer.closure import FromWorkspace, compare, evaluate
from resonaut.scan import Window


def _counting(observed: float, background: float) -> FromWorkspace:
    window = Window(low=3300, high=3700)
    content = workspaces.workspace(window, 0.1, observed, background, 1e-4, 1.2 * (observed - background))
    guess = FromWorkspace(0.5, 0.0, observed - background, 3 * math.sqrt(background))
    return evaluate(content, guess, 0.95)


@pytest.mark.parametrize("observed", [1200.0, 2000.0, 4000.0])
def test_significance_of_a_known_background_is_that_of_counting(observed: float) -> None:
    """sqrt(2 (n ln(n / b) - n + b)), arXiv:1007.1727, eq. 97; 70 standard deviations have no p-value."""
    found = _counting(observed, 1000.0)
    expected = math.sqrt(2 * (observed * math.log(observed / 1000) - observed + 1000))
    # The background's error of 0.01 % takes a part of the excess.
    assert found.z_local == pytest.approx(expected, rel=0.01)
    assert math.isfinite(found.p_value)
    difference = compare(found, found, 0.05)
    assert difference["passes"]
    assert np.isfinite(list(difference["relative_differences"].values())).all()
