"""The monitor: histograms and faults by hand, the power of the chi2 test, and small runs end to end."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.stats import chi2 as chi2_distribution
from scipy.stats import ks_1samp, ncx2, norm

from resonaut import manifest
from resonaut.config import parse
from resonaut.detect.monitor import alarms, counts, faults, scores
from resonaut.detect.monitor import run as entry
from resonaut.detect.monitor.runs import Pool, draw
from resonaut.detect.monitor.settings import Axis, Faults
from resonaut.errors import ConfigError, MissingBranchError
from resonaut.events import Events
from resonaut.store import writing

RNG = np.random.default_rng(0)
TINY = {
    "occupancy": [
        {"column": "constituents/eta", "bins": 6, "low": -2.4, "high": 2.4},
        {"column": "constituents/phi", "bins": 6, "low": -3.15, "high": 3.15},
    ],
    "pt": [{"column": "constituents/pt", "bins": 8, "low": 1, "high": 200, "log": True}],
    "jet_pt": [{"column": "jets/pt", "bins": 10, "low": 0, "high": 1000}],
}


def events(n_events, rng, n_jets=2, size=20):
    """Jets of constituents that are spread over the whole detector; jets/pt is their scalar sum."""
    n = n_events * n_jets * size
    constituents = {
        "pt": 1 + rng.exponential(20, n),
        "eta": rng.uniform(-2.4, 2.4, n),
        "phi": rng.uniform(-np.pi, np.pi, n),
    }
    total = constituents["pt"].reshape(-1, size).sum(axis=1)
    jets = {"pt": total, "eta": np.zeros(len(total)), "phi": np.zeros(len(total)), "mass": 0.1 * total}
    ids = {"run": np.ones(n_events, int), "lumi": np.ones(n_events, int), "event": np.arange(n_events)}
    offsets = np.arange(n_events + 1) * n_jets
    whole = {**ids, "gen_weight": np.ones(n_events), "mass": np.ones(n_events)}
    return Events(whole, jets, offsets, constituents, np.arange(n_events * n_jets + 1) * size)


def store(folder, name, n_events, drop=None):
    path = folder / f"{name}.h5"
    made = events(n_events, np.random.default_rng(len(name)))
    attributes = {"dataset": name, "label": name, "n_events": n_events, "sum_weights": 1.0}
    with writing(path, {**attributes, "n_generated": n_events, "cut_flow": {"read": n_events}}) as writer:
        if drop == "constituents":
            made.constituents, made.jet_offsets = {}, np.zeros(len(made.jets["pt"]) + 1, int)
        writer.append(made)
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


def settings(**more):
    own = {"datasets": ["qcd"], "events_per_run": 100, "histograms": TINY, "n_runs": 300, "n_test": 200}
    own |= {"n_threshold": 1000, "false_alarms": 0.02, "hidden": [16], "n_latent": 2}
    own["faults"] = {"dead_region": [0.05, 1.2], "hot_cell": [3.0], "scale": [0.2]}
    own["training"] = {"epochs": 15, "device": "cpu"}
    return {"name": "watch", "seed": 2, "monitor": {**own, **more}}


def test_counts_of_each_event_by_numpy():
    made = events(30, RNG)
    axes = {name: tuple(Axis(**axis) for axis in value) for name, value in TINY.items()}
    found = counts.of_events(made, axes).toarray()
    assert counts.n_bins(axes) == {"occupancy": 36, "pt": 8, "jet_pt": 10}
    own = slice(3 * 40, 4 * 40)
    eta, phi, pt = (made.constituents[name][own] for name in ("eta", "phi", "pt"))
    edges = np.linspace(-2.4, 2.4, 7), np.linspace(-3.15, 3.15, 7)
    np.testing.assert_array_equal(found[3, :36], np.histogram2d(eta, phi, edges)[0].ravel())
    pt_edges = np.geomspace(1, 200, 9)
    np.testing.assert_array_equal(found[3, 36:44], np.histogram(np.clip(pt, 1, 199), pt_edges)[0])
    # The last bin holds what lies beyond it.
    jets = np.clip(made.jets["pt"][6:8], 0, 999)
    np.testing.assert_array_equal(found[3, 44:], np.histogram(jets, np.linspace(0, 1000, 11))[0])


def test_a_dead_region_is_empty_and_jets_follow():
    made = events(200, RNG)
    where = Faults(position=(0.5, 3.0))
    changed, noise, _ = faults.dead_region(made, 0.6, where, RNG)
    eta, phi = changed.constituents["eta"], changed.constituents["phi"]
    # The square reaches over phi = pi.
    inside = (np.abs(eta - 0.5) < 0.3) & ((phi > 2.7) | (phi < 3.3 - 2 * np.pi))
    assert not inside.any()
    share = 1 - len(eta) / len(made.constituents["eta"])
    assert share == pytest.approx(0.6**2 / (4.8 * 2 * np.pi), rel=0.2)
    sums = np.add.reduceat(changed.constituents["pt"], changed.jet_offsets[:-1])
    np.testing.assert_allclose(changed.jets["pt"], sums)
    np.testing.assert_allclose(changed.jets["mass"], 0.1 * sums)
    assert len(noise["pt"]) == 0
    # A jet that is inside as a whole is gone, its event is not.
    alone = events(1, RNG, n_jets=2)
    alone.constituents["eta"][:20], alone.constituents["phi"][:20] = 0.5, 3.0
    alone.constituents["eta"][20:] = -2
    left, _, _ = faults.dead_region(alone, 0.6, where, RNG)
    assert len(left) == 1
    assert left.event_offsets.tolist() == [0, 1]
    assert left.jets["pt"][0] == alone.jets["pt"][1]


def test_noise_and_scale():
    made = events(4000, RNG, n_jets=1, size=2)
    same, noise, event = faults.hot_cell(made, 0.5, Faults(), RNG)
    assert same is made
    assert len(event) / 4000 == pytest.approx(0.5, abs=5 * np.sqrt(0.5 / 4000))
    assert set(noise["eta"]) == {0.8}
    assert set(noise["pt"]) == {5.0}
    shifted, _, _ = faults.scale(made, 0.03, Faults(), RNG)
    np.testing.assert_allclose(shifted.jets["mass"], 1.03 * made.jets["mass"])
    np.testing.assert_allclose(shifted.constituents["pt"], 1.03 * made.constituents["pt"])
    np.testing.assert_array_equal(shifted.constituents["eta"], made.constituents["eta"])


def test_runs_have_the_mean_and_the_variance_of_their_events():
    per_event = RNG.integers(0, 5, (400, 3)).astype(np.float32)
    dataset = np.repeat([0, 1], [300, 100])
    pool = Pool(csr_matrix(per_event), dataset)
    found = draw(pool, 4000, 50, 0.0, np.random.default_rng(1))
    mean, variance = 50 * per_event.mean(axis=0), 50 * per_event.var(axis=0)
    np.testing.assert_allclose(found.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / 4000))
    np.testing.assert_allclose(found.var(axis=0), variance, rtol=0.15)
    # With other shares in each run a column that only one dataset fills varies more.
    marked = Pool(csr_matrix((dataset == 1)[:, None].astype(np.float32)), dataset)
    plain, mixed = (draw(marked, 2000, 50, width, np.random.default_rng(2)).var() for width in (0.0, 0.5))
    assert plain == pytest.approx(50 * 0.25 * 0.75, rel=0.15)
    assert mixed > 1.5 * plain


def test_the_power_of_the_chi2_test():
    """Gaussian bins: efficiency of a shift is that of the noncentral chi2."""
    rng = np.random.default_rng(3)
    reference = scores.Reference(np.full(20, 100.0), np.full(20, 10.0))
    good = rng.normal(100, 10, (20_000, 20))
    limit = alarms.threshold(scores.chi2(reference.pulls(good)), 0.01)
    assert limit == pytest.approx(chi2_distribution.isf(0.01, 20), rel=0.02)
    shifted = rng.normal(100, 10, (5000, 20))
    shifted[:, 4] += 40
    share = alarms.share_above(scores.chi2(reference.pulls(shifted)), limit)
    expected = ncx2.sf(limit, 20, 16)
    assert abs(share.value - expected) < 4 * np.sqrt(expected * (1 - expected) / 5000)
    assert share.lower < share.value < share.upper
    # A test of single bins sees a fault of one bin better.
    highest = alarms.threshold(scores.largest_pull(reference.pulls(good)), 0.01)
    assert alarms.share_above(scores.largest_pull(reference.pulls(shifted)), highest).value > share.value


def test_the_distance_is_that_of_scipy():
    rng = np.random.default_rng(4)
    values = rng.normal(0.3, 1, 300)
    edges = np.linspace(-6, 6, 4001)
    run = np.histogram(values, edges)[0][None].astype(float)
    mean = np.histogram(np.random.default_rng(5).normal(0, 1, 2_000_000), edges)[0].astype(float)
    found = scores.largest_distance(run, scores.Reference(mean, np.ones(4000)), {"x": 4000})
    assert found[0] == pytest.approx(np.sqrt(300) * ks_1samp(values, norm.cdf).statistic, rel=0.05)


def test_wilson_intervals():
    share = alarms.share_above(np.array([0.0] * 9 + [1.0]), 0.5)
    # Centre (k + z^2 / 2) / (n + z^2) for z = 1.
    assert 0.5 * (share.lower + share.upper) == pytest.approx(1.5 / 11)
    assert alarms.share_above(np.zeros(10), 0.5).lower == 0


def test_half_of_the_runs():
    assert entry.half_size(np.array([1.0, 4.0]), np.array([0.0, 1.0])) == pytest.approx(2.0)
    assert entry.half_size(np.array([1.0, 4.0]), np.array([0.0, 0.4])) is None
    assert entry.half_size(np.array([1.0, 4.0]), np.array([0.9, 1.0])) is None


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return {name: store(folder, name, 800) for name in ("qcd", "wprime")}


def test_faults_are_found_from_files(stores, tmp_path):
    output, table = tmp_path / "monitor.json", tmp_path / "monitor.md"
    entry.run(settings(), stores, output, table, 1)
    found = json.loads(output.read_text())
    for name, test in found["tests"].items():
        assert test["false_alarms"]["value"] == pytest.approx(0.02, abs=0.03), name
    for name in ("autoencoder", "chi2"):
        small, large = found["faults"]["dead_region"]["tests"][name]["efficiency"]
        assert small["value"] < 0.1
        assert large["value"] > 0.9
        assert found["faults"]["scale"]["tests"][name]["efficiency"][0]["value"] > 0.9
        assert found["faults"]["dead_region"]["tests"][name]["half"] is not None
    assert found["faults"]["hot_cell"]["tests"]["largest_pull"]["efficiency"][0]["value"] > 0.9
    assert set(found["best"]) == {"dead_region", "hot_cell", "scale"}
    assert "| energy scale, shift | 0.2 |" in table.read_text()
    first = output.read_bytes()
    entry.run(settings(), stores, output, table, 1)
    assert output.read_bytes() == first


def test_stores_without_what_is_needed_are_refused(tmp_path):
    bare = {"qcd": store(tmp_path, "qcd", 50, drop="constituents")}
    with pytest.raises(MissingBranchError, match="no constituents, which faults of a detector change"):
        entry.run(settings(), bare, tmp_path / "m.json", tmp_path / "m.md", 1)
    with pytest.raises(ConfigError, match=r"monitor\.watch: no store of 'qcd' is given"):
        entry.run(settings(), {}, tmp_path / "m.json", tmp_path / "m.md", 1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"datasets": ["qdc"]}, "unknown dataset 'qdc'.*qcd"),
        ({"mixing": 0.2}, "mixing: two datasets or more"),
        ({"faults": {"position": [2.3, 0.0]}}, "leaves the detector"),
        ({"faults": {"dead_region": [0.1, 0.1]}}, "a size is named twice"),
        ({"faults": {"scale": [0.0]}}, "a shift of 0 is no fault"),
        ({"false_alarms": 0.001}, "5 are expected to set a threshold"),
        ({"histograms": {"x": [{"column": "jets/pt", "low": 5, "high": 1}]}}, "must be below high"),
        (
            {
                "histograms": {
                    "x": [{"column": f"{of}/pt", "low": 1, "high": 5} for of in ("jets", "constituents")]
                }
            },
            "both axes must be of",
        ),
    ],
)
def test_bad_entries_are_refused(more, message):
    qcd = {"source": "pythia", "label": "qcd", "process": "ttbar", "n_events": 10}
    own = {**settings()["monitor"], **more}
    with pytest.raises(ConfigError, match=message):
        parse({"study": "s", "datasets": {"qcd": qcd}, "monitor": {"x": own}})
