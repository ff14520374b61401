"""Decorrelation of taggers: divergences and rejections that are known beforehand."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from resonaut.cli import main
from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.seeds import generator
from resonaut.tag.decorrelation.measure import CURVE, Rows, edges_of, measure
from resonaut.tag.decorrelation.robustness import robustness


def rows(n: int, pull: float) -> Rows:
    """Half signal; the score of the background follows the variable, uniform in 0 to 1, by `pull`."""
    rng = generator(3, "decorrelation")
    is_signal = np.arange(n) % 2 == 0
    variable = rng.uniform(size=n)
    score = np.where(is_signal, 1.0, 0.0) + rng.normal(size=n) * 0.5 + pull * np.where(is_signal, 0, variable)
    return Rows(score, variable, is_signal)


def test_a_score_that_is_the_variable_leaves_its_upper_end():
    # The background passes above 0.75 of a uniform variable: shares 0, 0, 0, 1 against 1/4 each.
    variable = (np.arange(4000) + 0.5) / 4000
    score = np.concatenate([np.repeat([0.75, 2.0], 100), variable])
    is_signal = np.arange(len(score)) < 200
    found = measure(
        Rows(score, np.concatenate([np.zeros(200), variable]), is_signal),
        *(np.linspace(0, 1, 5), (0.99,), 20, 1),
    )
    at = found["at"][0]
    assert at["rejection"]["value"] == pytest.approx(4.0)
    p, q = np.array([0, 0, 0, 1.0]), np.full(4, 0.25)
    middle = (p + q) / 2
    expected = (np.log2(1 / middle[3]) + sum(q * np.log2(q / middle))) / 2
    assert at["jensen_shannon"]["value"] == pytest.approx(expected, rel=1e-12)
    assert found["shares"]["after"][0] == [0, 0, 0, 1]
    assert at["n_passed"] == 1000


def test_a_score_that_knows_nothing_is_at_the_floor():
    found = measure(rows(40_000, 0.0), np.linspace(0, 1, 21), (0.5,), 100, 1)
    at = found["at"][0]
    assert abs(at["jensen_shannon"]["value"] - at["floor"]["value"]) < 4 * at["floor"]["error"]
    # A random cut of n of N rows: (k - 1) (1 / n - 1 / N) / (8 ln 2) bits for k bins of many rows.
    expected = 19 * (1 / at["n_passed"] - 1 / 20_000) / (8 * np.log(2))
    assert at["floor"]["value"] == pytest.approx(expected, rel=0.15)


def test_a_score_that_follows_is_above_the_floor_and_errors_are_those_of_repetitions():
    edges = np.linspace(0, 1, 21)
    found = measure(rows(40_000, 0.5), edges, (0.5,), 100, 1)["at"][0]
    assert found["jensen_shannon"]["value"] > found["floor"]["value"] + 10 * found["floor"]["error"]
    # Poisson error of the rejection: signal moves the threshold little here.
    passed = found["n_passed"]
    assert found["rejection"]["error"] / found["rejection"]["value"] == pytest.approx(passed**-0.5, rel=0.6)


def test_curve_falls_with_the_efficiency_and_has_none_where_nothing_passes():
    curve = measure(rows(2000, 0.0), np.linspace(0, 1, 5), (0.5,), 20, 1)["curve"]
    assert curve["efficiency"] == list(CURVE)
    known = [value for value in curve["rejection"] if value is not None]
    assert known == sorted(known, reverse=True)
    apart = Rows(
        np.array([1.0, 1, 0, 0]), np.array([0.1, 0.9, 0.1, 0.9]), np.array([True, True, False, False])
    )
    found = measure(apart, np.linspace(0, 1, 3), (0.5,), 20, 1)
    assert found["at"][0]["rejection"] == {"value": None, "error": None}
    assert set(found["curve"]["rejection"]) == {None}


def test_edges_hold_the_central_values():
    assert edges_of(np.linspace(0, 1000, 100_001), 10, None)[[0, -1]] == pytest.approx([5, 995])
    assert edges_of(np.zeros(3), 2, (0, 4)).tolist() == [0, 2, 4]


def test_robustness_is_the_largest_change():
    def change(value: float | None) -> dict:
        return {"value": value, "error": 0.01}

    def at(fixed: float | None, same: float) -> list:
        return [{"fixed_threshold": {"rejection_change": change(fixed)}, "rejection_change": change(same)}]

    nominal = {"at": [{"efficiency": 0.5, "rejection": {"value": 40.0, "error": 2.0}}]}
    varied = {"up": {"at": at(-0.2, 0.01)}, "down": {"at": at(0.1, -0.03)}, "none": {"at": at(None, 0.0)}}
    told = {"taggers": {"pfn": {"nominal": nominal, "varied": varied}}}
    (found,) = robustness(told, "pfn")
    assert found["fixed"] == {"variation": "up", "value": -0.2, "error": 0.01}
    assert found["same"] == {"variation": "down", "value": -0.03, "error": 0.01}
    assert robustness(told, "cnn") is None


def scores(path, columns=("mass",)):
    made = rows(2000, 0.5)
    with h5py.File(path, "w") as file:
        file.attrs["task"] = "binary"
        file["jets/score"], file["jets/label"] = made.score, made.is_signal.astype(np.int8)
        for name in columns:
            file[f"jets/{name}"] = 100 * made.variable
    return path


def run(tmp_path, path, **settings):
    slice_ = json.dumps({"name": "mass", "seed": 1, "decorrelation": settings})
    words = ["--output", str(tmp_path / "d.json"), "--table", str(tmp_path / "d.md")]
    return main(["tag", "decorrelation", "--settings", slice_, "--scores", f"pfn={path}", *words])


def test_command_writes_numbers_and_a_table(tmp_path):
    assert run(tmp_path, scores(tmp_path / "s.h5"), n_bootstrap=20) == 0
    result = json.loads((tmp_path / "d.json").read_text())
    assert result["taggers"]["pfn"]["n_rows"] == {"signal": 1000, "background": 1000}
    table = (tmp_path / "d.md").read_text()
    rejection = result["taggers"]["pfn"]["at"][1]["rejection"]
    assert f"| pfn | 0.5 | {rejection['value']:.1f} ± {rejection['error']:.1f} |" in table


def test_rows_without_the_variable_are_refused(tmp_path, capsys):
    assert run(tmp_path, scores(tmp_path / "s.h5", ()), n_bootstrap=20) != 0
    assert "the rows have no column 'mass'" in capsys.readouterr().err
    assert not (tmp_path / "d.json").exists()


def study(**sections):
    simulated = {"source": "pythia", "n_events": 100, "process": "qcd_dijet"}
    qcd = {**simulated, "label": "qcd", "cuts": {"pt_hat_min": 300}}
    datasets = {"top": {**simulated, "process": "ttbar", "label": "top"}, "qcd": qcd}
    tag = {"pfn": {"signal": ["top"], "background": ["qcd"]}}
    return {"study": "x", "datasets": datasets, "represent": {"clouds": {}}, "tag": tag, **sections}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"tagger": "pnf"}, "decorrelation.mass.tagger: unknown tagger 'pnf'. Did you mean 'pfn'?"),
        ({"response": "jes"}, "decorrelation.mass.response: unknown entry of response 'jes'."),
        ({"range": [3, 2]}, "range: [low, high] with low < high is expected"),
    ],
)
def test_wrong_entries_are_refused(entry, message):
    with pytest.raises(ConfigError, match="decorrelation") as caught:
        parse(study(decorrelation={"mass": entry}))
    assert message in str(caught.value)
