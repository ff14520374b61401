"""The workspace's numbers where p-values are too small for a double."""

from __future__ import annotations

import math

import numpy as np
import pytest

from resonaut.infer import workspaces
from resonaut.infer.closure import FromWorkspace, compare, evaluate
from resonaut.infer.workspaces import Channel
from resonaut.stats.nuisances import NONE
from resonaut.stats.signals import Signal


def _counting(observed: float, background: float) -> FromWorkspace:
    channel = Channel(
        "window", np.array([observed]), np.array([background]), log_error=1e-4, signal=Signal(np.ones(1))
    )
    content = workspaces.workspace([channel], 1.2 * (observed - background), NONE)
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
