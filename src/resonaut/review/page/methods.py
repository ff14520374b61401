"""Taggers, generators and detectors: the numbers by which they are compared."""

from __future__ import annotations

from html import escape

from resonaut.review.page import words
from resonaut.review.page.contents import Content, Contents
from resonaut.review.page.html import Cell, heading, numeric, table, yes_or_no


def taggers(contents: Contents) -> str:
    """A row per tagger, tables by what they predict, and the best parameters that were searched."""
    found = list(contents.matching("tag/*/metrics.json"))
    parts = []
    for task, make in (("regression", _regression), ("classes", _classes), ("binary", _binary)):
        own = [(name[0], content) for name, content in found if content.get("task") == task]
        if own:
            parts.insert(0, make(own))
    return "".join([*parts, _searches(contents)])


def _common(content: Content) -> list[Cell]:
    rows = content.get("n_jets") or content.get("n_rows") or {}
    return numeric(
        words.count(content.get("n_parameters")),
        words.count(content.get("best_epoch")),
        words.count(rows.get("train")),
        words.count(rows.get("test")),
    )


_COMMON = ("Parameters", "Best epoch", "Trained on", "Tested on")


def _binary(found: list[tuple[str, Content]]) -> str:
    efficiencies = list(dict.fromkeys(key for _, content in found for key in content.get("rejection") or {}))
    rows = []
    for name, content in found:
        at = [(content.get("rejection") or {}).get(key) or {} for key in efficiencies]
        rejections = [words.measured(entry.get("rejection"), entry.get("error")) for entry in at]
        p_values = (content.get("overtraining") or {}).get("kolmogorov_smirnov") or {}
        least = min((e["p_value"] for e in p_values.values() if e.get("p_value") is not None), default=None)
        rows.append(
            [
                Cell(escape(name)),
                *numeric(
                    words.measured(content.get("auc"), content.get("auc_error")),
                    words.measured(content.get("accuracy"), content.get("accuracy_error")),
                    *rejections,
                    words.p_value(least),
                ),
                *_common(content),
            ]
        )
    heads = [f"1/ε<sub>B</sub> at ε<sub>S</sub> = {escape(key)}" for key in efficiencies]
    head = ("Tagger", "AUC", "Accuracy", *heads, "Overtraining p", *_COMMON)
    return table(head, rows, "Signal against background, on rows that no training has seen.")


def _classes(found: list[tuple[str, Content]]) -> str:
    rows = [
        [
            Cell(escape(name)),
            *numeric(
                words.measured(content.get("accuracy"), content.get("accuracy_error")),
                words.number(content.get("auc"), 4),
                words.number(content.get("cross_entropy"), 3),
            ),
            *_common(content),
        ]
        for name, content in found
    ]
    head = ("Tagger", "Accuracy", "Mean AUC", "Cross-entropy", *_COMMON)
    return table(head, rows, "Several classes, on rows that no training has seen.")


def _regression(found: list[tuple[str, Content]]) -> str:
    rows = [
        [
            Cell(escape(name)),
            *numeric(
                words.measured(content.get("resolution"), content.get("resolution_error")),
                words.number(content.get("mean_absolute_error")),
            ),
            *_common(content),
        ]
        for name, content in found
    ]
    head = ("Tagger", "Resolution", "Mean absolute error", *_COMMON)
    return table(head, rows, "Predicted values, on rows that no training has seen.")


def _searches(contents: Contents) -> str:
    rows = []
    for (name,), content in contents.matching("tune/*/best.json"):
        best = content.get("parameters") or {}
        shown = ", ".join(f"{key} = {value}" for key, value in best.items())
        cells = [Cell(escape(name)), Cell(words.text(content.get("metric")))]
        rows.append(
            [*cells, *numeric(words.number(content.get("value"), 4)), Cell(escape(shown), "key wide")]
        )
    if not rows:
        return ""
    return heading("Searches for parameters") + table(("Search", "Metric", "Best", "Parameters"), rows)


