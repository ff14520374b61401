"""ONNX files appear only where onnxruntime agrees with torch; what is wrong is said."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import OutputError
from resonaut.nn.export import Difference, export, open_session, parity

AXES = {"values": {0: "rows"}}


class Parabola(nn.Module):
    """a x^2 + cosh x + sinh x."""

    def __init__(self, a=2.0, dtype=torch.float32):
        super().__init__()
        self.a = nn.Parameter(torch.tensor(a))
        self.dtype = dtype

    def forward(self, values):
        values = values.to(self.dtype)
        return (self.a * values.square() + values.cosh() + values.sinh()).float().sum(dim=1)


def batches(*rows):
    generator = torch.Generator().manual_seed(1)
    return [(torch.randn(n, 3, generator=generator),) for n in rows]


def write(network, path, example=4, rows=(1, 7), **more):
    return export(
        network.eval(),
        *(batches(example)[0], path, batches(*rows)),
        **{"axes": AXES, "output": "score", "metadata": {"task": "toy"}, **more},
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_graph_is_the_formula(dtype, tmp_path):
    found = write(Parabola(dtype=dtype), tmp_path / "m.onnx", rows=(1, 7, 1000))
    assert [one.shape for one in found] == [(1, 3), (7, 3), (1000, 3)]
    assert all(0 <= one.value < 1e-5 for one in found)
    session = open_session(str(tmp_path / "m.onnx"), threads=1)
    assert [(one.name, one.shape, one.type) for one in session.get_inputs()] == [
        ("values", ["rows", 3], "tensor(float)")
    ]
    assert [one.name for one in session.get_outputs()] == ["score"]
    values = np.float32([[0.5, -1.0, 2.0]])
    expected = (2 * values**2 + np.exp(values)).sum()
    np.testing.assert_allclose(session.run(None, {"values": values})[0], [expected], rtol=1e-6)
    assert session.get_modelmeta().custom_metadata_map == {"task": "toy"}
    assert session.get_modelmeta().producer_name == "resonaut"


def test_parity_is_the_largest_relative_difference(tmp_path):
    write(nn.Flatten(), tmp_path / "m.onnx", axes=AXES)

    class Other(nn.Module):
        def forward(self, values):
            return values + torch.tensor([0.0, 0.25, 0.0])

    ones = torch.ones(5, 3)
    (found,) = parity(Other(), tmp_path / "m.onnx", [(ones,)])
    assert found == Difference((5, 3), pytest.approx(0.25 / 1.25))
    (found,) = parity(nn.Flatten(0), tmp_path / "m.onnx", [(ones,)])
    assert found.value == float("inf")
    (found,) = parity(Other(), tmp_path / "m.onnx", [(ones * torch.nan,)])
    assert np.isnan(found.value)


class OfExample(nn.Module):
    """Divides by the number of rows, which tracing takes for a constant."""

    def forward(self, values):
        return values.sum(dim=1) / int(np.prod(values.shape[:1], dtype=np.int64))


class NotANumber(nn.Module):
    def forward(self, values):
        return values.sum(dim=1) * torch.nan


class OfValues(nn.Module):
    """Python decides by the values."""

    def forward(self, values):
        return values.sum(dim=1) if float(values[0, 0]) > 0 else values.prod(dim=1)


def test_a_file_that_says_something_else_is_not_written(tmp_path):
    network = nn.Sequential(nn.Linear(3, 1), nn.Flatten(0))
    # Nothing is as exact as this.
    message = r"m\.onnx: not written: onnxruntime and torch differ by .* on inputs of shape \(7, 3\)"
    with pytest.raises(OutputError, match=message):
        write(network, tmp_path / "m.onnx", rows=(7,), tolerance=-1.0)
    with pytest.raises(OutputError, match=r"differ by nan on inputs of shape \(1, 3\); at most 0\.0001"):
        write(NotANumber(), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("network", [OfExample(), OfValues()])
def test_a_network_that_cannot_be_traced_is_refused(network, tmp_path):
    with pytest.raises(OutputError, match=r"m\.onnx: torch cannot write this network as ONNX \(\w+"):
        write(network, tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_onnxruntime_cannot_run_is_said(tmp_path):
    write(nn.Linear(3, 1), tmp_path / "m.onnx")
    with pytest.raises(
        OutputError, match=r"m\.onnx: onnxruntime cannot run this network on inputs of \(2, 4\)"
    ):
        parity(nn.Linear(4, 1), tmp_path / "m.onnx", [(torch.ones(2, 4),)])
    (tmp_path / "m.onnx").write_bytes(b"no model")
    with pytest.raises(OutputError, match="cannot run this network on inputs of any shape"):
        parity(nn.Linear(3, 1), tmp_path / "m.onnx", batches(2))


def test_targets_are_checked_first(tmp_path, monkeypatch):
    network = nn.Linear(3, 1)
    with pytest.raises(OutputError, match=r"no folder .*absent\. Make it"):
        write(network, tmp_path / "absent" / "m.onnx")
    assert not (tmp_path / "absent").exists()
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write(network, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "mine"
    write(network, tmp_path / "m.onnx", force=True)
    assert (tmp_path / "m.onnx").read_bytes() != b"mine"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(OutputError, match=r"n\.onnx: .* onnxscript and onnxruntime are needed .*Install"):
        write(network, tmp_path / "n.onnx")
