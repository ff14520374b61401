"""A generator whose sampling is one pass as an ONNX file: noise and conditions in, rows out.

A method says nothing of its own export. Where its sampling asks torch for random numbers, inputs of the file
stand in their place. It is one pass if no layer is run twice.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from resonaut import __version__
from resonaut.errors import OutputError
from resonaut.files import canonical_json, sha256
from resonaut.generate.networks import Trained, load
from resonaut.logs import log
from resonaut.nn.export import Difference, check_target, export
from resonaut.provenance import versions, write_run_record

UNITS = "energies, momenta and masses in GeV, angles in radian"
_N_BATCHES = 3
"""Batches on which onnxruntime and torch are compared."""
_KINDS = {"randn": "normal", "randn_like": "normal", "rand": "uniform", "rand_like": "uniform"}
_OTHERS = ("normal", "bernoulli", "poisson", "multinomial", "randint", "randperm")
_ADVICE = "Draw with `resonaut generate sample`."


@dataclass(frozen=True)
class Noise:
    """Random numbers that rows are made from.

    Attributes:
        name: of the input.
        shape: of a batch.
        kind: standard normal, or uniform from 0 to 1.
    """

    name: str
    shape: tuple[int, ...]
    kind: str


class _FromNoise(nn.Module):
    """Sampling as a function of noise and conditions."""

    def __init__(self, trained: Trained, noise: Sequence[Noise], rows: int) -> None:
        super().__init__()
        self.network = trained.networks[0]
        self.sample, self.noise, self.rows = trained.generator.sample, tuple(noise), rows

    def forward(self, *inputs: Tensor) -> Tensor:
        given = iter(inputs)
        conditions = inputs[-1] if len(inputs) > len(self.noise) else torch.zeros(self.rows, 0)
        with _random(lambda name, size: next(given)):
            return self.sample(self.network, conditions)


@contextlib.contextmanager
def _random(source: Callable[[str, tuple[int, ...]], Tensor]) -> Iterator[None]:
    """Take random numbers from `source`, called with the name of torch's function and the shape."""

    def made(name: str, *size: Any, **_: Any) -> Tensor:
        if name.endswith("_like"):
            return source(name, tuple(size[0].shape))
        flat = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
        return source(name, tuple(flat))

    def refused(name: str, *_: Any, **__: Any) -> Tensor:
        raise _NoNoiseError(f"it draws with torch.{name}")

    with contextlib.ExitStack() as stack:
        for name in _KINDS:
            stack.enter_context(mock.patch.object(torch, name, lambda *a, _n=name, **k: made(_n, *a, **k)))
        for name in _OTHERS:
            stack.enter_context(mock.patch.object(torch, name, lambda *a, _n=name, **k: refused(_n)))
        yield


class _NoNoiseError(Exception):
    """Sampling asks for random numbers that cannot be inputs."""


def run(weights: Path, output: Path, rows: int = 1, force: bool = False) -> tuple[Difference, ...]:
    """Write a trained generator as an ONNX file, once onnxruntime agrees with torch on it.

    Inputs of the file: noise, whose names, shapes and kinds (normal, uniform) the metadata `noise` tell, and
    `conditions`, (rows, k), where there are any. Output: `values`, (rows, *dims). Of several restarts the
    first is written.

    Args:
        weights: file of `resonaut generate train`.
        output: ONNX file to write, whole or not at all.
        rows: that one pass makes.
        force: replace the file if it is there.

    Raises:
        OutputError: sampling takes several passes or makes ragged rows; the file cannot be written, exists,
            or would not agree.
        InputError: the weights cannot be used.
    """
    check_target(output, force=force)
    if rows < 1:
        raise OutputError(f"--rows: 1 or more is expected, got {rows}.")
    trained = load(weights)
    try:
        noise = _noise_of(trained, rows)
    except _NoNoiseError as error:
        raise OutputError(
            f"{output}: not written: sampling of {trained.where} ({trained.description['kind']}) is no "
            f"single pass from noise to rows, as a file of ONNX must be: {error}. {_ADVICE}"
        ) from None
    names = [one.name for one in noise] + (["conditions"] if trained.shape.conditions else [])
    random = np.random.default_rng(0)
    differences = export(
        _FromNoise(trained, noise, rows).eval(),
        _inputs(trained, noise, rows, random),
        output,
        [_inputs(trained, noise, rows, random) for _ in range(_N_BATCHES)],
        axes={name: {} for name in names},
        output="values",
        metadata=_metadata(trained, noise, weights),
        force=force,
    )
    worst = max(one.value for one in differences)
    log.info("%s: onnxruntime and torch differ by %.2g at most", trained.where, worst)
    report = {"inputs": names, "worst": worst, "differences": [asdict(one) for one in differences]}
    write_run_record(output, parity=report, versions=versions("onnx", "onnxruntime", "torch"))
    return differences


