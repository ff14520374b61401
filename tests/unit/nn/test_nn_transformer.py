"""Transformer with class attention: published sizes, what it must not see, plain references of its parts."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from resonaut.errors import ConfigError
from resonaut.nn.networks.sliced import in_slices
from resonaut.nn.networks.transformer import Attention, Block, PairBias, ParticleTransformer
from resonaut.nn.pairs import Pairs, pairs_of_cloud
from resonaut.nn.training import n_parameters
from resonaut.settings import validate
from resonaut.tag.methods import transformer as method

INPUTS = ("delta_eta", "log_pt", "delta_phi", "charge")
PAIRS = pytest.mark.parametrize("pair_hidden", [None, (6, 5)], ids=["plain", "pairs"])


def network(pair_hidden=None, n_outputs=1, dropout=0.0, seed=0) -> ParticleTransformer:
    torch.manual_seed(seed)
    made = ParticleTransformer(
        INPUTS,
        n_outputs,
        embed=(12, 8),
        n_heads=2,
        n_blocks=2,
        n_class_blocks=2,
        pair_hidden=pair_hidden,
        dropout=dropout,
        attention_dropout=dropout,
    )
    made.standardise.mean.copy_(torch.tensor([0.0, 2.0, 0.1, 0.0]))
    for name, value in made.named_buffers():
        if name.endswith("running_mean"):
            value.normal_(std=0.1)
    return made


def clouds(lengths, padding=0, seed=0, dtype=torch.float64):
    """Padded jets; NaN where there is padding."""
    random = np.random.default_rng(seed)
    mask = torch.arange(max(lengths) + padding) < torch.tensor(lengths)[:, None]
    values = torch.full((*mask.shape, len(INPUTS)), torch.nan, dtype=dtype)
    for jet, n in enumerate(lengths):
        log_pt = np.sort(random.normal(2, 1, n))[::-1]
        columns = [random.normal(0, 0.3, n), log_pt, random.normal(0, 0.3, n), random.integers(-1, 2, n)]
        values[jet, :n] = torch.from_numpy(np.stack(columns, axis=-1))
    return values, mask


def published_size(n_inputs: int, n_classes: int, pairs: bool) -> int:
    """Layer by layer, from the configuration of arXiv:2202.03772, section 6."""
    layer_norm, dense = (lambda n: 2 * n), (lambda a, b: (a + 1) * b)
    embed = sum(layer_norm(a) + dense(a, b) for a, b in [(n_inputs, 128), (128, 512), (512, 128)])
    block = 4 * dense(128, 128) + dense(128, 512) + dense(512, 128)
    block += 3 * layer_norm(128) + layer_norm(512) + 8 + 128
    total = 2 * n_inputs + embed + 10 * block + layer_norm(128) + dense(128, n_classes) + 128
    widths = [(4, 64), (64, 64), (64, 64), (64, 8)]
    return total + pairs * (8 + sum(dense(a, b) + 2 * b for a, b in widths))


@pytest.mark.parametrize(("pairs", "millions"), [(False, 2.13), (True, 2.14)])
def test_published_sizes(pairs, millions):
    """2.13M and 2.14M (table 3); the inputs' batch normalisation is a measured standardisation here."""
    inputs = ("log_pt", "delta_eta", "delta_phi", *map(str, range(14)))
    size = n_parameters(ParticleTransformer(inputs, 10, pair_hidden=(64, 64, 64) if pairs else None))
    assert size + 2 * 17 == published_size(17, 10, pairs)
    assert round((size + 2 * 17) / 1e6, 2) == millions
    assert size == (2_143_452 if pairs else 2_133_884)


@PAIRS
@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 12), padding=st.integers(0, 7), seed=st.integers(0, 2**31))
def test_order_and_padding_do_not_matter(pair_hidden, n, padding, seed):
    model = network(pair_hidden).double().eval()
    values, mask = clouds([n, 12], seed=seed)
    expected = model(values, mask)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(12 + padding))
    wide = torch.full((2, 12 + padding, 4), torch.nan, dtype=torch.float64)
    wide[:, :12] = values
    moved = nn.functional.pad(mask, (0, padding))[:, order]
    torch.testing.assert_close(model(wide[:, order], moved), expected, rtol=1e-10, atol=1e-10)


