"""The numbers of an entry of `trigger` as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TRAINING = {"post": "rounded after training", "aware": "trained for it"}


def _with_error(entry: Mapping[str, Any], name: str, digits: int) -> str:
    return f"{entry[name]:.{digits}f} ± {entry[f'{name}_standard']:.{digits}f}"


def _rejection(entry: Mapping[str, Any]) -> list[str]:
    found = []
    for numbers in entry["rejection"].values():
        value, error = numbers["rejection"], numbers["error"]
        found.append("-" if value is None else f"{value:.1f} ± {error:.1f}")
    return found


def _sizes(entry: Mapping[str, Any]) -> list[str]:
    return [f"{entry['n_bits'] / 8192:.2f}", f"{entry['bit_operations'] / 1e6:.3f}"]


def _variants(result: Mapping[str, Any]) -> list[str]:
    asked = [f"rejection at {name}" for name in result["float"]["rejection"]]
    head = ["bits", "pruned", "network", "AUC", "change of the AUC", *asked, "rms difference [st. dev.]"]
    head += ["weights [KiB]", "bit operations [10^6]"]
    floats = result["float"]
    rows = [
        [
            *("32, float", "0", "as trained", _with_error(floats, "auc", 4), "-"),
            *(*_rejection(floats), "-", *_sizes(floats)),
        ]
    ]
    for entry in result["variants"]:
        away = f"{entry['difference']['rms_over_deviation']:.3f}"
        row = [str(entry["bits"]), f"{entry['pruning']:g}", _TRAINING[entry["training"]]]
        row += [_with_error(entry, "auc", 4), _with_error(entry, "auc_change", 4), *_rejection(entry), away]
        rows.append([*row, *_sizes(entry)])
    return _lines(head, rows)


def _lines(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]


def _firmware(exported: Mapping[str, Any]) -> list[str]:
    rows = []
    for backend, entry in exported["backends"].items():
        compared = sum(entry[name]["n_rows"] for name in ("test_rows", "random_rows"))
        if backend == "hls4ml":
            told = f"{entry['n_multiplications']} products, {entry['n_multipliers']} multipliers at reuse "
            told += f"factor {entry['reuse_factor']}"
        else:
            told = (
                f"cost {entry['cost']:.0f} (about look-up tables), adder depth {entry['adder_depth']:.0f}, "
            )
            told += f"{entry['n_stages']} stages, {entry['latency_ns']:g} ns"
        rows.append([backend, f"equal on {compared} rows", told])
    return _lines(["tool", "emulation and our fixed point", "without synthesis"], rows)


def _rates(found: Mapping[str, Any]) -> list[str]:
    rows = []
    for name in ("float", "fixed"):
        entry = found[name]
        row = [name, f"{entry['threshold']:.5g}", _with_error(entry, "rate_khz", 3)]
        kept = entry["efficiency"]
        row += [f"{entry['expected_standard_khz']:.3f}", f"{kept['value']:.4f} ± {kept['standard']:.4f}"]
        rows.append(row)
    head = ["network", "threshold", "rate on test rows [kHz]", "expected scatter [kHz]", "signal efficiency"]
    lines = _lines(head, rows)
    parts = []
    for dataset, entry in found["fixed"]["datasets"].items():
        if entry["class"] == "background":
            parts.append([dataset, "background", f"{_with_error(entry, 'rate_khz', 3)} kHz", str(entry["n"])])
        else:
            told = f"{entry['value']:.4f} ± {entry['standard']:.4f}"
            parts.append([dataset, "signal", told, str(entry["n"])])
    return [*lines, "", *_lines(["dataset", "class", "rate or efficiency in fixed point", "rows"], parts)]


def markdown(result: Mapping[str, Any]) -> str:
    """All tables of an entry."""
    count, exported, found = result["n_rows"], result["exported"], result["rates"]
    sizes = " - ".join(map(str, result["sizes"]))
    steady = found["stability"]
    lines = [
        f"# Trigger: {result['name']}",
        "",
        f"The {result['network']} of {result['tagger']}, {sizes}; {count['train']} training, "
        f"{count['validation']} validation and {count['test']} test rows.",
        "",
        *_variants(result),
        "",
        f"Exported: {exported['bits']} bits, {exported['pruning']:g} pruned, "
        f"{_TRAINING[exported['training']]}.",
        "",
        *(_firmware(exported) if exported["backends"] else []),
        "",
        f"Rates at {found['bandwidth_khz']:g} kHz of {found['input_rate_khz']:g} kHz; thresholds from the "
        "validation rows:",
        "",
        *_rates(found),
    ]
    if steady["rate_ratio"] is not None:
        lines += [
            "",
            f"At the threshold of the float network the fixed one accepts {steady['rate_ratio']:.3f} ± "
            f"{steady['rate_ratio_standard']:.3f} times its rate.",
        ]
    return "\n".join(lines) + "\n"
