"""Latency of exported taggers in onnxruntime against torch eager, for one row and for 1000, in one run.

    python tests/bench/bench_latency.py [--threads 1] [--methods pfn cnn] [--device cuda]

Networks have the sizes of their default settings and random weights; each is exported as by `resonaut tag
export`, parity included. Both are called in turn with the same rows, on as many threads. Times are of the
clock: on a busy machine look at the ratios.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from resonaut import registry
from resonaut.nn.export import open_session
from resonaut.tag import export, networks
from resonaut.tag.tasks import task_of

METHODS = ("dense", "pfn", "cnn", "particlenet_lite", "particlenet", "transformer")
FEATURES = [f"feature_{number}" for number in range(20)]
CALLS = {1: 300, 1000: 20}
SECONDS = 20.0
"""Spent on one method and number of rows at most, but for three calls."""


def exported(method: str, folder: Path) -> tuple[networks.Trained, Path]:
    """A tagger of default size with random weights, and its ONNX file."""
    settings = {"signal": ["signal"], "background": ["background"]}
    settings |= {"inputs": FEATURES} if method == "dense" else {}
    slice_ = {"method": method, "kind": method, "seed": 1, "settings": settings}
    parsed, tagger, _ = registry.from_slice("tag", slice_)
    torch.manual_seed(0)
    weights, model = folder / f"{method}.safetensors", folder / f"{method}.onnx"
    networks.save(weights, [task_of(parsed).network(tagger)], {**slice_, "representation": {}})
    export.run(weights, model)
    return networks.load(weights), model


def measure(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """Milliseconds of each call, the functions in turn; the first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    begin = time.perf_counter()
    for number in range(repeats + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - start))
        if number >= 3 and time.perf_counter() - begin > SECONDS:
            break
    return {name: np.array(values[1:]) for name, values in times.items()}


def compare(method: str, folder: Path, arguments: argparse.Namespace) -> None:
    """Print the lines of one method."""
    trained, model = exported(method, folder)
    network = export.ensemble_of(trained).to(arguments.device)
    cuda = arguments.device == "cuda"
    session = open_session(str(model), arguments.threads, "CUDA" if cuda else "CPU")
    for rows, repeats in CALLS.items():
        shape = (rows, arguments.constituents)
        batch = export.example_of(trained, shape, np.random.default_rng(1))
        feeds = dict(zip(export.axes_of(trained), (value.numpy() for value in batch), strict=True))
        there = [value.to(arguments.device) for value in batch]

        def eager(there: list[torch.Tensor] = there) -> object:
            with torch.inference_mode():
                return network(*there).cpu()

        def onnx(feeds: dict[str, np.ndarray] = feeds) -> object:
            return session.run(None, feeds)

        found = measure({"onnx": onnx, "torch": eager}, repeats)
        cells = [f"{np.median(v):10.3f} {np.quantile(v, 0.99):10.3f}" for v in found.values()]
        ratio = np.median(found["torch"]) / np.median(found["onnx"])
        line = f"{method:17} {rows:5} {' '.join(cells)} {ratio:8.2f}"
        print(f"{line} {1e3 * rows / np.median(found['onnx']):12.0f} {len(found['onnx']):6}", flush=True)


def main() -> None:
    """Print milliseconds of a call (median, 99th percentile), torch over onnxruntime, and rows per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=METHODS, choices=METHODS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--constituents", type=int, default=50, help="to which jets are padded")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.device == "cuda":
        lacking = [
            name
            for name, there in (
                ("a GPU", torch.cuda.is_available()),
                ("onnxruntime-gpu", "CUDAExecutionProvider" in onnxruntime.get_available_providers()),
            )
            if not there
        ]
        if lacking:
            print(f"skipped: {' and '.join(lacking)} would be needed for --device cuda")
            return
    sizes = f"{arguments.threads} threads, {arguments.constituents} constituents"
    print(f"{arguments.device}, {sizes}; milliseconds of a call")
    print(f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}")
    print(f"{'':23} {'onnxruntime':>21} {'torch':>21} {'torch/':>8} {'onnxruntime':>12}")
    names = " ".join(f"{name:>10}" for name in ("median", "p99", "median", "p99"))
    print(f"{'tagger':17} {'rows':>5} {names} {'onnx':>8} {'rows/s':>12}  calls")
    with tempfile.TemporaryDirectory() as folder:
        for method in arguments.methods:
            compare(method, Path(folder), arguments)


if __name__ == "__main__":
    main()
