"""Capsules of a capsule network: how long those of the classes are, and who routes to them.

The result has

    lengths      by true class and capsule: counts in `edges`, mean and its standard error
    auc          of the length of each capsule alone
    routing      by true class: `map`, couplings to the capsule of the explained class, the mean over the
                 capsules of a place weighed by their lengths, (rows, columns) of places; and the entropy of
                 the couplings after each iteration, weighed alike (1 where all classes share alike); with
                 errors
    half_width   of the image, radian
    observables  correlation of ranks of the length of the explained class's capsule with each
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from resonaut.errors import InputError
from resonaut.nn.networks.capsule import CapsuleNetwork, Routing, lengths, squash
from resonaut.tag.explain import association
from resonaut.tag.explain import decision_ordering as ordering
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import ExplainSettings

EDGES = np.linspace(0, 1, 26)
_BATCH = 64


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """See the module.

    Raises:
        InputError: the tagger is no capsule network, or a regression.
    """
    network = rows.trained.networks[0]
    if not isinstance(network, CapsuleNetwork) or rows.target is None:
        raise InputError(
            f"{rows.where}.tagger: '{rows.trained.description['method']}' is no capsule network that "
            "tells classes apart; name a tagger of the kind capsule."
        )
    length = np.zeros((len(rows), network.routing.sizes[0]))
    entropies = np.zeros((len(rows), network.routing.n_iterations))
    maps: np.ndarray | None = None
    for chosen, batch in rows.batches(_BATCH):
        with torch.no_grad():
            primary, places = primaries(network, batch.values[0])
            above, couplings = routed(network.routing, primary)
        length[chosen] = lengths(squash(above)).numpy()
        share = torch.stack(couplings)
        bits = -(share.clamp_min(1e-12).log2() * share).sum(dim=2) / np.log2(share.shape[2])
        # Those of empty pixels have nothing to vote with, and would drown all others.
        weight = lengths(primary)
        entropies[chosen] = ((bits * weight).sum(dim=2) / weight.sum(dim=1)).T.numpy()
        own = _by_place(couplings[-1][:, rows.target], weight, places).numpy()
        maps = np.zeros((len(rows), *own.shape[1:])) if maps is None else maps
        maps[chosen] = own
    half_width = float(rows.trained.description["representation"].get("half_width", 1.0))
    return {
        "edges": EDGES.tolist(),
        "lengths": {
            name: [_counts(column) for column in length[rows.group == group].T]
            for group, name in enumerate(rows.classes)
        },
        "auc": {
            name: ordering.auc(ordering.signs(column, rows.group == group)).as_json()
            for group, (name, column) in enumerate(zip(rows.classes, length.T, strict=True))
        },
        "routing": {
            name: {
                "map": maps[rows.group == group].mean(axis=0).tolist(),
                "standard": _standard(maps[rows.group == group]).tolist(),
                "entropy": entropies[rows.group == group].mean(axis=0).tolist(),
                "entropy_standard": _standard(entropies[rows.group == group]).tolist(),
            }
            for group, name in enumerate(rows.classes)
        },
        "half_width": half_width,
        "reach": reach(network, half_width),
        "observables": {
            name: association.spearman(length[:, rows.target], values)
            for name, values in rows.observables.items()
        },
    }


def primaries(network: CapsuleNetwork, values: Tensor) -> tuple[Tensor, tuple[int, int, int]]:
    """Primary capsules (n, n_inputs, size) of images; how many per place, and rows and columns of places."""
    maps = network.primary(network.first(network.standardise(values)))
    n_types = maps.shape[1] // network.primary_size
    capsules = maps.unflatten(1, (-1, network.primary_size)).movedim(2, -1)
    return squash(capsules.flatten(1, 3)), (n_types, *maps.shape[2:])


def routed(routing: Routing, capsules: Tensor) -> tuple[Tensor, list[Tensor]]:
    """What the capsules above add up, as `Routing.forward`, and the couplings of each iteration.

    Returns:
        (n, n_outputs, size), and (n, n_outputs, n_inputs) for each iteration: shares of each input's vote.
    """
    votes = (capsules.transpose(0, 1) @ routing.weight).unflatten(-1, routing.sizes).permute(1, 2, 0, 3)
    agreement = torch.zeros_like(votes[..., 0])
    couplings = []
    for _ in range(routing.n_iterations):
        couplings.append(agreement.softmax(dim=1))
        above = (couplings[-1].unsqueeze(2) @ votes).squeeze(2)
        agreement = agreement + (votes @ squash(above).unsqueeze(-1)).squeeze(-1)
    return above, couplings


def reach(network: CapsuleNetwork, half_width: float) -> float:
    """Half the side (radian) of what places cover: those at the rim see the rim with half their kernels."""
    kernel = network.primary.kernel_size[0]
    pixels = network.standardise.shape[1]
    return half_width * (1 - 2 * (kernel - 1) / pixels)


def _by_place(coupling: Tensor, weight: Tensor, places: tuple[int, int, int]) -> Tensor:
    """Mean coupling (n, rows, columns) of the capsules at each place, weighed by their lengths."""
    coupling, weight = (values.unflatten(1, places) for values in (coupling, weight))
    return (coupling * weight).sum(dim=1) / weight.sum(dim=1).clamp_min(1e-12)


def _counts(values: np.ndarray) -> dict[str, Any]:
    counts, _ = np.histogram(np.clip(values, 0, 1), bins=EDGES)
    return {
        "counts": counts.tolist(),
        "mean": float(values.mean()),
        "standard": float(values.std() / np.sqrt(len(values))),
    }


def _standard(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0) / np.sqrt(len(values))
