"""`resonaut represent mix`: the command, and its messages."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from resonaut import manifest, mixtures
from resonaut.cli import main
from resonaut.represent.features import write_features
from resonaut.represent.settings import RepresentSettings


@pytest.fixture
def features(toy: Path, tmp_path: Path) -> Path:
    """The manifest of a dataset named `toy`."""
    write_features(toy, tmp_path / "features" / "0.h5", RepresentSettings())
    manifest.write(tmp_path / "features.json", [tmp_path / "features" / "0.h5"])
    return tmp_path / "features.json"


def mix(features: Path, output: Path, name: str = "toy", **changes: Any) -> list[str]:
    slice_ = {"mixture": "data", "datasets": {"toy": 100}, "draw": 0, "seed": 1, **changes}
    return [
        "represent", "mix", "--settings", json.dumps(slice_), "--manifests", f"{name}={features}",
        "--output", str(output),
    ]  # fmt: skip


def test_command(features: Path, tmp_path: Path) -> None:
    assert main(mix(features, tmp_path / "m.h5")) == 0
    assert main(mix(features, tmp_path / "again.h5")) == 0
    assert (tmp_path / "m.h5").read_bytes() == (tmp_path / "again.h5").read_bytes()
    mixture = mixtures.read(tmp_path / "m.h5")
    assert len(mixture) == 100
    assert (mixture.name, mixture.datasets, mixture.labels) == ("data", ("toy",), ("qcd",))
    rows = mixtures.gather(
        mixture, {"toy": manifest.read(features)}, ["events/event", "events/mass", "jets/pt"]
    )
    with h5py.File(features.parent / "features" / "0.h5") as file:
        np.testing.assert_array_equal(rows["events/mass"], file["events/mass"][:][mixture.row])
        np.testing.assert_array_equal(rows["jets/pt"], file["jets/pt"][:][mixture.row])
    assert len(set(rows["events/event"].tolist())) == 100


def test_another_draw_takes_other_events(features: Path, tmp_path: Path) -> None:
    for draw in (0, 1):
        assert main(mix(features, tmp_path / f"{draw}.h5", draw=draw)) == 0
    first, second = (set(mixtures.read(tmp_path / f"{draw}.h5").row.tolist()) for draw in (0, 1))
    # 100 of 300 twice: 33 in common on average, 4.7 standard deviation.
    assert 15 < len(first & second) < 52


@pytest.mark.parametrize(
    ("changes", "name", "code", "text"),
    [
        ({"datasets": {"toy": 10_000}}, "toy", 3, "10000 events are wanted, 300 pass the selection"),
        ({"datasets": {"toys": 10}}, "toy", 2, "takes 'toys', which is not given. Did you mean 'toy'?"),
        ({"datasets": {"qcd": 10}}, "qcd", 3, "a manifest of 'qcd' is expected, it is of 'toy'"),
        ({"seeds": 1}, "toy", 2, "seeds: unknown key. Did you mean 'seed'?"),
    ],
)
def test_bad_input(
    features: Path, tmp_path: Path, capsys: Any, changes: dict, name: str, code: int, text: str
) -> None:
    assert main(mix(features, tmp_path / "out" / "m.h5", name, **changes)) == code
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_manifest_of_another_kind(features: Path, tmp_path: Path, capsys: Any) -> None:
    raw = json.loads(features.read_text())
    features.write_text(json.dumps({**raw, "kind": "images"}))
    assert main(mix(features, tmp_path / "m.h5")) == 3
    assert "a manifest of 'features' is expected, got 'images'" in capsys.readouterr().err


def test_no_event_at_all(toy: Path, tmp_path: Path, capsys: Any, make_store: Callable) -> None:
    write_features(toy, tmp_path / "0.h5", RepresentSettings(selection={"n_jets_min": 2, "mass_min": 1e6}))
    manifest.write(tmp_path / "f.json", [tmp_path / "0.h5"])
    assert main(mix(tmp_path / "f.json", tmp_path / "m.h5", datasets={"toy": "all"})) == 3
    assert "EmptyFileError: mixtures.data: no event of toy passes the selection" in capsys.readouterr().err
