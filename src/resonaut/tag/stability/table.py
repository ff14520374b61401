"""The numbers of an entry of `stability` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

WORDS = {
    "loss": "loss [nat]",
    "auc": "1 - AUC",
    "rejection": "background efficiency",
    "accuracy": "1 - accuracy",
    "absolute_error": "mean absolute error",
}


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [" | ".join(head), " | ".join(["---"] * len(head)), *(" | ".join(row) for row in rows)]
    return [f"| {line} |" for line in lines]


def _of_sizes(result: Mapping[str, Any]) -> list[str]:
    head = ["training rows", "epochs", "quantity", "test", "spread of seeds", "test rows", "training"]
    head += ["gap, test - training", "KS test / training"]
    rows = []
    for size in result["sizes"]:
        distances = ", ".join(
            f"{name}: {found['statistic']:.3f} (p {found['p_value']:.2g})"
            for name, found in size["kolmogorov_smirnov"].items()
        )
        for number, (name, found) in enumerate(size["quantities"].items()):
            row = [str(size["n_train"]), f"{size['epochs']:.1f}", WORDS[name], f"{found['test']:.5f}"]
            row += [f"{found['seeds_spread']:.5f}", f"{found['test_statistical']:.5f}"]
            row += [f"{found['training']:.5f}", f"{found['gap']:.5f} ± {found['gap_standard']:.5f}"]
            rows.append([*row, distances if not number else ""])
    return _lines(head, rows)


def _of_spreads(result: Mapping[str, Any]) -> list[str]:
    head = ["quantity", "seeds", "test rows", "folds", "rows of a fold"]
    rows = []
    for name, found in result["spreads"].items():
        row = [WORDS[name], f"{found['seeds']:.5f} ± {found['seeds_standard']:.5f}"]
        row.append(f"{found['statistical']:.5f}")
        if "folds" in found:
            row += [
                f"{found['folds']:.5f} ± {found['folds_standard']:.5f}",
                f"{found['folds_statistical']:.5f}",
            ]
        rows.append([*row, *["-"] * (len(head) - len(row))])
    return _lines(head, rows)


def _interval(value: Mapping[str, float | None]) -> str:
    ends = ["?" if value[key] is None else f"{value[key]:.4g}" for key in ("lower", "upper")]
    return f"{value['value']:.4g} [{ends[0]}, {ends[1]}]"


def _of_laws(result: Mapping[str, Any]) -> list[str]:
    head = ["quantity", "L_inf", "exponent b", "chi2 / dof", "rows", "there", "fit"]
    rows = []
    for name, law in result["power_laws"].items():
        if law is None:
            rows.append([WORDS[name], *["-"] * (len(head) - 2), "too few sizes: four are needed"])
            continue
        quality = f"{law['chi2']:.1f} / {law['degrees_of_freedom']}"
        row = [WORDS[name], _interval(law["limit"]), _interval(law["exponent"]), quality]
        rows.append([*row, f"{law['extrapolated_to']:.0f}", _interval(law["extrapolated"]), law["status"]])
    return _lines(head, rows)


def markdown(result: Mapping[str, Any]) -> str:
    """All tables of an entry."""
    count = result["n_rows"]
    lines = [
        f"# Stability of {result['tagger']}: {result['name']}",
        "",
        f"{count['train']} training, {count['validation']} validation and {count['test']} test rows; "
        f"{result['n_seeds']} seeds.",
        "",
        *_of_sizes(result),
        "",
        "Standard deviations with all training rows:",
        "",
        *_of_spreads(result),
        "",
        "L(n) = L_inf + a n^-b, with 68 % intervals:",
        "",
        *_of_laws(result),
    ]
    return "\n".join(lines) + "\n"
