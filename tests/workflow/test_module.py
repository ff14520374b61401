"""The workflow as a module of another one, in a folder of its own."""

from __future__ import annotations

import json
import shutil

import pytest

SNAKEFILE = """
configfile: "study.yaml"


module resonaut:
    snakefile:
        "../clone/workflow/Snakefile"
    config:
        config


use rule * from resonaut{names}


onstart:
    shell("echo the outer workflow starts")


rule summary:
    default_target: True
    input:
        "results/tiny/ingest/wprime/nominal/manifest.json",
        "abc.txt",
    output:
        "copy.json",
    shell:
        "cp {{input[0]}} {{output}}"


# `chunk` is another wildcard here than in the module.
rule outer:
    output:
        "{{chunk}}.txt",
    shell:
        "echo {{wildcards.chunk}} > {{output}}"
"""


@pytest.fixture
def outer(root, clone):
    """A workflow beside the clone; `Clone` runs Snakemake in its folder with the clone's package."""
    folder = clone.folder.parent / "outer"
    folder.mkdir()
    shutil.copy2(root / "tests/workflow/tiny.yaml", folder / "study.yaml")
    (folder / "Snakefile").write_text(SNAKEFILE.format(names=""))
    other = type(clone)(folder)
    other.environment = clone.environment
    return other


def test_a_stage_runs_inside_another_workflow(outer, clone) -> None:
    outer.edit("study.yaml", "n_events: 300\n    chunk_events: 300", "n_events: 60\n    chunk_events: 60")
    output = outer.snakemake().stdout
    assert "the outer workflow starts" in output
    assert "localrules directive specifies rules" not in output
    made = json.loads((outer.folder / "copy.json").read_text())
    assert made["dataset"] == "wprime"
    assert made["cut_flow"]["generated"] == 60
    assert (outer.folder / "abc.txt").read_text() == "abc\n"
    # Everything stands below the outer workflow, and nothing in the clone.
    assert (outer.folder / "results/tiny/logs/ingest/wprime/nominal/000/000000.log").exists()
    assert not (clone.folder / "results").exists()
    assert outer.planned() == {}
    # A key reruns what uses it, and the code is that of the package.
    outer.edit("study.yaml", "represent:\n", "ingest:\n  preselection: {n_jets_min: 3}\nrepresent:\n")
    assert outer.planned() == {"ingest_chunk": 1, "ingest_manifest": 1, "summary": 1}


def test_stages_are_targets_and_a_rule_can_be_changed(outer) -> None:
    within = outer.planned("infer")
    assert within["simulate_chunk"] == 3
    assert within["detect_train"] == 2
    assert within["infer_significance"] == 2
    assert "outer" not in within
    # A changed rule in place of that of the module.
    text = (outer.folder / "Snakefile").read_text()
    more = "\n\nuse rule ingest_chunk from resonaut as ingest_chunk with:\n    threads: 2\n"
    (outer.folder / "Snakefile").write_text(text + more)
    shown = outer.snakemake("--dry-run", "--printshellcmds", "ingest").stdout
    assert shown.count("resonaut ingest --files") == 3


def test_rules_may_have_a_prefix(outer) -> None:
    (outer.folder / "Snakefile").write_text(SNAKEFILE.format(names=" as search_*"))
    planned = outer.planned("search_infer")
    assert planned["search_simulate_chunk"] == 3
    assert planned["search_infer_significance"] == 2


def test_a_wrong_configuration_is_one_message(outer) -> None:
    outer.edit("study.yaml", "methods: [cwola, autoencoder]", "methods: [cwolla, autoencoder]")
    done = outer.snakemake("--dry-run", check=False)
    assert done.returncode != 0
    assert "cwolla" in done.stdout
    assert "'cwola'" in done.stdout
