"""Jet images against loops over energyflow's pixelate and numpy's histogram2d, measured in one run.

    tests/bench/energyflow.sh                     once: the peer's own environment
    python tests/bench/bench_images.py [--jets N] [--energyflow PYTHON]

Times are processor times of one core, so that a busy machine does not show in them.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut import ragged, store
from resonaut.events import Events
from resonaut.kinematics import cartesian, from_cartesian
from resonaut.represent.images import aligned, jet_images, write_images
from resonaut.represent.settings import ImageSettings, RepresentSettings

PEER = Path(__file__).parents[2] / ".venv/energyflow/bin/python"
N_LOOP = 2_000


def toy(n_jets: int) -> Events:
    """Two jets per event of 50 constituents on average, massless, exponential in pt."""
    random = np.random.default_rng(1)
    offsets = ragged.offsets_of(random.poisson(49, n_jets) + 1)
    jet_of = ragged.row_of(offsets)
    axis = np.stack([random.normal(0, 0.8, n_jets), random.uniform(-3, 3, n_jets)])[:, jet_of]
    pt = random.exponential(25, offsets[-1]) + 0.5
    eta, phi = axis + random.normal(0, 0.25, (2, offsets[-1]))
    order = np.lexsort((-pt, jet_of))
    pt, eta, phi = (values[order].astype(np.float32) for values in (pt, eta, phi))
    total = [ragged.sums(values, offsets) for values in cartesian(pt, eta, phi)]
    jets = dict(zip(("pt", "eta", "phi", "mass"), from_cartesian(*total), strict=True))
    number = np.arange(n_jets // 2)
    ids = {"run": number * 0 + 1, "lumi": number * 0 + 1, "event": number}
    return Events(
        {**ids, "gen_weight": number * 0.0 + 1, "mass": number * 1.0},
        {name: values.astype(np.float32) for name, values in jets.items()},
        np.arange(0, n_jets + 1, 2),
        {
            "pt": pt,
            "eta": eta,
            "phi": phi,
            "mass": np.zeros_like(pt),
            "charge": random.integers(-1, 2, len(pt)),
        },
        offsets,
    )


def timed(function: Callable[[], Any], repeat: int = 5) -> tuple[float, Any]:
    """Least processor time, s, and the result; the first call, which compiles, does not count."""
    best, result = np.inf, function()
    for _ in range(repeat):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return best, result


def histogram_loop(events: Events, settings: ImageSettings) -> np.ndarray:
    """One numpy.histogram2d per jet, after the same alignment."""
    edges = np.linspace(-settings.half_width, settings.half_width, settings.n_pixels + 1)
    images = np.zeros((N_LOOP, settings.n_pixels, settings.n_pixels), np.float32)
    for jet in range(N_LOOP):
        part = slice(events.jet_offsets[jet], events.jet_offsets[jet + 1])
        pt, eta, phi = (events.constituents[name][part] for name in ("pt", "eta", "phi"))
        x, y = aligned(pt, eta, phi, np.array([0, len(pt)]), settings.rotate, settings.flip)
        image, _, _ = np.histogram2d(y, x, bins=(edges, edges), weights=pt)
        images[jet] = image / image.sum()
    return images


def pixelate_loop(
    events: Events, settings: ImageSettings, python: Path, folder: Path
) -> tuple[float, np.ndarray]:
    """Seconds per jet of energyflow, which neither rotates nor flips, and the pt inside each image."""
    end = events.jet_offsets[N_LOOP]
    pt, eta, phi = (events.constituents[name][:end].astype(np.float64) for name in ("pt", "eta", "phi"))
    np.save(folder / "jets.npy", np.column_stack([pt, eta, phi]))
    np.save(folder / "lengths.npy", np.diff(events.jet_offsets[: N_LOOP + 1]))
    words = [
        python,
        Path(__file__).with_name("peer_pixelate.py"),
        folder / "jets.npy",
        folder / "lengths.npy",
    ]
    words += [settings.n_pixels, settings.half_width, folder / "sums.npy"]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1]) / N_LOOP, np.load(folder / "sums.npy")


def show(name: str, rate: float, more: str = "") -> None:
    """Print one line."""
    print(f"{name:<38} {rate:10.0f} jets/s{more}")


def main() -> None:
    """Print rates and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jets", type=int, default=20_000)
    parser.add_argument("--energyflow", type=Path, default=PEER, help="Python that can import energyflow")
    arguments = parser.parse_args()
    n_jets, events = max(arguments.jets, N_LOOP), toy(max(arguments.jets, N_LOOP))
    c, offsets = events.constituents, events.jet_offsets

    def images(settings: ImageSettings) -> np.ndarray:
        return jet_images(c["pt"], c["eta"], c["phi"], offsets, settings, charge=c["charge"])

    default, plain = ImageSettings(), ImageSettings(rotate=False, flip=False)
    spent, made = timed(lambda: images(default))
    show("images, default", n_jets / spent)
    spent_plain, _ = timed(lambda: images(plain))
    show("images, centred and normalised only", n_jets / spent_plain)
    four = ImageSettings(channels=("pt", "charged", "neutral", "multiplicity"))
    show("images, four channels", n_jets / timed(lambda: images(four))[0])

    start = time.process_time()
    expected = histogram_loop(events, default)
    loop = (time.process_time() - start) / N_LOOP
    show("loop over numpy.histogram2d", 1 / loop, f"; ratio {loop / (spent / n_jets):.0f} (default)")
    # A constituent on the edge of a pixel may fall to either side.
    differing = (np.abs(made[:N_LOOP] - expected).sum((1, 2)) > 1e-3).sum()
    print(f"{'images that differ from histogram2d':<38} {differing:10d} of {N_LOOP}")

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.energyflow.exists():
            peer, sums = pixelate_loop(events, plain, arguments.energyflow, folder)
            same, whole = peer / (spent_plain / n_jets), peer / (spent / n_jets)
            ratios = f"; ratio {same:.0f} (the same steps), {whole:.0f} (default)"
            show("loop over energyflow.utils.pixelate", 1 / peer, ratios)
            ours = jet_images(
                *(c[key] for key in ("pt", "eta", "phi")),
                offsets,
                plain.model_copy(update={"normalise": "none"}),
            )
            share = ours[:N_LOOP].sum((1, 2)) / sums
            print(f"{'pt inside, ours over energyflow':<38} {np.median(share):10.4f} (median)")
        else:
            print("energyflow: not there; make its environment with tests/bench/energyflow.sh")
        write(events, n_jets, spent, folder)


def write(events: Events, n_jets: int, spent: float, folder: Path) -> None:
    """From a store to a file of images: read, select, draw, compress, write."""
    with store.writing(
        folder / "s.h5", {"dataset": "toy", "label": "", "resonant_variable": "mjj"}
    ) as writer:
        writer.append(events)
        counts = {"n_generated": n_jets // 2, "sum_weights": 1.0, "cut_flow": {"read": n_jets // 2}}
        writer.set_attributes(counts)
    written, _ = timed(lambda: write_images(folder / "s.h5", folder / "i.h5", RepresentSettings()), repeat=2)
    size = (folder / "i.h5").stat().st_size / n_jets
    show(
        "from a store to a file",
        n_jets / written,
        f"; {size:.0f} bytes/jet, {written / spent:.1f} times the images",
    )
    start = time.process_time()
    with h5py.File(folder / "i.h5") as file:
        file["images"][:]
    show("reading the file", n_jets / (time.process_time() - start))


if __name__ == "__main__":
    main()
