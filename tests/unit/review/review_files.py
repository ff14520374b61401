"""Small files in the formats of the other stages, for figures."""

from __future__ import annotations

import json
import math
from pathlib import Path

import h5py
import numpy as np
from review_amplification import make_amplification
from review_calibration import make_calibration
from review_cluster import make_cluster
from review_decorrelation import make_decorrelation
from review_explain import make_explain
from review_generate import make_generators, make_training
from review_generate import make_images as make_generated_images
from review_global import make_global
from review_pileup import make_overlaid
from review_response import make_response
from review_search import make_evaluation, make_searches
from review_search_response import make_search_response
from review_stability import make_monitor, make_stability, make_weak
from review_taggers import make_comparison, make_tag, make_tune
from review_trials import make_trials
from review_trigger import make_trigger
from review_uncertainty import make_uncertainty
from review_validation import make_linearity, make_validation

from resonaut import manifest, mixtures
from resonaut.events import Events
from resonaut.files import canonical_json, write_json
from resonaut.plot.style import Look
from resonaut.store import writing

LOOK = Look("CMS", "Simulation", ("qcd", "wprime"))
SETTINGS = {"review": {"style": "CMS", "label": "Simulation"}, "datasets": ["qcd", "wprime"]}
WINDOWS = [{"low": low, "high": low + 400.0} for low in (2900.0, 3300.0, 3700.0)]
SCAN = {"mass_min": 2500.0, "mass_max": 6000.0, "sideband_width": 500.0, "windows": WINDOWS}
N_PIXELS = 40


def generator(name: str) -> np.random.Generator:
    """Numbers that depend on a name only."""
    return np.random.default_rng(sum(map(ord, name)))


def masses(name: str, n: int) -> np.ndarray:
    """Resonant masses, GeV: a bump at 3.5 TeV for wprime, a falling spectrum otherwise."""
    random = generator(name)
    if name == "wprime":
        return np.clip(random.normal(3450, 150, n), 2510, 5990)
    return np.clip(2500 + random.exponential(450, n), 2500, 5990)


def head(kind: str, name: str, n: int) -> dict:
    """Attributes of a chunk."""
    flow = {
        "generated": 3 * n,
        "read": 2 * n,
        "ingest_n_jets": 2 * n - 3,
        "ingest_leading_jet_pt": n + 2,
        "ingest_mass": n,
    }
    return {
        "kind": kind, "dataset": name, "label": name, "n_events": n, "n_generated": 3 * n,
        "sum_weights": 3.0 * n, "cut_flow": flow, "provenance": {"settings": {}},
    }  # fmt: skip


def make_store(folder: Path, name: str, n: int = 400, gen_jets: bool = True) -> Path:
    """A store of back-to-back jets and its manifest."""
    random = generator(name)
    pt = np.repeat(masses(name, n) / 2, 2)
    phi = np.add(np.stack([random.uniform(-np.pi, np.pi, n)] * 2, 1), [0, np.pi])
    phi = (phi.ravel() + np.pi) % (2 * np.pi) - np.pi
    eta = random.normal(0, 0.3, 2 * n)
    columns = {"pt": pt, "eta": eta, "phi": phi, "mass": 0.1 * pt}
    offsets = np.arange(0, 2 * n + 1, 2)
    events = {"mass": masses(name, n), "gen_weight": np.ones(n)}
    events |= {key: np.ones(n, np.int64) for key in ("run", "lumi")} | {"event": np.arange(1, n + 1)}
    smeared = {**columns, "pt": pt * random.normal(0.97, 0.05, 2 * n)}
    slice_ = Events(events, smeared, offsets)
    if gen_jets:
        slice_.gen_jets, slice_.gen_jet_offsets = columns, offsets
    path = folder / f"{name}.store.h5"
    with writing(path, head("store", name, n)) as writer:
        writer.append(slice_)
    manifest.write(folder / f"{name}.store.json", [path])
    return folder / f"{name}.store.json"


def _write(folder: Path, kind: str, name: str, n: int, arrays: dict[str, np.ndarray], settings: dict) -> Path:
    path = folder / f"{name}.{kind}.h5"
    with h5py.File(path, "w") as file:
        for key, value in {**head(kind, name, n), "settings": settings}.items():
            file.attrs[key] = canonical_json(value) if isinstance(value, dict) else value
        for key, value in arrays.items():
            file[key] = value
    manifest.write(folder / f"{name}.{kind}.json", [path])
    return folder / f"{name}.{kind}.json"


def make_features(folder: Path, name: str, n: int = 400) -> Path:
    """Features and their manifest."""
    random = generator(name)
    heavy = name == "wprime"
    arrays = {
        "events/mass": masses(name, n),
        "events/mj1": np.abs(random.normal(100, 15, n)) if heavy else 20 + random.exponential(80, n),
        "events/dmj": np.abs(random.normal(380, 40, n)) if heavy else random.exponential(120, n),
        "events/tau21_j1": random.beta(3, 5, n) if heavy else random.beta(8, 5, n),
        "events/tau21_j2": random.beta(3, 6, n) if heavy else random.beta(7, 5, n),
    }
    arrays |= {f"events/{key}": np.ones(n, np.int64) for key in ("run", "lumi")}
    arrays["events/event"] = np.arange(1, n + 1)
    return _write(folder, "features", name, n, arrays, {"features": {}})


