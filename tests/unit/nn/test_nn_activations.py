"""Activations are their closed forms; maxout is the largest of its linear maps; heads end as they should."""

import math

import pytest
import torch

from resonaut.errors import ConfigError
from resonaut.nn.networks.activations import Maxout, activation, convolution, linear
from resonaut.nn.networks.heads import ClassifierHead
from resonaut.nn.training import n_parameters

POINTS = [-3.0, -0.5, 0.0, 0.25, 2.0]
FORMS = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": lambda x: (math.exp(x) - math.exp(-x)) / (math.exp(x) + math.exp(-x)),
    "relu": lambda x: max(0.0, x),
    "leaky_relu": lambda x: max(0.01 * x, x),
    "elu": lambda x: x if x > 0 else math.exp(x) - 1,
}


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms(name):
    found = activation(name)(torch.tensor(POINTS, dtype=torch.float64))
    expected = torch.tensor([FORMS[name](x) for x in POINTS], dtype=torch.float64)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", FORMS)
def test_layers_put_the_activation_behind_the_linear_map(name):
    torch.manual_seed(0)
    rows, images = torch.randn(4, 3), torch.randn(2, 3, 6, 5)
    layer = linear(3, 7, name)
    expected = activation(name)(rows @ layer[0].weight.T + layer[0].bias)
    torch.testing.assert_close(layer(rows), expected)
    layer = convolution(3, 7, 3, name, stride=2, padding=1)
    plain = torch.nn.functional.conv2d(images, layer[0].weight, layer[0].bias, stride=2, padding=1)
    torch.testing.assert_close(layer(images), activation(name)(plain))


def test_maxout_compares_neighbours():
    values = torch.tensor([[1.0, 5.0, -2.0, -7.0, 0.0, 3.0]])
    torch.testing.assert_close(Maxout(2)(values), torch.tensor([[5.0, -2.0, 3.0]]))
    torch.testing.assert_close(Maxout(3)(values), torch.tensor([[5.0, 3.0]]))
    images = values.view(1, 6, 1, 1).expand(1, 6, 2, 4)
    assert Maxout(2, axis=1)(images)[0, :, 1, 2].tolist() == [5.0, -2.0, 3.0]


def test_maxout_layers_are_the_largest_of_two_linear_maps():
    """arXiv:1302.4389, section 3: h_i = max_j (x W_ij + b_ij)."""
    torch.manual_seed(1)
    rows = torch.randn(20, 3)
    layer = linear(3, 4, "maxout")
    maps = [rows @ layer[0].weight[piece::2].T + layer[0].bias[piece::2] for piece in (0, 1)]
    torch.testing.assert_close(layer(rows), torch.maximum(*maps))
    assert n_parameters(layer) == 2 * (3 + 1) * 4
    images = torch.randn(2, 3, 5, 5)
    layer = convolution(3, 4, 2, "maxout")
    weight, bias = layer[0].weight, layer[0].bias
    maps = [torch.nn.functional.conv2d(images, weight[i::2], bias[i::2]) for i in (0, 1)]
    torch.testing.assert_close(layer(images), torch.maximum(*maps))


def test_maxout_can_be_the_absolute_value():
    """Which no single unit of another activation can: max(x, -x)."""
    layer = linear(1, 1, "maxout")
    with torch.no_grad():
        layer[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer[0].bias.zero_()
    values = torch.tensor([[-2.0], [0.5]])
    torch.testing.assert_close(layer(values), values.abs())


def test_wrong_names_are_told():
    with pytest.raises(ConfigError, match=r"Unknown activation 'leakyrelu'\. Did you mean 'leaky_relu'\?"):
        activation("leakyrelu")
    with pytest.raises(ConfigError, match=r"'maxout' has weights of its own.* sigmoid, tanh, relu"):
        activation("maxout")


def test_head_gives_log_odds_or_logits_per_class():
    torch.manual_seed(2)
    rows = torch.randn(5, 6)
    plain = ClassifierHead(6)
    torch.testing.assert_close(plain(rows), rows @ plain.output.weight[0] + plain.output.bias)
    assert ClassifierHead(6, (4,), n_outputs=3)(rows).shape == (5, 3)
    assert ClassifierHead(6, (4,))(rows[:1]).shape == (1,)
    head = ClassifierHead(6, (8, 4), n_outputs=3, activation="tanh")
    values = rows
    for layer in head.hidden:
        values = torch.tanh(values @ layer[0].weight.T + layer[0].bias)
    torch.testing.assert_close(head(rows), values @ head.output.weight.T + head.output.bias)


def test_dropout_is_before_the_last_layer_and_in_training_only():
    torch.manual_seed(3)
    head = ClassifierHead(1000, dropout=0.5)
    with torch.no_grad():
        head.output.weight.fill_(1.0)
        head.output.bias.zero_()
    ones = torch.ones(200, 1000)
    kept = head(ones) / 2
    assert kept.mean().item() == pytest.approx(500, abs=5 * math.sqrt(1000 / 4 / 200))
    assert kept.std().item() == pytest.approx(math.sqrt(1000 / 4), rel=0.3)
    torch.testing.assert_close(head.eval()(ones), torch.full((200,), 1000.0))
