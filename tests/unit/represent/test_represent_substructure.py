"""Substructure against closed forms, definitions and invariances."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jet_samples import Jets, columns_of, simulated

from resonaut import compiled, ragged
from resonaut.kinematics import cartesian, from_cartesian
from resonaut.represent import substructure as module
from resonaut.represent.feature_settings import FeatureSettings
from resonaut.represent.jets import grooming
from resonaut.represent.jets.correlators import correlators
from resonaut.represent.jets.nsubjettiness import n_subjettiness
from resonaut.represent.jets.recombination import cluster
from resonaut.represent.substructure import substructure

EVERYTHING = FeatureSettings(
    groomers={
        "soft_drop": {"beta": 0.5},
        "mmdt": {"y_cut": 0.05, "mu": 0.8},
        "trimming": True,
        "pruning": True,
    },
    nsubjettiness={"n_max": 4},
    correlators={"names": ["c1", "c2", "d2", "m2", "n2"]},
    lund={"kt_min": 0.5},
)
Rows = list[tuple[float, float, float]]


def values_of(jets: Jets, settings: FeatureSettings = EVERYTHING) -> dict[str, np.ndarray]:
    return substructure(*jets, settings).columns


def pair_of(z: float, deta: float, dphi: float, pt: float = 1000.0) -> Jets:
    """Two massless particles, the softer with a fraction z of the scalar sum of pt."""
    return columns_of([[(pt * (1 - z), 0.1, 3.1), (pt * z, 0.1 + deta, 3.1 + dphi - 2 * np.pi)]])


def simple_soft_drop(rows: Rows, z_cut: float, beta: float) -> float:
    """Groomed mass by the definition: cluster the closest pair, undo, drop the softer."""

    def place(momentum: np.ndarray) -> tuple[float, float, float]:
        rapidity = 0.5 * np.log((momentum[3] + momentum[2]) / (momentum[3] - momentum[2]))
        return float(np.hypot(*momentum[:2])), float(rapidity), float(np.arctan2(momentum[1], momentum[0]))

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        (_, y1, phi1), (_, y2, phi2) = place(a), place(b)
        return float(np.hypot(y1 - y2, abs((phi1 - phi2 + np.pi) % (2 * np.pi) - np.pi)))

    nodes = [(np.array(cartesian(*row)), None) for row in rows]
    while len(nodes) > 1:
        _, i, j = min(
            (distance(nodes[i][0], nodes[j][0]), i, j) for i, j in combinations(range(len(nodes)), 2)
        )
        merged = (nodes[i][0] + nodes[j][0], (nodes[i], nodes[j]))
        nodes = [node for k, node in enumerate(nodes) if k not in (i, j)] + [merged]
    node = nodes[0]
    while node[1] is not None:
        first, second = sorted(node[1], key=lambda child: -place(child[0])[0])
        soft, hard = place(second[0])[0], place(first[0])[0]
        if soft / (soft + hard) > z_cut * distance(first[0], second[0]) ** beta:
            break
        node = first
    return float(np.sqrt(max(node[0][3] ** 2 - (node[0][:3] ** 2).sum(), 0)))


@pytest.mark.parametrize("n", [1, 2, 7, 40])
@pytest.mark.parametrize(("z_cut", "beta"), [(0.1, 0.0), (0.3, 0.0), (0.1, 1.0)])
def test_soft_drop_by_its_definition(n: int, z_cut: float, beta: float) -> None:
    random = np.random.default_rng(n)
    jets = [
        list(zip(random.exponential(20, n) + 1, *random.normal(0, 0.3, (2, n)), strict=True))
        for _ in range(6)
    ]
    ours = grooming.soft_drop(cluster(*columns_of(jets)), z_cut, beta, 1.0).mass
    np.testing.assert_allclose(
        ours, [simple_soft_drop(jet, z_cut, beta) for jet in jets], rtol=1e-6, atol=1e-4
    )


def test_soft_drop_deep_inside() -> None:
    """A narrow pair below forty soft particles: forty declusterings fail."""
    random = np.random.default_rng(4)
    pair = [(600.0, 0.0, 0.0), (400.0, 0.006, 0.008)]
    halo = [
        (0.5, *(0.1 + 0.02 * k) * np.array([np.cos(a), np.sin(a)]))
        for k, a in enumerate(random.uniform(-3, 3, 40))
    ]
    groomed = grooming.soft_drop(cluster(*columns_of([pair + halo])), 0.1, 0.0, 1.0)
    assert groomed.mass[0] == pytest.approx(
        np.sqrt(2 * 600 * 400 * (np.cosh(0.006) - np.cos(0.008))), rel=1e-6
    )
    assert groomed.size[0] == 2
    assert groomed.rg[0] == pytest.approx(0.01)


@pytest.mark.parametrize(("z", "kept"), [(0.05, False), (0.099, False), (0.101, True), (0.499, True)])
def test_groomers_of_two_particles(z: float, kept: bool) -> None:
    """m^2 = 2 pT1 pT2 (cosh d_eta - cos d_phi), or nothing is left; so for soft drop and pruning."""
    settings = FeatureSettings(groomers={"trimming": {"pt_fraction": 0.1}, "pruning": {}})
    found = {name: float(values[0]) for name, values in values_of(pair_of(z, 0.03, 0.004), settings).items()}
    mass = np.sqrt(2 * z * (1 - z) * 1e6 * (np.cosh(0.03) - np.cos(0.004)))
    for groomer in ("soft_drop", "pruning"):
        assert found[f"{groomer}_mass"] == pytest.approx(mass if kept else 0.0, rel=1e-6, abs=1e-3)
        assert found[f"{groomer}_multiplicity"] == (2 if kept else 1)
    assert found["soft_drop_zg"] == pytest.approx(z if kept else 0.0)
    assert found["soft_drop_rg"] == pytest.approx(np.hypot(0.03, 0.004) if kept else 0.0)
    assert found["soft_drop_pt"] == pytest.approx(1000.0 if kept else 1000 * (1 - z), rel=1e-4)
    # Both are in one subjet of R = 0.2.
    assert found["trimming_multiplicity"] == 2
    assert found["trimming_mass"] == pytest.approx(mass, rel=1e-6)


@pytest.mark.parametrize(("y_cut", "mu", "kept"), [(0.2, 1, True), (0.3, 1, False), (0.2, 0.5, True)])
def test_modified_mass_drop_of_two_particles(y_cut: float, mu: float, kept: bool) -> None:
    """Massless, near each other: m^2 = pt1 pt2 dR^2, and so y = pt2 / pt1 = 0.25."""
    tree = cluster(*pair_of(0.2, 0.01, 0.02))
    assert grooming.modified_mass_drop(tree, y_cut, mu).size[0] == (2 if kept else 1)


def test_trimming_by_hand() -> None:
    """Subjets of 900, 60 and 40 GeV: 5 % of the jet's pt keeps the first two."""
    jet = [(900.0, 0.0, 0.0), (30.0, 0.5, 0.0), (30.0, 0.51, 0.01), (40.0, -0.5, 0.0)]
    columns, offsets = columns_of([jet])
    trimmed = grooming.trimming(columns, offsets, 0.2, 0.05)
    momenta = np.stack(cartesian(columns["pt"], columns["eta"], columns["phi"]))
    np.testing.assert_allclose(trimmed.momentum[0], momenta[:, :3].sum(axis=1), rtol=1e-12)
    assert trimmed.size[0] == 3


