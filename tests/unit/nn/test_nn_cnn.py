"""The CNN of images: the published size, the maps on the way, and its formula."""

import pytest
import torch
from torch.nn import functional

from resonaut.errors import ConfigError
from resonaut.nn.networks.cnn import ImageCNN
from resonaut.nn.training import n_parameters
from resonaut.registry import build


def test_published_size():
    """610k parameters at 40 x 40 pixels with two outputs (arXiv:1902.09914, table 1)."""
    convolutions = 128 * (16 + 1) + 64 * (128 * 16 + 1) + 2 * 64 * (64 * 16 + 1)
    dense = 64 * (64 * 8 * 8 + 1) + 256 * (64 + 1) + 256 * (256 + 1)
    assert n_parameters(ImageCNN((1, 40, 40), n_outputs=2)) == convolutions + dense + 2 * 257 == 609_666
    settings = {"signal": ["top"], "background": ["qcd"]}
    assert n_parameters(build("tag", "cnn", settings).network()) == 609_666 - 257


def test_maps_of_40_pixels():
    network = ImageCNN((1, 40, 40), (3, 3, 3, 3), hidden=(4,))
    sides, values = [], torch.zeros(1, 1, 40, 40)
    for layer in network.layers:
        values = layer(values)
        sides.append(values.shape[-1])
    assert sides == [39, 38, 19, 18, 17, 8]


def test_formula_of_its_weights():
    torch.manual_seed(0)
    network = ImageCNN((2, 13, 9), (5, 4), kernel_size=3, pool_every=1, hidden=(6,), activation="tanh")
    images = torch.randn(3, 2, 13, 9)
    network.standardise.measure(images)
    values = images / images.square().mean(dim=(0, 2, 3), keepdim=True).sqrt()
    for layer in (network.layers[0], network.layers[2]):
        values = functional.conv2d(functional.pad(values, (1, 1, 1, 1)), layer[0].weight, layer[0].bias)
        values = functional.max_pool2d(values.tanh(), 2)
    hidden, output = network.head.hidden[0][0], network.head.output
    values = (values.flatten(1) @ hidden.weight.T + hidden.bias).tanh()
    torch.testing.assert_close(network(images), (values @ output.weight.T + output.bias)[:, 0])


def test_too_small_images_are_told():
    with pytest.raises(
        ConfigError, match="n_pixels: nothing is left of 5 x 40 pixels after convolution 3 of 4"
    ):
        ImageCNN((1, 5, 40))


def test_settings_reach_the_network():
    settings = {"signal": ["top"], "background": ["qcd"], "inputs": ["pt", "charged"], "n_pixels": [12, 20]}
    more = {"filters": [3, 5], "hidden": [4], "activation": "maxout", "dropout": 0.25, "standardise": "pixel"}
    tagger = build("tag", "cnn", {**settings, **more})
    network = tagger.network()
    assert tagger.inputs == ("pt", "charged")
    assert network.standardise.mean.shape == (2, 12, 20)
    assert network.head.dropout.p == 0.25
    convolutions = 2 * (3 * (2 * 16 + 1) + 5 * (3 * 16 + 1))
    assert n_parameters(network) == convolutions + 2 * 4 * (5 * 5 * 9 + 1) + 5
    assert network(torch.rand(3, 2, 12, 20)).shape == (3,)


@pytest.mark.parametrize("name", ["cnn", "resnet", "resnext", "capsule"])
def test_a_channel_named_twice_is_refused(name):
    settings = {"signal": ["top"], "background": ["qcd"], "inputs": ["pt", "pt"]}
    with pytest.raises(ConfigError, match=f"tag.{name}.inputs: a channel is named twice"):
        build("tag", name, settings)
