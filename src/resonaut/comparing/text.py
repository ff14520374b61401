"""Two runs side by side as lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resonaut.comparing.compare import Comparison, Row
from resonaut.comparing.headlines import Headline, number_text


def _columns(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines with aligned columns."""
    widths = [max(len(str(row[index])) for row in rows) for index in range(len(rows[0]))] if rows else []
    return [
        "  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _texts(*both: Headline | None) -> list[str]:
    return ["absent" if headline is None else headline.text() for headline in both]


def _row(row: Row) -> tuple[str, ...]:
    extent = f" ({row.n_differ} of {row.n})" if row.n > 1 else ""
    relative = "" if row.relative is None else f"{row.relative:.1e} relative"
    sigmas = "" if row.sigmas is None else f"{row.sigmas:.2g} errors"
    return (
        f"{row.path}{row.place}{extent}",
        number_text(row.old),
        number_text(row.new),
        relative,
        sigmas,
    )


def summary(comparison: Comparison, shown: int) -> str:
    """The comparison in lines: headline numbers, then what differs.

    Args:
        shown: at most so many entries of each list.
    """
    lines = [f"A: {comparison.old}", f"B: {comparison.new}", ""]
    if comparison.headlines:
        lines += _columns(
            [
                ("", "A", "B", ""),
                *(
                    (pair.label, *_texts(pair.old, pair.new), "differs" if pair.differs else "")
                    for pair in comparison.headlines
                ),
            ]
        )
        lines.append("")
    lists = (
        (
            "keys of the configuration that differ",
            [(change.key, change.old, change.new) for change in comparison.changes],
        ),
        ("packages of other versions", [(name, *pair) for name, pair in comparison.versions.items()]),
        ("results missing in B", [(name,) for name in comparison.missing]),
        ("results new in B", [(name,) for name in comparison.added]),
        ("numbers, or arrays of numbers, that differ", [_row(row) for row in comparison.rows]),
        ("figures that only one has", [(pair.name,) for pair in comparison.figures if pair.single]),
        (
            "figures that differ",
            [(pair.name,) for pair in comparison.figures if not (pair.same or pair.single)],
        ),
    )
    for title, rows in lists:
        if rows:
            more = f", the first {shown} of which are" if len(rows) > shown else ""
            lines += [f"{title}: {len(rows)}{more}", *_columns(rows[:shown]), ""]
    verdict = "equal" if comparison.equal else "different"
    lines.append(f"{comparison.n_numbers} numbers compared: the runs are {verdict}.")
    return "\n".join(lines)