def jet_images(name: str, n: int) -> np.ndarray:
    """(n, N_PIXELS, N_PIXELS) sparse images that sum to 1: a core, two cores for wprime."""
    random = generator(name)
    images = np.zeros((n, N_PIXELS, N_PIXELS), np.float32)
    for _ in range(25):
        shift = random.choice([-6, 6], n) if name == "wprime" else np.zeros(n, int)
        spot = np.clip(np.round(random.standard_t(2, (2, n)) * 2) + N_PIXELS // 2, 0, N_PIXELS - 1).astype(
            int
        )
        row = np.clip(spot[0] + shift, 0, N_PIXELS - 1)
        np.add.at(images, (np.arange(n), spot[1], row), random.exponential(1, n).astype(np.float32))
    return images / images.sum((1, 2), keepdims=True)


def make_images(folder: Path, name: str, n: int = 100) -> Path:
    """Images of two jets per event and their manifest."""
    images = jet_images(name, 2 * n).reshape(n, 2, N_PIXELS, N_PIXELS)
    arrays = {"images": images} | {f"events/{key}": np.ones(n, np.int64) for key in ("run", "lumi")}
    arrays["events/event"] = np.arange(1, n + 1)
    return _write(folder, "images", name, n, arrays, {"images": {"n_pixels": N_PIXELS, "half_width": 1.0}})


def make_search(folder: Path, features: list[str], n_signal: int) -> dict[str, Path]:
    """A mixture and the scores of a detector in it."""
    found = {word.split("=")[0]: manifest.read(word.split("=")[1]) for word in features}
    mixture = mixtures.draw("data", found, {"qcd": "all", "wprime": n_signal}, 1, 0)
    mixtures.write(folder / "mixture.h5", mixture, {})
    mass = mixtures.gather(mixture, found, ["events/mass"])["events/mass"]
    random = generator("detect")
    signal = mixture.dataset == 1
    fold = (mixture.split_hash % np.uint64(5)).astype(np.int32)
    score = np.stack(
        [np.where(signal, random.normal(2, 1, len(mass)), random.normal(0, 1, len(mass))) + 3 * fold]
        * len(WINDOWS)
    )
    with h5py.File(folder / "scores.h5", "w") as file:
        provenance = {"settings": {"scan": SCAN, "seed": 1}}
        attributes = {
            "kind": "scores",
            "method": "cwola",
            "mixture": "data",
            "windows": WINDOWS,
            "provenance": provenance,
        }
        for key, value in attributes.items():
            file.attrs[key] = value if isinstance(value, str) else canonical_json(value)
        file["events/mass"], file["events/fold"], file["score"] = (
            mass[None],
            fold[None],
            score[None].astype(np.float32),
        )
    epochs = np.arange(1, 31)
    metrics = {"n_networks": 40, "best_epoch": {"median": 13.0}}
    for key, level in (("train_loss", 0.69 - 0.001 * epochs), ("validation_loss", 0.693 - 0.0002 * epochs)):
        curve = {"mean": level, "min": level - 0.003, "max": level + 0.003, "n_networks": 41 - epochs}
        metrics[key] = {name: values.tolist() for name, values in curve.items()}
    write_json(folder / "detect.json", metrics)
    return {
        "scores": folder / "scores.h5",
        "metrics": folder / "detect.json",
        "mixture": folder / "mixture.h5",
    }


def make_hunt(folder: Path, n_events: int = 30_000) -> Path:
    """Spectra of a search with a bump in the second window."""
    random = generator("hunt")
    edges = np.arange(2500.0, 6001.0, 100.0)
    shape = np.exp(-(edges[:-1] - 2500) / 450)
    efficiencies = np.array([0.1, 0.01])
    expected = n_events * shape / shape.sum() * efficiencies[None, :, None] * np.ones((len(WINDOWS), 1, 1))
    bump = 60 * np.exp(-(((edges[:-1] + 50 - 3450) / 120) ** 2) / 2)
    counts = random.poisson(expected + bump * np.array([0.5, 0.4])[:, None]).astype(np.int64)
    counts[1:] = counts[0]
    low, high = (np.array([window[key] for window in WINDOWS])[:, None] for key in ("low", "high"))
    inside = (edges[:-1] >= low) & (edges[:-1] < high)
    fitted = (edges[:-1] >= low - 500) & (edges[:-1] < high + 500) & ~inside
    observed = (counts * inside[:, None]).sum(-1)
    background = (expected * inside[:, None]).sum(-1)
    arrays = {
        "edges": edges, "inside": inside, "fitted": fitted, "efficiencies": efficiencies,
        "counts": counts[None],
        "expected": np.where((inside | fitted)[:, None], expected, np.nan)[None], "observed": observed[None],
        "background": background[None], "background_log_error": np.full((1, len(WINDOWS), 2), 0.08),
        "deviance": np.full((1, len(WINDOWS), 2), 8.1),
        "degrees_of_freedom": np.full((1, len(WINDOWS), 2), 7),
    }  # fmt: skip
    attributes = {"kind": "spectra", "method": "cwola", "mixture": "data", "windows": json.dumps(WINDOWS)}
    attributes["provenance"] = canonical_json({"settings": {"hunt": {"sqrt_s": 13000.0}}})
    with h5py.File(folder / "spectra.h5", "w") as file:
        file.attrs.update(attributes)
        for key, value in arrays.items():
            file[key] = value
    return folder / "spectra.h5"


