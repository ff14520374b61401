"""The table of global p-values: its numbers by hand, and pseudo-experiments from scores to the table."""

from __future__ import annotations

import json
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
from scipy.stats import beta, norm

from resonaut import cli
from resonaut.errors import ConfigError, EmptyFileError, InputError
from resonaut.hunt.spectra import hunt
from resonaut.infer import spectra as spectra_file
from resonaut.infer import trials, trials_fits, window_likelihood
from resonaut.infer.calibration_likelihood import Statistic
from resonaut.infer.settings import InferSettings
from resonaut.infer.trials_procedures import Part
from resonaut.infer.trials_settings import TrialsTableSettings
from resonaut.infer.trials_table import leave_one_out, markdown, rate, uniformity
from resonaut.settings import validate

WINDOWS = [{"low": 3000.0, "high": 3400.0}, {"low": 3400.0, "high": 3800.0}]
SCAN = {"mass_min": 2500, "mass_max": 5000, "sideband_width": 500, "windows": WINDOWS}
HUNT = {"efficiencies": [0.2, 0.05], "n_parameters": 3, "conformal": {"variants": ["split"]}}
SETTINGS = {
    "mixture": "data",
    "null": "null",
    "inject": {"signal": {"wprime": 150}},
    "trials_table": {"levels": [0.1], "n_toys": 40, "n_bootstrap": 40, "experiments_max": 3},
    "seed": 1,
}


def test_rates_by_hand():
    found = rate(np.array([0.01, 0.05, 0.2, 0.9, np.nan]), 0.05)
    assert (found["count"], found["n"], found["value"]) == (2, 4, 0.5)
    tail = (1 - 0.682689492137086) / 2
    assert found["low"] == pytest.approx(beta.ppf(tail, 2, 3))
    assert found["high"] == pytest.approx(beta.ppf(1 - tail, 3, 2))
    assert rate(np.array([np.nan]), 0.05) == {"count": 0, "n": 0, "value": None, "low": None, "high": None}
    # 40 toys never give a p-value of 1 %: that none is seen says nothing.
    assert rate(np.array([0.5]), 0.01, 1 / 41)["value"] is None
    assert rate(np.array([0.5]), 0.025, 1 / 40)["value"] == 0


def test_leave_one_out_by_hand():
    null = np.array([1.0, 3.0, 2.0, 2.0, np.nan])
    np.testing.assert_allclose(leave_one_out(null), [4 / 4, 1 / 4, 3 / 4, 3 / 4, np.nan])
    np.testing.assert_allclose(leave_one_out(null, np.array([5.0, 2.5, 0.0])), [1 / 5, 2 / 5, 5 / 5])


def test_uniformity_sees_small_p_values_only():
    rng = np.random.default_rng(1)
    p = rng.uniform(size=500)
    assert uniformity(p)["p_value"] > 0.01
    assert uniformity(p**2)["p_value"] < 1e-9
    assert uniformity(p**2)["excess"] == pytest.approx(0.25, abs=0.06)
    assert uniformity(np.sqrt(p))["p_value"] > 0.5
    assert uniformity(np.array([np.nan]))["excess"] is None


def test_planted_p_values_give_the_table(tmp_path, monkeypatch):
    """10 without signal, of which one has p = 0.1; 4 with, of which three do."""
    planted = {
        "null": (np.arange(10.0), np.where(np.arange(10) == 9, 0.1, 0.5)),
        "signal": (np.array([20.0, 20.0, 20.0, 0.5]), np.array([0.1, 0.01, 0.02, 0.3])),
        "data": (np.array([8.0]), np.array([0.02])),
    }

    def evaluate(path, settings, seed, family, statistic):
        z, p = planted[family.split(":")[-1]]
        return Part(np.arange(len(z)), z, {"local": p / 10, "gross_vitells": p})

    monkeypatch.setattr(trials, "evaluate", evaluate)
    names = {f"data:{name}:part0/cwola": tmp_path / name for name in ("null", "signal")}
    for path in names.values():
        path.write_text("")
    with h5py.File(tmp_path / "open.h5", "w") as file:
        file.attrs["blind"] = False
    data = {"cwola": tmp_path / "open.h5"}
    result = trials.run(SETTINGS, names, tmp_path / "t.json", tmp_path / "t.md", data)
    assert [entry["observed"] for entry in result["entries"]] == pytest.approx([0.002, 0.02, 3 / 11])
    assert [entry["procedure"] for entry in result["entries"]] == [
        *("local", "gross_vitells", "pseudo_experiments")
    ]
    local, bounded, counted = (entry["rates"][0] for entry in result["entries"])
    assert local["false_positive"]["count"] == 10
    assert (bounded["false_positive"]["count"], bounded["power"]["signal"]["value"]) == (1, 0.75)
    # 9 others: the largest has p = 1/10. The first three with signal are above all, 1/11.
    assert (counted["false_positive"]["value"], counted["power"]["signal"]["count"]) == (0.1, 3)
    written = json.loads((tmp_path / "t.json").read_text())
    assert written["entries"] == result["entries"]
    assert written["entries"][2]["p_values"]["null"][0] == 1
    table = (tmp_path / "t.md").read_text()
    assert table == markdown(written)
    assert "| cwola | Gross-Vitells | 0.02 | 10 | 10.0 [1.7, 29.4] | 75.0 [38.2, 95.8] |" in table
    assert "null: 10 without signal, signal: 4 with 150 wprime" in table


