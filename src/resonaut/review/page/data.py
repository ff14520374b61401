"""Data: the data sets, what each cut leaves of them, what was lost, and what the searches look at."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from resonaut.review.page import words
from resonaut.review.page.contents import Content, Contents
from resonaut.review.page.html import Cell, heading, numeric, paragraph, table


def body(contents: Contents) -> str:
    """Tables of data sets, cuts, losses and mixtures."""
    stores = {name[0]: content for name, content in contents.matching("ingest/*/*/manifest.json")}
    flows = _longest_flows(contents, stores)
    if not flows:
        return ""
    made = {**{name: {} for name in flows}, **stores}
    return "".join([_datasets(made, flows), _cut_flow(flows), _losses(stores), _mixtures(contents)])


def _longest_flows(contents: Contents, stores: Mapping[str, Content]) -> dict[str, Content]:
    """The manifest of each data set whose cut flow goes farthest."""
    found = dict(stores)
    for (name, _, _), content in contents.matching("represent/*/*/*.json"):
        known = found.get(name, {"cut_flow": {}})
        if "cut_flow" in content and len(content["cut_flow"]) > len(known["cut_flow"]):
            found[name] = content
    return dict(sorted(found.items()))


def _datasets(stores: Mapping[str, Content], flows: Mapping[str, Content]) -> str:
    rows = []
    for name, last in flows.items():
        store = stores.get(name) or {}
        luminosity = store.get("luminosity_fb")
        rows.append(
            [
                Cell(escape(name)),
                Cell(words.text(last.get("label") or "data")),
                *numeric(
                    words.count(last.get("n_generated")),
                    words.count(store.get("n_events")),
                    words.count(last.get("n_events")),
                    words.number(last.get("cross_section_pb"), 4),
                    words.number(luminosity, 4),
                ),
            ]
        )
    head = ("Data set", "Truth", "Generated", "Stored", "Selected", "Cross-section [pb]", "Luminosity [fb⁻¹]")
    return table(head, rows)


def _cut_flow(flows: Mapping[str, Content]) -> str:
    """Events after each cut, with the share of the first line."""
    cuts = list(dict.fromkeys(cut for content in flows.values() for cut in content["cut_flow"]))
    rows = []
    for cut in cuts:
        cells = [Cell(escape(_cut_name(cut)))]
        for content in flows.values():
            flow = content["cut_flow"]
            first = next(iter(flow.values()), 0)
            left = flow.get(cut)
            share = left / first if left is not None and first else None
            cells += numeric(words.count(left), words.percent(share))
        rows.append(cells)
    head = ["After"]
    for name in flows:
        head += [escape(name), "share"]
    return heading("Cut flow") + table(head, rows)


def _cut_name(cut: str) -> str:
    stage, _, name = cut.partition("_")
    return f"{stage}: {name.replace('_', ' ')}" if stage in ("ingest", "represent") and name else cut


def _losses(stores: Mapping[str, Content]) -> str:
    """What was rejected, dropped or skipped, where anything was."""
    rows = []
    for name, store in stores.items():
        counts = {
            **{f"events rejected: {why}": n for why, n in (store.get("rejected") or {}).items()},
            **{f"jets dropped: {why}": n for why, n in (store.get("dropped_jets") or {}).items()},
            "files skipped": len(store.get("skipped_files") or ()),
            "events lost with files": store.get("lost_events") or 0,
        }
        rows += [
            [Cell(escape(name)), Cell(escape(what.replace("_", " "))), *numeric(words.count(n))]
            for what, n in counts.items()
            if n
        ]
    if not rows:
        return paragraph("Nothing was rejected, dropped or skipped.") if stores else ""
    return heading("Left out") + table(("Data set", "What", "Number"), rows)


def _mixtures(contents: Contents) -> str:
    """Events that each search looks at."""
    rows = {}
    for (mixture, _), content in contents.matching("hunt/*/*/evaluation.json"):
        for name, entry in (content.get("datasets") or {}).items():
            kind = {True: "signal", False: "background", None: ""}[entry.get("signal")]
            cells = [Cell(escape(mixture)), Cell(escape(name)), Cell(kind)]
            rows[mixture, name] = [*cells, *numeric(words.count(entry.get("n_events")))]
    if not rows:
        return ""
    return heading("Mixtures") + table(("Mixture", "Data set", "Truth", "Events"), rows.values())
