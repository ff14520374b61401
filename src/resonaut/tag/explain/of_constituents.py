"""Attributions of constituents, against rank in pt, distance from the axis and share of pt."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resonaut.errors import InputError
from resonaut.nn.samples import Batch
from resonaut.seeds import generator
from resonaut.tag.explain import gradients, shapley
from resonaut.tag.explain.profiles import profile
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import Attribution, ExplainSettings

_RANKS = np.array([0, 1, 2, 4, 8, 16, 32, 64, 1000]) - 0.5
_N_DISTANCES = 12
_SHARES = np.array([0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0])
AXES = ("delta_r", "pt_fraction", "rank")
"""Distance from the axis, share of the jet's pt, and rank in pt from 0."""


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """Shares of |attribution| of a constituent, the sum over its columns.

    Returns:
        profiles: by axis of `AXES`, method and class, shares in bins of `edges`, and under `pt` instead of a
        method the share of pt itself; signed: by method and class, the mean over jets of the attribution of
        all constituents (log odds), with its error; gap.
    """
    names = rows.trained.tagger.inputs
    places = {axis: _place(rows.jets.flat, names, axis) for axis in AXES[:2]}
    places = {axis: values for axis, values in places.items() if values is not None}
    lengths = np.diff(rows.jets.offsets)
    longest = int(lengths.max(initial=1))
    sums = {method: np.zeros((len(rows), longest)) for method in settings.attributions}
    gaps: dict[str, list[Tensor]] = {method: [] for method in settings.attributions if method != "gradient"}
    constituents = np.repeat(~rows.label if rows.target is not None else np.ones(len(rows), bool), lengths)
    flat = torch.from_numpy(rows.jets.flat)
    baseline, spread = flat[torch.from_numpy(constituents)].mean(dim=0), flat.double().std(dim=0)
    scores = rows.scores()
    random = generator(rows.seed, rows.where, "shap")
    for chosen, batch in rows.batches(128):
        for method in settings.attributions:
            for score in scores:
                made = _attributed(method, score, batch, baseline, spread, settings, random)
                sums[method][chosen, : made.values.shape[1]] += made.values.numpy() / len(scores)
                if made.gap is not None:
                    gaps[method].append(torch.stack([made.gap, made.values.sum(dim=1)]))
    padded = {axis: _padded(values, rows.jets.offsets, longest, np.nan) for axis, values in places.items()}
    weight = padded.get("pt_fraction", np.full((len(rows), longest), np.nan))
    real = np.arange(longest) < lengths[:, None]
    padded["rank"] = _ranks(weight, real)
    edges = {"rank": _RANKS, "pt_fraction": _SHARES}
    if "delta_r" in padded:
        edges["delta_r"] = _distances(padded["delta_r"][real])
    found: dict[str, Any] = {axis: {} for axis in padded}
    for axis, values in padded.items():
        n_bins = len(edges[axis]) - 1
        bins = np.clip(np.searchsorted(edges[axis], values, side="right") - 1, 0, n_bins - 1)
        bins = np.where(real, bins, -1)
        of = {method: np.abs(values) for method, values in sums.items()}
        if "pt_fraction" in padded:
            of["pt"] = np.where(real, padded["pt_fraction"], 0)
        for method, size in of.items():
            found[axis][method] = {
                name: profile(size[rows.group == group], bins[rows.group == group], n_bins)
                for group, name in enumerate(rows.classes)
            }
    share = {
        method: gradients.share_of_gap(*torch.cat(parts, dim=1).unsqueeze(1))
        for method, parts in gaps.items()
    }
    return {
        "profiles": found,
        "edges": {axis: edges[axis].tolist() for axis in found},
        "signed": _signed(sums, rows),
        "gap": share,
    }


def _distances(distance: np.ndarray) -> np.ndarray:
    """Edges of bins that hold all but a thousandth of the constituents; the last bin has those too."""
    reach = float(np.quantile(distance, 0.999)) if len(distance) else 1.0
    return np.linspace(0, np.ceil(10 * max(reach, 0.1)) / 10, _N_DISTANCES + 1)


def _signed(sums: dict[str, np.ndarray], rows: Rows) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for method, values in sums.items():
        found[method] = {}
        for group, name in enumerate(rows.classes):
            own = values[rows.group == group].sum(axis=1)
            found[method][name] = {
                "mean": float(own.mean()),
                "standard": float(own.std() / np.sqrt(len(own))),
            }
    return found


def _attributed(
    method: Attribution,
    score: nn.Module,
    batch: Batch,
    baseline: Tensor,
    spread: Tensor,
    settings: ExplainSettings,
    random: np.random.Generator,
) -> gradients.Attributed:
    """Attributions (n, n_constituents)."""
    values, mask = batch.values
    if method == "shap":
        drawn = shapley.of_points(score, values, mask, settings.n_draws, random)
        with torch.no_grad():
            whole = score(values, mask).double()
        if not np.isfinite(drawn.values).all():
            raise InputError(
                "attributions: this network gives no number for a jet without constituents, as Shapley "
                "values need it. Leave shap out: [gradient, integrated_gradients]."
            )
        gap = whole - torch.from_numpy(drawn.values.sum(axis=1) + drawn.baseline)
        return gradients.Attributed(torch.from_numpy(drawn.values), gap)
    if method == "gradient":
        slope = gradients.gradient(score, values, mask).values * spread
        return gradients.Attributed(slope.abs().sum(dim=2) * mask, None)
    made = gradients.integrated_gradients(score, values, baseline.expand(1, 1, -1), settings.n_steps, mask)
    return gradients.Attributed(made.values.sum(dim=2) * mask, made.gap)


def _place(flat: np.ndarray, names: tuple[str, ...], axis: str) -> np.ndarray | None:
    """Of each constituent, where it is on an axis; None where the inputs do not say."""
    columns = dict(zip(names, flat.T.astype(np.float64), strict=True))
    if axis == "pt_fraction":
        return np.exp(columns["log_pt_fraction"]) if "log_pt_fraction" in columns else None
    if "delta_r" in columns:
        return columns["delta_r"]
    if {"delta_eta", "delta_phi"} <= set(columns):
        return np.hypot(columns["delta_eta"], columns["delta_phi"])
    return None


def _padded(values: np.ndarray, offsets: np.ndarray, longest: int, fill: float) -> np.ndarray:
    lengths = np.diff(offsets)
    made = np.full((len(lengths), longest), fill)
    made[np.arange(longest) < lengths[:, None]] = values
    return made


def _ranks(weight: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Rank in pt from 0 of each constituent; their order in the file where pt is not known."""
    key = np.where(real, -np.nan_to_num(weight), np.inf)
    order = np.argsort(key, axis=1, kind="stable")
    return np.argsort(order, axis=1, kind="stable").astype(np.float64)
