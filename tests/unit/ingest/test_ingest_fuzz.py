"""Bytes are flipped in real files: each case ends with one named error or with values that can be true.

The cases run in a process of their own with bounded memory, so that a crash of the interpreter, a hang or
memory without bound is seen, and is the failure of one case. What damage in the payload of an uncompressed
file leaves plausible no reader can see: that is what the checksums of a manifest are for.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from resonaut.errors import CorruptFileError
from resonaut.filelist import InputFile
from resonaut.ingest.sources import checksum, verify

WORKER = Path(__file__).with_name("fuzz_worker.py")
DATA = Path(__file__).parents[3].parent / "shared" / "data"
REAL = {
    "root/delphes.root": {},
    "root/jetclass2_delphes_example.root": {},
    "root/nano_tt_v15.root": {},
    "root/nano_tt_v12.root": {},
    "root/nano_dy.root": {},
    "root/pfnano.root": {},
    "root/PHYSLITE_example.root": {},
    "root/treemaker.root": {},
    "root/skhep_nanoAOD_2015_CMS_Open_Data_ttbar.root": {},
    "lhco/rnd_signal_region_mixture.npy": {
        "columns": ["mjj", "mj1", "dmj", "tau21_j1", "tau21_j2", "label"],
        "mass": "mjj",
        "label_column": "label",
        "label_names": ["background", "signal"],
    },
}
TIMEOUT = 120.0


def run_cases(source: Path, options: dict, first: int, n_cases: int, folder: Path) -> list[dict]:
    """Results of some cases; a case that kills or stops the process is one result too."""
    results: list[dict] = []
    while len(results) < n_cases:
        done = len(results)
        command = [sys.executable, str(WORKER), str(source), json.dumps(options), str(folder)]
        child = subprocess.Popen(
            [*command, str(first + done), str(first + n_cases)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        verdict = ""
        while select.select([child.stdout], [], [], TIMEOUT)[0]:
            line = child.stdout.readline()
            if not line:
                break
            # FastJet prints a banner too.
            if line.startswith("{"):
                results.append(json.loads(line))
        else:
            verdict = f"no answer in {TIMEOUT:.0f} s"
            child.kill()
        child.stdout.close()
        code = child.wait()
        if len(results) < n_cases:
            text = verdict or f"the interpreter ended with {code}"
            results.append({"case": first + len(results), "result": "dead", "text": text})
    return results


def check(name: str, n_cases: int, first: int, folder: Path) -> Counter:
    source = DATA / name
    if not source.exists():
        pytest.skip(f"real data are absent: {source}")
    results = run_cases(source, REAL[name], first, n_cases, folder)
    bad = [item for item in results if item["result"] not in ("error", "good")]
    assert not bad, f"{name}: {len(bad)} of {n_cases} cases, for example {bad[:3]}"
    return Counter(item["result"] for item in results)


@pytest.mark.parametrize("name", REAL)
def test_some_flips(name: str, tmp_path: Path) -> None:
    found = check(name, 2, 0, tmp_path)
    assert found.total() == 2
    assert found["good"] >= 1


@pytest.mark.full
@pytest.mark.parametrize("name", REAL)
def test_many_flips(name: str, tmp_path: Path) -> None:
    found = check(name, 60, 1000, tmp_path)
    print(f"\n{name}: {dict(found)}")
    assert found.total() == 60


def test_a_checksum_sees_every_flip(tmp_path: Path) -> None:
    source = DATA / "root" / "nano_dy.root"
    if not source.exists():
        pytest.skip(f"real data are absent: {source}")
    copy = tmp_path / "copy.root"
    shutil.copyfile(source, copy)
    entry = InputFile(str(copy), copy.stat().st_size, checksum(str(copy), "adler32"))
    verify(entry, "checksum")
    raw = bytearray(source.read_bytes())
    for place in (0, len(raw) // 3, len(raw) - 1):
        raw[place] ^= 1
        copy.write_bytes(raw)
        with pytest.raises(CorruptFileError, match=r"copy.root: checksum adler32:"):
            verify(entry, "checksum")
        raw[place] ^= 1
