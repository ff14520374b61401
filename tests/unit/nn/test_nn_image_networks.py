"""What holds for every network of images: shapes, gradients, learning, precision, standardisation."""

import math

import pytest
import torch
from torch.nn import functional

from resonaut.errors import MismatchError
from resonaut.nn.networks.capsule import CapsuleNetwork
from resonaut.nn.networks.cnn import ImageCNN
from resonaut.nn.networks.images import StandardiseImages
from resonaut.nn.networks.resnet import ResNet, ResNeXt

SHAPE = (2, 16, 14)
NETWORKS = {
    "cnn": lambda **more: ImageCNN(SHAPE, (6, 4), kernel_size=3, hidden=(8, 8), **more),
    "cnn maxout": lambda **more: ImageCNN(
        SHAPE, (6, 4), kernel_size=3, hidden=(8,), activation="maxout", **more
    ),
    "resnet": lambda **more: ResNet(SHAPE, (4, 8), 1, **more),
    "resnet elu": lambda **more: ResNet(SHAPE, (4, 8), 1, activation="elu", **more),
    "resnext": lambda **more: ResNeXt(
        SHAPE, (4, 8), (1, 2), groups=4, first_width=8, **{"dropout": 0.0, **more}
    ),
    "capsule": lambda **more: CapsuleNetwork(
        SHAPE, filters=6, kernel_size=5, n_primary=3, primary_size=4, class_size=6, **more
    ),
}


def bars(n, seed=0):
    """Sparse images with a bar along one axis, label 0, or the other, label 1."""
    rng = torch.Generator().manual_seed(seed)
    images = torch.zeros(n, *SHAPE)
    label = torch.arange(n) % 2
    place = torch.randint(3, 11, (n,), generator=rng)
    upright = torch.nn.functional.one_hot(place, SHAPE[2]).float()[:, None, None, :].expand(n, *SHAPE)
    lying = torch.nn.functional.one_hot(place, SHAPE[1]).float()[:, None, :, None].expand(n, *SHAPE)
    images = torch.where(label[:, None, None, None] == 1, upright, lying)
    images = images * torch.rand(images.shape, generator=rng)
    return images / images.sum(dim=(2, 3), keepdim=True), label


@pytest.fixture(params=NETWORKS)
def network(request):
    torch.manual_seed(0)
    made = NETWORKS[request.param]()
    made.standardise.measure(bars(64)[0])
    return made


def bce(network, images, label):
    return functional.binary_cross_entropy_with_logits(network(images), label.to(images.dtype))


def test_learns_bars(network):
    """Every parameter has a finite gradient, and steps lower the loss far below that of guessing, ln 2."""
    images, label = bars(64)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    first = None
    for _ in range(40):
        optimiser.zero_grad()
        loss = bce(network, images, label)
        loss.backward()
        if first is None:
            first = loss.item()
            for name, parameter in network.named_parameters():
                assert parameter.grad is not None, name
                assert torch.isfinite(parameter.grad).all(), name
        optimiser.step()
    assert loss.item() < min(first, 0.5 * math.log(2))
    with torch.no_grad():
        # The running means of batch normalisation lag behind weights that moved this fast.
        for _ in range(20):
            network(images)
    network.eval()
    others, truth = bars(200, seed=1)
    assert ((network(others) > 0) == (truth == 1)).float().mean() > 0.85


