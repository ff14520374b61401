"""The numbers of an entry of `weak` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORDS = {
    "full": "labels, the same rows",
    "cwola": "CWoLa",
    "llp": "label proportions",
    "equivalent": "labels, (f1 - f2)^2 of the rows",
}


def markdown(result: Mapping[str, Any]) -> str:
    """The table of an entry."""
    head = ["fractions", "training rows", "method", "AUC", "spread of seeds", "below labels"]
    head += ["AUC between the samples", "AUC from that, without labels"]
    rows = []
    for mixture in result["mixtures"]:
        fractions = ", ".join(f"{value:g}" for value in mixture["fractions"])
        for name, found in mixture["methods"].items():
            count = mixture["n_equivalent" if name == "equivalent" else "n_rows"]
            count = count if name == "equivalent" else count["training"]
            row = [fractions, str(count), WORDS[name], f"{found['auc']:.4f} ± {found['standard']:.4f}"]
            behind = found["below_full"]
            row += [f"{found['seeds_spread']:.4f}", f"{behind['value']:.4f} ± {behind['standard']:.4f}"]
            for key in ("mixed", "from_mixed"):
                row.append(f"{found[key]['auc']:.4f} ± {found[key]['standard']:.4f}")
            rows.append(row)
    count = result["n_test"]
    text = " and ".join(f"{number} {name}" for name, number in count.items())
    lines = [" | ".join(head), " | ".join(["---"] * len(head)), *(" | ".join(row) for row in rows)]
    return "\n".join(
        [
            f"# Weak supervision of {result['tagger']}: {result['name']}",
            "",
            f"{text} test rows, {result['n_seeds']} seeds.",
            "",
            *(f"| {line} |" for line in lines),
            "",
        ]
    )
