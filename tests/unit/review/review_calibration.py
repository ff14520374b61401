"""A small calibration, as `infer calibrate` writes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import norm

from resonaut.files import write_json
from resonaut.infer import calibration_numbers as numbers

N_EXPERIMENTS, N_TESTS = 100, 6


def make_calibration(folder: Path, **more: object) -> Path:
    """One method that is calibrated and one that is not."""
    random = np.random.default_rng(1)
    methods: dict[str, Any] = {}
    for name, bias in (("cwola", 0.0), ("cwola_none", 3.0)):
        p_values = norm.sf(random.normal(bias, 1, (N_EXPERIMENTS, N_TESTS)))
        smallest = p_values.min(1)
        methods[name] = {
            "tests": [
                {
                    "low": 3000.0 + 400 * number,
                    "high": 3400.0 + 400 * number,
                    "efficiency": 0.1,
                    "n_failed": 0,
                    "observed": 0.2,
                    "uniformity": numbers.uniformity(values),
                    "fractions": numbers.fractions(values),
                    "p_values": values.tolist(),
                }
                for number, values in enumerate(p_values.T)
            ],
            "fractions": numbers.fractions(p_values.ravel()),
            "smallest_p": smallest.tolist(),
            "global": numbers.global_test(smallest, 1e-3 if name == "cwola" else 1e-6, None),
            "power": None,
        }
    joint = np.min([own["smallest_p"] for own in methods.values()], axis=0)
    content = {
        "kind": "calibration",
        "mixture": "data",
        "name": "background_only",
        "blind": False,
        "n": N_EXPERIMENTS,
        "inject": {},
        "methods": methods,
        "joint": {
            "smallest_p": joint.tolist(),
            "global": numbers.global_test(joint, 1e-6, None),
            "power": None,
        },
    }
    write_json(folder / "calibration.json", {**content, **more})
    return folder / "calibration.json"
