"""Attributions of features: which decide, with errors from rows and from networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.seeds import generator
from resonaut.tag.explain import gradients, shapley
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import Attribution, ExplainSettings


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """Importance of each feature and its attribution by class.

    Returns:
        features: by name, and by method: importance, the mean of |attribution| (log odds), its standard error
        over rows, `spread` over the networks (None of one), and mean and standard error by class; gap.
    """
    values = torch.from_numpy(rows.jets.flat)
    other = values[torch.from_numpy(~rows.label if rows.target is not None else np.ones(len(rows), bool))]
    made = {
        method: [_attributed(method, score, values, other, settings, rows) for score in rows.scores()]
        for method in settings.attributions
    }
    names = rows.trained.tagger.inputs
    found: dict[str, Any] = {name: {} for name in names}
    for method, of_networks in made.items():
        each = np.stack([one.values.numpy() for one in of_networks])
        for number, name in enumerate(names):
            found[name][method] = _summary(each[:, :, number], rows)
    gaps = {
        method: max(gradients.share_of_gap([one.gap], [one.values.sum(dim=1)]) for one in of_networks)
        for method, of_networks in made.items()
        if method != "gradient"
    }
    return {"features": found, "gap": gaps}


def _attributed(
    method: Attribution,
    score: nn.Module,
    values: Tensor,
    other: Tensor,
    settings: ExplainSettings,
    rows: Rows,
) -> gradients.Attributed:
    if method == "gradient":
        slope = gradients.gradient(score, values)
        return gradients.Attributed(slope.values * values.double().std(dim=0), None)
    if method == "integrated_gradients":
        baseline = other.mean(dim=0, keepdim=True)
        return gradients.integrated_gradients(score, values, baseline, settings.n_steps)
    random = generator(rows.seed, rows.where, "shap")
    drawn = shapley.of_features(score, values, other, settings.n_draws, random)
    with torch.no_grad():
        whole = score(values).double()
    sums = torch.from_numpy(drawn.values.sum(axis=1) + drawn.baseline)
    return gradients.Attributed(torch.from_numpy(drawn.values), whole - sums)


def _summary(each: np.ndarray, rows: Rows) -> dict[str, Any]:
    """Of attributions (n_networks, n) of one feature."""
    size = np.abs(each)
    mean, n_networks = each.mean(axis=0), len(each)
    by_class = {}
    for number, name in enumerate(rows.classes):
        own = mean[rows.group == number]
        by_class[name] = {"mean": float(own.mean()), "standard": float(own.std() / np.sqrt(len(own)))}
    return {
        "importance": float(size.mean()),
        "standard": float(size.mean(axis=0).std(ddof=1) / np.sqrt(len(rows))),
        "spread": float(size.mean(axis=1).std(ddof=1)) if n_networks > 1 else None,
        "by_class": by_class,
    }
