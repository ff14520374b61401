"""Pseudo-experiments through Snakemake: rounds that stop, more of them later, and what reruns."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import yaml

from resonaut import mixtures

STUDY = {
    "study": "pseudo",
    "datasets": {
        "background": {
            "source": "table",
            "files": ["background.npy"],
            "columns": ["mass", "x", "y"],
            "mass": "mass",
            "features": ["x", "y"],
            "label": "background",
        }
    },
    "represent": {"selection": {"mass_min": 2500, "mass_max": 5000}},
    "mixtures": {"data": {"datasets": {"background": 2500}, "methods": ["cwola"]}},
    "pseudo_experiments": {
        "background_only": {
            "mixture": "data",
            "datasets": ["background"],
            "n": 6,
            "per_job": 2,
            "jobs_per_round": 1,
            "stop": {"exceedances": 1},
        },
    },
    "scan": {"mass_min": 2500, "mass_max": 5000, "windows": [{"low": 3300, "high": 3700}]},
    "detect": {
        "cwola": {
            "features": ["x", "y"],
            "n_folds": 3,
            "n_restarts": 1,
            "hidden": [8],
            "training": {"epochs": 2, "device": "cpu"},
        },
    },
    "hunt": {"efficiencies": [0.3], "n_parameters": 3},
}
CALIBRATION = "results/pseudo/infer/data/background_only/calibration.json"


def write(clone) -> None:
    random = np.random.default_rng(4)
    mass = 2500 + random.exponential(600, 20_000)
    np.save(clone.folder / "background.npy", np.column_stack([mass, random.normal(size=(len(mass), 2))]))
    clone.config.write_text(yaml.safe_dump(STUDY))


def states(clone) -> list[dict]:
    folder = (clone.folder / CALIBRATION).parent
    return [json.loads(path.read_text()) for path in sorted(folder.glob("round?.json"))]


def test_what_is_planned(clone) -> None:
    write(clone)
    every_part = {"represent_pseudo": 3, "detect_train": 4, "hunt_spectra": 4, "infer_calibrate": 1}
    before = {"ingest_chunk": 1, "represent_chunk": 1, "represent_manifest": 1, "represent_mix": 1}
    assert clone.planned(CALIBRATION) == {**before, **every_part, "infer_round": 2}
    raw = yaml.safe_load(clone.config.read_text())
    entry = raw["pseudo_experiments"]["background_only"]
    # Events that are made are a dataset of their own, and without a rule to stop there are no rounds.
    entry.update(source="flow", datasets=[], stop=None)
    clone.config.write_text(yaml.safe_dump(raw))
    made = {**before, "represent_manifest": 2, "detect_background": 1}
    assert clone.planned(CALIBRATION) == {**made, **every_part}


@pytest.mark.full
def test_rounds_stop_and_go_on(clone) -> None:
    write(clone)
    clone.snakemake(CALIBRATION, "results/pseudo/review/infer_calibration/data/background_only.png")
    found = states(clone)
    # Those that the parts of the next round wait for.
    assert [state["round"] for state in found] == [0, 1]
    n_done = next((state["n"] for state in found if state["done"]), 6)
    assert [state["n"] for state in found] == [min(2 * (number + 1), n_done) for number in range(2)]
    for part in range(3):
        name = f"data:background_only:part{part}"
        drawn = mixtures.read(clone.folder / f"results/pseudo/represent/mixtures/{name}.h5")
        n = 2 if 2 * part < n_done else 0
        assert len(list(drawn.experiments())) == n
        with h5py.File(clone.folder / f"results/pseudo/hunt/{name}/cwola/spectra.h5") as file:
            assert len(file["counts"]) == n
    result = json.loads((clone.folder / CALIBRATION).read_text())
    own = result["methods"]["cwola"]
    assert result["n"] == len(own["smallest_p"]) == n_done
    assert own["global"]["p_value"] == result["joint"]["global"]["p_value"]
    k = sum(value <= own["global"]["smallest_p"] for value in own["smallest_p"])
    assert (k >= 1) == own["global"]["stopped"]
    _check_reruns(clone)


def _check_reruns(clone) -> None:
    targets = (CALIBRATION,)
    assert clone.planned(*targets) == {}
    raw = yaml.safe_load(clone.config.read_text())
    entry = raw["pseudo_experiments"]["background_only"]
    # More of them: the parts before stay. What was the last round is one that says whether to go on.
    entry["n"] = 8
    clone.config.write_text(yaml.safe_dump(raw))
    assert clone.planned(*targets) == {
        "represent_pseudo": 1,
        "detect_train": 1,
        "hunt_spectra": 1,
        "infer_round": 1,
        "infer_calibrate": 1,
    }
    # One part alone can be made again.
    entry["n"] = 6
    clone.config.write_text(yaml.safe_dump(raw))
    part = "results/pseudo/hunt/data:background_only:part2/cwola/spectra.h5"
    for path in (part, CALIBRATION):
        (clone.folder / path).unlink()
    assert clone.planned(*targets) == {"hunt_spectra": 1, "infer_calibrate": 1}
