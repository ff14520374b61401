"""Gradient-boosted trees on features, of events or of jets (scikit-learn's histograms; arXiv:2309.13111)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import model_validator

from resonaut.nn import trees
from resonaut.tag.feature_settings import FeatureTaggerSettings
from resonaut.tag.interface import Table, Tagger

if TYPE_CHECKING:
    from torch import nn

    from resonaut.nn.training import History


class Settings(FeatureTaggerSettings):
    """Settings of the boosted trees."""

    training: trees.BoostingSettings = trees.BoostingSettings()

    @model_validator(mode="after")
    def _restarts_differ(self) -> Settings:
        if self.restarts > 1 and self.training.max_features == 1:
            raise ValueError(
                "restarts: with all features at every split, trees from other seeds are the same; set "
                "training.max_features below 1, or restarts to 1"
            )
        return self


def build(settings: Settings) -> Tagger:
    """The tagger for these settings."""

    def network(n_outputs: int = 1) -> nn.Module:
        from resonaut.nn.networks.trees import TreeEnsemble

        return TreeEnsemble(len(settings.inputs), n_outputs)

    def fit(network: nn.Module, training: Table, validation: Table, task: str, seed: int) -> History:
        import torch

        arrays, history = trees.fit(
            *(training, validation, task, network.n_outputs, settings.training),
            seed=seed,
            threads=torch.get_num_threads(),
        )
        network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        return history

    return Tagger(inputs=settings.inputs, network=network, fit=fit)
