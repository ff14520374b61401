"""A small archive that passes every check, made by hand, and ways to spoil it."""

from __future__ import annotations

import hashlib
import json
import platform
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import yaml

from resonaut import __version__, seeds
from resonaut.archive import configuration, layout, tolerances
from resonaut.archive.reproduce import here
from resonaut.comparing.numbers import is_number, leaves
from resonaut.config import parse

STUDY = {
    "study": "mini",
    "seed": 3,
    "datasets": {
        "qcd": {
            "source": "pythia",
            "label": "qcd",
            "process": "qcd_dijet",
            "n_events": 100,
            "detector": "cms",
            "cuts": {"pt_hat_min": 1100},
        },
        "data": {"source": "files", "files": ["events.npy"]},
    },
}
SIGNIFICANCE = {
    "schema_version": 3,
    "best": {
        "low": 3300.0,
        "high": 3700.0,
        "observed": 129,
        "z_local": 5.8,
        "p_value": 3.3e-9,
        "signal": {"events": 67.5, "error": 12.6, "low": 55.1, "high": 80.4},
        "upper_limit": {"observed": 89.0, "expected_minus_1sigma": 14.0, "expected_plus_1sigma": 28.0},
        "closure": {"passes": True},
    },
    "provenance": {"settings": {"seed": 3}, "versions": {"numpy": "2.0"}, "inputs": {"a": "0"}},
}
METRICS = {"auc": 0.9, "auc_error": 0.004, "best_epoch": 11, "history": [{"epoch": 1, "train_loss": 0.5}]}
MANIFEST = {"n_events": 100, "sum_weights": 12.5, "cut_flow": {"read": 100, "kept": 90}}
RESULTS = {
    "infer/data/cwola/significance.json": SIGNIFICANCE,
    "tag/pfn/metrics.json": METRICS,
    "ingest/qcd/nominal/manifest.json": MANIFEST,
    "infer/data:null:part0/cwola/significance.json": {"best": {"z_local": 0.5}},
}
INPUT = b"these are the events"
BACKGROUND = {
    "channels": [{"name": "spectrum", "samples": []}],
    "observations": [{"name": "spectrum", "data": [1.0]}],
    "measurements": [{"name": "search", "config": {"poi": "mu", "parameters": []}}],
    "version": "1.0.0",
}
PAGE = '<html><body><a href="#a">a</a><h1 id="a">A</h1><img src="data:image/png;base64,AA=="></body></html>'


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def as_json(value) -> bytes:
    return (json.dumps(value) + "\n").encode()


def study_sums(contents: dict[str, bytes]) -> bytes:
    return "".join(f"{sha(data)}  {name}\n" for name, data in sorted(contents.items())).encode()


def numbers_of(results: dict[str, object]) -> dict:
    return {
        "format": 1,
        "tolerances": tolerances.TOLERANCES,
        "numbers": {
            layout.archive_name(f"results/mini/{path}"): {
                place: [leaf, tolerances.kind(path, place, leaf)]
                for place, leaf in leaves(value).items()
                if is_number(leaf)
            }
            for path, value in results.items()
        },
    }


def _hepdata() -> dict[str, bytes]:
    column = {"header": {"name": "mass", "units": "GeV"}, "values": [{"low": 1, "high": 2}, {"value": 3}]}
    table = {"independent_variables": [column], "dependent_variables": [column]}
    documents = [
        {"comment": "a search", "additional_resources": []},
        {
            "name": "Table 1",
            "description": "d",
            "keywords": [{"name": "k", "values": ["v"]}],
            "data_file": "t.yaml",
        },
    ]
    return {
        "submission.yaml": yaml.safe_dump_all(documents).encode(),
        "t.yaml": yaml.safe_dump(table).encode(),
    }


def tar(files: dict[str, bytes]) -> bytes:
    target = BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, BytesIO(data))
    return target.getvalue()


def crate_of(names) -> dict:
    files = [{"@id": quote(name), "@type": "File"} for name in sorted({*names, layout.SUMS})]
    root = {"@id": "./", "@type": "Dataset", "name": "n", "description": "d", "license": "l"}
    root |= {"datePublished": "1980-01-01", "hasPart": [{"@id": file["@id"]} for file in files]}
    descriptor = {
        "@id": layout.CRATE,
        "@type": "CreativeWork",
        "about": {"@id": "./"},
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
    }
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": [descriptor, root, *files]}


