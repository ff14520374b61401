"""Sorting is that of a stable argsort, whatever the width of the keys."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from resonaut.simulate.order import stable_order


@given(keys=st.lists(st.integers(0, 50)), shift=st.sampled_from([0, 20, 56]))
def test_stable_order(keys, shift):
    key = np.array(keys, dtype=np.int64) << shift
    assert stable_order(key, shift + 6).tolist() == np.argsort(key, kind="stable").tolist()
