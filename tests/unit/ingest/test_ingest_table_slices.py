"""Tables are read by slices of rows: no row is lost or seen twice, and memory does not grow with the file."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from formats_flat import write_table
from hypothesis import given
from hypothesis import strategies as st

from resonaut import registry
from resonaut.errors import CorruptFileError
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
from resonaut.ingest.tables import open_table, resliced
from resonaut.settings import validate
from resonaut.store import Store


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 30))
def test_blocks_become_slices(lengths: list[int], step: int) -> None:
    total = sum(lengths)
    blocks = np.split(np.arange(total), np.cumsum(lengths)[:-1]) if lengths else []
    slices = [part["x"] for part in resliced(iter([{"x": block} for block in blocks]), step)]
    assert [len(part) for part in slices] == [step] * (total // step) + [total % step] * (total % step > 0)
    assert np.concatenate([np.zeros(0, int), *slices]).tolist() == list(range(total))


def test_csv_of_many_blocks(tmp_path: Path) -> None:
    """14 MB, read in blocks of 4 MiB; whole numbers at first, a fraction only in the last block."""
    n_rows = 1_000_000
    text = "\n".join(f"{row},{row}.0" for row in range(n_rows))
    (tmp_path / "t.csv").write_text(f"mass,x\n{text}\n0.5,0.5\n")
    with (tmp_path / "t.csv").open("rb") as file:
        parts = list(open_table(file, "t.csv", None, ()).slices(["x", "mass"], 300_000))
    assert [len(part["x"]) for part in parts] == [300_000, 300_000, 300_000, 100_001]
    mass = np.concatenate([part["mass"] for part in parts])
    np.testing.assert_array_equal(mass, [*range(n_rows), 0.5])


def test_rows_missing_at_the_end_of_an_npy_file(tmp_path: Path) -> None:
    """Whole rows are missing: each slice that is there can be read, but the header tells."""
    path = tmp_path / "t.npy"
    names = list(write_table(path, 100, 1))
    path.write_bytes(path.read_bytes()[: -10 * len(names) * 8])
    with path.open("rb") as file, pytest.raises(CorruptFileError, match="3600 bytes of values, 4000 are exp"):
        open_table(file, str(path), None, names)


def test_only_rows_of_a_step_are_in_memory(tmp_path: Path) -> None:
    """A matrix of 80 MB passes in slices of 40 kB."""
    with (tmp_path / "t.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(
            file, {"descr": "<f8", "fortran_order": False, "shape": (2_000_000, 5)}
        )
        file.truncate(file.tell() + 2_000_000 * 5 * 8)
    reader = registry.build("ingest", "table", {"mass": "a", "columns": list("abcde")})
    tracemalloc.start()
    with (tmp_path / "t.npy").open("rb") as file:
        n_rows = sum(len(batch) for batch in reader.batches(file, "t.npy", None, 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert n_rows == 2_000_000
    assert peak < 2e6


@pytest.mark.parametrize("suffix", [".npy", ".csv", ".parquet", ".h5", ".root"])
def test_a_table_becomes_a_store(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    truth = write_table(path, 200, 3)
    options = {"mass": "mjj", "unit": "TeV", "weight": "weight", "features": ["tau21"]}
    options |= {"columns": list(truth)} if suffix == ".npy" else {}
    preselection = {"mass_min": 3000.0}
    raw = {"dataset": "d", "reader": "table", "options": options, "ingest": {"preselection": preselection}}
    convert([str(path)], tmp_path / "store.h5", validate(IngestTask, raw))
    kept = truth["mjj"] > 3
    with Store(tmp_path / "store.h5") as found:
        events = found.read()
        assert found.attributes["sum_weights"] == pytest.approx(truth["weight"].sum())
        assert found.attributes["n_generated"] == 200
    np.testing.assert_allclose(events.events["mass"], truth["mjj"][kept] * 1000, rtol=1e-15)
    np.testing.assert_array_equal(events.features["tau21"], truth["tau21"][kept])
    np.testing.assert_array_equal(events.events["event"], np.flatnonzero(kept))
