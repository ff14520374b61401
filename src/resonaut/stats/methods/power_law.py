"""Running power laws, f(x) = p1 x^-(p2 + p3 ln x + p4 ln^2 x + ...) with x = m / sqrt(s).

A power law in the mass is one of the families of the diphoton searches (ATLAS, arXiv:1802.04146, section
6.2); here its exponent may run with ln x, as in the dijet function (arXiv:1910.08447, eq. 1) without its
factor (1 - x)^p2, which is the same family with nothing said about the kinematic limit.
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
        powers = [-(np.log(x) ** power) for power in range(1, settings.n_parameters)]
        return np.stack([np.ones_like(x), *powers], axis=-1)

    return of_scaled_mass(features, settings.sqrt_s, "power law")
