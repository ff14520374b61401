"""Names of activations, for settings, that must be readable without torch; see `nn.networks.activations`."""

from __future__ import annotations

from typing import Literal

ElementwiseActivation = Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu"]
"""Functions of one number."""

Activation = Literal["sigmoid", "tanh", "relu", "leaky_relu", "elu", "maxout"]
"""All that a layer of `nn.networks.activations` can have; `maxout` has weights of its own."""
