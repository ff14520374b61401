"""A trained tagger as an ONNX file that says all there is to know: values in, scores or predictions out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut import __version__
from resonaut.files import canonical_json, sha256
from resonaut.logs import log
from resonaut.nn.export import Difference, check_target, export
from resonaut.provenance import versions, write_run_record
from resonaut.tag.networks import Trained, load
from resonaut.tag.rows.representations import REPRESENTATIONS

UNITS = "energies, momenta and masses in GeV, angles in radian, lengths in mm"
RAGGED = ("clouds", "showers")
"""Representations whose rows have a mask."""
OUTPUTS = {"binary": "score", "classes": "scores", "regression": "prediction"}
"""Name of the output by the task, as in files of scores."""
ROWS = (1, 7, 1000)
"""Rows of the batches on which onnxruntime and torch are compared."""
_ROWS_OF_EXAMPLE = 5
_PAIRS = 2**19
"""Pairs of constituents in a batch at most: networks of pairs keep all of them in memory."""
_N_CONSTITUENTS_MAX = 100
"""Where the weights do not say it: the default of `represent.clouds`."""


@dataclass(frozen=True)
class Report:
    """What was written.

    Attributes:
        path: the ONNX file.
        inputs: names of its inputs; `mask` only of clouds, `reference` only of corrections.
        output: name of its output.
        worst: largest of the differences.
        differences: between onnxruntime and torch, on each batch.
    """

    path: str
    inputs: tuple[str, ...]
    output: str
    worst: float
    differences: tuple[Difference, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as JSON values."""
        return asdict(self)


