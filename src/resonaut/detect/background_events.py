"""Background events made from side bands alone: masses from the smooth fit, features from a flow p(x | m).

What pseudo-experiments of data are drawn from where there is no simulation. Both are learnt from the events
that are in no signal region of the scan, and interpolated into the signal regions (the features as in
arXiv:2001.04990 and 2109.00546): where windows cover most of the range, that is a long way.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from resonaut import manifest, mixtures, registry
from resonaut.detect import data
from resonaut.detect.data import Sources
from resonaut.detect.folds import feature_matrix
from resonaut.detect.interface import Context, Events, Needs
from resonaut.errors import EmptyWindowError, FitError
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.nn.flows import FlowSettings
from resonaut.provenance import describe, write_run_record
from resonaut.representation import read_settings
from resonaut.scan import ScanSettings
from resonaut.seeds import generator, integer_seed, mix64
from resonaut.settings import Count, Settings, validate
from resonaut.store import SCHEMA_VERSION, creating

_FINE = 20
"""Fine bins of the mass in each bin of the fit; events are uniform inside."""
_VALIDATION = 5
"""One event in so many validates the flow."""
_LEAST_EVENTS = 100


class Slice(Settings):
    """What the rule gives."""

    mixture: str = Field(description="The mixture that is imitated.")
    name: str = Field(description="Name of the dataset that is made.")
    features: tuple[str, ...] = Field(min_length=1, description="Features that are made.")
    n_generated: Count = Field(ge=1, description="Events to make.")
    flow: FlowSettings
    scan: ScanSettings
    bin_width: float = Field(gt=0, description="Bins of the fit of the spectrum, GeV.")
    background: str = Field(description="Background function, a file of stats/methods/.")
    function: dict[str, Any] = Field(description="Its settings.")
    seed: Count = Field(ge=0, description="The study's seed.")


def make(slice_: Mapping[str, Any], mixture: Path, sources: Sources, output: Path, threads: int = 2) -> None:
    """Learn the background of a mixture outside of all signal regions, and write events of it.

    Args:
        slice_: the slice `background_events` of the configuration.
        mixture: the mixture; no event in a signal region is used.
        sources: features manifests of its datasets.
        output: features file (HDF5) of a dataset with the label "background": `events/mass` (GeV), `run`,
            `lumi`, `event` and the features.
        threads: CPU threads; another number may change last digits.

    Raises:
        EmptyWindowError: too few events are in no signal region.
        FitError: the fit of the spectrum does not converge.
        TrainingError: a loss is not finite.
    """
    given = validate(Slice, slice_, "--settings")
    context = Context(given.seed, given.name, given.mixture, given.scan.windows)
    drawn = mixtures.read(mixture)
    events = data.read(drawn, Needs(features=given.features), sources, given.scan, context)
    outside = ~(events.regions == 1).any(axis=0)
    outside &= (events.mass >= given.scan.mass_min) & (events.mass < given.scan.mass_max)
    if outside.sum() < _LEAST_EVENTS:
        raise EmptyWindowError(
            f"{given.name}: {int(outside.sum())} events of mixture '{given.mixture}' are in no signal region "
            f"of the scan, at least {_LEAST_EVENTS} are needed to learn the background from. Use fewer "
            "windows, a wider range or simulated background."
        )
    kept = events.take(np.flatnonzero(outside))
    mass = _masses(kept.mass, given)
    with deterministic(threads):
        features = _features(kept, mass, given, context)
    inputs = [mixture, *sources.used(drawn.datasets)]
    provenance = describe(dict(slice_), inputs, ("numpy", "torch", "h5py"))
    made_with = read_settings(*(manifest.read(path, "features") for path in sources.features.values()))
    _write(output, mass, features, given, {"settings": made_with, "provenance": provenance})
    log.info("%s: %d events, learnt from %d", output, len(mass), len(kept))
    write_run_record(output)


def _masses(mass: np.ndarray, given: Slice) -> np.ndarray:
    """Masses (n_generated,) of the fit to those (n,) that are in no signal region."""
    from resonaut.stats import poisson
    from resonaut.stats.windows import make_bins

    bins = make_bins(given.scan, given.bin_width, "range")
    function = registry.build("stats", given.background, given.function)
    spectrum = function(bins.edges)
    closed = bins.inside.any(axis=0)
    counts = np.histogram(mass, bins.edges)[0]
    fit = poisson.fit(spectrum.regrouped(np.eye(spectrum.n_bins)[~closed]), counts[~closed])
    if not fit.converged:
        raise FitError(
            f"{given.name}: the fit of hunt.background = {given.background} to {int((~closed).sum())} bins "
            "outside all signal regions did not converge. Use fewer hunt.n_parameters or fewer windows."
        )
    fine = np.linspace(bins.edges[0], bins.edges[-1], _FINE * spectrum.n_bins + 1)
    expected = function(fine).expected(fit.parameters)
    random = generator(given.seed, "background_events", given.mixture, given.name, "mass")
    place = random.choice(len(expected), given.n_generated, p=expected / expected.sum())
    return fine[place] + random.random(given.n_generated) * np.diff(fine)[place]


def _features(events: Events, mass: np.ndarray, given: Slice, context: Context) -> np.ndarray:
    """Features (n, F) float32 of the flow at masses (n,)."""
    from resonaut.nn.flows import fit_flows
    from resonaut.nn.lists import Member, Sample

    table = feature_matrix(events, given.features, context)
    validates = mix64(events.split_hash) % np.uint64(_VALIDATION) == 0
    samples = [Sample(rows, np.ones(len(rows))) for rows in map(np.flatnonzero, (~validates, validates))]
    names = (given.seed, "background_events", given.mixture, given.name)
    member = Member(integer_seed(*names, "flow"), 0, 1)
    condition = events.mass[:, None].astype(np.float32)
    flows = fit_flows(table, condition, samples, [member], given.flow, what=f"{given.name}, flow")
    return flows.sample(0, mass[:, None].astype(np.float32), integer_seed(*names, "features"))


def _write(output: Path, mass: np.ndarray, features: np.ndarray, given: Slice, more: dict[str, Any]) -> None:
    """Write the features file; `more` are its attributes beside those of the events."""
    n = len(mass)
    attributes = {
        "kind": "features",
        "schema_version": SCHEMA_VERSION,
        "dataset": given.name,
        "label": "background",
        "n_events": n,
        "n_generated": n,
        "sum_weights": float(n),
        "cut_flow": {"read": n},
        **more,
    }
    number = np.arange(n)
    columns = {"run": 0 * number, "lumi": 0 * number, "event": number, "mass": mass}
    columns |= dict(zip(given.features, features.T.astype(np.float32), strict=True))
    with creating(output, attributes) as file:
        for name, values in columns.items():
            file.create_dataset(f"events/{name}", data=values, compression="gzip", shuffle=True)
