"""Flows of features: densities that integrate to one, exact inverses, whole numbers, known distributions."""

import math

import numpy as np
import pytest
import torch

from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import flow, flow_matching
from resonaut.nn.device import seeded
from resonaut.nn.flow_features import FeatureFlow, FeatureScale
from resonaut.nn.samples import FixedSamples
from resonaut.settings import validate

KINDS = ["coupling", "autoregressive", "inverse_autoregressive"]


def network_of(kind, n_features=2, n_conditions=1):
    """A flow with weights far from those it begins with, on the scale of some rows."""
    with seeded(3):
        network = FeatureFlow(n_features, n_conditions, kind, 3, (16,), 6)
        for parameter in network.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        network.measure(torch.randn(500, n_features) * 0.7 + 1, torch.rand(500, n_conditions) + 1)
    return network.eval()


def shape(n_features, conditions=("pt",)):
    names = tuple(f"x{number}" for number in range(n_features))
    return Shape("features", (n_features,), names, conditions, {})


def fit(method, settings, values, conditions, folder, seed=1):
    base = {"datasets": ["toy"], "learn": "features", "inputs": ["x"], "conditions": ["pt"]}
    generator = method.build(validate(method.Settings, {**base, **settings}))
    with seeded(seed):
        network = generator.network(shape(values.shape[1]))
    cut = len(values) * 3 // 4
    samples = [FixedSamples(values[part], conditions[part]) for part in (slice(None, cut), slice(cut, None))]
    history = generator.fit(network, *samples, Job(seed, "generate.toy", folder, "inputs"))
    return generator, network, history


