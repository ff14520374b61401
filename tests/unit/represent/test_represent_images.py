"""Jet images: sums, symmetries, and pixel by pixel against numpy.histogram2d."""

from __future__ import annotations

import json
import typing
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut.errors import ConfigError, MissingBranchError
from resonaut.represent import image_kernel
from resonaut.represent.images import aligned, jet_images, write_images
from resonaut.represent.settings import Channel, ImageSettings, RepresentSettings
from resonaut.settings import validate

Jet = list[tuple[float, float, float]]
constituent = st.tuples(st.floats(1, 300), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4))
jets = st.lists(constituent, min_size=1, max_size=40)


def image(
    jet: Jet | np.ndarray,
    charge: np.ndarray | None = None,
    axis: tuple[float, float] | None = None,
    **settings: object,
) -> np.ndarray:
    pt, eta, phi = np.asarray(jet, float).T
    axes = None if axis is None else np.array(axis)[:, None]
    wanted = ImageSettings(**settings)
    return jet_images(pt, eta, phi, np.array([0, len(pt)]), wanted, charge=charge, axes=axes)[0]


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


# -- channels ------------------------------------------------------------------------------------------------


def test_codes_of_the_kernel_are_the_words_of_the_settings() -> None:
    fields = ImageSettings.model_fields
    assert typing.get_args(Channel) == image_kernel.CHANNELS
    assert set(typing.get_args(fields["centre"].annotation)) == {*image_kernel.CENTRES, "subjet"}
    assert typing.get_args(fields["transform"].annotation) == image_kernel.TRANSFORMS
    assert set(typing.get_args(fields["normalise"].annotation)) == set(image_kernel.NORMS)


