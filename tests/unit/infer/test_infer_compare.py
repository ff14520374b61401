"""Comparison of searches: medians and bands of numbers that can be followed by hand."""

from __future__ import annotations

import json

import numpy as np
import pytest

from resonaut import cli
from resonaut.errors import ConfigError, InputError, MismatchError, MissingFileError
from resonaut.files import write_json
from resonaut.infer.compare import run
from resonaut.infer.draws import over_draws, split_name

GRID = [0.01, 0.1, 1.0]
WINDOWS = [{"low": 3000.0, "high": 3400.0}, {"low": 3400.0, "high": 3800.0}]
EFFICIENCIES = [0.1, 0.01]


def truth(gain, auc=0.9):
    """Truth with improvements `gain` at `GRID`."""
    best = int(np.argmax(gain))
    maximum = {"value": gain[best], "low": gain[best] - 1, "high": gain[best] + 2}
    maximum |= {"background_efficiency": GRID[best], "signal_efficiency": gain[best] * GRID[best] ** 0.5}
    at = {key: {"value": gain[0], "low": gain[0] - 0.5, "high": gain[0] + 0.5} for key in ("improvement",)}
    at["signal_efficiency"] = {"value": gain[0] / 10, "low": 0.0, "high": 1.0}
    return {
        "false_positive_cut": {"background_events": 25, "background_efficiency": 0.008},
        "auc": {"value": auc, "low": auc - 0.01, "high": auc + 0.01},
        "max_improvement": maximum,
        "max_median_improvement": {**maximum, "value": gain[best] - 0.1},
        "at": {"0.01": at, "0.001": None},
        "curve": {
            "background_efficiency": GRID,
            "signal_efficiency": [g * b**0.5 for g, b in zip(gain, GRID, strict=True)],
            "improvement": gain,
            "improvement_low": [g - 1 for g in gain],
            "improvement_high": [g + 1 for g in gain],
        },
    }  # fmt: skip


def evaluation(mixture, method, gain=None, n_signal=100, p_value=0.5, labelled=True):
    tested = {
        "kolmogorov_smirnov": {"statistic": 0.1, "p_value": p_value},
        "chi2": {"value": 9.0, "degrees_of_freedom": 9, "p_value": p_value / 2},
        "jensen_shannon": {"value": 0.001, "expected": 0.001, "p_value": p_value},
    }
    windows = []
    for number, window in enumerate(WINDOWS):
        windows.append(
            {
                **window,
                "n_signal": number * n_signal if labelled else None,
                "n_background": 3000 if labelled else None,
                "truth": truth(gain) if gain and number else None,
                "sculpting": [None, {"efficiency": 0.01, **tested}],
            }
        )
    return {
        "schema_version": 1, "kind": "evaluation", "mixture": mixture, "method": method, "labelled": labelled,
        "n_events": 20_000, "efficiencies": EFFICIENCIES, "confidence": 0.68,
        "truth_window": 1 if labelled and n_signal else None, "windows": windows,
    }  # fmt: skip


def significance(mixture, method, z):
    """z of (window, efficiency), in that order."""
    tests = [(window, efficiency) for window in WINDOWS for efficiency in EFFICIENCIES]
    entries = [
        {
            **window, "selection_efficiency": efficiency, "z_signed": value,
            "observed": None if value is None else 40, "expected_background": 30.5,
        }
        for (window, efficiency), value in zip(tests, z, strict=True)
    ]  # fmt: skip
    return {"mixture": mixture, "method": method, "windows": entries, "best": None}


@pytest.fixture
def compared(tmp_path):
    """Write searches, (mixture, method, evaluation's options, z), compare them, and read the result."""

    def compared_(*searches):
        paths = {"hunt": {}, "infer": {}}
        for mixture, method, options, z in searches:
            key = f"{mixture}/{method}"
            for stage, content in (
                ("hunt", evaluation(mixture, method, **options)),
                ("infer", significance(mixture, method, z)),
            ):
                paths[stage][key] = tmp_path / f"{stage}-{key.replace('/', '-')}.json"
                write_json(paths[stage][key], content)
        run(paths["hunt"], paths["infer"], tmp_path / "comparison.json", tmp_path / "comparison.md")
        return (
            json.loads((tmp_path / "comparison.json").read_text()),
            (tmp_path / "comparison.md").read_text(),
            paths,
        )

    return compared_


