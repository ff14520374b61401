"""Flow matching: solvers of known order, Gaussians with a known velocity, patches, distillation."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from resonaut.nn import flow_distil
from resonaut.nn.networks.flow_matching import FlowMatching, _divergence, solve, uniform_times
from resonaut.nn.networks.patch_transformer import (
    PatchVelocity,
    cartesian_patches,
    layer_patches,
    layers_of_patches,
    patches_of,
)
from resonaut.nn.networks.velocity import ConditionScale, DenseVelocity
from resonaut.nn.samples import FixedSamples

MEAN, WIDTH = torch.tensor([1.5, -0.5, 0.2]), torch.tensor([0.5, 2.0, 1.5])


class GaussianVelocity(nn.Module):
    """E[x1 - x0 | x_t] for data of independent normal columns; the context is added to their means."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Parameter(torch.zeros(1))

    def forward(self, values, time, context):
        mean, time = MEAN + context, time[:, None]
        slope = (time * WIDTH**2 - (1 - time)) / ((1 - time) ** 2 + time**2 * WIDTH**2)
        return mean + slope * (values - time * mean) + 0 * self.unused


def rows(count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=generator), torch.randn(count, 1, generator=generator)


@pytest.mark.parametrize(("solver", "order"), [("euler", 1), ("midpoint", 2), ("heun", 2)])
def test_solvers_have_their_order(solver, order):
    start = torch.linspace(0.5, 2, 4, dtype=torch.float64)[:, None]
    true = start * math.exp(math.sin(2.0) / 2)
    errors = [
        float((solve(lambda x, t: x * math.cos(2 * t), start, solver, steps) - true).abs().max())
        for steps in (20, 40, 80)
    ]
    for coarse, fine in itertools.pairwise(errors):
        assert math.log2(coarse / fine) == pytest.approx(order, abs=0.12)


def test_a_solution_goes_back_to_its_start():
    start = torch.linspace(0.5, 2, 4, dtype=torch.float64)[:, None]
    end = solve(lambda x, t: x * math.cos(2 * t), start, "heun", 50)
    back = solve(lambda x, t: x * math.cos(2 * t), end, "heun", 50, start=1.0, span=-1.0)
    torch.testing.assert_close(back, start, rtol=1e-4, atol=0)


def test_times_of_rows_and_one_time_agree():
    matching = FlowMatching(GaussianVelocity(), "midpoint", 4)
    noise, context = rows(5)
    field = matching.field(context)
    same = solve(field, noise, "midpoint", 2, start=torch.full((5,), 0.25), span=0.5)
    torch.testing.assert_close(same, solve(field, noise, "midpoint", 2, start=0.25, span=0.5))


def test_draws_of_the_true_velocity_are_the_gaussian():
    """The flow of a Gaussian path maps x0 to mean + width x0."""
    matching = FlowMatching(GaussianVelocity(), "midpoint", 100)
    noise, context = rows(200)
    torch.testing.assert_close(
        matching.draw(noise, context), MEAN + context + WIDTH * noise, rtol=0, atol=2e-3
    )


@pytest.mark.parametrize("probes", [None, 1])
def test_density_of_the_true_velocity_is_the_gaussian_one(probes):
    """Exact, and by one random direction: the Jacobian is diagonal, so that each direction is exact."""
    matching = FlowMatching(GaussianVelocity(), "midpoint", 100)
    noise, context = rows(50)
    values = MEAN + context + 1.3 * WIDTH * noise
    true = torch.distributions.Normal(MEAN + context, WIDTH).log_prob(values).sum(1)
    torch.testing.assert_close(matching.log_prob(values, context, probes), true, rtol=0, atol=3e-3)


def test_random_directions_give_the_trace_in_the_mean():
    torch.manual_seed(0)
    matrix, values = torch.randn(4, 4), torch.randn(2000, 4)
    directions = torch.randint(0, 2, (4, 2000, 4)) * 2.0 - 1
    slope, found = _divergence(lambda x, t: x @ matrix, values, 0.0, directions)
    torch.testing.assert_close(slope, values @ matrix)
    assert float(found.mean()) == pytest.approx(
        float(matrix.trace()), abs=4 * float(found.std()) / math.sqrt(2000)
    )
    exact = _divergence(lambda x, t: x @ matrix, values, 0.0, None)[1]
    torch.testing.assert_close(exact, matrix.trace().expand(2000), rtol=1e-5, atol=1e-5)


def test_least_loss_of_standard_normal_data_is_half_pi():
    """Var(x1 - x0 | x_t) = 1 / ((1 - t)^2 + t^2), whose integral over t is pi / 2."""

    class Standard(nn.Module):
        def forward(self, values, time, context):
            time = time[:, None]
            return (2 * time - 1) / ((1 - time) ** 2 + time**2) * values

    torch.manual_seed(1)
    values = torch.randn(60_000, 2)
    loss = FlowMatching(Standard(), "euler", 1).loss(values, torch.zeros(60_000, 0))
    assert float(loss.mean()) == pytest.approx(math.pi / 2, abs=4 * float(loss.std()) / math.sqrt(60_000))


def test_padding_has_no_part_in_the_loss():
    known = torch.tensor([True, False, True])
    values = torch.randn(40, 3) * known
    matching = FlowMatching(GaussianVelocity(), "euler", 1)
    torch.manual_seed(2)
    loss = matching.loss(values, torch.zeros(40, 1), known)
    torch.manual_seed(2)
    noise = torch.randn(40, 3)
    time = uniform_times(40, values)[:, None]
    found = matching.velocity(torch.lerp(noise * known, values, time), time[:, 0], torch.zeros(40, 1))
    expected = (found - values + noise)[:, [0, 2]].square().mean(1)
    torch.testing.assert_close(loss, expected)


