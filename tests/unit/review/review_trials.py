"""A small file of the comparison of global p-values, as `infer trials` writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from resonaut.files import write_json
from resonaut.infer.trials_table import rate

PROCEDURES = {"local": "smallest local p", "gross_vitells": "Gross-Vitells", "scan_toys": "toys"}
LEVELS = (0.05, 0.01)


def make_trials(folder: Path, methods: tuple[str, ...] = ("cwola",)) -> Path:
    """Two procedures with 100 pseudo-experiments, and one of whose toys there are too few for 1 %."""
    rng = np.random.default_rng(6)
    entries = []
    for method in methods:
        for number, (name, label) in enumerate(PROCEDURES.items()):
            null, signal = rng.uniform(size=100) ** (2 - 0.5 * number), rng.uniform(size=50) ** 6
            smallest = 0.02 if name == "scan_toys" else 0.0
            rates = [
                {
                    "level": level,
                    "false_positive": rate(null, level, smallest),
                    "power": {"injected": rate(signal, level, smallest)},
                }
                for level in LEVELS
            ]
            p_values = {"null": null.tolist(), "injected": [None, *signal[1:].tolist()]}
            entries.append(
                {"method": method, "procedure": name, "label": label, "rates": rates, "p_values": p_values}
            )
    sets = [{"name": "null", "inject": {}, "n": 100}, {"name": "injected", "inject": {"wprime": 60}, "n": 50}]
    content = {"kind": "trials", "mixture": "data", "levels": LEVELS, "sets": sets, "entries": entries}
    write_json(folder / "trials_of_searches.json", content)
    return folder / "trials_of_searches.json"