@PAIRS
def test_padding_changes_no_step_of_the_training(pair_hidden):
    one = network(pair_hidden).double().train()
    other = copy.deepcopy(one)
    lengths = [5, 1, 9, 0]
    outputs = [one(*clouds(lengths)), other(*clouds(lengths, padding=6))]
    torch.testing.assert_close(*outputs, rtol=1e-10, atol=1e-10)
    for output in outputs:
        output.square().sum().backward()
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.isfinite(a.grad).all(), name
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-8, atol=1e-10, msg=name)
    for a, b in zip(one.buffers(), other.buffers(), strict=True):
        torch.testing.assert_close(a, b)


@PAIRS
def test_every_input_of_every_constituent_is_seen(pair_hidden):
    model = network(pair_hidden).double().eval()
    values, mask = clouds([6, 6])
    values.requires_grad_()
    model(values, mask).sum().backward()
    assert (values.grad[mask].abs() > 0).all()


@PAIRS
def test_empty_and_lonely_jets(pair_hidden):
    """All empty jets look alike, whatever their padding holds; a batch of them alone works too."""
    model = network(pair_hidden).double()
    for lengths in ([0, 0], [1, 1], [0, 1, 7]):
        for training in (False, True):
            out = model.train(training)(*clouds(lengths, padding=2))
            assert torch.isfinite(out).all()
            out.sum().backward()
    model.eval()
    empty = model(*clouds([0, 3, 0], seed=1))
    assert empty[0] == empty[2] != empty[1]
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@PAIRS
def test_an_empty_jet_is_the_class_token_alone(pair_hidden):
    model = network(pair_hidden).double().eval()
    token = model.class_token
    for block in model.class_blocks:
        token = block(token, torch.ones(1, 1, 1, 1, dtype=torch.bool))
    found = model.encode(*clouds([3, 0], padding=2))
    torch.testing.assert_close(found[1], model.norm(token)[0, 0])
    assert (found[0] - found[1]).abs().max() > 1e-3


def test_attention_agrees_with_torch():
    """Same weights as `nn.MultiheadAttention`, with a padding mask and with a bias per head."""
    torch.manual_seed(1)
    ours, theirs = Attention(8, 2, 0.0).double(), nn.MultiheadAttention(8, 2, batch_first=True).double()
    theirs.in_proj_weight.data = torch.cat([ours.query.weight, ours.key_value.weight]).detach()
    theirs.in_proj_bias.data = torch.cat([ours.query.bias, ours.key_value.bias]).detach()
    theirs.out_proj.load_state_dict(ours.out.state_dict())
    queries, tokens = torch.randn(3, 4, 8).double(), torch.randn(3, 5, 8).double()
    seen = torch.arange(5) < torch.tensor([[2], [5], [1]])
    expected = theirs(queries, tokens, tokens, key_padding_mask=~seen)[0]
    torch.testing.assert_close(ours(queries, tokens, seen[:, None, None]), expected)
    bias = torch.randn(3, 2, 4, 5).double()
    expected = theirs(queries, tokens, tokens, attn_mask=bias.flatten(0, 1))[0]
    torch.testing.assert_close(ours(queries, tokens, bias), expected)
    ours.head_scale.data.zero_()
    torch.testing.assert_close(ours(queries, tokens, bias), ours.out.bias.expand(3, 4, 8))


def test_class_attention_is_the_first_row_of_a_block():
    torch.manual_seed(2)
    block = Block(8, 2, 0.1, 0.1).eval()
    tokens, seen = torch.randn(3, 5, 8), torch.ones(3, 1, 1, 5, dtype=torch.bool)
    torch.testing.assert_close(block(tokens, seen, n_updated=1), block(tokens, seen)[:, :1])
    with torch.no_grad():
        block.attention.out.weight.zero_(), block.attention.out.bias.zero_()
        block.dense[-2].weight.zero_(), block.dense[-2].bias.zero_()
        block.residual_scale.fill_(3.0)
    torch.testing.assert_close(block(tokens, seen), 3 * tokens)


def convolutions(bias: PairBias) -> nn.Sequential:
    """The same layers as one-dimensional convolutions over a list of pairs, as published."""
    parts: list[nn.Module] = [nn.BatchNorm1d(4)]
    for layer in bias.layers:
        convolution = nn.Conv1d(layer.in_features, layer.out_features, 1)
        convolution.weight.data, convolution.bias.data = layer.weight.data[..., None], layer.bias.data
        parts += [convolution, nn.BatchNorm1d(layer.out_features), nn.GELU()]
    return nn.Sequential(*parts).double()


