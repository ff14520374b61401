"""ParticleNet: equal to a slow reference, in training too; published sizes; neither padding nor order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from resonaut.nn.networks.particlenet import ParticleNet, nearest_neighbours
from resonaut.nn.training import n_parameters
from resonaut.tag.methods import particlenet, particlenet_lite

CHANNELS, K, F = ((6, 5, 7), (8, 9)), 4, (5,)
CLASSES = {"signal": ["top"], "background": ["qcd"]}


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def small(n_outputs=1, seed=0):
    """A small network with norms and constants that are not those of a new one."""
    torch.manual_seed(seed)
    network = ParticleNet(5, CHANNELS, K, F, dropout=0.0, n_outputs=n_outputs).double()
    network.standardise.measure(torch.randn(50, 5, dtype=torch.float64) * 2 + 1)
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if "norm" in name:
            tensor.data.uniform_(0.5, 1.5)
    return network


def jets(lengths, padding=0, seed=0, fill=0.0):
    """Random jets of these lengths; (values, mask)."""
    generator = torch.Generator().manual_seed(seed)
    longest = max([1, *lengths]) + padding
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    values = torch.full((len(lengths), longest, 5), fill, dtype=torch.float64)
    for row, length in enumerate(lengths):
        values[row, :length] = torch.randn(length, 5, dtype=torch.float64, generator=generator)
    return values, mask


def norm(layer, rows, training):
    """PyTorch's own batch normalisation with a layer's constants; the layer's running moments stay."""
    moments = layer.running_mean.clone(), layer.running_variance.clone()
    return functional.batch_norm(rows, *moments, layer.weight, layer.bias, training, 0.1, layer.eps), moments


def plain(network, values, mask, training):
    """The definition, jet by jet and edge by edge, with the whole edge tensor and real rows only.

    Returns the log odds and the running moments that batch normalisation ends with.
    """
    lengths = mask.sum(1).tolist()
    moments = {}

    def normed(layer, rows):
        rows, moments[layer] = norm(layer, rows, training)
        return rows

    flat = torch.cat([jet[:length] for jet, length in zip(values, lengths, strict=True)])
    points = [jet[:length, :2] for jet, length in zip(values, lengths, strict=True)]
    features = normed(network.norm, network.standardise(flat))
    for convolution in network.convolutions:
        edges, owners, first = [], [], 0
        for jet in points:
            own = features[first : first + len(jet)]
            for i in range(len(jet)):
                nearest = (jet - jet[i]).norm(dim=1).argsort().tolist()
                for j in [j for j in nearest if j != i][:K]:
                    edges.append(torch.cat([own[i], own[j] - own[i]]))
                    owners.append(first + i)
            first += len(jet)
        rows = torch.stack(edges)
        for linear, layer in zip([convolution.first, *convolution.layers], convolution.norms, strict=True):
            rows = torch.relu(normed(layer, rows @ linear.weight.T))
        owners = torch.tensor(owners)
        pooled = torch.stack(
            [rows[owners == i].mean(0) if (owners == i).any() else 0 * rows[0] for i in range(len(features))]
        )
        shortcut = normed(convolution.shortcut_norm, features @ convolution.shortcut.weight.T)
        features = torch.relu(pooled + shortcut)
        points = [piece.detach() for piece in features.split(lengths)]
    means = [piece.mean(0) if len(piece) else 0 * features[0] for piece in features.split(lengths)]
    return network.head(torch.stack(means)), moments