def contents(source: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Every file of the archive but its `SHA256SUMS`."""
    study = parse(STUDY)
    results = {path: as_json(value) for path, value in RESULTS.items()}
    base = "infer/data/cwola/workspaces"
    digest = sha(json.dumps(BACKGROUND, sort_keys=True, ensure_ascii=False).encode())
    results[f"{base}/background_0.1.json"] = as_json(BACKGROUND)
    results[f"{base}/patchset_0.1.json"] = as_json(
        {"patches": [{}], "metadata": {"digests": {"sha256": digest}}}
    )
    results["tag/pfn/model.onnx"] = b"onnx"
    workspace_numbers = {**RESULTS, f"{base}/background_0.1.json": BACKGROUND}
    workspace_numbers[f"{base}/patchset_0.1.json"] = {"patches": [{}]}
    source = source or {"Snakefile": b"# none\n", "src/resonaut/__init__.py": b"\n"}
    listing = "".join(f"{sha(data)}  {name}\n" for name, data in sorted(source.items()))
    hepdata = _hepdata()
    in_archive = {layout.archive_name(f"results/mini/{path}"): data for path, data in results.items()}
    files = {
        **in_archive,
        **{f"source/{name}": data for name, data in source.items()},
        **{f"hepdata/submission/{name}": data for name, data in hepdata.items()},
        layout.SUBMISSION: tar(hepdata),
        layout.STUDY_SUMS: study_sums(
            {**{f"results/mini/{path}": data for path, data in results.items()}, "events.npy": INPUT}
        ),
        layout.README: b"read me\n",
        layout.CONFIGURATION: yaml.safe_dump(configuration.merged(study)).encode(),
        "settings/simulate.json": as_json(
            [{"names": {"dataset": "qcd"}, "settings": json.loads(study.slice("simulate", dataset="qcd"))}]
        ),
        layout.INPUTS: as_json(
            [{"dataset": "data", "path": "events.npy", "bytes": len(INPUT), "sha256": sha(INPUT)}]
        ),
        layout.ENVIRONMENT: as_json(
            {
                "archive_format": 1,
                "resonaut": __version__,
                "commit": "0" * 40,
                "dirty": False,
                "changed": [],
                "source_sha256": sha(listing.encode()),
                "platform": here()["platform"],
                "versions": here()["versions"],
            }
        ),
        layout.LOCK: b"numpy==" + here()["versions"]["numpy"].encode() + b"\n",
        layout.BILL: as_json(
            {
                "bomFormat": "CycloneDX",
                "specVersion": "1.6",
                "components": [{"type": "platform", "name": "python", "version": platform.python_version()}],
            }
        ),
        layout.SEEDS: as_json(
            {
                "seed": 3,
                "derived": {
                    "tag/pfn/metrics.json": [
                        {"seed": "3", "names": ["tag"], "value": str(seeds.integer_seed(3, "tag", bits=64))}
                    ]
                },
                "incomplete": [],
                "unrecorded": [],
            }
        ),
        layout.NUMBERS: as_json(numbers_of(workspace_numbers)),
        layout.MODELS: as_json(
            [
                {
                    "path": "results/mini/tag/pfn/model.onnx",
                    "sha256": sha(b"onnx"),
                    **{key: [{"name": "x"}] for key in ("inputs", "outputs")},
                    "preprocessing": {"kind": "clouds"},
                }
            ]
        ),
        layout.PAGE: PAGE.encode(),
        layout.REPORT: b"<html></html>",
        "runs/tag/pfn/metrics.json.run.json": b"{}",
        "logs/tag/pfn.log": b"",
        "benchmarks/tag/pfn.tsv": b"s\th:m:s\n12.5\t0:00:12\n",
    }
    files[layout.CRATE] = as_json(crate_of(files))
    return files


def write(target: Path, files: dict[str, bytes], *, sums: bool = True, time=layout.TIME) -> Path:
    """Write a zip archive as the layout wants it, with fresh checksums."""
    files = dict(files)
    if sums:
        files.pop(layout.SUMS, None)
        files[layout.SUMS] = study_sums(files)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in sorted(files.items()):
            entry = zipfile.ZipInfo(name, time)
            entry.external_attr = layout.MODE << 16
            archive.writestr(entry, data, zipfile.ZIP_DEFLATED)
    return target