def test_names_of_draws():
    assert split_name("data:250:seed1") == ("data", 250)
    assert split_name("data:0:seed12") == ("data", 0)
    assert split_name("qcd+wprime:seed3") == ("qcd+wprime", None)
    assert split_name("a:b:40:seed3") == ("a:b", 40)
    assert split_name("data") == ("data", None)
    assert split_name("data:250") == ("data:250", None)


def test_bands_are_quantiles_over_draws():
    # Of 0, 1, ..., 100 the quantiles are the numbers.
    assert over_draws([float(n) for n in range(101)]) == {
        "value": 50.0, "low": 16.0, "high": 84.0, "source": "draws",
    }  # fmt: skip
    # Of two numbers linearly between them.
    assert over_draws([1.0, None, 3.0]) == {
        "value": 2.0, "low": pytest.approx(1.32), "high": pytest.approx(2.68), "source": "draws",
    }  # fmt: skip
    assert over_draws([4.0, None]) == {"value": 4.0, "low": None, "high": None, "source": "none"}
    assert over_draws([None]) is None


def test_one_draw_shows_its_bootstrap(compared):
    result, text, _ = compared(
        ("data", "cwola", {"gain": [4.0, 3.0, 1.0], "p_value": 0.3}, [0.5, 1.5, 2.5, 5.25]),
        ("data", "anode", {"gain": [6.0, 3.0, 1.0], "p_value": 0.001}, [0.5, 6.0, 2.5, 4.0]),
        ("data", "random", {"gain": None}, [-0.5, -1.0, -2.0, -3.0]),
    )
    assert [entry["method"] for entry in result["entries"]] == ["anode", "cwola", "random"]
    entry = result["entries"][1]
    assert entry["truth_window"] == {"low": 3400, "high": 3800}
    assert (entry["n_events"], entry["n_signal"], entry["n_background"]) == (20_000, 100, 3000)
    assert entry["max_improvement"] == {
        "value": 4.0, "low": 3.0, "high": 6.0, "source": "bootstrap", "background_efficiency": 0.01,
    }  # fmt: skip
    assert entry["max_median_improvement"]["value"] == 3.9
    assert entry["auc"] == {"value": 0.9, "low": 0.89, "high": 0.91, "source": "bootstrap"}
    assert entry["at"]["0.01"]["improvement"]["low"] == 3.5
    assert entry["at"]["0.001"] is None
    assert entry["curve"]["low"] == [3.0, 2.0, 0.0]
    assert entry["sculpting"] == [
        None,
        {"efficiency": 0.01, "kolmogorov_smirnov": 0.3, "chi2": 0.15, "jensen_shannon": 0.001},
    ]
    tight = entry["significance"][1]
    assert tight["largest"] == {
        "value": 5.25, "low": None, "high": None, "source": "none", "window": {"low": 3400, "high": 3800},
    }  # fmt: skip
    assert (tight["truth_window"]["value"], tight["observed"], tight["expected_background"]) == (
        5.25,
        40,
        30.5,
    )
    other = result["entries"][0]["significance"][1]
    assert other["largest"]["window"] == {"low": 3000, "high": 3400}
    assert (other["largest"]["value"], other["truth_window"]["value"], other["n_windows"]) == (6.0, 4.0, 2)
    unknown = result["entries"][2]
    assert unknown["curve"] is unknown["max_improvement"] is unknown["auc"] is unknown["false_positive_cut"]
    assert unknown["auc"] is None
    assert unknown["significance"][0]["largest"]["value"] == -0.5
    assert result["injection"] == []
    assert "20 000 events; in the window 3400-3800 GeV 100 signal and 3 000 background events" in text
    assert "at least 25 background events pass (false-positive cut eps_B >= 0.008)" in text
    assert "68 % bootstrap intervals" in text
    assert "| cwola | 4.00 [3.00, 6.00] | 0.01 | 3.90 [3.00, 6.00] | 0.9000 [0.8900, 0.9100] |" in text
    row = "| cwola | 1 % | 5.25 | 3400-3800 GeV | 5.25 | 40 | 30.5 | 0.3 | 0.15 | 0.001 |"
    assert row in text