def linear_gaussian(count, seed=0):
    """x = (1 + 2 c + 0.5 a, c - a + 0.2 b) with normal a, b and c in [0, 1]; and its log density."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, count, generator=generator)
    c = torch.rand(count, generator=generator)
    values = torch.stack([1 + 2 * c + 0.5 * a, c - a + 0.2 * b], dim=1)
    log_density = -0.5 * (a**2 + b**2) - math.log(2 * math.pi) - math.log(0.5 * 0.2)
    return values, c[:, None], log_density


@pytest.mark.parametrize("kind", KINDS)
def test_density_integrates_to_one(kind):
    network = network_of(kind)
    axis = torch.linspace(-16, 18, 601)
    grid = torch.cartesian_prod(axis, axis)
    with torch.no_grad():
        log_density = network.log_prob(grid, torch.full((len(grid), 1), 1.4))
    integral = float(log_density.double().exp().sum()) * (34 / 600) ** 2
    assert integral == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_inverse_is_exact_and_the_density_is_that_of_its_draws(kind):
    network = network_of(kind, n_features=4).double()
    random = torch.Generator().manual_seed(1)
    context = network.conditions(torch.rand(200, 1, generator=random, dtype=torch.float64) + 1)
    noise = torch.randn(200, 4, generator=random, dtype=torch.float64)
    with torch.no_grad():
        scaled = network.from_noise(noise, context)
        back, log_jacobian = network._given(context).call_and_ladj(scaled)
        torch.testing.assert_close(back, noise, rtol=0, atol=1e-5)
        expected = -0.5 * noise.square().sum(1) - 2 * math.log(2 * math.pi) + log_jacobian
        torch.testing.assert_close(network.log_density(scaled, context), expected, rtol=0, atol=1e-5)
        values = network.scale.inverse(scaled)
        torch.testing.assert_close(network.scale(values)[0], scaled, rtol=0, atol=1e-5)
    assert not torch.equal(scaled, noise)


@pytest.mark.parametrize("kind", KINDS)
def test_log_jacobian_is_that_of_automatic_differentiation(kind):
    network = network_of(kind, n_features=3).double()
    context = network.conditions(torch.full((1, 1), 1.5, dtype=torch.float64))
    point = torch.tensor([[0.4, 1.2, 2.0]], dtype=torch.float64)

    def to_noise(values):
        scaled, _ = network.scale(values[None])
        return network._given(context)(scaled)[0]

    jacobian = torch.autograd.functional.jacobian(to_noise, point[0])
    noise = to_noise(point[0])
    expected = -0.5 * noise.square().sum() - 1.5 * math.log(2 * math.pi) + torch.linalg.slogdet(jacobian)[1]
    found = network.log_prob(point, torch.full((1, 1), 1.5, dtype=torch.float64))
    assert found.item() == pytest.approx(expected.item(), abs=1e-9)


def test_one_feature_and_no_condition():
    for kind in KINDS:
        network = network_of(kind, n_features=1, n_conditions=0)
        axis = torch.linspace(-30, 30, 4001)[:, None]
        with torch.no_grad():
            total = network.log_prob(axis, torch.zeros(4001, 0)).exp().sum() * (60 / 4000)
        assert float(total) == pytest.approx(1, abs=0.01)


def test_whole_numbers_stay_whole_and_their_probabilities_sum_up_to_one():
    with seeded(5):
        counts = torch.poisson(torch.full((3000, 1), 3.0))
        values = torch.cat([counts, torch.rand(3000, 1)], dim=1)
        scale = FeatureScale(2)
        scale.measure(values)
        assert scale.whole.tolist() == [True, False]
        back = scale.inverse(scale(scale.noised(values))[0])
        torch.testing.assert_close(back[:, 0], values[:, 0], rtol=0, atol=0)
        torch.testing.assert_close(back[:, 1], values[:, 1], rtol=0, atol=1e-5)
        network = FeatureFlow(1, 0, "coupling", 2, (8,), 6)
        network.measure(counts, torch.zeros(3000, 0))
        drawn = network.sample(torch.zeros(2000, 0))
    assert (drawn == drawn.round()).all()
    assert float(drawn.min()) == 0
    with torch.no_grad():
        probability = network.log_prob(torch.arange(-40.0, 60)[:, None], torch.zeros(100, 0)).exp()
    assert float(probability.sum()) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("kind", [pytest.param("coupling", marks=pytest.mark.full), "autoregressive"])
def test_a_flow_learns_a_conditional_gaussian(kind, tmp_path):
    values, conditions, _ = linear_gaussian(6000)
    training = {"epochs": 16, "batch_size": 256, "learning_rate": 4e-3, "device": "cpu", "ema": 0.98}
    settings = {"flow": kind, "transforms": 2, "hidden": [32], "training": training}
    generator, network, history = fit(flow, settings, values, conditions, tmp_path)
    test, given, true = linear_gaussian(4000, seed=9)
    found = generator.log_prob(network, test, given)
    divergence = float((true - found).mean())
    assert -0.01 < divergence < 0.08
    assert history.epochs[-1].validation_loss == pytest.approx(float(-true.mean()), abs=0.1)
    with seeded(2):
        drawn = generator.sample(network, torch.full((4000, 1), 0.5))
    torch.testing.assert_close(drawn.mean(0), torch.tensor([2.0, 0.5]), rtol=0, atol=0.08)
    covariance = torch.tensor([[0.25, -0.5], [-0.5, 1.04]])
    torch.testing.assert_close(drawn.T.cov(), covariance, rtol=0, atol=0.12)


def test_flow_matching_learns_a_conditional_gaussian_and_its_density(tmp_path):
    values, conditions, _ = linear_gaussian(4000)
    training = {"epochs": 20, "batch_size": 256, "learning_rate": 4e-3, "device": "cpu", "ema": 0.98}
    settings = {"width": 48, "blocks": 2, "steps": 20, "training": training}
    generator, network, _ = fit(flow_matching, settings, values, conditions, tmp_path)
    test, given, true = linear_gaussian(1000, seed=9)
    assert abs(float((true - generator.log_prob(network, test, given)).mean())) < 0.1
    for condition, mean in ((0.2, (1.4, 0.2)), (0.8, (2.6, 0.8))):
        with seeded(2):
            drawn = generator.sample(network, torch.full((4000, 1), condition))
        torch.testing.assert_close(drawn.mean(0), torch.tensor(mean), rtol=0, atol=0.09)
        covariance = torch.tensor([[0.25, -0.5], [-0.5, 1.04]])
        torch.testing.assert_close(drawn.T.cov(), covariance, rtol=0, atol=0.12)


def ring(count, seed=0):
    """Eight narrow Gaussians on a circle of radius 2."""
    random = np.random.default_rng(seed)
    angle = random.integers(8, size=count) * np.pi / 4
    centre = 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return torch.tensor(centre + random.normal(0, 0.15, (count, 2)), dtype=torch.float32)


@pytest.mark.full
def test_few_steps_of_a_student_do_what_many_of_its_teacher_do(tmp_path):
    """All eight modes, evenly and narrow; one student of 4 steps beats 4 steps of the teacher."""
    values, conditions = ring(6000), torch.rand(6000, 1, generator=torch.Generator().manual_seed(0))
    training = {"epochs": 30, "batch_size": 256, "learning_rate": 4e-3, "device": "cpu", "ema": 0.98}
    settings = {
        "width": 64,
        "blocks": 2,
        "steps": 16,
        "solver": "euler",
        "training": training,
        "distil": {"steps": [8, 4], "n_compared": 500, "training": {**training, "epochs": 8}},
    }
    generator, network, history = fit(flow_matching, settings, values, conditions, tmp_path)
    with seeded(4):
        drawn = generator.sample(network, torch.rand(4000, 1))
    angle = torch.atan2(drawn[:, 1], drawn[:, 0]) / (math.pi / 4)
    share = torch.bincount((angle.round().long() % 8), minlength=8) / 4000
    assert float(share.min()) > 0.08
    assert float(share.max()) < 0.17
    assert float(((drawn.norm(dim=1) - 2).abs() < 0.5).float().mean()) > 0.93
    parts = {}
    for epoch in history.epochs:
        parts.setdefault(epoch.metrics["part"], []).append(epoch.metrics)
    assert [len(part) for part in parts.values()] == [30, 8, 8]
    student = parts[2.0][-1]
    matching, noise = network.matching, torch.randn(500, 2, generator=torch.Generator().manual_seed(3))
    context = network.conditions(conditions[:500])
    teacher = matching.draw(noise, context)
    own = matching.draw(noise, context, student=4)
    matching.steps = 4
    coarse = matching.draw(noise, context)
    assert (own - teacher).square().mean() < 0.5 * (coarse - teacher).square().mean()
    assert student["w1_student"] < student["w1_teacher"] + 0.05


def test_all_parts_go_on_after_a_kill_with_the_same_bits(tmp_path):
    values, conditions, _ = linear_gaussian(400)
    training = {"epochs": 3, "batch_size": 64, "device": "cpu"}
    settings = {"width": 8, "blocks": 1, "training": training}
    settings["distil"] = {"steps": [4, 2], "n_compared": 20, "training": training}
    run = [flow_matching, settings, values, conditions]
    _, whole, history = fit(*run, tmp_path / "a")
    _, again, _ = fit(*run, tmp_path / "b")
    _, other, _ = fit(*run, tmp_path / "c", seed=2)
    for name in ("main", "steps4", "steps2"):
        assert (tmp_path / "a" / name / "training.safetensors").exists()
    (tmp_path / "a" / "steps2" / "training.safetensors").unlink()
    _, resumed, same_history = fit(*run, tmp_path / "a")
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    assert history == same_history
    name = "matching.velocity.last.weight"
    assert not torch.equal(whole.state_dict()[name], other.state_dict()[name])


@pytest.mark.parametrize(
    ("distil", "named"),
    [
        ({"steps": [8, 3]}, r"steps: 3 after 8: a smaller divisor of 8"),
        ({"steps": [8, 4], "draw_with": 2}, r"draw_with: 2 is none of the steps \[8, 4\]"),
    ],
)
def test_steps_that_do_not_halve_are_refused(distil, named):
    from resonaut.errors import ConfigError

    with pytest.raises(ConfigError, match=named):
        validate(flow_matching.Settings, {"datasets": ["x"], "distil": distil})
