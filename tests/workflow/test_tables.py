"""A study of tables, from rows of features to a significance and a tagger, through Snakemake."""

from __future__ import annotations

import json
import math
import shutil

import h5py
import numpy as np

from resonaut import mixtures

N_BACKGROUND, N_SIGNAL = 30_000, 150
CENTRES, WIDTHS = ((0.3, 0.4, 0.6), (0.5, 0.2, 0.3)), (0.1, 0.1, 0.1)
"""Of mJ1 and mJ2 - mJ1 (TeV) and tau21: background, signal."""
SEPARATION = math.sqrt(2**2 + 3**2)
"""Between the classes of `labelled.csv`, in mJ1 and tau21, in units of the width."""


def write_events(path) -> np.ndarray:
    """A falling spectrum and a bump at 3.5 TeV, whose features are Gaussian and do not follow the mass.

    Returns:
        (n, 6) float64, TeV: mass, three features, ln of the likelihood ratio of the features, truth.
    """
    generator = np.random.default_rng(5)
    truth = np.arange(N_BACKGROUND + N_SIGNAL) >= N_BACKGROUND
    mass = 2.4 + generator.exponential(0.6, len(truth))
    mass[truth] = generator.normal(3.5, 0.06, N_SIGNAL)
    features = generator.normal(np.array(CENTRES)[truth.astype(int)], WIDTHS)
    background, signal = (((features - centre) / WIDTHS) ** 2 for centre in CENTRES)
    table = np.column_stack([mass, features, 0.5 * (background - signal).sum(axis=1), truth])
    table = table[generator.permutation(len(table))].astype(np.float32)
    np.save(path, table)
    return table.astype(np.float64)


def write_labelled(path) -> dict[int, int]:
    """Two classes of Gaussian features, GeV; the events of each class that pass the mass cut."""
    generator = np.random.default_rng(6)
    truth = generator.integers(0, 2, 8_000)
    mass = generator.uniform(2500, 3500, len(truth))
    features = generator.normal(np.array(CENTRES)[truth], WIDTHS)
    rows = np.column_stack([mass, 1000 * features[:, 0], features[:, 2], truth])
    np.savetxt(path, rows, "%.9g", ",", header="mass,mJ1,tau21,truth", comments="")
    return {number: int(((mass >= 2600) & (truth == number)).sum()) for number in (0, 1)}


def test_a_study_of_tables(root, clone) -> None:
    table = write_events(clone.folder / "events.npy")
    n_labelled = write_labelled(clone.folder / "labelled.csv")
    shutil.copy2(root / "tests/workflow/table.yaml", clone.config)
    figures = ["ingest", "represent", "tag/dense", "detect/data/likelihood"]
    targets = [f"results/table/review/{figure}.png" for figure in figures]
    clone.snakemake("tag", "infer", *targets)
    base = clone.folder / "results/table"
    assert all((clone.folder / path).stat().st_size > 10_000 for path in targets)
    _check_events(base, table)
    _check_hunt(base, table)
    _check_tagger(base, n_labelled)


def _check_events(base, table: np.ndarray) -> None:
    """Rows in = rows that pass the mass cut, with their features in GeV, in the mixture's order."""
    passed = table[(table[:, 0] >= 2.6) & (table[:, 0] < 6.0)]
    listed = json.loads((base / "represent/events/nominal/features.json").read_text())
    assert list(listed["cut_flow"].items())[-1] == ("represent_mass", len(passed))
    assert listed["n_generated"] == listed["cut_flow"]["read"] == len(table)
    drawn = mixtures.read(base / "represent/mixtures/data.h5")
    np.testing.assert_array_equal(np.sort(drawn.row), np.arange(len(passed)))
    with h5py.File(base / "represent/events/nominal/features/000/000000.h5") as file:
        for column, (name, unit) in enumerate(
            (("mass", 1e3), ("mJ1", 1e3), ("delta_mj", 1e3), ("tau21", 1), ("likelihood_ratio", 1))
        ):
            np.testing.assert_allclose(file[f"events/{name}"][:], unit * passed[:, column], rtol=1e-6)
        assert "truth" not in file["events"]
    assert not (base / "represent/events/nominal/images.json").exists()
    with h5py.File(base / "detect/data/likelihood/scores.h5") as file:
        np.testing.assert_array_equal(file["score"][0, 0], passed[drawn.row, 4].astype(np.float32))


def _check_hunt(base, table: np.ndarray) -> None:
    """The spectrum is the histogram of the table; the bump is seen where it is, and nowhere else."""
    mass = 1e3 * table[:, 0]
    for method in ("cwola", "likelihood"):
        with h5py.File(base / f"hunt/data/{method}/spectra.h5") as file:
            np.testing.assert_array_equal(file["total"][0], np.histogram(mass, file["edges"][:])[0])
    result = json.loads((base / "infer/data/likelihood/significance.json").read_text())
    here, elsewhere = result["windows"]
    signal = table[:, 5] == 1
    side = (mass >= 2800) & (mass < 4200) & ~((mass >= 3300) & (mass < 3700))
    limit = np.sort(table[side, 4])[::-1][int(0.01 * side.sum() + 0.5) - 1]
    inside = (mass >= 3300) & (mass < 3700) & (table[:, 4] >= limit)
    assert here["observed"] == inside.sum()
    # 1 % of the background of the window, and the injected events that pass the same cut.
    expected = (inside & ~signal).sum()
    assert abs(here["expected_background"] - expected) < 5 * math.sqrt(expected)
    assert (inside & signal).sum() > 0.8 * N_SIGNAL
    assert here["z_local"] > 8
    assert elsewhere["z_local"] < 3
    learnt = json.loads((base / "infer/data/cwola/significance.json").read_text())
    for found in (result, learnt):
        assert found["best"]["low"] == 3300
    assert learnt["best"]["z_local"] > 4


def _check_tagger(base, n_labelled: dict[int, int]) -> None:
    """All rows of both classes are used, and told apart as well as Gaussians can be: AUC Phi(d / sqrt 2)."""
    metrics = json.loads((base / "tag/dense/metrics.json").read_text())
    assert metrics["rows"] == "events"
    assert sum(metrics["n_jets"].values()) == sum(n_labelled.values())
    for number, name in enumerate(("background", "signal")):
        listed = json.loads((base / f"ingest/{name}/nominal/manifest.json").read_text())
        assert listed["label"] == name
        kept = json.loads((base / f"represent/{name}/nominal/features.json").read_text())
        assert kept["n_events"] == n_labelled[number]
    assert abs(metrics["auc"] - 0.5 * (1 + math.erf(SEPARATION / 2))) < 0.01