def test_n_subjettiness_of_two_particles() -> None:
    """One axis on the harder particle (winner takes all): tau_1 = z dR; two axes: tau_2 = 0."""
    z, distance = 0.2, 0.5
    jet = columns_of([[(800.0, 0.0, 0.0), (200.0, 0.3, 0.4)]])
    found = values_of(jet)
    # The one-pass minimisation stops within 2e-4 of the minimum.
    assert found["tau1"][0] == pytest.approx(z * distance, rel=1e-3)
    assert found["tau2"][0] == found["tau3"][0] == found["tau4"][0] == 0
    exact = values_of(jet, FeatureSettings(nsubjettiness={"axes": "wta_kt"}))
    assert exact["tau1"][0] == pytest.approx(z * distance, rel=1e-12)
    # beta = 2 and R0 = 0.5 as in arXiv:1108.2701, eq. 1.2; the axis moves to the centroid.
    squared = values_of(jet, FeatureSettings(nsubjettiness={"beta": 2, "radius": 0.5}))
    assert squared["tau1"][0] == pytest.approx(z * (1 - z) * (distance / 0.5) ** 2, rel=1e-6)


def test_two_prongs_have_small_tau21_and_d2() -> None:
    random = np.random.default_rng(1)
    prongs = [
        (50.0, side * 0.4 + random.normal(0, 0.01), random.normal(0, 0.01))
        for side in (-1, 1)
        for _ in range(10)
    ]
    blob = [(50.0, random.normal(0, 0.3), random.normal(0, 0.3)) for _ in range(20)]
    found = values_of(columns_of([prongs, blob]))
    assert found["tau2"][0] / found["tau1"][0] < 0.05
    assert found["tau2"][1] / found["tau1"][1] > 0.4
    assert found["d2"][0] < 0.2 * found["d2"][1]


