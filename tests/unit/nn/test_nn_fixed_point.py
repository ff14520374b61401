"""Fixed point: rounding and saturation against closed forms, whole numbers and the tools' own types."""

from __future__ import annotations

import itertools
import math
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.nn.fixed_point import (
    FixedLayer,
    FixedNetwork,
    FixedPoint,
    bit_operations,
    covering,
    fitted,
    profiled,
    smallest,
)

FORMATS = (
    FixedPoint(8, 3),
    FixedPoint(8, 3, signed=False),
    FixedPoint(4, 4),
    FixedPoint(6, -1),
    FixedPoint(5, 8, signed=False),
    FixedPoint(16, 4),
)


def test_rounding_and_saturation_have_their_closed_forms():
    one = FixedPoint(4, 2)
    assert (one.step, one.low, one.high, one.fraction) == (0.25, -2.0, 1.75, 2)
    given_values = [0.0, 0.124, 0.125, 0.126, -0.125, -0.126, 1.75, 1.9, 50.0, -2.0, -2.1, -50.0]
    wanted = [0.0, 0.0, 0.25, 0.25, 0.0, -0.25, 1.75, 1.75, 1.75, -2.0, -2.0, -2.0]
    np.testing.assert_array_equal(one.apply(np.array(given_values)), wanted)
    positive = FixedPoint(4, 2, signed=False)
    assert (positive.low, positive.high) == (0.0, 3.75)
    np.testing.assert_array_equal(positive.apply(np.array([-1.0, 3.9, 0.125])), [0.0, 3.75, 0.25])


@given(
    st.integers(2, 20),
    st.integers(-4, 12),
    st.booleans(),
    st.lists(st.floats(-1e4, 1e4, allow_nan=False), min_size=1, max_size=20),
)
@settings(max_examples=60, deadline=None)
def test_numbers_of_a_format_stay_and_all_others_go_to_the_nearest(width, integer, signed, values):
    one = FixedPoint(width, integer, signed)
    found = one.apply(np.array(values))
    np.testing.assert_array_equal(one.apply(found), found)
    steps = found / one.step
    assert (steps == np.round(steps)).all()
    assert (np.clip(found, one.low, one.high) == found).all()
    inside = (np.array(values) >= one.low) & (np.array(values) <= one.high)
    assert (np.abs(found - values)[inside] <= one.step / 2).all()


def random_values(one: FixedPoint, rng: np.random.Generator) -> np.ndarray:
    """Over twice the range, some of them halves of steps."""
    reach = 2 * max(one.high, -one.low)
    values = rng.uniform(-reach, reach, 400)
    halves = rng.integers(-(2**one.width), 2**one.width, 200) * one.step / 2
    return np.concatenate([values, halves, [one.low, one.high, 0.0]])


def test_da4ml_rounds_the_same():
    trace = pytest.importorskip("da4ml.trace", reason="da4ml is not installed")
    rng = np.random.default_rng(1)
    for one in FORMATS:
        wide = FixedPoint(28, 14)
        values = wide.apply(random_values(one, rng))
        variable = trace.FixedVariableArrayInput((1,)).quantize(1, wide.integer - 1, wide.fraction)
        rounded = variable.quantize(
            int(one.signed),
            one.integer - int(one.signed),
            one.fraction,
            overflow_mode="SAT",
            round_mode="RND",
        )
        circuit = trace.comb_trace(variable, rounded)
        np.testing.assert_array_equal(circuit.predict(values[:, None], n_threads=1)[:, 0], one.apply(values))


