"""The order of jets and constituents: one sort, which agrees with a sort by two keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from resonaut.ingest.batch import Ragged
from resonaut.ingest.ordering import by_pt, falling_pt

PT = st.floats(0, 1e6, width=32)


@given(st.lists(st.tuples(st.integers(0, 5), PT), max_size=40))
def test_agrees_with_two_keys(values: list[tuple[int, float]]) -> None:
    """Rows in any order, pt 0 and equal pt: the stable order by row and then by falling pt."""
    rows = np.array([row for row, _ in values], np.int64)
    pt = np.array([value for _, value in values], np.float32)
    expected = np.lexsort((-pt, rows)).tolist()
    assert falling_pt(rows, pt).tolist() == expected
    assert falling_pt(rows, pt.astype(np.float64)).tolist() == expected


def test_what_is_no_pt_stays_in_its_row() -> None:
    rows = np.repeat(np.array([0, 2**31 - 2]), 8)
    bad = np.array([-1.0, np.nan, -np.nan, np.inf, -np.inf, -0.0, 1e300, 5.0])
    found = falling_pt(rows, np.tile(bad, 2))
    assert rows[found].tolist() == rows.tolist()
    assert sorted(found.tolist()) == list(range(16))


def test_equal_in_single_precision_keep_their_order() -> None:
    """The store holds float32: the order of the file is kept where that cannot tell values apart."""
    assert falling_pt(np.zeros(3), np.array([100.0, 100.0 + 1e-7, 100.001])).tolist() == [2, 0, 1]
    assert falling_pt(np.zeros(2), np.array([0.0, 1e-44], np.float32)).tolist() == [1, 0]


def test_constituents_follow_their_jets() -> None:
    """Two events, of 3 jets and of 1; the second jet of the first has no constituents."""
    jets = Ragged({"pt": np.array([1.0, 3, 2, 7]), "tag": np.arange(4)}, np.array([0, 3, 4]))
    pt = np.array([0.5, 0.6, 2.0, 3.0, 4.0, 1.0])
    constituents = Ragged({"pt": pt, "of": np.array([0, 0, 2, 3, 3, 3])}, np.array([0, 2, 2, 3, 6]))
    jets, constituents = by_pt(jets, constituents)
    assert jets.columns["tag"].tolist() == [1, 2, 0, 3]
    assert jets.offsets.tolist() == [0, 3, 4]
    assert constituents.offsets.tolist() == [0, 0, 1, 3, 6]
    assert constituents.columns["of"].tolist() == [2, 0, 0, 3, 3, 3]
    assert constituents.columns["pt"].tolist() == [2, 0.6, 0.5, 4, 3, 1]


def test_nothing_to_sort() -> None:
    none = Ragged({"pt": np.zeros(0)}, np.zeros(3, np.int64))
    jets, constituents = by_pt(none, Ragged({"pt": np.zeros(0)}, np.zeros(1, np.int64)))
    assert len(jets.columns["pt"]) == len(constituents.columns["pt"]) == 0
    assert by_pt(none, None)[0].offsets.tolist() == [0, 0, 0]
