"""The server of a remote file is lost in the middle of an ingestion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import awkward as ak
import h5py
import numpy as np
import pytest
import uproot

N_EVENTS = 60_000
STEP = 10_000
JET = {"pt": (300, 900), "eta": (-2, 2), "phi": (-3, 3), "mass": (10, 90), "rawFactor": (0, 0.1)}
BRANCHES = {
    "run": "uint32",
    "luminosityBlock": "uint32",
    "event": "uint64",
    "FatJet": f"var * {{{', '.join(f'{name}: float32' for name in JET)}}}",
}
TASK = {
    "dataset": "far",
    "ingest": {"preselection": {}, "remote": {"timeout": 2, "retries": 2, "block_bytes": 65536}},
}


@pytest.fixture(scope="module")
def remote_servers(root):
    """The servers of tests/servers."""
    sys.path.append(str(root / "tests/servers"))
    import remote_servers

    yield remote_servers
    sys.path.remove(str(root / "tests/servers"))


def nano(numbers: np.ndarray) -> dict[str, object]:
    """Two jets in each event, as NanoAOD has them."""
    rng = np.random.default_rng(int(numbers[0]))
    jets = {
        name: ak.from_regular(rng.uniform(*ends, (len(numbers), 2)).astype(np.float32))
        for name, ends in JET.items()
    }
    ones = np.ones(len(numbers), dtype=np.uint32)
    return {"run": ones, "luminosityBlock": ones, "event": numbers, "FatJet": ak.zip(jets)}


@pytest.fixture(scope="module")
def far(remote_servers):
    """A line to a real XRootD server, and the path of a file of jets behind it."""
    folder = Path(tempfile.mkdtemp(prefix="resonaut-lost-"))
    folder.chmod(0o755)
    (folder / "data").mkdir()
    with uproot.recreate(folder / "data/far.root") as file:
        tree = file.mktree("Events", BRANCHES)
        for first in range(0, N_EVENTS, STEP):
            tree.extend(nano(np.arange(first, first + STEP, dtype=np.uint64)))
    with remote_servers.xrootd_server(folder) as url:
        line = remote_servers.Line(int(url.rstrip("/").rpartition(":")[2]))
        yield line, f"root://127.0.0.1:{line.port}/{folder}/data/far.root"
        line.cut()
    shutil.rmtree(folder, ignore_errors=True)


def ingest(url: str, store: Path, root: Path) -> subprocess.Popen:
    listed = json.dumps({"files": [{"path": url}], "schema_version": 1})
    words = ["ingest", "--files", listed, "--settings", json.dumps(TASK), "--output", str(store)]
    return subprocess.Popen(
        [sys.executable, "-m", "resonaut.cli", *words],
        env={**os.environ, "PYTHONPATH": str(root / "src"), "OMP_NUM_THREADS": "1"},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def cut_after(line, n_bytes: int, process: subprocess.Popen) -> None:
    """End all connections once so much has come."""
    start = line.n_bytes
    while line.n_bytes - start < n_bytes and process.poll() is None:
        time.sleep(0.001)
    line.cut()


def columns(path: Path) -> dict[str, bytes]:
    """Every dataset of a store."""
    found = {}

    def add(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item[()].tobytes()

    with h5py.File(path) as file:
        file.visititems(add)
    return found


def test_a_server_that_is_lost_for_good_and_comes_back_for_the_next_run(far, tmp_path, root):
    line, url = far
    whole = ingest(url, tmp_path / "whole.h5", root)
    output = whole.communicate(timeout=300)[0]
    assert whole.returncode == 0, output
    n_bytes = line.n_bytes
    store = tmp_path / "far.h5"
    first = ingest(url, store, root)
    cut_after(line, n_bytes // 2, first)
    output = first.communicate(timeout=300)[0]
    assert first.returncode == 3, output
    said = [text for text in output.splitlines() if text.startswith("resonaut ")]
    assert len(said) == 1, output
    assert "UnreachableError" in said[0]
    assert "far.root: the server does not answer" in said[0]
    assert "remote.retries" in said[0]
    assert "Traceback" not in output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["whole.h5", "whole.h5.run.json"]
    line.mend()
    again = ingest(url, store, root)
    output = again.communicate(timeout=300)[0]
    assert again.returncode == 0, output
    assert columns(store) == columns(tmp_path / "whole.h5")
    assert len(columns(store)) > 5


def test_a_server_that_comes_back_in_time(far, tmp_path, root):
    line, url = far
    store = tmp_path / "far.h5"
    process = ingest(url, store, root)
    cut_after(line, 300_000, process)
    threading.Timer(0.5, line.mend).start()
    output = process.communicate(timeout=300)[0]
    assert process.returncode == 0, output
    assert "trying again" in output
    with h5py.File(store) as file:
        assert file["events/event"].shape == (N_EVENTS,)
        np.testing.assert_array_equal(file["events/event"][:], np.arange(N_EVENTS))
