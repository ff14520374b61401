"""Statistics of a histogram of any origin: `resonaut infer --spectrum`.

The folder gets `result.json`, `scan.csv` (one row per mass) and the figures `spectrum`, `p_values` and
`limits` as PNG and PDF. Keys of `result.json`:

- `spectrum`: `path`, `bins`, `low`, `high` (GeV), `events`, `scale` (effective entries per event, 1 without
  weights), `sqrt_s` (GeV) and `notes`: what was taken from the file.
- `fits`: for each function and order `function`, `n_parameters`, `deviance`, `degrees_of_freedom`,
  `p_goodness` (of the deviance, by toys that are fitted again) with `p_goodness_error`, `parameters` (as in
  the file of the function), `covariance`, `converged`. Without convergence numbers are null.
- `chosen`: `function`, `n_parameters`, `by` (F-test, or given), `alpha`, `f_tests` (`from`, `to`, `f`, `p`).
  `functions`: the same for each function.
- `scan`: for each `mass` (GeV) `p_local` (`p_local_error` where by toys), `z_local` (not negative),
  `z_signed`, `signal` (fitted events), `signal_error`, `signal_interval` (68.3 %, profile),
  `expected_background` (events under 90 % of the signal), `fraction_in_range` of the signal,
  `spurious_signal` (events), `method`.
- `best`: the entry of the smallest `p_local`.
- `global`: `p`, `error`, `z`, `method` (toys), `n_toys`, `z_max`, `mass` of the scan without nuisance
  parameters; `gross_vitells` (`p`, `error`, `z`, `reference`, `mean_upcrossings` of `scans` toys, or of the
  data if there are no toys); `bumphunter` (`p`, `error`, `n_toys`, `refit`, `widths` in bins, `p_local`,
  `low`, `high` in GeV, `observed`, `expected`) and `bumphunter_given_fit`: the same for the fit that the file
  brings with it, without refit; null without one.
- `limits`: for each `mass` `observed`, `expected_minus_2sigma` ... `expected_plus_2sigma` (signal events,
  inside and outside of the range), the same with `_fb` if there is a luminosity, `observed_error` where by
  toys, `method`; where published limits are given `published_observed_fb`, `published_expected_fb`,
  `observed_over_published` and `expected_over_published`. `confidence_level` is theirs.
- `warnings`: a chosen fit that describes the data badly, an order that is the last that was tried.
- `provenance`.

A mass whose fits fail has `mass` and `failed` (why) in `scan` and `limits`.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, OutputError
from resonaut.files import atomic, write_json
from resonaut.infer import published_fits, published_global, published_scan
from resonaut.infer.published_limits import compared, read_limits
from resonaut.infer.published_settings import SpectrumSettings
from resonaut.infer.published_signals import signals_of
from resonaut.infer.spectrum_file import SpectrumFile, Taking, read_spectrum
from resonaut.infer.spectrum_readers import file_of
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate

SCHEMA_VERSION = 1
POOR = 0.01
"""Goodness of fit below which a warning is given."""


def run(spectrum: str, output: str | os.PathLike, settings: dict[str, Any]) -> None:
    """Fit, scan and limit a histogram.

    Args:
        spectrum: CSV, YAML or ROOT file, `file.root:histogram` for one of several.
        output: folder, as the module says.
        settings: of `SpectrumSettings`.

    Raises:
        ConfigError, InputError: settings or files that cannot be used.
        FitError: no fit converges.
        OutputError: the folder cannot be written.
    """
    given = validate(SpectrumSettings, settings)
    folder = Path(output)
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder}: a folder for the results is expected, this is a file. Name another.")
    found = read_spectrum(spectrum, Taking(given.column, given.unit, given.mass_min, given.mass_max))
    for note in found.notes:
        log.info("%s: %s", found.path, note)
    published = None if given.compare_limits is None else read_limits(given.compare_limits)
    result, expected = analyse(found, given)
    if published is not None:
        result["limits"] = compared(result["limits"], published)
    inputs = [file_of(spectrum)[0]]
    inputs += [file_of(name)[0] for name in (given.signal_shape, given.compare_limits) if name is not None]
    packages = ["matplotlib", "numpy", "scipy"]
    result["provenance"] = describe(given.model_dump(), inputs, packages)
    from resonaut.infer.published_figures import draw_all

    draw_all(folder, found, result, expected)
    write_table(folder / "scan.csv", result)
    write_json(folder / "result.json", result)
    write_run_record(folder / "result.json")
    _say(result)


def analyse(found: SpectrumFile, given: SpectrumSettings) -> tuple[dict[str, Any], np.ndarray]:
    """The result without its provenance, and the chosen fit's expectation (n_bins,)."""
    sqrt_s = energy(found, given)
    masses, signals = signals_of(found.edges, given)
    functions = [
        published_fits.fit_function(name, found.edges, found.counts, sqrt_s, given)
        for name in given.functions
    ]
    primary = functions[0]
    events = published_scan.spurious_events(functions, found.counts, masses, signals, given)
    tests, limits = published_scan.scan(primary, found.counts, masses, signals, events, found.scale, given)
    overall = published_global.over_masses(primary, found.counts, signals, masses, given)
    overall["bumphunter"] = published_global.bump_hunt(
        primary.model, found.edges, found.counts, given, "refit"
    )
    overall["bumphunter_given_fit"] = (
        None
        if found.expected is None
        else published_global.bump_hunt(found.expected, found.edges, found.counts, given, "given")
    )
    result = {
        "schema_version": SCHEMA_VERSION,
        "spectrum": {
            "path": found.path,
            "bins": len(found.counts),
            "low": float(found.edges[0]),
            "high": float(found.edges[-1]),
            "events": float(found.counts.sum()) / found.scale,
            "scale": found.scale,
            "sqrt_s": sqrt_s,
            "notes": list(found.notes),
        },
        "fits": [
            entry
            for function in functions
            for entry in published_fits.described(function, found.counts, given)
        ],
        "chosen": published_fits.choice(primary, given),
        "functions": [published_fits.choice(function, given) for function in functions],
        "scan": tests,
        "best": best(tests),
        "global": overall,
        "confidence_level": given.confidence_level,
        "limits": limits,
    }
    result["warnings"] = _warnings(result, len(primary.models))
    return result, primary.fit.expected


