"""`resonaut doctor`: each line green, yellow or red, with what mends it; red is the exit code."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from resonaut import processes
from resonaut.cli import main
from resonaut.config import load
from resonaut.doctor import cluster, hardware, software, study

CONFIG = """
study: mine
datasets:
  mc: {source: pythia, process: ttbar, n_events: 2000, chunk_events: 1000}
  good: {source: table, files: [good.csv], mass: m}
  bad: {source: table, files: [empty.csv, absent.csv], mass: m}
"""
NOW = 1_767_225_600.0


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config").mkdir()
    (tmp_path / "Snakefile").touch()
    (tmp_path / "good.csv").write_text("m,x\n" + "1,2\n" * 1000)
    (tmp_path / "empty.csv").touch()
    (tmp_path / "config/mine.yaml").write_text(CONFIG.replace(", absent.csv", ""))
    return tmp_path


def program(folder: Path, monkeypatch, name: str, text: str) -> None:
    """Put a program on the PATH that prints something, or fails where the text starts with !."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "#!/bin/sh\nexit 1\n" if text.startswith("!") else f"#!/bin/sh\ncat <<'END'\n{text}\nEND\n"
    )
    path.chmod(0o755)
    if not os.environ["PATH"].startswith(str(path.parent)):
        monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)


def by_name(capsys, *words: str, code: int) -> dict[str, dict[str, str]]:
    assert main(["doctor", "--json", *words]) == code
    return {one["what"]: one for one in json.loads(capsys.readouterr().out)}


def test_pythons_that_are_tested():
    assert software.python((3, 11, 7)).level == "green"
    assert software.python((3, 13, 0)).level == "green"
    for version in ((3, 10, 1), (3, 14, 0)):
        found = software.python(version)
        assert (found.level, "3.11 to 3.13 are tested" in found.text) == ("red", True)


def test_packages_are_compared_with_the_lock_file():
    numpy, pydantic = metadata.version("numpy"), metadata.version("pydantic")
    assert (
        software.packages({"numpy": numpy, "pydantic": pydantic}).text
        == "2 packages, all as in the lock file"
    )
    other = software.packages({"numpy": "0.1", "pydantic": pydantic})
    assert (other.level, other.text) == ("yellow", f"other versions: numpy {numpy} (locked: 0.1)")
    absent = software.packages({"numpy": "0.1", "no-such-package": "1"})
    assert (absent.level, absent.text) == ("red", "not installed: no-such-package")
    assert "pip install -r envs/requirements.lock" in absent.fix
    assert software.packages({}).level == "yellow"


