"""Separation power, classifiers, coverage, memorisation and modes against closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from resonaut.generate.evaluation import classifier, coverage, histograms, modes, response, separation
from resonaut.generate.evaluation.settings import ClassifierSettings
from resonaut.seeds import generator


def rng(*names):
    return generator(7, "evaluation tests", *names)


# -- separation power ---------------------------------------------------------------------------


def test_separation_of_known_histograms():
    """p = (1/4, 3/4), q = (1/2, 1/2): 1/2 (1/16 / (3/4) + 1/16 / (5/4)) = 1/15."""
    assert separation.separation([1, 3], [5, 5]) == pytest.approx(1 / 15)
    assert separation.separation([1, 3, 0], [2, 6, 0]) == 0
    assert separation.separation([1, 0], [0, 7]) == pytest.approx(1)
    assert np.isnan(separation.separation([0, 0], [1, 1]))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 100), min_size=2, max_size=20), st.integers(0, 1000))
def test_separation_is_symmetric_and_between_0_and_1(first, seed):
    second = np.random.default_rng(seed).integers(1, 100, len(first))
    first = np.asarray(first) + 1
    value = separation.separation(first, second)
    assert 0 <= value <= 1
    assert separation.separation(second, 3 * first) == pytest.approx(value)


def test_equal_distributions_give_the_expected_separation():
    """The mean over 400 pairs of samples agrees with (n_bins - 1) / 4 (1 / n_1 + 1 / n_2)."""
    share = np.full(20, 1 / 20)
    first, second = (rng("pairs", n).multinomial(n, share, 400) for n in (1000, 3000))
    found = separation.separation(first, second)
    wanted = separation.expected(20, 1000, 3000)
    assert abs(found.mean() - wanted) < 4 * found.std() / 20
    assert wanted == pytest.approx(19 / 4 * (1 / 1000 + 1 / 3000))


def test_the_error_of_a_separation_is_the_scatter_of_samples():
    p, q = np.array([0.1, 0.3, 0.4, 0.2]), np.array([0.2, 0.3, 0.3, 0.2])
    scatter = separation.separation(
        rng("scatter p").multinomial(2000, p, 500), rng("scatter q").multinomial(2000, q, 500)
    ).std()
    assert separation.error(2000 * p, 2000 * q, rng("error")) == pytest.approx(scatter, rel=0.2)


def test_rows_outside_of_the_edges_count():
    real, made = rng("real").uniform(size=4000), rng("made").uniform(size=4000)
    made[:1000] = 5.0
    edges = separation.equal_edges(real, 10)
    assert separation.counts(made, edges).sum() == 4000
    found = separation.compare(real, real[::-1], made, edges, rng("compare"))
    assert found["floor"] == 0
    # A quarter of the rows stands in a bin that is nearly empty in real ones: 1/2 (1/4 + about 1/28).
    assert found["value"] == pytest.approx(0.5 * (0.25 + 0.0625 / 1.75), abs=0.02)


def test_whole_numbers_get_whole_bins():
    edges = separation.equal_edges(np.repeat(np.arange(3.0, 100), 5), 30)
    assert set(np.diff(edges)) == {4.0}
    assert edges[0] % 1 == 0.5
    assert len(separation.equal_edges(np.full(10, 2.0), 30)) == 2


# -- classifiers --------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", [0.0, 1.0])
def test_auc_of_two_normal_distributions(distance):
    """Phi(d / sqrt 2) for equal widths; the floor is that of equal distributions, 0.5."""
    real, other, made = (rng("normal", name).normal(size=(2000, 3)) for name in ("real", "other", "made"))
    made[:, 1] += distance
    found = classifier.high_level(real, other, made, ClassifierSettings(folds=3), 3)
    for entry in found.values():
        assert abs(entry["auc"] - norm.cdf(distance / np.sqrt(2))) < 0.01 + 4 * entry["error"]
        assert abs(entry["floor"] - 0.5) < 4 * entry["floor_error"]
        assert entry["error"] == pytest.approx(0.0085, abs=0.0015)
        assert np.mean(entry["folds"]) == pytest.approx(entry["auc"])


def test_each_row_is_tested_once_and_never_learnt_from_in_that_fold():
    target, folds = classifier.pairs(100, 4, 0.2, 1)
    tested = np.sort(np.concatenate([fold.test for fold in folds[:4]]))
    np.testing.assert_array_equal(tested, [*range(100), *range(200, 300)])
    for fold in folds:
        parts = [set(part) for part in (fold.train, fold.validation, fold.test)]
        assert len(set.union(*parts)) == sum(map(len, parts)) == 200
        assert target[fold.test].mean() == 0.5


def test_auc_of_ties_and_of_perfect_order():
    target = np.array([0, 0, 1, 1])
    assert classifier.auc(np.array([1.0, 2, 3, 4]), target)[0] == 1
    assert classifier.auc(np.zeros(4), target)[0] == 0.5


# -- copies and coverage ------------------------------------------------------------------------


def test_copies_of_training_rows_are_found():
    training, real = rng("training").normal(size=(1500, 5)), rng("held").normal(size=(1000, 5))
    fresh = rng("fresh").normal(size=(1000, 5))
    honest = coverage.memorised(training, real, fresh)
    assert honest["copies"] == 0
    assert honest["ratio"] == pytest.approx(1, abs=0.06)
    for line in honest["close"]:
        assert abs(line["found"] - line["expected"]) < 4 * line["error"]
    fresh[:250] = training[:250]
    copied = coverage.memorised(training, real, fresh)
    assert copied["copies"] == 0.25
    assert copied["close"][0]["found"] > 0.25
    fresh[:] = training[:1000] + 1e-3 * rng("noise").normal(size=(1000, 5))
    assert coverage.memorised(training, real, fresh)["ratio"] < 0.01


def test_coverage_of_equal_distributions_and_of_half_of_one():
    real, other, made = (rng("cover", name).normal(size=(1500, 2)) for name in ("real", "other", "made"))
    found = coverage.covered(real, other, made)
    assert found["coverage_expected"] == pytest.approx(1 - 1 / 2**5, abs=1e-3)
    for name in ("coverage", "coverage_floor"):
        assert found[name] == pytest.approx(found["coverage_expected"], abs=0.02)
    assert found["density"] == pytest.approx(1, abs=0.06)
    made[:, 0] = np.abs(made[:, 0])
    assert coverage.covered(real, other, made)["coverage"] == pytest.approx(0.5, abs=0.08)


def test_nearest_rows_and_radii_agree_with_all_distances():
    points, among = rng("points").normal(size=(50, 4)), rng("among").normal(size=(80, 4))
    every = np.linalg.norm(points[:, None] - among, axis=-1)
    distance, row = coverage.nearest(points, among)
    np.testing.assert_allclose(distance, every.min(1))
    np.testing.assert_array_equal(row, every.argmin(1))
    own = np.sort(np.linalg.norm(among[:, None] - among, axis=-1), axis=1)
    np.testing.assert_allclose(coverage.radius(among, 5), own[:, 5])


# -- modes --------------------------------------------------------------------------------------


def ring(n, kept, name):
    """Eight normal modes of width 0.05 on a circle, of which `kept` are drawn."""
    angle = 2 * np.pi * rng(name, "mode").integers(0, kept, n) / 8
    noise = 0.05 * rng(name, "noise").normal(size=(n, 2))
    return np.stack([np.cos(angle), np.sin(angle)], axis=1) + noise


def test_modes_that_are_dropped():
    centres = np.stack([np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1)
    whole = modes.found_modes(ring(2000, 8, "a"), centres, 0.05)
    assert whole["found"] == 8
    # Within three widths in two dimensions: 1 - exp(-9/2).
    assert whole["high_quality"] == pytest.approx(1 - np.exp(-4.5), abs=0.01)
    assert modes.found_modes(ring(2000, 3, "b"), centres, 0.05)["found"] == 3


def test_empty_regions_are_found_and_the_floor_is_small():
    training, real, other = (ring(2000, 8, name) for name in ("t", "r", "o"))
    same = modes.different_bins(training, real, other, ring(2000, 8, "g"), 1)
    assert same["different"] <= 0.06
    assert same["different_floor"] <= 0.06
    assert same["empty"] == same["empty_floor"] == 0
    dropped = modes.different_bins(training, real, other, ring(2000, 6, "d"), 1)
    assert dropped["empty"] == pytest.approx(dropped["n_bins"] / 4, abs=3)
    assert dropped["different"] >= 0.2


def test_classes_that_are_swapped():
    values = {name: rng("classes", name).normal(size=(600, 2)) for name in ("a", "b", "c")}
    index = np.arange(600) % 2
    for part in values.values():
        part[:, 0] += 4 * index
    given = (values["a"], index, values["b"], index, values["c"])
    right, swapped = (modes.classes(*given, asked, ("one", "two"), 1) for asked in (index, 1 - index))
    # Nearer to the other centre, two widths away: Phi(2) is right.
    assert right["agreement"]["held_out"] == pytest.approx(norm.cdf(2), abs=0.03)
    assert right["agreement"]["generated"] == pytest.approx(norm.cdf(2), abs=0.03)
    assert swapped["agreement"]["generated"] < 0.1
    assert sum(right["shares"]["generated"]) == pytest.approx(1)


# -- response -----------------------------------------------------------------------------------


def toy_calorimeter(n, name, scale=1.0, stochastic=0.2):
    """Visible energy 0.03 E with a resolution of 20 % / sqrt(E)."""
    energy = rng(name, "energy").uniform(10, 100, n)
    spread = stochastic / np.sqrt(energy)
    return scale * 0.03 * energy * (1 + spread * rng(name, "spread").normal(size=n)), energy


def test_response_and_resolution_of_a_known_calorimeter():
    found = response.evaluate(toy_calorimeter(20_000, "r"), toy_calorimeter(20_000, "g", 1.02), (20, 50), 0.1)
    for entry in found["energies"]:
        real, off = entry["real"], entry["difference"]
        wanted = 0.2 / np.sqrt(entry["energy"])
        assert abs(real["response"]["value"] - 0.03) < 4 * real["response"]["error"]
        assert abs(real["resolution"]["value"] - wanted) < 4 * real["resolution"]["error"]
        assert abs(off["response"]["value"] - 0.02) < 4 * off["response"]["error"]
        assert abs(off["resolution"]["value"]) < 4 * off["resolution"]["error"]
    assert len(found["bins"]) == 9
    assert sum(entry["real"]["n"] for entry in found["bins"]) == 20_000


def test_fixed_energies_are_bins_of_their_own_and_few_showers_are_not_measured():
    energy = np.repeat([10.0, 50.0], [500, 10])
    visible = energy * (0.02 + 0.001 * rng("fixed").normal(size=510))
    found = response.evaluate((visible, energy), (visible, energy), (10, 200), 0.1)
    assert [entry["energy"] for entry in found["energies"]] == [10]
    assert [entry["real"] is None for entry in found["bins"]] == [False, True]
    assert found["bins"][0]["difference"]["response"]["value"] == 0


def test_moments_of_a_normal_distribution_have_the_errors_of_theory():
    values = 3 + 2 * rng("moments").normal(size=50_000)
    found = histograms.moments(values)
    assert found["mean"]["error"] == pytest.approx(2 / np.sqrt(50_000), rel=0.02)
    assert found["width"]["error"] == pytest.approx(2 / np.sqrt(2 * 50_000), rel=0.03)
    assert abs(found["width"]["value"] - 2) < 4 * found["width"]["error"]
