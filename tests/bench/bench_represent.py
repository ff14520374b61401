"""Images and features against their peers, measured in one run.

    python tests/bench/bench_represent.py [n_jets]

Times are processor times of one core, so that a busy machine does not show in them.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import ragged, store
from resonaut.events import Events
from resonaut.kinematics import cartesian, from_cartesian
from resonaut.represent.clouds import write_clouds
from resonaut.represent.common import Leading
from resonaut.represent.features import jet_features, write_features
from resonaut.represent.images import aligned, jet_images, write_images
from resonaut.represent.settings import FeatureSettings, ImageSettings, RepresentSettings
from resonaut.represent.substructure import reclustered


def toy(n_jets: int) -> Events:
    """Two jets per event of 50 constituents on average, massless, exponential in pt."""
    random = np.random.default_rng(1)
    counts = random.poisson(50, n_jets) + 2
    offsets = ragged.offsets_of(counts)
    axis = np.stack([random.normal(0, 0.8, n_jets), random.uniform(-3, 3, n_jets)])[:, ragged.row_of(offsets)]
    pt = random.exponential(25, offsets[-1]) + 0.5
    eta, phi = axis + random.normal(0, 0.25, (2, offsets[-1]))
    order = np.lexsort((-pt, ragged.row_of(offsets)))
    pt, eta, phi = (values[order].astype(np.float32) for values in (pt, eta, phi))
    total = [ragged.sums(values, offsets) for values in cartesian(pt, eta, phi)]
    jets = dict(zip(("pt", "eta", "phi", "mass"), from_cartesian(*total), strict=True))
    number = np.arange(n_jets // 2)
    return Events(
        {
            "run": number * 0 + 1,
            "lumi": number * 0 + 1,
            "event": number,
            "gen_weight": number * 0.0 + 1,
            "mass": number * 1.0,
        },
        {name: values.astype(np.float32) for name, values in jets.items()},
        np.arange(0, n_jets + 1, 2),
        {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros_like(pt)},
        offsets,
    )


def timed(function: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    """Least processor time, s, and the result."""
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return best, result


def image_loop(events: Events, n_jets: int, settings: ImageSettings) -> np.ndarray:
    """The plain way: one numpy.histogram2d per jet, after the same alignment jet by jet."""
    edges = np.linspace(-settings.half_width, settings.half_width, settings.n_pixels + 1)
    images = np.zeros((n_jets, settings.n_pixels, settings.n_pixels), np.float32)
    for jet in range(n_jets):
        part = slice(events.jet_offsets[jet], events.jet_offsets[jet + 1])
        pt, eta, phi = (events.constituents[name][part] for name in ("pt", "eta", "phi"))
        x, y = aligned(pt, eta, phi, np.array([0, len(pt)]), settings.rotate, settings.flip)
        image, _, _ = np.histogram2d(y, x, bins=(edges, edges), weights=pt)
        images[jet] = image / image.sum()
    return images


def main() -> None:
    """Print rates and ratios."""
    n_jets = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    events = toy(n_jets)
    c, offsets, settings = events.constituents, events.jet_offsets, ImageSettings()

    ours, images = timed(lambda: jet_images(c["pt"], c["eta"], c["phi"], offsets, settings))
    n_loop = min(n_jets, 2_000)
    loop, expected = timed(lambda: image_loop(events, n_loop, settings), repeat=1)
    # A constituent on the edge of a pixel may fall to either side.
    differing = np.abs(images[:n_loop] - expected).sum((1, 2)) > 1e-3
    print(f"images              {n_jets / ours:10.0f} jets/s")
    print(f"numpy.histogram2d   {n_loop / loop:10.0f} jets/s; ratio {loop / n_loop / (ours / n_jets):.0f}")
    print(f"images that differ  {differing.sum()} of {n_loop}")

    n_features = min(n_jets, 4_000)
    part = Leading(
        2,
        {"mass": np.zeros(n_features // 2)},
        {name: values[:n_features] for name, values in events.jets.items()},
        {name: values[: offsets[n_features]] for name, values in c.items()},
        offsets[: n_features + 1],
    )
    whole, _ = timed(lambda: jet_features(part, FeatureSettings()), repeat=1)
    sequence = reclustered(part.constituents, part.offsets)
    cluster, _ = timed(lambda: reclustered(part.constituents, part.offsets), repeat=1)
    groom, _ = timed(lambda: sequence.exclusive_jets_softdrop_grooming(), repeat=1)
    taus, _ = timed(
        lambda: sequence.njettiness(axes_definition="OnePass_WTA_KT_Axes", njets=[1, 2, 3], R0=1.0), repeat=1
    )
    fastjet = cluster + groom + taus
    print(f"features            {n_features / whole:10.0f} jets/s")
    parts = ", ".join(
        f"{name} {spent / n_features * 1e6:.0f}"
        for name, spent in (("C/A", cluster), ("soft drop", groom), ("tau", taus))
    )
    print(
        f"FastJet's interface {n_features / fastjet:10.0f} jets/s ({parts} us); ratio {fastjet / whole:.2f}"
    )

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "store.h5"
        with store.writing(source, {"dataset": "toy", "label": "", "resonant_variable": "mjj"}) as writer:
            writer.append(events)
            counts = {"n_generated": n_jets // 2, "sum_weights": 1.0, "cut_flow": {"read": n_jets // 2}}
            writer.set_attributes(counts)
        for kind, write in (("images", write_images), ("clouds", write_clouds), ("features", write_features)):
            output = Path(folder) / f"{kind}.h5"
            start = time.process_time()
            write(source, output, RepresentSettings())
            spent = time.process_time() - start
            size = output.stat().st_size / n_jets
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(
                f"file of {kind:<11} {n_jets / spent:10.0f} jets/s, {size:.0f} bytes/jet; peak {peak:.0f} MB"
            )


if __name__ == "__main__":
    main()
