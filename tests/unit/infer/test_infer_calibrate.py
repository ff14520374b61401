"""Global p-values from pseudo-experiments: counting, stopping, merging of parts, uniform local p-values."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from resonaut.cli import main
from resonaut.errors import InputError, MismatchError
from resonaut.hunt.spectra import hunt
from resonaut.infer import calibration_numbers as numbers
from resonaut.infer.calibrate import calibrate, write_round
from resonaut.infer.calibration_tests import read

SCAN = {
    "mass_min": 2500,
    "mass_max": 5000,
    "sideband_width": 500,
    "windows": [{"low": 3000, "high": 3400}, {"low": 3400, "high": 3800}],
}
SETTINGS = {"mixture": "data", "name": "null", "stop": None, "inject": {}}


# -- counting ----------------------------------------------------------------------------------------


def test_interval_against_scipy() -> None:
    for k, n in ((0, 10), (3, 40), (10, 10), (250, 1000)):
        found = numbers.share(k, n)
        expected = stats.binomtest(k, n).proportion_ci(numbers.CONFIDENCE, "exact")
        assert (found.value, found.low, found.high) == pytest.approx((k / n, expected.low, expected.high))
    empty = numbers.share(0, 0)
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (0, 1)


def test_counted() -> None:
    smallest = np.array([0.5, 0.01, 0.02, np.nan, 0.3, 0.011])
    found = numbers.counted(smallest, 0.011, None)
    # 0.01, 0.011 and the one whose fits failed.
    assert (found.exceedances, found.n, found.stopped) == (3, 6, False)
    assert found.p_value == 4 / 7
    stopped = numbers.counted(smallest, 0.011, 2)
    # The second extreme one is the fourth of all; what came later does not count.
    assert (stopped.exceedances, stopped.n, stopped.stopped, stopped.p_value) == (2, 4, True, 0.5)
    assert numbers.counted(smallest, 0.011, 4).p_value == 4 / 7
    assert numbers.counted(smallest[:0], 0.1, None).p_value == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=60), st.floats(1e-6, 1), st.integers(1, 20))
def test_p_values_are_valid_numbers(values: list[float], observed: float, stop: int) -> None:
    for rule in (None, stop):
        found = numbers.counted(np.array(values), observed, rule)
        assert 0 < found.p_value <= 1
        assert found.low <= found.exceedances / found.n <= found.high
        assert found.exceedances <= (len(values) if rule is None else max(rule, found.exceedances))


@pytest.mark.parametrize("stop", [None, 5])
def test_p_values_are_uniform_or_conservative_under_the_null(stop: int | None) -> None:
    """Also where the pseudo-experiments stop early: P(p <= alpha) <= alpha."""
    random = np.random.default_rng(7)
    n_studies, n = 2000, 99
    values = random.random((n_studies, n + 1))
    found = np.array([numbers.counted(row[1:], row[0], stop).p_value for row in values])
    for alpha in (0.05, 0.1, 0.25, 0.5):
        fraction = (found <= alpha + 1e-12).mean()
        error = math.sqrt(alpha * (1 - alpha) / n_studies)
        assert fraction < alpha + 4 * error
        # With every pseudo-experiment p is uniform on multiples of 1 / 100.
        if stop is None:
            assert fraction > alpha - 4 * error


def test_uniformity_and_fractions() -> None:
    random = np.random.default_rng(2)
    flat = random.random(4000)
    assert numbers.uniformity(flat)["p_value"] > 0.01
    assert abs(numbers.fractions(flat)["0.05"]["value"] - 0.05) < 5 * math.sqrt(0.05 * 0.95 / 4000)
    assert numbers.uniformity(flat**2)["p_value"] < 1e-10
    assert numbers.uniformity(np.full(3, np.nan)) == {"statistic": None, "p_value": None}


def test_fractions_of_correlated_tests() -> None:
    """Two tests that are always equal count as one: the error is that of 400, not of 800."""
    one = np.random.default_rng(5).random(400)
    found = numbers.fractions_of_all(np.stack([one, one, np.full(400, np.nan)], axis=1))["0.05"]
    k = int((one <= 0.05).sum())
    assert found["value"] == pytest.approx(k / 400)
    error = math.sqrt(k / 400 * (1 - k / 400) / 399)
    assert (found["low"], found["high"]) == pytest.approx((k / 400 - error, k / 400 + error))
    assert numbers.fractions_of_all(np.full((3, 2), np.nan)) == {}


def test_power() -> None:
    null = np.arange(1, 100) / 100  # 99 of them: p = (1 + #) / 100.
    found = numbers.power(np.array([0.005, 0.015, 0.035, 0.045, 0.5, np.nan]), null)
    # Global p-values 0.01, 0.02, 0.04, 0.05, 0.51, 1.
    assert found["0.05"]["value"] == 4 / 6
    assert found["0.01"]["value"] == 1 / 6
    assert numbers.power(np.array([0.1]), null[:50])["0.01"] is None


# -- spectra -----------------------------------------------------------------------------------------


def spectra(
    path: Path,
    n_experiments: int,
    first: int | None,
    *,
    method: str = "cwola",
    biased: bool = False,
    **more: Any,
) -> Path:
    """What hunt makes of scores that know nothing, or, if `biased`, that follow the signal region."""
    name = "data" if first is None else f"data:null:part{first}"
    mass, fold, score = [], [], []
    for index in range(n_experiments):
        random = np.random.default_rng([11, 99 if first is None else first + index, more.get("seed", 0)])
        n = random.poisson(5000)
        own = 2500 + random.exponential(600, n)
        one = random.random((2, n))
        if biased:
            for window, place in enumerate(SCAN["windows"]):
                one[window] += 0.03 * ((own >= place["low"]) & (own < place["high"]))
        mass.append(own)
        fold.append(random.integers(0, 2, n))
        score.append(one)
    width = max(map(len, mass))
    scores = path.with_name(f"{path.stem}_scores.h5")
    with h5py.File(scores, "w") as file:
        pad = [(0, width - len(own)) for own in mass]
        file["events/mass"] = [
            np.pad(own, p, constant_values=np.nan) for own, p in zip(mass, pad, strict=True)
        ]
        file["events/fold"] = [np.pad(own, p, constant_values=-1) for own, p in zip(fold, pad, strict=True)]
        file["score"] = [
            np.pad(own, ((0, 0), p), constant_values=np.nan) for own, p in zip(score, pad, strict=True)
        ]
        windows = [{**window, "sideband_width": None, "sidebands": None} for window in SCAN["windows"]]
        file.attrs.update(
            {"kind": "scores", "mixture": name, "method": method, "windows": json.dumps(windows)}
        )
        file.attrs["labelled"] = more.get("labelled", True)
        if first is not None:
            file.attrs["first_experiment"] = first
    task = {"scan": SCAN, "hunt": {"efficiencies": [0.2, 0.05], "n_parameters": 3}}
    hunt(task, scores, path, path.with_suffix(".json"))
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Data and three parts with 40, 20 and 20 pseudo-experiments of two methods, one of them biased."""
    folder = tmp_path_factory.mktemp("spectra")
    found: dict[str, Any] = {"data": [], "parts": []}
    for method in ("biased", "honest"):
        options = {"method": method, "biased": method == "biased"}
        found["data"].append(spectra(folder / f"{method}.h5", 1, None, **options))
        for first, n in ((0, 40), (40, 20), (60, 20)):
            found["parts"].append(spectra(folder / f"{method}{first}.h5", n, first, **options))
    return found