def scores(path, seed, n_signal, n=3, first=0):
    """Pseudo-experiments: a falling spectrum with random scores, and signal with large ones at 3.2 TeV."""
    rng = np.random.default_rng(seed)
    size = 4000 + n_signal
    mass = np.concatenate([2500 + rng.exponential(500, (n, 4000)), rng.normal(3200, 60, (n, n_signal))], 1)
    score = rng.normal(size=(n, 2, size)).astype(np.float32)
    score[..., 4000:] += 2.5
    with h5py.File(path, "w") as file:
        file["events/mass"], file["score"] = mass, score
        file["events/fold"] = rng.integers(0, 2, mass.shape).astype(np.int8)
        file.attrs.update(
            kind="scores", method="cwola", mixture="data", labelled=True, provenance="{}",
            windows=json.dumps(WINDOWS), first_experiment=first,
        )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def hunted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    found = {}
    for seed, (name, n_signal, n, first) in enumerate(
        [("null:part0", 0, 3, 0), ("null:part1", 0, 1, 3), ("signal:part0", 150, 2, 0)]
    ):
        out = folder / name.replace(":", "_")
        out.mkdir()
        path = scores(out / "scores.h5", seed, n_signal, n, first)
        hunt({"scan": SCAN, "hunt": HUNT}, path, out / "spectra.h5", out / "hunt.json")
        found[f"data:{name}/cwola"] = out / "spectra.h5"
    return found


def test_from_scores_to_the_table(hunted, tmp_path):
    pairs = [f"{name}={path}" for name, path in hunted.items()]
    arguments = ["infer", "trials", "--settings", json.dumps(SETTINGS), "--spectra", *pairs]
    arguments += ["--output", str(tmp_path / "trials.json"), "--table", str(tmp_path / "trials.md")]
    assert cli.main(arguments) == 0
    result = json.loads((tmp_path / "trials.json").read_text())
    entries = {entry["procedure"]: entry for entry in result["entries"]}
    assert list(entries) == [
        *("local", "gross_vitells", "scan_toys", "bootstrap", "pseudo_experiments", "conformal_split")
    ]
    assert result["index"]["cwola"] == {"null": [0, 1, 2, 3], "signal": [0, 1]}
    assert {entry["name"]: entry["n"] for entry in result["sets"]} == {"null": 4, "signal": 2}
    for name in ("local", "gross_vitells", "scan_toys", "bootstrap", "conformal_split"):
        assert max(entries[name]["p_values"]["signal"]) < 0.05
    assert entries["pseudo_experiments"]["p_values"]["signal"] == [0.2, 0.2]
    local, bounded = (np.array(entries[name]["p_values"]["null"]) for name in ("local", "gross_vitells"))
    # Two windows and two selections: at most four times the smallest, and not less than twice.
    assert (bounded <= 4 * local + 1e-12).all()
    assert (bounded >= np.minimum(1, 2 * local) - 1e-12).all()
    # The fourth is beyond experiments_max: no toys of it.
    assert entries["scan_toys"]["p_values"]["null"][3] is None
    assert None not in entries["scan_toys"]["p_values"]["null"][:3]
    assert entries["bootstrap"]["p_values"]["null"][3] is None
    assert entries["gross_vitells"]["p_values"]["null"][3] is not None


def test_results_do_not_depend_on_parts(hunted, tmp_path):
    """Toys of a pseudo-experiment come from its name, wherever it stands."""
    first = trials.run(SETTINGS, hunted, tmp_path / "a.json", tmp_path / "a.md")
    fewer = {name: path for name, path in hunted.items() if "part1" not in name}
    again = trials.run(SETTINGS, fewer, tmp_path / "b.json", tmp_path / "b.md")
    for one, other in zip(first["entries"], again["entries"], strict=True):
        if one["procedure"] != "pseudo_experiments":
            assert one["p_values"]["null"][:3] == other["p_values"]["null"]


def test_blind_data_have_no_p_values(hunted, tmp_path):
    data = tmp_path / "spectra.h5"
    data.write_bytes(hunted["data:null:part1/cwola"].read_bytes())
    seen = trials.run(SETTINGS, hunted, tmp_path / "a.json", tmp_path / "a.md", {"cwola": data})
    with h5py.File(data, "a") as file:
        file.attrs["blind"] = True
    closed = trials.run(SETTINGS, hunted, tmp_path / "b.json", tmp_path / "b.md", {"cwola": data})
    by_name = {entry["procedure"]: entry for entry in seen["entries"]}
    # The same pseudo-experiment as the last of the null: equal without toys, whose numbers it does not share.
    assert by_name["gross_vitells"]["observed"] == by_name["gross_vitells"]["p_values"]["null"][3]
    assert by_name["conformal_split"]["observed"] == by_name["conformal_split"]["p_values"]["null"][3]
    assert all(entry["observed"] is None for entry in closed["entries"])