@torch.no_grad()
def _noise_of(trained: Trained, rows: int) -> list[Noise]:
    """What one pass draws.

    Raises:
        _NoNoiseError: it is more than one pass, or draws what is no noise.
    """
    if trained.shape.kind == "clouds":
        raise _NoNoiseError("clouds are ragged")
    found: list[Noise] = []
    used: Counter[str] = Counter()

    def draw(name: str, size: tuple[int, ...]) -> Tensor:
        kind = _KINDS[name]
        found.append(Noise(f"noise_{len(found)}", tuple(map(int, size)), kind))
        # The functions themselves are replaced while this runs.
        return torch.empty(size).normal_() if kind == "normal" else torch.empty(size).uniform_()

    network = trained.networks[0]
    layers = [(name, one) for name, one in network.named_modules() if one._parameters]
    hooks = [one.register_forward_hook(lambda *_, n=name: used.update([n])) for name, one in layers]
    try:
        with _random(draw):
            conditions = torch.from_numpy(trained.ranges.mean(axis=1).astype(np.float32)).repeat(rows, 1)
            trained.generator.sample(network, conditions)
    finally:
        for hook in hooks:
            hook.remove()
    if used and max(used.values()) > 1:
        name, count = used.most_common(1)[0]
        raise _NoNoiseError(f"the layer {name or 'itself'} is run {count} times")
    if not found:
        raise _NoNoiseError("it draws nothing that torch.randn or torch.rand gives")
    return found


def _inputs(
    trained: Trained, noise: Sequence[Noise], rows: int, random: np.random.Generator
) -> tuple[Tensor, ...]:
    """Noise, and conditions inside the range of the training."""
    drawn: list[np.ndarray] = []
    for one in noise:
        normal = one.kind == "normal"
        drawn.append(random.standard_normal(one.shape) if normal else random.random(one.shape))
    if trained.shape.conditions:
        low, high = trained.ranges.T
        drawn.append(random.uniform(low, high, (rows, len(low))))
    return tuple(torch.from_numpy(values.astype(np.float32)) for values in drawn)


def _metadata(trained: Trained, noise: Sequence[Noise], weights: Path) -> dict[str, str]:
    """What a user of the file alone must know; lists and settings as JSON."""
    lists: dict[str, Any] = {
        "noise": [asdict(one) for one in noise],
        "conditions": list(trained.shape.conditions),
        "ranges": trained.ranges.tolist(),
        "columns": list(trained.shape.columns),
        "dims": list(trained.shape.dims),
        "representation_settings": trained.shape.settings,
        "settings": trained.description["settings"],
    }
    plain = {
        "resonaut": __version__,
        "method": trained.description["method"],
        "kind": trained.description["kind"],
        "representation": trained.shape.kind,
        "units": UNITS,
        "weights_sha256": sha256(weights),
    }
    return {**{key: canonical_json(value) for key, value in lists.items()}, **plain}
