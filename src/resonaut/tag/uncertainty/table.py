"""The numbers of an entry of `uncertainty` as a Markdown table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from resonaut.tag.uncertainty.measured import UNCALIBRATED


def _value(entry: Mapping[str, Any], name: str, digits: int = 4, scale: float = 1.0) -> str:
    """A number with its error, `-` where there is none."""
    value, error = entry.get(name), entry.get(f"{name}_standard")
    if value is None:
        return "-"
    text = f"{scale * value:.{digits}f}"
    return text if error is None else f"{text} ± {scale * error:.{digits}f}"


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [" | ".join(head), " | ".join(["---"] * len(head)), *(" | ".join(row) for row in rows)]
    return [f"| {line} |" for line in lines]


def _of_classes(result: Mapping[str, Any]) -> list[str]:
    methods = result["methods"]
    binary = result["task"] == "binary"
    head = ["method", "draws", *(["AUC"] if binary else []), "accuracy", "wrong rows, AUC of the total"]
    head += ["total [nat]", "epistemic [nat]"]
    rows = [
        [
            *(name, str(result["n_draws"][name]), *([_value(entry, "auc")] if binary else [])),
            *(_value(entry, "accuracy"), _value(entry, "wrong_auc", 3)),
            *(_value(entry, "total"), _value(entry, "epistemic", 5)),
        ]
        for name, entry in methods.items()
    ]
    lines = [*_lines(head, rows), "", "Calibration on the test rows (errors of calibration in %):", ""]
    head = ["method", "calibration", "ECE, equal mass", "debiased", "floor", "ECE, equal width"]
    head += ["NLL", "Brier", "temperature"]
    rows = []
    for name, entry in methods.items():
        for kind, numbers in entry["calibrations"].items():
            mass, width = numbers["ece"]["equal_mass"], numbers["ece"]["equal_width"]
            errors = [_percent(mass), f"{100 * mass['debiased']:.2f}"]
            errors += [f"{100 * mass['floor']:.2f} ± {100 * mass['floor_standard']:.2f}", _percent(width)]
            scores = [_value(numbers, "nll"), _value(numbers, "brier")]
            told = "as it is" if kind == UNCALIBRATED else kind
            rows.append([name, told, *errors, *scores, _value(numbers.get("fitted", {}), "temperature", 3)])
    return [*lines, *_lines(head, rows)]


def _percent(entry: Mapping[str, float]) -> str:
    return f"{100 * entry['value']:.2f} ± {100 * entry['standard']:.2f}"


def _of_values(result: Mapping[str, Any]) -> list[str]:
    head = ["method", "draws", "RMSE", "aleatoric", "epistemic", "widths", "pull mean", "pull width"]
    head += ["core of the pulls", "inside 1", "inside 2", "NLL"]
    rows = []
    for name, entry in result["methods"].items():
        for kind, numbers in entry["pulls"].items():
            told = "as they are" if kind == UNCALIBRATED else f"times {entry['widths_factor']:.3f}"
            row = [
                name,
                str(result["n_draws"][name]),
                _value(entry, "rmse", 5),
                _value(entry, "aleatoric", 5),
            ]
            row += [_value(entry, "epistemic", 5), told, _value(numbers, "mean", 3)]
            row += [_value(numbers, name, 3) for name in ("width", "core", "inside_1", "inside_2", "nll")]
            rows.append(row)
    return _lines(head, rows)


def _of_sizes(result: Mapping[str, Any]) -> list[str]:
    regression = result["task"] == "regression"
    quality = "rmse" if regression else "nll"
    head = ["training rows", "method", "epistemic", "RMSE" if regression else "NLL"]
    head += ["pull width"] if regression else ["accuracy", "ECE [%]"]
    rows = []
    for size in result["sizes"]:
        for name, entry in size["methods"].items():
            row = [str(size["n_train"]), name, _value(entry, "epistemic", 5), _value(entry, quality, 5)]
            if regression:
                row.append(_value(entry, "width", 3))
            else:
                row += [_value(entry, "accuracy"), _percent(entry["ece"]["equal_mass"])]
            rows.append(row)
    return _lines(head, rows)


def _of_strange(result: Mapping[str, Any]) -> list[str]:
    words = {"epistemic": "epistemic", "total": "total", "spread": "spread of the log odds"}
    parts = [name for name in words if result["task"] != "regression" or name != "spread"]
    head = ["rows", "number", "method", *(f"AUC of {words[name]}" for name in parts)]
    rows = []
    for label, entry in result["ood"].items():
        for name, numbers in entry["methods"].items():
            found = [_value(numbers[part], "auc", 3) for part in parts]
            rows.append([label, str(entry["n_rows"]), name, *found])
    return _lines(head, rows)


def markdown(result: Mapping[str, Any]) -> str:
    """All tables of an entry."""
    count = result["n_rows"]
    lines = [
        f"# Uncertainty of {result['tagger']}: {result['name']}",
        "",
        f"{count['train']} training, {count['validation']} validation and {count['test']} test rows.",
        "",
        *(_of_values(result) if result["task"] == "regression" else _of_classes(result)),
    ]
    if len(result["sizes"]) > 1:
        lines += ["", "Against the number of training rows:", "", *_of_sizes(result)]
    if result["ood"]:
        told = "Rows unlike those of the training, told from test rows (0.5: not at all):"
        lines += ["", told, "", *_of_strange(result)]
    return "\n".join(lines) + "\n"
