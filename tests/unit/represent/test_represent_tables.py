"""A table in the store becomes a features file: every column of the rows that pass the mass cut."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import yaml

from resonaut import manifest, mixtures, store
from resonaut.config import parse
from resonaut.errors import MismatchError, MissingBranchError
from resonaut.events import Events
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
from resonaut.represent.clouds import write_clouds
from resonaut.represent.features import write_features
from resonaut.represent.images import write_images
from resonaut.represent.mix import write_mixture
from resonaut.represent.settings import MixTask, RepresentSettings
from resonaut.representation import read_settings

N_EVENTS = 10_000
SETTINGS = RepresentSettings.model_validate(
    {"selection": {"n_jets_min": 2, "mass_min": 2500, "mass_max": 6000}}
)


def table(n_events: int, seed: int, first: int = 0) -> Events:
    generator = np.random.default_rng(seed)
    return Events(
        events={
            "run": np.ones(n_events, np.int64),
            "lumi": np.full(n_events, 7),
            "event": np.arange(first, first + n_events),
            "gen_weight": generator.uniform(0.5, 1.5, n_events),
            "mass": 2000 + generator.exponential(900, n_events),
            "label": generator.integers(0, 2, n_events).astype(np.int32),
        },
        jets={},
        event_offsets=np.zeros(n_events + 1, np.int64),
        features={
            "tau21_j1": generator.random(n_events).astype(np.float32),
            "mj1": generator.normal(500, 50, n_events),
        },
    )


def table_store(path, events: Events):
    """A store of a table, as `ingest` writes it: in slices."""
    attributes = {
        "kind": "store",
        "level": "table",
        "dataset": "toy",
        "label": "",
        "label_names": ["qcd", "x"],
    }
    attributes |= {"resonant_variable": "mass", "n_events": len(events), "n_generated": 2 * N_EVENTS}
    attributes |= {"sum_weights": 123.5, "cut_flow": {"generated": 2 * N_EVENTS, "read": len(events)}}
    with store.writing(path, attributes) as writer:
        for start in range(0, max(1, len(events)), 3000):
            rows = np.zeros(len(events), bool)
            rows[start : start + 3000] = True
            writer.append(events.select(rows))
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tables")
    events = table(N_EVENTS, 3)
    source = table_store(folder / "store.h5", events)
    flow = write_features(source, folder / "features.h5", SETTINGS)
    return events, folder / "features.h5", flow


def test_every_column_of_the_rows_that_pass(written) -> None:
    events, path, _ = written
    mass = events.events["mass"]
    passed = (mass >= 2500) & (mass < 6000)
    assert 0 < passed.sum() < N_EVENTS
    with h5py.File(path) as file:
        assert sorted(file) == ["events"]
        assert sorted(file["events"]) == sorted([*events.events, *events.features])
        for name, values in {**events.events, **events.features}.items():
            np.testing.assert_array_equal(file[f"events/{name}"][:], values[passed])
            assert file[f"events/{name}"].dtype == values.dtype
        assert file.attrs["n_events"] == passed.sum()
        assert file.attrs["sum_weights"] == 123.5
        assert json.loads(file.attrs["label_names"]) == ["qcd", "x"]


def test_cut_flow_names_the_mass_only(written) -> None:
    events, _, flow = written
    mass = events.events["mass"]
    passed = int(((mass >= 2500) & (mass < 6000)).sum())
    assert flow == {"generated": 2 * N_EVENTS, "read": N_EVENTS, "represent_mass": passed}


@pytest.mark.parametrize("write", [write_images, write_clouds])
def test_there_are_no_images_and_no_clouds(write, written, tmp_path) -> None:
    source = table_store(tmp_path / "store.h5", table(10, 1))
    with pytest.raises(MissingBranchError, match=r"it holds table, of which no (images|clouds) are made"):
        write(source, tmp_path / "out.h5", SETTINGS)
    assert not (tmp_path / "out.h5").exists()


def test_two_chunks_of_which_one_is_empty_make_a_mixture(tmp_path) -> None:
    """The first has no columns of features, and the mixture takes all events from the second."""
    none = {name: values[:0] for name, values in table(3, 1).events.items()}
    empty = Events(none, {}, np.zeros(1, np.int64))
    chunks = []
    for number, events in enumerate((empty, table(400, 2, first=1000))):
        source = table_store(tmp_path / f"store{number}.h5", events)
        chunks.append(tmp_path / f"features{number}.h5")
        write_features(source, chunks[-1], SETTINGS)
    manifest.write(tmp_path / "features.json", chunks)
    listed = manifest.read(tmp_path / "features.json", "features")
    assert listed.n_events[0] == 0
    task = MixTask(mixture="data", datasets={"toy": "all"}, seed=1)
    mixture = write_mixture({"toy": tmp_path / "features.json"}, tmp_path / "mixture.h5", task)
    assert len(mixture) == listed.n_events[1] > 0
    found = mixtures.gather(mixture, {"toy": listed}, ["events/mass", "events/mj1"])
    whole = table(400, 2, first=1000)
    passed = (whole.events["mass"] >= 2500) & (whole.events["mass"] < 6000)
    np.testing.assert_array_equal(found["events/mj1"], whole.features["mj1"][passed][mixture.row])


def test_settings_that_do_nothing_to_a_table_are_not_compared(tmp_path) -> None:
    """Two tables agree whatever jets would become; a table says not how its columns were made."""
    selection = {"selection": {"n_jets_min": 2}}
    paths = []
    for number, changes in enumerate(({}, {"features": {"lund": True}}, {"n_jets": 1})):
        source = table_store(tmp_path / f"store{number}.h5", table(60, number))
        paths.append(tmp_path / f"features{number}.h5")
        write_features(source, paths[-1], RepresentSettings.model_validate({**selection, **changes}))
    assert read_settings(*paths) == {}
    with h5py.File(paths[2]) as file:
        assert json.loads(file.attrs["settings"]).keys() == {"selection", "features"}
    with h5py.File(tmp_path / "jets.h5", "w") as file:
        file.attrs.update({"kind": "features", "n_events": 1, "settings": '{"n_jets": 2, "features": {}}'})
    for order in ((paths[0], tmp_path / "jets.h5"), (tmp_path / "jets.h5", paths[0])):
        with pytest.raises(MismatchError, match=r"features0\.h5: features that do not say .*jets\.h5 says"):
            read_settings(*order)


def test_the_example_study_reads_the_olympics_table(root, shared, tmp_path) -> None:
    """Features of the LHC Olympics R&D data in 3.3-3.7 TeV: 60000 events of which 395 are signal."""
    path = shared / "lhco/rnd_signal_region_mixture.npy"
    rows = np.load(path)
    raw = yaml.safe_load((root / "config/lhco_table.yaml").read_text())
    for dataset in raw["datasets"].values():
        dataset["files"] = [str(path)]
    study = parse(raw)
    expected = {"events": np.ones(60_000, bool), "background": rows[:, 5] == 0, "signal": rows[:, 5] == 1}
    assert expected["signal"].sum() == 395
    for name, kept in expected.items():
        task = IngestTask.model_validate(json.loads(study.slice("ingest", dataset=name)))
        convert([str(path)], tmp_path / f"{name}.h5", task)
        settings = RepresentSettings.model_validate(json.loads(study.slice("features")))
        write_features(tmp_path / f"{name}.h5", tmp_path / f"{name}_features.h5", settings)
        with h5py.File(tmp_path / f"{name}_features.h5") as file:
            for number, (column, factor) in enumerate(
                (("mass", 1e3), ("mj1", 1e3), ("dmj", 1e3), ("tau21_j1", 1), ("tau21_j2", 1))
            ):
                values = file[f"events/{column}"][:]
                np.testing.assert_allclose(values, factor * rows[kept, number].astype(float), rtol=1e-6)
            assert 3300 <= file["events/mass"][:].min() < file["events/mass"][:].max() < 3700
            assert file.attrs["label"] == ("" if name == "events" else name)
