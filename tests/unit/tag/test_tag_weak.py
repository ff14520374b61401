"""Mixed samples: what is drawn, the loss of proportions, and that CWoLa reaches what labels do."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from test_tag_dense import BEST_AUC, CENTRES, slice_of, write_features
from test_tag_stability import STUDY
from torch import nn

from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.tag.evaluation import metrics
from resonaut.tag.weak import mixed, run
from resonaut.tag.weak.proportions import proportion_loss


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, 5000) for name in CENTRES}


def settings(**more):
    own = {"tagger": "toy", "n_seeds": 2, "mixtures": [[0.8, 0.2]], "batch": 256, **more}
    return {"name": "mixed", "seed": 3, "weak": own, "tag": slice_of()}


@pytest.fixture(scope="module")
def result(features, tmp_path_factory):
    folder = tmp_path_factory.mktemp("result")
    run.run(settings(), features, folder / "weak.json", folder / "weak.md", 1)
    return json.loads((folder / "weak.json").read_text()), (folder / "weak.md").read_text()


def test_samples_have_their_fractions_and_rows_are_used_once():
    generator = np.random.default_rng(0)
    label = (generator.random(5000) < 0.4).astype(np.int64)
    hashed = generator.integers(0, 2**63, 5000).astype(np.uint64)
    part = np.arange(1000, 5000)
    rows, sample = mixed.draw(part, label, hashed, [0.1, 0.3, 0.7], 3000, "w")
    assert len(rows) == 3000
    assert len(np.unique(rows)) == 3000
    assert np.isin(rows, part).all()
    for number, fraction in enumerate([0.1, 0.3, 0.7]):
        assert (sample == number).sum() == 1000
        assert label[rows[sample == number]].mean() == fraction
    with pytest.raises(ConfigError, match=r"w: 2100 rows of signal are needed for the fractions 0\.4, 0\.9"):
        mixed.draw(part, label, hashed, [0.4, 0.9], 3230, "w")


def test_the_number_of_rows_is_what_all_can_have():
    n_rows = mixed.most_rows([(0.8, 0.2), (0.9, 0.5)], 3000, 2000)
    # 0.7 of them are signal in the second mixture.
    assert n_rows == pytest.approx(2000 / 0.7, abs=4)
    for fractions in ((0.8, 0.2), (0.9, 0.5)):
        counts = mixed.counts(fractions, n_rows).sum(axis=0)
        assert counts[0] <= 3000
        assert counts[1] <= 2000


def test_the_loss_of_proportions_by_hand():
    class Given(nn.Module):
        def forward(self, values):
            return values

    probability = torch.tensor([0.2, 0.4, 0.9, 0.7, 0.8])
    sample = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0])
    loss = proportion_loss([0.25, 0.75])(Given(), (torch.logit(probability), sample))
    expected = 0.4 * (0.3 - 0.25) ** 2 + 0.6 * (0.8 - 0.75) ** 2
    assert loss.shape == (5,)
    assert loss.tolist() == pytest.approx([expected] * 5)
    # A batch that lacks a sample: its rows alone count.
    alone = proportion_loss([0.25, 0.75])(Given(), (torch.logit(probability[:2]), sample[:2]))
    assert alone[0].item() == pytest.approx(0.05**2)


def test_the_auc_of_mixtures_is_linear_in_the_fractions():
    generator = np.random.default_rng(1)
    signal, background = generator.normal(1, 1, 40_000), generator.normal(0, 1, 40_000)
    rich = np.concatenate([signal[:14_000], background[:6000]])
    poor = np.concatenate([signal[14_000:20_000], background[6000:20_000]])
    label = np.repeat([1, 0], [len(rich), len(poor)])
    between = metrics.auc(np.concatenate([rich, poor]), label)
    pure = metrics.auc(np.concatenate([signal, background]), np.repeat([1, 0], 40_000))
    assert run.pure_auc(between, 0.7 - 0.3) == pytest.approx(pure, abs=4 * 0.003 / 0.4)


def test_weak_supervision_reaches_the_best_auc(result):
    """Two Gaussians: the likelihood ratio of the mixtures is monotonic in that of the classes."""
    found, table = result
    (entry,) = found["mixtures"]
    assert entry["fractions"] == [0.2, 0.8]
    assert entry["difference"] == pytest.approx(0.6)
    methods = entry["methods"]
    assert list(methods) == ["full", "cwola", "llp", "equivalent"]
    for name in ("full", "cwola", "equivalent"):
        assert methods[name]["auc"] == pytest.approx(BEST_AUC, abs=0.03), name
    assert methods["llp"]["auc"] == pytest.approx(BEST_AUC, abs=0.05)
    cwola = methods["cwola"]
    assert cwola["below_full"]["value"] == pytest.approx(methods["full"]["auc"] - cwola["auc"])
    assert abs(cwola["below_full"]["value"]) < 0.02
    difference = cwola["from_mixed"]["auc"] - cwola["auc"]
    assert abs(difference) < 4 * np.hypot(cwola["from_mixed"]["standard"], cwola["statistical"])
    assert entry["n_equivalent"] == int(0.36 * entry["n_rows"]["training"])
    assert "| CWoLa |" in table


def test_three_samples_for_proportions(features, tmp_path):
    more = {"mixtures": [[0.9, 0.5, 0.1]], "methods": ["llp"], "equivalent": False, "n_rows": 1500}
    outputs = tmp_path / "w.json", tmp_path / "w.md"
    run.run(settings(**more), features, *outputs, 1)
    (entry,) = json.loads(outputs[0].read_text())["mixtures"]
    assert entry["n_rows"]["training"] == 1500
    assert list(entry["methods"]) == ["full", "llp"]
    assert entry["methods"]["llp"]["auc"] > 0.75
    first = outputs[0].read_bytes()
    run.run(settings(**more), features, *outputs, 1)
    assert outputs[0].read_bytes() == first


def test_too_many_rows_are_refused(features, tmp_path):
    with pytest.raises(ConfigError, match=r"weak\.mixed\.n_rows: 90000 training rows are asked for"):
        run.run(settings(n_rows=90_000), features, tmp_path / "w.json", tmp_path / "w.md", 1)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tagger": "pfm"}, "unknown tagger 'pfm'.*pfn"),
        ({"tagger": "mass"}, "has the task 'regression'"),
        ({"tagger": "pfn", "mixtures": [[0.5, 0.5]]}, "equal fractions tell nothing"),
        ({"tagger": "pfn", "mixtures": [[0.8, 0.2], [0.2, 0.8]]}, "a mixture is named twice"),
        ({"tagger": "pfn", "mixtures": [[0.8, 0.5, 0.2]]}, "cwola tells two apart"),
        ({"tagger": "pfn", "mixtures": [[1.2, 0.5]]}, "less than or equal to 1"),
        ({"tagger": "trees"}, "llp needs a network that learns by gradients"),
        ({"tagger": "weighted"}, "event_weights"),
    ],
)
def test_bad_entries_are_refused(entry, message):
    tag = {
        **STUDY["tag"],
        "trees": {"signal": ["a"], "background": ["b"], "inputs": ["jets/mass"]},
        "weighted": {"kind": "pfn", "signal": ["a"], "background": ["b"], "event_weights": True},
    }
    with pytest.raises(ConfigError, match=message):
        parse({**STUDY, "tag": tag, "weak": {"x": entry}})
