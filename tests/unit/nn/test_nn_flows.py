"""Flows against plain zuko with the same weights, closed forms, and numerical change of variables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import zuko
from scipy.stats import kstest, norm
from torch.func import functional_call

from resonaut.errors import ConfigError, TrainingError
from resonaut.nn import flow_scaling
from resonaut.nn.flow_maf import Maf
from resonaut.nn.flow_zuko import Transform, Zuko
from resonaut.nn.flows import Flows, FlowSettings, fit_flows
from resonaut.nn.lists import Member, Sample
from resonaut.nn.settings import TrainingSettings
from resonaut.settings import validate

QUICK = {"transforms": 2, "hidden": [16], "training": {"epochs": 2, "batch_size": 100, "patience": 2}}


def _zuko_state(flow: Maf, flat: torch.Tensor) -> dict[str, torch.Tensor]:
    """Weights of one of our flows under zuko's names; its outputs are shift and scale, feature by feature."""
    from resonaut.nn import stacked

    state = {}
    for number in range(flow.transforms):
        part = flow._of_transform(flat[None], number)
        layers = stacked.layers(part, flow.sizes)
        for layer, (weights, biases) in enumerate(layers):
            weight, bias = weights[0].T, biases[0, 0]
            if layer == len(layers) - 1:
                weight, bias = (
                    value.unflatten(0, (2, flow.n_features)).transpose(0, 1).flatten(0, 1)
                    for value in (weight, bias)
                )
            where = f"transform.transforms.{number}.hyper.{2 * layer}"
            state[f"{where}.weight"], state[f"{where}.bias"] = weight, bias
    return state


