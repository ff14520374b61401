"""Stores with pile-up beside those without, for figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resonaut import manifest
from resonaut.store import Store, writing

SLOPES = {"pileup_30": (2.0, 3.0), "pileup_30_puppi": (0.1, 0.2)}
"""GeV of pt and of mass that an interaction adds to a jet."""
MEAN = 30


def make_overlaid(folder: Path, nominal: Path) -> dict[str, Path]:
    """Manifests of the events of `nominal` with a known change of their jets; events in another order."""
    with Store(manifest.read(nominal, "store").chunks[0]) as store:
        events, attributes = store.read(), store.attributes
    n_pu = np.random.default_rng(3).poisson(MEAN, len(events)).astype(np.int32)
    found = {}
    for name, (of_pt, of_mass) in SLOPES.items():
        jets = dict(events.jets)
        more = np.repeat(n_pu, np.diff(events.event_offsets))
        jets |= {"pt": jets["pt"] + of_pt * more, "mass": jets["mass"] + of_mass * more}
        varied = type(events)(
            {**events.events, "n_pu": n_pu}, jets, events.event_offsets, gen_jets=events.gen_jets,
            gen_jet_offsets=events.gen_jet_offsets,
        )  # fmt: skip
        path = folder / f"{name}.overlaid.h5"
        with writing(path, attributes) as writer:
            writer.append(varied.select(np.arange(len(events)) % 5 > 0))
        manifest.write(folder / f"{name}.overlaid.json", [path])
        found[name] = folder / f"{name}.overlaid.json"
    return found
