"""Energy flow polynomials, observables and metrics of jets: sums by hand, closed forms, known shifts."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut import ragged
from resonaut.errors import InputError
from resonaut.generate.energy_flow import (
    CONNECTED,
    FOUR_NODES_FOUR_EDGES,
    all_polynomials,
    energy_flow_polynomials,
    of_ragged,
)
from resonaut.generate.evaluation import jet_metrics
from resonaut.generate.evaluation.jet_observables import jet_observables
from resonaut.generate.evaluation.jet_particles import particles
from resonaut.generate.evaluation.jet_subjettiness import tau21, tau_1_and_2
from resonaut.generate.learnt import Learnt

COLUMNS = ("delta_eta", "delta_phi", "log_pt_fraction")


def learnt(kind, values, offsets=None, columns=(), settings=None, pt=None):
    n = len(values) if offsets is None else len(offsets) - 1
    empty = {field.name: () for field in dataclasses.fields(Learnt) if field.default is field.default_factory}
    given = {
        "kind": kind,
        "columns": tuple(columns),
        "values": np.asarray(values, np.float32),
        "offsets": offsets,
        "cell": None,
        "conditions": np.zeros((n, 0), np.float32) if pt is None else np.asarray(pt, np.float32)[:, None],
        "condition_names": () if pt is None else ("pt",),
        **{name: np.zeros(n, np.int8) for name in ("part", "half", "held")},
        "settings": settings or {},
        "ids": {},
    }
    return Learnt(**{**empty, **given})


def clouds(n, seed, width=0.2, mean=20.0, pt=None):
    """Jets of normal width with a share of pt that falls as a power."""
    rng = np.random.default_rng(seed)
    counts = 1 + rng.poisson(mean, n)
    offsets = ragged.offsets_of(counts)
    z = rng.pareto(2.0, offsets[-1]) + 0.1
    z /= np.repeat(ragged.sums(z, offsets), counts)
    flat = np.stack([*rng.normal(0, width, (2, offsets[-1])), np.log(z)], axis=1)
    return learnt("clouds", flat, offsets, COLUMNS, pt=pt)


# -- energy flow polynomials ---------------------------------------------------------------------------------


def brute_force(edges, z, eta, phi):
    angle = np.hypot(eta[:, None] - eta, phi[:, None] - phi)
    n_nodes = 1 + max(itertools.chain(*edges))
    return sum(
        np.prod(z[list(at)]) * np.prod([angle[at[i], at[j]] for i, j in edges])
        for at in itertools.product(range(len(z)), repeat=n_nodes)
    )


@pytest.mark.parametrize("name", CONNECTED)
def test_polynomial_is_the_sum_over_all_particles(name):
    rng = np.random.default_rng(1)
    z, eta, phi = rng.random((2, 5)), rng.normal(size=(2, 5)), rng.normal(size=(2, 5))
    z[1, 3:] = 0
    found = energy_flow_polynomials(z, eta, phi)[name]
    for jet, n in enumerate((5, 3)):
        expected = brute_force(CONNECTED[name], z[jet, :n], eta[jet, :n], phi[jet, :n])
        assert found[jet] == pytest.approx(expected, rel=1e-12)


def test_polynomials_of_two_particles_have_closed_forms():
    # Each edge joins two different particles: bipartite graphs of a and b nodes give z1^a z2^b + z1^b z2^a.
    one, two, angle = 0.7, 0.3, 0.4
    found = energy_flow_polynomials(*np.array([[[one, two]], [[0.0, angle]], [[0.0, 0.0]]]))
    parts = {
        "edge": (1, 1),
        "path_3": (1, 2),
        "star_3": (1, 3),
        "cycle_4": (2, 2),
        "path_5": (2, 3),
        "star_4": (1, 4),
    }
    for name, (a, b) in parts.items():
        expected = (one**a * two**b + one**b * two**a) * angle ** len(CONNECTED[name])
        assert found[name][0] == pytest.approx(expected, rel=1e-12)
    for name in ("triangle", "triangle_doubled", "triangle_with_tail"):
        assert found[name][0] == 0


def test_there_are_as_many_multigraphs_as_there_should_be():
    # arXiv:1712.07124, table 2: connected multigraphs of 1, 2, 3 and 4 edges, and all of them.
    by_degree = np.bincount([len(edges) for edges in CONNECTED.values()])
    np.testing.assert_array_equal(by_degree, [0, 1, 2, 5, 12])
    ranks = {tuple(sorted(np.bincount(np.ravel(edges)))) for edges in CONNECTED.values()}
    assert len(CONNECTED) == 20
    assert len(ranks) > 10
    rng = np.random.default_rng(0)
    z, eta, phi = rng.random((40, 6)), rng.normal(size=(40, 6)), rng.normal(size=(40, 6))
    every = all_polynomials(energy_flow_polynomials(z, eta, phi), z.sum(1))
    assert every.shape == (40, 36)
    # No two of them are the same polynomial: with 40 jets of 6 particles the columns are independent.
    assert np.linalg.matrix_rank(every / every.std(0), tol=1e-9) == 36
    doubled = all_polynomials(energy_flow_polynomials(z, 2 * eta, 2 * phi), z.sum(1))
    degree = np.round(np.log2(doubled[0] / every[0])).astype(int)
    np.testing.assert_array_equal(np.bincount(degree), [1, 1, 3, 8, 23])
    for name in FOUR_NODES_FOUR_EDGES:
        assert len(CONNECTED[name]) == 4
        assert set(itertools.chain(*CONNECTED[name])) == {0, 1, 2, 3}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31), st.floats(-3, 3), st.floats(0.2, 3))
def test_polynomials_do_not_see_order_rotation_shift_and_splitting(seed, turn, size):
    rng = np.random.default_rng(seed)
    z, eta, phi = rng.random((3, 1, 7))
    before = energy_flow_polynomials(z, eta, phi)
    order = rng.permutation(7)
    turned = (np.cos(turn) * eta - np.sin(turn) * phi + 1, np.sin(turn) * eta + np.cos(turn) * phi - 2)
    split = [np.concatenate([v, v[:, :1]], 1) for v in (z, eta, phi)]
    split[0][0, 0], split[0][0, -1] = 0.3 * z[0, 0], 0.7 * z[0, 0]
    for name in CONNECTED:
        expected = pytest.approx(before[name][0], rel=1e-9)
        assert energy_flow_polynomials(z[:, order], eta[:, order], phi[:, order])[name][0] == expected
        assert energy_flow_polynomials(z, *turned)[name][0] == expected
        assert energy_flow_polynomials(*split)[name][0] == expected
        larger = energy_flow_polynomials(z, size * eta, size * phi)[name][0]
        assert larger == pytest.approx(before[name][0] * size ** len(CONNECTED[name]), rel=1e-9)


def test_ragged_jets_have_the_polynomials_of_each_alone(monkeypatch):
    jets = particles(clouds(59, 3))
    whole = of_ragged(jets.z, jets.eta, jets.phi, jets.offsets)
    monkeypatch.setattr("resonaut.generate.energy_flow._BLOCK_BYTES", 20_000)
    pieces = of_ragged(jets.z, jets.eta, jets.phi, jets.offsets)
    for row in (0, 17, 58):
        part = slice(jets.offsets[row], jets.offsets[row + 1])
        alone = energy_flow_polynomials(jets.z[None, part], jets.eta[None, part], jets.phi[None, part])
        for name in CONNECTED:
            assert whole[name][row] == pytest.approx(alone[name][0], rel=1e-12)
            assert pieces[name][row] == pytest.approx(alone[name][0], rel=1e-12)
    empty = of_ragged(*np.zeros((3, 0)), np.zeros(4, np.int64))
    np.testing.assert_array_equal(empty["edge"], np.zeros(3))


# -- observables ---------------------------------------------------------------------------------------------


def test_observables_of_two_massless_particles():
    # Of opposite azimuth around the axis, z each: pt = 2 z cos(a), m^2 = (2 z)^2 - pt^2.
    angle, z = 0.3, 0.5 / np.cos(0.3)
    flat = [[0, angle, np.log(z)], [0, -angle, np.log(z)], [0.1, 0.1, np.log(0.2)]]
    jets = learnt("clouds", flat, np.array([0, 2, 3]), COLUMNS, pt=[500, 100])
    found = jet_observables(jets)
    np.testing.assert_allclose(found["pt_fraction"], [1, 0.2], rtol=1e-6)
    np.testing.assert_allclose(found["pt"], [500, 20], rtol=1e-6)
    np.testing.assert_allclose(found["mass_over_pt"], [np.tan(angle), 0], atol=1e-6)
    np.testing.assert_allclose(found["mass"], [500 * np.tan(angle), 0], atol=1e-4)
    np.testing.assert_allclose(found["girth"], [angle, np.hypot(0.1, 0.1)], rtol=1e-6)
    np.testing.assert_allclose(found["multiplicity"], [2, 1])
    np.testing.assert_allclose(found["leading_fraction"], [0.5, 1], rtol=1e-6)
    np.testing.assert_array_equal(found["tau21"], [0, 0])


def test_pt_in_gev_and_jets_without_particles():
    flat = [[0.0, 0.0, np.log(30)], [0.0, 0.0, np.log(10)]]
    jets = learnt("clouds", flat, np.array([0, 0, 2, 2]), ("delta_eta", "delta_phi", "log_pt"))
    found = jet_observables(jets)
    np.testing.assert_allclose(found["pt"], [0, 40, 0], rtol=1e-6)
    assert all(np.isfinite(values).all() for values in found.values())


def test_mass_agrees_with_four_momenta():
    from resonaut.kinematics import cartesian, from_cartesian

    jets = clouds(50, 5, width=0.4, pt=np.full(50, 800.0))
    points = particles(jets)
    parts = cartesian(800 * points.z, points.eta + 1.3, points.phi + 0.4)
    pt, _, _, mass = from_cartesian(*(ragged.sums(part, jets.offsets) for part in parts))
    found = jet_observables(jets)
    np.testing.assert_allclose(found["mass"], mass, rtol=1e-6)
    np.testing.assert_allclose(found["pt"], pt, rtol=1e-9)


def test_tau_is_smallest_over_all_pairs_of_axes():
    jets = particles(clouds(30, 7, mean=8.0))
    found = tau_1_and_2(jets.z, jets.eta, jets.phi, jets.offsets)
    for row in range(30):
        part = slice(jets.offsets[row], jets.offsets[row + 1])
        z, eta, phi = jets.z[part], jets.eta[part], jets.phi[part]
        angle = np.hypot(eta[:, None] - eta, phi[:, None] - phi)
        if len(z) < 3:
            continue
        pairs = itertools.combinations(range(len(z)), 2)
        two = min((z * np.minimum(angle[a], angle[b])).sum() for a, b in pairs)
        assert found[row, 0] == pytest.approx((z * angle).sum(1).min() / z.sum(), rel=1e-12)
        assert found[row, 1] == pytest.approx(two / z.sum(), rel=1e-12)


def test_tau21_follows_the_one_with_axes_of_a_clustering():
    from resonaut.represent.jets.nsubjettiness import n_subjettiness
    from resonaut.represent.jets.recombination import cluster

    rng = np.random.default_rng(2)
    jets = clouds(400, 11, width=0.05, mean=15.0)
    prong = rng.random(jets.offsets[-1]) < 0.4
    jets.values[:, 0] += np.where(prong, np.repeat(rng.uniform(0, 0.6, 400), np.diff(jets.offsets)), 0)
    own = particles(jets)
    columns = {"pt": 100 * own.z, "eta": own.eta, "phi": own.phi, "mass": 0 * own.z}
    history = cluster(columns, own.offsets, "kt", winner_takes_all=True)
    one, two = n_subjettiness(history, 2).T
    expected, found = two / one, tau21(own.z, own.eta, own.phi, own.offsets)
    assert np.corrcoef(expected, found)[0, 1] > 0.95
    assert np.median(np.abs(found - expected)) < 0.05
    assert found.std() > 0.15


def test_images_have_the_moments_of_their_pixels():
    rng = np.random.default_rng(0)
    images = rng.exponential(1.0, (20, 8, 8)) * (rng.random((20, 8, 8)) < 0.3)
    images[0] = 0
    images /= np.maximum(images.sum((1, 2), keepdims=True), 1e-9)
    jets = learnt("images", images, settings={"half_width": 0.8, "normalise": True})
    points = particles(jets)
    np.testing.assert_allclose(ragged.sums(points.z, points.offsets), [0, *np.ones(19)], rtol=1e-6)
    centre = (np.arange(8) - 3.5) * 0.2
    expected = (images * np.hypot(centre[:, None], centre)).sum((1, 2))
    np.testing.assert_allclose(
        ragged.sums(points.z * np.hypot(points.eta, points.phi), points.offsets), expected, rtol=1e-5
    )
    expected = (images * centre[:, None]).sum((1, 2))
    np.testing.assert_allclose(ragged.sums(points.z * points.eta, points.offsets), expected, atol=1e-6)
    assert set(jet_observables(jets)) >= {"mass_over_pt", "girth", "tau21"}


def test_features_are_their_own_observables():
    found = jet_observables(learnt("features", [[1, 2], [3, 4]], columns=("jets/mass", "jets/tau21")))
    np.testing.assert_array_equal(found["jets/tau21"], [2, 4])


# -- metrics -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compared():
    real, other, same = (clouds(1500, seed, pt=np.full(1500, 500.0)) for seed in (1, 2, 3))
    wider = clouds(1500, 4, width=0.24, pt=np.full(1500, 500.0))
    return {
        "same": jet_metrics.compute(real, same, other, 7),
        "wider": jet_metrics.compute(real, wider, other, 7),
    }


@pytest.mark.parametrize("name", ["w1m", "w1p", "w1efp", "fpd", "kpd"])
def test_metrics_are_at_the_floor_for_equal_jets_and_above_it_for_wider_ones(compared, name):
    same, wider = compared["same"][name], compared["wider"][name]
    error = np.hypot(same["error"], same["floor_error"])
    assert abs(same["value"] - same["floor"]) < 4 * error
    assert wider["floor"] == same["floor"]
    assert wider["value"] - wider["floor"] > 4 * np.hypot(wider["error"], wider["floor_error"])


def test_distances_are_those_of_the_planted_difference(compared):
    # A distribution that is wider by a factor is away by that factor times the mean of |x|.
    assert compared["same"]["n_rows"] == 1500
    shift = 0.04 * np.sqrt(2 / np.pi)
    expected = 2 * shift / 3
    entry = compared["wider"]["w1p"]
    assert abs(entry["value"] - expected) < 4 * entry["error"] + 3e-4
    girth = compared["wider"]["observables"]["girth"]
    expected = 0.04 * np.sqrt(np.pi / 2)
    assert abs(girth["value"] - expected) < 4 * girth["error"]
    assert girth["real_mean"] == pytest.approx(0.2 * np.sqrt(np.pi / 2), rel=0.02)
    assert girth["generated_mean"] == pytest.approx(0.24 * np.sqrt(np.pi / 2), rel=0.02)
    ratio = {name: compared["wider"]["observables"][name] for name in ("mass", "mass_over_pt")}
    assert 400 < ratio["mass"]["real_mean"] / ratio["mass_over_pt"]["real_mean"] < 500


def test_same_seed_gives_the_same_numbers_and_json():
    jets = [clouds(60, seed) for seed in range(3)]
    first, again = (jet_metrics.compute(*jets, 1) for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert jet_metrics.compute(*jets, 2)["kpd"] != first["kpd"]


def test_features_and_clouds_without_directions_have_no_particles():
    rng = np.random.default_rng(0)
    tables = [learnt("features", rng.normal(size=(500, 3)) + s, columns="abc") for s in (0, 1, 0)]
    found = jet_metrics.compute(*tables, 1)
    assert found["w1m"] is found["w1p"] is found["w1efp"] is None
    assert found["observables"]["a"]["value"] == pytest.approx(1, abs=5 * found["observables"]["a"]["error"])
    assert found["fpd"]["value"] > 5 * found["fpd"]["error"]
    bare = [learnt("clouds", rng.normal(size=(90, 1)), np.arange(0, 91, 3), ("charge",)) for _ in range(3)]
    found = jet_metrics.compute(*bare, 1)
    assert found["fpd"] is None
    assert set(found["observables"]) == {"multiplicity", "mean_charge"}


def test_images_and_bad_samples():
    rng = np.random.default_rng(0)
    images = rng.exponential(1.0, (3, 60, 6, 6)) * (rng.random((3, 60, 6, 6)) < 0.5)
    made = [learnt("images", part, settings={"half_width": 0.8, "normalise": False}) for part in images]
    found = jet_metrics.compute(*made, 1)
    assert found["fpd"]["value"] is not None
    with pytest.raises(InputError, match=r"jets as features \(\) cannot be compared with images"):
        jet_metrics.compute(made[0], learnt("features", np.zeros((3, 0))), made[2], 1)
    with pytest.raises(InputError, match="holds no rows"):
        jet_metrics.compute(made[0], made[1].select(np.arange(0)), made[2], 1)
    with pytest.raises(InputError, match="do not say where particles are"):
        particles(learnt("clouds", np.zeros((3, 1)), np.arange(4), ("charge",)))