def test_correlators_of_two_and_three_particles() -> None:
    pair = values_of(pair_of(0.3, 0.3, 0.4))
    assert pair["c1"][0] == pytest.approx(0.3 * 0.7 * 0.5)
    assert [pair[name][0] for name in ("c2", "d2", "m2", "n2")] == [0, 0, 0, 0]
    # On a line, at 0, 0.3 and 0.7; z = 0.5, 0.3, 0.2: angles 0.3, 0.7, 0.4
    three = values_of(columns_of([[(50.0, 0.0, 0.0), (30.0, 0.3, 0.0), (20.0, 0.7, 0.0)]]))
    e2 = 0.5 * 0.3 * 0.3 + 0.5 * 0.2 * 0.7 + 0.3 * 0.2 * 0.4
    weight = 0.5 * 0.3 * 0.2
    assert three["c1"][0] == pytest.approx(e2)
    assert three["c2"][0] == pytest.approx(weight * 0.3 * 0.7 * 0.4 / e2**2)
    assert three["d2"][0] == pytest.approx(weight * 0.3 * 0.7 * 0.4 / e2**3)
    assert three["m2"][0] == pytest.approx(weight * 0.3 / e2)
    assert three["n2"][0] == pytest.approx(weight * 0.3 * 0.4 / e2**2)


def test_shapes_of_two_particles() -> None:
    columns, offsets = columns_of([[(75.0, 0.0, 0.0), (25.0, 0.4, 0.0)]])
    columns |= {"charge": np.array([-1, 1], np.int32), "d0": np.array([np.nan, -0.3], np.float32)}
    found = {
        name: values[0] for name, values in substructure(columns, offsets, FeatureSettings()).columns.items()
    }
    momenta = [part.sum() for part in cartesian(columns["pt"], columns["eta"], columns["phi"])]
    rapidity = 0.5 * np.log((momenta[3] + momenta[2]) / (momenta[3] - momenta[2]))
    assert found["width"] == pytest.approx(0.75 * rapidity + 0.25 * (0.4 - rapidity))
    assert found["ptd"] == pytest.approx(np.hypot(0.75, 0.25))
    # The recoil-free axis is the harder particle: z sqrt(dR / R0).
    assert found["angularity_lha"] == pytest.approx(0.25 * np.sqrt(0.4))
    assert found["charge"] == pytest.approx(np.sqrt(0.25) - np.sqrt(0.75))
    assert found["charged_multiplicity"] == 2
    assert found["n_displaced_tracks"] == 1
    assert found["max_abs_d0"] == pytest.approx(0.3)


def test_lund_plane_by_hand() -> None:
    """A hard particle, and an emission that emits: one primary declustering, two of all branches."""
    jet = columns_of([[(80.0, 0.0, 3.0), (15.0, 0.3, -2.9), (5.0, 0.32, -2.9)], [(10.0, 0.0, 0.0)]])
    for kt_min, count in ((0.05, 3), (1.0, 2), (100.0, 1)):
        found = substructure(*jet, FeatureSettings(lund={"kt_min": kt_min}))
        assert found.columns["lund_multiplicity"].tolist() == [count, 1]
    np.testing.assert_array_equal(found.lund_offsets, [0, 1, 1])
    momenta = np.stack(cartesian(np.array([15.0, 5.0]), np.array([0.3, 0.32]), np.array([-2.9, -2.9])))
    pt, rapidity, phi, _ = from_cartesian(*momenta.sum(axis=1))
    rapidity = np.arctanh(momenta[2].sum() / momenta[3].sum())
    dphi = phi + 2 * np.pi - 3.0
    delta = np.hypot(rapidity, dphi)
    expected = {
        "ln_inverse_delta": -np.log(delta),
        "ln_kt": np.log(pt * delta),
        "z": pt / (pt + 80),
        "psi": np.arctan2(rapidity, dphi),
    }
    for name, value in expected.items():
        assert found.lund[name][0] == pytest.approx(value, rel=1e-9), name


