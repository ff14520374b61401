"""The global p-value of a search from pseudo-experiments that went through the whole chain.

For every pseudo-experiment the local p-values of all windows, selections and methods are found as for the
data, with the likelihood of `infer test` (`calibration_likelihood`), by asymptotic formulas whatever the
number of events. The test statistic is the smallest of them, of each method and of all together. Its p-value
counts the pseudo-experiments that are as extreme as the data, so that it holds the trials of the scan, of the
choice among selections and methods, and of the training itself (arXiv:2512.13787), and is right where a local
one is not. Systematic uncertainties are part of the test: pseudo-experiments do not vary them.

`calibration.json`:

    schema_version, kind ("calibration"), mixture, name, blind
    statistic            of the local p-values: signal (its shape), uncertainties (those that are not 0),
                         envelope (further background functions)
    n                    pseudo-experiments
    stop                 extreme ones at which they end, or null
    inject               mean number of signal events that were added, by dataset
    confidence           of the intervals `low` to `high`
    index                (n,) which pseudo-experiments
    methods              by name:
        tests                one per window and selection:
            low, high, efficiency
            n_failed             fits that did not converge
            p_values             (n,) local, of the signed z; null where the fit failed
            observed             of the data; null where blind
            uniformity           {statistic, p_value} of Kolmogorov and Smirnov
            fractions            {"0.05": {value, low, high}, "0.01": ...} of p-values at or below
        fractions            the same over all tests, with the error of the mean over pseudo-experiments
        smallest_p           (n,) over the tests; null where no fit converged
        global               null where blind or injected:
            smallest_p, low_edge, high_edge, efficiency   of the data, and where (GeV)
            p_value, low, high   counted, with the interval
            z, z_low, z_high     standard deviations, null where infinite
            exceedances, n, stopped
            trials               p_value / smallest_p
        power                {"0.05": {value, low, high} or null, ...}: pseudo-experiments with a global
                             p-value, against those without signal, at or below; null where no null is given
    joint                smallest_p, global, power over all methods; `global` names the method too
    provenance

`round<r>.json` (`infer calibrate --round`), after each round where there is a rule to stop: kind
("calibration_round"), mixture, name, round, done, n, smallest_p by method and "joint" of all rounds so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from resonaut.errors import InputError, MismatchError
from resonaut.files import read_json, write_json
from resonaut.infer import calibration_numbers as numbers
from resonaut.infer import calibration_tests as tests
from resonaut.infer import templates
from resonaut.infer.calibration_likelihood import Statistic
from resonaut.infer.calibration_tests import Local
from resonaut.infer.settings import InferSettings
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.pseudo_settings import Stop
from resonaut.settings import Count, Settings, validate
from resonaut.store import open_h5

SCHEMA_VERSION = 1
KIND, ROUND_KIND = "calibration", "calibration_round"
JOINT = "joint"


class Slice(Settings):
    """What the rule gives."""

    mixture: str = Field(description="The mixture of the data.")
    name: str = Field(description="Name of the pseudo-experiments.")
    stop: Stop | None = Field(description="When to stop early.")
    inject: dict[str, Count] = Field(description="Mean number of signal events that were added.")
    infer: InferSettings = Field(
        InferSettings(), description="Its signal, uncertainties and envelope make the local test."
    )

    @property
    def exceedances(self) -> int | None:
        """Extreme pseudo-experiments that end the sequence."""
        return None if self.stop is None else self.stop.exceedances


def calibrate(
    settings: dict[str, Any],
    data: Sequence[Path],
    pseudo: Sequence[Path],
    output: Path,
    null: Path | None = None,
    signal: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Calibrate a search and write what the module says.

    Args:
        settings: the slice `calibrate`.
        data: spectra of the data, one per method.
        pseudo: spectra of all parts of the pseudo-experiments, of all methods, in any order.
        output: JSON.
        null: calibration of the pseudo-experiments without signal, for the power of injected ones.
        signal: manifests of features by dataset, for `infer.signal.dataset`.

    Raises:
        ConfigError: the dataset of the signal is not given.
        InputError: a file cannot be used, or a pseudo-experiment stands in two.
        MismatchError: files are of different searches, or `null` of other local tests.
    """
    given = validate(Slice, settings, "--settings")
    statistic = _statistic(given, signal)
    of_data, of_pseudo = tests.read(data, statistic), tests.read(pseudo, statistic)
    tests.require_alike(of_data, of_pseudo)
    blind = any(map(_is_blind, data))
    reference = None if null is None else _reference(null, statistic)
    methods = {}
    for method, own in of_pseudo.items():
        methods[method] = {
            "tests": _tests(own, None if blind else of_data[method]),
            "fractions": numbers.fractions_of_all(own.p_value.reshape(len(own.p_value), -1)),
            "smallest_p": _listed(own.smallest),
            "global": _global(own.smallest, {method: of_data[method]}, given, blind),
            "power": _power(own.smallest, reference, method),
        }
    all_methods = tests.joint(of_pseudo)
    used = [*data, *pseudo, *([null] if null else []), *(signal or {}).values()]
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "mixture": given.mixture,
        "name": given.name,
        "blind": blind,
        "statistic": statistic.described(),
        "n": len(all_methods),
        "stop": given.exceedances,
        "inject": given.inject,
        "confidence": numbers.CONFIDENCE,
        "index": next(iter(of_pseudo.values())).index.tolist(),
        "methods": methods,
        JOINT: {
            "smallest_p": _listed(all_methods),
            "global": _global(all_methods, of_data, given, blind),
            "power": _power(all_methods, reference, JOINT),
        },
        "provenance": describe(settings, used, ["numpy", "scipy"]),
    }
    write_json(output, result)
    write_run_record(output)
    _log(result)
    return result


