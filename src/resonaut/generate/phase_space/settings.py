"""Settings of a comparison of samplers of phase space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from resonaut.settings import Count, Settings


class GridSettings(Settings):
    """The adaptive grid."""

    n_bins: Count = Field(64, ge=2, description="Bins per axis.")
    n_iterations: Count = Field(12, ge=1, description="Adaptations.")
    n_points: Count = Field(10_000, ge=100, description="Points per adaptation.")
    damping: float = Field(
        0.75, ge=0, le=2, description="Exponent alpha (doi:10.1016/0021-9991(78)90004-9, equation 19)."
    )


class SamplerFlowSettings(Settings):
    """The flow: couplings of rational-quadratic splines (arXiv:1906.04032, arXiv:2001.05486)."""

    transforms: Count = Field(6, ge=1, description="Transforms, one after the other.")
    hidden: tuple[Count, ...] = Field((48, 48), min_length=1, description="Hidden layers of each.")
    bins: Count = Field(16, ge=2, description="Bins of each spline.")
    loss: Literal["kullback_leibler", "variance"] = Field(
        "kullback_leibler",
        description="kullback_leibler: of the integrand's density from the flow's; variance: of the weights "
        "(arXiv:2001.05486, section II); both from points of the flow itself.",
    )
    steps: Count = Field(1_500, ge=1, description="Steps of the optimiser.")
    n_points: Count = Field(512, ge=16, description="Points per step.")
    learning_rate: float = Field(3e-3, gt=0, description="Step of Adam, falling to 0 as a cosine.")
    uniform_share: float = Field(
        0.2, ge=0, lt=1, description="Share of uniform points among those that are learnt from."
    )


class PhaseSpaceSettings(Settings):
    """Which matrix element, sampled how."""

    process: Literal["drell_yan", "dalitz"] = Field(
        "dalitz",
        description="drell_yan: e+ e- to mu+ mu- by photon and Z, 60 to 120 GeV; dalitz: three massless "
        "particles with a resonance in each pair.",
    )
    samplers: tuple[Literal["uniform", "grid", "flow"], ...] = ("uniform", "grid", "flow")
    n_points: Count = Field(100_000, ge=1_000, description="Points that each sampler is measured with.")
    grid: GridSettings = GridSettings()
    flow: SamplerFlowSettings = SamplerFlowSettings()
    seed: Count = Field(1, ge=0, description="Of all random numbers.")
