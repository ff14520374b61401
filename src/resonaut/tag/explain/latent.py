"""The latent space of a tagger, or of an autoencoder of the background, with observables as colours.

The result has `of` (tagger or autoencoder), `n_units`, `n_dead` (units that are constant), `variance` (shares
of the principal components), `points` (components 1 and 2, class and observables of some rows), and by
component and observable the correlation of ranks (`spearman`, with the standard error of uncorrelated ones);
`auc` of the components, and of an autoencoder of `reconstruction`, its squared error.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import InputError
from resonaut.nn.device import seeded
from resonaut.nn.latent import PrincipalComponents, latent
from resonaut.nn.networks.autoencoder import Autoencoder
from resonaut.nn.reconstruction import squared_error
from resonaut.nn.samples import FixedSamples
from resonaut.nn.training import train
from resonaut.seeds import generator, integer_seed
from resonaut.tag.explain import association
from resonaut.tag.explain import decision_ordering as ordering
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import EncoderSettings, ExplainSettings
from resonaut.tag.rows.prepare import Prepared

N_COMPONENTS = 6
N_POINTS = 600
"""Rows of each class that the figure shows."""


def measure(rows: Rows, settings: ExplainSettings, prepared: Prepared | None = None) -> dict[str, Any]:
    """See the module.

    Args:
        prepared: training rows, where an autoencoder learns from them.

    Raises:
        InputError: the tagger has no latent space, or its rows are no inputs of an autoencoder.
    """
    error = None
    if settings.autoencoder is None:
        values = latent(rows.trained.networks[0], rows.samples(), rows.where, "cpu")
    else:
        values, error = _encoded(rows, settings.autoencoder, prepared)
    spread = values.std(axis=0)
    n_alive = int((spread > 1e-6 * spread.max(initial=0)).sum())
    components = PrincipalComponents.of(values, min(N_COMPONENTS, n_alive), rows.where)
    projected = components.project(values).astype(np.float64)
    total = values.astype(np.float64).var(axis=0).sum()
    known = {"score": rows.score(), **rows.observables}
    found = {
        "of": "tagger" if settings.autoencoder is None else "autoencoder",
        "n_units": values.shape[1],
        "n_dead": values.shape[1] - n_alive,
        "variance": (components.widths**2 / total).tolist(),
        "spearman": {
            name: [association.spearman(one, column) for one in projected.T] for name, column in known.items()
        },
        "standard": float(np.sqrt(1.06 / max(1, len(rows) - 3))),
        "points": _points(rows, projected),
    }
    if rows.target is not None:
        found["auc"] = [_auc(one, rows.label) for one in projected.T]
        if error is not None:
            # Anomalous is what is drawn badly: here the side matters.
            found["reconstruction"] = ordering.auc(ordering.signs(error, rows.label)).as_json()
    return found


def _auc(values: np.ndarray, label: np.ndarray) -> dict[str, float]:
    signs = ordering.signs(values, label)
    return ordering.similarity(np.ones_like(signs), signs).as_json()


def _points(rows: Rows, projected: np.ndarray) -> dict[str, Any]:
    random = generator(rows.seed, rows.where, "points")
    every = []
    for group in range(len(rows.classes)):
        own = np.flatnonzero(rows.group == group)
        every.append(random.permutation(own)[:N_POINTS])
    chosen = random.permutation(np.concatenate(every))
    second = projected[chosen, 1] if projected.shape[1] > 1 else np.zeros(len(chosen))
    return {
        "components": [projected[chosen, 0].tolist(), second.tolist()],
        "group": rows.group[chosen].tolist(),
        "observables": {name: values[chosen].tolist() for name, values in rows.observables.items()},
    }


def _encoded(
    rows: Rows, settings: EncoderSettings, prepared: Prepared | None
) -> tuple[np.ndarray, np.ndarray]:
    """Latent vectors (n, bottleneck) and squared errors (n,) of an autoencoder of the other classes' rows."""
    if rows.kind == "clouds" or prepared is None:
        raise InputError(
            f"{rows.where}.autoencoder: rows of {rows.kind} have no fixed length; name a tagger of "
            "features or images."
        )
    number = rows.target if rows.target is not None else -1
    parts = [
        prepared.values(part[prepared.group[part] != number]).reshape(-1, rows.jets.flat[0].size)
        for part in prepared.parts[:2]
    ]
    where = f"{rows.where}.autoencoder"
    with seeded(integer_seed(rows.seed, where, "weights")):
        network = Autoencoder(parts[0].shape[1], settings.hidden, settings.bottleneck)
    _measure(network, torch.from_numpy(parts[0]), rows.kind)
    training, validation = (FixedSamples(values) for values in parts)
    seed = integer_seed(rows.seed, where, "training")
    train(network, training, validation, _loss, settings.training, seed=seed, where=where)
    with torch.no_grad():
        made = network(torch.from_numpy(rows.jets.flat.reshape(len(rows), -1)))
    return made.latent.numpy(), squared_error(made.inputs, made.outputs).double().numpy()


def _measure(network: Autoencoder, values: Tensor, kind: str) -> None:
    """Scale features each by its own spread, pixels all by one: empty ones stay empty."""
    if kind == "images":
        network.scale.fill_(float(values.square().mean().sqrt()) or 1.0)
        return
    width = values.std(dim=0)
    network.shift.copy_(values.mean(dim=0))
    network.scale.copy_(torch.where(width > 0, width, torch.ones_like(width)))


def _loss(network: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
    made = network(values[0])
    return squared_error(made.inputs, made.outputs)
