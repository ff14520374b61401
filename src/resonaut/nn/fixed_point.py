"""Numbers of fixed point as an FPGA holds them, and dense networks of them, emulated exactly.

A format has `width` bits, of which `integer` stand before the point (the sign among them), as
`ap_fixed<width, integer>` and `ap_ufixed` of the HLS tools do; here always rounded to the nearest, halves
upwards (AP_RND), and held at the ends of the range (AP_SAT). Sums of products are held in full
(`accumulator`), so that a network has one right answer to the last bit, whatever the order of its sums:
float64 gives it, as long as the accumulators have fewer than 53 bits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

EXACT_BITS = 53
"""Of the mantissa of float64."""
_TRIED = 6


@dataclass(frozen=True)
class FixedPoint:
    """A format.

    Attributes:
        width: bits.
        integer: bits before the point, the sign among them; may be negative or exceed the width.
        signed: whether one of the bits is a sign.
    """

    width: int
    integer: int
    signed: bool = True

    @property
    def fraction(self) -> int:
        """Bits behind the point."""
        return self.width - self.integer

    @property
    def step(self) -> float:
        """Distance of neighbouring numbers, 2^-fraction."""
        return 2.0**-self.fraction

    @property
    def low(self) -> float:
        """Smallest number."""
        return -(2.0 ** (self.integer - 1)) if self.signed else 0.0

    @property
    def high(self) -> float:
        """Largest number."""
        return 2.0 ** (self.integer - int(self.signed)) - self.step

    @property
    def largest(self) -> float:
        """Largest magnitude."""
        return max(-self.low, self.high)

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Nearest numbers of this format, float64; beyond the range its end."""
        steps = np.floor(np.asarray(values, np.float64) * 2.0**self.fraction + 0.5)
        return np.clip(steps * self.step, self.low, self.high)

    def __str__(self) -> str:
        return f"{'fixed' if self.signed else 'ufixed'}<{self.width},{self.integer}>"


def covering(largest: float, width: int, *, signed: bool) -> FixedPoint:
    """The finest format of this width whose range holds magnitudes up to `largest`, but for a rounding."""
    integer = math.ceil(math.log2(max(largest, 2.0**-30))) + int(signed)
    return FixedPoint(width, integer, signed)


def fitted(values: np.ndarray, width: int, *, signed: bool) -> FixedPoint:
    """The format of this width with the least mean squared error on a profile of values.

    Saturating a few large values may cost less than coarser steps for all: ranges up to 2^5 times smaller
    than that of the largest value are tried.
    """
    whole = covering(float(np.abs(values).max(initial=0.0)), width, signed=signed)
    tried = [FixedPoint(width, whole.integer - k, signed) for k in range(_TRIED)]
    errors = [float(np.square(one.apply(values) - values).mean()) if values.size else 0.0 for one in tried]
    return tried[int(np.argmin(errors))]


@dataclass(frozen=True)
class FixedLayer:
    """A dense layer, y = output(relu(weight x + bias)).

    Attributes:
        weight: (n_outputs, n_inputs) float64, numbers of `weight_format`.
        bias: (n_outputs,) float64, numbers of `bias_format`.
        relu: whether negative sums become 0.
        output: format of what the layer gives.
    """

    weight: np.ndarray
    bias: np.ndarray
    relu: bool
    weight_format: FixedPoint
    bias_format: FixedPoint
    output: FixedPoint

    def accumulator(self, inputs: FixedPoint) -> FixedPoint:
        """The smallest format that holds all sums of products exactly, whatever inputs of that format are."""
        largest = float((np.abs(self.weight).sum(axis=1) * inputs.largest + np.abs(self.bias)).max())
        fraction = max(inputs.fraction + self.weight_format.fraction, self.bias_format.fraction)
        integer = math.floor(math.log2(max(largest, 2.0**-fraction))) + 2
        return FixedPoint(integer + fraction, integer)


