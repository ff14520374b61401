"""Numbers of a JSON result by their place in it, the errors that it states for them, and how two differ.

Places are JSON pointers (RFC 6901). What `provenance` holds (settings, versions, checksums) is not a number
of the result.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Leaf = float | int | bool | str | None

SKIPPED = "provenance"
NAMING = (
    ("name", "dataset", "mixture"),
    ("low", "high"),
    ("selection_efficiency", "efficiency", "strength", "injected", "epoch"),
    ("method", "function", "device", "batch"),
)
"""Keys that tell the entries of a list apart, as many of these groups as it takes; their values stand in
place of the position."""
MAIN = ("value", "events", "rejection", "p_value", "p_global", "p", "auc", "found")
"""What a sibling called `error` is the error of: the first of these that is there."""
BANDED = ("value", "events", "efficiency", "fraction")
"""What siblings `low` and `high`, or `lower` and `upper`, are the 68% interval of."""
SIGNIFICANCES = ("z", "z_local", "z_signed", "z_max")
PROBABILITIES = ("p", "p_value", "p_local", "p_global", "p_chi2", "ks_p", "goodness_of_fit")
LIMIT = "upper_limit"


def escape(token: object) -> str:
    """A key as a token of a JSON pointer."""
    return str(token).replace("~", "~0").replace("/", "~1")


def _name(entry: dict[str, Any], keys: Sequence[str]) -> str:
    words = [entry[key] for key in keys if isinstance(entry.get(key), str | int | float)]
    if {"low", "high"} <= set(keys) & set(entry):
        words = [word for word in words if word not in (entry["low"], entry["high"])]
        words.insert(0, f"{entry['low']}-{entry['high']}".replace(".0", ""))
    return " ".join(f"{word:g}" if isinstance(word, float) else str(word) for word in words)


def _names(entries: Sequence[Any]) -> list[str]:
    """What the entries of a list are called: by what tells them apart, or by their positions."""
    if entries and all(isinstance(entry, dict) for entry in entries):
        keys: list[str] = []
        for group in NAMING:
            keys += group
            names = [_name(entry, keys) for entry in entries]
            if all(names) and len(set(names)) == len(names):
                return names
    return [str(index) for index in range(len(entries))]


def _walk(value: Any, pointer: str, named: bool) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != SKIPPED:
                yield from _walk(inner, f"{pointer}/{escape(key)}", named)
    elif isinstance(value, list):
        tokens = _names(value) if named else [str(index) for index in range(len(value))]
        for token, inner in zip(tokens, value, strict=True):
            yield from _walk(inner, f"{pointer}/{escape(token)}", named)
    else:
        yield pointer, value


def leaves(value: Any, named: bool = False) -> dict[str, Leaf]:
    """Every number, truth value, text and null of a JSON result, by its pointer.

    Args:
        value: as read from JSON.
        named: entries of lists are called by what they are (window, method) instead of by their position, so
            that one more window does not shift the others.
    """
    return dict(_walk(value, "", named))


def is_number(leaf: Leaf) -> bool:
    """Whether a leaf is a finite number or a truth value."""
    return isinstance(leaf, bool | int) or (isinstance(leaf, float) and math.isfinite(leaf))


def key_of(pointer: str) -> str:
    """The key that a number stands under; for an entry of an array, that of the array."""
    tokens = pointer.split("/")
    return next((token for token in reversed(tokens) if token and not token.isdigit()), "")


def sigma(found: Mapping[str, Leaf], pointer: str) -> float | None:
    """The standard error that a result states for one of its numbers; None if it states none.

    In this order: `<key>_error`; `error`, beside the number that it belongs to (`MAIN`); half of the interval
    `<key>_low` to `<key>_high`, or of `low` to `high` and `lower` to `upper` (`BANDED`); half of the expected
    1 sigma band of a limit; 1 for a significance.

    Args:
        found: leaves of the result.
        pointer: of the number.
    """
    parent, tail = pointer, ""
    while parent and parent.rpartition("/")[2].isdigit():
        # An entry of an array: its errors stand at the same place of another array.
        parent, _, last = parent.rpartition("/")
        tail = f"/{last}{tail}"
    parent, _, key = parent.rpartition("/")

    def beside(name: str) -> float | None:
        leaf = found.get(f"{parent}/{name}{tail}")
        return float(leaf) if is_number(leaf) and not isinstance(leaf, bool) else None

    stated = beside(f"{key}_error")
    if stated is None and key == next((name for name in MAIN if beside(name) is not None), None):
        stated = beside("error")
    pairs = [(f"{key}_low", f"{key}_high")]
    if key in BANDED:
        pairs += [("low", "high"), ("lower", "upper")]
    if parent.rpartition("/")[2] == LIMIT:
        pairs.append(("expected_minus_1sigma", "expected_plus_1sigma"))
    for low, high in pairs:
        if stated is None and beside(low) is not None and beside(high) is not None:
            stated = abs(beside(high) - beside(low)) / 2
    if stated is None and key in SIGNIFICANCES:
        return 1.0
    return stated if stated else None


def joint_error(old: Mapping[str, Leaf], new: Mapping[str, Leaf], pointer: str) -> float | None:
    """The error of the difference of a number of two runs, if they were independent; None if none is stated.

    Of two significances it is taken as 1, though it were 1.41: that is strict, where events are the same.

    Args:
        old, new: leaves of the results.
        pointer: of the number in both.
    """
    if key_of(pointer) in SIGNIFICANCES:
        return 1.0
    stated = [error for error in (sigma(old, pointer), sigma(new, pointer)) if error is not None]
    return math.hypot(*stated) if stated else None


@dataclass(frozen=True)
class Difference:
    """A number of two runs.

    Attributes:
        relative: |new - old| / max(|old|, |new|); None where one is no number.
        sigmas: |new - old| in units of its error; None where none is stated.
    """

    old: Leaf
    new: Leaf
    relative: float | None
    sigmas: float | None


def significance_of(p_value: float) -> float:
    """One-sided Gaussian significance of a p-value; that of the smallest double for 0, the reverse for 1."""
    from statistics import NormalDist

    smallest = 5e-324
    if p_value >= 1.0:
        return -38.0
    p_value = max(p_value, smallest)
    # The inverse of the standard library loses the upper tail, not the lower one.
    return -NormalDist().inv_cdf(p_value)


def difference(old: Leaf, new: Leaf, error: float | None, key: str = "") -> Difference:
    """How much a number of two runs differs.

    Args:
        error: of the difference, from `joint_error`.
        key: that the number stands under. Of probabilities the significances are compared, unless they agree
            better within the error that they have from a number of toys.
    """
    if not (is_number(old) and is_number(new)) or isinstance(old, bool) or isinstance(new, bool):
        return Difference(old, new, None, None)
    change = abs(new - old)
    largest = max(abs(old), abs(new))
    relative = change / largest if largest else 0.0
    sigmas = None if error is None else change / error
    if key in PROBABILITIES and min(old, new) >= 0 and max(old, new) <= 1:
        apart = abs(significance_of(new) - significance_of(old))
        sigmas = apart if sigmas is None else min(apart, sigmas)
    return Difference(old, new, relative, sigmas)