def test_local_and_global_p_values(made, tmp_path) -> None:
    result = calibrate(SETTINGS, made["data"], made["parts"], tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text()) == result
    assert (result["n"], result["index"]) == (80, list(range(80)))
    honest, biased = result["methods"]["honest"], result["methods"]["biased"]
    for test in honest["tests"]:
        assert test["n_failed"] == 0
        assert test["uniformity"]["p_value"] > 1e-3
    for test in biased["tests"]:
        assert test["uniformity"]["p_value"] < 1e-6
    # Of 320 tests, 4 per pseudo-experiment: 5 % with an error below 2.5 %.
    assert honest["fractions"]["0.05"]["value"] < 0.13
    assert biased["fractions"]["0.05"]["value"] > 0.3
    for name, own in result["methods"].items():
        p_values = np.array([test["p_values"] for test in own["tests"]])
        np.testing.assert_array_equal(own["smallest_p"], p_values.min(0))
        seen = [test["observed"] for test in own["tests"]]
        place = own["tests"][int(np.argmin(seen))]
        found = own["global"]
        assert (found["method"], found["low_edge"], found["efficiency"]) == (
            name, place["low"], place["efficiency"]
        )  # fmt: skip
        k = sum(value <= min(seen) for value in own["smallest_p"])
        assert found["p_value"] == (1 + k) / 81
        assert found["z"] == pytest.approx(stats.norm.isf(found["p_value"]))
        # The calibrated p-value of biased scores is fine although their local ones are wrong.
        assert found["p_value"] > 0.02
    joint = result["joint"]
    np.testing.assert_array_equal(joint["smallest_p"], np.minimum(honest["smallest_p"], biased["smallest_p"]))
    assert joint["global"]["method"] == "biased"