def test_draws_give_medians_and_bands_and_the_response_to_injections(compared):
    gains = {0: [5.0, 2.0, 1.0], 1: [3.0, 4.0, 1.0], 2: [1.0, 3.5, 1.0]}
    searches = [
        (
            f"toy:{n}:seed{seed}",
            "cwola",
            {"gain": gain if n else None, "n_signal": n},
            [0, 1, 2, n / 100 + seed],
        )
        for n in (0, 200)
        for seed, gain in gains.items()
    ]
    result, text, _ = compared(*searches)
    none, entry = result["entries"]
    assert (none["injected"], entry["injected"]) == (0, 200)
    assert entry["draws"] == ["toy:200:seed0", "toy:200:seed1", "toy:200:seed2"]
    # Each draw's own maximum is 5, 4 and 3.5; the median curve is 3, 3.5, 1.
    assert entry["max_improvement"]["value"] == 4.0
    assert entry["max_improvement"]["low"] == pytest.approx(3.5 + 0.32 * 0.5)
    assert entry["max_improvement"]["high"] == pytest.approx(4.0 + 0.68 * 1.0)
    assert entry["curve"]["improvement"] == [3.0, 3.5, 1.0]
    assert entry["max_median_improvement"] == {
        "value": 3.5, "low": pytest.approx(2 + 0.32 * 1.5), "high": pytest.approx(3.5 + 0.68 * 0.5),
        "source": "draws", "background_efficiency": 0.1,
    }  # fmt: skip
    assert entry["at"]["0.01"]["improvement"]["value"] == 3.0
    # Without signal there is no truth window of its own: that of the same mixture with signal is taken.
    assert none["truth_window"] == entry["truth_window"] == {"low": 3400, "high": 3800}
    assert none["n_signal"] == 0
    assert none["curve"] is None
    assert len(result["injection"]) == 2
    tight = result["injection"][1]
    assert (tight["name"], tight["method"], tight["efficiency"], tight["low"]) == ("toy", "cwola", 0.01, 3400)
    assert (tight["injected"], tight["n_draws"], tight["n_signal"]) == ([0, 200], [3, 3], [0, 200])
    assert [z["value"] for z in tight["z"]] == [1.0, 3.0]
    assert tight["z"][1]["low"] == pytest.approx(2.32)
    assert tight["z"][1]["high"] == pytest.approx(3.68)
    assert [z["value"] for z in tight["largest"]] == [1.0, 3.0]
    assert "## toy with 200 injected signal events" in text
    assert "| cwola | 1 % | 1.00 [0.32, 1.68] | 3.00 [2.32, 3.68] |" in text
    assert "16 to 84 % quantiles over the draws" in text


def test_curves_of_different_length_meet_at_one(compared):
    result, _, paths = compared(
        ("toy:9:seed0", "cwola", {"gain": [5.0, 2.0, 1.0]}, [0, 0, 0, 0]),
        ("toy:9:seed1", "cwola", {"gain": [3.0, 4.0, 1.0]}, [0, 0, 0, 0]),
    )
    content = json.loads(paths["hunt"]["toy:9:seed1/cwola"].read_text())
    curve = content["windows"][1]["truth"]["curve"]
    content["windows"][1]["truth"]["curve"] = {name: values[1:] for name, values in curve.items()}
    write_json(paths["hunt"]["toy:9:seed1/cwola"], content)
    folder = paths["hunt"]["toy:9:seed1/cwola"].parent
    run(paths["hunt"], paths["infer"], folder / "comparison.json", folder / "comparison.md")
    shorter = json.loads((folder / "comparison.json").read_text())["entries"][0]["curve"]
    assert (len(result["entries"][0]["curve"]["improvement"]), shorter["improvement"]) == (3, [3.0, 1.0])
    assert shorter["background_efficiency"] == [0.1, 1.0]


