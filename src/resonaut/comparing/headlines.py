"""The few numbers of a run that a reader asks for first, found in the results that are there.

A row of `HEADLINES` names files and pointers by patterns, so a new method or mixture shows up by itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from resonaut.comparing.numbers import LIMIT, Leaf, is_number, leaves, sigma

HEADLINES = (
    ("infer/*/global.json", r"/best/z", "local significance, best of all searches", "sigma"),
    ("infer/*/global.json", r"/bootstrap/p_value", "global p-value (bootstrap)", ""),
    ("infer/*/global.json", r"/bootstrap/z", "global significance (bootstrap)", "sigma"),
    ("infer/*/global.json", r"/gross_vitells/z", "global significance (upcrossings)", "sigma"),
    ("infer/*/*/significance.json", r"/best/z_local", "local significance, best window", "sigma"),
    ("infer/*/*/significance.json", r"/best/signal/events", "fitted signal, best window", "events"),
    ("infer/*/*/significance.json", r"/best/upper_limit/observed", "observed limit, best window", "events"),
    ("infer/*/*/significance.json", r"/best/upper_limit/expected", "expected limit, best window", "events"),
    ("infer/comparison.json", r"/entries/([^/]+)/auc/value", "AUC in the truth's window", ""),
    ("infer/comparison.json", r"/entries/([^/]+)/max_improvement/value", "largest improvement", ""),
    ("tag/*/metrics.json", r"/auc", "AUC", ""),
    ("tag/*/metrics.json", r"/accuracy", "accuracy", ""),
    ("tag/*/metrics.json", r"/rejection/([^/]+)/rejection", "background rejection at efficiency", ""),
    ("tag/*/metrics.json", r"/(macro_auc|mean_iou|resolution)", "", ""),
    ("generate/*/evaluation.json", r"/classifier/([^/]+/[^/]+)/auc", "AUC of a classifier against it", ""),
    ("generate/*/evaluation.json", r"/coverage/coverage", "coverage", ""),
    ("review/checks.json", r"/n_failed", "checks that failed", ""),
    ("review/checks.json", r"/n_checks", "checks", ""),
)
"""Pattern of files, of pointers (lists by name), what it is, unit."""
BEST = ("infer/*/global.json", "infer/*/*/significance.json")
"""Files whose `best` names a window."""


@dataclass(frozen=True)
class Headline:
    """A number that a reader asks for first.

    Attributes:
        value: a number, or the best window as text.
        error: its stated standard error, if there is one.
        unit: of both.
        path, pointer: where it stands; lists by name.
    """

    value: Leaf
    error: float | None
    unit: str
    path: str
    pointer: str

    def text(self) -> str:
        """The number with its error and unit."""
        # That of a significance is one by construction, that of a limit the width of its expected band.
        stated = None if self.unit == "sigma" or f"/{LIMIT}/" in self.pointer else self.error
        return f"{number_text(self.value, stated)} {self.unit}".strip()


def window_text(best: Mapping[str, Any]) -> str:
    """The best window of a result in words."""
    words = [f"{best.get('low'):g}-{best.get('high'):g} GeV"]
    if "selection_efficiency" in best:
        words.append(f"at efficiency {best['selection_efficiency']:g}")
    return " ".join([*words, *([f"({best['method']})"] if "z" in best else [])])


def _subject(path: str) -> str:
    """What a result is about, from its path: `infer/data/cwola/significance.json` is about `data / cwola`."""
    parts = path.split("/")
    return " / ".join(parts[1:-1]) or parts[0]


def headlines(results: Mapping[str, Any]) -> dict[str, Headline]:
    """The headline numbers of a run, by what they are.

    Args:
        results: JSON results by their path below `results/<study>`.
    """
    found: dict[str, Headline] = {}
    for pattern in BEST:
        for path in (path for path in results if fnmatchcase(path, pattern)):
            best = results[path].get("best")
            if isinstance(best, Mapping) and is_number(best.get("low")) and is_number(best.get("high")):
                label = f"{_subject(path)}: best window"
                found[label] = Headline(window_text(best), None, "", path, "/best")
    for pattern, pointer, what, unit in HEADLINES:
        for path in (path for path in results if fnmatchcase(path, pattern) and _fits(path, pattern)):
            named = leaves(results[path], named=True)
            for place in (place for place in named if re.fullmatch(pointer, place)):
                match = re.fullmatch(pointer, place)
                words = [what, *(group.replace("~1", "/") for group in match.groups())]
                label = f"{_subject(path)}: {' '.join(word for word in words if word)}"
                if is_number(named[place]):
                    found[label] = Headline(named[place], sigma(named, place), unit, path, place)
    return found


def _fits(path: str, pattern: str) -> bool:
    """`*` of a pattern stands for one part of a path."""
    return path.count("/") == pattern.count("/")


def number_text(value: Leaf, error: float | None = None) -> str:
    """A number for a reader: to two digits of its error, else to four of its own."""
    if value is None:
        return "none"
    if isinstance(value, str | bool):
        return str(value).lower() if isinstance(value, bool) else value
    if isinstance(value, int) and error is None:
        return f"{value}"
    if error is None or error <= 0 or not (1e-4 <= error < 1e5):
        return f"{value:.4g}" if error is None else f"{value:.4g} ± {error:.2g}"
    from math import floor, log10

    decimals = max(0, 1 - floor(log10(error)))
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"
