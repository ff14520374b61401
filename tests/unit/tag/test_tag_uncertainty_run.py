"""Uncertainty of a small tagger from its files: what is measured, that it repeats, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_tag_dense import CENTRES, outputs, slice_of, write_features

from resonaut.errors import ConfigError, MismatchError
from resonaut.nn.networks.bayesian import BayesianLinear
from resonaut.tag import networks, train
from resonaut.tag.rows.prepare import prepare
from resonaut.tag.uncertainty import run as entry
from resonaut.tag.uncertainty.settings import UncertaintySettings
from resonaut.tag.uncertainty.trained import Trainer, can_be_batched

METHODS = ["ensemble", "dropout", "laplace", "bayesian"]


def settings(**more):
    own = {"tagger": "toy", "n_networks": 3, "n_draws": 8, "methods": METHODS, **more}
    return {"name": "sure", "seed": 3, "uncertainty": own}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, 3000) for name in CENTRES}


@pytest.fixture(scope="module")
def strange(tmp_path_factory):
    """Events ten widths away, in a dataset of its own, and the same as a variation of both datasets."""

    def far(file):
        for name in "ab":
            file[f"events/{name}"][:] = file[f"events/{name}"][:] + 10

    folder = tmp_path_factory.mktemp("strange")
    return {name: write_features(folder, name, 1500, spoil=far) for name in CENTRES}


@pytest.fixture(scope="module")
def trained(features, tmp_path_factory):
    files = outputs(tmp_path_factory.mktemp("trained"))
    train.run(slice_of(), features, *files, threads=1)
    return files[0]


def measure(folder, features, trained, files=None, **more):
    output, table = folder / "uncertainty.json", folder / "uncertainty.md"
    entry.run(settings(**more), features, trained, output, table, 1, files)
    return json.loads(output.read_text()), table.read_text()


@pytest.fixture(scope="module")
def result(features, strange, trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    ood = {f"far/{name}": path for name, path in strange.items()}
    return measure(folder, features, trained, ood, ood=["far"], sizes=[150])


def test_every_method_is_measured(result):
    found, table = result
    assert list(found["methods"]) == ["tagger", *METHODS]
    assert found["n_draws"] == {"tagger": 1, "ensemble": 3, "dropout": 8, "laplace": 8, "bayesian": 8}
    assert sum(found["n_rows"].values()) == 6000
    for name, numbers in found["methods"].items():
        assert numbers["auc"] > 0.8, name
        assert numbers["epistemic"] >= 0
        assert list(numbers["calibrations"]) == ["none", "temperature", "platt", "isotonic"]
        # Gaussians of equal widths: log odds are linear, so a small network is right about itself.
        error = numbers["calibrations"]["temperature"]["ece"]["equal_mass"]
        assert error["value"] < error["floor"] + 5 * error["floor_standard"] + 0.01
        assert f"| {name} |" in table
    assert found["methods"]["tagger"]["epistemic"] == pytest.approx(0, abs=1e-12)


def test_the_tagger_is_what_score_gives(features, trained, result):
    from resonaut.tag.evaluation import metrics

    loaded = networks.load(trained)
    rows = prepare(loaded.description, loaded.settings, loaded.tagger, "tag.toy", features, 1)
    found = networks.outputs(loaded.networks, loaded.task, rows.samples(), rows.parts[2])[0]
    expected = metrics.auc(found, rows.group[rows.parts[2]])
    assert result[0]["methods"]["tagger"]["auc"] == pytest.approx(expected, abs=1e-6)


def test_epistemic_falls_with_more_rows(result):
    few, many = result[0]["sizes"]
    assert few["n_train"] == 150
    assert many["n_train"] == result[0]["n_rows"]["train"]
    for name in ("laplace", "bayesian"):
        assert many["methods"][name]["epistemic"] < 0.5 * few["methods"][name]["epistemic"], name
    same = result[0]["methods"]["ensemble"]
    assert many["methods"]["ensemble"]["epistemic"] == same["epistemic"]
    assert many["methods"]["ensemble"]["nll"] == same["calibrations"]["none"]["nll"]


def test_far_events_spread_the_log_odds(result):
    found = result[0]["ood"]["far"]
    # 20 % of the events of each dataset, those of the test part.
    assert 400 < found["n_rows"] < 800
    for name in ("ensemble", "laplace"):
        of = found["methods"][name]
        # All draws call them signal, so that nothing is left of the uncertainty but the spread of log odds.
        assert of["total"]["auc"] < 0.1
        assert of["spread"]["auc"] > 0.95
        assert of["spread"]["mean"] > 3 * of["spread"]["usual_mean"]
    assert found["methods"]["tagger"]["epistemic"]["auc"] == pytest.approx(0.5)


def test_two_runs_give_the_same_bytes(features, trained, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        measure(tmp_path / name, features, trained, methods=["dropout", "ensemble"])
    one, two = ((tmp_path / name / "uncertainty.json").read_bytes() for name in ("one", "two"))
    assert one == two


def trainer(features, trained, training=None, **more):
    loaded = networks.load(trained)
    plan = loaded.settings.training.model_copy(update=training or {})
    loaded = replace(loaded, settings=loaded.settings.model_copy(update={"training": plan}))
    rows = prepare(loaded.description, loaded.settings, loaded.tagger, "tag.toy", features, 1)
    own = UncertaintySettings(**settings(**more)["uncertainty"])
    return Trainer(loaded.settings, loaded.tagger, rows, own, 3, "uncertainty.sure", 6)


def test_networks_of_one_program_learn_as_well_as_one_after_the_other(features, trained):
    found = {}
    for batched in (True, False):
        job = trainer(features, trained, {"schedule": "constant", "epochs": 6}, batched=batched, n_networks=2)
        assert can_be_batched(job.rows, job.tagger)
        samples, part = job.rows.samples(), job.rows.parts[2]
        logits = np.stack([values[:, 0] for values in job.ensemble().draws(samples, part)])
        loss = np.logaddexp(0, logits * np.where(job.rows.group[part] == 1, -1, 1)).mean(1)
        found[batched] = loss
        assert len({round(value, 9) for value in loss}) == 2
    # 1200 test rows: a loss is known to about 0.02, differences on the same rows much better.
    assert found[True].mean() == pytest.approx(found[False].mean(), abs=0.01)


def test_widths_and_dropout_are_where_they_belong(features, trained):
    job = trainer(features, trained, dropout=0.3, prior_width=0.5)
    network = job.bayesian_tagger().network(1)
    layers = [part for part in network.modules() if isinstance(part, BayesianLinear)]
    assert [(part.in_features, part.prior_width) for part in layers] == [(3, 0.5), (16, 0.5), (16, 0.5)]
    network = job.dropout_tagger().network(1)
    assert [part.p for part in network.modules() if isinstance(part, torch.nn.Dropout)] == [0.3, 0.3]
    assert network(torch.zeros(5, 3)).shape == (5,)


def test_a_regression_promises_the_width_that_it_has(features, tmp_path):
    """c is 300 wide and independent of a: all that can be promised of it is that width."""
    regression = slice_of(
        signal=[], background=[], datasets=["signal", "background"], target="c", inputs=["a", "b"], hidden=[8]
    )
    files = outputs(tmp_path)
    train.run(regression, features, *files, threads=1)
    found, table = measure(tmp_path, features, files[0], methods=["ensemble", "dropout", "bayesian"])
    assert list(found["methods"]) == ["single", "ensemble", "dropout", "bayesian"]
    for name, numbers in found["methods"].items():
        pull = numbers["pulls"]["none"]
        assert pull["width"] == pytest.approx(1, abs=5 * pull["width_standard"] + 0.05), name
        assert numbers["rmse"] == pytest.approx(300, rel=0.05)
        assert numbers["aleatoric"] == pytest.approx(300, rel=0.1)
        assert numbers["epistemic"] < 60
        assert pull["inside_1"] == pytest.approx(0.683, abs=0.06)
        assert f"| {name} |" in table
    with pytest.raises(ConfigError, match="laplace is of classes, and 'toy' predicts a quantity"):
        measure(tmp_path, features, files[0])


def test_boosted_trees_have_no_weights(features, tmp_path):
    trees = slice_of() | {"kind": "trees"}
    trees["settings"] = {key: trees["settings"][key] for key in ("signal", "background", "inputs")}
    trees["settings"]["training"] = {"n_iterations": 5, "max_features": 0.5}
    files = outputs(tmp_path)
    train.run(trees, features, *files, threads=1)
    with pytest.raises(ConfigError, match="dropout needs a network that learns by gradients"):
        measure(tmp_path, features, files[0])
    found, _ = measure(tmp_path, features, files[0], methods=["ensemble"], sizes=[500])
    assert found["methods"]["ensemble"]["epistemic"] > 0


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        (
            {"tagger": "other"},
            MismatchError,
            "the weights of 'toy', while uncertainty.sure.tagger is 'other'",
        ),
        ({"sizes": [10_000]}, ConfigError, "10000 training rows are asked for, but 'toy' learns from"),
        ({"ood": ["far"]}, ConfigError, "no rows of 'far' are given"),
        ({"methods": ["ensembel"]}, ConfigError, "uncertainty.methods.0"),
        ({"n_draw": 3}, ConfigError, "Did you mean 'n_draws'?"),
        ({"methods": ["ensemble", "ensemble"]}, ConfigError, "named twice"),
        ({"methods": [], "sizes": [200]}, ConfigError, "no method to train on fewer rows"),
    ],
)
def test_bad_settings(features, trained, tmp_path, more, error, words):
    with pytest.raises(error) as caught:
        measure(tmp_path, features, trained, **more)
    assert words in str(caught.value)


def test_strange_rows_of_another_representation(features, trained, tmp_path):
    other = {f"far/{name}": write_features(tmp_path, name, 400, beta=2.0) for name in CENTRES}
    with pytest.raises(MismatchError, match="nsubjettiness_beta"):
        measure(tmp_path, features, trained, other, ood=["far"])