class Ensemble(nn.Module):
    """What the file computes: the mean over the restarts of probabilities or predictions.

    Args:
        networks: of the restarts.
        outputs: what the outputs of a network mean, see `tasks.Task.outputs`.
        corrects: whether that is a factor by which a last argument, the reference, is multiplied.
    """

    def __init__(
        self, networks: Sequence[nn.Module], outputs: Callable[[Tensor], Tensor], *, corrects: bool = False
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.outputs = outputs
        self.corrects = corrects

    def forward(self, *inputs: Tensor) -> Tensor:
        """(n,) or (n, n_classes).

        Args:
            inputs: those of the networks, see `interface.Tagger`; whatever stands where a mask is false, NaN
                too. Then the reference, (n,), if it is corrected.
        """
        if self.corrects:
            *inputs, reference = inputs  # type: ignore[assignment]
        if len(inputs) == 2:
            values, mask = inputs
            inputs = (torch.where(mask[..., None], values, 0.0), mask)
        found = torch.stack([self.outputs(network(*inputs)) for network in self.networks]).mean(dim=0)
        return found * reference if self.corrects else found


def run(weights: Path, output: Path, force: bool = False) -> Report:
    """Write a trained tagger as an ONNX file, once onnxruntime agrees with torch on it.

    Inputs of the file: `values`, float32: (rows, constituents, n_inputs) of clouds, whose `mask`, bool, is
    (rows, constituents); (rows, n_inputs) of features; (rows, n_inputs, n_pixels, n_pixels) of images. The
    names of the inputs, in their order, and how they were made stand in the metadata. A regression that
    corrects a measured quantity takes that as `reference`, (rows,). The output is `score`, the probability of
    signal, (rows,); `scores`, the probabilities of the classes, (rows, n_classes); or `prediction`, (rows,).

    Args:
        weights: file of `resonaut tag train`.
        output: ONNX file to write, whole or not at all; `<output>.run.json` holds the report too.
        force: replace the file if it is there.

    Raises:
        OutputError: the file cannot be written, exists, or would not agree with torch.
        InputError: the weights cannot be used.
    """
    check_target(output, force=force)
    trained = load(weights)
    ensemble = ensemble_of(trained)
    shapes = shapes_of(trained)
    names = list(axes_of(trained))
    log.info("%s: writing %s, which takes a minute for large networks", trained.where, output)
    generator = np.random.default_rng(0)
    differences = export(
        ensemble,
        example_of(trained, shapes[0], generator),
        output,
        [example_of(trained, shape, generator) for shape in shapes[1:]],
        axes=axes_of(trained),
        output=OUTPUTS[trained.task.name],
        metadata=_metadata(trained, weights),
        force=force,
    )
    worst = max(one.value for one in differences)
    report = Report(str(output), tuple(names), OUTPUTS[trained.task.name], worst, differences)
    sizes = ", ".join("x".join(map(str, one.shape)) for one in differences)
    log.info("%s: onnxruntime and torch differ by %.2g at most (%s)", trained.where, worst, sizes)
    write_run_record(output, parity=report.as_json(), versions=versions("onnx", "onnxruntime", "torch"))
    return report


def ensemble_of(trained: Trained) -> Ensemble:
    """What is exported of a trained tagger."""
    return Ensemble(trained.networks, trained.task.outputs, corrects=_reference(trained) is not None).eval()


def axes_of(trained: Trained) -> dict[str, dict[int, str]]:
    """Inputs of the file and their axes of any size."""
    axes = {"values": {0: "rows"}}
    if trained.settings.representation() in RAGGED:
        axes = {name: {0: "rows", 1: "constituents"} for name in ("values", "mask")}
    if _reference(trained) is not None:
        axes["reference"] = {0: "rows"}
    return axes


def shapes_of(trained: Trained) -> list[tuple[int, int]]:
    """Rows and constituents of the example, which is first, and of the batches to compare on.

    Lengths on both sides of the number of neighbours and of the four-momenta that a network takes, and as
    long as jets were in training; one constituent of anything but clouds.
    """
    if trained.settings.representation() not in RAGGED:
        return [(_ROWS_OF_EXAMPLE, 1), *((rows, 1) for rows in ROWS)]
    n_max = int(trained.description.get("representation", {}).get("n_constituents_max", _N_CONSTITUENTS_MAX))
    turns = {int(getattr(trained.settings, name, 16)) for name in ("k", "n_momenta")}
    lengths = sorted({1, 2, n_max, *turns, *(turn + 1 for turn in turns)})
    pairs = [(rows, n) for n in lengths for rows in ROWS if rows == 1 or rows * n**2 <= _PAIRS]
    return [(_ROWS_OF_EXAMPLE, 2 * max(turns) + 7), *pairs]


def example_of(
    trained: Trained, shape: tuple[int, int], generator: np.random.Generator
) -> tuple[Tensor, ...]:
    """Random inputs as those of the training: Gaussians of the means and widths that the network holds.

    Args:
        shape: rows, and constituents of clouds: as many in the first row, none in the second, 0 to as many in
            the others; what stands behind is not 0.
    """
    n_rows, n_constituents = shape
    n_inputs = len(trained.tagger.inputs)
    mean, width = _moments(trained.networks[0], n_inputs)
    kind = trained.settings.representation()
    if kind in RAGGED:
        values = mean + width * generator.standard_normal((n_rows, n_constituents, n_inputs))
        if trained.tagger.inputs[0].startswith("cell/"):
            n_cells = math.prod(trained.settings.shape)  # type: ignore[attr-defined]
            # A cell stands once in a shower.
            order = generator.random((n_rows, n_cells)).argsort(axis=1)
            values[..., 0], values[..., 1] = order[:, :n_constituents], np.abs(values[..., 1])
        count = generator.integers(0, n_constituents + 1, n_rows)
        count[:2] = (n_constituents, 0)[: len(count)]
        mask = np.arange(n_constituents) < count[:, None]
        arrays = [np.where(mask[..., None], values, 100.0).astype(np.float32), mask]
    elif kind == "images":
        pixels = (n_rows, *trained.settings.shape)  # type: ignore[attr-defined]
        hit = generator.random(pixels) < 0.2
        arrays = [(np.abs(generator.standard_normal(pixels)) * hit * width).astype(np.float32)]
    else:
        arrays = [(mean + width * generator.standard_normal((n_rows, n_inputs))).astype(np.float32)]
    if _reference(trained) is not None:
        arrays.append(generator.uniform(10, 200, n_rows).astype(np.float32))
    return tuple(torch.from_numpy(array) for array in arrays)


def _moments(network: nn.Module, n_inputs: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and widths of the inputs in training, as far as a network knows them; (n_inputs,) for columns."""
    layer = getattr(network, "standardise", None)
    if hasattr(layer, "mean"):
        return layer.mean.double().numpy(), layer.width.double().numpy()
    if not hasattr(getattr(network, "network", network), "threshold"):
        return np.zeros(n_inputs), np.full(n_inputs, 0.5)
    trees = getattr(network, "network", network)
    used = trees.threshold.isfinite()
    column = (trees.feature % n_inputs)[used]
    cuts = [trees.threshold[used][column == number].double() for number in range(n_inputs)]
    known = [cut if len(cut) else torch.zeros(1, dtype=torch.float64) for cut in cuts]
    return np.array([cut.mean() for cut in known]), np.array([cut.std(correction=0) for cut in known]) + 1e-3


def _reference(trained: Trained) -> str | None:
    return getattr(trained.task, "reference", None)


def _metadata(trained: Trained, weights: Path) -> dict[str, str]:
    """What a user of the file alone must know; lists and settings as JSON."""
    description, kind = trained.description, trained.settings.representation()
    lists = {
        "inputs": list(trained.tagger.inputs),
        "classes": list(trained.task.classes),
        "representation_settings": description.get("representation", {}),
        "settings": description["settings"],
    }
    plain = {
        "resonaut": __version__,
        "method": description["method"],
        "kind": description.get("kind", description["method"]),
        "task": trained.task.name,
        "target": trained.settings.target or "",
        "reference": _reference(trained) or "",
        "representation": kind,
        "rows": REPRESENTATIONS[kind].rows(trained.tagger.inputs),
        "n_restarts": str(len(trained.networks)),
        "units": UNITS,
        "weights_sha256": sha256(weights),
    }
    return {**{key: canonical_json(value) for key, value in lists.items()}, **plain}
