"""A bench for faults: one command of a finished study is disturbed, looked at, and run again."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import uproot

LAUNCHER = Path(__file__).with_name("faulty.py")
PAGE = os.sysconf("SC_PAGE_SIZE")
TINY = "results/tiny"
COMMANDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "simulate": ("simulate", ("results/_data/wprime-*/nominal/000/000000.root",)),
    "ingest": ("ingest", (f"{TINY}/ingest/wprime/nominal/000/000000.h5",)),
    "represent": ("represent features", (f"{TINY}/represent/wprime/nominal/features/000/000000.h5",)),
    "mixtures": ("represent mix", (f"{TINY}/represent/mixtures/data.h5",)),
    "tag": (
        "tag train",
        tuple(f"{TINY}/tag/pfn/{name}" for name in ("weights.safetensors", "scores.h5", "training.json")),
    ),
    "generate": (
        "generate train",
        tuple(f"{TINY}/generate/vae/{name}" for name in ("weights.safetensors", "training.json")),
    ),
    "detect": ("detect train", tuple(f"{TINY}/detect/data/cwola/{n}" for n in ("scores.h5", "metrics.json"))),
    "hunt": ("hunt spectra", tuple(f"{TINY}/hunt/data/cwola/{n}" for n in ("spectra.h5", "hunt.json"))),
    "infer": (
        "infer test",
        tuple(f"{TINY}/infer/data/cwola/{n}" for n in ("significance.json", "workspaces/*.json")),
    ),
    "review": ("review infer", (f"{TINY}/review/infer/data/cwola.png", f"{TINY}/review/infer/data/cwola.*")),
}
"""Stage -> the action of one of its commands, and what that writes (the first names the command)."""


@dataclass(frozen=True)
class Seen:
    """How a command ended: exit code (-9: by SIGKILL), what it printed, files out of sight by now."""

    exit_code: int
    output: str
    left: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Outcome:
    """What was seen of a fault.

    Attributes:
        exit_code, output: of the disturbed command.
        left: files below results/ that were not there before, logs apart.
        wrong: outputs that stand under their names and are not those of an undisturbed run.
        again: the same command without the fault.
        differ: outputs after that which are missing, or are not those of an undisturbed run.
        remains: temporary files and checkpoints that are still there then.
    """

    exit_code: int
    output: str
    left: tuple[str, ...]
    wrong: tuple[str, ...]
    again: Seen
    differ: tuple[str, ...]
    remains: tuple[str, ...]

    @property
    def message(self) -> str:
        """The lines that `resonaut` ended with; empty where it could not say anything."""
        return "\n".join(line for line in self.output.splitlines() if line.startswith("resonaut "))

    @property
    def healed(self) -> bool:
        """Whether nothing was half-written, and the second run gave what an undisturbed one gives."""
        return self.again.exit_code == 0 and not (self.wrong or self.differ or self.remains)


class Bench:
    """A finished study of which one command at a time is disturbed."""

    def __init__(self, clone) -> None:
        self.folder: Path = clone.folder
        self.environment = {**clone.environment, "OMP_NUM_THREADS": "1"}
        text = clone.snakemake("--dry-run", "--forceall", "--printshellcmds").stdout
        lines = re.findall(r"^(?:Shell command: |\s+)(resonaut .*)$", text, flags=re.MULTILINE)
        self._commands = [shlex.split(line.split(" > ")[0])[1:] for line in lines]
        self.reference = {stage: self.contents(stage) for stage in COMMANDS}
        self._seconds: dict[str, float] = {}
        self.sizes = {
            stage: [(self.folder / name).stat().st_size for name in names]
            for stage, names in self.reference.items()
        }

    def command(self, stage: str) -> list[str]:
        """The words after `resonaut` that make the outputs of a stage, as the workflow says them."""
        action = COMMANDS[stage][0].split()
        first = next(iter(self.reference[stage]))
        (found,) = (words for words in self._commands if words[: len(action)] == action and first in words)
        return found

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self.folder))

    def _paths(self, pattern: str) -> list[Path]:
        found = sorted(self.folder.glob(pattern))
        return [path for path in found if path.name[0] != "." and not path.name.endswith(".run.json")]

    def contents(self, stage: str) -> dict[str, object]:
        """Name of each output that is there -> what is in it."""
        found = [path for pattern in COMMANDS[stage][1] for path in self._paths(pattern)]
        return {self._name(path): content(path) for path in found}

    def files(self) -> set[str]:
        """All files below results/, logs and measurements apart."""
        paths = (path for path in (self.folder / "results").rglob("*") if path.is_file())
        names = (self._name(path) for path in paths)
        return {name for name in names if not re.search(r"/(logs|benchmarks)/", name)}

    def remains(self) -> tuple[str, ...]:
        """Temporary files and checkpoints."""
        return tuple(sorted(name for name in self.files() if ".part" in name or ".training/" in name))

    def cpu_seconds(self, stage: str) -> float:
        """Seconds of processor time that the command takes undisturbed, measured once."""
        if stage not in self._seconds:
            before = _used_by_children()
            self.run(stage)
            self._seconds[stage] = _used_by_children() - before
        return self._seconds[stage]

    def remove(self, stage: str) -> None:
        """Remove the outputs of a stage and the record of its run."""
        for name in self.reference[stage]:
            for path in (self.folder / name, self.folder / f"{name}.run.json"):
                path.unlink(missing_ok=True)

    def start(self, stage: str, fault: str = "none", before: Callable[[], None] | None = None):
        """Start the command of a stage; `before` is called in the new process."""
        return subprocess.Popen(
            [sys.executable, str(LAUNCHER), fault, "--", *self.command(stage)],
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            preexec_fn=before,
        )

    def run(self, stage: str, fault: str = "none", before: Callable[[], None] | None = None) -> Seen:
        """Run the command of a stage to its end."""
        process = self.start(stage, fault, before)
        output = process.communicate(timeout=900)[0]
        return Seen(process.returncode, output)

    def folder_of(self, stage: str) -> Path:
        """Where the first output of a stage stands."""
        return (self.folder / next(iter(self.reference[stage]))).parent

    def disturb(self, stage: str, fault: Callable[[Bench, str], Seen]) -> Outcome:
        """Remove the outputs of `stage`, run it with a fault, and run it again without."""
        self.remove(stage)
        before = self.files()
        seen = fault(self, stage)
        left = (self.files() | seen.left) - before
        wrong = [
            name for name, content in self.contents(stage).items() if content != self.expected(stage, name)
        ]
        again = self.run(stage)
        now = self.contents(stage)
        differ = [name for name in self.reference[stage] if now.get(name) != self.expected(stage, name)]
        return Outcome(
            exit_code=seen.exit_code,
            output=seen.output,
            left=tuple(sorted(left)),
            wrong=tuple(wrong),
            again=again,
            differ=tuple(differ),
            remains=self.remains(),
        )

    def expected(self, stage: str, name: str) -> object:
        """What an undisturbed run writes to an output; None for a file that it does not write."""
        return self.reference[stage].get(name)


def content(path: Path) -> object:
    """What equal outputs share: their bytes; of ROOT files the arrays, for uproot writes times."""
    if path.suffix != ".root":
        return path.read_bytes()
    with uproot.open(path) as file:
        names = file.keys(cycle=False, filter_classname=["TTree"])
        # As text, in which two numbers that are not numbers are equal.
        return {name: repr(file[name].arrays().to_list()) for name in names}


def inside(fault: str) -> Callable[[Bench, str], Seen]:
    """A fault that the launcher brings about in the process itself."""
    return lambda bench, stage: bench.run(stage, fault)


def signalled(number: int, share: float) -> Callable[[Bench, str], Seen]:
    """A signal that comes when `share` of the processor time of an undisturbed run is used."""

    def fault(bench: Bench, stage: str) -> Seen:
        seconds = share * bench.cpu_seconds(stage)
        bench.remove(stage)
        process = bench.start(stage)
        with contextlib.suppress(psutil.Error):
            while process.poll() is None and sum(psutil.Process(process.pid).cpu_times()[:2]) < seconds:
                time.sleep(0.002)
        process.send_signal(number)
        output = process.communicate(timeout=900)[0]
        return Seen(process.returncode, output)

    return fault


def _used_by_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def full_disk(bench: Bench, stage: str) -> Seen:
    """The disk of the outputs takes half of them: a small file system, or a limit on sizes of files."""
    sizes = bench.sizes[stage]
    if not may_mount():
        return bench.run(stage, before=lambda: _limit_files(max(sizes) // 2))
    with mounted(bench.folder_of(stage), max(PAGE, sum(sizes) // 2)) as place:
        return _in_sight(bench, place, bench.run(stage))


def unwritable(bench: Bench, stage: str) -> Seen:
    """The folder of the outputs may not be written: a read-only file system, or its mode."""
    place = bench.folder_of(stage)
    if may_mount():
        with mounted(place, PAGE, "remount,ro"):
            return _in_sight(bench, place, bench.run(stage))
    mode = place.stat().st_mode
    place.chmod(0o555)
    try:
        return bench.run(stage)
    finally:
        place.chmod(mode)


def twice(bench: Bench, stage: str) -> Seen:
    """Two commands write the same outputs at the same time."""
    first, second = bench.start(stage), bench.start(stage)
    outputs = [process.communicate(timeout=900)[0] for process in (first, second)]
    return Seen(max(first.returncode, second.returncode, key=abs), "".join(outputs))


def _limit_files(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def _in_sight(bench: Bench, place: Path, seen: Seen) -> Seen:
    """Adds the files of a file system that goes away."""
    names = (str(path.relative_to(bench.folder)) for path in place.rglob("*") if path.is_file())
    return replace(seen, left=frozenset(names))


@functools.cache
def may_mount() -> bool:
    """Whether this user may mount file systems."""
    try:
        with tempfile.TemporaryDirectory() as folder, mounted(Path(folder), PAGE):
            return True
    except (subprocess.CalledProcessError, OSError):
        return False


@contextlib.contextmanager
def mounted(place: Path, size: int, change: str | None = None) -> Iterator[Path]:
    """A file system of `size` bytes at `place`, changed by an option of mount; what was there is hidden."""
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], **quiet)
    try:
        if change:
            subprocess.run(["mount", "-o", change, str(place)], **quiet)
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], **quiet)