@given(jets, st.integers(0, 2**40 - 1), st.sampled_from(["none", "sum", "max", "l2"]))
@hypothesis_settings(deadline=None)
def test_charged_and_neutral_add_up_to_all(jet: Jet, bits: int, normalise: str) -> None:
    charge = np.array([(bits >> row & 1) * (-1) ** row for row in range(len(jet))], np.int8)
    every = image(jet, charge, channels=("pt", "charged", "neutral", "multiplicity"), normalise=normalise)
    np.testing.assert_allclose(every[1] + every[2], every[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(every[0], image(jet, normalise=normalise))
    # Divided by the norm of all pt also where that is not asked for.
    np.testing.assert_array_equal(every[1], image(jet, charge, channels=("charged",), normalise=normalise))
    np.testing.assert_array_equal(every[3], image(jet, channels=("multiplicity",), normalise=normalise))
    if normalise == "none":
        pt = np.array([row[0] for row in jet])
        assert every.sum((1, 2))[1:] == pytest.approx(
            [pt[charge != 0].sum(), pt[charge == 0].sum(), len(jet)]
        )


def test_channels_pixel_by_pixel() -> None:
    jet, charge = spray(4), np.arange(30) % 3 - 1
    plain = {"rotate": False, "flip": False, "normalise": "none"}
    made = image(jet, charge, channels=("multiplicity", "neutral", "charged"), **plain)
    for own, weights in zip(
        made, (jet[:, 0] ** 0, jet[:, 0] * (charge == 0), jet[:, 0] * (charge != 0)), strict=True
    ):
        np.testing.assert_allclose(own, histogram(jet, weights), rtol=1e-5)


def histogram(
    jet: np.ndarray, weights: np.ndarray, shape=(40, 40), half=(1.0, 1.0), origin=None
) -> np.ndarray:
    """Rows along phi, columns along eta, around the centroid or an origin (eta, phi), by numpy."""
    pt = jet[:, 0]
    eta_0, phi_0 = (pt @ jet[:, 1] / pt.sum(), pt @ jet[:, 2] / pt.sum()) if origin is None else origin
    edges = [np.linspace(-h, h, n + 1) for h, n in zip(half, shape, strict=True)]
    return np.histogram2d(jet[:, 2] - phi_0, jet[:, 1] - eta_0, bins=edges, weights=weights)[0]


def test_rows_along_phi_and_columns_along_eta_with_grids_of_their_own() -> None:
    jet = spray(6)
    made = image(jet, n_pixels=(12, 30), half_width=(0.3, 0.9), rotate=False, flip=False, normalise="none")
    assert made.shape == (12, 30)
    np.testing.assert_allclose(made, histogram(jet, jet[:, 0], (12, 30), (0.3, 0.9)), rtol=1e-5)
    assert ImageSettings(n_pixels=(20, 20), half_width=(0.5, 0.5)) == ImageSettings(
        n_pixels=20, half_width=0.5
    )


def test_centres() -> None:
    jet = spray(7)[::-1]
    plain = {"rotate": False, "flip": False, "normalise": "none"}
    hardest = jet[np.argmax(jet[:, 0])]
    for centre, axis, origin in (
        ("axis", (0.21, -0.13), (0.21, -0.13)),
        ("leading", None, hardest[1:]),
        ("none", None, (0, 0)),
    ):
        made = image(jet, axis=axis, centre=centre, **plain)
        np.testing.assert_allclose(made, histogram(jet, jet[:, 0], origin=origin), rtol=1e-5, err_msg=centre)
    assert image(jet, centre="leading", **plain)[20, 20] > 0.999 * hardest[0]
    # The hardest constituent is alone; two others in one subjet of R = 0.3 have more pt together.
    jet = np.array([[50.0, 0.5, 0.4], [40.0, -0.5, -3.1], [20.0, -0.4, 3.1], [1.0, 0.0, 0.0]])
    made = image(jet, centre="subjet", half_width=0.3, **plain)
    assert made.sum() == pytest.approx(60)
    assert np.flatnonzero(made.sum(0)).tolist() == [17, 24]  # 0.033 and 0.067 from the subjet in eta
    assert image(jet, centre="subjet", subjet_radius=0.05, half_width=0.3, **plain)[20, 20] == 50
    assert image(jet[:0], centre="subjet").sum() == 0
    with pytest.raises(MissingBranchError, match="need eta and phi of the jets"):
        image(jet, centre="axis")


@pytest.mark.parametrize(
    ("transform", "function"), [("linear", np.abs), ("sqrt", np.sqrt), ("log", np.log1p)]
)
def test_transforms_and_norms(transform: str, function: np.ufunc) -> None:
    jet = spray(8)
    raw = image(jet, transform=transform, normalise="none")
    np.testing.assert_allclose(raw, function(image(jet, normalise="none").astype(float)), rtol=1e-5)
    for normalise, norm in (("sum", raw.sum()), ("max", raw.max()), ("l2", np.sqrt((raw**2).sum()))):
        made = image(jet, transform=transform, normalise=normalise)
        np.testing.assert_allclose(made, raw / norm, rtol=1e-5, err_msg=normalise)


def test_true_and_false_are_norms() -> None:
    assert ImageSettings(normalise=True).normalise == "sum" == ImageSettings().normalise
    assert ImageSettings(normalise=False).normalise == "none"


# -- invariants of the whole image ---------------------------------------------------------------------------


@given(jets, st.floats(-3, 3), st.floats(-2, 2), st.randoms(use_true_random=False), st.floats(1e-3, 1e3))
@hypothesis_settings(deadline=None)
def test_turned_about_the_beam_boosted_shuffled_and_scaled(
    jet: Jet, angle: float, shift: float, random: object, scale: float
) -> None:
    """A boost along the beam shifts the pseudorapidity of massless constituents."""
    moved = np.array(random.sample(jet, len(jet))) * [scale, 1, 1] + [0, shift, angle]
    moved[:, 2] = wrap(moved[:, 2])
    plain = {"rotate": False, "n_pixels": 11}
    np.testing.assert_allclose(image(moved, **plain), image(jet, **plain), atol=1e-5)
    np.testing.assert_allclose(
        image(moved, normalise="none", **plain), scale * image(jet, normalise="none", **plain), rtol=1e-5
    )


@pytest.mark.parametrize("seed", range(40))
def test_rounding_of_a_store_moves_no_constituent_off_the_axis(seed: int) -> None:
    """Three on one line are vertical, on the edge between two columns: they all fall into one of these."""
    random = np.random.default_rng(seed)
    angle, place = random.uniform(-np.pi, np.pi), random.uniform([-2, -np.pi], [2, np.pi])
    along = np.array([-0.3, 0.1, 0.42])[:, None] * [np.cos(angle), np.sin(angle)]
    jet = np.column_stack([random.permutation([90.0, 50.0, 20.0]), along + place])
    jet[:, 2] = wrap(jet[:, 2])
    pt, eta, phi = jet.astype(np.float32).T
    made = jet_images(pt, eta, phi, np.array([0, 3]), ImageSettings())[0]
    assert np.flatnonzero(made.sum(0)).tolist() == [20]
    assert np.abs(made - image(jet)).sum() < 1e-4


@pytest.mark.parametrize("normalise", ["none", "sum", "max", "l2"])
@pytest.mark.parametrize("centre", ["centroid", "leading", "subjet", "none"])
def test_jets_of_one_constituent_and_without_pt(normalise: str, centre: str) -> None:
    wanted = {"normalise": normalise, "channels": ("pt", "multiplicity"), "centre": centre, "half_width": 4.0}
    single = image([(7.0, 0.3, -np.pi)], **wanted)
    assert single.sum((1, 2)).tolist() == [7.0 if normalise == "none" else 1.0, 1.0]
    no_pt = image([(0.0, 0.3, 3.1), (0.0, 0.1, -3.1)], **wanted)
    assert not no_pt.any()
    with_ghost = image([(7.0, 0.3, -np.pi), (0.0, 0.4, 3.0)], **wanted)
    np.testing.assert_array_equal(with_ghost, single)


# -- files ---------------------------------------------------------------------------------------------------


def test_files_say_their_channels(toy: Path, tmp_path: Path) -> None:
    channels = ["charged", "neutral", "multiplicity"]
    wanted = {"n_pixels": (10, 20), "channels": channels, "centre": "axis"}
    write_images(toy, tmp_path / "three.h5", RepresentSettings(images=wanted))
    write_images(toy, tmp_path / "one.h5", RepresentSettings())
    with h5py.File(tmp_path / "three.h5") as file:
        assert file["images"].shape == (300, 2, 3, 10, 20)
        assert json.loads(file.attrs["channels"]) == channels
        assert json.loads(file.attrs["settings"])["images"]["n_pixels"] == [10, 20]
        sums = file["images"][:].sum((3, 4))
        np.testing.assert_allclose(sums[:, :, 0] + sums[:, :, 1], 1, atol=1e-5)
        np.testing.assert_allclose(sums[:, :, 2], 1, atol=1e-5)
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["images"].shape == (300, 2, 40, 40)
        assert json.loads(file.attrs["channels"]) == ["pt"]


def test_a_store_without_charges(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    events = make_events([[np.array([[300.0, 0.5, 3.1], [200.0, 0.0, -3.1]])]])
    del events.constituents["charge"]
    store = make_store(tmp_path / "s.h5", events)
    wanted = {"n_jets": 1, "selection": {"n_jets_min": 1}}
    with pytest.raises(
        MissingBranchError, match=r"s\.h5: no constituents/charge, .*images\.channels \[charged\]"
    ):
        write_images(store, tmp_path / "i.h5", RepresentSettings(**wanted, images={"channels": ["charged"]}))
    assert not (tmp_path / "i.h5").exists()
    write_images(store, tmp_path / "i.h5", RepresentSettings(**wanted, images={"channels": ["multiplicity"]}))
    with h5py.File(tmp_path / "i.h5") as file:
        assert file["images"][:].sum() == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"channels": ["pt", "pt"]}, "images.channels: each channel may be named once"),
        ({"channels": ["charge"]}, r"images.channels.0: Input should be 'pt', 'charged', 'neutral' or"),
        ({"channels": []}, "images.channels: Tuple should have at least 1 item"),
        ({"n_pixels": [40, 2]}, "images.n_pixels.*greater than or equal to 4"),
        ({"half_width": [1.0, -1.0]}, "images.half_width.*greater than 0"),
        ({"normalise": "l1"}, "images.normalise: Input should be 'sum', 'max', 'l2' or 'none'"),
    ],
)
def test_wrong_settings(wrong: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(RepresentSettings, {"images": wrong}, "represent")
