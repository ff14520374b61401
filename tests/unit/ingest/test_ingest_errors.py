"""Each way for an input to be wrong ends with one clear message and leaves no output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut.cli import main


def refused(capsys: pytest.CaptureFixture, folder: Path, *arguments: str) -> str:
    """Run `resonaut ingest`, which must fail and leave nothing; return its one message."""
    output = folder / "out" / "store.h5"
    code = main(["ingest", *arguments, "--output", str(output)])
    assert code in (2, 3)
    assert not output.parent.exists() or not list(output.parent.iterdir())
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("resonaut ingest:")]
    assert len(lines) == 1
    return lines[0]


def test_missing_file(capsys: Any, tmp_path: Path) -> None:
    message = refused(capsys, tmp_path, str(tmp_path / "absent.root"))
    assert "MissingFileError" in message
    assert "absent.root: no such file" in message


def test_folder(capsys: Any, tmp_path: Path) -> None:
    assert "a file is expected, this is a folder" in refused(capsys, tmp_path, str(tmp_path))


def test_not_root(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes.root"
    path.write_text("these are my notes")
    message = refused(capsys, tmp_path, str(path))
    assert "CorruptFileError" in message
    assert "not a readable ROOT file" in message


@pytest.mark.parametrize("reader", ["auto", "resonaut", "delphes"])
def test_no_readable_tree(capsys: Any, tmp_path: Path, real_file: Callable, reader: str) -> None:
    message = refused(capsys, tmp_path, real_file("bad_delphes.root"), "--reader", reader)
    assert "CorruptFileError" in message
    assert "bad_delphes.root: the file holds no tree" in message


@pytest.mark.parametrize("fraction", [0.02, 0.5, 0.9])
def test_truncated(capsys: Any, tmp_path: Path, simulated: Path, fraction: float) -> None:
    path = tmp_path / "short.root"
    raw = simulated.read_bytes()
    path.write_bytes(raw[: int(fraction * len(raw))])
    message = refused(capsys, tmp_path, str(path))
    assert "CorruptFileError" in message
    assert "short.root" in message


@pytest.mark.parametrize("reader", ["auto", "resonaut"])
def test_no_events(capsys: Any, tmp_path: Path, real_file: Callable, reader: str) -> None:
    message = refused(capsys, tmp_path, real_file("nano_dy_empty.root"), "--reader", reader)
    assert "EmptyFileError" in message
    assert "the tree 'Events' has 0 events, at least 1 is expected" in message


def test_no_events_of_ours(capsys: Any, tmp_path: Path, write: Any, sample: Any) -> None:
    nothing = sample(2)
    nothing.candidates = {name: values[:0] for name, values in nothing.candidates.items()}
    path = write(tmp_path / "none.root", nothing)
    assert "EmptyFileError" in refused(capsys, tmp_path, str(path))


def test_other_trees(capsys: Any, tmp_path: Path, real_file: Callable) -> None:
    message = refused(capsys, tmp_path, real_file("treemaker.root"), "--reader", "resonaut")
    assert "MissingBranchError" in message
    assert "no tree 'Events'. Known: PreSelection" in message


def test_missing_branch_names_the_nearest(capsys: Any, tmp_path: Path, real_file: Callable) -> None:
    message = refused(capsys, tmp_path, real_file("nano_tt_v15.root"), "--reader", "resonaut")
    assert "MissingBranchError" in message
    assert "no tree 'Runs'" in message or "has no branch" in message


def test_wanting_candidates(capsys: Any, tmp_path: Path, write: Any, sample: Any) -> None:
    poor = sample(3)
    poor.candidates["eta_"] = poor.candidates.pop("eta")
    path = write(tmp_path / "poor.root", poor)
    message = refused(capsys, tmp_path, str(path))
    assert "the tree 'Events' has no branch 'PFCand_eta'. Did you mean 'PFCand_eta_'?" in message


@pytest.mark.parametrize("column", ["pt", "eta", "phi", "mass"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite(capsys: Any, tmp_path: Path, write: Any, sample: Any, column: str, value: float) -> None:
    broken = sample(6)
    flat = np.array(ak.flatten(broken.candidates[column]))
    counts = np.array(ak.num(broken.candidates[column]))
    flat[counts[:4].sum() + 2] = value
    broken.candidates[column] = ak.unflatten(flat, counts)
    path = write(tmp_path / "broken.root", broken)
    # In steps of two events, so that the number named is that of the file.
    settings = json.dumps({"dataset": "toy", "ingest": {"step_events": 2}})
    message = refused(capsys, tmp_path, str(path), "--settings", settings)
    assert "BadValueError" in message
    assert f"broken.root: {column} of particles is {value} in entry 4; finite values" in message


def test_impossible_direction(capsys: Any, tmp_path: Path, write: Any, sample: Any) -> None:
    broken = sample(2)
    flat = np.array(ak.flatten(broken.candidates["eta"]))
    flat[0] = 4e16
    broken.candidates["eta"] = ak.unflatten(flat, np.array(ak.num(broken.candidates["eta"])))
    assert "|eta| <= 100" in refused(capsys, tmp_path, str(write(tmp_path / "far.root", broken)))


def test_no_reader_knows_the_format(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "strange.root"
    with uproot.recreate(path) as file:
        file.mktree("Stuff", {"x": np.dtype(np.float64)}).extend({"x": np.arange(3.0)})
    message = refused(capsys, tmp_path, str(path))
    assert "no reader knows this format (ROOT file: Stuff). Readers: delphes, flat, images, " in message


def test_unknown_reader_names_the_nearest(capsys: Any, tmp_path: Path, simulated: Path) -> None:
    message = refused(capsys, tmp_path, str(simulated), "--reader", "delfes")
    assert "ConfigError: reader: unknown reader 'delfes'. Did you mean 'delphes'?" in message


def test_messages_name_their_own_option(capsys: Any, tmp_path: Path, simulated: Path) -> None:
    assert "ConfigError: --options: not valid JSON" in refused(
        capsys, tmp_path, str(simulated), "--options", "{"
    )
    message = refused(capsys, tmp_path, str(simulated), "--jets", "X", "--settings", '{"ingest": 5}')
    assert "ConfigError: --settings.ingest: Input should be a valid dictionary" in message


def test_unknown_collection_names_the_nearest(capsys: Any, tmp_path: Path, real_file: Callable) -> None:
    message = refused(capsys, tmp_path, real_file("delphes.root"), "--jets", "ParticleFlowJet8")
    assert (
        "no jet collection 'ParticleFlowJet8' with constituents. Did you mean 'ParticleFlowJet08'?" in message
    )


def test_collection_where_there_is_none(capsys: Any, tmp_path: Path, simulated: Path) -> None:
    message = refused(capsys, tmp_path, str(simulated), "--jets", "FatJet")
    assert "no jet collection 'FatJet': these files hold candidates only" in message


def test_unknown_key_names_the_nearest(capsys: Any, tmp_path: Path, simulated: Path) -> None:
    message = refused(capsys, tmp_path, str(simulated), "--settings", '{"ingest": {"jets": {"radiuss": 1}}}')
    assert "ingest.jets.radiuss: unknown key. Did you mean 'radius'?" in message


def test_a_bad_second_file_leaves_nothing(capsys: Any, tmp_path: Path, simulated: Path) -> None:
    message = refused(capsys, tmp_path, str(simulated), str(tmp_path / "absent.root"))
    assert "absent.root" in message


_LIMITED = """
import resource, signal, sys
from resonaut.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
sys.exit(main(sys.argv[1:]))
"""


def test_no_space_left_by_limit(tmp_path: Path, simulated: Path) -> None:
    output = tmp_path / "out" / "store.h5"
    command = [sys.executable, "-c", _LIMITED, "ingest", str(simulated), "--output", str(output)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    assert "store.h5: cannot be written (no space left on the device" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(output.parent.iterdir()) == []


def test_no_space_left_on_a_full_device(tmp_path: Path, simulated: Path) -> None:
    device = tmp_path / "device"
    device.mkdir()
    if os.geteuid() != 0:
        pytest.skip("mounting a small tmpfs needs root")
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(device)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("a tmpfs cannot be mounted here")
    try:
        command = [sys.executable, "-m", "resonaut.cli", "ingest", str(simulated)]
        done = subprocess.run(
            [*command, "--output", str(device / "store.h5")], capture_output=True, text=True, check=False
        )
        assert done.returncode == 7, done.stderr
        assert "no space left on the device" in done.stderr
        assert "Traceback" not in done.stderr
        assert list(device.iterdir()) == []
    finally:
        subprocess.run(["umount", str(device)], check=True)
