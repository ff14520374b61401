"""A network in fixed point as Verilog of shifted adders (da4ml: distributed arithmetic, arXiv:2507.04535)."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import OutputError
from resonaut.nn.fixed_point import FixedNetwork, FixedPoint
from resonaut.tag.trigger.settings import TriggerExport

PROJECT = "trigger"


def require() -> None:
    """Refuse an environment without the tool.

    Raises:
        OutputError: how to get it.
    """
    try:
        import da4ml.codegen
        import da4ml.trace  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"da4ml cannot be used ({error}). Install it (`pip install da4ml==0.6.0`), or set "
            "export.backend: hls4ml or none."
        ) from None


def _bits(given: FixedPoint) -> tuple[int, int, int]:
    """Sign, bits before the point without it, and behind it."""
    return int(given.signed), given.integer - int(given.signed), given.fraction


def write(
    network: FixedNetwork, folder: Path, settings: TriggerExport
) -> tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray], dict[str, str]]:
    """Write a project.

    Args:
        folder: new, for the project.

    Returns:
        The tool's estimates: `cost` (about the look-up tables that the adders take), `adder_depth` (adders
        behind each other, longest path), `n_stages` of the pipeline (clock ticks from input to output),
        `latency_ns` and `n_register_bits`; the emulation; what must be replaced in the files.
    """
    from da4ml.codegen import VerilogModel
    from da4ml.trace import FixedVariableArrayInput, HWConfig, comb_trace, to_pipeline

    n_inputs = network.layers[0].weight.shape[1]
    given = FixedVariableArrayInput((n_inputs,), hwconf=HWConfig(1, -1, -1))
    held = given.quantize(*_bits(network.inputs))
    for layer in network.layers:
        held = held @ layer.weight.T + layer.bias
        held = held.relu() if layer.relu else held
        held = held.quantize(*_bits(layer.output), overflow_mode="SAT", round_mode="RND")
    circuit = comb_trace(given, held)
    with contextlib.redirect_stdout(io.StringIO()):
        pipeline = to_pipeline(circuit, settings.stage_depth, verbose=False)
        VerilogModel(
            *(pipeline, PROJECT, folder),
            part_name=settings.part,
            clock_period=settings.clock_ns,
            print_latency=False,
        ).write()

    def emulate(values: np.ndarray) -> np.ndarray:
        return np.asarray(circuit.predict(np.ascontiguousarray(values, np.float64), n_threads=1))

    n_stages = len(pipeline.solutions)
    known = {
        "synthesis": False,
        "cost": float(circuit.cost),
        "adder_depth": float(circuit.latency[1]),
        "n_stages": n_stages,
        "latency_ns": n_stages * settings.clock_ns,
        "n_register_bits": int(pipeline.reg_bits),
    }
    return known, emulate, {str(folder): "."}
