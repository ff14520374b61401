"""Numbers of results by their place, the errors that are stated for them, and how two differ."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut.comparing.numbers import (
    difference,
    escape,
    is_number,
    joint_error,
    key_of,
    leaves,
    sigma,
    significance_of,
)

RESULT = {
    "best": {"low": 3300.0, "high": 3700.0, "z_local": 5.8, "p_value": 3e-9, "observed": 129},
    "signal": {"events": 67.5, "error": 12.6, "low": 55.1, "high": 80.4},
    "auc": 0.9,
    "auc_error": 0.004,
    "gain": {"value": 5.0, "low": 4.0, "high": 6.5},
    "rejection": {"0.3": {"signal_efficiency": 0.3, "rejection": 271.0, "error": 82.0}},
    "efficiency": {"efficiency": [0.5, 0.6], "lower": [0.4, 0.5], "upper": [0.7, 0.7]},
    "upper_limit": {"observed": 89.0, "expected_minus_1sigma": 14.0, "expected_plus_1sigma": 28.0},
    "curve": {"improvement": [2.0, 3.0], "improvement_low": [1.0, 2.5], "improvement_high": [2.0, 4.5]},
    "text": "a",
    "nothing": None,
    "provenance": {"settings": {"seed": 1}},
}


def test_leaves_have_the_pointers_of_rfc_6901() -> None:
    # The example of section 5 of the RFC: keys with '/', '~', and an empty one.
    found = leaves({"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "m~n": 8})
    assert found == {"/foo/0": "bar", "/foo/1": "baz", "/": 0, "/a~1b": 1, "/c%d": 2, "/m~0n": 8}
    assert not any(pointer.startswith("/provenance") for pointer in leaves(RESULT))


@given(st.recursive(st.integers() | st.booleans(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_every_number_is_found_once_under_its_pointer(value) -> None:
    def resolve(pointer):
        target = value
        for token in pointer.split("/")[1:]:
            key = token.replace("~1", "/").replace("~0", "~")
            target = target[int(key)] if isinstance(target, list) else target[key]
        return target

    def count(x) -> int:
        if isinstance(x, dict):
            return sum(count(inner) for key, inner in x.items() if key != "provenance")
        return sum(map(count, x)) if isinstance(x, list) else 1

    found = leaves(value)
    assert len(found) == count(value)
    assert all(resolve(pointer) is leaf for pointer, leaf in found.items())


def test_entries_of_lists_are_named_by_what_they_are() -> None:
    windows = [{"low": 2900.0, "high": 3300.0, "selection_efficiency": e, "z": e} for e in (0.1, 0.01)]
    named = leaves({"windows": windows}, named=True)
    assert named["/windows/2900-3300 0.1/z"] == 0.1
    # One more window in front shifts no other.
    more = leaves({"windows": [{**windows[0], "low": 2500.0}, *windows]}, named=True)
    assert named.items() <= more.items()
    same = [{"name": "a", "x": 1}, {"name": "a", "x": 2}]
    assert leaves(same, named=True)["/1/x"] == 2
    assert leaves([1, 2], named=True) == {"/0": 1, "/1": 2}
    assert escape("a/b~c") == "a~1b~0c"


@pytest.mark.parametrize(
    ("pointer", "error"),
    [
        ("/auc", 0.004),
        ("/signal/events", 12.6),
        ("/signal/low", None),
        ("/signal/error", None),
        ("/gain/value", 1.25),
        ("/rejection/0.3/rejection", 82.0),
        ("/rejection/0.3/signal_efficiency", None),
        ("/efficiency/efficiency/0", 0.15),
        ("/efficiency/efficiency/1", 0.1),
        ("/upper_limit/observed", 7.0),
        ("/curve/improvement/1", 1.0),
        ("/best/z_local", 1.0),
        ("/best/low", None),
        ("/best/observed", None),
    ],
)
def test_the_stated_error_of_a_number(pointer, error) -> None:
    found = sigma(leaves(RESULT), pointer)
    assert found == (None if error is None else pytest.approx(error))


def test_differences() -> None:
    found = difference(10.0, 12.0, 0.5)
    assert (found.relative, found.sigmas) == (pytest.approx(1 / 6), 4.0)
    back = difference(12.0, 10.0, 0.5)
    assert (back.relative, back.sigmas) == (found.relative, found.sigmas)
    assert difference(0.0, 0.0, None).relative == 0.0
    assert difference(1.0, None, 0.5).relative is None
    assert difference(True, False, 0.5).sigmas is None
    assert difference("a", "b", None).sigmas is None
    # 5 sigma against 3 sigma, one-sided.
    assert difference(2.866516e-7, 1.349898e-3, None, "p_value").sigmas == pytest.approx(2, abs=1e-5)
    assert difference(2.866516e-7, 1.349898e-3, None, "fraction").sigmas is None


@given(st.floats(-8, 37))
def test_significances_of_p_values_are_the_inverse_of_the_gaussian_tail(z) -> None:
    assert significance_of(0.5 * math.erfc(z / math.sqrt(2))) == pytest.approx(
        z, rel=1e-6, abs=1e-1 * (z < -6) + 1e-6
    )


def test_the_error_of_a_difference() -> None:
    old, new = {"/auc": 0.9, "/auc_error": 0.003}, {"/auc": 0.8, "/auc_error": 0.004}
    assert joint_error(old, new, "/auc") == pytest.approx(0.005)
    assert joint_error(old, {"/auc": 0.8}, "/auc") == 0.003
    assert joint_error({"/auc": 0.9}, {"/auc": 0.8}, "/auc") is None
    assert joint_error({"/z": 5.0}, {"/z": 4.0}, "/z") == 1.0
    # 1 of 500 toys then, 4 now: 1.3 errors of the toys, though the significances differ by 0.4.
    p_old, p_new = 0.002, 0.008
    apart = significance_of(p_old) - significance_of(p_new)
    assert difference(p_old, p_new, 0.0045, "p_value").sigmas == pytest.approx(apart, rel=1e-6)
    assert difference(p_old, p_new, 0.06, "p_value").sigmas == pytest.approx(0.1)


def test_ends_of_the_range() -> None:
    assert significance_of(0.0) > 38
    assert significance_of(1.0) == -38.0
    assert [is_number(x) for x in (1, 1.5, True, math.inf, math.nan, "1", None)] == [True] * 3 + [False] * 4
    assert key_of("/a/b/0/1") == "b"
    assert key_of("/windows/0/z") == "z"
