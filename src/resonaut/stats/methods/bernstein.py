"""Bernstein polynomials with positive coefficients, f(m) = sum_k c_k B_(k,n)(t), t in [0, 1] over the range.

B_(k,n)(t) = binomial(n, k) t^k (1 - t)^(n - k); positive coefficients make the density positive. One of the
families of the ATLAS and CMS diphoton measurements (arXiv:1802.04146; arXiv:1407.0558). The range is
that of the edges: in a scan that of the side bands and the window. Where the data want a
coefficient of zero, its logarithm runs away and says nothing; the spectrum is still right.
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
    """Order of the polynomial."""

    n_parameters: int = Field(4, ge=1, le=8, description="Number of coefficients; the degree is one less.")


def build(settings: Settings) -> Callable[[np.ndarray], LogLinear]:
    """The function of bin edges (GeV) that returns the binned spectrum.

    Its parameters are ln c_k, c_k in events per GeV: c_0 is the density at the lower end of the edges, the
    last one that at the upper end.
    """
    import numpy as np

    from resonaut.stats.families import of_positive_terms

    def spectrum(edges: np.ndarray) -> LogLinear:
        from scipy.special import binom

        degree = settings.n_parameters - 1
        k = np.arange(degree + 1)

        def terms(mass: np.ndarray) -> np.ndarray:
            t = ((mass - edges[0]) / (edges[-1] - edges[0]))[:, None]
            return binom(degree, k) * t**k * (1 - t) ** (degree - k)

        return of_positive_terms(terms, edges)

    return spectrum
