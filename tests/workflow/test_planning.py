"""Studies of thousands of chunks: their jobs are planned, and their files are spread over folders."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePosixPath

import pytest

from resonaut import workflow
from resonaut.config import read_yaml

N_CHUNKS = 2_001
MAX_FILES = 1_000
"""Of one kind in a folder."""


@pytest.fixture
def large(clone):
    """The tiny study with 2,001 chunks of background."""
    clone.edit("study.yaml", "1_600\n    chunk_events: 800", f"{N_CHUNKS * 10}\n    chunk_events: 10")
    return clone


def most_files(paths: list[str]) -> int:
    """Files in the fullest folder."""
    return max(Counter(str(PurePosixPath(path).parent) for path in paths).values())


def test_files_of_chunks_are_spread_over_folders(large) -> None:
    """As Snakemake will write them."""
    shown = large.snakemake("--dry-run", "simulate", "--summary").stdout
    lines = [line.split("\t")[0] for line in shown.splitlines()]
    outputs = {path for path in lines if path.startswith("results/_data/qcd")}
    assert len(outputs) == N_CHUNKS
    assert most_files(sorted(outputs)) == MAX_FILES


def test_every_rule_of_chunks_has_the_shard_in_all_its_paths(root) -> None:
    """`{chunk}` is `<shard>/<number>`; a path with the number alone would fill one folder."""
    found = 0
    for rules in sorted((root / "workflow/rules").glob("*.smk")):
        for path in re.findall(r"\"([^\"\n]*chunk\}[^\"\n]*)\"", rules.read_text()):
            if "/" in path:
                assert re.search(r"/\{+chunk\}+\.", path), f"{rules.name}: {path}"
                found += 1
    assert found > 10


def test_names_of_chunks_have_at_most_a_thousand_in_a_folder(root) -> None:
    study = read_yaml(root / "tests/workflow/tiny.yaml")
    study["datasets"]["qcd"] |= {"n_events": 5_000_000, "chunk_events": 1_000}
    plan = workflow.read(study)
    for folder in ("ingest/qcd/nominal", "represent/qcd/nominal/images"):
        paths = plan.chunks(folder, "qcd")
        assert len(set(paths)) == 5_000
        assert most_files(paths) == MAX_FILES
    simulated = [path for path in plan.targets("simulate") if "/qcd-" in path]
    assert len(set(simulated)) == 5_000
    assert most_files(simulated) == MAX_FILES
    assert simulated[-1].endswith("/004/004999.root")
    # What a job is given says which chunk it is, and nothing of the other 4,999.
    assert len(plan.settings("simulate", dataset="qcd")) < 2_000
    assert len(plan.file_list("qcd", "nominal", "004/004999")) < 300