def test_times_fill_the_interval_evenly():
    torch.manual_seed(0)
    times = uniform_times(1000, torch.zeros(1)).sort().values
    assert (times * 1000).floor().tolist() == list(range(1000))


# -- networks ------------------------------------------------------------------------------------------------


def test_patches_of_a_grid_hold_each_cell_once():
    patches = cartesian_patches((4, 6, 6), (2, 3, 2))
    assert patches.shape == (2 * 2 * 3, 12)
    assert sorted(patches.flatten().tolist()) == list(range(4 * 36))
    layer, row, column = np.unravel_index(patches[0].numpy(), (4, 6, 6))
    assert (layer.max(), row.max(), column.max()) == (1, 2, 1)


def test_patches_beyond_the_edge_are_marked():
    patches = cartesian_patches((3, 5, 5), (2, 4, 4))
    assert patches.shape == (8, 32)
    assert sorted(patches[patches >= 0].tolist()) == list(range(75))


def test_patches_of_cylinders_stay_in_their_layer():
    geometry = {
        "kind": "cylindrical",
        "layers": [
            {"id": 0, "r_edges": [0, 1, 2], "n_alpha": 3},
            {"id": 3, "r_edges": [0, 5], "n_alpha": 10},
        ],
    }
    patches = patches_of(geometry, (1, 2, 2))
    layer = torch.tensor([0] * 6 + [1] * 10)
    torch.testing.assert_close(patches, layer_patches(layer, 4))
    assert patches.tolist()[1] == [4, 5, -1, -1]
    assert layers_of_patches(patches, layer).flatten().tolist() == [0, 0, 1, 1, 1]


@pytest.mark.parametrize("own", [0, 2])
def test_multiplications_are_those_that_torch_counts(own):
    numbers = torch.zeros(6, own, dtype=torch.int64)
    network = PatchVelocity(6, 20, 5, width=16, blocks=2, heads=4, own=numbers)
    # The counter knows the products of attention, but not the CPU's fused kernel of them.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        network(torch.randn(1, 6, 20), torch.rand(1), torch.randn(1, 5))
    assert counter.get_total_flops() == 2 * network.n_multiplications


def test_the_small_transformer_is_small():
    """The promise of the settings: under 1 M parameters and 150 M multiplications for 30 x 30 x 30 cells."""
    patches = cartesian_patches((30, 30, 30), (3, 10, 10))
    network = PatchVelocity(*patches.shape, 62, 64, 3, 4)
    assert sum(p.numel() for p in network.parameters()) < 1e6
    assert network.n_multiplications < 150e6


def test_networks_begin_at_zero_velocity_and_learn_from_all_that_is_given():
    torch.manual_seed(0)
    dense, patches = DenseVelocity(3, 2, 16, 2), PatchVelocity(4, 3, 2, 8, 1, 2)
    for network, shape in ((dense, (7, 3)), (patches, (7, 4, 3))):
        inputs = [torch.randn(shape), torch.rand(7), torch.randn(7, 2)]
        assert not network(*inputs).any()
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=0.3)
        inputs = [part.requires_grad_() for part in inputs]
        network(*inputs).square().sum().backward()
        assert all(part.grad.abs().sum() > 0 for part in inputs)


def test_conditions_are_standardised_with_logs_of_positive_ones():
    values = torch.tensor([[10.0, -1.0], [20.0, 0.0], [40.0, 1.0]])
    scale = ConditionScale(2)
    scale.measure(values)
    found = scale(values)
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-6, rtol=0)
    torch.testing.assert_close(found[:, 2], torch.tensor([-(1.5**0.5), 0.0, 1.5**0.5]), atol=1e-5, rtol=0)
    assert not found[:, 3].any()


# -- distillation --------------------------------------------------------------------------------------------


def test_a_student_learns_where_its_teacher_goes():
    """The loss is zero for the constant velocity of the teacher's chord, and only there."""
    matching = FlowMatching(GaussianVelocity(), "midpoint", 8, students=(4, 2))
    assert [flow_distil.teacher_of(matching, number)[1:] for number in (4, 2)] == [
        (2, "midpoint"),
        (2, "euler"),
    ]

    class Chord(nn.Module):
        def forward(self, values, time, context):
            end = solve(matching.field(context), values, "midpoint", 2, start=time, span=0.25)
            return (end - values) * 4

    noise, context = rows(64)
    values = MEAN + context + WIDTH * noise
    loss = flow_distil.loss_of(matching, 4, lambda batch: batch)
    assert float(loss(Chord(), (values, context)).max()) < 1e-9
    assert float(loss(GaussianVelocity(), (values, context)).mean()) > 1e-4


def test_comparison_of_the_same_network_is_exact_and_of_few_steps_is_not():
    matching = FlowMatching(GaussianVelocity(), "euler", 16, students=(16, 2))
    noise, context = rows(400)
    samples = FixedSamples(MEAN + context + WIDTH * noise, context)
    found = flow_distil.Comparison(matching, samples, lambda batch: batch, 300, 1, torch.device("cpu"))
    same = found.of(matching.velocity, 16)
    assert same["rms_to_teacher"] == 0
    assert same["w1_teacher"] == same["w1_student"] < 0.15
    assert found.of(matching.velocity, 2)["rms_to_teacher"] > 0.05
