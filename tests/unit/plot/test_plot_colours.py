"""Colours that readers with a colour vision deficiency can tell apart.

Deficiencies are simulated as in Machado, Oliveira and Fernandes, IEEE TVCG 15 (2009) 1291 (severity 1), in
linear RGB; differences are Euclidean in CIE L*a*b* (D65): about 2 can just be seen, 10 is seen at a glance.
"""

from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from resonaut.plot.limits import ONE_SIGMA_BAND, TWO_SIGMA_BAND
from resonaut.plot.style import PALETTE_6, PALETTE_10
from resonaut.review.page.style import FAIL, NONE, PASS

VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ @ np.ones(3)


def linear(colour):
    value = np.array(to_rgb(colour))
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(colour, vision):
    ratio = TO_XYZ @ np.clip(VISION[vision] @ linear(colour), 0, 1) / WHITE
    f = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio * (29 / 6) ** 2 / 3 + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(one, other, vision):
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


def contrast_with_white(colour):
    """WCAG 2.1, relative luminance."""
    return 1.05 / (float(TO_XYZ[1] @ linear(colour)) + 0.05)


def test_the_measure_knows_its_ends_and_a_pair_that_is_confused():
    np.testing.assert_allclose(lab("white", "normal"), [100, 0, 0], atol=1e-3)
    assert distance("white", "black", "deuteranopia") == pytest.approx(100, abs=1e-3)
    assert distance("#a05a2c", "#5a7a20", "deuteranopia") < distance("#a05a2c", "#5a7a20", "normal") / 2


@pytest.mark.parametrize("vision", VISION)
def test_curves_are_told_apart(vision):
    least = min(distance(*pair, vision) for pair in combinations(PALETTE_6, 2))
    assert least > 20
    assert min(distance(*pair, vision) for pair in combinations(PALETTE_10, 2)) > 15


@pytest.mark.parametrize("vision", VISION)
def test_bands_of_limits_are_told_apart(vision):
    assert distance(ONE_SIGMA_BAND, TWO_SIGMA_BAND, vision) > 25
    assert distance(TWO_SIGMA_BAND, "white", vision) > 25


@pytest.mark.parametrize("vision", VISION)
def test_lights_are_told_apart_and_can_be_read(vision):
    for one, other in combinations((PASS, FAIL, NONE), 2):
        assert distance(one, other, vision) > 10
    assert min(map(contrast_with_white, (PASS, FAIL, NONE))) > 4.5
