"""Checks of searches: the worst number decides, and what fails is said on the page, in the log, in JSON."""

from __future__ import annotations

import copy
import json
import logging
from html.parser import HTMLParser

import pytest
import review_validation as made

from resonaut.cli import main
from resonaut.errors import ConfigError, InputError, MismatchError
from resonaut.review import checks
from resonaut.review.checks_page import page
from resonaut.review.checks_settings import ChecksSettings
from resonaut.review.checks_values import CHECKS, Search

LIMITS = ChecksSettings()
PLACES = [(3000.0 + 400 * number, e) for number in range(3) for e in (0.1, 0.01)]


def significance():
    windows = [
        {
            "low": low, "high": low + 400, "selection_efficiency": efficiency, "p_value": 0.3,
            "upper_limit": {"observed": 20.0, "expected": 21.0}, "method": "asymptotic",
            "closure": {
                "passes": True, "tolerance": 0.05,
                "relative_differences": {"z_local": -0.001, "upper_limit_expected": 0.004},
            },
        }
        for low, efficiency in PLACES
    ]  # fmt: skip
    return {"mixture": "data", "method": "cwola", "blind": False, "windows": windows, "best": windows[0]}


def hunt():
    windows = [
        {
            "low": low, "high": low + 400,
            "selections": [
                {"efficiency": e, "converged": True, "goodness_of_fit": 0.4} for e in (0.1, 0.01)
            ],
        }
        for low in (3000.0, 3400.0, 3800.0)
    ]  # fmt: skip
    return {"mixture": "data", "method": "cwola", "background_function": "dijet", "windows": windows}


def evaluation():
    windows = []
    for low in (3000.0, 3400.0):
        test = {"efficiency": 0.1, "kolmogorov_smirnov": {"statistic": 0.02, "p_value": 0.2}}
        windows.append({"low": low, "high": low + 400, "sculpting": [test, None]})
    return {"mixture": "data", "method": "cwola", "kind": "evaluation", "windows": windows}


@pytest.fixture
def good():
    """The four files of a search without fault."""
    return {
        "significances": significance(),
        "hunts": hunt(),
        "evaluations": evaluation(),
        "validations": made.validation(),
    }


def found(contents):
    search = Search("data", "cwola", **contents)
    return {check.__name__: check(search, LIMITS) for check in CHECKS}


def test_a_search_without_fault_passes_every_check(good):
    result = found(good)
    assert {name: check.passes for name, check in result.items()} == dict.fromkeys(result, True)
    assert result["closure"].value == 0.004
    assert result["goodness"].value == 0.4
    assert result["goodness"].where.endswith("by toys")
    assert result["sculpting"].value == 0.2
    assert result["converged"].value == 0
    rows = [row for window in good["validations"]["windows"] for row in window["truths"][0]["strengths"]]
    assert result["pull_mean"].value == max(abs(row["pull"]["mean"]) for row in rows)
    assert result["pull_width"].value == max(abs(row["pull"]["width"] - 1) for row in rows)
    assert result["linearity"].value == pytest.approx(0.002)
    others = [window["truths"][1]["strengths"][0]["fitted"] for window in good["validations"]["windows"]]
    assert result["spurious_signal"].value == max(abs(row["mean"]) for row in others) / made.SIGMA
    assert result["spurious_signal"].value == pytest.approx(0.1, abs=0.1)


def fault(name):
    """Change one number so that one check fails; say where."""

    def change(contents):
        windows = {kind: content["windows"] for kind, content in contents.items()}
        toys = windows["validations"][3]["truths"][0]["strengths"][2]
        other = windows["validations"][3]["truths"][1]["strengths"][0]
        if name == "closure":
            windows["significances"][3]["closure"]["relative_differences"]["z_local"] = -0.06
        elif name == "goodness":
            windows["validations"][3]["goodness"]["p"] = 9e-4
        elif name == "converged":
            windows["hunts"][1]["selections"][1] |= {"converged": False, "goodness_of_fit": None}
        elif name == "sculpting":
            windows["evaluations"][1]["sculpting"][0]["kolmogorov_smirnov"]["p_value"] = 1 / 1001
        elif name == "pull_mean":
            toys["pull"]["mean"] = -0.21
        elif name == "pull_width":
            toys["pull"]["width"] = 0.85
        elif name == "linearity":
            windows["validations"][3]["truths"][0]["linearity"]["slope"] = 0.85
        elif name == "spurious_signal":
            other["fitted"]["mean"] = -0.6 * made.SIGMA
        elif name == "interval_coverage":
            toys["interval"] = made.covered(0.62, 1000)
        elif name == "limit_coverage":
            toys["limit"] = made.covered(0.91, 1000)
        elif name == "failed_toys":
            toys["n_failed"] = 20
        return "3400-3800 GeV"

    return change


