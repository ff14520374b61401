"""Normalising flows on few points: one per training sample, all as one program."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from resonaut.nn.flows import FlowSettings, fit_flows
from resonaut.nn.lists import Member, Sample
from resonaut.seeds import generator, integer_seed

_N_VALIDATION = 5
"""One point of so many is kept for the choice of the epoch."""


def fit(
    training: np.ndarray, settings: FlowSettings, seed: int, what: str
) -> Callable[[int, int], np.ndarray]:
    """Learn every training sample.

    Args:
        training: (n_repetitions, n, n_dimensions).
        settings: of the flow.
        seed: of the study; a repetition's numbers depend on its number only.
        what: name for the progress lines.

    Returns:
        draw(repetition, count) -> (count, n_dimensions) points.
    """
    n_repetitions, count, n_dimensions = training.shape
    samples, members = [], []
    for repetition in range(n_repetitions):
        order = generator(seed, "amplification", "split", repetition).permutation(count)
        rows = order + count * repetition
        cut = max(1, count // _N_VALIDATION)
        samples += [Sample(part, np.ones(len(part))) for part in (rows[cut:], rows[:cut])]
        own = integer_seed(seed, "amplification", "flow", repetition)
        members.append(Member(own, 2 * repetition, 2 * repetition + 1))
    values = training.reshape(-1, n_dimensions).astype(np.float32)
    # The density depends on nothing: its condition is a column of zeros.
    flows = fit_flows(values, np.zeros((len(values), 1), np.float32), samples, members, settings, what)

    def draw(repetition: int, count: int) -> np.ndarray:
        own = integer_seed(seed, "amplification", "flow points", repetition)
        return flows.sample(repetition, np.zeros((count, 1), np.float32), own)

    return draw
