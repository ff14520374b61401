"""Jet images: sums, symmetries, and pixel by pixel against numpy.histogram2d."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut.represent.images import aligned, jet_images
from resonaut.represent.settings import ImageSettings

Jet = list[tuple[float, float, float]]
constituent = st.tuples(st.floats(1, 300), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
jets = st.lists(constituent, min_size=1, max_size=40)


def image(jet: Jet | np.ndarray, **settings: object) -> np.ndarray:
    pt, eta, phi = np.asarray(jet, float).T
    return jet_images(pt, eta, phi, np.array([0, len(pt)]), ImageSettings(**settings))[0]


def coordinates(jet: Jet | np.ndarray, rotate: bool = True, flip: bool = True) -> np.ndarray:
    pt, eta, phi = np.asarray(jet, float).T
    return np.column_stack(aligned(pt, eta, phi, np.array([0, len(pt)]), rotate, flip))


def spray(seed: int, n: int = 30) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack(
        [random.exponential(20, n) + 1, random.normal(0, 0.25, n), random.normal(0, 0.12, n)]
    )


def wrap(phi: np.ndarray) -> np.ndarray:
    return (phi + np.pi) % (2 * np.pi) - np.pi


@given(jets)
@hypothesis_settings(deadline=None)
def test_pixels_sum_to_one_and_to_the_pt(jet: Jet) -> None:
    assert image(jet).sum() == pytest.approx(1, abs=1e-5)
    assert image(jet, normalise=False).sum() == pytest.approx(sum(row[0] for row in jet), rel=1e-5)
    assert (image(jet) >= 0).all()


@given(jets)
@hypothesis_settings(deadline=None)
def test_the_centroid_is_at_the_centre(jet: Jet) -> None:
    """Within half a pixel, which is what pixelation moves it by at most."""
    centres = (np.arange(40) - 19.5) / 20
    made = image(jet).astype(float)
    assert abs(made.sum(0) @ centres) <= 0.025 + 1e-6
    assert abs(made.sum(1) @ centres) <= 0.025 + 1e-6
    pt = np.array([row[0] for row in jet])
    np.testing.assert_allclose(pt @ coordinates(jet) / pt.sum(), 0, atol=1e-9)


@given(jets, st.floats(-3, 3), st.floats(-2, 2), st.randoms(use_true_random=False))
@hypothesis_settings(deadline=None)
def test_place_and_order_change_nothing(jet: Jet, angle: float, shift: float, random: object) -> None:
    moved = np.array(random.sample(jet, len(jet)))
    moved[:, 1] += shift
    moved[:, 2] = wrap(moved[:, 2] + angle)
    before, after = (np.sort(coordinates(rows, rotate=False, flip=False), axis=0) for rows in (jet, moved))
    np.testing.assert_allclose(before, after, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("angle", [0.3, 1.0, np.pi / 2, 2.5, -1.2])
def test_turning_the_jet_about_its_axis_changes_nothing(seed: int, angle: float) -> None:
    jet = spray(seed)
    turned = jet.copy()
    turned[:, 1] = np.cos(angle) * jet[:, 1] - np.sin(angle) * jet[:, 2]
    turned[:, 2] = np.sin(angle) * jet[:, 1] + np.cos(angle) * jet[:, 2]
    np.testing.assert_allclose(coordinates(jet), coordinates(turned), atol=1e-9)
    # Pixels differ only where rounding moves a constituent across an edge.
    assert np.abs(image(jet) - image(turned)).sum() < 1e-3


@pytest.mark.parametrize("mirror", [(-1, 1), (1, -1), (-1, -1)])
def test_mirrored_jets_have_one_image(mirror: tuple[int, int]) -> None:
    jet = spray(5)
    np.testing.assert_allclose(coordinates(jet * [1, *mirror]), coordinates(jet), atol=1e-9)


def test_principal_axis_is_vertical_and_the_heavier_side_is_up_and_right() -> None:
    for seed in range(10):
        jet = spray(seed)
        x, y = coordinates(jet).T
        weight = jet[:, 0]
        assert weight @ (y * y) >= weight @ (x * x)
        assert weight @ (x * y) == pytest.approx(0, abs=1e-9)
        assert weight @ np.sign(y) >= 0
        assert weight @ np.sign(x) >= 0


def test_pixel_by_pixel() -> None:
    """Rows count along phi, columns along eta; numpy.histogram2d agrees."""
    jet = spray(2)
    settings = {"rotate": False, "flip": False, "normalise": False, "n_pixels": 16, "half_width": 0.8}
    pt = jet[:, 0]
    eta, phi = jet[:, 1] - pt @ jet[:, 1] / pt.sum(), jet[:, 2] - pt @ jet[:, 2] / pt.sum()
    edges = np.linspace(-0.8, 0.8, 17)
    expected, _, _ = np.histogram2d(phi, eta, bins=(edges, edges), weights=pt)
    np.testing.assert_allclose(image(jet, **settings), expected, rtol=1e-5)


def test_what_is_outside_is_lost() -> None:
    jet = [(100.0, 0.0, 0.0), (100.0, 0.3, 0.0), (1.0, 2.0, 0.0), (1.0, -2.0, 0.0), (1.0, 0.0, 2.0)]
    made = image(jet, normalise=False, rotate=False)
    assert made.sum() == pytest.approx(200)
    assert image(jet).sum() == pytest.approx(1, abs=1e-6)


def test_eta_or_phi_of_zero_and_the_seam_of_phi() -> None:
    jet = [(100.0, 0.0, 0.0), (50.0, 0.0, 0.1), (50.0, 0.1, 0.0)]
    assert image(jet, normalise=False).sum() == pytest.approx(200)
    assert np.count_nonzero(image(jet)) == 3
    seam = [(pt, eta, float(wrap(np.array(phi + np.pi)))) for pt, eta, phi in jet]
    np.testing.assert_array_equal(image(seam), image(jet))


def test_blocks_change_nothing() -> None:
    """1500 jets are more than one block; every jet comes out as it does alone."""
    rows = [spray(seed, n=1 + seed % 50) for seed in range(1500)]
    offsets = np.concatenate([[0], np.cumsum([len(jet) for jet in rows])])
    pt, eta, phi = np.concatenate(rows).T
    made = jet_images(pt, eta, phi, offsets, ImageSettings())
    for index in (0, 1, 511, 512, 513, 1023, 1024, 1499):
        np.testing.assert_allclose(made[index], image(rows[index]), atol=1e-6)
    np.testing.assert_allclose(made.sum((1, 2)), 1, atol=1e-5)


def test_empty_and_single() -> None:
    empty = jet_images(np.zeros(0), np.zeros(0), np.zeros(0), np.array([0, 0]), ImageSettings())
    assert empty.shape == (1, 40, 40)
    assert not empty.any()
    single = image([(10.0, 1.0, 2.0)])
    assert np.count_nonzero(single) == 1
    assert single[20, 20] == 1
