"""A network in fixed point as a project of hls4ml (arXiv:1804.06913), compiled with the system's compiler.

Every format is given by hand: inputs and activations round to nearest and saturate, sums are exact. What
synthesis would tell (latency, resources) is not known here.
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import OutputError
from resonaut.nn.fixed_point import FixedNetwork, FixedPoint
from resonaut.tag.trigger.settings import TriggerExport

PROJECT = "trigger"
COMPILER = "g++"


def require() -> None:
    """Refuse an environment without the tool or the compiler.

    Raises:
        OutputError: what is missing, and how to get it.
    """
    try:
        import hls4ml  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"hls4ml cannot be used ({error}). Install it (`pip install hls4ml==1.3.0`), or set "
            "export.backend: da4ml or none."
        ) from None
    if shutil.which(COMPILER) is None:
        raise OutputError(
            f"no {COMPILER} is found, with which the project of hls4ml is compiled and compared. Install a "
            "C++ compiler, or set export.backend: da4ml or none."
        )


def _type(given: FixedPoint, *, rounds: bool) -> str:
    kind = "fixed" if given.signed else "ufixed"
    return f"{kind}<{given.width},{given.integer}{',RND,SAT' if rounds else ''}>"


def _model(network: FixedNetwork) -> Any:
    """The network as torch sees it, with weights that are numbers of their formats."""
    import torch
    from torch import nn

    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, layer in enumerate(network.layers, 1):
        linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.weight))
            linear.bias.copy_(torch.from_numpy(layer.bias))
        layers[f"dense_{number}"] = linear
        if layer.relu:
            layers[f"relu_{number}"] = nn.ReLU()
    return nn.Sequential(layers).eval()


def _formats(network: FixedNetwork, names: dict[str, dict[str, Any]]) -> None:
    """Write every format into hls4ml's configuration by layer."""
    (inputs,) = (name for name in names if not name.startswith(("dense_", "relu_")))
    names[inputs]["Precision"] = {"result": _type(network.inputs, rounds=True)}
    for number, (layer, sums) in enumerate(zip(network.layers, network.accumulators(), strict=True), 1):
        exact = _type(sums, rounds=False)
        output = _type(layer.output, rounds=True)
        names[f"dense_{number}"]["Precision"] = {
            "weight": _type(layer.weight_format, rounds=False),
            "bias": _type(layer.bias_format, rounds=False),
            "accum": exact,
            "result": exact if layer.relu else output,
        }
        if layer.relu:
            names[f"relu_{number}"]["Precision"] = {"result": output}


def write(
    network: FixedNetwork, folder: Path, settings: TriggerExport
) -> tuple[dict[str, Any], Callable[[np.ndarray], np.ndarray], dict[str, str]]:
    """Write and compile a project.

    Args:
        folder: new, for the project.

    Returns:
        What is known without synthesis; the compiled emulation, (n, n_inputs) to (n, n_outputs) float64; and
        what must be replaced in its files, for they name this folder and a random number.

    Raises:
        OutputError: it cannot be compiled.
    """
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        import hls4ml

        model = _model(network)
        n_inputs = network.layers[0].weight.shape[1]
        # "off" would leave the weights of dense layers untransposed, and every result wrong without a word.
        configuration = hls4ml.utils.config_from_pytorch_model(
            model,
            (n_inputs,),
            granularity="name",
            backend="Vitis",
            channels_last_conversion="full",
            transpose_outputs=False,
            default_reuse_factor=settings.reuse_factor,
        )
        if settings.reuse_factor > 1:
            configuration["Model"]["Strategy"] = "Resource"
        _formats(network, configuration["LayerName"])
        project = hls4ml.converters.convert_from_pytorch_model(
            model,
            output_dir=str(folder),
            project_name=PROJECT,
            backend="Vitis",
            hls_config=configuration,
            io_type="io_parallel",
            part=settings.part,
            clock_period=settings.clock_ns,
        )
        try:
            project.compile()
        except Exception as error:
            raise OutputError(
                f"the project of hls4ml does not compile ({error}). It says: {said.getvalue()[-500:]}"
            ) from None
    stamp = re.search(r"LIB_STAMP=(\w+)", (folder / "build_lib.sh").read_text(encoding="utf-8"))
    replaced = {str(folder): ".", **({stamp[1]: "0" * len(stamp[1])} if stamp else {})}

    def emulate(values: np.ndarray) -> np.ndarray:
        given = np.ascontiguousarray(values, np.float64)
        with contextlib.redirect_stdout(io.StringIO()):
            return np.asarray(project.predict(given), np.float64).reshape(len(values), -1)

    multiplications = network.n_multiplications
    known = {
        "synthesis": False,
        "n_parameters": network.n_weights,
        "n_multiplications": multiplications,
        "reuse_factor": settings.reuse_factor,
        "n_multipliers": -(-multiplications // settings.reuse_factor),
        "accumulators": [str(one) for one in network.accumulators()],
    }
    return known, emulate, replaced
