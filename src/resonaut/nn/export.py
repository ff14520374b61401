"""Networks as ONNX files, written only where onnxruntime then says what torch says (https://onnx.ai).

The graph is what `torch.export` traces, so a network says nothing about its own export; sizes of named
dimensions stay free, down to 1.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut import __version__
from resonaut.errors import OutputError
from resonaut.files import atomic

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

OPSET = 18
"""Version of the operators: onnxruntime 1.14 of 2023 and later ones read it."""
_IR_VERSION = 8
TOLERANCE = 1e-4
"""Largest difference that is let through, see `Difference`. Rounding alone gives about 1e-6."""
_ADVICE = "Score with torch instead, and report the network with its settings."
_TALKATIVE = ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")

Axes = Mapping[str, Mapping[int, str]]
"""Names of the axes of any size, by the name of the input and the number of the axis."""


@dataclass(frozen=True)
class Difference:
    """How far onnxruntime and torch are apart on one batch.

    Attributes:
        shape: of the first input.
        value: largest |onnxruntime - torch| / max(1, |torch|); NaN where either is, infinite where the
            shapes of the outputs differ.
    """

    shape: tuple[int, ...]
    value: float


def check_target(path: str | os.PathLike, *, force: bool = False) -> None:
    """Refuse a file that cannot be written, before time is spent on it.

    Raises:
        OutputError: a package is missing, the folder does not exist, or the file does and `force` is not set.
    """
    path = Path(path)
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise OutputError(
            f"{path}: to write and check ONNX the packages onnx, onnxscript and onnxruntime are needed "
            f"({error}). Install them in this environment."
        ) from None
    if not path.parent.is_dir():
        raise OutputError(f"{path}: no folder {path.parent}. Make it, or name another file.")
    if path.exists() and not force:
        raise OutputError(f"{path}: exists already. Name another file, or replace it with --force.")


def export(
    network: nn.Module,
    example: Sequence[Tensor],
    path: str | os.PathLike,
    batches: Sequence[Sequence[Tensor]],
    *,
    axes: Axes,
    output: str,
    metadata: Mapping[str, str],
    tolerance: float = TOLERANCE,
    force: bool = False,
) -> tuple[Difference, ...]:
    """Write a network as one ONNX file, if onnxruntime gives on all batches what torch gives.

    Args:
        network: in evaluation mode, on the CPU; called with the tensors of an example, gives one tensor.
        example: arguments that are traced. Named axes of one name have one size of at least 2 there, and
            axes of other names other sizes.
        path: file to write, whole or not at all.
        batches: arguments of the network to compare the two on.
        axes: the inputs in their order, and their named axes.
        output: name of the output.
        metadata: entries of the file's metadata.
        tolerance: of the differences.
        force: replace a file that is there.

    Returns:
        The difference on each batch.

    Raises:
        OutputError: see `check_target`; torch cannot write this network; onnxruntime cannot run it, or says
            something else. Nothing is written then.
    """
    check_target(path, force=force)
    model = _as_bytes(_graph(network, example, path, axes, output), metadata)
    found = _compare(network, model, batches, path)
    worst = max(found, key=lambda one: np.inf if np.isnan(one.value) else one.value)
    if not worst.value <= tolerance:
        raise OutputError(
            f"{path}: not written: onnxruntime and torch differ by {worst.value:.2g} on inputs of shape "
            f"{worst.shape}; at most {tolerance:g} is let through. {_ADVICE}"
        )
    with atomic(path) as part:
        part.write_bytes(model)
    return found


def parity(
    network: nn.Module, path: str | os.PathLike, batches: Sequence[Sequence[Tensor]]
) -> tuple[Difference, ...]:
    """Difference between onnxruntime, running a file, and torch, running a network, on each batch.

    Args:
        network: in evaluation mode, on the CPU.
        path: ONNX file with one output.
        batches: arguments of the network, in the order of the file's inputs.

    Raises:
        OutputError: onnxruntime cannot run the file.
    """
    return _compare(network, Path(path).read_bytes(), batches, path)


def _compare(
    network: nn.Module, model: bytes, batches: Sequence[Sequence[Tensor]], path: str | os.PathLike
) -> tuple[Difference, ...]:
    """See `parity`; the file need not be there yet."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    failures = tuple(kind for kind in vars(state).values() if isinstance(kind, type) and _is_error(kind))
    found = []
    shape: tuple[int, ...] | str = "any shape"
    try:
        session = open_session(model, torch.get_num_threads())
        names = [argument.name for argument in session.get_inputs()]
        for batch in batches:
            shape = tuple(batch[0].shape)
            feeds = {name: value.numpy() for name, value in zip(names, batch, strict=True)}
            (theirs,) = session.run(None, feeds)
            with torch.no_grad():
                ours = network(*batch).numpy()
            found.append(Difference(shape, _difference(theirs, ours)))
    except failures as error:
        raise OutputError(
            f"{path}: onnxruntime cannot run this network on inputs of {shape} ({_first_line(error)}). "
            f"{_ADVICE}"
        ) from None
    return tuple(found)


