"""Maximum likelihood by Fisher scoring, many fits at once, and what is tried where it does not converge.

Scoring for the composite link (Thompson and Baker, doi:10.2307/2346381) in float64. A step is shortened where
it would raise the objective, and clipped where it would change a spectrum by a large factor. Fits that do not
converge start again elsewhere, then go to Minuit one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from resonaut.stats.composite import Composite

MAX_ITERATIONS = 100
MAX_HALVINGS = 12
LARGEST_LOG_STEP = 3.0
TOLERANCE = 1e-13
"""Of the Newton decrement before the last step. Where a signal below zero takes a bin's expectation to zero,
rounding of their difference leaves 1e-16 of the background."""
MOST_MINUIT_CALLS = 400
_FLOOR = 1e-300
_TINY = 1e-8


def minimise(problem: Composite, starts: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Fit, from one start after the other as long as some fits have not converged.

    Args:
        problem: n fits.
        starts: arrays (n, n_values) of values to begin with.

    Returns:
        The values (n, n_values) and (n) where they are those of a minimum.
    """
    values = np.zeros((len(problem.counts), problem.n_values))
    first = values.copy()
    converged = np.zeros(len(values), bool)
    # Of nothing seen, or of something that is no number, there is no maximum.
    waiting = np.flatnonzero(problem.counts.sum(axis=-1) > 0)
    for first in starts:
        values[waiting], converged[waiting] = descend(problem.take(waiting), first[waiting])
        waiting = waiting[~converged[waiting]]
        if not len(waiting):
            return values, converged
    for row in waiting:
        one = problem.take(np.array([row]))
        values[[row]], converged[row] = _by_minuit(one, values[[row]], first[[row]])
    return values, converged


