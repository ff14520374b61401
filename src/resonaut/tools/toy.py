"""`resonaut toy`: events of a toy search as tables, to study methods where the truth is known.

A spectrum that falls exponentially and a peak, with four features that follow normal distributions: those of
the background are independent of the mass, so that nothing sculpts, and those of the signal stand apart.
"""

from __future__ import annotations

import argparse
from pathlib import Path

COLUMNS = ("mass", "x1", "x2", "x3", "x4")
MASS_MIN, SCALE = 2400.0, 600.0
"""GeV, of the exponential."""
PEAK, WIDTH = 3500.0, 60.0
"""GeV, of the signal."""
SIGNAL_MEAN, SIGNAL_DEVIATION = (1.5, 1.5, 0.0, 0.0), (0.5, 0.5, 1.0, 1.0)
"""Of the features of the signal; those of the background have mean 0 and standard deviation 1."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut toy`."""
    parser.add_argument("--folder", type=Path, required=True, help="background.npy and signal.npy go here")
    parser.add_argument("--background", type=int, default=1_500_000, help="events")
    parser.add_argument("--signal", type=int, default=20_000, help="events")
    parser.add_argument("--seed", type=int, default=1)


def run(arguments: argparse.Namespace) -> None:
    """Write both tables."""
    import numpy as np

    from resonaut.files import atomic
    from resonaut.seeds import generator

    for name, n_events in (("background", arguments.background), ("signal", arguments.signal)):
        random = generator(arguments.seed, "toy", name)
        features = random.normal(size=(n_events, 4))
        if name == "signal":
            mass = random.normal(PEAK, WIDTH, n_events)
            features = SIGNAL_MEAN + features * SIGNAL_DEVIATION
        else:
            mass = MASS_MIN + random.exponential(SCALE, n_events)
        with atomic(arguments.folder / f"{name}.npy") as part:
            np.save(part, np.column_stack([mass, features]).astype(np.float32))