def test_toys_are_calibrated_and_nested(hunted):
    found = spectra_file.read(hunted["data:null:part0/cwola"])
    fits = trials_fits.fitted(found)
    z = trials_fits.toys_z(found, fits, np.array([0, 1]), 300, lambda *at: np.random.default_rng([1, *at]))
    assert z.shape == (2, 300, 2, 2)
    assert np.isnan(z).mean() < 0.01
    assert (np.abs(np.nanmean(z, axis=(0, 1))) < 0.25).all()
    assert (np.abs(np.nanstd(z, axis=(0, 1)) - 1) < 0.12).all()
    together = np.corrcoef(z[..., 0, 0].ravel(), z[..., 0, 1].ravel())[0, 1]
    # A quarter of the loose selection passes the tight one: sqrt(1/4).
    assert together == pytest.approx(0.5, abs=0.12)
    apart = np.corrcoef(z[..., 0, 0].ravel(), z[..., 1, 0].ravel())[0, 1]
    assert abs(apart) < 0.15


UNCERTAIN = {"signal": {"shape": "gaussian"}, "uncertainties": {"spurious_signal": 10.0}}


def test_local_p_values_are_those_of_the_test_that_is_asked_for(hunted, tmp_path):
    """Of every procedure: the local one by its likelihoods, toys and replicas calibrated for it."""
    settings = {**SETTINGS, "infer": UNCERTAIN}
    result = trials.run(settings, hunted, tmp_path / "a.json", tmp_path / "a.md")
    counting = trials.run(SETTINGS, hunted, tmp_path / "b.json", tmp_path / "b.md")
    assert counting["statistic"] == {"signal": "window", "uncertainties": {}, "envelope": []}
    assert result["statistic"]["uncertainties"] == {"spurious_signal": 10.0}
    found = spectra_file.read(hunted["data:signal:part0/cwola"])
    given = InferSettings(**UNCERTAIN)
    z = [
        window_likelihood.build(found, given, at, test).likelihood.discovery().z_signed
        for at in np.ndindex(2, 2)
        for test in found.tests(*at)
    ]
    entries, others = (
        {entry["procedure"]: entry["p_values"]["signal"] for entry in each["entries"]}
        for each in (result, counting)
    )
    np.testing.assert_allclose(entries["local"], norm.sf(np.max(z, axis=0)), rtol=1e-9)
    assert entries["local"] != others["local"]
    assert entries["conformal_split"] == others["conformal_split"]
    for name in ("gross_vitells", "scan_toys", "bootstrap"):
        assert max(entries[name]) < 0.05


def test_toys_and_replicas_of_a_shape_with_uncertainties(hunted):
    path = hunted["data:null:part0/cwola"]
    found = spectra_file.read(path)
    fits = trials_fits.fitted(found, Statistic(InferSettings(**UNCERTAIN)))
    z = trials_fits.toys_z(found, fits, np.array([0, 1]), 300, lambda *at: np.random.default_rng([1, *at]))
    # The spurious signal's auxiliary measurement is drawn in each toy: without it the spread is 0.45 to 0.89.
    assert (np.abs(np.nanmean(z, axis=(0, 1))) < 0.25).all()
    assert (np.abs(np.nanstd(z, axis=(0, 1)) - 1) < 0.12).all()
    together = np.corrcoef(z[..., 0, 0].ravel(), z[..., 0, 1].ravel())[0, 1]
    assert 0.1 < together < 0.5
    # The data as their own replica, in which the nuisance parameters were measured to be 0.
    [one] = fits[1, 0]
    selected, total = found.counts[:, 1, 0].astype(float), found.total.astype(float)
    fixed = SimpleNamespace(normal=lambda size: np.zeros(size))
    np.testing.assert_allclose(one.replicas_z(selected, total, fixed), one.z, rtol=1e-9)


def test_wrong_input_is_named(hunted, tmp_path):
    def run(names, settings=SETTINGS):
        trials.run(settings, names, tmp_path / "x.json", tmp_path / "x.md")

    path = hunted["data:null:part0/cwola"]
    with pytest.raises(ConfigError, match="data:null:part0/cwola"):
        run({"null": path})
    with pytest.raises(ConfigError, match="Did you mean 'null'"):
        run({"data:nul:part0/cwola": path})
    with pytest.raises(InputError, match="stands in two files"):
        run({"data:null:part0/cwola": path, "data:null:part1/cwola": path})
    with pytest.raises(EmptyFileError, match="no pseudo-experiments 'data:null' of cwola"):
        run({"data:signal:part0/cwola": hunted["data:signal:part0/cwola"]})
    with pytest.raises(ConfigError, match="between 0 and 1"):
        validate(TrialsTableSettings, {"levels": [5]})
    assert not (tmp_path / "x.json").exists()
