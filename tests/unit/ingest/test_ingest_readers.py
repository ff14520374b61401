"""What every reader promises. A new reader is tested by being there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from resonaut import registry
from resonaut.settings import Settings

READERS = registry.names("ingest")
HEAVY = {"awkward", "fastjet", "h5py", "scipy", "torch", "uproot"}


@pytest.mark.parametrize("name", READERS)
def test_contract(name: str) -> None:
    module = registry.load("ingest", name)
    assert issubclass(module.Settings, Settings)
    assert isinstance(module.TREE, str)
    reader = module.build(module.Settings())
    assert callable(reader.info)
    assert callable(reader.batches)


@pytest.mark.parametrize("name", READERS)
def test_nothing_matches_an_unknown_file(name: str) -> None:
    module = registry.load("ingest", name)
    assert module.matches({}) is False
    assert module.matches({"PreSelection": {"Jets", "Weight"}}) is False
    assert module.matches({module.TREE: {"pt", "eta"}}) is False


def test_formats_are_told_apart() -> None:
    files = {
        "resonaut": {"Events": {"PFCand_pdgClass", "genWeight"}, "Runs": {"n_generated"}},
        "delphes": {"Delphes": {"Event", "EFlowTrack"}},
    }
    for name, trees in files.items():
        assert [r for r in READERS if registry.load("ingest", r).matches(trees)] == [name]


def test_readers_import_without_heavy_packages() -> None:
    code = (
        "import json, sys, resonaut.ingest.cli, resonaut.represent.cli, resonaut.tools.manifest\n"
        "from resonaut import registry\n"
        "[registry.load('ingest', name) for name in registry.names('ingest')]\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))
