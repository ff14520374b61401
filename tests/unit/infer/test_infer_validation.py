"""Injected signals, pulls and coverage: right models give right numbers, wrong ones are found."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from scipy.special import chdtri
from scipy.stats import binom, norm, poisson
from test_infer_significance import WINDOWS, spectra

from resonaut import cli
from resonaut.errors import ConfigError, MismatchError, MissingFileError
from resonaut.infer import coverage, validation_linearity
from resonaut.infer.settings import InferSettings
from resonaut.infer.validation import run
from resonaut.infer.validation_numbers import line
from resonaut.infer.validation_toys import Bench, refit
from resonaut.settings import validate
from resonaut.stats.asymptotics import log_cls
from resonaut.stats.limits import upper_limits
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood

ONE_SIGMA = 0.682689492137086


def known_background(background):
    """One bin whose background the other bin's very many events give."""
    weights = np.array([[1e12], [background]])
    return LogLinear(np.ones((1, 1)), weights)


def bench_of(background):
    expected = np.array([1e12, background])
    model = known_background(background)
    return Bench(ProfileLikelihood(model, expected[None]), np.array([0.0, 1.0])), expected


def closed_form(background, signal):
    """Coverage of the interval and of the limit for a Poisson count on a known background."""
    mean = background + signal
    n = np.arange(1000)
    probability = poisson.pmf(n, mean)

    def q(count, at):
        return 2 * (at - count + count * np.log(np.where(count > 0, count, 1) / at))

    two_sided = q(n, mean)
    best_is_zero = n < background
    tilde = np.where(n > mean, 0.0, two_sided - np.where(best_is_zero, q(n, background), 0.0))
    asimov = np.full(len(n), q(background, mean))
    above = log_cls(np.maximum(tilde, 0), asimov) >= np.log(0.05)
    return probability[two_sided <= chdtri(1, 1 - ONE_SIGMA)].sum(), probability[above].sum()


@pytest.mark.parametrize(("background", "signal"), [(3.0, 4.0), (20.0, 9.0), (100.0, 0.0)])
def test_coverage_is_that_of_a_poisson_count(background, signal):
    bench, expected = bench_of(background)
    toys = bench.toys(expected, signal, 4000, np.random.default_rng(3))
    assert toys.n_failed == 0
    interval, limit = closed_form(background, signal) if signal else (None, 1.0)
    covered = coverage.below_limit(toys.q_tilde, toys.q_asimov, 0.95)
    low, high = binom.ppf(norm.cdf([-3.5, 3.5]), 4000, limit)
    assert low <= covered.sum() <= high
    if interval is not None:
        low, high = binom.ppf(norm.cdf([-3.5, 3.5]), 4000, interval)
        assert low <= coverage.in_interval(toys.q, ONE_SIGMA).sum() <= high
        assert toys.fitted.mean() == pytest.approx(signal, abs=4 * (background + signal) ** 0.5 / 4000**0.5)


