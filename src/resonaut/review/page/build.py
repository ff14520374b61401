"""Build the page: sections from declared results and figures, in the order in which a reviewer asks.

`results/<study>/review/index.html` is one file without anything from outside: it asks no network, and opens
from a disk. A figure stands in the section of its stage, one that belongs to none in the last;
tables have a row per result of their kind: a new method shows up by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

from resonaut.files import atomic
from resonaut.logs import log
from resonaut.provenance import write_run_record
from resonaut.review.page import asked, data, lights, methods, running, search, verdict
from resonaut.review.page.contents import Contents, Slice
from resonaut.review.page.figures import anchor, title
from resonaut.review.page.section import Section
from resonaut.review.page.style import CSS
from resonaut.settings import validate

SECTIONS = (
    Section("verdict", "Verdict", verdict.body),
    Section("asked", "What was asked", asked.body),
    Section("data", "Data and control plots", data.body, ("simulate", "ingest", "represent")),
    Section("taggers", "Taggers", methods.taggers, ("tag_compare", "tag", "tune")),
    Section(
        "generators",
        "Generators",
        methods.generators,
        ("generate_compare", "generate", "generate_amplification"),
    ),
    Section("detectors", "Anomaly detection", methods.detectors, ("infer_compare", "detect")),
    Section("fits", "Background fits", search.fits, ("hunt",)),
    Section("scan", "Scan, significance and limits", search.scan, ("infer_global", "infer", "infer_trials")),
    Section(
        "checks",
        "Checks: closure, sculpting, injection",
        lights.body,
        ("infer_linearity", "infer_validation", "hunt_evaluate", "hunt_response", "infer_calibration"),
    ),
    Section("software", "Software", running.software),
    Section("seeds", "Seeds", running.seeds),
    Section("costs", "Times and costs", running.body_costs),
    Section("sources", "Sources", running.sources),
)
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""A browser itself refuses whatever is not in the file."""


def run(
    settings: Mapping[str, Any], folder: Path, figures: Sequence[str], results: Sequence[str], output: Path
) -> None:
    """Write the page of a study.

    Args:
        settings: the slice `page`.
        folder: the study's, `results/<study>`.
        figures: names of the figures, `infer/data/cwola`; of each there are .svg, .png, .pdf and .json.
        results: JSON files, relative to the folder.
        output: HTML.

    Raises:
        ConfigError: unknown settings.
        InputError: a result or a figure is missing or is not what it should be.
    """
    contents = Contents.read(folder, validate(Slice, settings, "--settings"), figures, results)
    text = page(contents)
    with atomic(output) as part:
        part.write_text(text, encoding="utf-8")
    log.info("%s: %.1f MB, %d figures", output, len(text.encode()) / 1e6, len(contents.figures))
    write_run_record(output)


def page(contents: Contents) -> str:
    """The page as text."""
    shown = [(section, html) for section in _sections(contents) if (html := section.html(contents))]
    name = escape(contents.slice.study)
    parts = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{name}: review of a resonance search</title><style>{CSS}</style></head><body>",
        '<a class="skip" href="#verdict">Skip to the verdict</a><div class="frame">',
        _table_of_contents(contents, [section for section, _ in shown]),
        f'<main><header><p class="above">{escape(contents.slice.label)} · review of a resonance search</p>'
        f"<h1>Study {name}</h1></header>",
        *(html for _, html in shown),
        f"<footer><p>Written by resonaut from the results below <code>{escape(str(contents.folder))}</code>. "
        "This page holds everything that it shows and asks no network.</p></footer></main></div>",
        "</body></html>",
        "",
    ]
    return "\n".join(parts)


def _sections(contents: Contents) -> list[Section]:
    """The sections; what none names, `tag_x`, stands with `tag`, and what belongs nowhere in the last."""
    placed = {stage for section in SECTIONS for stage in section.stages}
    others = dict.fromkeys(figure.stage for figure in contents.figures if figure.stage not in placed)
    found = []
    for section in SECTIONS:
        own = tuple(stage for stage in others if stage.split("_")[0] in section.stages)
        found.append(replace(section, stages=(*section.stages, *own)))
    left = tuple(stage for stage in others if stage.split("_")[0] not in placed)
    return [*found, Section("further", "Further figures", lambda _: "", left)]


def _table_of_contents(contents: Contents, sections: Sequence[Section]) -> str:
    items = []
    for section in sections:
        inner = "".join(
            f'<li><a href="#{anchor(figure)}">{escape(title(figure))}</a></li>'
            for figure in section.figures(contents)
        )
        nested = f"<ol>{inner}</ol>" if inner else ""
        items.append(f'<li><a href="#{section.name}">{section.title}</a>{nested}</li>')
    name = escape(contents.slice.study)
    return f'<nav aria-label="Contents"><p class="name">{name}</p><ol>{"".join(items)}</ol></nav>'
