"""Tables of features: every format gives the same columns, and every mistake has a name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import uproot
from formats_flat import table, write_table, write_tree

from resonaut import registry
from resonaut.errors import BadValueError, ConfigError, CorruptFileError, EmptyFileError, ResonautError
from resonaut.ingest.batch import Batch, SourceInfo
from resonaut.ingest.contents import contents_of, find_reader, kind_of, opened
from resonaut.ingest.remote import RemoteSettings
from resonaut.settings import validate

LHCO = Path(__file__).parents[3].parent / "shared" / "data" / "lhco" / "rnd_signal_region_mixture.npy"
SUFFIXES = (".npy", ".csv", ".parquet", ".h5", ".root")
OPTIONS = {
    "mass": "mjj",
    "unit": "TeV",
    "label_column": "is_signal",
    "label_names": ["background", "signal"],
    "weight": "weight",
    "energies": ["m_1"],
}
PLAIN = {"mass": "mjj", "features": ["tau21"]}


def read(path: Path, options: dict[str, Any], step: int = 1000) -> tuple[SourceInfo, list[Batch]]:
    module = registry.load("ingest", "table")
    settings = validate(module.Settings, options, "options")
    kind = kind_of(str(path), RemoteSettings())
    with opened(str(path), kind, RemoteSettings()) as file:
        module.check_file(contents_of(file, str(path), kind), settings)
        reader = module.build(settings)
        return reader.info(file, str(path)), list(reader.batches(file, str(path), None, step))


def joined(batches: list[Batch], group: str, name: str) -> np.ndarray:
    return np.concatenate([getattr(batch, group)[name] for batch in batches])


def named_if_needed(suffix: str, names: Any) -> dict[str, Any]:
    return {"columns": list(names)} if suffix == ".npy" else {}


@pytest.mark.parametrize("step", [1000, 64])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_format_gives_what_was_written(tmp_path: Path, suffix: str, step: int) -> None:
    path = tmp_path / f"table{suffix}"
    truth = write_table(path, 300, 4)
    info, batches = read(path, OPTIONS | named_if_needed(suffix, truth), step)
    assert [len(batch) for batch in batches] == [step] * (300 // step) + [300 % step] * (300 % step > 0)
    assert [batch.first_entry for batch in batches] == list(range(0, 300, step))
    np.testing.assert_allclose(joined(batches, "events", "mass"), truth["mjj"] * 1000, rtol=1e-15)
    np.testing.assert_array_equal(joined(batches, "events", "gen_weight"), truth["weight"])
    np.testing.assert_array_equal(joined(batches, "events", "label"), truth["is_signal"])
    assert joined(batches, "events", "event").tolist() == list(range(300))
    assert set(batches[0].features) == {"tau21", "m_1"}
    np.testing.assert_array_equal(joined(batches, "features", "tau21"), truth["tau21"])
    np.testing.assert_allclose(joined(batches, "features", "m_1"), truth["m_1"] * 1000, rtol=1e-15)
    assert batches[0].jets is None
    assert info.n_generated == 300
    assert info.sum_weights == pytest.approx(truth["weight"].sum(), rel=1e-12)
    assert info.label_names == ("background", "signal")


def test_lhc_olympics_signal_region() -> None:
    """60,000 events, 395 of them signal, 3.3 to 3.7 TeV (arXiv:2101.08320, prepared as in 2109.00546)."""
    if not LHCO.exists():
        pytest.skip(f"real data are absent: {LHCO}")
    options = {
        "mass": "mJJ", "unit": "TeV", "label_column": "label", "label_names": ["background", "signal"],
        "columns": ["mJJ", "mJ1", "mJ2-mJ1", "tau21_J1", "tau21_J2", "label"],
        "energies": ["mJ1", "mJ2-mJ1"], "rename": {"mJ2-mJ1": "delta_m"},
    }  # fmt: skip
    info, batches = read(LHCO, options, 7000)
    values = np.load(LHCO)
    assert info.n_generated == 60_000
    assert joined(batches, "events", "label").sum() == 395
    mass = joined(batches, "events", "mass")
    assert mass.dtype == np.float64
    assert 3300 < mass.min() < mass.max() < 3700
    np.testing.assert_allclose(mass, values[:, 0].astype(float) * 1000, rtol=1e-12)
    np.testing.assert_allclose(joined(batches, "features", "delta_m"), values[:, 2] * 1000, rtol=1e-6)
    np.testing.assert_array_equal(joined(batches, "features", "tau21_J2"), values[:, 4])
    assert batches[0].features["mJ1"].dtype == np.float32
    with pytest.raises(ConfigError, match=r"'mJ2-mJ1' .* cannot be a feature .*rename: {mJ2-mJ1: mJ2_mJ1}"):
        read(LHCO, {**options, "rename": {}})


@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_order_and_type(tmp_path: Path, order: Any) -> None:
    values = np.arange(60, dtype=">i4").reshape(20, 3)
    np.save(tmp_path / "t.npy", np.asarray(values, order=order))
    _, batches = read(tmp_path / "t.npy", {"mass": "a", "columns": ["a", "b", "c"]}, 6)
    np.testing.assert_array_equal(joined(batches, "features", "c"), values[:, 2])
    assert batches[0].features["c"].dtype == np.dtype("=f8")


def test_records(tmp_path: Path) -> None:
    truth = table(50, 1)
    rows = np.rec.fromarrays(list(truth.values()), names=list(truth))
    np.save(tmp_path / "t.npy", rows)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["sample/events"] = rows
    for name in ("t.npy", "t.h5"):
        _, batches = read(tmp_path / name, PLAIN, 9)
        np.testing.assert_array_equal(joined(batches, "features", "tau21"), truth["tau21"])
        np.testing.assert_array_equal(joined(batches, "events", "mass"), truth["mjj"])


def test_pandas_frame(tmp_path: Path) -> None:
    """Blocks of a fixed frame: names as byte strings, one block per type, in the order of the blocks."""
    truth = table(50, 1)
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["df/axis0"] = np.array([b"tau21", b"n", b"mjj"])
        file["df/axis1"] = np.arange(50)
        file["df/block0_items"] = np.array([b"tau21", b"mjj"])
        file["df/block0_values"] = np.stack([truth["tau21"], truth["mjj"]], axis=1)
        file["df/block1_items"] = np.array([b"n"])
        file["df/block1_values"] = np.arange(50)[:, None]
    _, batches = read(tmp_path / "t.h5", {"mass": "mjj"}, 20)
    np.testing.assert_array_equal(joined(batches, "features", "tau21"), truth["tau21"])
    np.testing.assert_array_equal(joined(batches, "features", "n"), np.arange(50))


def test_matrix_in_hdf5_and_keys(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["train/x"] = np.arange(12.0).reshape(4, 3)
        file["test/x"] = np.arange(6.0).reshape(2, 3)
    options = {"mass": "a", "columns": ["a", "b", "c"]}
    _, (batch,) = read(tmp_path / "t.h5", {**options, "key": "/train/x"})
    assert batch.features["c"].tolist() == [2, 5, 8, 11]
    with pytest.raises(
        ConfigError, match=r"options.key: .* holds 2 tables. Known: test/x, train/x. Name one"
    ):
        read(tmp_path / "t.h5", options)
    with pytest.raises(ConfigError, match=r"no table 'trian/x'. Did you mean 'train/x'\?"):
        read(tmp_path / "t.h5", {**options, "key": "trian/x"})


def test_rntuple(tmp_path: Path) -> None:
    truth = table(50, 1)
    with uproot.recreate(tmp_path / "t.root") as file:
        file.mkrntuple("events", truth)
    _, batches = read(tmp_path / "t.root", PLAIN, 20)
    np.testing.assert_array_equal(joined(batches, "features", "tau21"), truth["tau21"])


@pytest.mark.parametrize(
    ("text", "options", "mass", "x"),
    [
        ("m,x\n1,2\n3,4\n", {}, [1, 3], [2, 4]),
        ("m;x\n1;2\n3;\n", {}, [1, 3], [2, np.nan]),
        ("# made by\n# m x\n1 2\n3 nan\n", {}, [1, 3], [2, np.nan]),
        ("1\t2\n3\tinf\n", {"columns": ["m", "x"]}, [1, 3], [2, np.inf]),
        ('# a comment, with commas, in it\n"m","x"\n1,2\n3,4e-1', {}, [1, 3], [2, 0.4]),
    ],
)
def test_csv(tmp_path: Path, text: str, options: dict[str, Any], mass: Any, x: Any) -> None:
    """Not-a-number passes the reader: `ingest` rejects the event, and counts it."""
    (tmp_path / "t.csv").write_text(text)
    _, (batch,) = read(tmp_path / "t.csv", {"mass": "m", **options})
    np.testing.assert_array_equal(batch.events["mass"], mass)
    np.testing.assert_array_equal(batch.features["x"], x)
    assert batch.faults()[0].tolist() == [False, not np.isfinite(x[1])]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("m,x\n1,2\n3\n", CorruptFileError, r"t.csv: not a readable CSV file.*Expected 2 columns, got 1"),
        ("m,x\n1,2\n3,four\n", BadValueError, r"the column 'x' holds 'four', numbers are expected"),
        ("m,x\n", EmptyFileError, "has 0 rows"),
        ("# m,x\n", EmptyFileError, "has 0 rows"),
        ("1,2\n3,4\n", ConfigError, r"options.columns: it is not given, .* has 2 columns without names"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, error: type[ResonautError], message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(error, match=message):
        read(tmp_path / "t.csv", {"mass": "m"})


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mass": "mj"}, r"options.mass: .* has no column 'mj'. Did you mean 'mjj'\?"),
        ({"features": ["tau_21"]}, r"options.features: .*'tau_21'. Did you mean 'tau21'\?"),
        ({"rename": {"tau": "t"}}, r"options.rename: .*no column 'tau'"),
        ({"scale": {"mjj": 2}}, r"'mjj' is scaled by 'scale' and by 'unit'"),
        ({"label_names": []}, r"'label_column' and 'label_names' go together"),
        ({"rename": {"tau21": "mass"}}, r"feature named 'mass': run, lumi, event, .* are other columns"),
        ({"rename": {"tau21": "m_1"}}, r"feature named 'm_1': 2 features have it"),
        ({"features": ["tau21", "tau21"]}, r"'features' names 'tau21' 2 times"),
    ],
)
def test_mistakes_in_the_options(tmp_path: Path, suffix: str, change: dict[str, Any], message: str) -> None:
    path = tmp_path / f"t{suffix}"
    options = {**OPTIONS, **named_if_needed(suffix, write_table(path, 10, 1)), **change}
    with pytest.raises(ConfigError, match=message):
        read(path, options)


def test_number_of_columns(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.zeros((4, 6)))
    with pytest.raises(ConfigError, match=r"it names 2 columns, the table in .*t.npy has 6 columns"):
        read(tmp_path / "t.npy", {"mass": "a", "columns": ["a", "b"]})
    write_table(tmp_path / "t.parquet", 4, 1)
    with pytest.raises(ConfigError, match=r"names its columns itself \(mjj, tau21"):
        read(tmp_path / "t.parquet", {"mass": "a", "columns": ["a", "b"]})


def test_labels_without_a_name(tmp_path: Path) -> None:
    np.save(tmp_path / "t.npy", np.array([[1.0, 0], [1, 1], [1, 2]]))
    options = {"mass": "m", "label_column": "y", "label_names": ["b", "s"], "columns": ["m", "y"]}
    with pytest.raises(BadValueError, match=r"'y' is 2.0 in row 2; whole numbers from 0 to 1"):
        read(tmp_path / "t.npy", options, 2)


def test_what_is_no_table_of_numbers(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"m": [1.0], "s": ["text"]}), tmp_path / "t.parquet")
    with pytest.raises(BadValueError, match="the column 's' holds string, numbers are expected"):
        read(tmp_path / "t.parquet", {"mass": "m"})
    write_tree(tmp_path / "t.root", {"m": np.ones(3), "v": np.ones((3, 2))})
    with pytest.raises(BadValueError, match="the branch 'v' of 'events' holds"):
        read(tmp_path / "t.root", {"mass": "m"})
    assert len(read(tmp_path / "t.root", {"mass": "m", "features": []})[1][0]) == 3
    np.save(tmp_path / "t.npy", np.array([{"a": 1}], object), allow_pickle=True)
    with pytest.raises(CorruptFileError, match="pickled objects, which are never loaded"):
        read(tmp_path / "t.npy", {"mass": "m"})
    np.save(tmp_path / "t.npy", np.ones((2, 2, 2)))
    with pytest.raises(BadValueError, match=r"shape \(2, 2, 2\)"):
        read(tmp_path / "t.npy", {"mass": "m"})


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_truncated_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    truth = write_table(path, 400, 1)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(CorruptFileError, match=f"t{suffix}"):
        # A CSV file that ends inside a row has too few cells there.
        read(path, OPTIONS | named_if_needed(suffix, truth))


@pytest.mark.parametrize("suffix", [".npy", ".parquet"])
def test_empty_tables(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    truth = write_table(path, 0, 1)
    with pytest.raises(EmptyFileError, match="has 0 rows"):
        read(path, OPTIONS | named_if_needed(suffix, truth))


def test_tables_are_recognised_by_their_kind(tmp_path: Path) -> None:
    for suffix in (".npy", ".csv", ".parquet"):
        path = str(tmp_path / f"t{suffix}")
        write_table(Path(path), 5, 1)
        kind = kind_of(path, RemoteSettings())
        with opened(path, kind, RemoteSettings()) as file:
            assert find_reader(contents_of(file, path, kind), "auto") == "table"


def test_blanks_in_names_do_not_delimit(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("mass (in GeV),tau 21 of the jet\n1000,0.5\n")
    _, (batch,) = read(
        tmp_path / "t.csv", {"mass": "mass (in GeV)", "rename": {"tau 21 of the jet": "tau21"}}
    )
    assert batch.features["tau21"].tolist() == [0.5]
    (tmp_path / "u.csv").write_text("mjj tau21\n1000 0.5\n")
    assert read(tmp_path / "u.csv", PLAIN)[1][0].features["tau21"].tolist() == [0.5]
