"""The RO-Crate: every file is described, and what roc-validator says (where it is installed)."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import small_study

from resonaut.archive import build as building
from resonaut.archive import layout, outputs
from resonaut.files import read_json

PROFILE = "workflow-run-crate-0.5"
"""It holds what RO-Crate 1.1, Workflow RO-Crate 1.0 and Process Run Crate 0.5 ask."""


@pytest.fixture(scope="module")
def crate(tmp_path_factory):
    """The unpacked archive of the small study."""
    folder = tmp_path_factory.mktemp("study")
    declared = small_study.write(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(outputs, "declared", lambda *_: declared)
        # Two hundred files of sources say nothing new to a validator.
        patch.setattr(building.source, "FOLDERS", ("workflow",))
        made = building.build("study.yaml", "a.zip", report=False)
        with zipfile.ZipFile(made.path) as archive:
            archive.extractall("crate")
    return folder / "crate"


def entities(crate):
    return {entity["@id"]: entity for entity in read_json(crate / layout.CRATE)["@graph"]}


def test_every_file_is_described_with_its_checksum(crate):
    found = entities(crate)
    sums = dict(reversed(line.split("  ")) for line in (crate / layout.SUMS).read_text().splitlines())
    for name, digest in sums.items():
        if name not in (layout.CRATE, "source/workflow/Snakefile"):
            entity = found[name.replace("%", "%25")]
            assert (entity["sha256"], entity["contentSize"]) == (digest, str((crate / name).stat().st_size))
    parts = {part["@id"] for part in found["./"]["hasPart"]}
    assert parts == {name for name, entity in found.items() if "File" in entity["@type"]}


def test_run_has_times_inputs_and_results(crate):
    run = entities(crate)["#run"]
    assert (run["startTime"], run["endTime"]) == ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:07+00:00")
    assert run["object"] == {"@id": layout.CONFIGURATION}
    assert {"@id": "results/mini/infer/data%253Aa/global.json"} in run["result"]
    assert entities(crate)["./"]["datePublished"] == run["endTime"]


def _python_with_validator() -> str | None:
    """A Python that has roc-validator: `ROC_VALIDATOR_PYTHON`, or this one."""
    python = os.environ.get("ROC_VALIDATOR_PYTHON", sys.executable)
    done = subprocess.run([python, "-c", "import rocrate_validator"], capture_output=True)
    return python if done.returncode == 0 else None


def test_roc_validator_takes_it(crate):
    python = _python_with_validator()
    if python is None:
        pytest.skip("roc-validator is not installed; name a Python that has it: ROC_VALIDATOR_PYTHON=...")
    script = Path(__file__).with_name("check_crate.py")
    done = subprocess.run(
        [python, str(script), str(crate), PROFILE, "REQUIRED"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr[-2000:]
