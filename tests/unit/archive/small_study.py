"""A finished study of a few files: one search with two windows, written by hand."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import yaml

from resonaut.archive.outputs import Output

CONFIGURATION = {
    "study": "mini",
    "seed": 3,
    "datasets": {
        "qcd": {
            "source": "pythia",
            "label": "qcd",
            "process": "qcd_dijet",
            "n_events": 100,
            "detector": "cms",
            "cuts": {"pt_hat_min": 1100},
        }
    },
    "mixtures": {"data:a": {"datasets": {"qcd": "all"}, "methods": ["cwola"]}},
    "scan": {
        "mass_min": 2000,
        "mass_max": 3000,
        "sideband_width": 200,
        "windows": [{"low": 2400, "high": 2500}, {"low": 2500, "high": 2600}],
    },
    "detect": {"cwola": {"features": ["tau21_j1"]}},
}
SEARCH = "data:a/cwola"
COUNTS = [[[5, 4, 3]], [[5, -1, 3]]]
"""(windows, efficiencies, bins); -1 is a bin that is not opened."""
CUT_FLOW = {"generated": 100, "read": 100, "represent_mass": 40}


def limit(observed):
    return {
        "observed": observed,
        "expected_minus_2sigma": 4.0,
        "expected_minus_1sigma": 6.0,
        "expected": 9.0,
        "expected_plus_1sigma": 13.0,
        "expected_plus_2sigma": 18.0,
    }


def tested(low, high, **more):
    return {
        "low": low,
        "high": high,
        "selection_efficiency": 0.1,
        "observed": 12,
        "expected_background": 10.5,
        "expected_background_error": 1.25,
        "p_value": 0.04,
        "z_local": 1.75,
        "signal": {"events": 3.0, "error": 2.0, "low": 1.5, "high": 5.5},
        "upper_limit": limit(11.0),
        **more,
    }


BLIND = {"observed": None, "p_value": None, "z_local": None, "signal": None, "upper_limit": limit(None)}
SIGNIFICANCE = {
    "mixture": "data:a",
    "method": "cwola",
    "confidence_level": 0.95,
    "windows": [tested(2400.0, 2500.0), tested(2500.0, 2600.0, **BLIND)],
    "provenance": {"settings": {}, "versions": {"numpy": "2.4.6", "resonaut": "0.1.0"}, "inputs": {}},
}
GLOBAL = {
    "mixture": "data:a",
    "bootstrap": {"p_value": 0.25, "error": 0.01, "z": 0.67},
    "gross_vitells": None,
    "methods": {"cwola": {"bootstrap": {"p_value": 0.5, "error": 0.02, "z": 0.0}}},
}
BACKGROUND = {
    "channels": [{"name": "c", "samples": []}],
    "observations": [{"name": "c", "data": [1.0]}],
    "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}


def _spectra(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["edges"] = [2400.0, 2500.0, 2600.0, 2700.0]
        file["inside"] = np.array([[True, False, False], [False, True, False]])
        file["efficiencies"] = [0.1]
        file["counts"] = np.array([COUNTS])
        file["expected"] = np.array([[[[np.nan, 4.5, 3.25]], [[5.5, np.nan, 3.5]]]])
        file["parameters"] = np.array([[[[1.0, -2.0]], [[3.0, 4.0]]]])
        file["covariance"] = np.array([[[[[4.0, 0.5], [0.5, 9.0]]], [[[1.0, 0.0], [0.0, 1.0]]]]])
        file.attrs["background_function"] = "dijet"
        file.attrs["method"], file.attrs["mixture"] = "cwola", "data:a"


def write(folder: Path) -> list[Output]:
    """Write the study below `folder`; the outputs of its rules."""
    (folder / "study.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    base = folder / "results/mini"
    workspaces = f"infer/{SEARCH}/workspaces"
    texts = {
        "represent/qcd/nominal/features.json": json.dumps({"cut_flow": CUT_FLOW, "cross_section_pb": 4.5}),
        f"infer/{SEARCH}/significance.json": json.dumps(SIGNIFICANCE),
        f"infer/{SEARCH}/significance.json.run.json": json.dumps(
            {
                "started": "2026-01-02T03:04:05+0000",
                "wall_seconds": 2.5,
                "host": "h",
                "seeds": [[3, "infer", "x"]],
            }
        ),
        f"{workspaces}/2400-2500_0.1.json": json.dumps(BACKGROUND),
        f"{workspaces}/2400-2500_0.1.hs3.json": "{}",
        f"{workspaces}/.snakemake_timestamp": "",
        "infer/data:a/global.json": json.dumps(GLOBAL),
        "review/index.html": '<html><body><a href="#a" id="a">a</a></body></html>',
        "tag/old/metrics.json": '{"stale": 1}',
        "detect/data:a/cwola/scores.h5": "too large to pack",
        "logs/infer/data:a/cwola.log": "said\n",
        "benchmarks/infer/data:a/cwola.tsv": "s\n1\n",
    }
    for path, text in texts.items():
        (base / path).parent.mkdir(parents=True, exist_ok=True)
        (base / path).write_text(text)
    _spectra(base / f"hunt/{SEARCH}/spectra.h5")
    made = [path for path in texts if path.split("/")[0] not in ("logs", "benchmarks") and "old" not in path]
    made = [path for path in made if not path.endswith(".run.json") and workspaces not in path]
    paths = [*made, f"hunt/{SEARCH}/spectra.h5", workspaces]
    return [Output(f"results/mini/{path}", "rule", "ok", False) for path in sorted(paths)]