def open_session(model: str | bytes, threads: int, provider: str = "CPU") -> InferenceSession:
    """A model in onnxruntime.

    Args:
        model: path of a file, or what it holds.
        threads: inside an operation.
        provider: CPU or CUDA.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # What fails is raised; the library need not print it as well.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=[f"{provider}ExecutionProvider"])


class _Positional(nn.Module):
    """A network whose arguments need no names of their own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.network(*inputs)


def _graph(
    network: nn.Module, example: Sequence[Tensor], path: str | os.PathLike, axes: Axes, output: str
) -> Any:
    """The model (onnx_ir) that torch makes of a network."""
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                _Positional(network).eval(),
                tuple(example),
                input_names=list(axes),
                output_names=[output],
                dynamic_shapes={"inputs": tuple(dict(named) for named in axes.values())},
                opset_version=OPSET,
                custom_translation_table=_translations(),
                dynamo=True,
                verbose=False,
            )
    except torch.onnx.OnnxExporterError as error:
        cause = error.__cause__ or error
        raise OutputError(
            f"{path}: torch cannot write this network as ONNX ({_first_line(cause)}). {_ADVICE}"
        ) from error
    return program.model


def _as_bytes(model: Any, metadata: Mapping[str, str]) -> bytes:
    """A model as a file: with these metadata, and without the paths of this machine."""
    import onnx_ir

    model.producer_name, model.producer_version = "resonaut", __version__
    model.ir_version = _IR_VERSION
    model.metadata_props.clear()
    model.metadata_props.update(sorted(metadata.items()))
    # Torch notes at each node which line of which file made it.
    for graph in (model.graph, *model.functions.values()):
        graph.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            node.doc_string = None
            for value in (*node.inputs, *node.outputs):
                if value is not None:
                    value.metadata_props.clear()
    return onnx_ir.serde.serialize_model(model).SerializeToString(deterministic=True)


def _translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operators that onnxruntime lacks in double precision, made of some that it has."""
    from onnxscript import ir
    from onnxscript import opset18 as op

    def halves(values: Any) -> tuple[Any, Any]:
        two = op.CastLike(op.Constant(value_float=2.0), values)
        return op.Div(op.Exp(values), two), op.Div(op.Exp(op.Neg(values)), two)

    def cosh(values: Any) -> Any:
        return op.Add(*halves(values)) if values.dtype == ir.DataType.DOUBLE else op.Cosh(values)

    def sinh(values: Any) -> Any:
        return op.Sub(*halves(values)) if values.dtype == ir.DataType.DOUBLE else op.Sinh(values)

    return {torch.ops.aten.cosh.default: cosh, torch.ops.aten.sinh.default: sinh}


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the many remarks of the exporter: the comparison that follows is what counts."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            for logger in loggers:
                logger.setLevel(logging.CRITICAL)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)


def _difference(theirs: np.ndarray, ours: np.ndarray) -> float:
    if theirs.shape != ours.shape:
        return float("inf")
    apart = np.abs(theirs.astype(np.float64) - ours) / np.maximum(1.0, np.abs(ours))
    return float(apart.max(initial=0.0))


def _is_error(kind: type) -> bool:
    return issubclass(kind, Exception)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