def energy(found: SpectrumFile, given: SpectrumSettings) -> float:
    """Centre-of-mass energy, GeV.

    Raises:
        ConfigError: it is below the spectrum.
    """
    sqrt_s = given.sqrt_s or found.sqrt_s or published_fits.DEFAULT_SQRT_S
    if found.edges[-1] > sqrt_s:
        raise ConfigError(
            f"--sqrt-s: {sqrt_s:g} GeV, but the spectrum reaches {found.edges[-1]:g} GeV. Give the right "
            "one, or cut with --mass-max."
        )
    return sqrt_s


def best(tests: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The entry of the smallest local p-value."""
    return min(
        (entry for entry in tests if "failed" not in entry),
        key=lambda entry: (entry["p_local"], -entry["z_signed"]),
    )


def _warnings(result: dict[str, Any], n_orders: int) -> list[str]:
    """Words for a background that should not be trusted."""
    chosen = result["chosen"]
    own = [entry for entry in result["fits"] if entry["function"] == chosen["function"]]
    fit = next(entry for entry in own if entry["n_parameters"] == chosen["n_parameters"])
    found = []
    name = f"{chosen['function']} with {chosen['n_parameters']} parameters"
    if fit["p_goodness"] is not None and fit["p_goodness"] < POOR:
        found.append(
            f"{name} describes the data badly (p = {fit['p_goodness']:.2g} by toys): p-values and limits "
            "lean on it. Try more functions or orders, or a narrower range."
        )
    if n_orders > 1 and fit is own[-1] and chosen["by"] == "F-test":
        found.append(f"{name} is the largest order that was tried; a larger one may be better still.")
    for text in found:
        log.warning("%s", text)
    return found


def write_table(path: Path, result: dict[str, Any]) -> None:
    """One row per mass, without those whose fits failed."""
    columns = ["mass", "p_local", "z_local", "z_signed", "signal", "signal_error"]
    names = [name for name in max(result["limits"], key=len) if name not in ("mass", "method", "failed")]
    with atomic(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*columns, "method", *(f"limit_{name}" for name in names), "limit_method"])
        for test, limit in zip(result["scan"], result["limits"], strict=True):
            if "failed" not in test:
                row = [_cell(test[name]) for name in columns]
                own = [_cell(limit[name]) for name in names]
                writer.writerow([*row, test["method"], *own, limit["method"]])


def _cell(value: float | None) -> str:
    return "" if value is None or not np.isfinite(value) else f"{value:.8g}"


def _say(result: dict[str, Any]) -> None:
    chosen, best, overall = result["chosen"], result["best"], result["global"]
    print(
        f"{chosen['function']} with {chosen['n_parameters']} parameters ({chosen['by']}); smallest local "
        f"p-value {best['p_local']:.3g} ({best['z_local']:.2f} sigma) at {best['mass']:.0f} GeV"
    )
    if overall["p"] is not None:
        print(f"global p-value {overall['p']:.3g} +- {overall['error']:.2g} ({overall['n_toys']} toys)")
