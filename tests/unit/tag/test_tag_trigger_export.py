"""Export of networks in fixed point: the tools' emulations to the last bit, and what is refused."""

from __future__ import annotations

import shutil
import zipfile

import numpy as np
import pytest
from torch import nn

from resonaut.errors import ConfigError, OutputError
from resonaut.nn.fixed_point import FixedPoint, profiled
from resonaut.nn.networks.activations import Maxout
from resonaut.nn.networks.dense import Standardise, dense
from resonaut.tag.trigger import export, hls4ml_project, layers
from resonaut.tag.trigger.settings import TriggerExport


def network_of(seed: int = 1, bits: int = 7):
    """Five inputs, a linear code in the middle, two outputs: ReLU and none, signed and unsigned."""
    rng = np.random.default_rng(seed)
    sizes = ((6, 5), (3, 6), (2, 3))
    weights = [rng.normal(size=size) for size in sizes]
    biases = [rng.normal(size=size[0]) for size in sizes]
    values = rng.normal(size=(400, 5))
    return profiled(weights, biases, (True, False, False), values, bits, 12), values


def test_da4ml_gives_the_same_bits_and_the_same_file_twice(tmp_path):
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    network, values = network_of()
    settings = TriggerExport(backend="da4ml", n_compared=300)
    found = [
        export.write(
            network, values, {"inputs": list("abcde")}, settings, 3, tmp_path / name / "firmware.zip"
        )
        for name in ("first", "second")
    ]
    assert found[0] == found[1]
    entry = found[0]["backends"]["da4ml"]
    assert entry["test_rows"] == {"n_rows": 300, "max_difference": 0.0}
    assert entry["latency_ns"] == 5.0 * entry["n_stages"]
    assert entry["cost"] > 100
    assert entry["adder_depth"] <= 5 * entry["n_stages"]
    with zipfile.ZipFile(tmp_path / "first/firmware.zip") as archive:
        names = archive.namelist()
        assert "da4ml/src/trigger.v" in names
        for name in names:
            assert str(tmp_path).encode() not in archive.read(name)
            assert b"/tmp/" not in archive.read(name)
        inputs, outputs = (
            np.loadtxt(archive.open(f"{name}.csv"), delimiter=",") for name in ("inputs", "outputs")
        )
    np.testing.assert_array_equal(network(inputs), outputs)


def test_hls4ml_gives_the_same_bits(tmp_path):
    pytest.importorskip("hls4ml", reason="hls4ml is not installed")
    if shutil.which("g++") is None:
        pytest.skip("no g++ to compile the project of hls4ml with")
    network, values = network_of()
    settings = TriggerExport(backend="hls4ml", n_compared=300)
    found = export.write(network, values, {}, settings, 3, tmp_path / "firmware.zip")
    entry = found["backends"]["hls4ml"]
    assert entry["random_rows"] == {"n_rows": 300, "max_difference": 0.0}
    assert (entry["synthesis"], entry["n_parameters"]) == (False, 30 + 6 + 18 + 3 + 6 + 2)
    assert entry["n_multiplications"] == sum(np.count_nonzero(layer.weight) for layer in network.layers)
    with zipfile.ZipFile(tmp_path / "firmware.zip") as archive:
        names = archive.namelist()
        assert "hls4ml/firmware/trigger.cpp" in names
        assert not any(name.endswith((".so", ".o")) for name in names)
        assert b"LIB_STAMP=00000000" in archive.read("hls4ml/build_lib.sh")
        assert not any(b"/tmp/" in archive.read(name) for name in names)


def test_an_emulation_that_differs_is_refused_and_nothing_is_written(tmp_path, monkeypatch):
    """As hls4ml does it when dense layers keep torch's order of weights: numbers come out, but wrong ones."""
    network, values = network_of()

    class Wrong:
        @staticmethod
        def write(network, folder, settings):
            folder.mkdir()

            def emulate(rows):
                held = rows
                for layer in network.layers:
                    turned = layer.weight.ravel().reshape(layer.weight.shape[::-1])
                    sums = held @ turned + layer.bias
                    held = layer.output.apply(np.maximum(sums, 0) if layer.relu else sums)
                return held

            return {}, emulate, {}

    monkeypatch.setattr(export, "_project", lambda backend: Wrong)
    with pytest.raises(OutputError, match=r"hls4ml: not written: .* % of the rows by up to"):
        export.write(network, values, {}, TriggerExport(backend="hls4ml"), 1, tmp_path / "firmware.zip")
    assert not list(tmp_path.iterdir())


