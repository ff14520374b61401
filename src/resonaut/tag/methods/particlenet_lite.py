"""ParticleNet-Lite: ParticleNet with fewer neighbours and narrower layers (arXiv:1902.08570, figure 2b)."""

from __future__ import annotations

from pydantic import Field

from resonaut.settings import Count
from resonaut.tag.methods import particlenet
from resonaut.tag.methods.particlenet import Layers, Width

build = particlenet.build


class Settings(particlenet.Settings):
    """Settings of ParticleNet-Lite."""

    channels: tuple[Layers, ...] = Field(
        ((32, 32, 32), (64, 64, 64)), min_length=1, description="Layers of each edge convolution."
    )
    k: Count = Field(7, ge=1, description="Neighbours of each constituent.")
    f: tuple[Width, ...] = Field((128,), description="Hidden layers after the mean over constituents.")
