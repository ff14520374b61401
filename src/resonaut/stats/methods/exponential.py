"""Exponentials of a polynomial, f(x) = exp(p1 - p2 x - p3 x^2 - ...) with x = m / sqrt(s).

The exponential of a polynomial of the mass is one of the families of the diphoton searches (ATLAS,
arXiv:1802.04146). With 2 parameters it is a falling exponential.
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

    n_parameters: int = Field(3, ge=1, le=6, description="Number of parameters; the degree is one less.")
    sqrt_s: float = Field(13_000.0, gt=0, description="Centre-of-mass energy, GeV.")


def build(settings: Settings) -> Callable[[np.ndarray], LogLinear]:
    """The function of bin edges (GeV) that returns the binned spectrum.

    Its parameters are (p1, p2, p3, ...), exp(p1) in events per GeV. The returned function raises ConfigError
    where an edge is not between 0 and sqrt(s).
    """
    import numpy as np

    from resonaut.stats.families import of_scaled_mass

    def features(x: np.ndarray) -> np.ndarray:
        powers = [-(x**power) for power in range(1, settings.n_parameters)]
        return np.stack([np.ones_like(x), *powers], axis=-1)

    return of_scaled_mass(features, settings.sqrt_s, "exponential")
