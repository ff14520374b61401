"""Amplification: quantile errors with closed forms, fits, and generators on a tiny scale."""

import json

import numpy as np
import pytest
from scipy.stats import kstest

from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.generate.amplification import gan, run
from resonaut.generate.amplification.distributions import DISTRIBUTIONS
from resonaut.generate.amplification.quantiles import (
    equivalent,
    error_of_shares,
    expected_error,
    quantile_error,
)
from resonaut.generate.amplification.settings import AdversarialSettings, AmplificationSettings
from resonaut.review.draw import draw
from resonaut.workflow import Plan

TINY = {
    "sizes": [100, 1000],
    "quantiles": [4, 10],
    "repetitions": 3,
    "gan": {"steps": 20, "width": 8},
    "flow": {
        "kind": "nsf",
        "transforms": 1,
        "hidden": [8],
        "bins": 4,
        "keep_epochs": 1,
        "training": {"epochs": 3, "batch_size": 100},
    },
}


def test_quantile_error_of_counted_shares():
    uniform = np.array([0.1, 0.2, 0.3, 0.9])[:, None]
    # Shares 1/2, 1/4, 0, 1/4.
    assert quantile_error(uniform, 4) == pytest.approx(1 / 16 + 1 / 16)
    corner = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert quantile_error(corner, 2) == pytest.approx(4 * 1 / 16)
    both = np.stack([corner, np.zeros((2, 2))])
    assert quantile_error(both, 2) == pytest.approx([0.25, 9 / 16 + 3 / 16])


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_true_samples_have_the_expected_quantile_error(name):
    truth = DISTRIBUTIONS[name]
    random = np.random.default_rng(1)
    points = truth.draw(4_000 * 50, random).reshape(4_000, 50, truth.n_dimensions)
    errors = quantile_error(truth.uniform(points), 5)
    expected = expected_error(50, 5**truth.n_dimensions)
    assert errors.mean() == pytest.approx(expected, abs=4 * errors.std() / np.sqrt(len(errors)))
    # The equivalent of a sample is the sample.
    found = equivalent(errors, 5**truth.n_dimensions, 50)
    assert found.factor == pytest.approx(1, abs=4 * found.factor_standard)
    assert 0 < found.factor_standard < 0.02


@pytest.mark.parametrize("name", sorted(DISTRIBUTIONS))
def test_the_truth_is_uniform_on_its_quantiles(name):
    truth = DISTRIBUTIONS[name]
    uniform = truth.uniform(truth.draw(5_000, np.random.default_rng(2)))
    for column in uniform.T:
        assert kstest(column, "uniform").pvalue > 1e-3


def test_equivalent_of_a_known_error():
    errors = np.full(5, expected_error(250, 20))
    found = equivalent(errors, 20, 100)
    assert (found.size, found.factor) == pytest.approx((250, 2.5))
    assert found.factor_standard == pytest.approx(0)
    spread = equivalent(np.array([0.9, 1.1]) * errors[0], 20, 100)
    assert spread.factor_standard == pytest.approx(2.5 * 0.1)


@pytest.mark.parametrize(
    ("name", "true"), [("camel_back", (0.5, -4, 1, 4, 1)), ("ring", (4, 1))], ids=["camel_back", "ring"]
)
def test_fits_find_the_truth(name, true):
    truth = DISTRIBUTIONS[name]
    assert len(truth.fitted) == len(true)
    assert error_of_shares(truth.shares(np.array(true, float), 7)) == pytest.approx(0, abs=1e-12)
    fitted = truth.fit(truth.draw(40_000, np.random.default_rng(3)))
    assert fitted == pytest.approx(true, abs=0.03)
    # A shifted function has the shares of its own sample.
    shifted = fitted + 0.3
    if name == "ring":
        points = truth.draw(1, np.random.default_rng(4))
        radius = shifted[0] + shifted[1] * np.random.default_rng(4).standard_normal(200_000)
        points = np.stack([radius[radius > 0], 0 * radius[radius > 0]], axis=1)
        shares = np.histogram(truth.uniform(points)[:, 0], 7, (0, 1))[0] / len(points)
        assert truth.shares(shifted, 7).reshape(7, 7).sum(1) == pytest.approx(shares, abs=0.005)
        return
    random = np.random.default_rng(4)
    left = random.random(200_000) < shifted[0]
    normal = random.standard_normal(200_000)
    points = np.where(left, shifted[1] + shifted[2] * normal, shifted[3] + shifted[4] * normal)
    shares = np.histogram(truth.uniform(points), 7, (0, 1))[0] / len(points)
    assert truth.shares(shifted, 7) == pytest.approx(shares, abs=0.005)