seeds = st.integers(0, 2**32 - 1)
checks = hypothesis_settings(max_examples=25, deadline=None)


def some_jets(seed: int) -> Jets:
    columns, offsets = simulated(6, seed)
    random = np.random.default_rng(seed)
    columns["charge"] = random.integers(-1, 2, offsets[-1])
    columns["d0"] = np.where(columns["charge"] != 0, random.normal(0, 0.2, offsets[-1]), np.nan)
    return columns, offsets


def assert_equal(ours: dict[str, Any], theirs: dict[str, Any], names: Any = None, rtol: float = 1e-6) -> None:
    for name in names or ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=rtol, atol=1e-4, err_msg=name)


@given(seeds, st.floats(-2, 2), st.floats(-3, 3))
@checks
def test_boost_along_the_beam_and_rotation_change_nothing(seed: int, boost: float, angle: float) -> None:
    columns, offsets = some_jets(seed)
    *_, pz, energy = cartesian(*(columns[name] for name in ("pt", "eta", "phi", "mass")))
    boosted = np.cosh(boost) * pz + np.sinh(boost) * energy
    moved = {**columns, "eta": np.arcsinh(boosted / columns["pt"]), "phi": columns["phi"] + angle}
    assert_equal(values_of((columns, offsets)), values_of((moved, offsets)))


@given(seeds)
@checks
def test_order_of_constituents_changes_nothing(seed: int) -> None:
    columns, offsets = some_jets(seed)
    shuffle = np.random.default_rng(seed).random(offsets[-1])
    order = np.lexsort((shuffle, ragged.row_of(offsets)))
    mixed = {name: values[order] for name, values in columns.items()}
    assert_equal(values_of((columns, offsets)), values_of((mixed, offsets)))


@given(seeds, st.floats(0.01, 0.5))
@checks
def test_collinear_splitting_changes_nothing_safe(seed: int, z: float) -> None:
    """The third constituent splits into two of its direction, and a particle of 1e-9 GeV is added."""
    columns, offsets = simulated(6, seed)
    columns["mass"] = np.zeros_like(columns["pt"])
    kept = np.repeat(np.diff(offsets) > 6, np.diff(offsets))
    columns = {name: values[kept] for name, values in columns.items()}
    offsets = ragged.offsets_of(np.diff(offsets)[np.diff(offsets) > 6])
    if len(offsets) == 1:
        return
    at = np.concatenate([offsets[:-1] + 2, offsets[:-1] + 4])
    split = {name: np.insert(values, at, values[at]) for name, values in columns.items()}
    third = offsets[:-1] + 2 + 2 * np.arange(len(offsets) - 1)
    split["pt"][third] *= z
    split["pt"][third + 1] *= 1 - z
    split["pt"][third + 3] = 1e-9
    split["eta"][third + 3] += 0.01
    safe = ("tau1", "tau2", "tau3", "tau4", "c1", "c2", "d2", "m2", "n2", "width", "angularity_lha")
    safe += tuple(f"{groomer}_mass" for groomer in ("soft_drop", "trimming", "pruning"))
    split_offsets = offsets + 2 * np.arange(len(offsets))
    assert_equal(values_of((columns, offsets)), values_of((split, split_offsets)), safe, rtol=1e-4)


