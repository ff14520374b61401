"""Toys of one method's search from its fitted backgrounds, every background fitted again.

Selections of a window are nested and drawn as slices. Each window has a selection of its own, from networks
of its own, and how they share events is known to the bootstrap only: toys take windows for independent, so
their global p-value is from above where windows or their side bands overlap.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resonaut.infer.global_tests import LocalTest
from resonaut.stats import bumphunter, poisson, scan_toys
from resonaut.stats.bumphunter import BumpHunt


def draw_window(
    tests: Sequence[LocalTest], n_toys: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Toy events of the selections of one window, from background-only fits to all its bins.

    Args:
        tests: of one method and window, the loosest selection first.

    Returns:
        Selected (n_toys, E, B) and all (n_toys, B) events in the side bands and the signal region; of the
        signal region only selected ones. NaN where a fit did not converge.
    """
    nulls = [poisson.fit(test.model.window.model, test.model.counts[test.row]) for test in tests]
    shown = tests[0].model.shown
    if not all(null.converged for null in nulls):
        return np.full((n_toys, len(tests), len(shown)), np.nan), np.full((n_toys, len(shown)), np.nan)
    expected = np.stack(
        [
            np.where(shown, test.model.window.selected.expected(null.parameters), 0.0)
            for test, null in zip(tests, nulls, strict=True)
        ]
    )
    loosest = tests[0].model
    failing = np.zeros(len(shown))
    bins = loosest.window.groups[: loosest.n_failing, : len(failing)].argmax(axis=1)
    failing[bins] = nulls[0].expected[: loosest.n_failing]
    selected = scan_toys.draw(expected, n_toys, rng).astype(float)
    return selected, selected[:, 0] + rng.poisson(failing, (n_toys, len(failing)))


def window_toys(tests: Sequence[LocalTest], n_toys: int, rng: np.random.Generator) -> np.ndarray:
    """Significances (n_toys, E) of toys of the selections of one window; arguments as in `draw_window`."""
    selected, total = draw_window(tests, n_toys, rng)
    if np.isnan(total).any():
        return np.full((n_toys, len(tests)), np.nan)
    return np.stack([test.z(selected[:, number], total) for number, test in enumerate(tests)], axis=1)


def method_toys(tests: Sequence[LocalTest], n_toys: int, rng: np.random.Generator) -> np.ndarray:
    """(n_toys, J) significances of all tests of one method, windows independent of each other."""
    windows = sorted({test.number for test in tests})
    of_window = [[test for test in tests if test.number == number] for number in windows]
    return np.concatenate([window_toys(own, n_toys, rng) for own in of_window], axis=1)


def bump_hunt(test: LocalTest, width_max: int, n_toys: int, rng: np.random.Generator) -> BumpHunt:
    """Bump hunt in the side bands and the signal region of one test, with refits.

    Args:
        width_max: widest window, bins.
    """
    model, row = test.model.shaped(), test.row
    n_selected = int(test.model.shown.sum())
    widths = range(1, min(width_max, n_selected) + 1)
    counts = test.model.shaped_counts()[row]
    return bumphunter.hunt(counts, model, widths, n_toys, rng, skip=test.model.n_failing)