def generators(contents: Contents) -> str:
    """A row per generator: how well classifiers tell its rows from real ones, and its targets."""
    rows, wanted = [], []
    for (name,), content in contents.matching("generate/*/evaluation.json"):
        judges = (content.get("classifier") or {}).get("high_level") or {}
        judge, worst = max(judges.items(), key=lambda pair: pair[1]["auc"], default=("", {}))
        coverage = content.get("coverage") or {}
        rows.append(
            [
                Cell(escape(name)),
                Cell(words.text(content.get("learn"))),
                *numeric(
                    words.measured(worst.get("auc"), worst.get("error")),
                    words.measured(worst.get("floor"), worst.get("floor_error")),
                ),
                Cell(words.text(judge)),
                *numeric(
                    words.number(coverage.get("coverage")),
                    words.number(coverage.get("coverage_floor")),
                    words.count((content.get("n_rows") or {}).get("generated")),
                ),
            ]
        )
        wanted += [_target(name, target) for target in content.get("targets") or ()]
    if not rows:
        return ""
    head = ("Generator", "Learns", "AUC", "of real rows", "Judge", "Coverage", "of real rows", "Rows")
    caption = "Classifiers tell generated rows from held-out ones: 0.5 is the best, 'of real rows' the floor."
    targets = ("Generator", "Target", "Found", "Limit", "Reached")
    return table(head, rows, caption) + (heading("Targets") + table(targets, wanted) if wanted else "")


def _target(name: str, target: Content) -> list[Cell]:
    of = target.get("observable") or target.get("by") or ""
    what = target["name"].replace("_", " ").replace("auc", "AUC") + (f" ({of})" if of else "")
    if target.get("energy") is not None:
        what += f" at {target['energy']:g} GeV"
    found = words.measured(target["value"], target.get("error"))
    return [
        Cell(escape(name)),
        Cell(escape(what)),
        *numeric(found, words.limit(target["limit"])),
        yes_or_no(target["met"]),
    ]


def detectors(contents: Contents) -> str:
    """A row per search: its networks, and what a selection gains where the truth is known."""
    rows = []
    for (mixture, method), content in contents.matching("detect/*/*/metrics.json"):
        gain = _entry(contents, mixture, method)
        best = gain.get("max_improvement") or {}
        area = gain.get("auc") or {}
        epoch = (content.get("best_epoch") or {}).get("median")
        rows.append(
            [
                Cell(escape(method)),
                Cell(escape(mixture)),
                *numeric(
                    words.count(content.get("n_events")),
                    words.count(content.get("n_networks")),
                    words.count(content.get("n_parameters")),
                    words.count(epoch),
                    words.between(*(area.get(key) for key in ("value", "low", "high"))),
                    words.between(*(best.get(key) for key in ("value", "low", "high"))),
                ),
            ]
        )
    head = (
        "Method",
        "Mixture",
        "Events",
        "Networks",
        "Parameters",
        "Median best epoch",
        "AUC",
        "Largest gain",
    )
    caption = (
        "Gain: the largest significance improvement ε<sub>S</sub>/√ε<sub>B</sub> in the signal's window, "
        "where the truth is known, with bootstrap intervals. Parameters: of one network."
    )
    return table(head, rows, caption) if rows else ""


def _entry(contents: Contents, mixture: str, method: str) -> Content:
    """What the comparison of all searches, or else the search itself, says of its gain."""
    compared = contents.get("infer/comparison.json") or {}
    for entry in compared.get("entries") or ():
        if entry["method"] == method and mixture in entry["draws"]:
            return entry
    own = contents.get(f"hunt/{mixture}/{method}/evaluation.json") or {}
    windows, place = own.get("windows") or (), own.get("truth_window")
    return ((windows[place].get("truth") or {}) if place is not None and windows else {}) or {}