@pytest.mark.parametrize("name", [check.__name__ for check in CHECKS])
def test_each_fault_is_found_where_it_is(good, name):
    where = fault(name)(good)
    result = found(good)
    assert [other for other, check in result.items() if check.passes is False] == [name]
    assert where in result[name].where
    assert result[name].advice


def test_goodness_is_that_of_toys_where_there_are_toys(good):
    """What chi-squared says does not count there; elsewhere it does, and the page says which."""
    entry = good["validations"]["windows"][3]
    good["hunts"]["windows"][1]["selections"][1]["goodness_of_fit"] = 9e-4
    assert found(good)["goodness"].where == "3000-3400 GeV, 10 % selected, by toys"
    assert found(good)["goodness"].passes
    entry["goodness"] = None
    check = found(good)["goodness"]
    assert (check.passes, check.value) == (False, 9e-4)
    assert check.where == "3400-3800 GeV, 1 % selected, chi-squared"
    good["validations"] = None
    assert found(good)["goodness"].where == check.where


def test_too_few_toys_to_tell_are_not_used(good):
    """No toy of 500 is as far: p is at most 1 / 501, and may be below the limit or not."""
    goodness = good["validations"]["windows"][3]["goodness"]
    for n_toys, p, value in ((500, 1 / 501, 0.4), (500, 2 / 501, 2 / 501), (1000, 1 / 1001, 1 / 1001)):
        goodness |= {"n_toys": n_toys, "p": p}
        check = found(good)["goodness"]
        assert check.value == min(value, 0.4)
        assert check.passes is (value >= 1e-3)


def test_coverage_has_errors_and_a_tolerance(good):
    """0.6327 = 0.6827 - 2 x 0.015 - 0.02: what lies above it may be chance or rounding of formulas."""
    toys = good["validations"]["windows"][0]["truths"][0]["strengths"][0]
    for coverage, passes in ((0.634, True), (0.631, False)):
        toys["interval"] = {**made.covered(coverage, 1000), "high": coverage + 0.015}
        assert found(good)["interval_coverage"].passes is passes


def test_asymptotic_limits_are_not_judged_where_toys_are_the_result(good):
    fault("limit_coverage")(good)
    good["significances"]["windows"][3]["method"] = "toys"
    assert found(good)["limit_coverage"].passes


def test_pulls_of_few_events_are_not_judged(good):
    fault("pull_mean")(good)
    good["validations"]["windows"][3]["truths"][0]["expected_background"] = 9.9
    assert found(good)["pull_mean"].passes


def test_a_truth_that_does_not_describe_the_side_bands_says_nothing_of_bias(good):
    fault("spurious_signal")(good)
    good["validations"]["windows"][3]["truths"][1]["goodness_of_fit"] = 1e-5
    assert found(good)["spurious_signal"].passes


def test_what_is_not_measured_neither_passes_nor_fails(good):
    good |= {"evaluations": None, "validations": None}
    result = found(good)
    measured = {name for name, check in result.items() if check.passes is not None}
    assert measured == {"converged", "goodness", "closure"}


def test_a_workspace_without_fit_fails(good):
    good["significances"]["windows"][0]["closure"] = {"passes": False, "reason": "the fit failed"}
    check = found(good)["closure"]
    assert (check.passes, check.value) == (False, None)
    assert check.advice.startswith("The workspace has no fit")


def test_a_failed_test_counts_once_in_blind_and_open_searches(good):
    window = good["significances"]["windows"][2]
    window |= {"p_value": None, "failed": "no background", "upper_limit": {"expected": None}}
    good["hunts"]["windows"][1]["selections"][0]["converged"] = False
    assert found(good)["converged"].value == 1
    blind = copy.deepcopy(good["significances"])
    for entry in blind["windows"]:
        entry["p_value"] = None
    assert found({**good, "significances": {**blind, "blind": True}})["converged"].value == 1


