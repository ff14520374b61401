"""Comparison of taggers: common rows, paired errors, ensemble, tables."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.stats import norm

from resonaut.errors import InputError, MismatchError
from resonaut.files import canonical_json, write_json
from resonaut.tag.compare import run
from resonaut.tag.evaluation import comparison, shared_rows, summary
from resonaut.tag.evaluation.metrics import auc, evaluate
from resonaut.tag.evaluation.summary import Scored

PUBLISHED = Path(__file__).parents[4] / "shared" / "data" / "toptag_scores"
N = 4000


def probabilities(seed, power, n=N):
    """Scores of a tagger that sees a common truth through its own noise; larger power is better."""
    common_part, labels = np.random.default_rng(0).normal(size=n), np.arange(n) % 2
    x = labels * power + 0.8 * common_part + 0.6 * np.random.default_rng(seed).normal(size=n)
    return 1 / (1 + np.exp(-(power * x - power**2 / 2))), labels


def write(folder, name, score, label, rows=None, datasets=("qcd", "top"), restarts=None, **attributes):
    """Files of a tagger, `rows` of its test part."""
    rows = np.arange(len(score)) if rows is None else rows
    restarts = np.stack([score, score]) if restarts is None else restarts
    label = label.astype(np.int8)
    with h5py.File(folder / f"{name}.h5", "w") as file:
        head = {"kind": "tag_scores", "part": "test", "rows": "jets", "task": "binary", **attributes}
        file.attrs.update({**head, "datasets": canonical_json(list(datasets))})
        number = np.array([datasets.index(dataset) for dataset in sorted(datasets)])[label]
        columns = {"score": score, "label": label, "dataset": number.astype(np.int16)}
        columns |= {
            "index": np.arange(len(score)) % 2,
            "run": np.ones(len(score)),
            "lumi": np.ones(len(score)),
        }
        columns["event"] = np.arange(len(score)) // 2
        for key, column in columns.items():
            file[f"jets/{key}"] = column[rows]
    test = Scored(score[rows], restarts[:, rows], label[rows])
    metrics = {
        "method": name, "task": "binary", **summary.binary(test, test),
        "n_jets": {"train": 3 * len(rows), "validation": len(rows), "test": len(rows)}, "n_parameters": 1234,
        "best_epoch": 2, "history": [{"epoch": 1}, {"epoch": 2}],
    }  # fmt: skip
    write_json(folder / f"{name}.json", metrics)


def compared(folder, names):
    run(
        {name: folder / f"{name}.h5" for name in names},
        {name: folder / f"{name}.json" for name in names},
        folder / "comparison.json",
        folder / "comparison.md",
    )
    return json.loads((folder / "comparison.json").read_text()), (folder / "comparison.md").read_text()


def test_taggers_are_sorted_by_auc_with_what_they_cost(tmp_path):
    write(tmp_path, "weak", *probabilities(1, 1.0))
    write(tmp_path, "strong", *probabilities(2, 1.6))
    result, text = compared(tmp_path, ["weak", "strong"])
    names = [entry["name"] for entry in result["taggers"]]
    assert names.index("strong") < names.index("weak")
    assert sorted(names) == ["ensemble", "strong", "weak"]
    strong = next(entry for entry in result["taggers"] if entry["name"] == "strong")
    found = evaluate(*probabilities(2, 1.6))
    assert (strong["auc"], strong["accuracy"]) == (found.auc, found.accuracy)
    assert strong["rejection"]["0.5"]["rejection"] == found.rejection["0.5"].rejection
    assert (strong["epochs"], strong["n_parameters"]) == (2, 1234)
    assert (result["n_common"], result["n_signal"]) == (N, N // 2)
    assert result["datasets"] == {"qcd": "background", "top": "signal"}
    assert abs(strong["auc"] - norm.cdf(1.6 / np.sqrt(2))) < 4 * strong["auc_error"]
    assert f"| strong | 1 234 | 12 000 | 2 | {strong['auc']:.4f} ± " in text
    assert len(result["provenance"]["inputs"]) == 4


def test_differences_are_paired(tmp_path):
    write(tmp_path, "a", *probabilities(1, 1.5))
    write(tmp_path, "b", *probabilities(2, 1.3))
    result, text = compared(tmp_path, ["a", "b"])
    [found] = [e for e in result["differences"] if {e["first"], e["second"]} == {"a", "b"}]
    (one, labels), (other, _) = probabilities(1, 1.5), probabilities(2, 1.3)
    assert found["auc"]["difference"] == pytest.approx(auc(one, labels) - auc(other, labels))
    by_name = {entry["name"]: entry for entry in result["taggers"]}
    independent = np.hypot(by_name["a"]["auc_error"], by_name["b"]["auc_error"])
    assert found["auc"]["error"] < 0.8 * independent
    assert found["auc"]["seed_error"] == 0
    correct = [(p > 0.5) == (labels == 1) for p in (one, other)]
    only = [(correct[0] & ~correct[1]).sum(), (correct[1] & ~correct[0]).sum()]
    assert found["accuracy"]["difference"] == pytest.approx((only[0] - only[1]) / N)
    # McNemar: the variance of the difference is that of the rows where one of the two is right.
    assert found["accuracy"]["error"] == pytest.approx(np.sqrt(sum(only) - (only[0] - only[1]) ** 2 / N) / N)
    assert "difference on the same rows" in text


def test_errors_of_differences_are_the_spread_of_repeated_samples():
    values, errors = [], []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        labels = np.arange(600) % 2
        shared = rng.normal(size=600)
        p = {
            name: 1 / (1 + np.exp(-(labels - 0.5 + 0.8 * shared + 0.6 * rng.normal(size=600))))
            for name in "ab"
        }
        [found] = comparison.paired(p, labels, {})
        values.append((found["auc"]["difference"], found["accuracy"]["difference"]))
        errors.append((found["auc"]["total_error"], found["accuracy"]["total_error"]))
    np.testing.assert_allclose(np.mean(errors, 0), np.std(values, 0), rtol=0.12)


def test_seeds_widen_the_error(tmp_path):
    (one, labels), (other, _) = probabilities(1, 1.5), probabilities(2, 1.3)
    write(tmp_path, "a", one, labels, restarts=np.stack([one, probabilities(3, 1.2)[0]]))
    write(tmp_path, "b", other, labels, restarts=np.stack([other, probabilities(4, 1.0)[0]]))
    result, text = compared(tmp_path, ["a", "b"])
    [found] = [e["auc"] for e in result["differences"] if {e["first"], e["second"]} == {"a", "b"}]
    spreads = [entry["spread"]["auc"]["standard_error"] for entry in result["taggers"] if entry["spread"]]
    assert found["seed_error"] == pytest.approx(np.hypot(*spreads))
    assert found["total_error"] == pytest.approx(np.hypot(found["error"], found["seed_error"]))
    assert found["significance"] == pytest.approx(found["difference"] / found["total_error"])
    assert f"({np.sqrt(2) * spreads[0]:.4f})" in text


def test_the_ensemble_is_the_mean_of_log_odds_and_better_than_its_parts(tmp_path):
    parts = [probabilities(seed, 1.2) for seed in range(1, 5)]
    for number, part in enumerate(parts):
        write(tmp_path, f"t{number}", *part)
    result, _ = compared(tmp_path, [f"t{number}" for number in range(4)])
    assert result["taggers"][0]["name"] == "ensemble"
    mean = np.mean([np.log(p / (1 - p)) for p, _ in parts], 0)
    assert result["taggers"][0]["auc"] == pytest.approx(auc(mean, parts[0][1]), abs=1e-9)
    assert result["taggers"][0]["accuracy"] == ((mean > 0) == (parts[0][1] == 1)).mean()


def test_scores_of_nought_and_one_have_finite_log_odds():
    found = comparison.log_odds(np.float32([0, 0.5, 1]))
    assert np.isfinite(found).all()
    assert found[1] == 0
    assert found[0] == -found[2]


def test_curves_are_cuts_of_the_scores():
    p, labels = probabilities(1, 1.5)
    p = np.round(p, 2)
    found = comparison.curve(p, labels)
    assert (found["signal_efficiency"][-1], found["background_passed"][-1]) == (1, N // 2)
    assert (np.diff(found["signal_efficiency"][:-1]) > 0).all()
    for efficiency, passed in list(zip(*found.values(), strict=True))[:-1:10]:
        cut = (
            np.quantile(p[labels == 1], 1 - efficiency, method="higher")
            if efficiency < 1
            else p[labels == 1].min()
        )
        assert ((p >= cut) & (labels == 0)).sum() == passed


def test_common_rows_are_matched_whatever_their_order_and_numbers(tmp_path):
    (one, labels), (other, _) = probabilities(1, 1.5), probabilities(2, 1.3)
    rng = np.random.default_rng(0)
    write(tmp_path, "a", one, labels, rng.permutation(N)[:3000])
    write(tmp_path, "b", other, labels, rng.permutation(N)[:3500], datasets=("top", "qcd"))
    rows = shared_rows.read({name: tmp_path / f"{name}.h5" for name in "ab"})
    assert 2500 < len(rows.label) < 3000
    place = {value: row for row, value in enumerate(one)}
    found = np.array([place[value] for value in rows.score[0]])
    np.testing.assert_array_equal(rows.score[1], other[found])
    np.testing.assert_array_equal(rows.label, labels[found])
    assert len(np.unique(found)) == len(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"datasets": ("qcd", "w")}, r"datasets are qcd \(background\), w \(signal\), those of .*a\.h5"),
        ({"rows": "events"}, "rows are events, those of"),
    ],
)
def test_other_datasets_and_rows_are_refused(tmp_path, change, message):
    p, labels = probabilities(1, 1.5)
    write(tmp_path, "a", p, labels)
    if "datasets" in change:
        write(tmp_path, "b", p, labels, **change)
    else:
        write(tmp_path, "b", p, labels)
        with h5py.File(tmp_path / "b.h5", "a") as file:
            file.attrs.update(change)
    with pytest.raises(MismatchError, match=message):
        compared(tmp_path, ["a", "b"])
    assert not (tmp_path / "comparison.json").exists()


def test_another_split_is_refused(tmp_path):
    p, labels = probabilities(1, 1.5)
    write(tmp_path, "a", p, labels, np.arange(0, 2000))
    write(tmp_path, "b", p, labels, np.arange(1500, 4000))
    with pytest.raises(MismatchError, match=r"500 of 2000 test jets .* other splits"):
        compared(tmp_path, ["a", "b"])


@pytest.mark.parametrize("name", ["scores", "metrics"])
def test_files_of_another_kind_are_named(tmp_path, name):
    p, labels = probabilities(1, 1.5)
    write(tmp_path, "a", p, labels)
    if name == "scores":
        with h5py.File(tmp_path / "a.h5", "a") as file:
            file.attrs["kind"] = "features"
    else:
        write_json(tmp_path / "a.json", {"n_networks": 4})
    with pytest.raises(InputError, match=r"a\.(h5|json): .* of `tag train` are expected"):
        compared(tmp_path, ["a"])


def test_names_must_match_and_leave_the_ensemble_free(tmp_path):
    with pytest.raises(InputError, match=r"\['b'\] are in one of them only"):
        run({"a": tmp_path, "b": tmp_path}, {"a": tmp_path}, tmp_path / "o", tmp_path / "t")
    with pytest.raises(InputError, match="'ensemble' is that of all together"):
        run({"ensemble": tmp_path}, {"ensemble": tmp_path}, tmp_path / "o", tmp_path / "t")


def test_other_tasks_are_listed_apart(tmp_path):
    write(tmp_path, "a", *probabilities(1, 1.5))
    head = {"n_jets": {"train": 10}, "n_parameters": 5, "history": [], "method": "pfn"}
    rng = np.random.default_rng(1)
    p = rng.dirichlet([1, 1, 1], 500)
    labels = rng.integers(0, 3, 500)
    found = summary.classes(Scored(p, None, labels), Scored(p, label=labels), "xyz")
    write_json(tmp_path / "five.json", {**head, "task": "classes", "classes": list("xyz"), **found})
    target, wrong = np.linspace(70, 90, 9), np.array([-5, 5, -5, 5, -5, 5, -5, 5, 0.0])
    value = Scored(target + 0.2 * wrong, target=target, reference=target + wrong)
    write_json(tmp_path / "mass.json", {**head, "task": "regression", **summary.regression(value, value)})
    result, text = compared(tmp_path, ["a", "five", "mass"])
    assert [entry["name"] for entry in result["taggers"]] == ["a"]
    assert result["differences"] == []
    assert result["classes"][0]["accuracy"] == found["accuracy"]
    assert result["regression"][0]["gain"]["resolution"] == pytest.approx(5, rel=0.2)
    assert "## Several classes" in text
    assert "| mass | 5 | 10 |" in text
    only, text = compared(tmp_path, ["five"])
    assert "taggers" not in only
    assert text.startswith("# Taggers")


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published scores are not on this machine")
def test_published_taggers_in_order(tmp_path):
    labels = np.load(PUBLISHED / "labels.npy")[::4]
    for name in ("PFN_v0", "ParticleNet_v2", "ResNeXt50_v2"):
        write(tmp_path, name, np.load(PUBLISHED / f"{name}.npy")[::4], labels)
    result, _ = compared(tmp_path, ["PFN_v0", "ParticleNet_v2", "ResNeXt50_v2"])
    singles = [entry["name"] for entry in result["taggers"] if entry["name"] != "ensemble"]
    assert singles == ["ParticleNet_v2", "ResNeXt50_v2", "PFN_v0"]
    [found] = [
        entry for entry in result["differences"]
        if (entry["first"], entry["second"]) == ("ParticleNet_v2", "PFN_v0")
    ]  # fmt: skip
    assert found["auc"]["difference"] == pytest.approx(0.9848 - 0.9821, abs=0.0006)
    assert found["auc"]["significance"] > 5
