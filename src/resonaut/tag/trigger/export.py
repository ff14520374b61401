"""Firmware of a network in fixed point, written only where each tool's emulation says what ours says.

hls4ml is known to convert without a word what it does not know, so nothing is trusted: layers are refused
by name before (`layers.KNOWN`), and afterwards the emulations are compared with `nn.fixed_point` on test
rows and on random inputs over the whole range, where equal means equal to the last bit.
"""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import OutputError
from resonaut.files import canonical_json
from resonaut.logs import log
from resonaut.nn.fixed_point import FixedNetwork, FixedPoint
from resonaut.tag.trigger import archive
from resonaut.tag.trigger.settings import TriggerExport

_N_VECTORS = 100
"""Rows of inputs and outputs that are put beside the projects, to test them elsewhere."""
Emulation = Callable[[np.ndarray], np.ndarray]


def require(settings: TriggerExport) -> None:
    """Refuse what is not installed, before time is spent on training.

    Raises:
        OutputError: which tool, and how to get it.
    """
    for backend in settings.backends:
        _project(backend).require()


def _project(backend: str) -> Any:
    return importlib.import_module(f"resonaut.tag.trigger.{backend}_project")


def random_inputs(given: FixedPoint, n_rows: int, n_inputs: int, rng: np.random.Generator) -> np.ndarray:
    """(n_rows, n_inputs) numbers of a format, over all of its range, its ends among them."""
    values = given.apply(rng.uniform(given.low, given.high, (n_rows, n_inputs)))
    values[0], values[1] = given.low, given.high
    return values


def compare(network: FixedNetwork, emulate: Emulation, values: np.ndarray, backend: str) -> dict[str, Any]:
    """Compare an emulation with our own arithmetic.

    Args:
        values: (n, n_inputs) numbers of the format of the inputs.

    Raises:
        OutputError: it differs anywhere; nothing is written then.
    """
    want, got = network(values), emulate(values)
    equal = got.shape == want.shape and bool(np.array_equal(got, want))
    if not equal:
        worst = "shapes differ"
        if got.shape == want.shape:
            wrong = (got != want).any(axis=1).mean()
            worst = f"{100 * wrong:.3g} % of the rows by up to {np.abs(got - want).max():.3g}"
        raise OutputError(
            f"{backend}: not written: its emulation is not the network in fixed point ({worst}), and might "
            "trigger on anything. Use another export.backend, and report the settings of this network."
        )
    return {"n_rows": len(values), "max_difference": 0.0}


def require_agreement(difference: float, settings: TriggerExport, where: str) -> None:
    """Refuse to write a network that is too far from that of floats.

    Raises:
        OutputError: by how much, and what is let through.
    """
    if not difference <= settings.tolerance:
        raise OutputError(
            f"{where}.export: not written: scores in fixed point and in floats differ by {difference:.3g} "
            f"standard deviations (root mean square); at most {settings.tolerance:g} is let through. Use "
            "more bits, aware: true, or a larger tolerance."
        )


def write(
    network: FixedNetwork,
    values: np.ndarray,
    about: dict[str, Any],
    settings: TriggerExport,
    seed: int,
    path: Path,
) -> dict[str, Any]:
    """Write the archive of all projects.

    Args:
        values: (n, n_inputs) standardised inputs of test rows.
        about: JSON that is put beside the projects.
        path: zip file to write; with no backend it holds the network alone.

    Returns:
        By backend what it knows and how it compared, and `firmware`.

    Raises:
        OutputError: a tool fails, or its emulation differs; nothing is written then.
    """
    rng = np.random.default_rng(seed)
    held = network.inputs.apply(values[: settings.n_compared])
    uniform = random_inputs(network.inputs, settings.n_compared, values.shape[1], rng)
    files = {
        "network.json": canonical_json(described(network, about)).encode(),
        "inputs.csv": _table(held[:_N_VECTORS]),
        "outputs.csv": _table(network(held[:_N_VECTORS])),
    }
    found: dict[str, Any] = {}
    for backend in settings.backends:
        log.info("write a project with %s, and compare it on %d rows", backend, 2 * settings.n_compared)
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder) / backend
            known, emulate, replaced = _project(backend).write(network, place, settings)
            found[backend] = {
                **known,
                "test_rows": compare(network, emulate, held, backend),
                "random_rows": compare(network, emulate, uniform, backend),
            }
            project = archive.text_of(place, replaced)
            files |= {f"{backend}/{name}": content for name, content in project.items()}
    return {"backends": found, "firmware": archive.write(path, files)}


def described(network: FixedNetwork, about: dict[str, Any]) -> dict[str, Any]:
    """A network as JSON: formats, and weights as multiples of their steps, which are whole numbers."""

    def whole(values: np.ndarray, given: FixedPoint) -> list[Any]:
        return np.rint(values / given.step).astype(int).tolist()

    return {
        **about,
        "input_format": str(network.inputs),
        "rounding": "to nearest, halves upwards",
        "overflow": "saturates",
        "layers": [
            {
                "weight": whole(layer.weight, layer.weight_format),
                "weight_format": str(layer.weight_format),
                "bias": whole(layer.bias, layer.bias_format),
                "bias_format": str(layer.bias_format),
                "relu": layer.relu,
                "output_format": str(layer.output),
            }
            for layer in network.layers
        ],
    }


def _table(values: np.ndarray) -> bytes:
    """Numbers with all their digits, a row per line."""
    return "".join(",".join(f"{value!r}" for value in row) + "\n" for row in values.tolist()).encode()