def test_one_wrong_bit_in_one_row_is_seen():
    network, values = network_of()

    def emulate(rows):
        found = network(rows)
        found[17, 1] += network.layers[-1].output.step
        return found

    with pytest.raises(OutputError, match=r"0\.25 % of the rows"):
        export.compare(network, emulate, network.inputs.apply(values), "da4ml")
    assert export.compare(network, network, network.inputs.apply(values), "da4ml")["n_rows"] == 400


def test_random_inputs_fill_the_range():
    one = FixedPoint(6, 3)
    values = export.random_inputs(one, 500, 4, np.random.default_rng(1))
    assert (values.min(), values.max()) == (one.low, one.high)
    assert len(np.unique(values)) == 2**6


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.LeakyReLU(), "LeakyReLU"),
        (nn.Sigmoid(), "Sigmoid"),
        (nn.ELU(), "ELU"),
        (Maxout(), "Maxout"),
        (nn.BatchNorm1d(4), "BatchNorm1d"),
        (nn.Dropout(), "Dropout"),
    ],
)
def test_unknown_layers_are_refused_by_name(layer, name):
    network = nn.Sequential(Standardise(3), nn.Linear(3, 4), nn.Sequential(layer), nn.Linear(4, 1))
    with pytest.raises(
        ConfigError, match=rf"trigger\.t: hls4ml does not know the layer '2\.0' of type {name}"
    ):
        layers.require_known(network, ("hls4ml", "da4ml"), "trigger.t")


def test_a_subclass_is_not_taken_for_its_parent():
    class Scaled(nn.Linear):
        def forward(self, values):
            return 2 * super().forward(values)

    network = nn.Sequential(Standardise(3), Scaled(3, 1))
    with pytest.raises(ConfigError, match="of type Scaled"):
        layers.require_known(network, (), "trigger.t")
    with pytest.raises(ConfigError, match="TransformerEncoderLayer is not a chain"):
        layers.require_known(nn.TransformerEncoderLayer(8, 2), (), "trigger.t")


def test_a_network_taken_apart_says_the_same():
    import torch

    torch.manual_seed(1)
    network = nn.Sequential(Standardise(3), dense((3, 8, 8, 1), last_activation=False), nn.Flatten(0))
    _, found = layers.taken_apart(network, "trigger.t")
    assert (found.sizes, found.relu) == ((3, 8, 8, 1), (True, True, False))
    values = torch.randn(20, 3)
    with torch.no_grad():
        np.testing.assert_allclose(found(values.numpy())[:, 0], network(values).numpy(), rtol=1e-4, atol=1e-6)


def test_tools_that_are_missing_are_named(monkeypatch):
    pytest.importorskip("hls4ml", reason="hls4ml is not installed")
    monkeypatch.setattr(hls4ml_project.shutil, "which", lambda name: None)
    with pytest.raises(OutputError, match=r"no g\+\+ .* export.backend: da4ml"):
        hls4ml_project.require()
    monkeypatch.setitem(__import__("sys").modules, "da4ml.codegen", None)
    with pytest.raises(OutputError, match=r"da4ml cannot be used .*pip install da4ml"):
        export.require(TriggerExport(backend="da4ml"))


def test_a_network_too_far_from_floats_is_refused():
    settings = TriggerExport(tolerance=0.2)
    export.require_agreement(0.2, settings, "trigger.t")
    for difference in (0.21, float("nan")):
        with pytest.raises(OutputError, match=r"trigger\.t\.export: not written: .* at most 0\.2"):
            export.require_agreement(difference, settings, "trigger.t")
