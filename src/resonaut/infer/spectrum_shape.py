"""The shape of a signal from a histogram of any origin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from resonaut.errors import BadValueError
from resonaut.infer.spectrum_file import consecutive_edges, counts_column
from resonaut.infer.spectrum_readers import read_table
from resonaut.infer.spectrum_table import energy_unit


@dataclass(frozen=True)
class Shape:
    """A histogram of simulated signal.

    Attributes:
        edges: (n_bins + 1,) GeV.
        content: (n_bins,) events or sums of weights, not negative.
    """

    edges: np.ndarray
    content: np.ndarray

    @property
    def mean(self) -> float:
        """Mean mass, GeV."""
        return float(self.content @ (self.edges[1:] + self.edges[:-1]) / 2 / self.content.sum())

    def rebinned(self, edges: np.ndarray, factor: float = 1.0) -> np.ndarray:
        """(n,) content in other bins, (n + 1,) GeV, with all masses multiplied by `factor`.

        Inside its bins the content is spread by a monotone cubic through its cumulated sum (Fritsch and
        Carlson, doi:10.1137/0717021).
        """
        from scipy.interpolate import PchipInterpolator

        cumulated = PchipInterpolator(self.edges, np.append(0.0, np.cumsum(self.content)))
        inside = np.clip(np.asarray(edges) / factor, self.edges[0], self.edges[-1])
        return np.maximum(np.diff(cumulated(inside)), 0.0)


def read_shape(name: str, column: str | None = None) -> Shape:
    """Read the shape of a signal from a histogram of any known kind.

    Raises:
        InputError: as `read_spectrum`; a bin holds a negative or no number, or all are empty.
    """
    table = read_table(name)
    found = counts_column(table, column)
    unit = energy_unit(table.mass) or 1.0
    edges = consecutive_edges(table.path, unit * table.low, unit * table.high, table.rows)
    wrong = np.flatnonzero(~(found.values >= 0))
    if len(wrong) or not found.values.sum() > 0:
        row, value = table.rows[wrong[0]] if len(wrong) else "the sum of all rows", 0.0
        value = found.values[wrong[0]] if len(wrong) else value
        raise BadValueError(
            f"{table.path}: the shape of a signal is not negative and not empty; {row} holds {value:g}. "
            "Merge its bins."
        )
    return Shape(edges, found.values)