def test_the_types_of_hls4ml_round_the_same(tmp_path):
    hls4ml = pytest.importorskip("hls4ml", reason="hls4ml is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no g++ to compile the types of hls4ml with")
    headers = next(Path(hls4ml.__file__).parent.rglob("ap_fixed.h")).parent
    rng = np.random.default_rng(2)
    values = [random_values(one, rng) for one in FORMATS]
    types = [
        f"ap_{'' if one.signed else 'u'}fixed<{one.width},{one.integer},AP_RND,AP_SAT>" for one in FORMATS
    ]
    loops = "".join(
        f'for (int i = 0; i < {len(own)}; i++) {{ double x; scanf("%la", &x); {kind} y = x; '
        'printf("%a\\n", y.to_double()); }\n'
        for kind, own in zip(types, values, strict=True)
    )
    source = tmp_path / "round.cpp"
    source.write_text(f'#include <cstdio>\n#include "ap_fixed.h"\nint main() {{\n{loops}}}\n')
    program = tmp_path / "round"
    command = ["g++", "-O0", "-w", "-std=c++11", f"-I{headers}", str(source), "-o", str(program)]
    subprocess.run(command, check=True)
    text = "\n".join(float(x).hex() for x in np.concatenate(values))
    done = subprocess.run([str(program)], input=text, capture_output=True, text=True, check=True)
    found = np.array([float.fromhex(word) for word in done.stdout.split()])
    wanted = np.concatenate([one.apply(own) for one, own in zip(FORMATS, values, strict=True)])
    np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("largest", "signed", "integer"), [(1.0, True, 1), (1.01, True, 2), (0.3, False, -1), (7.9, False, 3)]
)
def test_a_format_covers_the_largest_value(largest, signed, integer):
    assert covering(largest, 8, signed=signed) == FixedPoint(8, integer, signed)


def test_the_best_range_saturates_rare_large_values():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(size=20_000), [9.0]])
    best = fitted(values, 8, signed=True)
    errors = {
        integer: float(np.square(FixedPoint(8, integer).apply(values) - values).mean())
        for integer in range(2, 8)
    }
    assert best.integer == min(errors, key=errors.get) < covering(9.0, 8, signed=True).integer


@given(st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_a_network_is_what_whole_numbers_give(seed):
    """Against sums of fractions, which are exact; and no sum leaves its accumulator."""
    rng = np.random.default_rng(seed)
    sizes = (3, 4, 2)
    weights = [rng.normal(size=(n_out, n_in)) * 2 for n_in, n_out in itertools.pairwise(sizes)]
    biases = [rng.normal(size=n_out) for n_out in sizes[1:]]
    network = profiled(weights, biases, (True, False), rng.normal(size=(200, 3)), 7, 12)
    values = network.inputs.apply(rng.uniform(-10, 10, (5, 3)))
    assert network.exact()

    def rounded(value: Fraction, one: FixedPoint) -> Fraction:
        scale = Fraction(2) ** one.fraction
        steps = math.floor(value * scale + Fraction(1, 2))
        return min(max(Fraction(steps) / scale, Fraction(one.low)), Fraction(one.high))

    for row, wanted in zip(values, network(values), strict=True):
        held = [Fraction(value) for value in row]
        for layer, sums in zip(network.layers, network.accumulators(), strict=True):
            made = []
            for weight, bias in zip(layer.weight, layer.bias, strict=True):
                total = sum((Fraction(w) * x for w, x in zip(weight, held, strict=True)), Fraction(bias))
                assert Fraction(sums.low) <= total <= Fraction(sums.high)
                assert (total / Fraction(sums.step)).denominator == 1
                made.append(rounded(max(total, Fraction(0)) if layer.relu else total, layer.output))
            held = made
        assert [float(value) for value in held] == wanted.tolist()


def test_sizes_and_bit_operations():
    weight = np.array([[1.0, 0.0, 0.5, 0.0], [0.0, 0.0, -1.0, 0.25]])
    layer = FixedLayer(weight, np.zeros(2), False, FixedPoint(6, 2), FixedPoint(12, 2), FixedPoint(16, 4))
    network = FixedNetwork(FixedPoint(8, 4), (layer,))
    # n = 4 inputs, m = 2 outputs, half of the weights zero: 8 (0.5 * 48 + 8 + 6 + 2).
    assert network.bit_operations == bit_operations(weight, 8, 6) == 8 * 40
    assert (network.n_weights, network.n_multiplications, network.n_bits) == (10, 4, 4 * 6 + 2 * 12)


@pytest.mark.parametrize("fraction", [0.0, 0.25, 0.5, 0.75])
def test_pruning_takes_exactly_the_smallest(fraction):
    weight = np.random.default_rng(4).normal(size=(8, 12))
    mask = smallest(weight, fraction)
    assert mask.sum() == round(fraction * weight.size)
    if fraction:
        assert np.abs(weight[mask]).max() < np.abs(weight[~mask]).min()
    # All magnitudes equal: still exact.
    assert smallest(np.ones((4, 4)), fraction).sum() == 16 * fraction
