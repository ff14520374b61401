"""The function of UA2, f(x) = p1 x^-p2 exp(-p3 x - p4 x^2 - ...) with x = m / sqrt(s).

UA2 described its dijet masses with p1 x^-p2 exp(-p3 x - p4 x^2) (Z. Phys. C 49 (1991) 17). With 3 parameters
it is the power law times exponential of CMS (PowExp, arXiv:2206.09997), with 2 a power law. Its logarithm is
linear in (ln p1, p2, p3, ...).
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

    n_parameters: int = Field(4, ge=2, le=6, description="Number of parameters, p1 included; UA2 had 4.")
    sqrt_s: float = Field(13_000.0, gt=0, description="Centre-of-mass energy, GeV.")


def build(settings: Settings) -> Callable[[np.ndarray], LogLinear]:
    """The function of bin edges (GeV) that returns the binned spectrum.

    Its parameters are (ln p1, p2, p3, ...), p1 in events per GeV. The returned function raises ConfigError
    where an edge is not between 0 and sqrt(s).
    """
    import numpy as np

    from resonaut.stats.families import of_scaled_mass

    def features(x: np.ndarray) -> np.ndarray:
        powers = [-(x**power) for power in range(1, settings.n_parameters - 1)]
        return np.stack([np.ones_like(x), -np.log(x), *powers], axis=-1)

    return of_scaled_mass(features, settings.sqrt_s, "UA2")
