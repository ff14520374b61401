"""Time and memory to plan large studies: a dry run of the whole workflow with datasets of many chunks.

    python tests/bench/bench_planning.py [chunks ...]        (default: 1000, which is 5,000 jobs of chunks)

The peer is Snakemake itself: the same number of jobs of one rule without inputs, settings or code digests.
Processor time is compared, so that other work on the machine does not decide; wall time and the load are
printed.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
EVENTS = 1000
"""Per chunk; nothing is simulated."""
_PEER = """
rule all:
    input: [f"{{number // 1000:03d}}/{{number:06d}}.txt" for number in range({number})]

rule one:
    output: "{{chunk}}.txt"
    shell: "touch {{output}}"
"""


def large_study(n_chunks: int) -> str:
    """The tiny study of the tests with so many chunks, nine tenths of them background."""
    text = (ROOT / "tests/workflow/tiny.yaml").read_text()
    signal = max(n_chunks // 10, 1)
    for old, number in (
        ("1_600\n    chunk_events: 800", n_chunks - signal),
        ("300\n    chunk_events: 300", signal),
    ):
        text = text.replace(f"n_events: {old}", f"n_events: {number * EVENTS}\n    chunk_events: {EVENTS}", 1)
    return text


def plan(folder: Path, *arguments: str) -> tuple[int, float, float, float]:
    """(jobs, processor seconds, wall seconds, MB at most so far) of a dry run."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "snakemake", "--cores", "2", "--dry-run", "--quiet", "rules", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, text=True, capture_output=True, check=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    jobs = int(re.search(r"^total +(\d+)$", done.stdout + done.stderr, flags=re.MULTILINE).group(1))
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return jobs, used, wall, after.ru_maxrss / 1024


def main(sizes: list[int]) -> None:
    """Print a line for each number of chunks."""
    print(
        "| chunks | jobs | processor s | wall s | MB | Snakemake alone, processor s | ratio |\n"
        + "|---" * 7
        + "|"
    )
    for n_chunks in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for part in ("workflow", "profiles", "config", "src", "envs"):
                (folder / part).symlink_to(ROOT / part)
            shutil.copy2(ROOT / "Snakefile", folder)
            (folder / "study.yaml").write_text(large_study(n_chunks))
            jobs, used, wall, memory = plan(folder, "--configfile", "study.yaml")
            (folder / "peer.smk").write_text(_PEER.format(number=jobs - 1))
            peer = plan(folder, "--snakefile", "peer.smk")[1]
        cells = [
            n_chunks,
            jobs,
            f"{used:.1f}",
            f"{wall:.1f}",
            f"{memory:.0f}",
            f"{peer:.1f}",
            f"{used / peer:.2f}",
        ]
        print("| " + " | ".join(map(str, cells)) + " |")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]] or [1000])