@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_plain_definition(training):
    """Outputs, gradients and running moments; jets of no, one, two, k and many constituents."""
    network = small().train(training)
    values, mask = jets([9, 1, 0, K, K + 1, 2, 12], padding=3)
    target = torch.randn(7, dtype=torch.float64)
    expected, moments = plain(network, values, mask, training)
    parameters = list(network.parameters())
    of_expected = torch.autograd.grad((expected * target).sum(), parameters)
    found = network(values, mask)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    of_found = torch.autograd.grad((found * target).sum(), parameters)
    for one, other in zip(of_found, of_expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)
    for layer, (mean, variance) in moments.items():
        torch.testing.assert_close(layer.running_mean, mean, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(layer.running_variance, variance, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fill", [0.0, float("nan"), 1e6])
def test_padding_does_not_matter(training, fill):
    lengths = [5, 1, 0, 7]
    network = small().train(training)
    found = network(*jets(lengths))
    torch.testing.assert_close(network(*jets(lengths, padding=30, fill=fill)), found, rtol=1e-9, atol=1e-9)
    assert found.isfinite().all()
    found.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in network.parameters())


@settings(max_examples=20, deadline=None)
@given(n=st.integers(1, 15), seed=st.integers(0, 2**31))
def test_order_does_not_matter(n, seed):
    network = small().eval()
    values, mask = jets([n, n], padding=2, seed=seed)
    order = torch.from_numpy(np.random.default_rng(seed).permutation(n + 2))
    torch.testing.assert_close(
        network(values[:, order], mask[:, order]), network(values, mask), rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("n_coordinates", [2, 40])
def test_neighbours_are_those_of_all_distances(n_coordinates):
    generator = torch.Generator().manual_seed(3)
    points = torch.randn(4, 20, n_coordinates, generator=generator, dtype=torch.float64) + 50
    mask = torch.arange(20) < torch.tensor([20, 9, 3, 0])[:, None]
    index, real = nearest_neighbours(points, mask, 8)
    for jet, length in enumerate((20, 9, 3, 0)):
        for i in range(20):
            found = set(index[jet, i][real[jet, i]].tolist())
            others = [j for j in range(length) if j != i]
            others.sort(key=lambda j: float((points[jet, i] - points[jet, j]).norm()))
            assert found == (set(others[:8]) if i < length else set())


def test_collinear_constituents_keep_their_order_in_float32():
    """Separations of 1e-4, 0.8 away from the axis: products would lose them in the rounding."""
    generator = torch.Generator().manual_seed(1)
    points = 0.8 + 1e-4 * torch.randn(1, 12, 2, generator=generator)
    distance = torch.cdist(points.double(), points.double())[0].fill_diagonal_(torch.inf)
    index, _ = nearest_neighbours(points, torch.ones(1, 12, dtype=torch.bool), 1)
    assert torch.equal(index.flatten(), distance.argmin(dim=1))


def test_it_has_the_published_sizes():
    """arXiv:1902.08570: 366k and 26k; with 7 inputs and 2 outputs 366,160 and 26,416."""
    assert n_parameters(ParticleNet(7, n_outputs=2)) == 366_160
    lite = particlenet_lite.Settings(**CLASSES)
    network = ParticleNet(7, lite.channels, lite.k, lite.f, dropout=lite.dropout, n_outputs=2)
    assert n_parameters(network) == 26_416


@pytest.mark.parametrize(("method", "size"), [(particlenet, 366_160 - 257), (particlenet_lite, 26_416 - 129)])
def test_methods_build_it(method, size):
    """One output instead of two: a row of the last layer and its bias fewer."""
    tagger = method.build(method.Settings(**CLASSES))
    network = tagger.network()
    assert n_parameters(network) == size
    assert [tagger.inputs[i] for i in network.coordinates] == ["delta_eta", "delta_phi"]
    assert network(torch.zeros(3, 4, 7), torch.ones(3, 4, dtype=torch.bool)).shape == (3,)


def test_coordinates_follow_the_inputs():
    given_inputs = ("log_pt", "delta_phi", "delta_eta")
    network = particlenet.build(particlenet.Settings(**CLASSES, inputs=given_inputs)).network()
    assert network.coordinates == [2, 1]
    with pytest.raises(ValueError, match="delta_eta"):
        particlenet.Settings(**CLASSES, inputs=("log_pt", "delta_phi"))


def test_classes_have_logits():
    assert small(n_outputs=3).eval()(*jets([4, 2])).shape == (2, 3)


def test_bf16_is_near_float32():
    network = small().float()
    values, mask = jets([12, 20, 3, 1])
    for training in (True, False):
        network.train(training)
        expected = network(values.float(), mask)
        with torch.autocast("cpu", torch.bfloat16):
            found = network(values.float(), mask)
        torch.testing.assert_close(found.float(), expected, rtol=0, atol=5e-2)


def test_it_traces_without_graph_breaks():
    """Forward and backward in train mode, as `torch.compile` sees them."""
    torch.manual_seed(1)
    network = ParticleNet(5, ((6, 5),), K, F, dropout=0.0).double().train()
    values, mask = jets([9, 2, 12])
    parameters = list(network.parameters())
    expected = network(values, mask)
    of_expected = torch.autograd.grad(expected.sum(), parameters)
    found = torch.compile(network, backend="aot_eager", fullgraph=True)(values, mask)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)
    for one, other in zip(torch.autograd.grad(found.sum(), parameters), of_expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-9)


def test_it_learns_what_only_neighbours_tell():
    """Pairs of near constituents; in signal both have the same third input, in background they have not."""
    generator = torch.Generator().manual_seed(5)
    n = 200
    corner = torch.randn(n, 4, 2, generator=generator) * 3
    points = torch.cat([corner, corner + 0.01 * torch.randn(n, 4, 2, generator=generator)], dim=1)
    charge = torch.randn(n, 4, 1, generator=generator).sign()
    label = torch.rand(n, generator=generator) < 0.5
    other = torch.where(label[:, None, None], charge, -charge)
    values = torch.cat([points, torch.cat([charge, other], dim=1)], dim=-1)
    torch.manual_seed(0)
    network = ParticleNet(3, ((8, 8),), 1, (8,), dropout=0.0)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-2)
    mask = torch.ones(n, 8, dtype=torch.bool)
    losses = []
    for _ in range(30):
        loss = functional.binary_cross_entropy_with_logits(network(values, mask), label.float())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < 0.6 < losses[0]
