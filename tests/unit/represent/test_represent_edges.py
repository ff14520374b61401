"""Where representations end: the seam of phi, charges of any type, jets of few constituents, no events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fastjet
import h5py
import numpy as np
import pytest
from jet_samples import columns_of, sequence, simulated

from resonaut.events import Events
from resonaut.represent.feature_settings import FeatureSettings
from resonaut.represent.images import jet_images, write_images
from resonaut.represent.jets.correlators import NAMES, correlators
from resonaut.represent.jets.grooming import soft_drop
from resonaut.represent.jets.nsubjettiness import n_subjettiness
from resonaut.represent.jets.recombination import cluster
from resonaut.represent.settings import ImageSettings, RepresentSettings
from resonaut.represent.substructure import substructure

PI = np.float32(np.pi)
BELOW = np.nextafter(PI, np.float32(0))
PLAIN = {"rotate": False, "flip": False, "normalise": "none"}


@pytest.mark.parametrize("phi", [PI, -PI, BELOW, -BELOW, np.float32(np.pi - 5e-7), np.float32(0)])
def test_a_window_of_all_phi_loses_nothing(phi: np.float32) -> None:
    """A float32 of -pi is beyond it: wrapped, it is the last value below pi."""
    one = np.ones(1, np.float32)
    wanted = ImageSettings(centre="none", n_pixels=8, half_width=(np.pi, 2.0), **PLAIN)
    made = jet_images(one, 0 * one, np.array([phi]), np.array([0, 1]), wanted)[0]
    assert made.sum() == 1
    assert np.argwhere(made).tolist() == [[4 if phi == 0 else 0, 4]]


@pytest.mark.parametrize("outside", [-0.5 - 2e-6, 0.5])
def test_edges_of_the_window(outside: float) -> None:
    """The lower edge belongs to the window, the upper one does not."""
    wanted = ImageSettings(centre="none", n_pixels=4, half_width=0.5, **PLAIN)
    for eta, phi in ((outside, 0.0), (0.0, outside)):
        made = jet_images(np.ones(2), np.array([eta, -0.5]), np.array([phi, -0.5]), np.array([0, 2]), wanted)
        np.testing.assert_array_equal(np.argwhere(made[0]), [[0, 0]])


@pytest.mark.parametrize(
    "charge",
    [
        np.array([1, 0, -1], np.int8),
        np.array([1, 0, 1], np.uint8),
        np.array([1, 0, -1], np.int64),
        np.array([256, 0, -512], np.int32),
        np.array([1 / 3, 0, -2 / 3], np.float32),
        np.array([1.0, -0.0, -1.0]),
        np.array([True, False, True]),
    ],
    ids=lambda charge: charge.dtype.name,
)
def test_charges_of_any_type_are_zero_or_not(charge: np.ndarray) -> None:
    columns, offsets = columns_of([[(4.0, 0.0, 0.0), (2.0, 0.1, 0.0), (1.0, 0.0, 0.1)]])
    wanted = ImageSettings(channels=("charged", "neutral"), **PLAIN)
    made = jet_images(columns["pt"], columns["eta"], columns["phi"], offsets, wanted, charge=charge)
    np.testing.assert_allclose(made.sum((2, 3)), [[5.0, 2.0]])
    found = substructure({**columns, "charge": charge}, offsets, FeatureSettings()).columns
    assert found["charged_multiplicity"][0] == 2
    total = np.hypot(6 + np.cos(0.1), np.sin(0.1))
    expected = (charge.astype(float) @ np.sqrt([4.0, 2.0, 1.0])) / np.sqrt(total)
    assert found["charge"][0] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("beta", [1.0, 2.0, 0.5])
def test_values_of_one_two_and_three_particles(beta: float) -> None:
    """An equilateral triangle of side d in rapidity and phi; a pair at d; one particle; three as one."""
    side = 0.3
    height = side * np.sqrt(0.75)
    columns, offsets = columns_of(
        [
            [(10.0, 0.0, 3.1)],
            [(10.0, 0.0, 3.1), (10.0, side, 3.1)],
            [(10.0, 0.0, 3.1), (10.0, side, 3.1), (10.0, side / 2, 3.1 + height - 2 * np.pi)],
            [(10.0, 0.4, 3.1)] * 3,
        ]
    )
    found = correlators(cluster(columns, offsets), NAMES, beta)
    angle = side**beta
    e2, weight = 3 * angle / 9, 1 / 27
    np.testing.assert_allclose(found["c1"], [0, angle / 4, e2, 0], atol=1e-7)
    three = {
        "c2": weight * angle**3 / e2**2,
        "d2": weight * angle**3 / e2**3,
        "m2": weight * angle / e2,
        "n2": weight * angle**2 / e2**2,
    }
    for name, value in three.items():
        np.testing.assert_allclose(found[name], [0, 0, value, 0], rtol=1e-9, err_msg=name)
    # As many axes as particles, or more, leave nothing; winner takes all puts an axis on a particle.
    taus = n_subjettiness(cluster(columns, offsets, "kt", winner_takes_all=True), 4, beta, 0.5, False)
    scaled = (side / 0.5) ** beta
    np.testing.assert_allclose(taus[:, 0], [0, scaled / 2, 2 * scaled / 3, 0], rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(taus[:, 1], [0, 0, scaled / 3, 0], rtol=1e-9, atol=1e-7)
    assert not taus[:, 2:].any()


@pytest.mark.parametrize(("z_cut", "beta"), [(0.05, -1.0), (0.1, -0.5), (0.1, 2.0)])
def test_soft_drop_with_angular_exponents(z_cut: float, beta: float) -> None:
    """Against FastJet; below 0 it tags, and a pair of one direction never passes."""
    columns, offsets = simulated(60)
    theirs = sequence(columns, offsets, fastjet.cambridge_algorithm, 1000.0)
    expected = theirs.exclusive_jets_softdrop_grooming(beta=beta, symmetry_cut=z_cut, R0=0.8)
    ours = soft_drop(cluster(columns, offsets), z_cut, beta, 0.8)
    np.testing.assert_allclose(ours.pt, np.asarray(expected.ptsoftdrop), rtol=1e-5)
    np.testing.assert_allclose(ours.mass, np.asarray(expected.msoftdrop), rtol=1e-5, atol=1e-3)
    if beta < 0:
        pair = soft_drop(cluster(*columns_of([[(60.0, 0.0, 0.2), (40.0, 0.0, 0.2)]])), z_cut, beta, 0.8)
        assert pair.size.tolist() == [1]


def test_a_chunk_of_skipped_files_needs_no_charges(make_store: Callable[..., Path], tmp_path: Path) -> None:
    none = {name: np.zeros(0, np.float32) for name in ("pt", "eta", "phi", "mass")}
    events = {"run": none["pt"].astype(int), "lumi": none["pt"].astype(int), "event": none["pt"].astype(int)}
    events |= {"gen_weight": none["pt"], "mass": none["pt"]}
    source = make_store(tmp_path / "s.h5", Events(events, dict(none), np.zeros(1, int), dict(none)))
    settings = RepresentSettings(images={"channels": ["charged", "neutral"], "n_pixels": 5})
    write_images(source, tmp_path / "i.h5", settings)
    with h5py.File(tmp_path / "i.h5") as file:
        assert file["images"].shape == (0, 2, 2, 5, 5)
        assert file.attrs["n_events"] == 0


@pytest.mark.parametrize("n_jets", [1, 2, 3])
def test_events_need_the_jets_that_are_represented(n_jets: int) -> None:
    """Also where the selection is left out."""
    assert RepresentSettings(n_jets=n_jets).selection.n_jets_min == n_jets
    cuts = {"mass_min": 10.0}
    assert RepresentSettings(n_jets=n_jets, selection=cuts).selection.n_jets_min == n_jets
    assert RepresentSettings(n_jets=1, selection={"n_jets_min": 2}).selection.n_jets_min == 2
