"""Masked batch normalisation is PyTorch's own on the real rows: outputs, gradients, running moments."""

import pytest
import torch
from torch import nn

from resonaut.nn.networks import masked
from resonaut.nn.networks.masked import MaskedBatchNorm, masked_mean


def layers(n_features, relu):
    """Our layer and PyTorch's with equal constants, in float64."""
    torch.manual_seed(4)
    ours, theirs = MaskedBatchNorm(n_features, relu=relu).double(), nn.BatchNorm1d(n_features).double()
    with torch.no_grad():
        ours.weight.uniform_(-1, 2)
        ours.bias.normal_()
        theirs.weight.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    return ours, theirs


@pytest.mark.parametrize("relu", [True, False])
@pytest.mark.parametrize("block", [1, 100, 2**17])
def test_it_is_batch_norm_of_the_real_rows(relu, block, monkeypatch):
    monkeypatch.setattr(masked, "_BLOCK", block)
    ours, theirs = layers(4, relu)
    generator = torch.Generator().manual_seed(2)
    for training in (True, True, False):
        ours.train(training), theirs.train(training)
        # Far from 0 and narrow: sums of squares would lose the variance.
        values = 1e4 + torch.randn(30, 5, 4, generator=generator, dtype=torch.float64)
        mask = torch.rand(30, 5, generator=generator) < 0.6
        upstream = torch.randn(30, 5, 4, generator=generator, dtype=torch.float64)
        one, other = values.clone().requires_grad_(), values.clone().requires_grad_()
        found = ours(one, mask)
        expected = theirs(other[mask])
        expected = torch.relu(expected) if relu else expected
        torch.testing.assert_close(found[mask], expected, rtol=1e-9, atol=1e-9)
        assert not found[~mask].any()
        (found * upstream).sum().backward()
        (expected * upstream[mask]).sum().backward()
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-7, atol=1e-9)
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(mine.grad, its.grad, rtol=1e-7, atol=1e-7)
            mine.grad = its.grad = None
        torch.testing.assert_close(ours.running_mean, theirs.running_mean)
        torch.testing.assert_close(ours.running_variance, theirs.running_var)


def test_gradients_are_those_of_differences():
    ours, _ = layers(3, relu=False)
    values = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True, True], [True, False], [False, False], [True, True]])
    assert torch.autograd.gradcheck(lambda x: ours(x, mask), values)


def test_an_upstream_gradient_may_be_an_expanded_one():
    """A mean over rows sends one number to all of them."""
    ours, theirs = layers(3, relu=True)
    one = torch.randn(6, 4, 3, dtype=torch.float64, requires_grad=True)
    other = one.detach().clone().requires_grad_()
    ours(one, torch.ones(6, 4, dtype=torch.bool)).mean(dim=1).prod(dim=1).sum().backward()
    torch.relu(theirs(other.flatten(0, 1))).view(6, 4, 3).mean(dim=1).prod(dim=1).sum().backward()
    torch.testing.assert_close(one.grad, other.grad, rtol=1e-9, atol=1e-12)


def test_batches_of_one_or_no_real_row():
    ours, _ = layers(2, relu=False)
    before = ours.running_mean.clone(), ours.running_variance.clone()
    assert not ours(torch.randn(3, 2, dtype=torch.float64), torch.zeros(3, dtype=torch.bool)).any()
    torch.testing.assert_close((ours.running_mean, ours.running_variance), before)
    values = torch.tensor([[3.0, 5.0], [9.0, 9.0]], dtype=torch.float64)
    out = ours(values, torch.tensor([True, False]))
    torch.testing.assert_close(out[0], ours.bias.detach())
    # Nine tenths of 0 and a tenth of the row; nine tenths of 1 and a tenth of 0.
    torch.testing.assert_close(ours.running_mean, 0.1 * values[0])
    torch.testing.assert_close(ours.running_variance, torch.full((2,), 0.9, dtype=torch.float64))


@pytest.mark.parametrize("training", [True, False])
def test_bf16_keeps_its_dtype_and_the_digits_of_the_moments(training):
    ours = MaskedBatchNorm(2, relu=True).train(training)
    values = torch.randn(5000, 2).bfloat16() + 3
    mask = torch.ones(5000, dtype=torch.bool)
    found = ours(values, mask)
    assert found.dtype == torch.bfloat16
    expected = torch.relu(MaskedBatchNorm(2).train(training)(values.float(), mask))
    torch.testing.assert_close(found.float(), expected, rtol=8e-3, atol=1e-3)
    if training:
        mean, variance = values.float().mean(0), values.float().var(0)
        torch.testing.assert_close(ours.running_mean, 0.1 * mean, rtol=1e-5, atol=0)
        torch.testing.assert_close(ours.running_variance, 0.9 + 0.1 * variance, rtol=1e-5, atol=0)


def test_masked_mean():
    values = torch.tensor([[[1.0], [5.0], [0.0]], [[0.0], [0.0], [0.0]]])
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert masked_mean(values, mask).tolist() == [[3.0], [0.0]]
