"""Features against closed forms and against an independent soft drop."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut.kinematics import cartesian
from resonaut.represent.features import event_features, write_features
from resonaut.represent.settings import FeatureSettings, RepresentSettings
from resonaut.represent.substructure import n_subjettiness, soft_drop_mass

Rows = list[tuple[float, float, float]]


def columns_of(jets: list[Rows]) -> tuple[dict[str, np.ndarray], np.ndarray]:
    pt, eta, phi = np.array([row for jet in jets for row in jet], float).T
    offsets = np.concatenate([[0], np.cumsum([len(jet) for jet in jets])])
    return {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros_like(pt)}, offsets


def mass_of(momentum: np.ndarray) -> float:
    return float(np.sqrt(max(momentum[3] ** 2 - (momentum[:3] ** 2).sum(), 0)))


def simple_soft_drop(rows: Rows, z_cut: float, beta: float) -> float:
    """Groomed mass by the definition: cluster the closest pair, undo, drop the softer."""

    def place(momentum: np.ndarray) -> tuple[float, float, float]:
        pt = float(np.hypot(momentum[0], momentum[1]))
        rapidity = 0.5 * np.log((momentum[3] + momentum[2]) / (momentum[3] - momentum[2]))
        return pt, float(rapidity), float(np.arctan2(momentum[1], momentum[0]))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        (_, y1, phi1), (_, y2, phi2) = place(a), place(b)
        return float(np.hypot(y1 - y2, abs((phi1 - phi2 + np.pi) % (2 * np.pi) - np.pi)))

    nodes = [(np.array(cartesian(*row)), None) for row in rows]
    while len(nodes) > 1:
        pairs = [
            (distance(a[0], b[0]), i, j) for i, a in enumerate(nodes) for j, b in enumerate(nodes) if i < j
        ]
        _, i, j = min(pairs)
        merged = (nodes[i][0] + nodes[j][0], (nodes[i], nodes[j]))
        nodes = [node for k, node in enumerate(nodes) if k not in (i, j)] + [merged]
    node = nodes[0]
    while node[1] is not None:
        first, second = sorted(node[1], key=lambda child: -place(child[0])[0])
        soft, hard = place(second[0])[0], place(first[0])[0]
        if soft / (soft + hard) > z_cut * distance(first[0], second[0]) ** beta:
            break
        node = first
    return mass_of(node[0])


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize(("z_cut", "beta"), [(0.1, 0.0), (0.3, 0.0), (0.1, 1.0)])
def test_soft_drop_by_its_definition(n: int, z_cut: float, beta: float) -> None:
    """40 constituents are more than the subjets that are looked at first."""
    random = np.random.default_rng(n)
    jets = [
        [
            (p, e, f)
            for p, e, f in zip(random.exponential(20, n) + 1, *random.normal(0, 0.3, (2, n)), strict=True)
        ]
        for _ in range(12)
    ]
    settings = FeatureSettings(soft_drop_z_cut=z_cut, soft_drop_beta=beta)
    expected = [simple_soft_drop(jet, z_cut, beta) for jet in jets]
    np.testing.assert_allclose(soft_drop_mass(*columns_of(jets), settings), expected, rtol=1e-5, atol=1e-4)


def test_soft_drop_deep_inside() -> None:
    """A narrow pair below forty soft particles: more declusterings fail than are looked at first."""
    random = np.random.default_rng(4)
    pair = [(600.0, 0.0, 0.0), (400.0, 0.006, 0.008)]
    halo = [
        (0.5, *(0.1 + 0.02 * k) * np.array([np.cos(a), np.sin(a)]))
        for k, a in enumerate(random.uniform(-3, 3, 40))
    ]
    (mass,) = soft_drop_mass(*columns_of([pair + halo]), FeatureSettings())
    assert mass == pytest.approx(np.sqrt(2 * 600 * 400 * (np.cosh(0.006) - np.cos(0.008))), rel=1e-6)
    assert mass == pytest.approx(simple_soft_drop(pair + halo, 0.1, 0.0), rel=1e-6)


@pytest.mark.parametrize(("z", "kept"), [(0.05, False), (0.099, False), (0.101, True), (0.5, True)])
def test_soft_drop_of_two_particles(z: float, kept: bool) -> None:
    """Two massless particles: m^2 = 2 pT1 pT2 (cosh d_eta - cos d_phi), or nothing is left."""
    first, second = (1000 * (1 - z), 0.1, 3.1), (1000 * z, 0.4, -3.0)
    squared = 2 * first[0] * second[0] * (np.cosh(0.3) - np.cos(6.1))
    (mass,) = soft_drop_mass(*columns_of([[first, second]]), FeatureSettings())
    assert mass == pytest.approx(np.sqrt(squared) if kept else 0.0, rel=1e-6, abs=1e-3)


def test_n_subjettiness_of_two_particles() -> None:
    """One axis on the harder particle (winner takes all): tau_1 = z dR; two axes: tau_2 = 0."""
    z, distance = 0.2, 0.5
    jet = [(800.0, 0.0, 0.0), (200.0, 0.3, 0.4)]
    tau1, tau2, tau3 = n_subjettiness(*columns_of([jet]), FeatureSettings())[0]
    # The one-pass minimisation stops within 2e-4 of the minimum.
    assert tau1 == pytest.approx(z * distance, rel=1e-3)
    assert tau2 == pytest.approx(0, abs=1e-9)
    assert tau3 == pytest.approx(0, abs=1e-9)
    # beta = 2 and R0 = 0.5 as in arXiv:1108.2701, eq. 1.2: z (dR / R0)^2
    squared = FeatureSettings(nsubjettiness_beta=2, radius=0.5)
    axis = n_subjettiness(*columns_of([jet]), squared)[0, 0]
    # One-pass minimisation with beta = 2 moves the axis to the centroid: z (1 - z) (dR / R0)^2.
    assert axis == pytest.approx(z * (1 - z) * (distance / 0.5) ** 2, rel=1e-3)


def test_two_prongs_have_small_tau21() -> None:
    random = np.random.default_rng(1)
    prongs = [
        (50.0, side * 0.4 + random.normal(0, 0.01), random.normal(0, 0.01))
        for side in (-1, 1)
        for _ in range(10)
    ]
    blob = [(50.0, random.normal(0, 0.3), random.normal(0, 0.3)) for _ in range(20)]
    tau = n_subjettiness(*columns_of([prongs, blob]), FeatureSettings())
    assert tau[0, 1] / tau[0, 0] < 0.05
    assert tau[1, 1] / tau[1, 0] > 0.4


jets = st.lists(
    st.tuples(st.floats(1, 300), st.floats(-0.6, 0.6), st.floats(-0.6, 0.6)), min_size=3, max_size=30
)


@given(jets, st.randoms(use_true_random=False), st.floats(-3, 3))
@hypothesis_settings(max_examples=40, deadline=None)
def test_order_and_rotation_change_nothing(jet: Rows, random: object, angle: float) -> None:
    turned = [(pt, eta, phi + angle) for pt, eta, phi in random.sample(jet, len(jet))]
    settings = FeatureSettings()
    tau = n_subjettiness(*columns_of([jet, turned]), settings)
    # tau_1 has one axis and so one minimum; tau_2 may find either of two.
    assert tau[0, 0] == pytest.approx(tau[1, 0], rel=1e-4, abs=1e-6)


def test_file(toy: Path, tmp_path: Path) -> None:
    output = tmp_path / "f.h5"
    write_features(toy, output, RepresentSettings())
    with h5py.File(output) as file:
        jets = {name: item[:] for name, item in file["jets"].items()}
        events = {name: item[:] for name, item in file["events"].items()}
    assert jets["pt"].shape == (300, 2)
    assert (jets["pt"][:, 0] >= jets["pt"][:, 1]).all()
    assert (jets["soft_drop_mass"] <= jets["mass"] * 1.0001 + 1e-3).all()
    assert (jets["tau1"] >= jets["tau2"]).all()
    np.testing.assert_allclose(jets["tau21"], jets["tau2"] / (1e-5 + jets["tau1"]), rtol=1e-5)
    np.testing.assert_allclose(jets["tau32"], jets["tau3"] / (1e-5 + jets["tau2"]), rtol=1e-5)
    mass = jets["mass"]
    rows = np.arange(len(mass))
    light = mass.argmin(axis=1)
    np.testing.assert_array_equal(events["mj1"], mass.min(axis=1))
    np.testing.assert_allclose(events["dmj"], mass.max(axis=1) - mass.min(axis=1), rtol=1e-5, atol=1e-3)
    np.testing.assert_array_equal(events["tau21_j1"], jets["tau21"][rows, light])
    np.testing.assert_array_equal(events["tau21_j2"], jets["tau21"][rows, 1 - light])
    np.testing.assert_allclose(events["mjj"], events["mass"], rtol=1e-6)
    np.testing.assert_allclose(events["mj1_over_mjj"], events["mj1"] / events["mjj"], rtol=1e-5)
    np.testing.assert_allclose(events["dmj_over_mjj"], events["dmj"] / events["mjj"], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        events["delta_eta"], np.abs(np.diff(jets["eta"], axis=1)[:, 0]), rtol=1e-4, atol=1e-6
    )
    assert (jets["multiplicity"] >= 3).all()


def test_mjj_of_two_massless_jets() -> None:
    jets = {
        "pt": np.array([[500.0, 400.0]]),
        "eta": np.array([[0.5, -1.0]]),
        "phi": np.array([[3.0, -0.2]]),
        "mass": np.zeros((1, 2)),
        "tau21": np.array([[0.3, 0.6]]),
    }
    mjj = np.sqrt(2 * 500 * 400 * (np.cosh(1.5) - np.cos(3.2)))
    assert event_features(jets)["mjj"][0] == pytest.approx(mjj, rel=1e-6)
    assert event_features(jets)["delta_eta"][0] == pytest.approx(1.5)


def test_one_jet_has_no_pair(make_events: Callable, make_store: Callable, tmp_path: Path) -> None:
    single = make_events([[np.array([[300.0, 0.1, 0.2], [100.0, 0.2, 0.0]])]])
    store = make_store(tmp_path / "s.h5", single)
    settings = RepresentSettings(n_jets=1, selection={"n_jets_min": 1})
    write_features(store, tmp_path / "f.h5", settings)
    with h5py.File(tmp_path / "f.h5") as file:
        assert "mjj" not in file["events"]
        assert file["jets/pt"].shape == (1, 1)
        assert file["jets/multiplicity"][0, 0] == 2
        assert file["jets/tau3"][0, 0] == 0