@dataclass(frozen=True)
class FixedNetwork:
    """Dense layers behind each other.

    Attributes:
        inputs: format of the inputs.
        layers: one or more.
    """

    inputs: FixedPoint
    layers: tuple[FixedLayer, ...]

    def formats(self) -> list[FixedPoint]:
        """Format of the inputs of each layer."""
        return [self.inputs, *(layer.output for layer in self.layers[:-1])]

    def accumulators(self) -> list[FixedPoint]:
        """Format of the sums of each layer."""
        return [layer.accumulator(given) for layer, given in zip(self.layers, self.formats(), strict=True)]

    def exact(self) -> bool:
        """Whether float64 holds all sums."""
        return all(one.width < EXACT_BITS for one in self.accumulators())

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Outputs (n, n_outputs) float64 of inputs (n, n_inputs), which are rounded to their format first."""
        held = self.inputs.apply(values)
        for layer in self.layers:
            sums = held @ layer.weight.T + layer.bias
            held = layer.output.apply(np.maximum(sums, 0.0) if layer.relu else sums)
        return held

    @property
    def n_weights(self) -> int:
        """Weights and biases, those that are 0 among them."""
        return sum(layer.weight.size + layer.bias.size for layer in self.layers)

    @property
    def n_multiplications(self) -> int:
        """Products with weights that are not 0: those that an unrolled circuit makes."""
        return sum(int(np.count_nonzero(layer.weight)) for layer in self.layers)

    @property
    def n_bits(self) -> int:
        """Bits of the weights that are not 0 and of the biases."""
        return sum(
            int(np.count_nonzero(layer.weight)) * layer.weight_format.width
            + layer.bias.size * layer.bias_format.width
            for layer in self.layers
        )

    @property
    def bit_operations(self) -> float:
        """Bit operations of an evaluation, see `bit_operations`."""
        return sum(
            bit_operations(layer.weight, given.width, layer.weight_format.width)
            for layer, given in zip(self.layers, self.formats(), strict=True)
        )


def bit_operations(weight: np.ndarray, input_bits: int, weight_bits: int) -> float:
    """Bit operations of a dense layer (arXiv:2102.11289, section 3; arXiv:1804.10969).

    m n ((1 - f) b_a b_w + b_a + b_w + log2 n), with n inputs, m outputs, and a fraction f of zero weights.
    """
    n_outputs, n_inputs = weight.shape
    kept = np.count_nonzero(weight) / weight.size
    bits = kept * input_bits * weight_bits + input_bits + weight_bits + math.log2(n_inputs)
    return n_outputs * n_inputs * bits


def smallest(weight: np.ndarray, fraction: float) -> np.ndarray:
    """Which weights magnitude pruning sets to 0 (arXiv:1506.02626): round(fraction * n) of them, exactly.

    Args:
        weight: any shape.
        fraction: in [0, 1).

    Returns:
        Boolean, of the same shape; of equal magnitudes the first go first.
    """
    mask = np.zeros(weight.size, bool)
    mask[np.argsort(np.abs(weight).ravel(), kind="stable")[: round(fraction * weight.size)]] = True
    return mask.reshape(weight.shape)


def profiled(
    weights: Sequence[np.ndarray],
    biases: Sequence[np.ndarray],
    relu: Sequence[bool],
    values: np.ndarray,
    bits: int,
    output_bits: int,
) -> FixedNetwork:
    """A network of floats in fixed point: formats from what a profile of inputs makes of each layer.

    Args:
        weights, biases: of each layer, (n_outputs, n_inputs) and (n_outputs,).
        relu: of each layer.
        values: (n, n_inputs) inputs, for example some training rows.
        bits: of inputs, weights and what layers hand on; biases are added to products and have twice as many.
        output_bits: of the last layer's outputs.
    """
    inputs = fitted(values, bits, signed=True)
    held, layers = np.asarray(values, np.float64), []
    for number, (weight, bias, positive) in enumerate(zip(weights, biases, relu, strict=True), 1):
        sums = held @ np.asarray(weight, np.float64).T + bias
        held = np.maximum(sums, 0.0) if positive else sums
        width = output_bits if number == len(weights) else bits
        of_weight = fitted(weight, bits, signed=True)
        of_bias = covering(float(np.abs(bias).max()), 2 * bits, signed=True)
        output = fitted(held, width, signed=not positive)
        layers.append(
            FixedLayer(of_weight.apply(weight), of_bias.apply(bias), positive, of_weight, of_bias, output)
        )
    return FixedNetwork(inputs, tuple(layers))
