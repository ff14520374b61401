"""The workflow on a real Slurm: what it asks for, what it records, and what disturbs it."""

from __future__ import annotations

import json
import re
import signal

import h5py
import pytest
from cluster_clones import STAGES, WEIGHTS
from slurm import wait

from resonaut.files import sha256

GPU = ("tag/pfn/training.json", "generate/vae/training.json", "detect/data/cwola/scores.h5")
CPU = ("infer/data/cwola/significance.json", "represent/qcd/nominal/features/000/000001.h5")
LOCAL = ("infer/comparison.json", "represent/mixtures/data.h5")


def test_the_quick_twin_runs_and_says_where(twin):
    for path in GPU:
        record = twin.record(path)
        assert int(record["slurm_job_id"]) > 0
        assert record["slurm_partition"] == "gpu"
        assert record["cuda_visible_devices"] == "0"
    for path in CPU:
        record = twin.record(path)
        assert int(record["slurm_job_id"]) > 0
        assert record["slurm_partition"] == "cpu"
        assert record["slurm_node"] in twin.slurm.nodes
        assert record["cuda_visible_devices"] is None
    for path in LOCAL:
        assert twin.record(path)["slurm_job_id"] is None
    assert twin.slurm.jobs() == []


def test_chunks_and_the_ends_of_searches_share_jobs(twin):
    both = [
        twin.record(f"represent/qcd/nominal/{kind}/000/00000{n}.h5")
        for kind in ("images", "clouds")
        for n in (0, 1)
    ]
    stores = [twin.record(f"ingest/qcd/nominal/000/00000{n}.h5") for n in (0, 1)]
    assert len({record["slurm_job_id"] for record in (*both, *stores)}) == 1
    ends = (
        "hunt/data/cwola/spectra.h5",
        "hunt/data/cwola/evaluation.json",
        "infer/data/cwola/significance.json",
    )
    assert len({twin.record(path)["slurm_job_id"] for path in ends}) == 1
    # One member's cores and memory, and the sum of the times of all.
    output = twin.log.read_text()
    assert re.search(r"Group job chunks_512", output)


def test_no_result_knows_its_job(twin):
    base = twin.folder / "results"
    for path in base.rglob("*.json"):
        if not path.name.endswith(".run.json"):
            text = path.read_text()
            assert "slurm" not in text.lower(), path
            assert "CUDA_VISIBLE" not in text
    for path in base.rglob("*.h5"):
        with h5py.File(path) as file:
            assert "slurm" not in json.dumps({name: str(value) for name, value in file.attrs.items()}).lower()


def test_another_machine_has_nothing_left_to_do(twin):
    output = twin.run(*STAGES, "--dry-run", "--executor", "local")
    assert "Nothing to be done" in output


@pytest.fixture(scope="module")
def trained() -> dict[str, str]:
    """Checksums of the weights of trainings that were disturbed in different ways, or not at all."""
    return {}


def test_gpus_asked_for_as_gres(trainable, trained):
    trainable.choose("gres")
    running = trainable.start(WEIGHTS)
    job = trainable.wait_for_training(running, 1)
    asked = trainable.slurm.run("scontrol", "show", "job", job)
    assert "TresPerNode=gres:gpu:1" in asked
    assert "Partition=gpu" in asked
    trainable.finish(running)
    record = trainable.record("tag/pfn/training.json")
    assert (record["slurm_job_id"], record["cuda_visible_devices"]) == (job, "0")
    trained["undisturbed"] = sha256(trainable.folder / WEIGHTS)


def test_cancelled_leaves_no_job_and_killed_goes_on(trainable, trained):
    running = trainable.start(WEIGHTS)
    first = trainable.wait_for_training(running)
    running.send_signal(signal.SIGINT)
    assert running.wait(120) != 0
    wait("the end of the job", lambda: trainable.slurm.jobs() == [], 30)
    done = trainable.epochs()

    running = trainable.start(WEIGHTS)
    second = trainable.wait_for_training(running, done + 2)
    trainable.slurm.run("scancel", second)
    trainable.finish(running)
    assert len({first, second, trainable.record("tag/pfn/training.json")["slurm_job_id"]}) == 3
    said = (trainable.folder / "results/tiny/logs/tag/pfn.log").read_text()
    assert int(re.search(r"goes on after epoch (\d+) of", said)[1]) >= done + 1
    trained["killed"] = sha256(trainable.folder / WEIGHTS)
    assert trained["killed"] == trained.get("undisturbed", trained["killed"])


def test_a_node_that_goes_down_loses_nothing(trainable, trained):
    slurm = trainable.slurm
    running = trainable.start(WEIGHTS)
    job = trainable.wait_for_training(running)
    node = slurm.run("squeue", "-h", "-j", job, "-o", "%N").strip()
    slurm.kill_node(node)
    try:
        where = ("squeue", "-h", "-j", job, "-t", "running", "-o", "%N")
        wait("the job elsewhere", lambda: slurm.run(*where).strip() not in ("", node), 180)
        trainable.finish(running)
        record = trainable.record("tag/pfn/training.json")
        assert record["slurm_job_id"] == job, "Slurm started it again itself"
        assert record["slurm_node"] != node
        assert "goes on after epoch" in (trainable.folder / "results/tiny/logs/tag/pfn.log").read_text()
        trained["node"] = sha256(trainable.folder / WEIGHTS)
        assert trained["node"] == trained.get("undisturbed", trained["node"])
    finally:
        slurm.start_node(node)


def test_over_its_memory_comes_again_with_more(trainable):
    target = "results/tiny/infer/data/cwola/validation.json"
    before = (trainable.folder / target).read_bytes()
    little = "infer_validate:mem_mb=150 * 10 ** (attempt - 1)"
    output = trainable.run("--force", target, "--set-resources", little)
    assert "Trying to restart job" in output
    tried = trainable.slurm.run("squeue", "-h", "-t", "all", "-o", "%i|%m|%k").splitlines()
    last = [line.split("|")[1] for line in sorted(tried, key=lambda line: int(line.split("|")[0]))][-2:]
    assert last == ["150M", "1500M"]
    assert (trainable.folder / target).read_bytes() == before
