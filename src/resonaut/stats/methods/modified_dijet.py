"""The modified dijet function, f(x) = p1 (1 - x^(1/3))^p2 x^-(p3 + p4 ln x + ...) with x = m / sqrt(s).

The ATLAS searches for diphoton resonances use it (arXiv:1606.03833), and CMS as the second family of
an envelope over functions for pairs of dijets (ModDijet, arXiv:2206.09997). It falls more slowly towards the
kinematic limit than the dijet function. Its logarithm is linear in (ln p1, p2, p3, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import Field

from resonaut.settings import Settings as Base

if TYPE_CHECKING:
    import numpy as np

    from resonaut.stats.loglinear import LogLinear


class Settings(Base):
    """Order of the function."""

    n_parameters: int = Field(3, ge=2, le=6, description="Number of parameters, p1 included.")
    sqrt_s: float = Field(13_000.0, gt=0, description="Centre-of-mass energy, GeV.")


def build(settings: Settings) -> Callable[[np.ndarray], LogLinear]:
    """The function of bin edges (GeV) that returns the binned spectrum.

    Its parameters are (ln p1, p2, p3, ...), p1 in events per GeV. The returned function raises ConfigError
    where an edge is not between 0 and sqrt(s).
    """
    import numpy as np

    from resonaut.stats.families import of_scaled_mass

    def features(x: np.ndarray) -> np.ndarray:
        powers = [-(np.log(x) ** power) for power in range(1, settings.n_parameters - 1)]
        return np.stack([np.ones_like(x), np.log1p(-np.cbrt(x)), *powers], axis=-1)

    return of_scaled_mass(features, settings.sqrt_s, "modified dijet")
