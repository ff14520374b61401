"""Failures of the machine: each is one sentence and an exit code, and temporary files of the dead go."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import types

import h5py
import numpy as np
import pytest

from resonaut import cli, failures, hdf5, provenance
from resonaut.errors import CorruptFileError, OutputError
from resonaut.files import appending, atomic, read_json
from resonaut.ingest.rootfile import reading


def raised(act):
    with pytest.raises(Exception) as found:  # noqa: PT011
        act()
    return found.value


def torch_exabyte():
    torch = pytest.importorskip("torch")
    torch.empty(1 << 60, dtype=torch.uint8)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(lambda: raised(lambda: np.empty(1 << 60, dtype=np.uint8)), id="numpy"),
        pytest.param(lambda: raised(torch_exabyte), id="torch"),
        pytest.param(lambda: OSError(errno.ENOMEM, os.strerror(errno.ENOMEM)), id="mmap"),
        pytest.param(lambda: RuntimeError("can't start new thread"), id="thread"),
        pytest.param(lambda: ImportError("libx.so: failed to map segment from shared object"), id="loader"),
        pytest.param(lambda: RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), id="GPU"),
    ],
)
def test_no_memory_in_whoever_s_words(error):
    failure = failures.explain(error())
    assert failure.exit_code == 9
    assert failure.message.startswith("out of memory (")
    assert "give the job more memory" in failure.message
    assert "\n" not in failure.message


def test_a_cause_is_found_behind_another_error():
    error = ValueError("cannot decode")
    error.__cause__ = MemoryError()
    assert failures.out_of_memory(error)
    assert not failures.out_of_memory(ValueError("cannot decode"))


@pytest.mark.parametrize(
    "error", [ValueError("out of memory of the committee"), RuntimeError("boom"), KeyError("x")]
)
def test_mistakes_in_the_code_are_not_explained_away(error):
    assert failures.explain(error) is None


@pytest.mark.parametrize(
    ("code", "words"),
    [(errno.ENOSPC, "no space left"), (errno.EACCES, "Permission denied"), (errno.EROFS, "Read-only")],
)
def test_a_disk_s_failure_names_the_file(code, words):
    failure = failures.explain(OSError(code, os.strerror(code), "results/x.h5"))
    assert failure.exit_code == 7
    assert failure.message.startswith("results/x.h5: ")
    assert words in failure.message


def test_lack_of_memory_is_no_broken_file(tmp_path, monkeypatch):
    with pytest.raises(MemoryError), reading("far.root"):
        raise MemoryError
    with pytest.raises(RuntimeError, match="thread"), reading("far.root"):
        raise RuntimeError("can't start new thread")
    with pytest.raises(CorruptFileError), reading("far.root"):
        raise RuntimeError("bad magic")

    def refuse(*_):
        raise OSError(errno.ENOMEM, "Unable to open file (memory allocation failed)")

    monkeypatch.setattr(h5py, "File", refuse)
    with pytest.raises(OSError, match="memory allocation failed"):
        hdf5.open_h5(tmp_path / "a.h5")


def command(monkeypatch, capsys, act):
    """Exit code and messages of a command that does `act`."""
    module = types.ModuleType("resonaut.tools.toy")
    module.add_arguments = lambda parser: None
    module.run = lambda arguments: act()
    monkeypatch.setitem(sys.modules, "resonaut.tools.toy", module)
    code = cli.main(["toy"])
    return code, capsys.readouterr().err


def test_sigterm_removes_temporary_files_and_says_so(tmp_path, monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)

    def act():
        with atomic(tmp_path / "x.h5") as part:
            part.write_text("half")
            os.kill(os.getpid(), signal.SIGTERM)
            for _ in range(1000):
                pass
            part.write_text("never")

    code, said = command(monkeypatch, capsys, act)
    assert code == 143
    assert said == "resonaut toy: ended by SIGTERM; nothing is half-written: start it again.\n"
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_sigterm_in_the_middle_of_a_write_of_hdf5(tmp_path, monkeypatch, capsys):
    """HDF5 must not hear of it: it cannot close a file whose write raised."""

    def interrupted(data):
        os.kill(os.getpid(), signal.SIGTERM)
        return memoryview(data)

    def act():
        with hdf5.creating(tmp_path / "x.h5", {}) as file:
            file["a"] = np.arange(1000)
            monkeypatch.setattr(hdf5, "memoryview", interrupted, raising=False)
            file.flush()

    code, said = command(monkeypatch, capsys, act)
    assert code == 143
    assert said == "resonaut toy: ended by SIGTERM; nothing is half-written: start it again.\n"
    assert list(tmp_path.iterdir()) == []


def dead_pid() -> int:
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


def test_what_the_dead_left_of_a_file_goes_when_it_is_written_again(tmp_path):
    host = socket.gethostname()
    dead, mine = dead_pid(), os.getppid()
    names = {
        "dead": f".x.{host}.{dead}.part.h5",
        "alive": f".x.{host}.{mine}.part.h5",
        "elsewhere": f".x.another{host}.{dead}.part.h5",
        "of another file": f".xy.{host}.{dead}.part.h5",
    }
    for name in names.values():
        (tmp_path / name).write_text("half")
    with atomic(tmp_path / "x.h5") as part:
        part.write_text("whole")
    assert {path.name for path in tmp_path.iterdir()} == {*names.values(), "x.h5"} - {names["dead"]}


def test_a_temporary_file_that_was_taken_away(tmp_path):
    def write():
        with atomic(tmp_path / "x.h5") as part:
            part.write_text("whole")
            part.unlink()

    with pytest.raises(OutputError, match=r"x\.h5: cannot be written \(its temporary file is gone"):
        write()


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "results").write_text("")
    with (
        pytest.raises(OutputError, match="is a file: name another folder"),
        atomic(tmp_path / "results/x.h5"),
    ):
        pass


def test_an_input_that_may_not_be_read_is_not_the_output(tmp_path):
    error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/elsewhere/input.h5")
    with pytest.raises(PermissionError), atomic(tmp_path / "x.h5"):
        raise error
    assert failures.explain(error).message.startswith("/elsewhere/input.h5: Permission denied")


def test_a_library_that_names_the_output_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    error = OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path / "results/.x.host.1.part.root"))
    with pytest.raises(OutputError, match=r"^results/x\.root: cannot be written \(Read-only file system"):
        raise_in_atomic("results/x.root", error)


def raise_in_atomic(target, error):
    with atomic(target):
        raise error


def test_appending_names_its_file(tmp_path):
    path = tmp_path / "epochs.jsonl"
    with (
        pytest.raises(OutputError, match=r"epochs\.jsonl: cannot be written \(no space left"),
        appending(path),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_seconds_of_a_run_do_not_depend_on_the_clock_of_the_day(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance.time, "time", lambda: 0.0)
    provenance.write_run_record(tmp_path / "x.h5")
    seconds = read_json(tmp_path / "x.h5.run.json")["wall_seconds"]
    assert 0 < seconds < 100_000