# -- files, page and log ------------------------------------------------------------------------------


@pytest.fixture
def written(good, tmp_path):
    def write(contents=good, key="data/cwola"):
        paths = {}
        for kind, content in contents.items():
            paths[kind] = {key: tmp_path / f"{kind}.json"}
            paths[kind][key].write_text(json.dumps(content))
        return paths

    return write


class Text(HTMLParser):
    """Words and tags of a page; complains of what is not closed."""

    def __init__(self, content):
        super().__init__()
        self.words, self.tags, self.attributes = [], [], []
        self.open = []
        self.feed(content)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_the_command_line_says_what_failed_and_goes_on(good, written, tmp_path, caplog):
    fault("pull_mean")(good)
    paths = written()
    words = [
        w for kind, named in paths.items() for w in (f"--{kind}", *(f"{k}={p}" for k, p in named.items()))
    ]
    output = ["--output", str(tmp_path / "o/checks.json"), "--page", str(tmp_path / "o/checks.html")]
    with caplog.at_level(logging.INFO, "resonaut"):
        assert main(["review", "checks", "--settings", "{}", *words, *output]) == 0
    assert "CHECK FAILED: cwola in data: mean of the pulls: 0.21, limit 0.2 (3400-3800 GeV" in caplog.text
    assert "1 of 11 checks failed" in caplog.text
    result = json.loads((tmp_path / "o/checks.json").read_text())
    assert (result["n_checks"], result["n_failed"]) == (11, 1)
    text = Text((tmp_path / "o/checks.html").read_text())
    assert "1 of 11 checks FAILED." in text.words
    assert text.words.count("FAIL") == 1
    assert text.words.count("pass") == 10
    assert "3400-3800 GeV, 1 % selected, 24 events injected" in text.words
    # Nothing from outside, nothing that runs.
    assert not {"script", "link", "img", "iframe"} & set(text.tags)
    assert not {"src", "href"} & {name for name, _ in text.attributes}


def test_limits_are_settings(good, written, tmp_path):
    fault("pull_mean")(good)
    checks.run({"checks": {"pull_mean": 0.3}}, written(), tmp_path / "c.json", tmp_path / "c.html")
    assert json.loads((tmp_path / "c.json").read_text())["n_failed"] == 0
    assert "All 11 checks passed." in (tmp_path / "c.html").read_text()
    with pytest.raises(ConfigError, match=r"checks\.pul_mean: unknown key. Did you mean 'pull_mean'"):
        checks.run({"checks": {"pul_mean": 0.3}}, written(), tmp_path / "c.json", tmp_path / "c.html")


def test_names_cannot_break_the_page():
    evil = '<script>alert("x")</script>&amp;'
    check = {"name": evil, "value": 1.0, "limit": 0.5, "passes": False, "where": evil, "advice": evil}
    result = {
        "n_checks": 1,
        "n_failed": 1,
        "searches": [{"mixture": evil, "method": evil, "checks": [check]}],
    }
    content = page(result)
    assert "<script" not in content
    text = Text(content)
    assert text.words.count(evil) == 5
    assert f"{evil} in {evil}" in text.words


def test_a_study_of_which_nothing_is_known():
    content = page({"n_checks": 0, "n_failed": 0, "searches": []})
    assert "Nothing was measured" in content


def test_files_that_do_not_belong_together(good, written, tmp_path):
    out = (tmp_path / "c.json", tmp_path / "c.html")
    paths = written()
    with pytest.raises(ConfigError, match=r"--hunts and --significances: data/cwola is in one of them"):
        checks.run({}, {**paths, "hunts": {}}, *out)
    with pytest.raises(ConfigError, match="--validations and --significances: other/cwola is in one"):
        checks.run({}, {**paths, "validations": {"other/cwola": tmp_path / "v.json"}}, *out)
    with pytest.raises(MismatchError, match="method 'cwola', other/cwola is expected"):
        checks.run({}, written(key="other/cwola"), *out)
    with pytest.raises(ConfigError, match="MIXTURE/METHOD=PATH is expected"):
        checks.run({}, written(key="cwola"), *out)
    del good["hunts"]["background_function"]
    with pytest.raises(InputError, match="the key 'background_function' is expected"):
        checks.run({}, written(), *out)
    assert not out[0].exists()