def test_rows_do_not_see_each_other(network):
    """In evaluation, an image has the same log odds alone as in a batch, in any order."""
    images, label = bars(12)
    for _ in range(3):
        bce(network, images, label)
    network.eval()
    together = network(images)
    assert together.shape == (12,)
    alone = torch.stack([network(image[None])[0] for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(network(images.flip(0)).flip(0), together, rtol=1e-5, atol=1e-5)


def test_empty_and_bright_images_are_finite(network):
    images = torch.zeros(3, *SHAPE)
    images[1, 0, 0, 0] = 1.0
    images[2] = 1e4
    for training in (False, True):
        network.train(training)
        network.zero_grad()
        out = network(images)
        assert torch.isfinite(out).all()
        out.square().sum().backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


def test_bf16_and_float64_agree_with_float32(network):
    images, label = bars(32)
    for _ in range(3):
        bce(network, images, label)
    network.eval()
    with torch.no_grad():
        plain = network(images)
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(network(images).float(), plain, rtol=0, atol=5e-2)
        double = network.double()(images.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), plain, rtol=1e-4, atol=1e-4)


def test_bf16_trains(network):
    images, label = bars(32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = bce(network, images, label)
    loss.backward()
    assert all(torch.isfinite(parameter.grad).all() for parameter in network.parameters())


@pytest.mark.parametrize("name", ["cnn maxout", "resnet", "resnext", "capsule"])
def test_traced_as_one_graph_it_has_the_same_gradients(name):
    """No break of the graph, in training mode with a backward pass."""
    images, label = bars(16)
    torch.manual_seed(0)
    network = NETWORKS[name]()
    bce(network, images, label).backward()
    expected = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    torch._dynamo.reset()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    bce(compiled, images, label).backward()
    for parameter, wanted in zip(network.parameters(), expected, strict=True):
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_classes_and_unlike_shapes(name):
    images, _ = bars(5)
    network = NETWORKS[name](n_outputs=3)
    assert network(images).shape == (5, 3)
    with pytest.raises(MismatchError, match=r"Images of 2 x 14 x 16 .* a network for 2 x 16 x 14"):
        network(images.transpose(2, 3))
    with pytest.raises(MismatchError, match="Images of 1 x 16 x 14"):
        network.standardise.measure(images[:, :1])


@pytest.mark.parametrize("each", ["channel", "pixel"])
@pytest.mark.parametrize("name", NETWORKS)
def test_units_of_pixels_do_not_matter(name, each):
    """Images in other units, each channel its own, give the same log odds once they are standardised."""
    images, _ = bars(40)
    torch.manual_seed(1)
    network = NETWORKS[name](standardise=each).eval()
    network.standardise.measure(images)
    expected = network(images)
    scaled = images * torch.tensor([250.0, 3.0])[:, None, None]
    network.standardise.measure(scaled)
    torch.testing.assert_close(network(scaled), expected, rtol=1e-4, atol=1e-4)


def test_standardised_channels_keep_empty_pixels(monkeypatch):
    monkeypatch.setattr("resonaut.nn.networks.images._BLOCK", 7)
    images, _ = bars(40)
    images[:, 1] = 0.0
    layer = StandardiseImages(SHAPE)
    layer.measure(images)
    out = layer(images)
    assert out[:, 0].square().mean().item() == pytest.approx(1.0, rel=1e-5)
    assert layer.width[:, 0, 0].tolist() == [pytest.approx(images[:, 0].square().mean() ** 0.5), 1.0]
    assert torch.equal(out == 0, images == 0)


def test_standardised_pixels_have_mean_0_and_at_most_width_1(monkeypatch):
    """1, but for the floor of 1e-4 of the widest: a pixel that is hardly ever hit is not blown up."""
    monkeypatch.setattr("resonaut.nn.networks.images._BLOCK", 7)
    images = torch.rand(30, *SHAPE) + 40
    images[:, 0, 0, 0] = 3.0
    images[0, 0, 0, 1] = images[:, 0, 0, 1].mean() + 1e-6
    images[1:, 0, 0, 1] = images[0, 0, 0, 1]
    layer = StandardiseImages(SHAPE, "pixel")
    layer.measure(images)
    out = layer(images)
    torch.testing.assert_close(out.mean(0), torch.zeros(SHAPE), atol=2e-4, rtol=0)
    std = out.std(0, correction=0)
    torch.testing.assert_close(std[1], torch.ones(SHAPE[1:]), atol=1e-3, rtol=0)
    assert std[0, 0, 0] < 1e-3
    widest = images.double().std(0, correction=0).amax(dim=(1, 2))
    torch.testing.assert_close(layer.width[0, 0, 0].double(), 1e-4 * widest[0], rtol=1e-3, atol=0)
