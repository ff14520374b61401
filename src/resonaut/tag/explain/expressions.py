"""Formulae of few observables, found by a beam search.

Observables are u = (x - median) / width, width being half that of the central 68 %. Level 1 has u and
functions of u; each next level joins the best formulae of the level before with those of level 1 by +, -, *
and /. What counts is the square of the correlation with the score, so that a + b * formula (linear scaling,
Keijzer, doi:10.1007/3-540-36599-0_7) is free. Of each complexity (observables, functions and signs) the best
is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "": lambda u: u,
    "abs": np.abs,
    "square": np.square,
    "tanh": np.tanh,
    "exp": lambda u: np.exp(np.clip(u, -10, 5)),
    "log1p_abs": lambda u: np.log1p(np.abs(u)),
}
SIGNS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    # Analytic quotient (doi:10.1109/TEVC.2012.2196525): a division that never fails.
    "/": lambda a, b: a / np.sqrt(1 + b**2),
}
N_BEAM = 60
N_FIRST = 40


@dataclass(frozen=True)
class Formula:
    """A formula.

    Attributes:
        text: of the formula in u[name].
        complexity: observables, functions and signs in it.
        observables: names, sorted.
        program: how it is worked out: (function, name), or (sign, left, right).
    """

    text: str
    complexity: int
    observables: tuple[str, ...]
    program: tuple

    def __call__(self, columns: dict[str, np.ndarray]) -> np.ndarray:
        """Values (n,) from standardised columns."""
        return _run(self.program, columns)


def _run(program: tuple, columns: dict[str, np.ndarray]) -> np.ndarray:
    if len(program) == 2:
        return FUNCTIONS[program[0]](columns[program[1]])
    sign, left, right = program
    return SIGNS[sign](_run(left, columns), _run(right, columns))


def scales(values: np.ndarray) -> tuple[float, float]:
    """Median, and half the width of the central 68 %; 1 where that is 0."""
    low, middle, high = np.quantile(values, (0.16, 0.5, 0.84))
    return float(middle), float((high - low) / 2) or 1.0


def search(columns: dict[str, np.ndarray], wanted: np.ndarray, complexity: int) -> list[Formula]:
    """The best formula of each complexity, where it is better than all simpler ones.

    Args:
        columns: standardised, (n,) each.
        wanted: (n,) values that a + b * formula should give.
        complexity: largest.
    """
    target = _centred(wanted)
    first = [
        Formula(f"{function}({name})" if function else name, 1 + bool(function), (name,), (function, name))
        for name in sorted(columns)
        for function in FUNCTIONS
    ]
    pool = _ranked([f for f in first if f.complexity <= complexity], columns, target)
    base, beam, every = pool[:N_FIRST], pool[:N_BEAM], list(pool)
    while beam:
        joined: dict[str, Formula] = {}
        for left in (formula for _, formula in beam):
            for right in (formula for _, formula in base):
                for made in _joined(left, right, complexity):
                    joined.setdefault(made.text, made)
        ranked = _ranked(list(joined.values()), columns, target)
        every += ranked
        beam = ranked[:N_BEAM]
    front, best = [], 0.0
    for size in range(1, complexity + 1):
        of_size = [entry for entry in every if entry[1].complexity == size]
        if of_size and max(of_size, key=_better)[0] > best + 1e-6:
            best, formula = max(of_size, key=_better)
            front.append(formula)
    return front


def _better(entry: tuple[float, Formula]) -> tuple[float, str]:
    return entry[0], entry[1].text


def _joined(left: Formula, right: Formula, complexity: int) -> list[Formula]:
    size = left.complexity + right.complexity + 1
    if size > complexity:
        return []
    names = tuple(sorted({*left.observables, *right.observables}))
    signs = [sign for sign in SIGNS if sign in "*/" or left.text != right.text]
    return [
        Formula(f"({left.text} {sign} {right.text})", size, names, (sign, left.program, right.program))
        for sign in signs
    ]


def _centred(values: np.ndarray) -> np.ndarray:
    centred = values - values.mean()
    norm = np.sqrt(centred @ centred)
    return centred / norm if norm > 0 else centred


def _ranked(
    formulae: list[Formula], columns: dict[str, np.ndarray], target: np.ndarray
) -> list[tuple[float, Formula]]:
    """Squares of correlations, the best first; formulae that give the same numbers count once."""
    found: dict[float, tuple[float, Formula]] = {}
    for formula in sorted(formulae, key=lambda one: (one.complexity, one.text)):
        with np.errstate(all="ignore"):
            values = formula(columns)
        if np.isfinite(values).all() and np.abs(values).max(initial=0) < 1e12:
            fit = float(_centred(values) @ target) ** 2
            found.setdefault(round(fit, 12), (fit, formula))
    return sorted(found.values(), key=lambda entry: (-entry[0], entry[1].complexity, entry[1].text))
