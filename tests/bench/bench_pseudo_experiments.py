"""Pseudo-experiments through the whole chain: the demo's CWoLa hunting, scan and fits, per pseudo-experiment.

    python tests/bench/bench_pseudo_experiments.py [--device cuda] [--per-job 1 4] [--events 30000]
        [--epochs 4] [--threads 2]

Each pseudo-experiment is trained (5 windows x 5 folds x 4 restarts of the demo's networks), scored, selected
at two efficiencies, fitted and tested in every window. Several of them are one batched program: shown is how
the time of one depends on how many a job trains at once, against as many jobs of one. Time of training is
proportional to the epochs: with fewer than the demo's 40 it is scaled, and both numbers are printed. On the
CPU processor times follow (of all threads), in which a busy machine shows less. Starting Python (about 3 s
per job) and drawing the events are not counted.
"""

from __future__ import annotations

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from resonaut import registry
from resonaut.detect.interface import Context, Data, Scores, fit_each
from resonaut.detect.train import padded, write_scores
from resonaut.hunt.spectra import hunt
from resonaut.infer import spectra as spectra_file
from resonaut.infer.calibration_tests import local_p_values
from resonaut.scan import ScanSettings
from resonaut.seeds import event_hash

GOAL_HOURS = 1.0
"""For 1,000 pseudo-experiments on one GPU of the H100 class."""
EPOCHS, N_FOLDS = 40, 5
SCAN = {
    "mass_min": 2500,
    "mass_max": 6000,
    "sideband_width": 500,
    "windows": [{"low": low, "high": low + 400} for low in range(2900, 4900, 400)],
}
HUNT = {"efficiencies": [0.1, 0.01], "bin_width": 100, "n_parameters": 4}


def events(number: int, count: int, scan: ScanSettings) -> Data:
    """A falling spectrum with four features, as of the demo's selected QCD events."""
    random = np.random.default_rng([1, number])
    mass = 2500 + random.exponential(600, count)
    zero = np.zeros(count, np.int64)
    return Data(
        mass=mass,
        regions=scan.regions(mass),
        split_hash=event_hash("bench", zero, zero, np.arange(count), number),
        features={f"x{column}": random.normal(size=count) for column in range(4)},
    )


def run(n_experiments: int, arguments: argparse.Namespace, folder: Path) -> np.ndarray:
    """Seconds (2, 2) of the training and of all that follows, of one job: passed, and of the processor."""
    scan = ScanSettings.model_validate(SCAN)
    training = {
        "epochs": arguments.epochs,
        "batch_size": 512,
        "learning_rate": 2e-3,
        "device": arguments.device,
    }
    settings = {
        "features": [f"x{column}" for column in range(4)],
        "n_folds": N_FOLDS,
        "networks_per_batch": 4096 if arguments.device == "cuda" else 256,
        "training": training,
    }
    detector = registry.build("detect", "cwola", settings)
    datas = [events(number, arguments.events, scan) for number in range(n_experiments)]
    context = Context(1, "cwola", "data:null:part0", scan.windows)
    contexts = [
        dataclasses.replace(context, mixture=f"data:null:{number}") for number in range(n_experiments)
    ]
    times = [_now(arguments.device)]
    fitted = list(fit_each(detector, datas, contexts))
    times.append(_now(arguments.device))
    scores: list[Scores] = [each.score(data) for data, each in fitted]
    columns = padded([data.mass for data in datas], scores, len(scan.windows))
    write_scores(folder / "scores.h5", columns, context, True, {}, 0)
    hunt({"scan": SCAN, "hunt": HUNT}, folder / "scores.h5", folder / "spectra.h5", folder / "hunt.json")
    found = local_p_values(spectra_file.read(folder / "spectra.h5"))
    times.append(_now(arguments.device))
    print(
        f"  {np.isfinite(found).mean():.1%} of {found.size} local tests, median p {np.nanmedian(found):.2f}"
    )
    return np.diff(np.array(times), axis=0)


def _now(device: str) -> tuple[float, float]:
    """Time, and processor time of this process, after what was given to the device is done."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


def main() -> None:
    """Print times per pseudo-experiment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--per-job", type=int, nargs="+", help="pseudo-experiments at once")
    parser.add_argument("--events", type=int, default=30_000, help="of a pseudo-experiment")
    parser.add_argument("--epochs", type=int, default=None, help="of the 40 of the demo")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    on_gpu = arguments.device == "cuda"
    arguments.epochs = arguments.epochs or (EPOCHS if on_gpu else 4)
    torch.set_num_threads(arguments.threads)
    sizes = arguments.per_job or ([1, 10, 50] if on_gpu else [1, 4])
    if on_gpu:
        print(torch.cuda.get_device_name())
    with tempfile.TemporaryDirectory() as name:
        run(1, argparse.Namespace(**{**vars(arguments), "epochs": 1}), Path(name))  # warm up
        first = None
        for size in sizes:
            training, rest = run(size, arguments, Path(name)) / size
            each, processor = training * EPOCHS / arguments.epochs + rest
            first = first or (each, processor)
            print(
                f"{size:4d} per job: {training[0]:.2f} s of training ({arguments.epochs} epochs) and "
                f"{rest[0]:.2f} s of scores, scan and fits each; with {EPOCHS} epochs {each:.2f} s each, "
                f"1,000 in {1000 * each / 3600:.2f} h; {first[0] / each:.2f} times as fast as {sizes[0]}",
                flush=True,
            )
            if not on_gpu:
                hours = 1000 * processor / arguments.threads / 3600
                print(
                    f"     of the processor: {processor:.2f} s each ({rest[1]:.2f} s after the training), "
                    f"1,000 in {hours:.2f} h on {arguments.threads} cores; {first[1] / processor:.2f} times",
                    flush=True,
                )
    if on_gpu:
        print(
            f"goal: 1,000 in {GOAL_HOURS:g} h: {'reached' if 1000 * each / 3600 < GOAL_HOURS else 'missed'}"
        )


if __name__ == "__main__":
    main()
