"""The checks of one search: the worst number of each, its limit, and what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from resonaut.review.checks_settings import ChecksSettings

Content = Mapping[str, Any]
Found = tuple[float, str]
"""A number, the larger the worse, and where it was found."""


@dataclass(frozen=True)
class Search:
    """Results of one search: JSON of `infer test`, `hunt`, `hunt evaluate` and `infer validate`."""

    mixture: str
    method: str
    significances: Content
    hunts: Content
    evaluations: Content | None = None
    validations: Content | None = None


@dataclass(frozen=True)
class Check:
    """One check, as `review.checks` describes it."""

    name: str
    value: float | None
    limit: float
    passes: bool | None
    where: str | None
    advice: str


def _place(entry: Content, efficiency: float) -> str:
    return f"{entry['low']:g}-{entry['high']:g} GeV, {100 * efficiency:g} % selected"


def _largest(name: str, found: list[Found], limit: float, advice: str) -> Check:
    """A check that the largest of some numbers does not exceed its limit."""
    if not found:
        return Check(name, None, limit, None, None, advice)
    value, where = max(found, key=lambda number: number[0])
    return Check(name, value, limit, value <= limit, where if value else None, advice)


def _smallest(name: str, found: list[Found], limit: float, advice: str) -> Check:
    """A check that the smallest of some numbers is at least its limit."""
    if not found:
        return Check(name, None, limit, None, None, advice)
    value, where = min(found, key=lambda number: number[0])
    return Check(name, value, limit, value >= limit, where, advice)


def converged(search: Search, limits: ChecksSettings) -> Check:
    """How many fits of the data failed, in the hunt or in the tests."""
    failed = [
        _place(window, selection["efficiency"])
        for window in search.hunts["windows"]
        for selection in window["selections"]
        if not selection["converged"]
    ]
    blind = search.significances.get("blind", False)
    for entry in search.significances["windows"]:
        lost = entry["upper_limit"]["expected"] is None or (not blind and entry["p_value"] is None)
        if lost or entry.get("failed"):
            failed.append(_place(entry, entry["selection_efficiency"]))
    advice = "Use fewer hunt.n_parameters, a looser hunt.efficiencies or wider side bands there."
    where = "; ".join(dict.fromkeys(failed)) or None
    return Check("fits that did not converge", float(len(set(failed))), 0.0, not failed, where, advice)


def goodness(search: Search, limits: ChecksSettings) -> Check:
    """The worst fit of a background to its side bands: by toys where there are enough, else chi-squared."""
    toys = {
        _place(entry, entry["selection_efficiency"]): entry.get("goodness")
        for entry in (search.validations or {"windows": []})["windows"]
    }
    found = []
    for window in search.hunts["windows"]:
        for selection in window["selections"]:
            where, chi_squared = _place(window, selection["efficiency"]), selection["goodness_of_fit"]
            if chi_squared is not None:
                p_value = _by_toys(toys.get(where), limits.goodness_of_fit)
                known = (chi_squared, "chi-squared") if p_value is None else (p_value, "by toys")
                found.append((known[0], f"{where}, {known[1]}"))
    advice = (
        "The function does not describe the side bands: use more hunt.n_parameters, another hunt.background, "
        "or narrower side bands. Or a signal stands in them: see the window next to it. Chi-squared is rough "
        "at few events per bin: infer.validation.n_toys gives toys."
    )
    return _smallest("goodness of the background fits (p-value)", found, limits.goodness_of_fit, advice)


def _by_toys(result: Content | None, limit: float) -> float | None:
    """The p-value; None without toys, or where none is as far and more would be needed to tell."""
    if result is None:
        return None
    least = 1 / (1 + result["n_toys"])
    return result["p"] if least < limit or result["p"] >= 2 * least else None


def closure(search: Search, limits: ChecksSettings) -> Check:
    """How far the archived workspaces are from the exact profile likelihood."""
    name = "workspace closure (relative difference)"
    advice = (
        "Quote the exact profile likelihood; the archived workspace is an approximation there. Few events or "
        "a badly known background are the usual cause."
    )
    found = []
    for entry in search.significances["windows"]:
        result, where = entry.get("closure"), _place(entry, entry["selection_efficiency"])
        if result is None:
            continue
        differences = (result.get("relative_differences") or {}).values()
        known = [abs(value) for value in differences if value is not None]
        if not known:
            return Check(name, None, limits.closure, False, where, f"The workspace has no fit. {advice}")
        found.append((max(known), where))
    return _largest(name, found, limits.closure, advice)


def _truths(search: Search, own: bool) -> Iterator[tuple[str, Content, Content]]:
    """Where, entry and truth of each set of toys that were drawn from the function that fits, or another."""
    for entry in (search.validations or {"windows": []})["windows"]:
        for truth in entry["truths"]:
            if truth["own"] == own and truth["failed"] is None:
                where = _place(entry, entry["selection_efficiency"])
                yield (where if own else f"{where}, toys of {truth['function']}"), entry, truth


def failed_toys(search: Search, limits: ChecksSettings) -> Check:
    """The largest share of toys whose fits failed."""
    found = [
        (row["n_failed"] / (row["n_toys"] + row["n_failed"]), where)
        for own in (True, False)
        for where, _, truth in _truths(search, own)
        for row in truth["strengths"]
    ]
    advice = "Toys that cannot be fitted bias what toys say: use fewer hunt.n_parameters or wider side bands."
    return _largest("share of toys that cannot be fitted", found, limits.failed_toys, advice)


def _rows(search: Search, limits: ChecksSettings) -> Iterator[tuple[str, Content]]:
    """Toys of each strength where enough events are expected for pulls."""
    for where, _, truth in _truths(search, own=True):
        if truth["expected_background"] >= limits.events_min:
            for row in truth["strengths"]:
                if row["pull"] is not None:
                    yield f"{where}, {row['injected']:.3g} events injected", row


def pull_mean(search: Search, limits: ChecksSettings) -> Check:
    """The largest mean pull of toys that the background function describes."""
    found = [(abs(row["pull"]["mean"]), where) for where, row in _rows(search, limits)]
    advice = "The fitted signal is biased: fewer hunt.n_parameters or wider side bands make the fit stiffer."
    return _largest("mean of the pulls", found, limits.pull_mean, advice)


def pull_width(search: Search, limits: ChecksSettings) -> Check:
    """The width of pulls that is farthest from 1."""
    found = [(abs(row["pull"]["width"] - 1), where) for where, row in _rows(search, limits)]
    advice = "Errors of the fitted signal are wrong by so much: use intervals from toys there."
    return _largest("width of the pulls, distance from 1", found, limits.pull_width, advice)


def linearity(search: Search, limits: ChecksSettings) -> Check:
    """The slope of fitted against injected signal that is farthest from 1."""
    found = [
        (abs(truth["linearity"]["slope"] - 1), where)
        for where, _, truth in _truths(search, own=True)
        if truth["linearity"] is not None and truth["expected_background"] >= limits.events_min
    ]
    advice = "A signal is partly taken for background: use wider side bands or fewer hunt.n_parameters."
    return _largest(
        "slope of fitted against injected signal, distance from 1", found, limits.linearity, advice
    )


def _coverage(
    search: Search, limits: ChecksSettings, kind: str, nominal: str, left_out: frozenset[str] = frozenset()
) -> Check:
    """The largest lack of coverage beyond its errors, but for places that are left out."""
    found = []
    for where, _, truth in _truths(search, own=True):
        for row in truth["strengths"] if where not in left_out else ():
            result = row[kind]
            if result is not None:
                error = result["high"] - result["coverage"]
                lack = search.validations[nominal] - result["coverage"] - limits.coverage_errors * error
                found.append((max(lack, 0.0), f"{where}, {row['injected']:.3g} events injected"))
    what = "upper limits" if kind == "limit" else "intervals"
    advice = f"Asymptotic {what} are too optimistic there: take them from toys (infer.toys.below)."
    name = f"lack of coverage of the {what} beyond {limits.coverage_errors:g} errors"
    return _largest(name, found, limits.coverage_tolerance, advice)


def interval_coverage(search: Search, limits: ChecksSettings) -> Check:
    """Coverage of the intervals of the fitted signal."""
    return _coverage(search, limits, "interval", "interval_level")


def limit_coverage(search: Search, limits: ChecksSettings) -> Check:
    """Coverage of the asymptotic upper limits, where they are the result: elsewhere toys are."""
    by_toys = frozenset(
        _place(entry, entry["selection_efficiency"])
        for entry in search.significances["windows"]
        if entry.get("method") == "toys"
    )
    return _coverage(search, limits, "limit", "confidence_level", by_toys)


def spurious_signal(search: Search, limits: ChecksSettings) -> Check:
    """The largest signal that is fitted to other backgrounds that describe the side bands too."""
    found = [
        (abs(row["fitted"]["mean"]) / entry["sigma"], where)
        for where, entry, truth in _truths(search, own=False)
        if truth["goodness_of_fit"] is None or truth["goodness_of_fit"] >= limits.goodness_of_fit
        for row in truth["strengths"]
        if row["injected"] == 0 and row["fitted"] is not None
    ]
    advice = (
        "The background function fakes a signal if another one is true: use more hunt.n_parameters, or put "
        "the spurious signal in (infer.uncertainties.spurious_signal)."
    )
    return _largest("spurious signal (standard deviations)", found, limits.spurious_signal, advice)


def sculpting(search: Search, limits: ChecksSettings) -> Check:
    """The smallest p-value that a selection changes the mass spectrum of the background."""
    found = [
        (test["kolmogorov_smirnov"]["p_value"], _place(window, test["efficiency"]))
        for window in (search.evaluations or {"windows": []})["windows"]
        for test in window["sculpting"]
        if test is not None and test["kolmogorov_smirnov"]["p_value"] is not None
    ]
    advice = (
        "The selection follows the mass: use features that do not (divide masses by mjj), or hunt.flatten; "
        "trust the smooth fit, not the efficiency of the side bands."
    )
    return _smallest("sculpting of the mass (p-value)", found, limits.sculpting, advice)


CHECKS: tuple[Callable[[Search, ChecksSettings], Check], ...] = (
    converged,
    goodness,
    closure,
    sculpting,
    spurious_signal,
    pull_mean,
    pull_width,
    linearity,
    interval_coverage,
    limit_coverage,
    failed_toys,
)
