"""LorentzNet: the symmetry that it is built on, its published size, a plain reference, padding."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from resonaut.errors import ConfigError
from resonaut.kinematics import cartesian
from resonaut.nn.networks import lorentznet
from resonaut.nn.networks.lorentznet import (
    LorentzBlock,
    LorentzNet,
    minkowski_products,
    momenta_of_cloud,
    squashed,
)
from resonaut.nn.training import n_parameters
from resonaut.settings import validate
from resonaut.tag.methods import lorentznet as method

INPUTS = ("delta_eta", "log_pt", "charge", "delta_phi")
METRIC = torch.diag(torch.tensor([1.0, -1.0, -1.0, -1.0], dtype=torch.float64))


def network(n_outputs=1, dropout=0.0, beams=True, step=0.05, seed=0) -> LorentzNet:
    torch.manual_seed(seed)
    made = LorentzNet(INPUTS, n_outputs, n_hidden=8, n_blocks=3, step=step, dropout=dropout, beams=beams)
    made.standardise.mean.copy_(torch.tensor([0.0, 2.0, 0.3, 0.1]))
    for block in made.blocks[:-1]:
        # As large as after a training, so that updates of momenta show.
        block.pull[-1].weight.data.normal_()
    return made


def clouds(lengths, padding=0, seed=0, dtype=torch.float64):
    """Padded jets; NaN where there is padding."""
    random = np.random.default_rng(seed)
    mask = torch.arange(max(lengths) + padding) < torch.tensor(lengths)[:, None]
    values = torch.full((*mask.shape, len(INPUTS)), torch.nan, dtype=dtype)
    for jet, n in enumerate(lengths):
        log_pt = np.sort(random.normal(2, 1, n))[::-1]
        columns = [random.normal(0, 0.3, n), log_pt, random.integers(-1, 2, n), random.normal(0, 0.3, n)]
        values[jet, :n] = torch.from_numpy(np.stack(columns, axis=-1))
    return values, mask


def massive(lengths, seed=0):
    """Momenta of massive particles, a scalar of each, and the mask."""
    values, mask = clouds(lengths, seed=seed)
    values = torch.where(mask[..., None], values, 0.0)
    momenta = momenta_of_cloud(values, INPUTS)
    momenta[..., 0] = (momenta[..., 0].square() + 0.3).sqrt()
    return momenta * mask[..., None], values[..., 2:3] * mask[..., None], mask


def lorentz_transformation(seed: int, speed: float) -> torch.Tensor:
    """A rotation, then a boost in a random direction."""
    random = np.random.default_rng(seed)
    rotation = np.linalg.qr(random.normal(size=(3, 3)))[0]
    rotation[:, 0] *= np.linalg.det(rotation)
    direction = random.normal(size=3)
    velocity = speed * direction / np.linalg.norm(direction)
    gamma, boost, turn = 1 / np.sqrt(1 - speed**2), np.eye(4), np.eye(4)
    boost[0, 0], boost[0, 1:], boost[1:, 0] = gamma, gamma * velocity, gamma * velocity
    boost[1:, 1:] += (gamma - 1) * np.outer(direction, direction) / (direction @ direction)
    turn[1:, 1:] = rotation
    return torch.from_numpy(boost @ turn)


def test_published_size():
    """The 224k of arXiv:2201.08187 for top jets: two scalars (beam or not), two outputs."""
    assert n_parameters(LorentzNet(n_outputs=2)) == 224_072
    tagger = method.build(validate(method.Settings, {"signal": ["a"], "background": ["b"]}))
    assert n_parameters(tagger.network()) == 224_072 - 73


def test_momenta_of_constituents():
    values, _ = clouds([6, 6])
    expected = cartesian(values[..., 1].exp(), values[..., 0], values[..., 3])
    found = momenta_of_cloud(values.float(), INPUTS)
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found[..., [1, 2, 3, 0]], np.stack(expected, axis=-1), rtol=1e-5, atol=1e-5)


def test_products_against_closed_forms():
    momenta = torch.tensor([[[5.0, 0.0, 3.0, 4.0], [2.0, 1.0, 0.0, 1.0]]], dtype=torch.float64)
    expected = torch.tensor([[[0.0, 6.0], [6.0, 2.0]]], dtype=torch.float64)
    torch.testing.assert_close(minkowski_products(momenta), expected)
    values = torch.tensor([-(np.e - 1), 0.0, 1.0, np.e**3 - 1])
    torch.testing.assert_close(squashed(values), torch.tensor([-1.0, 0.0, np.log(2), 3.0]).to(values.dtype))


def test_collinear_constituents_in_single_precision_inputs():
    """1 TeV each, 1e-4 apart: <p, q> = pt_1 pt_2 (1 - cos(1e-4)), 0.005 GeV^2, from float32 inputs."""
    angle = torch.tensor([0.0, 1e-4])
    values = torch.stack([0 * angle, torch.full((2,), 1000.0).log(), 0 * angle, angle], dim=-1)[None]
    pt = values[0, :, 1].double().exp()
    expected = pt[0] * pt[1] * 2 * np.sin(float(angle[1]) / 2) ** 2
    found = minkowski_products(momenta_of_cloud(values, INPUTS))[0]
    torch.testing.assert_close(found[0, 1], expected, rtol=1e-6, atol=0)
    assert found.diagonal().abs().max() < 1e-9


@pytest.mark.parametrize("training", [True, False])
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), speed=st.floats(0, 0.9), beams=st.booleans())
def test_logits_are_lorentz_invariant(training, seed, speed, beams):
    model = network(n_outputs=2, beams=beams).double().train(training)
    momenta, scalars, mask = massive([6, 1, 4], seed=seed)
    matrix = lorentz_transformation(seed, speed)
    torch.testing.assert_close(matrix.T @ METRIC @ matrix, METRIC)
    along = model.beam_momenta
    expected = model.of_momenta(momenta, scalars, mask, along)
    found = model.of_momenta(momenta @ matrix.T, scalars, mask, along @ matrix.T)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)


def test_momenta_transform_as_vectors():
    torch.manual_seed(4)
    block = LorentzBlock(8, 1, step=0.3).double()
    block.pull[-1].weight.data.normal_()
    momenta, scalars, mask = massive([6, 2, 5])
    hidden, matrix = torch.randn(3, 6, 8, dtype=torch.float64), lorentz_transformation(1, 0.8)
    _, moved = block(hidden, momenta, scalars, mask)
    _, boosted = block(hidden, momenta @ matrix.T, scalars, mask)
    torch.testing.assert_close(boosted, moved @ matrix.T, rtol=1e-9, atol=1e-9)
    assert (moved - momenta)[mask].abs().max() > 1e-2


def test_beams_break_the_symmetry_to_rotations_around_them():
    model = network().double().eval()
    momenta, scalars, mask = massive([6, 3])
    expected = model.of_momenta(momenta, scalars, mask)
    turned = momenta[..., [0, 2, 1, 3]]
    torch.testing.assert_close(model.of_momenta(turned, scalars, mask), expected, rtol=0, atol=1e-9)
    tilted = momenta[..., [0, 3, 2, 1]]
    assert (model.of_momenta(tilted, scalars, mask) - expected).abs().min() > 1e-4
    values, mask = clouds([6, 3])
    rotated = values.clone()
    rotated[..., 3] += 1.234
    torch.testing.assert_close(model(rotated, mask), model(values, mask), rtol=0, atol=1e-9)


def message_passing(block: LorentzBlock, hidden, momenta, scalars):
    """arXiv:2201.08187, section 3, for one jet, pair by pair, with running means 0 and variances 1."""
    unit = (1 + 1e-5) ** -0.5
    new_hidden, new_momenta = [], []
    for i in range(len(hidden)):
        arrived, pull = torch.zeros_like(hidden[0]), torch.zeros_like(momenta[0])
        for j in range(len(hidden)):
            if i == j:
                continue
            gap = momenta[i] - momenta[j]
            distance, product = gap @ METRIC @ gap, momenta[i] @ METRIC @ momenta[j]
            psi = squashed(torch.stack([distance, product]))
            message = block.message((block.pair(torch.cat([hidden[i], hidden[j], psi])) * unit).relu())
            message = message * block.gate(message)
            arrived = arrived + message
            pull = pull + gap * block.pull(message) / max(1, len(hidden) - 1)
        inner = (block.particle(torch.cat([hidden[i], arrived, scalars[i]])) * unit).relu()
        new_hidden.append(hidden[i] + block.particle_out(inner))
        new_momenta.append(momenta[i] + block.step * pull)
    return torch.stack(new_hidden), torch.stack(new_momenta)


def test_block_is_the_published_one():
    torch.manual_seed(5)
    block = LorentzBlock(8, 1, step=0.3).double().eval()
    block.pull[-1].weight.data.normal_()
    momenta, scalars, mask = massive([6, 1, 4])
    hidden = torch.randn(3, 6, 8, dtype=torch.float64)
    found_hidden, found_momenta = block(hidden, momenta, scalars, mask)
    for jet, n in enumerate(mask.sum(1)):
        expected = message_passing(block, hidden[jet, :n], momenta[jet, :n], scalars[jet, :n])
        torch.testing.assert_close(found_hidden[jet, :n], expected[0], rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(found_momenta[jet, :n], expected[1], rtol=1e-9, atol=1e-9)


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 10), padding=st.integers(0, 6), seed=st.integers(0, 2**31), beams=st.booleans())
def test_order_and_padding_do_not_matter(n, padding, seed, beams):
    model = network(beams=beams).double().eval()
    values, mask = clouds([n, 10], seed=seed)
    expected = model(values, mask)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(10 + padding))
    wide = torch.full((2, 10 + padding, 4), torch.nan, dtype=torch.float64)
    wide[:, :10] = values
    moved = nn.functional.pad(mask, (0, padding))[:, order]
    torch.testing.assert_close(model(wide[:, order], moved), expected, rtol=1e-8, atol=1e-8)


def test_padding_changes_no_step_of_the_training():
    one = network().double().train()
    other = copy.deepcopy(one)
    lengths = [5, 1, 9, 0]
    outputs = [one(*clouds(lengths)), other(*clouds(lengths, padding=6))]
    torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-9)
    for output in outputs:
        output.square().sum().backward()
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.isfinite(a.grad).all(), name
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-7, atol=1e-9, msg=name)
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("beams", [True, False])
def test_empty_lonely_and_doubled_jets(beams):
    """Without beams an empty jet has no particle and a lonely one no partner; equal momenta are 0 apart."""
    model = network(beams=beams)
    values, mask = clouds([0, 1, 7], padding=2, dtype=torch.float32)
    values[2, 1] = values[2, 0]
    for training in (False, True):
        out = model.train(training)(values, mask)
        assert torch.isfinite(out).all()
        out.sum().backward()
    for name, parameter in model.named_parameters():
        assert torch.isfinite(parameter.grad).all(), name


@pytest.mark.parametrize("beams", [True, False])
def test_scalars_tell_beams_from_constituents_and_are_standardised(beams):
    model = network(beams=beams)
    model.standardise.width.copy_(torch.tensor([1.0, 1.0, 0.5, 1.0]))
    seen = []
    model.embed.register_forward_hook(lambda _module, arguments, _output: seen.append(arguments[0]))
    values, mask = clouds([3, 1], dtype=torch.float32)
    model(values, mask)
    charge = (values[..., 2] - 0.3) / 0.5
    for jet, n in enumerate((3, 1)):
        found = seen[0][jet]
        if beams:
            assert found[:2].tolist() == [[1, 0, 0]] * 2
            found = found[2:]
        expected = torch.stack([torch.zeros(n), torch.ones(n), charge[jet, :n]], dim=-1)
        torch.testing.assert_close(found[:n], expected)


def test_single_precision_is_close_to_double_and_autocast_is_off_inside():
    model = network().eval()
    values, mask = clouds([7, 3, 1, 0, 12], dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(values, mask)
    assert half.dtype == torch.float32
    assert torch.equal(half, model(values, mask))
    double = model.double()(values.double(), mask)
    torch.testing.assert_close(half, double.float(), rtol=1e-4, atol=1e-4)


def test_large_batches_are_sliced_in_evaluation_only(monkeypatch):
    model = network().double().eval()
    values, mask = clouds([7, 3, 1, 0, 12])
    whole, rows = model(values, mask), []
    of_momenta = model.of_momenta
    monkeypatch.setattr(model, "of_momenta", lambda *parts: rows.append(len(parts[0])) or of_momenta(*parts))
    monkeypatch.setattr(lorentznet.in_slices, "__kwdefaults__", {"limit": 2 * 14**2 * 8})
    with torch.no_grad():
        torch.testing.assert_close(model(values, mask), whole)
        assert rows == [2, 2, 1]
        model.train()(values, mask)
    assert rows[3:] == [5]


def test_learns_a_toy_in_three_classes():
    """Classes differ in how wide jets are, that is in their masses."""
    model = network(n_outputs=3, dropout=0.05, step=0.005).train()
    values, mask = clouds([8] * 96, dtype=torch.float32)
    label = torch.arange(96) % 3
    values[..., 0] *= torch.tensor([0.3, 1.0, 3.0])[label, None]
    assert model(values, mask).shape == (96, 3)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(50):
        loss = nn.functional.cross_entropy(model(values, mask), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * losses[0]


def test_settings():
    base = {"signal": ["a"], "background": ["b"]}
    tagger = method.build(validate(method.Settings, {**base, "scalars": ["charge", "d0"], "beams": False}))
    assert tagger.inputs == ("log_pt", "delta_eta", "delta_phi", "charge", "d0")
    assert not tagger.network().beams
    with pytest.raises(ConfigError, match="a scalar is named twice"):
        validate(method.Settings, {**base, "scalars": ["charge", "charge"]})
    with pytest.raises(
        ConfigError, match=r"'log_pt' is not among \[log_p, delta_eta\]. Did you mean 'log_p'"
    ):
        LorentzNet(("log_p", "delta_eta"))
