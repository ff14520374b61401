"""What was asked: the keys that are not at their defaults, and the whole configuration."""

from __future__ import annotations

import yaml

from resonaut.review.page import words
from resonaut.review.page.contents import Contents
from resonaut.review.page.html import Cell, folded, paragraph, table


def body(contents: Contents) -> str:
    """Changed keys by section, then everything."""
    asked = contents.slice.asked
    changed, omitted, whole = asked["changed"], asked["n_omitted"], asked["whole"]
    rows = [
        [
            Cell(words.text(entry["key"]).replace(".", ".<wbr>"), "key"),
            Cell(words.text(entry["value"]), "key wide"),
            Cell(words.text(entry["default"]), "key"),
            Cell(words.text(entry["meaning"]), "wide"),
        ]
        for entry in changed
    ]
    lead = (
        f"{words.count(len(rows) + omitted)} keys of the configuration are not at their defaults. Energies "
        "are in GeV, angles in radian."
    )
    parts = [paragraph(lead), table(("Key", "Value", "Default", "Meaning"), rows)]
    if omitted:
        parts.append(paragraph(f"{words.count(omitted)} more are not shown: the table would be too long."))
    if whole is not None:
        text = yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)
        parts.append(folded("The whole configuration, defaults included", f"<pre>{words.text(text)}</pre>"))
    return "".join(parts)
