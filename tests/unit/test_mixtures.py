"""Mixtures: the events drawn do not depend on chunks or on other datasets, and rows are gathered in order."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from resonaut import manifest, mixtures
from resonaut.errors import InputError
from resonaut.manifest import Manifest
from resonaut.seeds import fold_of
from resonaut.store import creating


def dataset(folder: Path, name: str, chunks: list[int], label: str = "") -> Manifest:
    """Features whose mass is the number of the event, in chunks of the given sizes."""
    files, first = [], 0
    for number, size in enumerate(chunks):
        event = np.arange(first, first + size)
        first += size
        path = folder / name / f"{number}.h5"
        head = {"kind": "features", "dataset": name, "label": label, "n_events": size, "n_generated": size}
        with creating(path, {**head, "sum_weights": float(size), "cut_flow": {"read": size}}) as file:
            for key, values in (("run", event * 0 + 1), ("lumi", event // 100), ("event", event)):
                file[f"events/{key}"] = values
            file["events/mass"] = event * 1.0
            file["images"] = np.repeat(event[:, None, None], 4, axis=1).astype(np.float32)
        files.append(path)
    manifest.write(folder / f"{name}.json", files)
    return manifest.read(folder / f"{name}.json")


def events(mixture: mixtures.Mixture, manifests: dict[str, Manifest]) -> list[tuple[int, int]]:
    numbers = mixtures.gather(mixture, manifests, ["events/event"])["events/event"]
    return list(zip(mixture.dataset.tolist(), numbers.tolist(), strict=True))


def draw(
    manifests: dict[str, Manifest], seed: int = 1, draw_seed: int = 0, **counts: int | str
) -> mixtures.Mixture:
    return mixtures.draw("m", manifests, counts, seed, draw_seed)


def test_counts_and_rows(tmp_path: Path) -> None:
    manifests = {"qcd": dataset(tmp_path, "qcd", [300, 200], "qcd"), "sig": dataset(tmp_path, "sig", [100])}
    mixture = draw(manifests, qcd="all", sig=30)
    assert len(mixture) == 530
    assert mixture.datasets == ("qcd", "sig")
    assert mixture.labels == ("qcd", "")
    assert np.bincount(mixture.dataset).tolist() == [500, 30]
    assert len(set(events(mixture, manifests))) == 530


def test_the_order_tells_nothing(tmp_path: Path) -> None:
    manifests = {"qcd": dataset(tmp_path, "qcd", [400]), "sig": dataset(tmp_path, "sig", [400])}
    mixture = draw(manifests, qcd="all", sig="all")
    # Of the first half, half is of each dataset: binomial, standard deviation 10 without replacement.
    assert abs(int(mixture.dataset[:400].sum()) - 200) < 50
    folds = fold_of(mixture.split_hash, 2)
    assert abs(int(folds[mixture.dataset == 1].sum()) - 200) < 50


def test_chunks_do_not_matter(tmp_path: Path) -> None:
    found = []
    for name, chunks in (("one", [500]), ("many", [1, 99, 250, 150])):
        manifests = {"qcd": dataset(tmp_path / name, "qcd", chunks)}
        mixture = draw(manifests, qcd=120)
        found.append((events(mixture, manifests), mixture.split_hash.tolist()))
    assert found[0] == found[1]


def test_other_datasets_do_not_matter(tmp_path: Path) -> None:
    manifests = {name: dataset(tmp_path, name, [300]) for name in ("aaa", "qcd", "zzz")}
    alone = draw(manifests, qcd=50)
    among = draw(manifests, aaa=20, qcd=50, zzz="all")
    mine = [number for index, number in events(among, manifests) if index == 1]
    assert mine == [number for _, number in events(alone, manifests)]


def test_more_events_contain_the_fewer(tmp_path: Path) -> None:
    manifests = {"sig": dataset(tmp_path, "sig", [300])}
    fewer, more = (set(events(draw(manifests, sig=count), manifests)) for count in (40, 90))
    assert fewer < more


def test_seeds(tmp_path: Path) -> None:
    manifests = {"sig": dataset(tmp_path, "sig", [300])}
    first = draw(manifests, sig=100)
    assert events(first, manifests) == events(draw(manifests, sig=100), manifests)
    for other in (draw(manifests, seed=2, sig=100), draw(manifests, draw_seed=1, sig=100)):
        assert set(events(other, manifests)) != set(events(first, manifests))
    # The draw does not move an event to another fold.
    whole, redrawn = draw(manifests, sig="all"), draw(manifests, draw_seed=1, sig="all")
    assert set(whole.split_hash.tolist()) == set(redrawn.split_hash.tolist())


def test_round_trip(tmp_path: Path) -> None:
    manifests = {"qcd": dataset(tmp_path, "qcd", [300], "qcd")}
    mixture = draw(manifests, qcd=70)
    mixtures.write(tmp_path / "m.h5", mixture, {"settings": {}})
    back = mixtures.read(tmp_path / "m.h5")
    assert (back.name, back.datasets, back.labels) == ("m", ("qcd",), ("qcd",))
    for column in ("dataset", "chunk", "row", "split_hash"):
        np.testing.assert_array_equal(getattr(back, column), getattr(mixture, column))
        assert getattr(back, column).dtype == getattr(mixture, column).dtype
    mixtures.write(tmp_path / "again.h5", back, {"settings": {}})
    assert (tmp_path / "m.h5").read_bytes() == (tmp_path / "again.h5").read_bytes()


@pytest.mark.parametrize("block", [1, 64, 1024])
def test_gather(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(mixtures, "_BLOCK_ROWS", block)
    manifests = {name: dataset(tmp_path, name, [130, 0, 170]) for name in ("qcd", "sig")}
    mixture = draw(manifests, qcd="all", sig=25)
    rows = mixtures.gather(mixture, manifests, ["events/mass", "events/event", "images"])
    np.testing.assert_array_equal(rows["events/mass"], rows["events/event"])
    assert rows["images"].shape == (325, 4, 1)
    np.testing.assert_array_equal(rows["images"][:, 3, 0], rows["events/event"])
    for index in (0, 100, 324):
        path = manifests[mixture.datasets[mixture.dataset[index]]].chunks[mixture.chunk[index]]
        with h5py.File(path) as file:
            assert file["events/event"][mixture.row[index]] == rows["events/event"][index]


def test_messages(tmp_path: Path) -> None:
    manifests = {"qcd": dataset(tmp_path, "qcd", [30])}
    with pytest.raises(
        InputError, match=r"mixtures.m.datasets.qcd: 31 events are wanted, 30 pass the selection"
    ):
        draw(manifests, qcd=31)
    with pytest.raises(InputError, match=r"no 'events/maas'; it holds event, lumi, mass, run"):
        mixtures.gather(draw(manifests, qcd=3), manifests, ["events/maas"])
    with pytest.raises(InputError, match="a mixture is expected, got kind 'features'"):
        mixtures.read(manifests["qcd"].chunks[0])
