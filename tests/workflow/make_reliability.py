"""Writes docs/reliability.md: every stage is disturbed in every way, for real.

The study of the tests runs first, in a temporary folder. Rows that the file of `--rows` holds are taken from
there, so that it can be stopped and started again.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from fault_table import FAULTS, HEADER, row
from faults import COMMANDS, Bench

from conftest import Clone

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reliability.md"
TEXT = Path(__file__).with_name("reliability.template.md")


def measured(bench: Bench, rows: Path) -> dict[str, str]:
    """Row of each (stage, fault), 'stage: fault' -> text; `rows` grows by one line for each."""
    known = dict(json.loads(line) for line in rows.read_text().splitlines()) if rows.exists() else {}
    for stage in COMMANDS:
        for fault, act in FAULTS.items():
            name = f"{stage}: {fault}"
            if name not in known:
                known[name] = row(stage, fault, bench.disturb(stage, act), bench.reference[stage])
                with rows.open("a") as file:
                    file.write(json.dumps([name, known[name]]) + "\n")
                print(known[name], flush=True)
    return known


def page(rows: dict[str, str]) -> str:
    """The page: the text of the template around the table."""
    lines = [rows[f"{stage}: {fault}"] for stage in COMMANDS for fault in FAULTS]
    return TEXT.read_text().replace("<!-- faults -->", "\n".join([HEADER, *lines]))


def finished(folder: Path) -> Clone:
    """A clone with the study of the tests, run."""
    clone = Clone.create(ROOT, folder)
    clone.resonaut("run", "--configfile", "study.yaml", "--cores", "2")
    return clone


def main() -> None:
    """Disturb, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=Path, help="JSON lines of rows that are known, and are added")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = arguments.rows or Path(folder) / "rows.jsonl"
        PAGE.write_text(page(measured(Bench(finished(Path(folder) / "clone")), rows)))


if __name__ == "__main__":
    main()