def descend(problem: Composite, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fisher scoring from `values` (n, n_values). Returns the values and the converged flags."""
    values = values.copy()
    converged = np.zeros(len(values), bool)
    active = np.arange(len(values))
    part, here = problem, values
    expected = part.expected(here)
    now = part.objective(here, expected)
    for _ in range(MAX_ITERATIONS):
        score, information = part.information(here, expected)
        usable = part.possible(expected) & np.isfinite(now) & np.isfinite(information).all(axis=(-1, -2))
        information[~usable] = np.eye(information.shape[-1])
        score[~usable] = 0
        step = _solve(information, score)
        small, rising = TOLERANCE * (1 + now), np.zeros(len(active), bool)
        far = np.flatnonzero(usable & (part.log_step(step) > LARGEST_LOG_STEP))
        if len(far):
            slope = part.take(far).node_score(here[far], expected[far])
            step[far], rising[far] = _clipped(part, score[far], information[far], slope, small[far])
        # The Newton decrement estimates twice the distance in log-likelihood.
        done = usable & ~rising & (np.abs((step * score).sum(axis=-1)) < small)
        slack = 1e-13 * part.counts.sum(axis=-1) + 1e-11
        moved, expected, now, better = _halve(part, here, step, now + slack)
        values[active[better]] = moved[better]
        converged[active[done]] = True
        go_on = usable & ~done & better
        active = active[go_on]
        if not len(active):
            break
        part, here, expected, now = part.take(go_on), moved[go_on], expected[go_on], now[go_on]
    return values, converged


def _solve(information: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Solve after scaling to unit diagonal; a small ridge keeps flat directions finite."""
    scale = np.sqrt(np.maximum(np.einsum("...ii->...i", information), _FLOOR))
    scaled = information / (scale[..., None] * scale[..., None, :])
    scaled = scaled + 1e-12 * np.eye(scaled.shape[-1])
    return np.linalg.solve(scaled, (score / scale)[..., None])[..., 0] / scale


def _clipped(
    problem: Composite, score: np.ndarray, information: np.ndarray, slope: np.ndarray, small: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Steps that go at most `LARGEST_LOG_STEP` along each eigenvector of the information.

    One coefficient that wants to vanish (its logarithm to minus infinity) must not hold up the others. One
    that vanished too early gains little per step on its way back, but much in the end.

    Args:
        slope: (n, n_nodes) as `Composite.node_score`.
        small: (n) what need not be gained any more.

    Returns:
        Steps (n, k), and (n) whether something that was clipped is on its way up.
    """
    stiffness, vectors = _directions(information, problem.free == problem.n_background)
    along = np.einsum("nij,ni->nj", vectors, score)
    rising = np.zeros(len(score), bool)
    step = np.zeros(score.shape)
    for i in range(score.shape[-1]):
        vector = vectors[..., i]
        largest = LARGEST_LOG_STEP / np.maximum(problem.log_step(vector), 1e-6)
        whole = along[:, i] / stiffness[:, i]
        step += np.clip(whole, -largest, largest)[:, None] * vector
        moves = np.sign(whole)[:, None] * (vector[:, : problem.n_background] @ problem.model.nodes.T)
        gain = np.maximum(moves * slope, 0)
        up = (gain * (moves > 0)).sum(axis=-1) > (gain * (moves < 0)).sum(axis=-1)
        rising |= up & (np.abs(whole) > largest) & (np.abs(whole * along[:, i]) > small)
    return step, rising


def _directions(information: np.ndarray, signal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Eigenvalues (n, k) and eigenvectors (n, k, k) of the information, s (column `signal`) in its own units.

    Parameters that nearly vanish stay apart: rounding would mix them with each other.
    """
    size = np.maximum(np.einsum("...ii->...i", information), _FLOOR)
    scale = np.where(signal, np.sqrt(size), 1.0)
    scaled = information / (scale[..., None] * scale[:, None, :])
    size = size / scale**2
    tiny = size < _TINY * size.max(axis=-1, keepdims=True)
    apart = tiny[:, :, None] | tiny[:, None, :]
    scaled = np.where(apart, tiny[:, :, None] * np.eye(scaled.shape[-1]) * size[:, None, :], scaled)
    stiffness, vectors = np.linalg.eigh(scaled)
    return np.maximum(stiffness, _FLOOR), vectors / scale[..., None]


def _halve(
    problem: Composite, values: np.ndarray, step: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Shorten steps until the objective is at most `limit`.

    Returns:
        New values, what they expect, their objective, and where this worked.
    """
    moved, expected, objective, better = _try(problem, values, step, limit)
    rest = np.flatnonzero(~better)
    for halving in range(1, MAX_HALVINGS):
        if not len(rest):
            break
        shorter = _try(problem.take(rest), values[rest], step[rest] * 0.5**halving, limit[rest])
        moved[rest], expected[rest], objective[rest], better[rest] = shorter
        rest = rest[~shorter[-1]]
    return moved, expected, objective, better


def _try(
    problem: Composite, values: np.ndarray, step: np.ndarray, limit: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Take a step; results as of `_halve`."""
    moved = values.copy()
    moved[:, problem.free] += step
    expected = problem.expected(moved)
    objective = problem.objective(moved, expected)
    with np.errstate(invalid="ignore"):
        return moved, expected, objective, problem.possible(expected) & (objective <= limit)


def _by_minuit(problem: Composite, values: np.ndarray, first: np.ndarray) -> tuple[np.ndarray, bool]:
    """One fit by Minuit (James and Roos, doi:10.1016/0010-4655(75)90039-9), polished by `descend`."""
    from iminuit import Minuit

    def usable(start: np.ndarray) -> bool:
        expected = problem.expected(start)
        known = problem.possible(expected).all() and np.isfinite(problem.objective(start, expected)).all()
        return bool(known and np.isfinite(problem.information(start, expected)[1]).all())

    start = values if usable(values) else first
    if not usable(start):
        return values, False
    _, information = problem.information(start, problem.expected(start))
    units = 1 / np.sqrt(np.maximum(np.diagonal(information[0]), 1e-12))

    def at(steps: np.ndarray) -> np.ndarray:
        moved = start.copy()
        moved[0, problem.free] += units * steps
        return moved

    def objective(steps: np.ndarray) -> float:
        expected = problem.expected(at(steps))
        value = problem.objective(at(steps), expected)[0]
        return float(value) if problem.possible(expected)[0] and np.isfinite(value) else 1e30

    def gradient(steps: np.ndarray) -> np.ndarray:
        return -2 * units * problem.information(at(steps), problem.expected(at(steps)))[0][0]

    minuit = Minuit(objective, np.zeros(len(units)), grad=gradient)
    minuit.errordef, minuit.tol = Minuit.LEAST_SQUARES, 1e-6
    minuit.migrad(ncall=MOST_MINUIT_CALLS)
    found = at(np.array(minuit.values))
    polished, converged = descend(problem, found)
    return (polished, True) if converged[0] else (found, bool(minuit.valid))
