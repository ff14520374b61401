"""Two processes with half a batch each are one process with the whole batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import distributed_worker
import numpy as np
import pytest
import torch

from resonaut.errors import ConfigError
from resonaut.nn import checkpoint, distributed
from resonaut.nn.distributed import World
from resonaut.nn.records import read

WORKER = Path(distributed_worker.__file__)


def start(folder, batch_size, rank, size, port):
    environment = {"WORLD_SIZE": str(size), "RANK": str(rank), "LOCAL_RANK": str(rank)}
    environment |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, WORKER, folder, str(batch_size)],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of one process with batches of 64 rows, and of two with 32 each."""
    alone, together = (tmp_path_factory.mktemp(name) for name in ("alone", "together"))
    distributed_worker.run(alone, 64)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [start(together, 32, rank, 2, port) for rank in (0, 1)]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in processes:
            process.kill()
    return alone, together


def test_the_loss_curve_is_that_of_the_double_batch(runs):
    alone = json.loads((runs[0] / "history_0.json").read_text())
    assert len(alone) == 4
    for rank in (0, 1):
        found = json.loads((runs[1] / f"history_{rank}.json").read_text())
        for ours, theirs in zip(found, alone, strict=True):
            assert ours["train_loss"] == pytest.approx(theirs["train_loss"], abs=1e-6, rel=0)
            assert ours["validation_loss"] == pytest.approx(theirs["validation_loss"], abs=1e-6, rel=0)


def test_all_processes_end_with_the_same_weights(runs):
    expected, _ = checkpoint.read(runs[0] / "weights_0.safetensors")
    first, _ = checkpoint.read(runs[1] / "weights_0.safetensors")
    second, _ = checkpoint.read(runs[1] / "weights_1.safetensors")
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name])
        torch.testing.assert_close(tensor, expected[name], rtol=1e-6, atol=1e-8)


def test_one_process_writes_records_and_checkpoint(runs):
    assert [record.epoch for record in read(runs[1] / "epochs.jsonl")] == [1, 2, 3, 4]
    assert (runs[1] / "training.safetensors").exists()


def test_shares_are_a_partition():
    rows = torch.arange(11)
    shares = [World(rank, 3).share(rows) for rank in range(3)]
    assert sorted(torch.cat(shares).tolist()) == list(range(11))
    assert np.ptp([len(share) for share in shares]) == 1


def test_alone_nothing_is_exchanged(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with distributed.world(torch.device("cpu")) as world:
        assert world == World(0, 1)
        assert world.share(torch.arange(3)).tolist() == [0, 1, 2]
    assert not torch.distributed.is_initialized()


def test_an_incomplete_environment_is_named(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "first")
    with (
        pytest.raises(ConfigError, match=r"RANK is 'first'; a whole number is expected.*torchrun"),
        distributed.world(torch.device("cpu")),
    ):
        pass
