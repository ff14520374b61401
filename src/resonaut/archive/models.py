"""What stands in each ONNX model: its inputs, its outputs, and how the inputs are made."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.archive import layout
from resonaut.errors import CorruptFileError
from resonaut.files import sha256

Json = dict[str, Any]


def collect(study: str, results: Mapping[str, Path]) -> list[Json]:
    """`models.json`: one entry for each ONNX file, by path.

    Standardisation and the mean over restarts are part of the graph; what happens before it stands in
    `preprocessing`: the names of the inputs in their order, units, and the settings of the representation.

    Args:
        study: its name.
        results: files by their path below `results/<study>`.

    Raises:
        CorruptFileError: a file is not ONNX.
    """
    paths = sorted(path for path in results if path.endswith(".onnx"))
    return [_describe(f"{layout.RESULTS}/{study}/{path}", results[path]) for path in paths]


def _describe(name: str, path: Path) -> Json:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError) as error:
        raise CorruptFileError(f"{path}: not an ONNX file ({error}). Delete it and run again.") from None
    return {
        "path": layout.archive_name(name),
        "sha256": sha256(path),
        "opset": max(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")),
        "inputs": [_tensor(value) for value in model.graph.input],
        "outputs": [_tensor(value) for value in model.graph.output],
        "preprocessing": {entry.key: _value(entry.value) for entry in model.metadata_props},
    }


def _tensor(value: Any) -> Json:
    import onnx

    kind = value.type.tensor_type
    return {
        "name": value.name,
        "type": onnx.TensorProto.DataType.Name(kind.elem_type).lower(),
        "shape": [axis.dim_param or axis.dim_value for axis in kind.shape.dim],
    }


def _value(text: str) -> Any:
    """Lists and settings are JSON in the metadata, everything else is text."""
    if text[:1] in ("[", "{"):
        with contextlib.suppress(json.JSONDecodeError):
            return json.loads(text)
    return text
