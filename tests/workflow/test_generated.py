"""A dataset of a generator takes the place of a simulated one, through Snakemake."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np

N_ROWS = 2_000


def write_table(path) -> np.ndarray:
    """Mass, a ring in x and y whose radius is z, and z; (n, 4)."""
    generator = np.random.default_rng(5)
    angle, radius = generator.uniform(-np.pi, np.pi, N_ROWS), generator.uniform(1, 3, N_ROWS)
    x, y = radius * np.cos(angle), radius * np.sin(angle)
    table = np.column_stack([generator.uniform(2100, 3900, N_ROWS), x, y, radius])
    np.savetxt(path, table, "%.9g", ",", header="mass,x,y,z", comments="")
    return table


def test_a_tagger_tells_generated_from_real(root, clone) -> None:
    table = write_table(clone.folder / "real.csv")
    shutil.copy2(root / "tests/workflow/generated.yaml", clone.config)
    assert clone.planned("tag")["generate_dataset"] == 2
    base = clone.folder / "results/generated"
    target = "results/generated/tag/dense/metrics.json"
    clone.snakemake(target)
    made = json.loads((base / "represent/made/nominal/features.json").read_text())
    assert (made["label"], made["n_events"], len(made["chunks"])) == ("made", 1500, 2)
    with h5py.File(base / "represent/made/nominal/features/000/000000.h5") as file:
        # What is a condition, and what is not generated, is that of the rows of `like`.
        np.testing.assert_allclose(file["events/z"][:], table[:1000, 3], rtol=1e-6)
        np.testing.assert_allclose(file["events/mass"][:], table[:1000, 0], rtol=1e-6)
        radius = np.hypot(file["events/x"][:], file["events/y"][:])
        assert 1 < radius.mean() < 3
        assert not np.isin(file["events/x"][:], table[:, 1].astype(np.float32)).any()
    metrics = json.loads((clone.folder / target).read_text())
    assert sum(metrics["n_jets"].values()) == N_ROWS + 1500
    # One epoch of one transform makes no ring: a tagger sees it.
    assert 0.6 < metrics["auc"] < 0.999
    # The size of the sample is no part of the training.
    clone.edit("study.yaml", "conditions: [z]\n", "conditions: [z]\n    n_samples: 100\n")
    assert "generate_train" not in clone.planned(target)
    clone.edit("study.yaml", "n_events: 1_500", "n_events: 1_600")
    planned = clone.planned(target)
    assert planned["generate_dataset"] == 2
    assert "generate_train" not in planned


def test_drawn_showers_have_features_too(root, clone) -> None:
    shutil.copy2(root / "tests/workflow/generated_showers.yaml", clone.config)
    assert clone.planned("tag")["generate_features"] == 2
    clone.snakemake("results/generated_showers/tag/trees/metrics.json")
    base = clone.folder / "results/generated_showers"
    made = json.loads((base / "represent/made/nominal/features.json").read_text())
    assert (made["label"], made["n_events"], len(made["chunks"])) == ("made", 300, 2)
    drawn = base / "represent/made/nominal/showers/000/000000.h5"
    with h5py.File(drawn) as showers, h5py.File(str(drawn).replace("showers/0", "features/0")) as features:
        visible = np.add.reduceat(showers["hits/energy"][:], showers["hits/event_offsets"][:-1])
        np.testing.assert_allclose(features["events/visible_energy"][:], visible, rtol=1e-5)
        np.testing.assert_array_equal(features["events/n_hits"][:], np.diff(showers["hits/event_offsets"][:]))
        assert json.loads(features.attrs["settings"])["features"]["regroup"] == [5, 5, 5]
    metrics = json.loads((base / "tag/trees/metrics.json").read_text())
    assert sum(metrics["n_jets"].values()) == 700
