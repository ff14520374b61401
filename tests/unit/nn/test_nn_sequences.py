"""P-CNN and recurrent networks: equal to PyTorch's own layers on each jet alone, published size."""

import pytest
import torch
from torch.nn import functional
from torch.nn.utils.rnn import pack_padded_sequence

from resonaut.nn.networks.pcnn import ParticleCNN
from resonaut.nn.networks.recurrent import RecurrentNetwork
from resonaut.nn.training import n_parameters
from resonaut.tag.methods.pcnn import Settings, build

LENGTHS = [9, 1, 4, 12, 2]


def jets():
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(len(LENGTHS), max(LENGTHS), 3, generator=generator, dtype=torch.float64)
    return values, torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS)[:, None]


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("n_layers", [1, 2])
def test_the_state_is_that_of_packed_sequences(cell, n_layers):
    torch.manual_seed(0)
    network = RecurrentNetwork(3, cell, 6, n_layers, (4,)).double()
    values, mask = jets()
    packed = pack_padded_sequence(values, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    _, state = network.recurrent(packed)
    expected = (state[0] if cell == "lstm" else state)[-1]
    torch.testing.assert_close(network.encode(values, mask), expected)


def test_the_order_matters_to_a_recurrent_network():
    torch.manual_seed(0)
    network = RecurrentNetwork(3, "lstm", 6).double()
    values, mask = jets()
    assert (network(values.flip(1), mask) - network(values, mask)).abs().max() > 1e-4


def plain(network, jet):
    """One jet (length, n_features) by unpadded convolutions and PyTorch's normalisation, in eval mode."""

    def norm(layer, rows):
        moments = layer.running_mean, layer.running_variance
        return functional.batch_norm(rows, *moments, layer.weight, layer.bias, eps=layer.eps)

    def convolution(part, rows):
        (stride,) = part.weight.stride
        out = functional.conv1d(rows.t()[None], part.weight.weight, stride=stride, padding=1)[0].t()
        return torch.relu(norm(part.norm, out))

    rows = convolution(network.first, norm(network.norm, network.standardise(jet)))
    for unit in network.units:
        rows = unit.shortcut(rows[:: unit.stride]) + convolution(unit.second, convolution(unit.first, rows))
    return network.head(rows.mean(0, keepdim=True))


def test_a_pcnn_sees_each_jet_as_if_alone():
    torch.manual_seed(0)
    network = ParticleCNN(3, ((5,), (5, 6), (7, 7), (8,)), (4,)).double().eval()
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if "norm" in name:
            tensor.data.uniform_(0.5, 1.5)
    values, mask = jets()
    expected = torch.cat([plain(network, jet[:length]) for jet, length in zip(values, LENGTHS, strict=True)])
    torch.testing.assert_close(network(values, mask), expected, rtol=1e-10, atol=1e-10)


def test_a_pcnn_has_the_published_size():
    """348k (arXiv:1902.09914, table 1)."""
    network = ParticleCNN(7, n_outputs=2)
    assert n_parameters(network) == 348_400
    tagger = build(Settings(signal=["top"], background=["qcd"]))
    assert n_parameters(tagger.network()) == 348_400 - 513


def test_recurrent_taggers_clip_their_gradients_unless_told_otherwise():
    from resonaut.tag.methods.recurrent import RecurrentTraining

    assert RecurrentTraining().clip_norm == 1.0
    assert RecurrentTraining(clip_norm=None).clip_norm is None
