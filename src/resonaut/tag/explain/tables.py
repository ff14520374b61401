"""What `tag explain` found, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

_AXES = {"delta_r": "Delta R", "rank": "Rank in pt, from 0"}


def written(result: dict[str, Any]) -> str:
    """The table of a result."""
    counts = ", ".join(f"{n} of {name}" for name, n in result["n"].items())
    head = [f"# {result['name']}: {result['what']} of `{result['tagger']}`", "", f"Test rows: {counts}.", ""]
    return "\n".join([*head, *_BODIES[result["what"]](result), ""])


def number(entry: dict[str, Any] | None, key: str = "value", digits: int = 3) -> str:
    """A value with its standard error."""
    if entry is None or entry.get(key) is None:
        return "-"
    text = f"{entry[key]:.{digits}f}"
    return text if entry.get("standard") is None else f"{text} ± {entry['standard']:.{digits}f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head), *rows)]


def _attributions(result: dict[str, Any]) -> list[str]:
    methods = result["methods"]
    gaps = [f"{name} {100 * gap:.2g} %" for name, gap in result["gap"].items()]
    lines = [f"What is missing of f(x) - f(baseline): {', '.join(gaps)} of the sums.", ""] if gaps else []
    if result["of"] == "features":
        features = result["features"]
        order = sorted(features, key=lambda name: -features[name][methods[-1]]["importance"])
        rows = [[name, *(number(features[name][one], "importance") for one in methods)] for name in order]
        return [*lines, *_table(["Feature", *(f"mean abs {one}" for one in methods)], rows)]
    profiles, edges, axis = result["profiles"], result["edges"], "delta_r"
    if result["of"] == "clouds":
        axis = "delta_r" if "delta_r" in profiles else "rank"
        profiles, edges = profiles[axis], edges[axis]
    rows = []
    for place in range(len(edges) - 1):
        row = [f"{edges[place]:.2f} - {edges[place + 1]:.2f}"]
        for by_class in profiles.values():
            row += [f"{one['share'][place]:.3f} ± {one['standard'][place]:.3f}" for one in by_class.values()]
        rows.append(row)
    head = [f"{method}, {name}" for method, by_class in profiles.items() for name in by_class]
    return [*lines, *_table([_AXES[axis], *head], rows)]


def _observables(result: dict[str, Any]) -> list[str]:
    rows = []
    for name, of_part in result["score"].items():
        whole = of_part["all"]
        numbers = [number(whole[one]) for one in ("pearson", "spearman", "distance", "information")]
        rows.append([name, *numbers, f"{result['classes'][name]:.3f}", number(result["single"][name]["ado"])])
    lines = _table(
        ["Observable", "Pearson", "Spearman", "distance", "bits", "bits of the class", "ADO"], rows
    )
    steps = [
        [
            str(k),
            step["observable"],
            number(step["alone"]),
            f"{step['left']:.3f}",
            number(step["ado"], digits=4),
            number(step["auc"], digits=4),
        ]
        for k, step in enumerate(result["guided"], 1)
    ]
    head = ["Step", "Takes", "ADO in the pairs left", "Pairs left", "ADO with all so far", "AUC"]
    left = result["residual"]
    return [
        *lines,
        "",
        *_table(head, steps),
        "",
        f"AUC of the tagger: {number(result['auc'], digits=4)}. Beyond all observables: "
        f"{number(left['variance'])} of the variance of its log odds, {number(left['pairs'], digits=4)} of "
        "the pairs.",
    ]


def _surrogate(result: dict[str, Any]) -> list[str]:
    rows = [
        [
            name,
            number(one["r_squared"]),
            number(one["ado"], digits=4),
            number(one["auc"], digits=4),
            f"`{one['text']}`",
        ]
        for name, one in result["surrogates"].items()
    ]
    lines = _table(["Surrogate", "R²", "ADO", "AUC", "Log odds"], rows)
    front = [
        [str(one["complexity"]), number(one["r_squared"]), f"`{one['text']}`"] for one in result["front"]
    ]
    more = ["", *_table(["Complexity", "R²", "Symbolic"], front)] if front else []
    scales = [[name, f"{one['median']:.4g}", f"{one['width']:.4g}"] for name, one in result["scales"].items()]
    tagger = (
        f"AUC of the tagger: {number(result['auc'], digits=4)}. A name stands for (x - median) / "
        "(half of 68 %), and a / b for a / sqrt(1 + b²)."
    )
    return [*lines, "", tagger, *more, "", *_table(["Observable", "Median", "Half of 68 %"], scales)]


def _latent(result: dict[str, Any]) -> list[str]:
    n = len(result["variance"])
    rows = [["variance", *(f"{value:.3f}" for value in result["variance"])]]
    if "auc" in result:
        rows.append(["AUC", *(number(one) for one in result["auc"])])
    rows += [[name, *(f"{value:+.2f}" for value in values)] for name, values in result["spearman"].items()]
    lines = _table(["Correlation of ranks", *(f"PC {k + 1}" for k in range(n))], rows)
    if "reconstruction" in result:
        lines += ["", f"AUC of the squared error: {number(result['reconstruction'])}."]
    return [*lines, "", f"{result['n_dead']} of {result['n_units']} units are constant."]


def _information(result: dict[str, Any]) -> list[str]:
    rows = []
    for name, one in result["layers"].items():
        last = [
            one["binned"]["input"],
            one["binned"]["label"],
            *(one["kernel"][k] for k in ("lower", "upper", "label")),
        ]
        rows.append([name, str(one["width"]), *(f"{series[0]:.2f} -> {series[-1]:.2f}" for series in last)])
    head = ["Layer", "Units", "I(X;T) binned", "I(T;Y) binned", "I(X;T') from", "to", "I(T';Y) kernel"]
    limit = (
        f"No estimate can exceed {result['ceiling']:.2f} bits; H(Y) is {result['label_entropy']:.2f} bits."
    )
    return [*_table(head, rows), "", "Before training -> after it, bits. " + limit]


def _capsules(result: dict[str, Any]) -> list[str]:
    rows = [
        [name, *(number(one, "mean") for one in of_class), number(result["auc"][name])]
        for name, of_class in result["lengths"].items()
    ]
    lines = _table(["True class", *(f"length of {name}" for name in result["classes"]), "AUC"], rows)
    spread = [
        [name, *(f"{a:.4f} ± {b:.4f}" for a, b in zip(one["entropy"], one["entropy_standard"], strict=True))]
        for name, one in result["routing"].items()
    ]
    n = len(next(iter(result["routing"].values()))["entropy"])
    return [*lines, "", *_table(["Entropy of couplings", *(f"iteration {k + 1}" for k in range(n))], spread)]


_BODIES: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "attributions": _attributions,
    "observables": _observables,
    "surrogate": _surrogate,
    "latent": _latent,
    "information": _information,
    "capsules": _capsules,
}
