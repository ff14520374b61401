"""Every format by hand: the reader is found, the cut flow is printed, and the store has what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import formats_cms
import formats_flat
import formats_public
import formats_showers
import h5py
import numpy as np
import pytest

from resonaut import registry
from resonaut.cli import main
from resonaut.errors import InputError
from resonaut.ingest.contents import contents_of, find_reader, kind_of, opened
from resonaut.ingest.remote import RemoteSettings
from resonaut.store import Store

N_EVENTS = 12
FORMATS: dict[str, tuple[str, Callable[..., Any], str]] = {
    "nanoaod": ("nanoaod", formats_cms.write_nanoaod, "n.root"),
    "pfnano": ("pfnano", formats_cms.write_pfnano, "p.root"),
    "physlite": ("physlite", formats_cms.write_physlite, "x.root"),
    "jetclass": ("jetclass", formats_public.write_jetclass, "c.root"),
    "jetclass_rntuple": ("jetclass", formats_public.write_jetclass_rntuple, "r.root"),
    "toptag": ("toptag", formats_public.write_toptag, "t.h5"),
    "lhco": ("lhco", formats_public.write_lhco, "l.h5"),
    "lhco_features": ("lhco", formats_public.write_lhco_features, "l.features.h5"),
    "quark_gluon": ("quark_gluon", formats_public.write_quark_gluon, "q.npz"),
    "getting_high": ("showers", formats_showers.write_getting_high, "g.hdf5"),
    "sparse_showers": ("showers", formats_showers.write_sparse_showers, "s.h5"),
    "calochallenge": ("showers", formats_showers.write_calochallenge, "d.hdf5"),
    "csv": ("table", formats_flat.write_table, "t.csv"),
    "parquet": ("table", formats_flat.write_table, "t.parquet"),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "calochallenge": {"binning": "photons.xml"},
    "csv": {"mass": "mjj"},
    "parquet": {"mass": "mjj"},
}
LABELS = {
    "jetclass": 10,
    "jetclass_rntuple": 10,
    "toptag": 2,
    "lhco": 2,
    "lhco_features": 2,
    "quark_gluon": 2,
}


def written(name: str, folder: Path) -> tuple[str, Path]:
    reader, write, file = FORMATS[name]
    write(folder / file, N_EVENTS, 3)
    if name == "calochallenge":
        formats_showers.write_binning(folder / "photons.xml", "photons")
    return reader, folder / file


@pytest.mark.parametrize("name", FORMATS)
def test_by_hand(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    _, path = written(name, tmp_path)
    options = ["--options", json.dumps(OPTIONS[name])] if name in OPTIONS else []
    assert main(["ingest", str(path), *options, "--output", "store.h5"]) == 0
    printed = capsys.readouterr().out
    rows = dict(line.split() for line in printed.split("jets dropped")[0].splitlines() if line[:2] == "  ")
    assert rows["read"] == rows["ingest_good"] == str(N_EVENTS)
    with Store("store.h5") as store:
        events, attributes = store.read(), store.attributes
    assert len(events) == N_EVENTS
    assert attributes["level"] == registry.load("ingest", FORMATS[name][0]).LEVEL
    assert len(json.loads(attributes["label_names"])) == LABELS.get(name, 0)
    assert ("label" in events.events) == (name in LABELS)
    assert len(np.unique(events.events["event"])) == N_EVENTS


@pytest.mark.parametrize("name", FORMATS)
def test_one_reader_knows_each(name: str, tmp_path: Path) -> None:
    reader, path = written(name, tmp_path)
    remote = RemoteSettings()
    kind = kind_of(str(path), remote)
    with opened(str(path), kind, remote) as file:
        contents = contents_of(file, str(path), kind)
    matching = [
        other
        for other in registry.names("ingest")
        if kind in registry.load("ingest", other).KINDS and registry.load("ingest", other).matches(contents)
    ]
    assert matching == [reader]


def test_classes_of_one_file(tmp_path: Path) -> None:
    """Each class is a dataset of its own; together they are the file."""
    _, path = written("toptag", tmp_path)
    main(["ingest", str(path), "--output", str(tmp_path / "all.h5")])
    with Store(tmp_path / "all.h5") as store:
        label = store.read().events["label"]
    for number, name in enumerate(("qcd", "top")):
        task = {"dataset": name, "label": name, "classes": [name], "ingest": {"preselection": {}}}
        output = str(tmp_path / f"{name}.h5")
        assert main(["ingest", str(path), "--settings", json.dumps(task), "--output", output]) == 0
        with Store(output) as store:
            flow = json.loads(store.attributes["cut_flow"])
            assert len(store) == (label == number).sum() == store.attributes["n_generated"]
            assert store.attributes["sum_weights"] == (label == number).sum()
            assert (store.read().events["label"] == 0).all()
        assert flow["generated"] == flow["read"] == N_EVENTS
        assert flow["ingest_class"] == (label == number).sum()


def test_an_hdf5_file_of_nothing_known(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["numbers"] = np.arange(3)
    with (
        opened(str(tmp_path / "x.h5"), "hdf5", RemoteSettings()) as file,
        pytest.raises(InputError, match=r"no reader knows this format \(HDF5 file: numbers\)"),
    ):
        find_reader(contents_of(file, "x.h5", "hdf5"), "auto")
