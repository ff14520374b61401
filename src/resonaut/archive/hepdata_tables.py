"""Tables of a HEPData submission: cut flows, and the searches of a study with their global significance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonaut.archive import hepdata_search
from resonaut.archive.hepdata_table import Column, Content, Qualifier, table_name
from resonaut.files import read_json

if TYPE_CHECKING:
    from resonaut.config import Study

REACTION = "P P --> JET JET X"
_KINDS = ("features", "clouds", "images", "showers")
_GLOBAL = {
    "bootstrap": "bootstrap of the events",
    "gross_vitells": "upcrossings (Gross and Vitells)",
}


def collect(study: Study, results: Mapping[str, Path], prefix: str) -> list[Content]:
    """All tables of a study.

    Args:
        study: as it was read.
        results: files by their path below `results/<study>`.
        prefix: what stands before such a path where a reader finds the file.
    """
    taken: set[str] = set()

    def name(words: str) -> str:
        return table_name(words, taken)

    tables = _cut_flow(study, results, prefix, name)
    if not study.searches():
        return tables
    collisions = ("SQRT(S)", float(energy(study)), "GeV")
    for mixture in sorted({mixture for mixture, _ in study.searches()}):
        of_mixture = [("REACTION", REACTION, ""), collisions, ("MIXTURE", mixture, "")]
        path = f"infer/{mixture}/global.json"
        if path in results:
            tables.append(_global(read_json(results[path]), prefix + path, of_mixture, name))
        for method in sorted(method for where, method in study.searches() if where == mixture):
            common = [*of_mixture, ("METHOD", method, "")]
            for make, path in (
                (hepdata_search.significance, f"infer/{mixture}/{method}/significance.json"),
                (hepdata_search.spectra, f"hunt/{mixture}/{method}/spectra.h5"),
            ):
                if path in results:
                    tables += make(results[path], prefix + path, common, name)
    return tables


def energy(study: Study) -> float:
    """Centre-of-mass energy, GeV: of the background function, which scales masses by it."""
    settings: Any = study.hunt.background_settings
    return settings.get("sqrt_s", 13_000) if isinstance(settings, Mapping) else 13_000


def _cut_flow(
    study: Study, results: Mapping[str, Path], prefix: str, name: hepdata_search.Name
) -> list[Content]:
    """Events of each dataset after each cut; of all cuts where a representation was made."""
    flows, sources, cross_sections = {}, [], {}
    for dataset in sorted(study.datasets):
        kinds = [f"represent/{dataset}/nominal/{kind}.json" for kind in _KINDS]
        path = next((p for p in [*kinds, f"ingest/{dataset}/nominal/manifest.json"] if p in results), None)
        if path is not None:
            manifest = read_json(results[path])
            flows[dataset] = manifest.get("cut_flow") or {}
            cross_sections[dataset] = manifest.get("cross_section_pb")
            sources.append(prefix + path)
    cuts = list(dict.fromkeys(cut for flow in flows.values() for cut in flow))
    if not cuts:
        return []
    columns = [Column("Cut", [cut.replace("_", " ") for cut in cuts], independent=True)]
    for dataset, flow in flows.items():
        qualifiers: list[Qualifier] = [("DATASET", dataset, "")]
        if cross_sections[dataset] is not None:
            qualifiers.append(("CROSS SECTION", cross_sections[dataset], "PB"))
        columns.append(Column("Events", [flow.get(cut) for cut in cuts], qualifiers=qualifiers))
    return [
        Content(
            name("Cut flow"),
            "Events of each dataset that are left after each cut, not weighted. The stage of a cut stands "
            "before its name.",
            ", ".join(sources),
            columns,
            ("N",),
        )
    ]


def _global(
    result: Mapping[str, Any], source: str, common: Sequence[Qualifier], name: hepdata_search.Name
) -> Content:
    """Global p-values of all tests of a mixture, and of each method alone."""
    rows = [(f"all tests, {text}", result.get(key) or {}) for key, text in _GLOBAL.items()]
    for method, entry in sorted((result.get("methods") or {}).items()):
        rows.append((f"{method}, {_GLOBAL['bootstrap']}", entry.get("bootstrap") or {}))
    errors = {"statistical": [entry.get("error") for _, entry in rows]}
    return Content(
        name(f"Global significance {result['mixture']}"),
        "Global p-values and significances: of the largest local excess among all methods, signal regions "
        "and selections, and of each method alone.",
        source,
        [
            Column("Tests and procedure", [text for text, _ in rows], independent=True),
            Column("Global p-value", [entry.get("p_value") for _, entry in rows], "", False, errors, common),
            Column("Global significance", [entry.get("z") for _, entry in rows], qualifiers=common),
        ],
        ("P-VALUE", "SIG"),
    )
