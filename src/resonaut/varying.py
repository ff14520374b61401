"""Events as a variation has them: constituents are changed, and jets follow.

A kind that touches `represent` holds `shifted(events, settings, random) -> (columns, keep)`: the changed
columns of the constituents (n_constituents,), those that stay being left out, and the mask of those that are
kept, or None where all are.

A jet's momentum follows the sum of its constituents: pt and mass are multiplied by what those of the sum are
multiplied by, eta and phi move by what those of the sum move by. Where a jet is the sum of its constituents
this is their sum; where it is corrected, or holds more than was stored, its correction stays. A jet that
loses all constituents is dropped. What else the store knows of a jet (flavour, b-tags, generator jets) stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import Field

from resonaut import ragged, variations
from resonaut.errors import MissingBranchError, nearest
from resonaut.events import Columns, Events
from resonaut.kinematics import cartesian, delta_phi, from_cartesian
from resonaut.seeds import event_hash, integer_seed, mix64
from resonaut.settings import Count, Settings, validate
from resonaut.variation_settings import source_of

KINEMATICS = ("pt", "eta", "phi", "mass")
_LIGHT = 1e-6
"""Mass over energy below which the mass of a sum is rounding."""
_MANTISSA = 2.0**-53


class Variation(Settings):
    """What a representation is told of the variation that it is made with."""

    name: str = Field(description="Key in `variations`.")
    kind: str = Field(description="A file of variations/.")
    seed: Count = Field(ge=0, description="The study's seed.")
    settings: dict[str, Any] = Field(description="Settings of the kind.")


class Random:
    """Random numbers that follow from the ids of events, so that neither order nor chunking matters.

    Variations of one source (`jes_up`, `jes_down`) have the same numbers, which makes their difference less
    noisy.

    Args:
        events: a slice of a store.
        dataset: its name.
        variation: name of the variation.
        seed: the study's seed.
    """

    def __init__(self, events: Events, dataset: str, variation: str, seed: int) -> None:
        ids = (events.events[name] for name in ("run", "lumi", "event"))
        purpose = f"variation {source_of(variation)}"
        of_event = event_hash(dataset, *ids, seed, purpose)
        number = ragged.rank(events.event_offsets).astype(np.uint64)
        self._jets = mix64(of_event[ragged.row_of(events.event_offsets)] ^ mix64(number))
        self._events = events

    def uniform(self, purpose: str, of: str = "constituents") -> np.ndarray:
        """Uniform numbers inside (0, 1), one for each of the `constituents` or `jets`."""
        key, keys = np.uint64(integer_seed(0, "variation", purpose, bits=64)), self._jets
        if of == "constituents":
            offsets = self._events.jet_offsets
            number = ragged.rank(offsets).astype(np.uint64) + np.uint64(1)
            keys = mix64(keys[ragged.row_of(offsets)] ^ mix64(~number))
        return ((mix64(keys ^ key) >> np.uint64(11)).astype(np.float64) + 0.5) * _MANTISSA

    def normal(self, purpose: str, of: str = "constituents") -> np.ndarray:
        """Standard normal numbers, one for each of the `constituents` or `jets`."""
        from scipy.special import ndtri

        return ndtri(self.uniform(purpose, of))


def varied(events: Events, variation: Variation, dataset: str, source: str) -> Events:
    """A slice of a store as a variation has it, before any selection.

    Args:
        events: the nominal slice, of jets with constituents.
        variation: what changes.
        dataset: name of the dataset, for random numbers.
        source: the store, for the message.

    Returns:
        The same events; jets and constituents are sorted by pt again.

    Raises:
        MissingBranchError: the store lacks a column that the variation needs.
    """
    module = variations.load(variation.kind)
    settings = validate(module.Settings, variation.settings, f"variations.{variation.name}")
    if not len(events):
        return events
    _require(events, variation, module, settings, source)
    random = Random(events, dataset, variation.name, variation.seed)
    changed, keep = module.shifted(events, settings, random)
    dtypes = {name: values.dtype for name, values in events.constituents.items()}
    constituents = {**events.constituents, **{k: v.astype(dtypes[k]) for k, v in changed.items()}}
    return _jets_follow(events, constituents, keep)


def _require(events: Events, variation: Variation, module: Any, settings: Any, source: str) -> None:
    """Refuse a store without the columns that a variation needs."""
    where = f"variations.{variation.name} ({variation.kind})"
    if not events.constituents:
        raise MissingBranchError(
            f"{source}: no constituents, which {where} shifts. Ingest a format that holds them "
            "('ingest.constituents: required'), or leave the variation out for this dataset."
        )
    for group in getattr(module, "needs", lambda settings: ())(settings):
        if not any(name in events.constituents for name in group):
            raise MissingBranchError(
                f"{source}: no constituents/{' or '.join(group)}, which {where} needs; it holds "
                f"{', '.join(sorted(events.constituents))}. {nearest(group[0], events.constituents)} Ingest "
                "files with this column, or leave the variation out for this dataset."
            )


def _jets_follow(events: Events, constituents: Columns, keep: np.ndarray | None) -> Events:
    offsets = events.jet_offsets
    kept = np.ones(offsets[-1], bool) if keep is None else keep
    jets = dict(events.jets)
    before = _sum(events.constituents, offsets, None)
    after = _sum(constituents, offsets, None if keep is None else kept)
    left = np.diff(ragged.keep(offsets, kept))
    for name, values in _moved(jets, before, after, left > 0).items():
        jets[name] = values.astype(jets[name].dtype)
    lost = (left == 0) & (np.diff(offsets) > 0)
    chosen = Events(
        **{
            **vars(events),
            "jets": jets,
            "constituents": {name: values[kept] for name, values in constituents.items()},
            "jet_offsets": ragged.keep(offsets, kept),
        }
    )
    return _sorted(chosen.keep_jets(~lost) if lost.any() else chosen)


def _sum(columns: Columns, offsets: np.ndarray, keep: np.ndarray | None) -> tuple[np.ndarray, ...]:
    """Momentum and energy (n_jets,) of the constituents that are kept."""
    momenta = cartesian(*(columns[name] for name in KINEMATICS))
    return tuple(ragged.sums(part if keep is None else part * keep, offsets) for part in momenta)


def _moved(jets: Columns, before: Any, after: Any, filled: np.ndarray) -> Columns:
    """Kinematics of the jets after the momentum of their constituents changed, where any are left."""
    usable = filled & (np.hypot(before[0], before[1]) > 0) & (np.hypot(after[0], after[1]) > 0)
    pt, eta, phi, mass = from_cartesian(*(part[usable] for part in before))
    new_pt, new_eta, new_phi, new_mass = from_cartesian(*(part[usable] for part in after))
    moved = {name: jets[name].astype(np.float64) for name in KINEMATICS if name in jets}
    moved["pt"][usable] *= new_pt / pt
    moved["eta"][usable] += new_eta - eta
    # A phi that does not move keeps its last digits, and its place at +-pi.
    turned = new_phi != phi
    rotated = moved["phi"][usable] + delta_phi(new_phi, phi)
    moved["phi"][usable] = np.where(turned, delta_phi(rotated, 0.0), moved["phi"][usable])
    if "mass" in moved:
        heavy = mass > _LIGHT * before[3][usable]
        scaled = moved["mass"][usable] * np.where(heavy, new_mass / np.where(heavy, mass, 1.0), 1.0)
        moved["mass"][usable] = np.where(heavy, scaled, np.where(new_mass == mass, scaled, new_mass))
    return moved


def _sorted(events: Events) -> Events:
    """Jets sorted by pt inside their event, constituents inside their jet."""
    event_of = ragged.row_of(events.event_offsets)
    order = np.lexsort((-events.jets["pt"], event_of))
    rows, jet_offsets = ragged.take(events.jet_offsets, order)
    columns = {name: values[rows] for name, values in events.constituents.items()}
    inside = np.lexsort((-columns["pt"], ragged.row_of(jet_offsets)))
    return Events(
        **{
            **vars(events),
            "jets": {name: values[order] for name, values in events.jets.items()},
            "constituents": {name: values[inside] for name, values in columns.items()},
            "jet_offsets": jet_offsets,
        }
    )
