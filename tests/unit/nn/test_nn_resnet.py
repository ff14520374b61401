"""Residual networks: published sizes, what a block computes, the sum over groups."""

import pytest
import torch
from torch.nn import functional

from resonaut.errors import ConfigError
from resonaut.nn.networks.resnet import ResNet, ResNeXt
from resonaut.nn.training import n_parameters
from resonaut.registry import build


@pytest.mark.parametrize(("n_blocks", "published"), [(3, 0.27), (5, 0.46), (7, 0.66), (9, 0.85), (18, 1.7)])
def test_resnets_have_the_published_sizes(n_blocks, published):
    """Millions of parameters for CIFAR-10, arXiv:1512.03385, table 6: 20, 32, 44, 56 and 110 layers."""
    found = n_parameters(ResNet((3, 32, 32), n_blocks=n_blocks, n_outputs=10)) / 1e6
    assert round(found, 1 if published == 1.7 else 2) == published


def test_resnexts_have_the_published_sizes():
    """25.0M for ImageNet (arXiv:1611.05431, table 1); 1.46M for jets of 64 x 64 pixels (arXiv:1902.09914)."""
    whole = ResNeXt((3, 224, 224), (128, 256, 512, 1024), n_outputs=1000)
    assert n_parameters(whole) == 25_028_904
    jets = ResNeXt((1, 64, 64), n_outputs=2)
    assert n_parameters(jets) == 1_457_314
    settings = {"signal": ["top"], "background": ["qcd"], "n_pixels": 64}
    tagger = build("tag", "resnext", settings).network()
    assert n_parameters(tagger) == 1_457_314 - 513
    assert tagger.head.dropout.p == 0.5


def test_default_resnet_of_jets_has_20_layers():
    network = build("tag", "resnet", {"signal": ["top"], "background": ["qcd"]}).network()
    # 269,722 of CIFAR-10, with one channel instead of three and one output instead of ten.
    assert n_parameters(network) == 269_722 - 2 * 9 * 16 - 9 * 65
    layers = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d | torch.nn.Linear)]
    assert len(layers) == 20


def normalised(values, layer):
    """What batch normalisation makes of a batch in training mode."""
    mean = values.mean(dim=(0, 2, 3), keepdim=True)
    variance = values.var(dim=(0, 2, 3), correction=0, keepdim=True)
    scaled = (values - mean) / (variance + layer.eps).sqrt()
    return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]


def test_block_that_halves_the_pixels_is_its_formula():
    torch.manual_seed(0)
    block = ResNet((1, 12, 12), (3, 5), 1).blocks[1]
    values = torch.randn(4, 3, 12, 12)
    (one, norm_one), (two, norm_two) = block.residual[0], block.residual[2]
    residual = normalised(functional.conv2d(values, one.weight, stride=2, padding=1), norm_one).relu()
    residual = normalised(functional.conv2d(residual, two.weight, padding=1), norm_two)
    shortcut = torch.zeros(4, 5, 6, 6)
    shortcut[:, :3] = values[:, :, ::2, ::2]
    torch.testing.assert_close(block(values), (residual + shortcut).relu(), rtol=1e-4, atol=1e-5)


def test_grouped_block_is_the_sum_of_its_transformations():
    """arXiv:1611.05431, eq. 3 and figure 3: the sum over paths of 1 x 1, 3 x 3, 1 x 1 convolutions."""
    torch.manual_seed(1)
    groups, inside = 4, 8
    network = ResNeXt((1, 16, 16), (inside,), (2,), groups=groups, first_width=16).double().eval()
    block = network.blocks[1]
    values = torch.randn(2, 16, 5, 5, dtype=torch.float64)
    reduce, middle, expand = (block.residual[i][0].weight for i in (0, 2, 4))
    scale = 1 / (1 + 1e-5) ** 0.5
    total, width = torch.zeros_like(values), inside // groups
    for path in range(groups):
        own = slice(path * width, (path + 1) * width)
        inner = (functional.conv2d(values, reduce[own]) * scale).relu()
        inner = (functional.conv2d(inner, middle[own], padding=1) * scale).relu()
        total += functional.conv2d(inner, expand[:, own]) * scale
    torch.testing.assert_close(block(values), (values + total).relu())


def test_images_are_halved_at_each_stage():
    network = ResNeXt((1, 64, 64)).eval()
    values = network.first(torch.zeros(1, 1, 64, 64))
    sides = [values.shape[-1]]
    for block in network.blocks:
        values = block(values)
        sides.append(values.shape[-1])
    assert sides == [16] + [16] * 3 + [8] * 4 + [4] * 6 + [2] * 3


def test_what_does_not_fit_is_told():
    with pytest.raises(ConfigError, match="n_pixels: 32 x 32 pixels are halved 5 times, to one"):
        ResNeXt((1, 32, 32))
    with pytest.raises(ConfigError, match=r"widths: .* become smaller"):
        ResNet((1, 40, 40), (16, 8))
    with pytest.raises(ConfigError, match="each a multiple of groups"):
        ResNeXt((1, 40, 40), (30,), (1,))
    settings = {"signal": ["top"], "background": ["qcd"], "widths": [32, 40], "n_blocks": [1, 1]}
    with pytest.raises(ConfigError, match=r"tag.resnext.*must be multiples of groups \(32\)"):
        build("tag", "resnext", settings)
    with pytest.raises(ConfigError, match="2 widths, but n_blocks of 4 stages"):
        build("tag", "resnext", {**settings, "n_blocks": [1, 1, 1, 1]})


def test_images_of_one_more_pixel_than_too_few_train_in_a_batch_of_one():
    """Where the last map is one pixel, batch normalisation of one image fails: that is why it is refused."""
    network = ResNeXt((1, 33, 33), n_outputs=2)
    assert torch.isfinite(network(torch.rand(1, 1, 33, 33))).all()
