"""Seeds, folds and sizes: which rows are learnt from, what is measured, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import norm
from test_tag_dense import BEST_AUC, CENTRES, slice_of, write_features

from resonaut import registry
from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.tag.rows.prepare import prepare
from resonaut.tag.stability import measured, run
from resonaut.tag.stability.rows import chosen_sizes, folds, hashes, nested
from resonaut.tag.stability.steps import in_as_many_steps


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, 1500) for name in CENTRES}


@pytest.fixture(scope="module")
def rows(features):
    settings, tagger, where = registry.from_slice("tag", slice_of())
    return prepare(slice_of(), settings, tagger, where, features, 1)


def settings(**more):
    own = {"tagger": "toy", "n_seeds": 2, "n_folds": 3, "sizes": [100, 300, 900], **more}
    training = {"epochs": 8, "batch_size": 64, "learning_rate": 3e-3, "device": "cpu"}
    return {"name": "stable", "seed": 3, "stability": own, "tag": slice_of(training=training)}


@pytest.fixture(scope="module")
def result(features, tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    run.run(settings(), features, folder / "stability.json", folder / "stability.md", 1)
    return json.loads((folder / "stability.json").read_text()), (folder / "stability.md").read_text()


def test_smaller_shares_are_parts_of_larger_ones(rows):
    hashed = hashes(rows.jets, rows.names, 3, "x")
    found = nested(rows.parts[0], hashed, [100, 400, len(rows.parts[0])])
    assert [len(part) for part in found] == [100, 400, len(rows.parts[0])]
    assert np.isin(found[0], found[1]).all()
    np.testing.assert_array_equal(found[2], rows.parts[0])
    other = nested(rows.parts[0], hashes(rows.jets, rows.names, 3, "y"), [100])[0]
    assert np.isin(found[0], other).mean() < 0.2
    # Both classes, as many as there are: 100 rows of equal classes.
    assert 25 < rows.group[found[0]].sum() < 75


def test_every_row_is_tested_in_one_fold(rows):
    found = folds(rows, 4, 3)
    tested = np.concatenate([parts[2] for parts in found])
    np.testing.assert_array_equal(np.sort(tested), np.arange(3000))
    for parts in found:
        assert sum(map(len, parts)) == 3000
        assert len(np.unique(np.concatenate(parts))) == 3000
        assert len(parts[1]) / (len(parts[0]) + len(parts[1])) == pytest.approx(0.25, abs=0.03)


def test_sizes_are_halves():
    assert chosen_sizes((), 4, 1000, "w", "t") == [125, 250, 500, 1000]
    assert chosen_sizes((300, 60), 4, 1000, "w", "t") == [60, 300, 1000]
    with pytest.raises(ConfigError, match=r"w\.n_sizes: the smallest of 6 sizes would be 31"):
        chosen_sizes((), 6, 1000, "w", "t")
    with pytest.raises(ConfigError, match=r"w\.sizes: 1000 training rows are asked for.*learns from 1000"):
        chosen_sizes((1000,), 4, 1000, "w", "t")


def test_quantities_have_their_closed_forms(rows):
    """The exact likelihood ratio of two Gaussians: AUC, and the errors from numpy."""
    part = rows.parts[2]
    label = rows.group[part]
    generator = np.random.default_rng(0)
    logit = 1.5 * generator.standard_normal(len(part)) + np.where(label == 1, 1.125, -1.125)
    found = measured.measure(rows, part, 1 / (1 + np.exp(-logit)), 0.5)
    # Log odds of means +-d^2/2 and variance d^2 are those of Gaussians d apart.
    assert found["auc"].value == pytest.approx(1 - norm.cdf(1.5 / np.sqrt(2)), abs=4 * found["auc"].standard)
    assert found["auc"].standard == pytest.approx(0.015, rel=0.2)
    expected = norm.sf(1.5)
    assert found["rejection"].value == pytest.approx(expected, abs=4 * found["rejection"].standard)
    n_background = int((label == 0).sum())
    assert found["rejection"].standard == pytest.approx(
        np.sqrt(found["rejection"].value * (1 - found["rejection"].value) / n_background)
    )
    losses = np.log1p(np.exp(np.where(label == 1, -logit, logit)))
    means = [losses[label == kind].mean() for kind in (0, 1)]
    assert found["loss"].value == pytest.approx(np.mean(means), rel=1e-6)


def test_everything_is_measured(result):
    found, table = result
    assert [size["n_train"] for size in found["sizes"]] == [100, 300, 900, found["n_rows"]["train"]]
    few, all_ = (found["sizes"][k]["quantities"] for k in (0, -1))
    assert all_["auc"]["test"] == pytest.approx(1 - BEST_AUC, abs=0.03)
    assert all_["loss"]["test"] < few["loss"]["test"]
    for size in found["sizes"]:
        for numbers in size["quantities"].values():
            assert numbers["gap"] == pytest.approx(numbers["test"] - numbers["training"])
            assert numbers["gap_standard"] > numbers["test_statistical"]
        assert set(size["kolmogorov_smirnov"]) == {"background", "signal"}
    # A network of 369 weights that saw 100 rows often knows them better than others.
    assert few["loss"]["gap"] > 0
    assert len(found["folds"]["auc"]["values"]) == 3
    spreads = found["spreads"]["auc"]
    assert spreads["seeds"] < spreads["statistical"]
    assert spreads["folds_statistical"] == pytest.approx(spreads["statistical"], rel=0.4)
    law = found["power_laws"]["loss"]
    assert law["extrapolated_to"] == 10 * found["n_rows"]["train"]
    assert law["extrapolated"]["lower"] <= law["extrapolated"]["value"] <= law["extrapolated"]["upper"]
    assert "| 1 - AUC |" in table


def test_two_sizes_give_no_law(features, tmp_path):
    output, table = tmp_path / "s.json", tmp_path / "s.md"
    run.run(settings(sizes=[500], n_folds=0), features, output, table, 1)
    found = json.loads(output.read_text())
    assert found["power_laws"]["loss"] is None
    assert found["folds"] == {}
    assert "too few sizes" in table.read_text()
    first = output.read_bytes()
    run.run(settings(sizes=[500], n_folds=0), features, output, table, 1)
    assert output.read_bytes() == first


def test_a_wrong_metric_is_refused(features, tmp_path):
    with pytest.raises(ConfigError, match=r"stability\.stable\.metric: 'accuracy' is not measured"):
        run.run(settings(metric="accuracy"), features, tmp_path / "s.json", tmp_path / "s.md", 1)


def test_as_many_steps():
    of_tagger, tagger, _ = registry.from_slice("tag", slice_of())
    longer = in_as_many_steps(of_tagger, tagger, 2.5).training
    assert (longer.epochs, longer.patience) == (15, 13)
    assert in_as_many_steps(of_tagger, tagger, 0.5) is of_tagger


STUDY = {
    "study": "s",
    "datasets": {
        name: {"source": "pythia", "label": name, "process": "ttbar", "n_events": 10} for name in ("a", "b")
    },
    "tag": {
        "pfn": {"signal": ["a"], "background": ["b"]},
        "mass": {"kind": "pfn", "datasets": ["a"], "target": "gen_mass"},
    },
}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tagger": "pfm"}, "unknown tagger 'pfm'.*pfn"),
        ({"tagger": "mass"}, "'loss' is not measured of the task 'regression'"),
        ({"tagger": "pfn", "sizes": [100, 100]}, "a size is named twice"),
        ({"tagger": "pfn", "n_seed": 3}, "n_seeds"),
    ],
)
def test_bad_entries_are_refused(entry, message):
    with pytest.raises(ConfigError, match=message):
        parse({**STUDY, "stability": {"x": entry}})
