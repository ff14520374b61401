"""LoLa: trained combinations of four-momenta and a layer with the Minkowski metric (arXiv:1707.08966)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count
from resonaut.tag.interface import Tagger
from resonaut.tag.settings import TaggerSettings

if TYPE_CHECKING:
    from torch import nn

Width = Annotated[Count, Field(ge=1)]


class LolaTraining(ScheduledTraining):
    """How LoLa is trained."""

    epochs: Count = Field(20, ge=1, description="Epochs at most.")
    batch_size: Count = Field(128, ge=1, description="Jets per step.")


class Settings(TaggerSettings):
    """Settings of LoLa. The defaults give the 127k weights of arXiv:1902.09914, with two outputs."""

    n_momenta: Count = Field(80, ge=1, description="Constituents that are used, the hardest.")
    n_combinations: Count = Field(19, ge=1, description="Trained combinations of their four-momenta.")
    f: tuple[Width, ...] = Field((100, 50), min_length=1, description="Hidden layers.")
    training: LolaTraining = LolaTraining()


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.lola import LoLa

        return LoLa(settings.n_momenta, settings.n_combinations, settings.f, n_outputs=n_outputs)

    return Tagger(inputs=("delta_eta", "delta_phi", "log_pt"), network=network)