def test_the_build_of_torch_is_read_without_importing_it():
    code = (
        "import sys\nfrom resonaut.doctor import software\n"
        "print(software.torch_build(), 'torch' in sys.modules)\n"
        "import torch\nprint(torch.version.cuda or 'cpu')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, truth = done.stdout.splitlines()
    assert found == f"{truth} False"


def test_a_gpu_that_torch_cannot_use_is_red(folder, monkeypatch):
    program(folder, monkeypatch, "nvidia-smi", "NVIDIA A100, 40960 MiB, 550.1")
    monkeypatch.setattr(hardware, "torch_build", lambda: "cpu")
    found = hardware.gpu()
    assert (found.level, found.text) == ("red", "NVIDIA A100, 40960 MiB, 550.1; torch is built for CPUs only")
    program(folder, monkeypatch, "nvidia-smi", "!")
    assert hardware.gpu().level == "yellow"


@pytest.mark.parametrize(
    ("free", "limit", "level"),
    [(20_000_000, None, "green"), (4_000_000, None, "yellow"), (20_000_000, 1_000_000_000, "red")],
)
def test_memory_is_compared_with_the_largest_job(free, limit, level):
    text = f"MemTotal:       32000000 kB\nMemFree:  1 kB\nMemAvailable:   {free} kB\n"
    found = hardware.memory(text, limit or 10**15)
    assert found.level == level


def test_space_is_compared_with_what_the_study_takes(tmp_path):
    free = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert hardware.disk(tmp_path, 1e6).level == "green"
    assert hardware.disk(tmp_path, free * 0.9).level == "yellow"
    assert hardware.disk(tmp_path, free * 3).level == "red"
    # What is there already is not needed again.
    assert hardware.disk(tmp_path, free * 3, made=free * 2.9).level == "green"
    assert hardware.size(1_234_567_890) == "1.23 GB"


def test_a_study_takes_what_its_events_and_files_take(folder):
    (folder / "empty.csv").write_text("m,x\n1,2\n")
    given = load("config/mine.yaml")
    files = sum((folder / name).stat().st_size for name in ("good.csv", "empty.csv"))
    assert study.bytes_needed(given) == 2000 * study.SIMULATED_BYTES + files * study.PER_BYTE


def test_files_that_are_absent_or_empty_are_red(folder, capsys):
    found = by_name(capsys, "mine", code=1)
    assert found["data: good"]["level"] == "green"
    assert found["data: bad"]["level"] == "red"
    assert found["data: bad"]["text"] == "1 of 1 files: empty.csv (is empty)"
    assert "datasets.bad.files" in found["data: bad"]["fix"]
    (folder / "empty.csv").write_text("m,x\n1,2\n")
    assert by_name(capsys, "mine", code=0)["data: bad"]["level"] == "green"
    (folder / "config/mine.yaml").write_text(CONFIG)
    found = by_name(capsys, "mine", code=1)
    assert "'absent.csv' matches no file" in found["configuration"]["text"]
    assert "data: good" not in found


def test_every_line_that_is_not_green_has_its_fix(folder, capsys):
    assert main(["doctor", "mine"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith(" red")
    for number, line in enumerate(lines):
        if line.startswith(("yellow", "red")):
            assert lines[number + 1].lstrip().startswith("fix: ")
    assert "\033" not in "".join(lines)


def test_without_a_study_the_machine_is_looked_at(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    found = by_name(capsys, code=1)
    assert found["Snakemake"]["text"] == f"{tmp_path} holds no Snakefile"
    assert found["Python"]["level"] == "green"
    assert found["configuration"]["level"] == "yellow"
    assert main(["doctor", "nosuch"]) == 2


def test_locks_of_runs(folder):
    assert study.lock(folder).level == "green"
    owner = folder / Path(processes.FOLDER).parent / "owner"
    record = processes.record(owner, os.getpid())
    assert study.lock(folder).text == f"runs here (pid {os.getpid()})"
    entry = json.loads(record.read_text())
    record.write_text(json.dumps({**entry, "start_time": "long ago"}))
    assert "was killed here" in study.lock(folder).text
    record.write_text(json.dumps({**entry, "host": "elsewhere"}))
    assert "was started on elsewhere" in study.lock(folder).text


def test_slurm_is_asked_for_its_partitions(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder / "bin"))
    assert cluster.slurm().text == "none here; needed for --profile gpu-cluster only"
    monkeypatch.setenv("PATH", f"{folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    program(folder, monkeypatch, "sbatch", "slurm 22.05.8")
    program(folder, monkeypatch, "sinfo", "gpu up\ncpu up\nold down\ngpu up")
    program(folder, monkeypatch, "sacct", "")
    assert cluster.slurm() == cluster.Finding("Slurm", "green", "slurm 22.05.8; partitions cpu, gpu")
    program(folder, monkeypatch, "sacct", "!")
    assert "status: squeue" in cluster.slurm().fix
    program(folder, monkeypatch, "sinfo", "!")
    assert cluster.slurm().level == "yellow"


def proxy_file(path: Path, end: float) -> None:
    """A certificate that ends at a time, as a proxy file begins with."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "proxy")])
    time = datetime.datetime.fromtimestamp(end, datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(time - datetime.timedelta(days=4))
        .not_valid_after(time)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize(("hours", "level"), [(10, "green"), (1, "yellow"), (-3, "red")])
def test_a_proxy_that_ends_soon_is_seen(tmp_path, monkeypatch, hours, level):
    if cluster.said(["openssl", "version"]) is None:
        pytest.skip("needs openssl")
    proxy_file(tmp_path / "proxy", NOW + 3600 * hours)
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "proxy"))
    found = cluster.proxy(True, NOW)
    assert found.level == level
    assert f"{abs(hours)}.0 hours" in found.text
    assert cluster.proxy(False).level == "green"
    monkeypatch.setenv("X509_USER_PROXY", str(tmp_path / "none"))
    assert "does not exist" in cluster.proxy(True, NOW).text


def test_no_heavy_package_is_imported():
    code = (
        "import sys\nfrom resonaut.cli import main\nmain(['doctor'])\n"
        "print([n for n in ('torch', 'uproot', 'awkward', 'snakemake', 'numba') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