def test_coverage_needs_no_ends_of_intervals():
    """What the statistics at the truth say is what ends of intervals and limits say."""
    bench, expected = bench_of(12.0)
    counts = np.random.default_rng(1).poisson(expected + np.array([0, 8.0]), (60, 2))
    counts[:3, 1] = 5, 9, 11
    likelihood = ProfileLikelihood(bench.likelihood.model, counts)
    rows, signal = np.arange(60), np.full(60, 8.0)
    n, at = counts[:, 1], 20.0
    q = 2 * (at - n + n * np.log(n / at))
    found = likelihood.deviance(signal, rows) - likelihood.side.deviance
    np.testing.assert_allclose(found, q, rtol=1e-3, atol=1e-3)
    limits = upper_limits(likelihood, 0.95).observed
    toys = refit(likelihood, 8.0)
    np.testing.assert_allclose(toys.q_tilde, likelihood.q_tilde(signal, rows), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(toys.q, q, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(toys.fitted, n - 12.0, atol=1e-3)
    np.testing.assert_allclose(toys.pulls, np.sign(n - at) * np.sqrt(q), atol=0.02)
    assert (toys.fitted < 0).any()
    inside = coverage.below_limit(likelihood.q_tilde(signal, rows), likelihood.q_asimov(signal, rows), 0.95)
    np.testing.assert_array_equal(inside, limits >= 8.0)
    assert 0 < inside.sum() < 60


def test_counted_fractions_have_the_interval_of_clopper_and_pearson():
    found = coverage.counted(np.array([True] * 9 + [False]))
    assert (found.covered, found.n, found.coverage) == (9, 10, 0.9)
    assert binom.sf(8, 10, found.low) == pytest.approx((1 - ONE_SIGMA) / 2, rel=1e-6)
    assert binom.cdf(9, 10, found.high) == pytest.approx((1 - ONE_SIGMA) / 2, rel=1e-6)
    assert coverage.counted(np.zeros(0, bool)) is None


def test_a_line_through_points():
    found = line([0, 1, 2], [1.0, 3.0, 5.0], [0.5, 0.5, 0.5])
    assert (found.slope, found.offset, found.chi2) == pytest.approx((2.0, 1.0, 0.0), abs=1e-12)
    # Three points one apart, errors e: var(slope) = e^2 / 2, var(offset) = e^2 5 / 6.
    assert found.slope_error == pytest.approx((0.25 / 2) ** 0.5)
    assert found.offset_error == pytest.approx((0.25 * 5 / 6) ** 0.5)
    assert found.degrees_of_freedom == 1
    assert line([1, 1], [2.0, 3.0], [1.0, 1.0]) is None


@pytest.fixture
def validated(tmp_path):
    def run_(validation, infer=None, **options):
        path = spectra(tmp_path / "spectra.h5", **options)
        settings = {"infer": {"validation": validation, **(infer or {})}, "seed": 1}
        run(settings, path, tmp_path / "validation.json")
        return json.loads((tmp_path / "validation.json").read_text())

    return run_


def test_a_right_model_gives_back_what_was_injected(validated):
    result = validated({"n_toys": 800, "strengths": [0, 4], "families": []}, windows=WINDOWS)
    assert (result["kind"], result["mixture"], result["method"]) == ("validation", "data", "cwola")
    assert len(result["windows"]) == 4
    for entry in result["windows"]:
        [truth] = entry["truths"]
        assert truth["own"]
        assert (truth["function"], truth["n_parameters"]) == ("dijet", 3)
        assert abs(truth["linearity"]["slope"] - 1) < 4 * truth["linearity"]["slope_error"]
        assert truth["linearity"]["slope_error"] < 0.03
        for row in truth["strengths"]:
            assert row["injected"] == pytest.approx(row["strength"] * entry["sigma"])
            pull = row["pull"]
            assert abs(pull["mean"]) < 4.5 * pull["mean_error"]
            assert abs(pull["width"] - 1) < 4.5 * pull["width_error"]
            assert sum(pull["histogram"]) == row["n_toys"] == 800
            assert row["interval"]["coverage"] == pytest.approx(ONE_SIGMA, abs=0.05)
            assert row["limit"]["coverage"] > 0.93
    # sigma is what fitted signals scatter by, here without one.
    first = result["windows"][0]
    assert first["truths"][0]["strengths"][0]["fitted"]["spread"] == pytest.approx(first["sigma"], rel=0.1)


def test_a_wrong_function_is_found(validated, tmp_path):
    """Two parameters on a spectrum that three describe: toys of the better one show the bias."""
    rising = {"background_settings": json.dumps({"n_parameters": 2}), "transfer_parameters": 0}
    families = [{"function": "exponential", "options": {"n_parameters": 3}}]
    validation = {"n_toys": 300, "strengths": [0, 3], "families": families}
    result = validated(validation, windows=WINDOWS, **rising)
    own, other = result["windows"][0]["truths"]
    assert other["n_parameters"] == 3
    bias = [abs(truth["strengths"][0]["pull"]["mean"]) for truth in (own, other)]
    assert bias[0] < 0.2
    assert bias[1] > 0.5
    # The slope is that of the model all the same; the offset is the bias.
    assert abs(other["linearity"]["offset"]) > 10 * other["linearity"]["offset_error"]
    assert other["goodness_of_fit"] > own["goodness_of_fit"]


def test_two_runs_are_equal_and_seeds_come_from_names(validated):
    small = {"n_toys": 30, "strengths": [0, 3], "families": []}
    first, again = validated(small), validated(small)
    assert first == again
    # Another strength beside them changes nothing.
    more = validated({**small, "strengths": [0, 1, 3]})
    for one, other in zip(first["windows"], more["windows"], strict=True):
        rows = other["truths"][0]["strengths"]
        assert one["truths"][0]["strengths"] == [rows[0], rows[2]]


def test_strengths_in_expected_limits(validated):
    result = validated({"n_toys": 5, "strengths": [1], "unit": "expected_limit", "families": []})
    for entry in result["windows"]:
        [row] = entry["truths"][0]["strengths"]
        assert row["injected"] == pytest.approx(entry["expected_limit"])
        assert entry["truths"][0]["linearity"] is None


def test_nuisance_parameters_are_refitted_and_drawn(validated):
    """A spurious signal of one sigma: fitted signals scatter more, and pulls know it."""
    plain = validated({"n_toys": 300, "strengths": [0], "families": []})["windows"][0]
    spurious = {"uncertainties": {"spurious_signal": plain["sigma"]}}
    found = validated({"n_toys": 300, "strengths": [0], "families": []}, spurious)["windows"][0]
    assert found["sigma"] == pytest.approx(2**0.5 * plain["sigma"], rel=0.02)
    row = found["truths"][0]["strengths"][0]
    assert row["fitted"]["spread"] == pytest.approx(found["sigma"], rel=0.15)
    assert row["pull"]["width"] == pytest.approx(1, abs=0.15)


def test_a_peak_is_fitted_as_a_peak(validated):
    shape = {"signal": {"shape": "gaussian", "relative_width": 0.02}}
    counted = validated({"n_toys": 10, "strengths": [0], "families": []})["windows"][0]
    validation = {"n_toys": 200, "strengths": [0, 4], "families": []}
    entry = validated(validation, shape)["windows"][0]
    assert entry["sigma"] < counted["sigma"]
    truth = entry["truths"][0]
    assert abs(truth["linearity"]["slope"] - 1) < 4 * truth["linearity"]["slope_error"]


def test_a_fit_that_fails_is_said_and_the_others_go_on(validated, monkeypatch):
    from resonaut.infer import validation_truths

    real = validation_truths.poisson.fit

    def failing(model, counts, **options):
        found = real(model, counts, **options)
        if counts.sum() < 2000 and counts.shape[0] == 1:
            found.converged[:] = False
        return found

    monkeypatch.setattr(validation_truths.poisson, "fit", failing)
    result = validated({"n_toys": 10, "strengths": [0], "families": []}, transfer_parameters=0)
    reasons = [entry["failed"] for entry in result["windows"]]
    assert reasons[0] is None
    assert reasons[1] == "its fit to the side bands did not converge"
    assert result["windows"][1]["truths"] == []


def test_the_command_line(tmp_path):
    path = spectra(tmp_path / "spectra.h5")
    settings = json.dumps({"infer": {"validation": {"n_toys": 20}}, "seed": 3})
    arguments = ["infer", "validate", "--settings", settings, "--spectra", str(path)]
    assert cli.main([*arguments, "--output", str(tmp_path / "o/v.json")]) == 0
    assert json.loads((tmp_path / "o/v.json").read_text())["windows"][0]["truths"][1]["own"] is False


def test_bad_settings_are_named(tmp_path):
    for validation, words in (
        ({"strengths": [1, 1]}, "infer.validation.strengths: two strengths are the same"),
        ({"families": ["dijt"]}, "Did you mean 'dijet'"),
        ({"n_toys": -1}, "infer.validation.n_toys: .*greater than or equal to 0"),
        ({"units": "sigma"}, "infer.validation.units: unknown key. Did you mean 'unit'"),
    ):
        with pytest.raises(ConfigError, match=words):
            validate(InferSettings, {"validation": validation}, "infer")
    with pytest.raises(MissingFileError):
        run({"seed": 1}, tmp_path / "none.h5", tmp_path / "v.json")
    with pytest.raises(ConfigError, match=r"infer\.validation\.n_toys is 0: no toys are asked for"):
        run({"infer": {"validation": {"n_toys": 0}}, "seed": 1}, tmp_path / "none.h5", tmp_path / "v.json")


# -- the whole chain ---------------------------------------------------------------------------------


def search_files(folder, mixture, background, signal, expected):
    """Evaluation and significance of one search: so many selected events, of which so many are signal."""
    after = np.zeros(len(EDGES) - 1, int)
    after[5:9] = [background - 3 * (background // 4), *[background // 4] * 3]
    after[[0, 4, 9]], test = 50, {"p_value": 0.5}
    shape = {"efficiency": 0.01, "after": [None, *after[1:].tolist()]}
    shape |= {"kolmogorov_smirnov": test, "chi2": test, "jensen_shannon": {"value": 0.0}}
    window = {"low": 3000.0, "high": 3400.0, "n_signal": 300, "n_background": 20_000, "truth": None}
    evaluation = {
        "schema_version": 1, "kind": "evaluation", "mixture": mixture, "method": "cwola", "labelled": True,
        "efficiencies": [0.01], "edges": EDGES, "truth_window": 0, "n_events": 9, "confidence": 0.68,
        "windows": [{**window, "sculpting": [shape]}],
    }  # fmt: skip
    entry = {
        "low": 3000.0, "high": 3400.0, "selection_efficiency": 0.01, "observed": background + signal,
        "expected_background": expected, "expected_background_error": 3.0, "z_signed": 1.0, "p_value": 0.1,
    }  # fmt: skip
    significance = {"mixture": mixture, "method": "cwola", "windows": [entry], "best": None}
    paths = []
    for name, content in (("evaluation", evaluation), ("significance", significance)):
        paths.append(folder / f"{name}-{mixture.replace(':', '_')}.json")
        paths[-1].write_text(json.dumps(content))
    return paths


EDGES = np.arange(2500.0, 5001.0, 100.0).tolist()


def test_linearity_of_the_whole_chain(tmp_path):
    names = {f"data:{n}:seed{seed}": (n, seed) for n in (0, 100, 400) for seed in (0, 1)}
    paths = {
        name: search_files(tmp_path, name, 200 + seed, n // 2, 205.0) for name, (n, seed) in names.items()
    }
    evaluations, significances = ({f"{name}/cwola": pair[i] for name, pair in paths.items()} for i in (0, 1))
    validation_linearity.run(evaluations, significances, tmp_path / "linearity.json")
    [entry] = json.loads((tmp_path / "linearity.json").read_text())["entries"]
    assert (entry["name"], entry["method"], entry["low"]) == ("data", "cwola", 3000.0)
    assert [point["injected"] for point in entry["points"]] == [0, 0, 100, 100, 400, 400]
    assert [point["selected_signal"] for point in entry["points"]] == [0, 0, 50, 50, 200, 200]
    fitted = [point["fitted"] for point in entry["points"]]
    assert fitted == [-5.0, -4.0, 45.0, 46.0, 195.0, 196.0]
    assert entry["points"][2]["error"] == pytest.approx((205 + 50 + 9) ** 0.5)
    assert entry["linearity"]["slope"] == pytest.approx(1, abs=0.01)
    assert entry["linearity"]["offset"] == pytest.approx(-4.5, abs=0.2)
    words = [f"{name}={path}" for name, path in evaluations.items()]
    more = [f"{name}={path}" for name, path in significances.items()]
    output = ["--output", str(tmp_path / "again.json")]
    assert cli.main(["infer", "linearity", "--evaluations", *words, "--significances", *more, *output]) == 0
    assert (tmp_path / "again.json").read_text() == (tmp_path / "linearity.json").read_text()


def test_linearity_without_truth_or_injection_says_nothing(tmp_path):
    pairs = {"data": search_files(tmp_path, "data", 200, 0, 205.0)}
    files = [{f"{name}/cwola": pair[i] for name, pair in pairs.items()} for i in (0, 1)]
    validation_linearity.run(*files, tmp_path / "linearity.json")
    assert json.loads((tmp_path / "linearity.json").read_text())["entries"] == []
    wrong = search_files(tmp_path, "other", 200, 0, 205.0)
    with pytest.raises(MismatchError, match="data/cwola is expected"):
        validation_linearity.run({"data/cwola": wrong[0]}, {"data/cwola": wrong[1]}, tmp_path / "l.json")


def test_few_toys_give_wide_intervals():
    widths = [found.high - found.low for n in (10, 100, 1000)
              if (found := coverage.counted(np.arange(n) < 0.95 * n))]  # fmt: skip
    assert all(one > other for one, other in pairwise(widths))