@pytest.mark.parametrize("training", [True, False])
def test_pair_bias_is_the_published_network_on_the_list_of_real_pairs(training):
    torch.manual_seed(3)
    bias = PairBias((6, 5), 2).double().train(training)
    values, mask = clouds([7, 3, 1])
    pairs = pairs_of_cloud(values, mask, INPUTS)
    found = bias(pairs)
    jet, a, b = torch.triu(pairs.mask, diagonal=1).nonzero(as_tuple=True)
    assert len(jet) == 21 + 3
    expected = convolutions(bias).train(training)(pairs.values[jet, a, b].T[None])[0].T
    torch.testing.assert_close(found[jet, :, a, b], expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(found, found.transpose(2, 3), rtol=0, atol=0)
    assert not found.diagonal(dim1=2, dim2=3).any()


def test_without_a_bias_pairs_are_the_plain_transformer():
    class Nothing(nn.Module):
        def forward(self, pairs: Pairs) -> torch.Tensor:
            return pairs.values.new_zeros(len(pairs.mask), 2, *pairs.mask.shape[1:])

    with_pairs, plain = network((6, 5)).double().eval(), network().double().eval()
    values, mask = clouds([7, 3, 1, 0])
    plain.load_state_dict(with_pairs.state_dict(), strict=False)
    assert (with_pairs(values, mask) - plain(values, mask))[:2].abs().min() > 1e-6
    with_pairs.pair_bias = Nothing()
    torch.testing.assert_close(with_pairs(values, mask), plain(values, mask))


def test_plain_attention_is_a_fused_kernel():
    values, mask = clouds([7, 3, 1], dtype=torch.float32)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
        network().train()(values, mask).sum().backward()


@PAIRS
def test_bf16_is_close(pair_hidden):
    model = network(pair_hidden).eval()
    values, mask = clouds([7, 3, 1, 0, 12], dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        half = model(values, mask)
    torch.testing.assert_close(half.float(), model(values, mask), rtol=0, atol=5e-2)
    with torch.autocast("cpu", torch.bfloat16):
        model.train()(values, mask).float().sum().backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters())


@PAIRS
def test_learns_a_toy_in_three_classes(pair_hidden):
    """Classes differ in how wide jets are."""
    model = network(pair_hidden, n_outputs=3, dropout=0.05).train()
    values, mask = clouds([8] * 96, dtype=torch.float32)
    label = torch.arange(96) % 3
    values[..., 0] *= torch.tensor([0.3, 1.0, 3.0])[label, None]
    assert model(values, mask).shape == (96, 3)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(values, mask), label)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.6 * losses[0]


def test_scores_slice_by_slice():
    """Rows per call are bounded without gradients, the result is the same, and gradients see the whole."""
    calls = []

    def double(values):
        calls.append(len(values))
        return 2 * values

    values = torch.arange(10.0)
    with torch.no_grad():
        assert torch.equal(in_slices(double, 5, values, limit=15), 2 * values)
        assert torch.equal(in_slices(double, 100, values[:2], limit=15), 2 * values[:2])
    assert calls == [3, 3, 3, 1, 1, 1]
    in_slices(double, 5, values, limit=15)
    assert calls[6:] == [10]


def test_large_batches_are_sliced_in_evaluation_only(monkeypatch):
    model = network((6, 5)).double()
    values, mask = clouds([7, 3, 1, 0, 12])
    whole = model.eval()(values, mask)
    rows = []
    logits = model._logits
    monkeypatch.setattr(model, "_logits", lambda *parts: rows.append(len(parts[0])) or logits(*parts))
    monkeypatch.setattr(in_slices, "__kwdefaults__", {"limit": 2 * 66 * 6})
    with torch.no_grad():
        torch.testing.assert_close(model(values, mask), whole)
        assert rows == [2, 2, 1]
        model.train()(values, mask)
    assert rows[3:] == [5]


def test_settings():
    base = {"signal": ["a"], "background": ["b"]}
    for pairs, size in ((False, 2_131_423), (True, 2_140_991)):
        tagger = method.build(validate(method.Settings, {**base, "pair_features": pairs}))
        assert n_parameters(tagger.network()) == size
    with pytest.raises(ConfigError, match=r"n_heads \(3\) does not divide the last of embed \(128\)"):
        validate(method.Settings, {**base, "n_heads": 3})
    with pytest.raises(ConfigError, match="pair_features needs delta_phi among the inputs"):
        validate(method.Settings, {**base, "pair_features": True, "inputs": ["log_pt", "delta_eta"]})
