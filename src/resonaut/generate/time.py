"""How long a generator takes for a row: `timing.json`.

`method`, `learn`, `n_parameters`; `measurements`: a list of `device` (cpu, cuda), `name` of the device,
`threads`, `batch` (rows at once), `seconds_per_row` (median over the repeats), `least` and `most` of them,
`repeats` and `peak_memory_mb` (of the process on a CPU, of the tensors on a GPU); numbers are null where one
batch would take longer than two minutes. `simulation`: rate and source of what is replaced, or null;
`speed_up`: rows per second over that rate, by `<device> <batch>`. `provenance`.

Conditions are those of test rows, and one network draws. Times differ from run to run.
"""

from __future__ import annotations

import platform
import resource
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from resonaut.errors import ConfigError
from resonaut.files import write_json
from resonaut.generate.conditions import Conditions
from resonaut.generate.evaluation.settings import SimulationSettings
from resonaut.generate.networks import Trained, load
from resonaut.generate.sample import Request, conditions_of
from resonaut.generate.train import PACKAGES
from resonaut.logs import log
from resonaut.nn.device import seeded
from resonaut.nn.training import n_parameters
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate

BATCHES = (1, 100, 1000)
_SECONDS = 1.0
"""A measurement goes on until it has taken so long, or has enough repeats."""
_REPEATS = (3, 30)
_LONGEST = 120.0


@dataclass(frozen=True)
class Measurement:
    """The time for one batch; see the module."""

    device: str
    name: str
    threads: int
    batch: int
    seconds_per_row: float | None
    least: float | None
    most: float | None
    repeats: int
    peak_memory_mb: float | None


def run(
    slice_: Mapping[str, Any],
    weights: Path,
    output: Path,
    *,
    manifests: Mapping[str, Path] | None = None,
    words: Sequence[str] = (),
) -> None:
    """Measure trained weights, on one CPU thread and on the GPU if there is one.

    Args:
        slice_: the slice `generate_time`: `simulation`, the rate of what is replaced.
        weights: file of `resonaut generate train`.
        output: JSON to write, see the module.
        manifests, words: conditions, see `sample.run`.

    Raises:
        ConfigError: conditions are absent or outside of the training.
        InputError: a file cannot be used.
    """
    if "simulation" not in slice_:
        raise ConfigError("--settings: the key 'simulation' is required (null where there is none).")
    simulation = slice_["simulation"] and validate(SimulationSettings, slice_["simulation"], "simulation")
    trained = load(weights)
    conditions, inputs, _ = conditions_of(trained, Request(max(BATCHES), 1), manifests, words)
    threads = torch.get_num_threads()
    found = []
    try:
        torch.set_num_threads(1)
        for device in ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",):
            found += measure(trained, conditions, torch.device(device))
    finally:
        torch.set_num_threads(threads)
    write_json(
        output,
        {
            "schema_version": 1,
            "method": trained.description["method"],
            "learn": trained.shape.kind,
            "n_parameters": n_parameters(trained.networks[0]),
            "measurements": [asdict(one) for one in found],
            "simulation": simulation and simulation.model_dump(mode="json"),
            "speed_up": _speed_up(found, simulation),
            "provenance": describe(dict(slice_), [weights, *inputs], PACKAGES),
        },
    )
    write_run_record(output)


def measure(trained: Trained, conditions: Conditions, device: torch.device) -> list[Measurement]:
    """Times of the first network on a device, for each size of a batch."""
    network, found, before = trained.networks[0].to(device), [], 0.0
    for batch in BATCHES:
        if before * batch > _LONGEST:
            log.warning("%s: a batch of %d on %s would take too long", trained.where, batch, device)
            found.append(_of_device(device, batch, [], None))
            continue
        given = torch.from_numpy(conditions.block(0, batch, 1)).to(device)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        # The first batch also loads kernels and reserves memory.
        _seconds(trained, network, given, device)
        least, most = _REPEATS
        times: list[float] = []
        while len(times) < least or (sum(times) < _SECONDS and len(times) < most):
            times.append(_seconds(trained, network, given, device))
            if times[-1] > _LONGEST / 4:
                break
        memory = (
            torch.cuda.max_memory_allocated(device) / 2**20
            if device.type == "cuda"
            else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        )
        found.append(_of_device(device, batch, times, memory))
        before = statistics.median(times) / batch
        log.info("%s: %.3g s per row, batch %d on %s", trained.where, before, batch, device)
    network.to("cpu")
    return found


def _of_device(device: torch.device, batch: int, times: Sequence[float], memory: float | None) -> Measurement:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else _processor()
    per_row = [seconds / batch for seconds in times]
    numbers = (statistics.median(per_row), min(per_row), max(per_row)) if per_row else (None,) * 3
    return Measurement(device.type, name, 1, batch, *numbers, len(times), memory and round(memory, 1))


@torch.no_grad()
def _seconds(trained: Trained, network: torch.nn.Module, given: torch.Tensor, device: torch.device) -> float:
    with seeded(1, device):
        start = time.perf_counter()
        trained.generator.sample(network, given)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _speed_up(found: Sequence[Measurement], simulation: SimulationSettings | None) -> dict[str, float]:
    if simulation is None:
        return {}
    return {
        f"{one.device} {one.batch}": 1 / (one.seconds_per_row * simulation.rows_per_second)
        for one in found
        if one.seconds_per_row
    }
