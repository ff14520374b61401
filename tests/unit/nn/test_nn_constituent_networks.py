"""What every network on constituents keeps to: no effect of padding, finite short jets, learning, bf16."""

import functools

import pytest
import torch
from torch.nn import functional

from resonaut import registry
from resonaut.nn.networks.efn import EnergyFlowNetwork
from resonaut.nn.networks.lola import LoLa
from resonaut.nn.networks.particlenet import ParticleNet
from resonaut.nn.networks.pcnn import ParticleCNN
from resonaut.nn.networks.recurrent import RecurrentNetwork

NETWORKS = {
    "efn": functools.partial(EnergyFlowNetwork, 3, (16, 16), (8,)),
    "lola": functools.partial(LoLa, 12, 3, (16,)),
    "particlenet": functools.partial(ParticleNet, 3, ((8, 8), (12,)), 3, (8,), dropout=0.0),
    "pcnn": functools.partial(ParticleCNN, 3, ((8,), (8, 8), (12,)), (16,), dropout=0.0),
    "lstm": functools.partial(RecurrentNetwork, 3, "lstm", 12, 2, (8,)),
    "gru": functools.partial(RecurrentNetwork, 3, "gru", 12, 1, (8,)),
}
N_MAX = 20
everyone = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def jets(lengths, padding=0, fill=0.0, seed=0):
    """Jets whose three inputs have the range of log_pt and angles in any order of columns; (values, mask)."""
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(N_MAX + padding) < torch.tensor(lengths)[:, None]
    values = torch.full((*mask.shape, 3), fill)
    values[:, :N_MAX] = torch.where(
        mask[:, :N_MAX, None], 0.5 * torch.randn(len(lengths), N_MAX, 3, generator=generator), fill
    )
    return values, mask


def network_of(name, **more):
    torch.manual_seed(1)
    return NETWORKS[name](**more)


@everyone
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fill", [0.0, float("nan"), -3e3])
def test_padding_does_not_matter(name, training, fill):
    network = network_of(name).double().train(training)
    values, mask = jets([7, 1, 0, N_MAX, 2])
    expected = network(values.double(), mask)
    values, mask = jets([7, 1, 0, N_MAX, 2], padding=13, fill=fill)
    torch.testing.assert_close(network(values.double(), mask), expected, rtol=1e-9, atol=1e-9)


@everyone
def test_jets_of_no_and_of_one_constituent_train(name):
    network = network_of(name).train()
    for lengths in ([0, 0], [1, 0], [1, 1], [0, 5, 1]):
        values, mask = jets(lengths, fill=float("nan"))
        logits = network(values, mask)
        assert logits.shape == (len(lengths),)
        assert logits.isfinite().all()
        gradients = torch.autograd.grad(logits.square().sum(), list(network.parameters()), allow_unused=True)
        assert all(gradient is None or gradient.isfinite().all() for gradient in gradients)


@everyone
def test_a_batch_padded_to_one_constituent(name):
    logits = network_of(name)(torch.randn(3, 1, 3), torch.tensor([[True], [False], [True]]))
    assert logits.isfinite().all()


@everyone
def test_classes_have_logits(name):
    assert network_of(name, n_outputs=4)(*jets([5, 3])).shape == (2, 4)


@everyone
def test_it_learns(name):
    """Signal is wider; a few steps lower the loss."""
    values, mask = jets([10] * 64)
    label = (torch.arange(64) % 2).float()
    values = values * (0.4 + 1.2 * label)[:, None, None]
    network = network_of(name)
    network.standardise.measure(values[mask])
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = functional.binary_cross_entropy_with_logits(network(values, mask), label)
        optimiser.zero_grad()
        loss.backward()
        assert all(parameter.grad.isfinite().all() for parameter in network.parameters())
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


@everyone
@pytest.mark.parametrize("training", [True, False])
def test_bf16_is_near_float32(name, training):
    network = network_of(name).train(training)
    values, mask = jets([7, 1, 0, N_MAX, 12, 9])
    expected = network(values, mask)
    with torch.autocast("cpu", torch.bfloat16):
        found = network(values, mask)
        found.sum().backward()
    torch.testing.assert_close(found.float(), expected, rtol=0, atol=5e-2)


@pytest.mark.parametrize("method", ["efn", "lola", "particlenet", "particlenet_lite", "pcnn", "recurrent"])
def test_methods_build_networks_of_their_inputs(method):
    tagger = registry.build("tag", method, {"signal": ["top"], "background": ["qcd"]})
    network = tagger.network().eval()
    values, mask = jets([5, 2, 1])
    values = values[..., :1].expand(-1, -1, len(tagger.inputs))
    network.standardise.measure(values[mask])
    assert network(values, mask).shape == (3,)
