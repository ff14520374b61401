"""A small run of a study: three results and a figure."""

from __future__ import annotations

import json
import zlib

SETTINGS = {"seed": 1, "infer": {"signal": {"width": 0.03}, "levels": [0.9, 0.95]}}
RESULTS = {
    "infer/data/cwola/significance.json": {
        "best": {
            "low": 3300.0,
            "high": 3700.0,
            "selection_efficiency": 0.01,
            "z_local": 5.8,
            "p_value": 3.3e-9,
        },
        "windows": [
            {"low": 2900.0, "high": 3300.0, "z_local": 0.1, "signal": {"events": 3.0, "error": 2.0}},
            {"low": 3300.0, "high": 3700.0, "z_local": 5.8, "signal": {"events": 67.5, "error": 12.6}},
        ],
        "provenance": {"settings": SETTINGS, "versions": {"numpy": "2.0"}},
    },
    "tag/pfn/metrics.json": {
        "auc": 0.9,
        "auc_error": 0.004,
        "history": [{"epoch": n, "loss": 1 / n} for n in (1, 2, 3)],
        "edges": [0, 1, 2],
        "provenance": {"settings": SETTINGS, "versions": {"numpy": "2.0"}},
    },
    "review/checks.json": {"n_checks": 22, "n_failed": 2},
}


def png(shade: int) -> bytes:
    """A picture of one grey pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = chunk(b"IHDR", b"\0\0\0\1\0\0\0\1\x08\0\0\0\0")
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes([0, shade]))) + chunk(b"IEND", b"")
    )


def write(folder, results=RESULTS, figures=(("tag/pfn", 9),)):
    for path, value in results.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(value))
    (folder / "tag/pfn/metrics.json.run.json").write_text('{"host": "here"}')
    for name, shade in figures:
        target = folder / f"review/{name}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png(shade))
        target.with_suffix(".json").write_text('{"numbers": "of the figure"}')
    return folder
