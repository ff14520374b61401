"""Statistics of several histograms with a common signal: `resonaut infer --spectrum A B --fractions ...`.

The folder has a folder for each category, with what `infer.published` says of that spectrum alone (its signal
is that in this category; cross-sections count its fraction), and of the combination `result.json`, `scan.csv`
and the figures `p_values` and `limits`. The spectra hold disjoint events. Keys of `result.json`:

- `categories`: of each `name` (its folder), `path`, `fraction`, `events`, `scale`, `function`, `n_parameters`
  and `notes`;
- `scan`, `best`, `global` (without a hunt for bumps: windows would reach from one category into the next),
  `limits`, `confidence_level`, `provenance` as in `infer.published`; signals and limits are events of the
  common signal before it is shared.

Backgrounds are free and separate, luminosity, acceptance and energy scale of the signal are common. A
spurious signal is one of the combination.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from resonaut.errors import ConfigError, FitError, OutputError
from resonaut.files import write_json
from resonaut.infer import published, published_fits, published_global, published_scan
from resonaut.infer.published_limits import compared, read_limits
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.infer.published_signals import masses_of, signals_of
from resonaut.infer.spectrum_file import SpectrumFile, Taking, read_spectrum
from resonaut.infer.spectrum_readers import file_of
from resonaut.infer.spectrum_shape import read_shape
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate
from resonaut.stats import order, poisson
from resonaut.stats.combination import categories
from resonaut.stats.signals import Signal

SCHEMA_VERSION = 1
_ROUNDING = 1e-9
Fitted = published_fits.Fitted


class CategorySettings(SpectrumSettings):
    """How several histograms are fitted, scanned and limited together."""

    fractions: list[float] = Field(
        min_length=2, description="Of the signal in each category, in their order; at most 1 together."
    )

    @model_validator(mode="after")
    def _shared_signal(self) -> CategorySettings:
        if min(self.fractions) <= 0 or sum(self.fractions) > 1 + _ROUNDING:
            raise ValueError(f"fractions: positive numbers of sum at most 1, got {self.fractions}")
        return self


def run(spectra: Sequence[str], output: str | os.PathLike, settings: dict[str, Any]) -> None:
    """Fit, scan and limit several histograms, alone and together.

    Args:
        spectra: CSV, YAML or ROOT files, `file.root:histogram` for one of several; of disjoint events.
        output: folder, as the module says.
        settings: of `CategorySettings`.

    Raises:
        ConfigError, InputError: settings or files that cannot be used.
        FitError: no fit of a category or of the combination converges.
        OutputError: the folder cannot be written.
    """
    if "fractions" not in settings:
        raise ConfigError(
            f"--fractions: that of the signal in each of the {len(spectra)} spectra is required. Give "
            f"{len(spectra)} numbers."
        )
    given = validate(CategorySettings, settings)
    if len(given.fractions) != len(spectra):
        raise ConfigError(
            f"--fractions: {len(given.fractions)} given for {len(spectra)} spectra. Give one for each."
        )
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: a folder for the results is expected, this is a file. Name another.")
    taking = Taking(given.column, given.unit, given.mass_min, given.mass_max)
    found = [read_spectrum(name, taking) for name in spectra]
    limits = None if given.compare_limits is None else read_limits(given.compare_limits)
    names = _names(spectra)
    result = analyse(found, names, given)
    if limits is not None:
        result["limits"] = compared(result["limits"], limits)
    inputs = [file_of(name)[0] for name in (*spectra, given.signal_shape, given.compare_limits) if name]
    result["provenance"] = describe(given.model_dump(), inputs, ["matplotlib", "numpy", "scipy"])
    for name, spectrum, fraction in zip(names, spectra, given.fractions, strict=True):
        log.info("category %s alone", name)
        published.run(spectrum, folder / name, _alone(given, fraction, result))
    from resonaut.infer.published_figures import draw_tests

    draw_tests(folder, result, " + ".join(names))
    published.write_table(folder / "scan.csv", result)
    write_json(folder / "result.json", result)
    write_run_record(folder / "result.json")
    _say(result)


def _names(spectra: Sequence[str]) -> list[str]:
    """Stems of the files, or numbers where these are alike."""
    stems = ["_".join(filter(None, (file_of(name)[0].stem, file_of(name)[1]))) for name in spectra]
    stems = [stem.replace("/", "_") for stem in stems]
    if len(set(stems)) == len(stems):
        return stems
    return [f"category_{number}" for number in range(1, len(stems) + 1)]


def _alone(given: CategorySettings, fraction: float, result: dict[str, Any]) -> dict[str, Any]:
    """Settings of one category."""
    settings = given.model_dump(exclude={"fractions"})
    if given.signal_shape is None or given.signal_mass is not None:
        settings["masses"] = [entry["mass"] for entry in result["scan"]]
    if given.luminosity is not None:
        settings["luminosity"] = fraction * given.luminosity
    return settings


def analyse(found: Sequence[SpectrumFile], names: Sequence[str], given: CategorySettings) -> dict[str, Any]:
    """The result without its provenance."""
    masses = _masses(found, given)
    # What is fitted are effective entries: an event of the signal is as many as its category has per event.
    entries = np.array(given.fractions) * [spectrum.scale for spectrum in found]
    scale = float(entries.sum() / sum(given.fractions))
    in_category = [signals_of(spectrum.edges, _at(given, masses))[1] for spectrum in found]
    counts = np.concatenate([spectrum.counts for spectrum in found])
    functions, of_primary = [], []
    for name in given.functions:
        fitted = [
            published_fits.fit_function(
                name, spectrum.edges, spectrum.counts, published.energy(spectrum, given), given
            )
            for spectrum in found
        ]
        functions.append(_together(fitted, [of_one[0] for of_one in in_category], counts))
        of_primary = of_primary or fitted
    models = [fitted.model for fitted in of_primary]
    signals = [
        _signal(models, [of_one[place] for of_one in in_category], entries / scale)
        for place in range(len(masses))
    ]
    events = published_scan.spurious_events(functions, counts, masses, signals, given)
    tests, limits = published_scan.scan(functions[0], counts, masses, signals, events, scale, given)
    return {
        "schema_version": SCHEMA_VERSION,
        "categories": [
            _described(*items) for items in zip(names, found, given.fractions, of_primary, strict=True)
        ],
        "scan": tests,
        "best": published.best(tests),
        "global": published_global.over_masses(functions[0], counts, signals, masses, given),
        "confidence_level": given.confidence_level,
        "limits": limits,
    }


def _masses(found: Sequence[SpectrumFile], given: CategorySettings) -> np.ndarray:
    """(n_masses,) GeV; where none are given, of the range that all categories have."""
    low, high = max(one.edges[0] for one in found), min(one.edges[-1] for one in found)
    if low >= high:
        ranges = ", ".join(f"{one.edges[0]:g}-{one.edges[-1]:g} GeV in {one.path}" for one in found)
        raise ConfigError(f"--spectrum: the spectra have no masses in common ({ranges}). Fit them alone.")
    shape = None if given.signal_shape is None else read_shape(given.signal_shape)
    return masses_of(np.array([low, high]), given, shape)


def _at(given: CategorySettings, masses: np.ndarray) -> CategorySettings:
    return given.model_copy(update={"masses": masses.tolist()})


def _together(fitted: Sequence[Fitted], signals: Sequence[Signal], counts: np.ndarray) -> Fitted:
    """One background function over the bins of all categories, with the order of each."""
    model, _ = categories([one.model for one in fitted], [signal.nominal for signal in signals])
    start = np.concatenate([one.fit.parameters for one in fitted])
    fit = poisson.fit(model, counts, start=start)
    if not bool(fit.converged):
        raise FitError(
            f"{fitted[0].name}: the fit to all categories did not converge. Use fewer parameters "
            "(--n-parameters), or another of --functions."
        )
    return Fitted(fitted[0].name, (model,), (fit,), None, 0)


def _signal(models: Sequence[Any], signals: Sequence[Signal], entries: np.ndarray) -> Signal:
    """Template over the bins of all categories, `entries` (n_categories,) in each per event."""

    def over_all(name: str) -> np.ndarray | None:
        parts = [getattr(signal, name) for signal in signals]
        if any(part is None for part in parts):
            return None
        return categories(models, [size * part for size, part in zip(entries, parts, strict=True)])[1]

    return Signal(over_all("nominal"), over_all("up"), over_all("down"))


def _described(name: str, found: SpectrumFile, fraction: float, fitted: Fitted) -> dict[str, Any]:
    return {
        "name": name,
        "path": found.path,
        "fraction": fraction,
        "events": float(found.counts.sum()) / found.scale,
        "scale": found.scale,
        "function": fitted.name,
        "n_parameters": order.free_parameters(fitted.model),
        "notes": list(found.notes),
    }


def _say(result: dict[str, Any]) -> None:
    best, overall = result["best"], result["global"]
    print(
        f"{len(result['categories'])} categories together: smallest local p-value {best['p_local']:.3g} "
        f"({best['z_local']:.2f} sigma) at {best['mass']:.0f} GeV"
    )
    if overall["p"] is not None:
        print(f"global p-value {overall['p']:.3g} +- {overall['error']:.2g} ({overall['n_toys']} toys)")