def test_order_and_division_of_the_parts_do_not_matter(made, tmp_path) -> None:
    one = calibrate(SETTINGS, made["data"], made["parts"], tmp_path / "one.json")
    other = calibrate(SETTINGS, made["data"][::-1], made["parts"][::-1], tmp_path / "other.json")
    assert {**one, "provenance": None} == {**other, "provenance": None}
    with pytest.raises(InputError, match=r"pseudo-experiment 40 stands in another file too"):
        calibrate(SETTINGS, made["data"], [*made["parts"], made["parts"][1]], tmp_path / "twice.json")
    with pytest.raises(MismatchError, match=r"honest has 60 pseudo-experiments, biased has 80"):
        calibrate(SETTINGS, made["data"], made["parts"][:-1], tmp_path / "less.json")
    with pytest.raises(MismatchError, match="the same methods are expected"):
        calibrate(SETTINGS, made["data"][:1], made["parts"], tmp_path / "one.json")


def test_rounds(made, tmp_path) -> None:
    """Each round adds its own parts to what the one before said; the second is the last."""
    result = calibrate(SETTINGS, made["data"], made["parts"], tmp_path / "c.json")
    observed = {name: own["global"]["smallest_p"] for name, own in result["methods"].items()}
    observed["joint"] = result["joint"]["global"]["smallest_p"]
    values = {name: own["smallest_p"] for name, own in result["methods"].items()}
    values["joint"] = result["joint"]["smallest_p"]

    def fewest(n: int) -> int:
        return min(sum(value <= observed[name] for value in own[:n]) for name, own in values.items())

    stop = fewest(60)
    assert fewest(40) < stop
    given = {**SETTINGS, "stop": {"exceedances": stop}}
    done, before = [], None
    for number in range(3):
        parts = [path for method in (0, 3) for path in made["parts"][method + number : method + number + 1]]
        output = tmp_path / f"round{number}.json"
        state = write_round(given, made["data"], parts, number, before, output)
        done.append((state["done"], state["n"]))
        before = output
    assert done == [(False, 40), (True, 60), (True, 60)]
    stopped = calibrate(given, made["data"], made["parts"], tmp_path / "s.json")["joint"]["global"]
    assert stopped["stopped"]
    assert stopped["p_value"] == stop / stopped["n"]


def test_blind_data_show_nothing_and_stop_nothing(made, tmp_path) -> None:
    blind = spectra(tmp_path / "blind.h5", 1, None, method="honest", labelled=False)
    parts = made["parts"][3:]
    given = {**SETTINGS, "stop": {"exceedances": 1}}
    result = calibrate(given, [blind], parts, tmp_path / "c.json")
    assert result["blind"]
    assert result["methods"]["honest"]["global"] is None
    assert all(test["observed"] is None for test in result["methods"]["honest"]["tests"])
    assert result["methods"]["honest"]["tests"][0]["uniformity"]["p_value"] > 1e-3
    assert not write_round(given, [blind], parts, 0, None, tmp_path / "r.json")["done"]


def test_command_and_power(made, tmp_path) -> None:
    output, power = tmp_path / "c.json", tmp_path / "power.json"
    files = ["--data", *map(str, made["data"]), "--pseudo", *map(str, made["parts"])]
    assert (
        main(["infer", "calibrate", "--settings", json.dumps(SETTINGS), *files, "--output", str(output)]) == 0
    )
    injected = json.dumps({**SETTINGS, "inject": {"signal": 5}})
    arguments = ["infer", "calibrate", "--settings", injected, *files, "--null", str(output)]
    assert main([*arguments, "--output", str(power)]) == 0
    result = json.loads(power.read_text())
    # Injected ones that are the null: as many as there are at or below 5 % (80 values: 3 of them).
    assert result["methods"]["honest"]["power"]["0.05"]["value"] == pytest.approx(3 / 80)
    assert result["methods"]["honest"]["power"]["0.01"] is None
    assert result["joint"]["global"] is None


def test_parts_without_pseudo_experiments_are_nothing(made, tmp_path) -> None:
    read_back = read(made["parts"][3:])["honest"]
    assert read_back.index.tolist() == list(range(80))
    assert read_back.p_value.shape == (80, 2, 2)
