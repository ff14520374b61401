"""The information plane (arXiv:1503.02406, 1703.00810): what each layer knows while a network learns.

The tagger is trained once more, from the same seed, on at most `n_training` rows of each class; after each
epoch the layers of fixed test rows are measured. A layer is what a linear layer of rows is given, the last
one the network's output. Estimators and their limits: `entropy`. The result has

    n_rows, ceiling     rows that are measured; log2 of them: no estimator can see more
    label_entropy       H(Y), bits
    layers              by name: width, and per epoch binned {input, label}, kernel {lower, upper, label}
    output              per epoch, I(output; Y) by nearest neighbours
    epochs              losses
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import InputError
from resonaut.nn.device import seeded
from resonaut.nn.samples import Samples, Subset
from resonaut.nn.training import train
from resonaut.seeds import integer_seed
from resonaut.tag.explain import entropy
from resonaut.tag.explain.association import information_of_class
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import ExplainSettings
from resonaut.tag.fitting import N_MEASURED
from resonaut.tag.rows.prepare import Prepared

OUTPUT = "output"


def measure(rows: Rows, settings: ExplainSettings, prepared: Prepared) -> dict[str, Any]:
    """See the module.

    Raises:
        InputError: boosted trees; no linear layer of rows.
    """
    tagger, own = rows.trained.tagger, rows.trained.settings
    if tagger.fit is not None:
        raise InputError(
            f"{rows.where}.tagger: '{rows.trained.description['method']}' has no layers that learn by "
            "epochs; name a network."
        )
    with seeded(integer_seed(rows.seed, rows.where, "weights")):
        network = rows.trained.task.network(tagger)
    part = prepared.parts[0]
    if getattr(network, "standardise", None) is not None:
        values = prepared.values(part[:: -(-len(part) // N_MEASURED)])
        network.standardise.measure(torch.from_numpy(values))
    samples = prepared.samples(prepared.target)
    training, validation = (
        Subset(samples, prepared.place[prepared.parts[number]], prepared.weights(number)) for number in (0, 1)
    )
    begin = _measured(network.eval(), rows, settings)
    layers = list(begin)
    if len(layers) < 2:
        raise InputError(
            f"{rows.where}.tagger: '{rows.trained.description['method']}' has no linear layer of whole "
            "rows before its output; name a network that has, as dense, cnn or pfn."
        )
    history = train(
        *(network, training, validation, rows.trained.task.loss(tagger), own.training),
        seed=integer_seed(rows.seed, rows.where, "training"),
        where=rows.where,
        watch=_watch(rows, settings),
    )
    epochs = [_flat(begin), *(epoch.metrics for epoch in history.epochs)]
    share = np.bincount(rows.group) / len(rows)
    return {
        "n_rows": len(rows),
        "ceiling": float(np.log2(len(rows))),
        "label_entropy": float(-(share[share > 0] * np.log2(share[share > 0])).sum()),
        "layers": {name: {"width": begin[name]["width"], **_series(name, epochs)} for name in layers},
        OUTPUT: [epoch["neighbours"] for epoch in epochs],
        "epochs": [
            {key: value for key, value in asdict(epoch).items() if key != "metrics"}
            for epoch in history.epochs
        ],
    }


def _watch(rows: Rows, settings: ExplainSettings) -> Callable[[nn.Module, Samples, Sequence[Tensor]], dict]:
    def watch(network: nn.Module, samples: Samples, batches: Sequence[Tensor]) -> dict[str, float]:
        return _flat(_measured(network, rows, settings))

    return watch


def _measured(network: nn.Module, rows: Rows, settings: ExplainSettings) -> dict[str, dict[str, Any]]:
    """Numbers of each layer, in their order."""
    found: dict[str, dict[str, Any]] = {}
    for name, values in layers_of(network, rows).items():
        found[name] = {
            "width": values.shape[1],
            "binned": entropy.binned(values, rows.group, settings.n_bins),
            "kernel": entropy.kernel(values, rows.group, settings.noise),
        }
        if name == OUTPUT and values.shape[1] == 1:
            seed = integer_seed(rows.seed, rows.where, "neighbours")
            found[name]["neighbours"] = information_of_class(values[:, 0], rows.group, seed)
    return found


def _flat(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    flat = {
        f"{name}/{estimator}/{key}": value
        for name, layer in found.items()
        for estimator in ("binned", "kernel")
        for key, value in layer[estimator].items()
    }
    return {**flat, "neighbours": found[OUTPUT].get("neighbours", float("nan"))}


def _series(name: str, epochs: Sequence[dict[str, float]]) -> dict[str, Any]:
    keys = {"binned": ("input", "label"), "kernel": ("lower", "upper", "label")}
    return {
        estimator: {key: [epoch[f"{name}/{estimator}/{key}"] for epoch in epochs] for key in of_estimator}
        for estimator, of_estimator in keys.items()
    }


def layers_of(network: nn.Module, rows: Rows) -> dict[str, np.ndarray]:
    """What linear layers of rows are given, (n_rows, width) by `layer <number>`, and the output.

    The inputs of the network themselves are no layer.
    """
    where = next(iter(network.state_dict().values())).device
    parts: dict[str, list[np.ndarray]] = {}
    order = []
    for chosen, batch in rows.batches():
        order.append(chosen)
        with torch.no_grad(), _watching(network) as seen:
            output = network(*(value.to(where) for value in batch.values))
        n_rows = len(chosen)
        kept = [values for values in seen if values.ndim == 2 and len(values) == n_rows]
        first = batch.values[0]
        kept = [
            values
            for values in kept
            if not (first.ndim == 2 and values.shape[1] == first.shape[1] and values is kept[0])
        ]
        for number, values in enumerate(kept, 1):
            parts.setdefault(f"layer {number}", []).append(values.float().cpu().numpy())
        parts.setdefault(OUTPUT, []).append(output.reshape(n_rows, -1).float().cpu().numpy())
    place = np.argsort(np.concatenate(order), kind="stable")
    return {name: np.concatenate(values)[place] for name, values in parts.items()}


@contextmanager
def _watching(network: nn.Module) -> Iterator[list[Tensor]]:
    seen: list[Tensor] = []
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    handles = [
        layer.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0])) for layer in layers
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