def _inputs(n_networks: int, n_features: int, n_condition: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    shape = (n_networks, 50)
    return (
        2 * torch.randn(*shape, n_features, generator=generator, dtype=torch.float64),
        torch.randn(*shape, n_condition, generator=generator, dtype=torch.float64),
    )


@pytest.mark.parametrize(
    ("features", "conditions", "hidden"), [(4, 1, (16, 12)), (3, 2, (8,)), (2, 1, (5, 5))]
)
def test_maf_is_that_of_zuko(features: int, conditions: int, hidden: tuple[int, ...]) -> None:
    flow = Maf(features, conditions, 3, hidden)
    values, condition = _inputs(4, features, conditions)
    flat = (3 * flow.initial(range(4), values)).requires_grad_()
    latent, log_jacobian = flow.forward(flat, values, condition)
    slope = torch.cos(torch.arange(log_jacobian.numel(), dtype=torch.float64)).reshape(log_jacobian.shape)
    (ours,) = torch.autograd.grad(((log_jacobian - latent.square().sum(2)) * slope).sum(), flat)
    peer = Transform(zuko.flows.MAF(features, conditions, transforms=3, hidden_features=hidden)).double()
    for number in range(4):
        leaf = flat[number].detach().clone().requires_grad_()
        state = _zuko_state(flow, leaf)
        both = functional_call(peer, state, (values[number], condition[number]))
        z, ladj = both[:, :-1], both[:, -1]
        back = functional_call(peer, state, (z.detach(), condition[number], True))
        torch.testing.assert_close(latent[number], z, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(log_jacobian[number], ladj, rtol=1e-9, atol=1e-9)
        (expected,) = torch.autograd.grad(((ladj - z.square().sum(1)) * slope[number]).sum(), leaf)
        torch.testing.assert_close(ours[number], expected, rtol=1e-8, atol=1e-8)
        torch.testing.assert_close(back, values[number], rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(flow.inverse(flat, latent, condition), values, rtol=1e-6, atol=1e-6)


def test_vectorised_zuko_is_zuko_one_by_one() -> None:
    def make() -> zuko.lazy.Flow:
        return zuko.flows.NSF(3, 1, bins=5, transforms=2, hidden_features=(16,))

    values, condition = _inputs(3, 3, 1)
    flow = Zuko(make, values)
    flat = 2 * flow.initial([5, 6, 7], values)
    latent, log_jacobian = flow.forward(flat, values, condition)
    back = flow.inverse(flat, latent, condition)
    for number in range(3):
        peer = make().double()
        named = {
            name.removeprefix("transform.transforms."): value[number]
            for name, value in flow.many.parameters(flat).items()
        }
        peer.transform.transforms.load_state_dict({**peer.transform.transforms.state_dict(), **named})
        expected = peer(condition[number]).log_prob(values[number])
        ours = log_jacobian[number] - 0.5 * latent[number].square().sum(1) - 1.5 * np.log(2 * np.pi)
        torch.testing.assert_close(ours, expected.detach(), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(back, values, rtol=1e-6, atol=1e-6)


def _trained(
    n_features: int = 2, n: int = 400, members: int = 2, **more
) -> tuple[Flows, np.ndarray, np.ndarray]:
    """Flows after a few steps, on values with an edge at 3 and different training rows for each network."""
    generator = np.random.default_rng(2)
    values = 3 + 5 * generator.gamma(2.0, size=(n, n_features))
    condition = generator.uniform(2.0, 5.0, (n, 1))
    half = n // 2
    samples = [Sample(np.arange(k * n // 4, k * n // 4 + half), np.ones(half)) for k in range(members)]
    networks = [Member(40 + number, number, number) for number in range(members)]
    settings = validate(FlowSettings, {**QUICK, **more})
    return fit_flows(values, condition, samples, networks, settings), values, condition


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_density_has_the_jacobian_of_every_step(kind: str) -> None:
    """log p(x) = log N(z(x)) + log |dz/dx| with the derivative taken numerically, also far outside."""
    flows, values, condition = _trained(kind=kind)
    values = np.concatenate([values[:20], [[2.0, 3.0], [1e3, 40.0], [-50.0, 10.0]]])
    condition = condition[:23]
    found = flows.log_prob([1, 0], values, condition)
    best = Flows(flows.program, flows.kept[:1], flows.constants, flows.history, flows.n_parameters)
    assert np.isfinite(found).all()
    columns = []
    for axis in range(2):
        step = 1e-6 * np.eye(2)[axis]
        columns.append(
            (
                flows.to_latent([1, 0], values + step, condition)
                - flows.to_latent([1, 0], values - step, condition)
            )
            / 2e-6
        )
    jacobian = np.linalg.slogdet(np.stack(columns, axis=-1))[1]
    expected = norm.logpdf(flows.to_latent([1, 0], values, condition)).sum(2) + jacobian
    np.testing.assert_allclose(best.log_prob([1, 0], values, condition), expected, atol=1e-5)
    back = flows.from_latent([1], flows.to_latent([1], values, condition)[0], condition)[0]
    np.testing.assert_allclose(back, values, rtol=1e-7, atol=1e-6)


@pytest.mark.parametrize("kind", ["maf", "nsf"])
def test_density_integrates_to_one_at_each_condition(kind: str) -> None:
    flows, _, _ = _trained(kind=kind, keep_epochs=1)
    axis = np.linspace(-20, 100, 301)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    for mass in (2.5, 4.5):
        density = np.exp(flows.log_prob([0], grid, np.full((len(grid), 1), mass))[0])
        assert density.sum() * (axis[1] - axis[0]) ** 2 == pytest.approx(1, abs=5e-3)


def test_density_is_the_mean_of_those_of_the_kept_epochs() -> None:
    flows, values, condition = _trained()
    assert len(flows.kept) == 2
    each = [
        Flows(flows.program, flows.kept[k : k + 1], flows.constants, flows.history, 0).log_prob(
            [0, 1], values, condition
        )
        for k in range(2)
    ]
    np.testing.assert_allclose(
        np.exp(flows.log_prob([0, 1], values, condition)), np.exp(each).mean(0), rtol=1e-10
    )
    assert np.abs(each[0] - each[1]).max() > 1e-3


def test_history_is_minus_the_log_density_of_the_values_as_given() -> None:
    flows, values, condition = _trained(keep_epochs=1)
    rows = np.arange(200)
    for number, best in enumerate(flows.history.best_epoch):
        own = rows + 100 * number
        expected = -flows.log_prob([number], values[own], condition[own]).mean()
        assert flows.history.validation_loss[number, best] == pytest.approx(expected, abs=1e-9)


@pytest.fixture(scope="module")
def gaussian() -> tuple[Flows, np.random.Generator]:
    """Flows of x ~ N(2 m, 1) and y ~ N(x - m, 0.5), learnt for m in 0-1 and 2-3 only."""
    generator = np.random.default_rng(5)
    n = 8000
    mass = generator.uniform(0, 2, n)
    mass = np.where(mass > 1, mass + 1, mass)
    x = generator.normal(2 * mass, 1.0)
    values = np.stack([x, generator.normal(x - mass, 0.5)], axis=1).astype(np.float32)
    rows = np.arange(n)
    parts = (rows[:6000], rows[6000:])
    settings = FlowSettings(
        transforms=2,
        hidden=(32,),
        keep_epochs=4,
        training=TrainingSettings(epochs=16, batch_size=150, learning_rate=5e-3, patience=8),
    )
    samples = [Sample(part, np.ones(len(part))) for part in parts]
    flows = fit_flows(values, mass[:, None].astype(np.float32), samples, [Member(1, 0, 1)], settings)
    return flows, generator


def test_learns_a_gaussian_whose_mean_follows_the_mass(gaussian) -> None:
    """Also between the masses that it learnt from: the closed form, in the mean over events."""
    flows, generator = gaussian
    for mass, worst in ((0.5, 0.03), (1.5, 0.05), (2.5, 0.03)):
        x = generator.normal(2 * mass, 1.0, 4000)
        values = np.stack([x, generator.normal(x - mass, 0.5)], axis=1).astype(np.float32)
        truth = norm.logpdf(x, 2 * mass, 1.0) + norm.logpdf(values[:, 1], x - mass, 0.5)
        found = flows.log_prob([0], values, np.full((4000, 1), mass, np.float32))[0]
        # The mean of the difference is the divergence of the learnt from the true density, at least 0.
        assert -0.01 < (truth - found).mean() < worst


def test_samples_follow_the_learnt_density(gaussian) -> None:
    flows, _ = gaussian
    condition = np.full((4000, 1), 1.5, np.float32)
    drawn = flows.sample(0, condition, seed=3)
    assert drawn.dtype == np.float32
    np.testing.assert_allclose(drawn.mean(0), [3.0, 1.5], atol=0.1)
    np.testing.assert_allclose(np.cov(drawn.T), [[1.0, 1.0], [1.0, 1.25]], atol=0.1)
    np.testing.assert_array_equal(drawn, flows.sample(0, condition, seed=3))
    assert not (drawn == flows.sample(0, condition, seed=4)).any()
    # Latent values of what the flow learnt are standard normal.
    latent = flows.to_latent([0], drawn, condition)[0]
    assert min(kstest(column, "norm").pvalue for column in latent.T) > 1e-4


def test_events_beyond_the_training_do_not_rule_the_validation() -> None:
    generator = np.random.default_rng(4)
    values, condition = generator.normal(size=(600, 2)), generator.normal(size=(600, 1))
    train, validation = np.arange(400), np.arange(400, 600)
    settings = validate(FlowSettings, QUICK)

    def losses(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
        samples = [Sample(train, np.ones(400)), Sample(rows, np.ones(len(rows)))]
        return fit_flows(values, condition, samples, [Member(1, 0, 1)], settings).history.validation_loss

    inside = ((values >= values[train].min(0)) & (values <= values[train].max(0))).all(axis=1)
    far = values.copy()
    far[550:560] = 60.0
    inside[550:560] = False
    kept = validation[inside[validation]]
    np.testing.assert_allclose(losses(far, validation), losses(values, kept), rtol=1e-12)
    # Where nothing is inside, all stay.
    far[validation] = 60.0
    assert losses(far, validation).min() > 50


def test_result_does_not_depend_on_the_other_networks() -> None:
    together, values, condition = _trained(members=3)
    generator = np.random.default_rng(2)
    assert values[0, 0] == 3 + 5 * generator.gamma(2.0, size=(400, 2))[0, 0]
    sample = [Sample(np.arange(200, 400), np.ones(200))]
    alone = fit_flows(values, condition, sample, [Member(42, 0, 0)], validate(FlowSettings, QUICK))
    np.testing.assert_allclose(
        alone.log_prob([0], values, condition)[0], together.log_prob([2], values, condition)[0], atol=1e-9
    )


def test_a_known_part_of_a_mixture_is_left_to_it() -> None:
    """20 % N(2, 0.3), the others N(0, 1), whose density is given: the rest and its fraction are found."""
    generator = np.random.default_rng(7)
    truth = generator.random(3000) < 0.2
    values = np.where(truth, generator.normal(2.0, 0.3, 3000), generator.normal(size=3000))[:, None]
    known = norm.logpdf(values[:, 0])
    parts = np.split(np.arange(3000), [2250])
    samples = [Sample(part, np.ones(len(part)), known[part]) for part in parts]
    settings = FlowSettings(
        transforms=2,
        hidden=(16,),
        keep_epochs=1,
        training=TrainingSettings(epochs=25, batch_size=100, learning_rate=8e-3, patience=8),
    )
    flows = fit_flows(values, np.zeros((3000, 1)), samples, [Member(3, 0, 1)], settings, fraction=0.05)
    assert flows.fractions() == pytest.approx(0.2, abs=0.03)
    drawn = flows.sample(0, np.zeros((2000, 1)), seed=1)[:, 0]
    assert np.median(drawn) == pytest.approx(2.0, abs=0.06)
    assert norm.cdf(1) - norm.cdf(-1) - 0.1 < (np.abs(drawn - 2.0) < 0.3).mean() < 0.8


def test_scaling_is_a_bijection_with_a_continuous_derivative() -> None:
    table = torch.linspace(3, 7, 101, dtype=torch.float64)[:, None].repeat(1, 2)
    own = flow_scaling.constants(table, 1, [Sample(np.arange(101), np.ones(101))], [Member(1, 0, 0)])
    values = torch.linspace(-20, 30, 4001, dtype=torch.float64).reshape(1, -1, 1)
    scaled, log_jacobian = flow_scaling.forward(values, own)
    torch.testing.assert_close(flow_scaling.inverse(scaled, own), values, rtol=1e-9, atol=1e-9)
    slope = torch.gradient(scaled[0, :, 0], spacing=50 / 4000)[0].log()
    torch.testing.assert_close(slope[5:-5], log_jacobian[0, 5:-5], rtol=0, atol=0.1)
    assert float(log_jacobian[0].diff().abs().max()) < 0.2
    inside, _ = flow_scaling.forward(table[None, :, :1], own)
    assert float(inside.mean()) == pytest.approx(0, abs=1e-9)
    assert float(inside.std(correction=0)) == pytest.approx(1, abs=1e-9)


def test_refusals() -> None:
    empty = [Sample(np.zeros(0, np.int64), np.zeros(0))]
    with pytest.raises(TrainingError, match="toy: sample 0 has no events of positive weight"):
        fit_flows(np.ones((3, 1)), np.ones((3, 1)), empty, [Member(1, 0, 0)], FlowSettings(), "toy")
    with pytest.raises(ConfigError, match=r"flow\.kind: .*'maf' or 'nsf'"):
        validate(FlowSettings, {"kind": "mad"}, "flow")
    with pytest.raises(ConfigError, match="Did you mean 'transforms'"):
        validate(FlowSettings, {"transform": 3}, "flow")