def write_round(
    settings: dict[str, Any],
    data: Sequence[Path],
    pseudo: Sequence[Path],
    number: int,
    before: Path | None,
    output: Path,
    signal: Mapping[str, Path] | None = None,
) -> dict[str, Any]:
    """Say after a round whether there are enough extreme pseudo-experiments.

    Nothing is said of blind data: they never stop a round.

    Args:
        settings, data, signal: as for `calibrate`.
        pseudo: spectra of the parts of this round.
        number: of the round, from 0.
        before: state after the round before.
        output: JSON, as the module says.

    Raises:
        ConfigError, InputError, MismatchError: see `calibrate`.
    """
    given = validate(Slice, settings, "--settings")
    smallest: dict[str, list[float | None]] = {}
    done = False
    if before is not None:
        state = read_json(before)
        smallest, done = state["smallest_p"], bool(state["done"])
    if not done:
        statistic = _statistic(given, signal)
        of_data, of_pseudo = tests.read(data, statistic), tests.read(pseudo, statistic)
        tests.require_alike(of_data, of_pseudo)
        observed = {method: float(own.smallest[0]) for method, own in of_data.items()}
        new = {method: own.smallest for method, own in of_pseudo.items()}
        observed[JOINT], new[JOINT] = float(tests.joint(of_data)[0]), tests.joint(of_pseudo)
        smallest = {name: [*smallest.get(name, []), *_listed(values)] for name, values in new.items()}
        wanted = given.exceedances
        enough = [_n_extreme(smallest[name], observed[name]) >= wanted for name in new if wanted is not None]
        done = bool(enough) and all(enough) and not any(map(_is_blind, data))
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": ROUND_KIND,
        "mixture": given.mixture,
        "name": given.name,
        "round": number,
        "done": done,
        "n": len(smallest[JOINT]),
        "smallest_p": smallest,
        "provenance": describe(settings, [*data, *pseudo, *(signal or {}).values()], ["numpy", "scipy"]),
    }
    write_json(output, result)
    write_run_record(output)
    log.info("round %d: %d pseudo-experiments, %s", number, result["n"], "done" if done else "going on")
    return result


def _statistic(given: Slice, signal: Mapping[str, Path] | None) -> Statistic:
    return Statistic(given.infer, templates.read(given.infer.signal, signal or {}))


def _n_extreme(smallest: Sequence[float | None], observed: float) -> int:
    return sum(value is None or value <= observed for value in smallest)


def _is_blind(path: Path) -> bool:
    with open_h5(path) as file:
        # A file that does not say that it is open is taken for blind.
        return bool(file.attrs.get("blind", True))


def _listed(values: np.ndarray) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _tests(own: Local, data: Local | None) -> list[dict[str, Any]]:
    found = []
    for window, place in enumerate(own.windows):
        for number, efficiency in enumerate(own.efficiencies):
            values = own.p_value[:, window, number]
            observed = [None] if data is None else _listed(data.p_value[:1, window, number])
            found.append(
                {
                    "low": place.low,
                    "high": place.high,
                    "efficiency": efficiency,
                    "n_failed": int(np.isnan(values).sum()),
                    "observed": observed[0],
                    "uniformity": numbers.uniformity(values),
                    "fractions": numbers.fractions(values),
                    "p_values": _listed(values),
                }
            )
    return found


def _global(
    smallest: np.ndarray, data: Mapping[str, Local], given: Slice, blind: bool
) -> dict[str, Any] | None:
    """The global p-value of one or of all methods."""
    if blind or given.inject:
        return None
    best = min(data, key=lambda method: np.nan_to_num(data[method].smallest[0], nan=1.0))
    observed = float(data[best].smallest[0])
    if not np.isfinite(observed):
        raise InputError(f"--data: no fit of {', '.join(data)} to the data converged. See `hunt`.")
    window, efficiency = data[best].place(0)
    where = {"method": best, "low_edge": window.low, "high_edge": window.high, "efficiency": efficiency}
    return {**where, **numbers.global_test(smallest, observed, given.exceedances)}


def _reference(path: Path, statistic: Statistic) -> dict[str, np.ndarray]:
    """Smallest p-values by method, and joint, of pseudo-experiments without signal."""
    content = read_json(path)
    if not isinstance(content, dict) or content.get("kind") != KIND:
        raise InputError(f"{path}: a calibration of `infer calibrate` is expected.")
    if content.get("statistic") != statistic.described():
        raise MismatchError(
            f"{path}: local tests {content.get('statistic')}, those of these pseudo-experiments are "
            f"{statistic.described()}. Run `infer calibrate` of both with the same infer.signal, "
            "uncertainties and envelope."
        )
    found = {method: own["smallest_p"] for method, own in content["methods"].items()}
    return {
        name: np.array(values, float)
        for name, values in {**found, JOINT: content[JOINT]["smallest_p"]}.items()
    }


def _power(
    smallest: np.ndarray, reference: Mapping[str, np.ndarray] | None, name: str
) -> dict[str, Any] | None:
    return None if reference is None else numbers.power(smallest, reference[name])


def _log(result: Mapping[str, Any]) -> None:
    for name, own in {**result["methods"], JOINT: result[JOINT]}.items():
        if own["global"] is not None:
            found = own["global"]
            log.info(
                "%s: global p = %.4g (%.4g to %.4g), %d of %d pseudo-experiments as extreme",
                name, found["p_value"], found["low"], found["high"], found["exceedances"], found["n"],
            )  # fmt: skip
