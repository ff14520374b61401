"""`ro-crate-metadata.json`: the archive as a Workflow Run Crate.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the profiles Workflow RO-Crate 1.0, Process Run Crate 0.5
and Workflow Run Crate 0.5 (arXiv:2312.07852). Every file is named, with its checksum.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from resonaut import __version__
from resonaut.archive import layout
from resonaut.files import read_json

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
CRATE_VERSION = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
LICENCES = {
    "https://spdx.org/licenses/CC0-1.0": "Creative Commons Zero v1.0 Universal",
    "https://spdx.org/licenses/BSD-3-Clause": 'BSD 3-Clause "New" or "Revised" License',
}
OF_RESULTS, OF_SOFTWARE = LICENCES
WORKFLOW = f"{layout.SOURCE}/workflow/Snakefile"
_EXAMPLES = {layout.CONFIGURATION: "#configuration", layout.PAGE: "#page"}
_TERM = {"sha256": "https://schema.org/sha256"}
_TYPES = {
    ".md": "text/markdown",
    ".yaml": "application/yaml",
    ".onnx": "application/octet-stream",
    ".h5": "application/x-hdf5",
    ".lock": "text/plain",
    "": "text/plain",
}

Json = dict[str, Any]


def describe(
    study: str,
    sums: Mapping[str, str],
    sizes: Mapping[str, int],
    records: Iterable[Path],
    inputs: Iterable[Mapping[str, Any]],
) -> Json:
    """The crate.

    Args:
        study: its name.
        sums: SHA-256 of the files of the archive by name.
        sizes: their bytes.
        records: records of the runs, whose times are those of the study.
        inputs: of `inputs.json`.
    """
    files = [_file(name, sums[name], sizes[name]) for name in sorted(sums) if name != WORKFLOW]
    files.append({"@id": layout.SUMS, "@type": "File", "name": layout.SUMS, "encodingFormat": "text/plain"})
    begun, ended = _times(records)
    # A file that two datasets read is one entity.
    outside = list({entity["@id"]: entity for entity in map(_outside, inputs)}.values())
    results = [_id(name) for name in sorted(sums) if name.startswith(f"{layout.RESULTS}/")]
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Archive of the study {study}",
        "description": f"A resonance search with resonaut {__version__}: results, figures, statistical "
        "models, configuration, software and records of the run. README.md says what is where.",
        "datePublished": ended or "1980-01-01",
        "license": {"@id": OF_RESULTS},
        "conformsTo": [{"@id": profile} for profile in PROFILES],
        "mainEntity": {"@id": WORKFLOW},
        "mentions": {"@id": "#run"},
        "hasPart": [
            {"@id": WORKFLOW},
            *({"@id": file["@id"]} for file in files),
            *({"@id": entry["@id"]} for entry in outside),
        ],
    }
    action = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run of the study {study}",
        "description": "Snakemake ran the workflow on the configuration.",
        "instrument": {"@id": WORKFLOW},
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "object": _one_or_all([layout.CONFIGURATION, *(entry["@id"] for entry in outside)]),
        "result": _one_or_all(results),
        **({"startTime": begun} if begun else {}),
        **({"endTime": ended} if ended else {}),
    }
    graph = [_descriptor(), root, *_workflow(), action, *_about(), *files, *outside]
    return {"@context": [CONTEXT, _TERM], "@graph": graph}


def _one_or_all(names: list[str]) -> Json | list[Json]:
    """References; a single one stands without a list, as RO-Crate recommends."""
    found = [{"@id": name} for name in names]
    return found[0] if len(found) == 1 else found


def _id(name: str) -> str:
    """A name as a relative URI: what a name has escaped (`%3A`) is escaped once more."""
    return quote(name, safe="/+,@=._-")


def _descriptor() -> Json:
    return {
        "@id": layout.CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": [{"@id": CRATE_VERSION}, {"@id": WORKFLOW_CRATE}],
    }


def _workflow() -> list[Json]:
    configuration = {
        "@id": "#configuration",
        "@type": "FormalParameter",
        "additionalType": "File",
        "name": "configuration",
        "description": "the study: what is simulated or read, trained, searched and tested",
        "valueRequired": True,
        "conformsTo": {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
        "workExample": {"@id": layout.CONFIGURATION},
    }
    page = {
        "@id": "#page",
        "@type": "FormalParameter",
        "additionalType": "File",
        "name": "page",
        "description": "p-values, limits and figures for a reviewer",
        "workExample": {"@id": layout.PAGE},
        "conformsTo": {"@id": "https://bioschemas.org/profiles/FormalParameter/1.0-RELEASE"},
    }
    workflow = {
        "@id": WORKFLOW,
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": "resonaut",
        "description": "Machine-learned resonance searches at the LHC, from ROOT files to a significance.",
        "version": __version__,
        "license": {"@id": OF_SOFTWARE},
        "programmingLanguage": {"@id": "#snakemake"},
        "encodingFormat": "text/plain",
        "input": {"@id": "#configuration"},
        "output": {"@id": "#page"},
        "conformsTo": {"@id": "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"},
    }
    return [workflow, configuration, page]


def _about() -> list[Json]:
    """What other entities refer to: the language, profiles and licences."""
    language = {
        "@id": "#snakemake",
        "@type": "ComputerLanguage",
        "name": "Snakemake",
        "identifier": {"@id": "https://doi.org/10.12688/f1000research.29032.3"},
        "url": {"@id": "https://snakemake.readthedocs.io"},
    }
    profiles = [
        {"@id": one, "@type": "CreativeWork", "name": name, "version": version}
        for one, (name, version) in PROFILES.items()
    ]
    licences = [
        {"@id": one, "@type": "CreativeWork", "name": name, "identifier": one.rpartition("/")[2]}
        for one, name in LICENCES.items()
    ]
    return [language, *profiles, *licences]


def _file(name: str, digest: str, size: int) -> Json:
    entry = layout.entry_of(name)
    found = {
        "@id": _id(name),
        "@type": "File",
        "name": name,
        "contentSize": str(size),
        "encodingFormat": _format(name),
        "sha256": digest,
    }
    if entry is not None:
        found["description"] = entry.what
    if name in _EXAMPLES:
        found["exampleOfWork"] = {"@id": _EXAMPLES[name]}
    if name == layout.README:
        found["about"] = {"@id": "./"}
    return found


def _format(name: str) -> str:
    suffix = Path(name).suffix
    return _TYPES.get(suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _outside(entry: Mapping[str, Any]) -> Json:
    """An input that is not in the archive."""
    path = str(entry["path"])
    remote = "://" in path
    found = {
        "@id": path if remote else f"#input-{quote(path, safe='')}",
        "@type": "File" if remote else "CreativeWork",
        "name": path,
        "description": f"read for the dataset {entry['dataset']}"
        if entry["dataset"]
        else "read by the study",
    }
    if entry["sha256"]:
        found["sha256"] = entry["sha256"]
    return found


def _times(records: Iterable[Path]) -> tuple[str | None, str | None]:
    """Begin of the first job and end of the last one, ISO 8601."""
    spans = []
    for path in records:
        record = read_json(path)
        begun = datetime.fromisoformat(record["started"])
        spans.append((begun, begun + timedelta(seconds=round(float(record["wall_seconds"])))))
    if not spans:
        return None, None
    return min(span[0] for span in spans).isoformat(), max(span[1] for span in spans).isoformat()
