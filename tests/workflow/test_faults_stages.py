"""Every stage is disturbed: an exit code, one line, nothing half-written, the same results when run again.

`make test` takes each stage and each fault once; `make test-full` all of them. docs/reliability.md, which
`make_reliability.py` writes, shows what they look like.
"""

from __future__ import annotations

import pytest
from fault_table import ANY_TIME, CODES, FAULTS, SILENT, row
from faults import COMMANDS, Bench, inside, may_mount

SOME = [
    ("simulate", "full disk"),
    ("ingest", "out of memory"),
    ("represent", "SIGTERM"),
    ("mixtures", "SIGKILL"),
    ("mixtures", "unwritable folder"),
    ("mixtures", "two at once"),
    ("tag", "SIGKILL"),
    ("generate", "out of memory"),
    ("detect", "SIGTERM"),
    ("hunt", "clock set back"),
    ("infer", "SIGKILL"),
    ("review", "SIGKILL"),
]
ALL = [(stage, fault) for stage in COMMANDS for fault in (*FAULTS, *ANY_TIME)]
CASES = [*SOME, *(pytest.param(*case, marks=pytest.mark.full) for case in ALL if case not in SOME)]


@pytest.fixture(scope="module")
def bench(finished_once, tmp_path_factory) -> Bench:
    """A copy of the finished study, on which all tests of this file work in turn."""
    return Bench(finished_once.copy(tmp_path_factory.mktemp("faults") / "clone"))


@pytest.mark.parametrize(("stage", "fault"), CASES)
def test_a_disturbed_stage(bench, root, stage, fault):
    outcome = bench.disturb(stage, {**FAULTS, **ANY_TIME}[fault])
    assert outcome.healed, outcome
    assert outcome.exit_code in CODES[fault], outcome.output
    assert "Traceback" not in outcome.output
    if fault in SILENT or outcome.exit_code in (0, -15):
        assert not outcome.message
    else:
        assert len(outcome.message.splitlines()) == 1, outcome.output
    if fault in FAULTS and may_mount():
        page = (root / "docs/reliability.md").read_text()
        assert row(stage, fault, outcome, bench.reference[stage]) in page, (
            "run tests/workflow/make_reliability.py"
        )


@pytest.mark.full
@pytest.mark.parametrize("megabytes", [200, 400, 700, 1200])
@pytest.mark.parametrize("stage", sorted(COMMANDS))
def test_too_little_memory_is_never_taken_for_a_broken_file(bench, stage, megabytes):
    """Libraries may end the process themselves; what must not be is a wrong result, or a wrong reason."""
    outcome = bench.disturb(stage, inside(f"ulimit:{megabytes}"))
    assert outcome.healed, outcome
    assert "CorruptFileError" not in outcome.output
    assert "skipped" not in outcome.output
    if outcome.message:
        assert (outcome.exit_code, "out of memory" in outcome.message) == (9, True), outcome.output