@pytest.mark.parametrize("axes", ["kt", "wta_kt", "onepass_kt", "onepass_wta_kt"])
def test_settings_reach_what_they_set(axes: str) -> None:
    """Every key away from its default, against the functions called by hand."""
    columns, offsets = simulated(20)
    tree = cluster(columns, offsets)
    settings = FeatureSettings(
        groomers={
            "soft_drop": {"beta": 1.2, "z_cut": 0.15, "radius": 0.6},
            "mmdt": {"y_cut": 0.02, "mu": 0.4},
            "trimming": {"radius": 0.3, "pt_fraction": 0.02, "algorithm": "anti_kt"},
            "pruning": {"z_cut": 0.2, "r_cut_factor": 0.3},
        },
        nsubjettiness={"n_max": 2, "axes": axes, "beta": 1.3, "radius": 0.7},
        correlators={"names": ["d2"], "beta": 1.7},
    )
    ours = values_of((columns, offsets), settings)
    whole = tree.momentum[tree.end - 1]
    by_hand = {
        "soft_drop_mass": grooming.soft_drop(tree, 0.15, 1.2, 0.6).mass,
        "mmdt_mass": grooming.modified_mass_drop(tree, 0.02, 0.4).mass,
        "trimming_mass": grooming.trimming(columns, offsets, 0.3, 0.02, "anti_kt").mass,
        "pruning_mass": grooming.pruning(columns, offsets, whole, 0.2, 0.3).mass,
        "d2": correlators(tree, ("d2",), 1.7)["d2"],
    }
    history = cluster(columns, offsets, "kt", winner_takes_all="wta" in axes)
    tau1, tau2 = n_subjettiness(history, 2, 1.3, 0.7, one_pass="onepass" in axes).T
    for name, values in (by_hand | {"tau1": tau1, "tau2": tau2}).items():
        np.testing.assert_array_equal(ours[name], values, err_msg=name)
    assert "tau3" not in ours


def test_one_particle_is_all_zeros() -> None:
    found = values_of(columns_of([[(100.0, 0.5, 1.0)]]))
    assert found.pop("multiplicity") == found.pop("lund_multiplicity") == found.pop("ptd") == 1
    for groomer in ("soft_drop", "mmdt", "trimming", "pruning"):
        assert found.pop(f"{groomer}_multiplicity") == 1
        assert found.pop(f"{groomer}_pt") == pytest.approx(100.0)
    assert {name: float(values[0]) for name, values in found.items() if values[0] > 1e-5} == {}


def test_directions_of_exactly_zero_count() -> None:
    """Particles at eta = 0 or phi = 0 weigh as much as the same jet elsewhere."""
    jet = [(50.0, 0.0, 0.0), (40.0, 0.0, 0.2), (30.0, 0.3, 0.0), (10.0, -0.1, 0.05)]
    turned = [(pt, eta + 0.7, phi + 1.1) for pt, eta, phi in jet]
    here, there = (values_of(columns_of([rows])) for rows in (jet, turned))
    assert here["multiplicity"][0] == 4
    assert_equal(here, there)


@pytest.mark.parametrize("pt", [(10.0, 20.0, 5.0, 10.0, 1.0), (0.0, 20.0, 5.0, 1.0, 0.0), (0.0,) * 5])
def test_equal_directions_and_no_pt(pt: tuple[float, ...]) -> None:
    """Distances of 0 and particles without pt: finite values, and no place in the Lund plane."""
    found = substructure(*columns_of([[(p, 0.3, -1.0) for p in pt]]), EVERYTHING)
    for name, values in found.columns.items():
        assert np.isfinite(values).all(), name
    assert found.columns["tau1"][0] == pytest.approx(0.0, abs=1e-9)
    assert found.lund_offsets.tolist() == [0, 0]


def test_blocks_are_one_result(monkeypatch: pytest.MonkeyPatch) -> None:
    jets = some_jets(8)
    whole = substructure(*jets, EVERYTHING)
    monkeypatch.setattr(module, "_BLOCK", 100)
    parts = substructure(*jets, EVERYTHING)
    for name, values in whole.columns.items():
        np.testing.assert_array_equal(values, parts.columns[name])
    for name, values in whole.lund.items():
        np.testing.assert_array_equal(values, parts.lund[name])
    np.testing.assert_array_equal(whole.lund_offsets, parts.lund_offsets)


def test_no_jets() -> None:
    columns = {name: np.zeros(0) for name in ("pt", "eta", "phi", "mass", "charge", "d0")}
    found = substructure(columns, np.zeros(1, np.int64), EVERYTHING)
    assert {values.shape for values in (*found.columns.values(), *found.lund.values())} == {(0,)}
    assert found.lund_offsets.tolist() == [0]


def test_kernels_without_a_folder_for_machine_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """numba refuses to keep code where it cannot write; the functions must work all the same."""
    compile_, asked = compiled.numba.njit, []

    def njit(**options: Any) -> Any:
        asked.append(options.get("cache", False))
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available for file")
        return compile_(**options)

    monkeypatch.setattr(compiled.numba, "njit", njit)
    double = compiled.kernel()(lambda value: 2 * value)
    assert double(21) == 42
    assert asked == [True, False]
