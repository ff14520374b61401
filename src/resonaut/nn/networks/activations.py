"""Activations by name, and layers that have them: sigmoid, tanh, ReLU, leaky ReLU, ELU, maxout.

All but maxout are functions of one number. Maxout takes the largest of a few linear maps, so it cannot be put
behind a layer of given width: `linear` and `convolution` make the layer and its activation together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

from torch import Tensor, nn

from resonaut.errors import ConfigError, nearest
from resonaut.nn.activation_names import Activation

MAXOUT_PIECES = 2
"""Linear maps of which maxout takes the largest; two make it a learnt convex function of each unit."""

_FUNCTIONS: dict[str, Callable[[], nn.Module]] = {
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "elu": nn.ELU,
}


class Maxout(nn.Module):
    """Largest of `pieces` numbers each (arXiv:1302.4389, section 3), neighbours along one axis.

    Args:
        pieces: numbers that are compared; the axis becomes this many times shorter.
        axis: of the features; 1 for images, -1 for rows.
    """

    def __init__(self, pieces: int = MAXOUT_PIECES, axis: int = -1) -> None:
        super().__init__()
        self.pieces = pieces
        self.axis = axis

    def forward(self, values: Tensor) -> Tensor:
        axis = self.axis % values.dim()
        return values.unflatten(axis, (-1, self.pieces)).amax(dim=axis + 1)


def activation(name: str) -> nn.Module:
    """An activation that works on each number: x -> f(x).

    sigmoid 1 / (1 + e^-x); tanh; relu max(0, x); leaky_relu max(0.01 x, x); elu x, or e^x - 1 for x < 0
    (arXiv:1511.07289, with alpha = 1).

    Raises:
        ConfigError: no such activation, or maxout, which is made by `linear` and `convolution` only.
    """
    if name == "maxout":
        raise ConfigError(
            "The activation 'maxout' has weights of its own, which this network has no place for; set "
            f"'activation' to one of {', '.join(_FUNCTIONS)}."
        )
    if name not in _FUNCTIONS:
        raise ConfigError(f"Unknown activation '{name}'. {nearest(name, get_args(Activation))}")
    return _FUNCTIONS[name]()


def linear(n_inputs: int, n_outputs: int, name: str) -> nn.Sequential:
    """A linear layer and its activation, (..., n_inputs) to (..., n_outputs).

    Raises:
        ConfigError: no such activation.
    """
    if name == "maxout":
        return nn.Sequential(nn.Linear(n_inputs, MAXOUT_PIECES * n_outputs), Maxout())
    return nn.Sequential(nn.Linear(n_inputs, n_outputs), activation(name))


def convolution(
    n_inputs: int, n_outputs: int, kernel_size: int, name: str, *, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    """A convolution of images and its activation, (n, n_inputs, rows, columns) to (n, n_outputs, ...).

    Args:
        kernel_size: pixels along each axis.
        stride: step of the kernel, pixels.
        padding: pixels of zeros around the image.

    Raises:
        ConfigError: no such activation.
    """
    width = MAXOUT_PIECES * n_outputs if name == "maxout" else n_outputs
    layer = nn.Conv2d(n_inputs, width, kernel_size, stride=stride, padding=padding)
    return nn.Sequential(layer, Maxout(axis=1) if name == "maxout" else activation(name))
