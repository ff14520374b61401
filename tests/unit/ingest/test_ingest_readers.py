"""What every reader promises. A new reader is tested by being there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from resonaut import registry
from resonaut.errors import ConfigError, InputError
from resonaut.ingest.contents import KINDS, Contents, find_reader
from resonaut.settings import Settings

READERS = registry.names("ingest")
HEAVY = {"awkward", "coffea", "fastjet", "h5py", "numba", "pandas", "pyarrow", "scipy", "torch", "uproot"}


@pytest.mark.parametrize("name", READERS)
def test_contract(name: str) -> None:
    module = registry.load("ingest", name)
    assert issubclass(module.Settings, Settings)
    assert module.KINDS
    assert set(module.KINDS) <= set(KINDS)
    assert module.LEVEL in ("jets", "table", "showers", "images")
    assert isinstance(module.NUMBERED, bool)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_matches_an_unknown_file(name: str, kind: str) -> None:
    module = registry.load("ingest", name)
    one_table = kind in ("npy", "csv", "parquet")
    for groups in ({}, {"PreSelection": frozenset({"Weight"})}, {"": frozenset({"x"})}):
        known = module.matches(Contents(f"f.{kind}", kind, groups))
        assert known is (one_table and name == "table" and kind in module.KINDS)


def test_a_reader_of_another_kind_of_file_is_refused() -> None:
    contents = Contents("jets.npz", "npz", {"": frozenset({"X", "y"})})
    with pytest.raises(InputError, match=r"the reader 'delphes' reads a ROOT file, this is a npz file"):
        find_reader(contents, "delphes")
    with pytest.raises(ConfigError, match=r"unknown reader 'quarkgluon'. Did you mean 'quark_gluon'?"):
        find_reader(contents, "quarkgluon")
    assert find_reader(contents, "auto") == "quark_gluon"


def test_readers_import_without_heavy_packages() -> None:
    code = (
        "import json, sys, resonaut.ingest.cli, resonaut.represent.cli, resonaut.tools.manifest\n"
        "from resonaut import registry\n"
        "[registry.load('ingest', name) for name in registry.names('ingest')]\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not HEAVY & set(json.loads(done.stdout))
