"""A straight line of the density from side band to side band: the counts of the side bands, interpolated.

With side bands of equal widths on both sides of the window this is the mean of their densities; other ones
are weighted as the line wants. It is the Bernstein polynomial of degree one, f(m) = a (1 - t) + b t with t
from 0 to 1 over the range of the edges, a and b positive. Right where the spectrum is straight over window
and side bands; where it falls like an exponential the background of the window is overestimated, by (w / l)^2
/ 6 for side bands out to w on both sides of a narrow window and a spectrum exp(-m / l).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from resonaut.settings import Settings as Base

if TYPE_CHECKING:
    import numpy as np

    from resonaut.stats.loglinear import LogLinear


class Settings(Base):
    """A line has nothing to set."""


def build(settings: Settings) -> Callable[[np.ndarray], LogLinear]:
    """The function of bin edges (GeV) that returns the binned spectrum.

    Its two parameters are ln a and ln b, the densities at the lower and the upper end, events per GeV.
    """
    import numpy as np

    from resonaut.stats.families import of_positive_terms

    def spectrum(edges: np.ndarray) -> LogLinear:
        def terms(mass: np.ndarray) -> np.ndarray:
            t = (mass - edges[0]) / (edges[-1] - edges[0])
            return np.stack([1 - t, t], axis=-1)

        return of_positive_terms(terms, edges)

    return spectrum
