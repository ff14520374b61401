"""The bill of materials: valid by the schema of CycloneDX, equal each time, and true."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys

import pytest

from resonaut import sbom
from resonaut.errors import InputError, MissingFileError


@pytest.fixture(scope="module")
def bill():
    return sbom.bill()


def test_the_bill_passes_the_validator_of_cyclonedx(bill):
    validation = pytest.importorskip("cyclonedx.validation.json", reason="cyclonedx-python-lib is not there")
    schema = pytest.importorskip("cyclonedx.schema")
    validator = validation.JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(bill)) is None
    broken = bill | {"components": [{"type": "no such type", "name": "x"}]}
    assert validator.validate_str(json.dumps(broken)) is not None


def test_versions_are_those_installed_and_those_locked(bill, root):
    component = {entry["name"].lower(): entry for entry in bill["components"]}
    assert component["numpy"]["version"] == importlib.metadata.version("numpy")
    assert component["numpy"]["purl"] == f"pkg:pypi/numpy@{importlib.metadata.version('numpy')}"
    locked = sbom.read_lock(root / "envs/requirements.lock")
    assert len(locked) > 150
    named = {sbom.normalised(name): entry for name, entry in component.items()}
    for name, version in locked.items():
        assert {"name": "resonaut:locked", "value": version} in named[name]["properties"]
    assert component["cpython"]["version"] == ".".join(map(str, sys.version_info[:3]))


def test_scope_and_graph_follow_what_packages_ask_for(bill):
    scope = {sbom.normalised(entry["name"]): entry["scope"] for entry in bill["components"]}
    assert (scope["numpy"], scope["urllib3"]) == ("required", "required")
    assert (scope["pytest"], scope["ruff"]) == ("optional", "optional")
    graph = {entry["ref"]: entry["dependsOn"] for entry in bill["dependencies"]}
    (own,) = (entry for ref, entry in graph.items() if ref.startswith("pkg:pypi/resonaut@"))
    assert f"pkg:pypi/h5py@{importlib.metadata.version('h5py')}" in own
    h5py = graph[f"pkg:pypi/h5py@{importlib.metadata.version('h5py')}"]
    assert h5py == [f"pkg:pypi/numpy@{importlib.metadata.version('numpy')}"]
    references = {entry["bom-ref"] for entry in bill["components"]}
    assert {item for entry in graph.values() for item in entry} <= references


def test_two_processes_write_the_same_bytes(tmp_path):
    written = []
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.json"
        subprocess.run(
            [sys.executable, "-m", "resonaut.cli", "sbom", "--output", str(path)],
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"},
        )
        written.append(path.read_bytes())
    assert written[0] == written[1]
    assert b"timestamp" not in written[0]
    assert b"serialNumber" not in written[0]


def test_a_lock_file_is_read(tmp_path):
    lock = tmp_path / "lock.txt"
    lock.write_text(
        "--extra-index-url https://x\n# words\nTorch==2.13.0+cpu  # why\nA_b[c]==1; python_version>'3'\n"
    )
    assert sbom.read_lock(lock) == {"torch": "2.13.0+cpu", "a-b": "1"}
    names = {entry["name"]: entry for entry in sbom.bill(lock)["components"]}
    assert names["a-b"]["properties"] == [
        {"name": "resonaut:installed", "value": "false"},
        {"name": "resonaut:locked", "value": "1"},
    ]
    lock.write_text("numpy>=2\n")
    with pytest.raises(InputError, match=r"lock.txt: line 1: 'name==version' is expected, got 'numpy>=2'"):
        sbom.read_lock(lock)
    with pytest.raises(MissingFileError, match="no such lock file"):
        sbom.bill(tmp_path / "absent")
