"""Studies of files: a list with files that cannot be read, groups of files, and one more file later."""

from __future__ import annotations

import json
import shutil

import pytest

STUDY = """
study: files
datasets:
  data:
    source: files
    manifest: files.json
    luminosity: 36.0
    on_bad_file: skip
    files_per_chunk: 2
ingest:
  duplicates: keep
  preselection: {n_jets_min: 1}
  jets: {pt_min: 20}
"""


def listed(clone, *names):
    files = [{"path": name, "n_events": 25} for name in names]
    (clone.folder / "files.json").write_text(json.dumps({"schema_version": 1, "files": files}))


@pytest.fixture
def files(clone, shared):
    source = shared / "root/delphes.root"
    for name in ("a.root", "d.root"):
        shutil.copy(source, clone.folder / name)
    (clone.folder / "broken.root").write_bytes(source.read_bytes()[:3_000_000])
    clone.config.write_text(STUDY)
    listed(clone, "a.root", "broken.root", "absent.root")
    return clone


def test_skipped_files_are_listed_with_what_was_lost(files):
    output = files.snakemake("ingest", "results/files/review/ingest.png").stdout
    assert "Traceback" not in output
    found = json.loads((files.folder / "results/files/ingest/data/nominal/manifest.json").read_text())
    assert [entry["path"] for entry in found["skipped_files"]] == ["broken.root", "absent.root"]
    assert "broken.root: not a readable ROOT file" in found["skipped_files"][0]["reason"]
    assert "absent.root: no such file" in found["skipped_files"][1]["reason"]
    assert found["cut_flow"]["generated"] == found["cut_flow"]["read"] == 25
    assert found["lost_events"] == 50
    assert found["lost_fraction"] == pytest.approx(2 / 3)
    assert found["luminosity_fb"] == pytest.approx(12.0)
    assert (files.folder / "results/files/review/ingest.png").stat().st_size > 10_000
    # One more file in the list makes one more chunk, and what is there stays.
    assert files.planned("ingest") == {}
    listed(files, "a.root", "broken.root", "absent.root", "d.root")
    jobs = files.planned("ingest")
    assert jobs["ingest_chunk"] == 1
    assert jobs["ingest_manifest"] == 1


def test_what_the_list_says_of_a_file_is_compared(files):
    listed(files, "a.root")
    changed = {"path": "a.root", "checksum": "adler32:00000001"}
    (files.folder / "files.json").write_text(json.dumps({"schema_version": 1, "files": [changed]}))
    files.config.write_text(STUDY.replace("on_bad_file: skip", "on_bad_file: fail"))
    done = files.snakemake("ingest", check=False)
    assert done.returncode != 0
    assert "CorruptFileError: a.root: checksum adler32:" in done.stdout


def test_options_are_compared_with_the_file(clone, shared):
    shutil.copy(shared / "root/nano_dy.root", clone.folder / "a.root")
    jets = "pt: FatJet_ptt, eta: FatJet_eta, phi: FatJet_phi, mass: FatJet_mass"
    clone.config.write_text(
        "study: files\ndatasets:\n  data:\n    source: files\n    files: [a.root]\n    reader: flat\n"
        f"    options: {{tree: Events, jets: {{{jets}}}}}\n"
    )
    done = clone.resonaut("config", "study.yaml", check=False)
    assert done.returncode == 2
    assert "datasets.data: " in done.stdout
    assert "options.jets.pt" in done.stdout
    assert "Did you mean 'FatJet_pt'?" in done.stdout
    clone.edit("study.yaml", "FatJet_ptt", "FatJet_pt")
    assert "valid: study 'files', 1 datasets" in clone.resonaut("config", "study.yaml").stdout