def test_a_fit_of_few_points_amplifies_them():
    truth = DISTRIBUTIONS["camel_back"]
    samples = [truth.draw(100, np.random.default_rng(number)) for number in range(200)]
    for n_quantiles in (10, 20):
        shares = np.array([truth.shares(truth.fit(points), n_quantiles) for points in samples])
        found = equivalent(error_of_shares(shares), n_quantiles, 100)
        assert found.factor > 1 + 5 * found.factor_standard
    # Five parameters know less of ten quantiles than of twenty, relative to the nine or nineteen of a sample.
    assert found.factor > 2


def test_a_repetition_does_not_depend_on_the_others():
    truth = DISTRIBUTIONS["camel_back"]
    training = np.stack([truth.draw(30, np.random.default_rng(number)) for number in range(3)])
    settings = AdversarialSettings(steps=5, width=8)
    together = gan.fit(training, settings, 7, "x")
    alone = gan.fit(training[:1], settings, 7, "x")
    assert together(0, 50) == pytest.approx(alone(0, 50), abs=1e-3)
    assert np.array_equal(together(1, 200)[:50], together(1, 50))
    assert not np.allclose(together(1, 50), together(2, 50))


def test_a_discriminator_loss_by_hand():
    import torch

    keys = torch.tensor([3])
    pairs = gan._Pairs(keys, (2, 4, 4, 4, 1), (9, 4, 4, 4, 1))
    flat = torch.zeros(1, gan.stacked.n_parameters(pairs.discriminator))
    # Zero log odds: ln 2 for true and for made points, and no slope.
    loss = gan._judge_loss(pairs, flat.requires_grad_(), torch.randn(1, 5, 1), torch.randn(1, 5, 1), 1.0)
    assert loss.tolist() == pytest.approx([2 * np.log(2)], abs=1e-6)


def test_energy_distance_of_known_points():
    import torch

    made, real = torch.tensor([[[0.0], [2.0]], [[0.0], [2.0]]]), torch.tensor([[[1.0]], [[5.0]]])
    # 2 * 1 - 1 - 0 and 2 * 4 - 1 - 0.
    assert gan.energy_distance(made, real).tolist() == pytest.approx([1, 7])
    assert gan.energy_distance(made, made).tolist() == pytest.approx([0, 0], abs=1e-6)


def test_the_command_writes_numbers_that_the_figure_draws(tmp_path):
    output = tmp_path / "errors.json"
    settings = {"name": "tiny", "seed": 1, "amplification": {**TINY, "distribution": "camel_back"}}
    run.run(settings, output, 1)
    text = output.read_text()
    assert "NaN" not in text
    result = json.loads(text)
    first = result["quantiles"][0]
    assert (first["n_quantiles"], first["n_cells"]) == (4, 4)
    assert set(first["curves"]) == {"sample", "gan", "flow"}
    assert [point["size"] for point in first["curves"]["gan"]] == [100, 1000]
    assert first["curves"]["sample"][1]["expected"] == pytest.approx(0.75 / 1000)
    assert first["fit"]["factor"] == pytest.approx(first["fit"]["size"] / 100)
    draw("generate_amplification", {}, {"errors": output}, [tmp_path / "figure.png"])
    assert (tmp_path / "figure.png").stat().st_size > 10_000


def test_a_study_of_amplification_needs_no_datasets():
    raw = {"study": "a", "seed": 3, "datasets": {}, "amplification": {"ring": {"distribution": "ring"}}}
    plan = Plan(parse(raw))
    assert plan.targets("generate") == ["results/a/generate/amplification/ring/errors.json"]
    assert plan.figures() == ["generate_amplification/ring"]
    slice_ = json.loads(plan.settings("amplify", name="ring"))
    assert (slice_["name"], slice_["seed"]) == ("ring", 3)
    with pytest.raises(ConfigError, match="at least one dataset"):
        parse({**raw, "amplification": {}})
    raw["amplification"] = {"ring": {"distribution": "rings"}}
    with pytest.raises(ConfigError, match=r"amplification\.ring\.distribution"):
        parse(raw)


@pytest.mark.parametrize("wrong", [{"sizes": [100, 100]}, {"quantiles": [1]}, {"generators": ["gan", "gan"]}])
def test_bad_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"larger than the one before|named twice"):
        AmplificationSettings(**wrong)


@pytest.mark.full
def test_generators_amplify_the_camel_back():
    settings = AmplificationSettings(repetitions=6, quantiles=(20, 50), sizes=(100, 30_000))
    finest = run.study(settings, 1, "camel_back")["quantiles"][-1]
    for name in ("gan", "flow"):
        worth = finest["generators"][name]
        assert worth["factor"] > 1 + 2 * worth["factor_standard"]