def test_blind_searches_of_data_have_no_numbers_of_observation(compared):
    result, text, _ = compared(("data", "cwola", {"labelled": False}, [None] * 4))
    entry = result["entries"][0]
    assert not entry["labelled"]
    assert entry["truth_window"] is entry["curve"] is entry["n_signal"] is None
    assert entry["significance"][1]["largest"] is entry["significance"][1]["truth_window"] is None
    assert entry["sculpting"][1]["kolmogorov_smirnov"] == 0.5
    assert "| cwola | 1 % | - | - | - | - | - | 0.5 | 0.25 | 0.001 |" in text


def test_files_that_do_not_fit_are_refused(compared, tmp_path, capsys):
    _, _, paths = compared(
        ("data", "cwola", {}, [0, 0, 0, 0]),
        ("data", "anode", {}, [0, 0, 0, 0]),
    )

    def again(hunt, infer):
        run(hunt, infer, tmp_path / "out.json", tmp_path / "out.md")

    one = {"data/cwola": paths["infer"]["data/cwola"]}
    with pytest.raises(ConfigError, match="data/anode is in one of them only"):
        again(paths["hunt"], one)
    with pytest.raises(ConfigError, match=r"'cwola': MIXTURE/METHOD=PATH is expected"):
        again({"cwola": paths["hunt"]["data/cwola"]}, {"cwola": paths["infer"]["data/cwola"]})
    with pytest.raises(InputError, match=r"an evaluation of schema 1 is expected, got kind None"):
        again(one, one)
    with pytest.raises(InputError, match="significances of `infer test` are expected"):
        again({"data/cwola": paths["hunt"]["data/cwola"]}, {"data/cwola": paths["hunt"]["data/cwola"]})
    swapped = {"data/cwola": paths["infer"]["data/anode"]}
    with pytest.raises(MismatchError, match=r"of mixture 'data' and method 'anode', data/cwola is expected"):
        again({"data/cwola": paths["hunt"]["data/cwola"]}, swapped)
    with pytest.raises(MissingFileError):
        again({"data/cwola": tmp_path / "absent.json"}, one)
    newer = json.loads(paths["hunt"]["data/cwola"].read_text())
    write_json(tmp_path / "newer.json", {**newer, "schema_version": 9})
    with pytest.raises(InputError, match=r"schema 9. Run `hunt evaluate` again"):
        again({"data/cwola": tmp_path / "newer.json"}, one)
    write_json(tmp_path / "other.json", {**newer, "efficiencies": [0.5]})
    with pytest.raises(MismatchError, match=r"efficiencies are \[0.5\], those of"):
        again({**paths["hunt"], "data/cwola": tmp_path / "other.json"}, paths["infer"])
    write_json(tmp_path / "other.json", {**newer, "windows": newer["windows"][:1]})
    with pytest.raises(MismatchError, match=r"windows are .*Compare searches of one scan"):
        again({**paths["hunt"], "data/cwola": tmp_path / "other.json"}, paths["infer"])
    arguments = ["infer", "compare", "--output", tmp_path / "out.json", "--table", tmp_path / "out.md"]
    for option, stage in (("--evaluations", "hunt"), ("--significances", "infer")):
        arguments += [option, *(f"{key}={path}" for key, path in paths[stage].items())]
    assert not (tmp_path / "out.json").exists()
    assert cli.main([str(argument) for argument in arguments]) == 0
    assert (tmp_path / "out.json").read_bytes() == (tmp_path / "comparison.json").read_bytes()
    assert (tmp_path / "out.md").read_bytes() == (tmp_path / "comparison.md").read_bytes()
    assert cli.main([str(argument) for argument in arguments[:-1]]) == 2
    assert "data/anode" in capsys.readouterr().err
