"""Compare the methods of a study: what each gains, whether it sculpts, what it finds.

Mixtures `name:<n>:seed<s>` (n injected signal events, draw s) or `name:seed<s>` are draws of one thing:
entries are by (name, n, method). With several draws values are medians over them, with the band from the 16 %
to the 84 % quantile (linear between draws). With one draw an interval is that of its bootstrap, or its ends
are null. An *interval* is {value, low, high, source}, source "draws", "bootstrap" or "none"; all of it is
null where nothing is known.

`comparison.json`:

    schema_version, kind ("comparison")
    confidence           of bootstrap intervals
    efficiencies         (E,) of the selections
    entries              one per (name, injected, method), by name, injected, falling max_median_improvement:
        name, injected, method   injected is null for a mixture whose name says none
        draws                    names of the mixtures
        labelled                 the truth is known
        truth_window             {low, high} GeV: of the largest S / sqrt(B); of a mixture without signal that
                                 of the one with most signal of the same name; null where unknown
        n_events                 of the mixture; n_signal, n_background: of that window; medians
        false_positive_cut       {background_events, background_efficiency}: nothing is said below it
        auc                      interval
        max_improvement          interval, background_efficiency: each draw's largest significance improvement
        max_median_improvement   the same: largest point of the median curve (of the draws; of the replicas
                                 where there is one draw) and the band there, as papers give it
        at                       {"0.01": {improvement, signal_efficiency: intervals} or null, "0.001": ...}
        curve                    lists background_efficiency, signal_efficiency, improvement, low, high:
                                 median and band of the draws, or the one draw and its bootstrap band
        sculpting                per efficiency, in that window (the first of the scan where unknown):
                                 medians {efficiency, kolmogorov_smirnov, chi2 (p-values),
                                 jensen_shannon (bits)}; null where not measured
        significance             per efficiency: {efficiency, n_windows,
                                 largest: interval of the largest signed local z of the windows, and `window`,
                                 {low, high} where it is in most draws,
                                 truth_window: interval of the signed local z there,
                                 observed, expected_background: medians there}; blind ones are null
    injection            one per (name, method, efficiency) with injections; lists go along rising `injected`:
        name, method, efficiency, low, high (truth window, GeV; null where unknown)
        injected, n_draws        numbers
        n_signal                 median in the window
        z, largest               intervals: signed local z in the window, and the largest of all windows
    provenance

`comparison.md` is the same as tables. All z are local: not corrected for the number of windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resonaut.errors import ConfigError, InputError, MismatchError
from resonaut.files import atomic, read_json, write_json
from resonaut.infer.compare_entries import Group, entry, groups, injections
from resonaut.infer.compare_table import markdown
from resonaut.infer.draws import Draw
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record

SCHEMA_VERSION = 1
KIND = "comparison"
EVALUATION = ("evaluation", 1)
"""Kind and schema of the evaluations that are understood."""


def run(
    evaluations: Mapping[str, Path], significances: Mapping[str, Path], output: Path, table: Path
) -> None:
    """Compare searches and write what the module says.

    Args:
        evaluations: JSON of `hunt evaluate` by `mixture/method`.
        significances: JSON of `infer test`, of the same searches.
        output: JSON.
        table: Markdown.

    Raises:
        ConfigError: a search has one file only, or a name is not `mixture/method`.
        InputError: a file is of another kind or schema.
        MismatchError: a file is of another search, or the searches have different selections or windows.
    """
    draws = read(evaluations, significances)
    found = groups(draws)
    windows = _truth_windows(found)
    entries = [entry(group, windows[group.name]) for group in found]
    order = {name: number for number, name in enumerate(sorted({group.name for group in found}))}
    entries.sort(key=lambda item: (order[item["name"]], item["injected"] or 0, *_rank(item)))
    efficiencies = draws[0].evaluation["efficiencies"]
    log.info("comparison of %d searches: %d entries", len(draws), len(entries))
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "confidence": draws[0].evaluation["confidence"],
        "efficiencies": efficiencies,
        "entries": entries,
        "injection": injections(entries, efficiencies),
        "provenance": describe({}, [*evaluations.values(), *significances.values()], ["numpy"]),
    }
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output)


def _rank(item: Mapping[str, Any]) -> tuple[float, str]:
    """Largest gain first, unknown ones last."""
    best = item["max_median_improvement"]
    return (1.0 if best is None else -best["value"]), item["method"]


def read(evaluations: Mapping[str, Path], significances: Mapping[str, Path]) -> list[Draw]:
    """Read both files of each search (see `run`)."""
    odd = sorted(set(evaluations) ^ set(significances))
    if odd:
        raise ConfigError(
            f"--evaluations and --significances: the same searches are expected; "
            f"{', '.join(odd)} {'is' if len(odd) == 1 else 'are'} in one of them only."
        )
    draws = []
    for key in sorted(evaluations):
        mixture, slash, method = key.rpartition("/")
        if not slash or not mixture or not method:
            raise ConfigError(f"'{key}': MIXTURE/METHOD=PATH is expected, for example data/cwola=hunt.json.")
        evaluation = _read_evaluation(evaluations[key])
        significance = read_json(significances[key])
        if not isinstance(significance, dict) or "windows" not in significance or "best" not in significance:
            raise InputError(f"{significances[key]}: significances of `infer test` are expected.")
        for path, content in ((evaluations[key], evaluation), (significances[key], significance)):
            if (content["mixture"], content["method"]) != (mixture, method):
                raise MismatchError(
                    f"{path}: of mixture '{content['mixture']}' and method '{content['method']}', {key} is "
                    "expected. Give the file of that search."
                )
        draws.append(Draw.of(mixture, method, evaluation, significance))
    _check_alike(draws, evaluations)
    return draws


def _read_evaluation(path: Path) -> dict[str, Any]:
    value = read_json(path)
    found = (value.get("kind"), value.get("schema_version")) if isinstance(value, dict) else (None, None)
    if found != EVALUATION:
        raise InputError(
            f"{path}: an evaluation of schema {EVALUATION[1]} is expected, got kind {found[0]!r} of schema "
            f"{found[1]!r}. Run `hunt evaluate` again."
        )
    return value


def _check_alike(draws: list[Draw], paths: Mapping[str, Path]) -> None:
    """Searches that are compared were cut at the same efficiencies, in the same windows."""
    first = draws[0]
    for draw in draws[1:]:
        for name, one, other in (
            ("efficiencies", first.evaluation["efficiencies"], draw.evaluation["efficiencies"]),
            ("windows", first.windows, draw.windows),
        ):
            if one != other:
                raise MismatchError(
                    f"{paths[draw.key]}: {name} are {other}, those of {paths[first.key]} {one}. Compare "
                    "searches of one scan, and run those again that are older."
                )


def _truth_windows(found: list[Group]) -> dict[str, tuple[float, float] | None]:
    """The truth window of the mixture with most signal, by name."""
    best: dict[str, tuple[float, tuple[float, float] | None]] = {}
    for group in found:
        amount, window = group.most_signal()
        if amount > best.get(group.name, (-1.0, None))[0]:
            best[group.name] = (amount, window)
    return {name: window for name, (_, window) in best.items()}