def make_infer(folder: Path) -> Path:
    """Significances and limits of five windows and two efficiencies."""
    windows = []
    for efficiency, values in ((0.1, (0.4, 2.6, 0.0)), (0.01, (0.0, 4.7, 0.6))):
        for window, z in zip(WINDOWS, values, strict=True):
            level = 3000 * efficiency * np.exp(-(window["low"] - 2900) / 450) + 3
            band = level**0.5 * 2
            windows.append(
                {
                    **window, "selection_efficiency": efficiency, "z_local": z,
                    "p_value": float(0.5 * math.erfc(z / 2**0.5)),
                    "upper_limit": {
                        "observed": band * (1 + z / 2), "expected": band,
                        "expected_minus_1sigma": band * 0.72, "expected_minus_2sigma": band * 0.54,
                        "expected_plus_1sigma": band * 1.4, "expected_plus_2sigma": band * 1.9,
                    },
                }
            )  # fmt: skip
    best = min(windows, key=lambda entry: entry["p_value"])
    content = {
        "windows": windows,
        "best": best,
        "method": "cwola",
        "mixture": "data",
        "confidence_level": 0.95,
    }
    write_json(folder / "significance.json", {**content, "local_tests": {"count": len(windows)}})
    return folder / "significance.json"


def _pileup(folder: Path, nominal: Path) -> list[str]:
    varied = [f"{name}={path}" for name, path in make_overlaid(folder, nominal).items()]
    return ["--varied", *varied, "--nominal", str(nominal)]


def make_all(folder: Path, scale: int = 1) -> dict[str, list[str]]:
    """Make every input below a folder."""
    names = ("qcd", "wprime")
    stores = [str(make_store(folder, name, 400 * scale)) for name in names]
    features = [f"{name}={make_features(folder, name, 400 * scale)}" for name in names]
    images = [f"{name}={make_images(folder, name, 100 * scale)}" for name in names]
    scores, metrics = map(str, make_tag(folder, 2000 * scale))
    generated = make_generated_images(
        folder, jet_images("qcd", 300), np.roll(jet_images("another qcd", 300), 1, 1)
    )
    search = make_search(folder, features, 15 * scale)
    return {
        "simulate": ["--stores", *stores],
        "ingest": ["--stores", *stores],
        "ingest_pileup": _pileup(folder, Path(stores[0])),
        "represent": ["--features", *features, "--images", *images],
        "tag": ["--scores", scores, "--metrics", metrics],
        "tag_cluster": ["--separation", str(make_cluster(folder))],
        "tag_explain": ["--explain", str(make_explain(folder))],
        "tag_decorrelation": ["--decorrelation", str(make_decorrelation(folder))],
        "tag_response": ["--response", str(make_response(folder))],
        "tag_uncertainty": ["--uncertainty", str(make_uncertainty(folder))],
        "tag_stability": ["--stability", str(make_stability(folder))],
        "tag_weak": ["--weak", str(make_weak(folder))],
        "detect_monitor": ["--monitor", str(make_monitor(folder))],
        "tag_trigger": ["--trigger", str(make_trigger(folder))],
        "tune": ["--trials", str(make_tune(folder))],
        "tag_compare": ["--comparison", str(make_comparison(folder, 2000 * scale))],
        "generate": ["--evaluation", str(generated), "--training", str(make_training(folder))],
        "generate_compare": ["--comparison", str(make_generators(folder, generated))],
        "generate_amplification": ["--errors", str(make_amplification(folder))],
        "detect": [word for role, path in search.items() for word in (f"--{role}", str(path))],
        "hunt": ["--spectra", str(make_hunt(folder))],
        "hunt_response": ["--response", str(make_search_response(folder))],
        "hunt_evaluate": ["--evaluation", str(make_evaluation(folder))],
        "infer": ["--significance", str(make_infer(folder))],
        "infer_global": ["--global", str(make_global(folder))],
        "infer_trials": ["--trials", str(make_trials(folder))],
        "infer_compare": ["--comparison", str(make_searches(folder))],
        "infer_validation": ["--validation", str(make_validation(folder))],
        "infer_calibration": ["--calibration", str(make_calibration(folder))],
        "infer_linearity": ["--linearity", str(make_linearity(folder))],
    }
