"""Scores of one tagger as inputs of another: a combination is as good as the theory of two Gaussians says."""

import json
import math

import h5py
import numpy as np
import pytest
from test_tag_dense import measured, outputs, slice_of, write_features

from resonaut.errors import ConfigError, InputError, MismatchError
from resonaut.nn.splits import part_of
from resonaut.registry import from_slice
from resonaut.seeds import event_hash
from resonaut.tag import score, train
from resonaut.tag.rows.prepare import prepare
from resonaut.tag.rows.scored import log_odds
from resonaut.tag.train import More

N_EVENTS = {"background": 6000, "signal": 6000}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, size) for name, size in N_EVENTS.items()}


@pytest.fixture(scope="module")
def scored(features, tmp_path_factory):
    """Scores of a tagger that sees `a` alone."""
    folder = tmp_path_factory.mktemp("scored")
    files = outputs(folder)
    train.run({**slice_of(inputs=["a"]), "method": "first"}, features, *files, threads=1)
    found = {}
    for name, path in features.items():
        found[f"first/{name}"] = folder / f"{name}.h5"
        score.run(files[0], path, found[f"first/{name}"], threads=1)
    return found


def test_log_odds_invert_the_sigmoid_and_stay_finite():
    values = np.array([-20.0, -2.0, 0.0, 3.0, 40.0])
    found = log_odds(1 / (1 + np.exp(-values)))
    np.testing.assert_allclose(found[1:4], values[1:4], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found[[0, 4]], [-13.8155, 13.8155], rtol=1e-4)


def test_a_combination_reaches_what_all_inputs_together_can(features, scored, tmp_path):
    slice_ = slice_of(inputs=["taggers/first/0", "b"], training={"epochs": 20, "device": "cpu"})
    files = outputs(tmp_path)
    train.run(slice_, features, *files, threads=1, more=More(scored))
    metrics = measured(files)
    # a and b together: d = sqrt(1 + 1); a alone: d = 1. About 1200 test events of each class.
    best, alone = (0.5 * (1 + math.erf(math.sqrt(d2) / 2)) for d2 in (2, 1))
    assert metrics["auc"] == pytest.approx(best, abs=0.025)
    assert metrics["auc"] > alone + 0.05
    # The validation part of the first tagger, and nothing of what it learnt from.
    expected = 0
    for name, size in N_EVENTS.items():
        event, ones = np.arange(size), np.ones(size, np.int64)
        expected += int((part_of(event_hash(name, ones, ones, event, 3, "tag split")) == 1).sum())
    assert metrics["n_jets"]["train"] + metrics["n_jets"]["validation"] == expected
    # It scores other events like any tagger.
    score.run(files[0], features["signal"], tmp_path / "all.h5", threads=1, scored=scored)
    with h5py.File(tmp_path / "all.h5") as every, h5py.File(files[1]) as test:
        assert every["jets/score"].shape == (6000, 1)
        own = test["jets/label"][:] == 1
        again = every["jets/score"][:][test["jets/event"][own], 0]
        np.testing.assert_allclose(again, test["jets/score"][own], atol=1e-6)
    assert "signal.h5" in json.dumps(json.loads(files[2].read_text())["provenance"]["inputs"])


def test_each_event_has_its_own_score(features, scored):
    """Those of another event of its class would tell the classes apart as well."""
    slice_ = slice_of(inputs=["b", "taggers/first/0"])
    rows = prepare(slice_, *from_slice("tag", slice_), features, 1, scored)
    for number, name in enumerate(rows.names):
        own = rows.jets.dataset == number
        with h5py.File(scored[f"first/{name}"]) as file:
            expected = log_odds(file["jets/score"][:, 0])[rows.jets.event[own]]
        np.testing.assert_array_equal(rows.jets.flat[own, 1], expected)


def test_scores_that_are_not_given(features, scored, tmp_path):
    slice_ = slice_of(inputs=["taggers/first/0", "b"])
    with pytest.raises(ConfigError, match=r"no scores of 'background' by 'first' are given. Add --scored"):
        train.run(slice_, features, *outputs(tmp_path), threads=1)


def test_scores_of_other_events(features, scored, tmp_path):
    with h5py.File(scored["first/signal"]) as file, h5py.File(tmp_path / "few.h5", "w") as few:
        few.attrs.update(file.attrs)
        for name in ("run", "lumi", "event"):
            few[f"events/{name}"] = file[f"events/{name}"][:-1]
        few["jets/score"] = file["jets/score"][:-1]
    slice_ = slice_of(inputs=["taggers/first/0", "b"])
    given = {**scored, "first/signal": tmp_path / "few.h5"}
    with pytest.raises(MismatchError, match=r"few\.h5: the scores are of other events than"):
        train.run(slice_, features, *outputs(tmp_path), threads=1, more=More(given))


def test_a_file_that_holds_no_scores(features, scored, tmp_path):
    given = {**scored, "first/signal": features["signal"].parent / "signal_0.h5"}
    with pytest.raises(InputError, match=r"scores of signal against background are expected"):
        train.run(
            slice_of(inputs=["taggers/first/0"]), features, *outputs(tmp_path), threads=1, more=More(given)
        )
