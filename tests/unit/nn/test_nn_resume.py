"""A training that is killed goes on and ends with the same bits; a checkpoint of another one is refused."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from resumed_training import N_STEPS, run

from resonaut.nn import resume
from resonaut.nn.records import read


def bits(network):
    return {name: tensor.numpy().tobytes() for name, tensor in network.state_dict().items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("epoch", [0, 2, 4])
def test_killed_at_an_epoch_it_ends_with_the_same_bits(epoch, whole, tmp_path, caplog):
    program = Path(__file__).with_name("resumed_training.py")
    done = subprocess.run([sys.executable, program, tmp_path, str(epoch)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / resume.FILE).exists() == (epoch > 0)
    with caplog.at_level(logging.INFO, logger="resonaut"):
        network, history, n_steps = run(tmp_path)
    assert ("goes on after epoch" in caplog.text) == (epoch > 0)
    assert n_steps == (5 - epoch) * N_STEPS
    assert bits(network) == bits(whole[0])
    assert history == whole[1]
    assert [record.epoch for record in read(tmp_path / "epochs.jsonl")] == [1, 2, 3, 4, 5]


def test_a_finished_training_is_not_done_again(whole, tmp_path):
    run(tmp_path)
    network, history, n_steps = run(tmp_path)
    assert n_steps == 0
    assert bits(network) == bits(whole[0])
    assert history == whole[1]
    resume.forget(tmp_path)
    resume.forget(tmp_path)
    assert not (tmp_path / resume.FILE).exists()
    assert run(tmp_path)[2] == 5 * N_STEPS


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"learning_rate": 0.01}, r"training.learning_rate was 0.02, is 0.01"),
        ({"seed": 8}, "seed was 7, is 8"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(more, named, tmp_path, caplog):
    run(tmp_path)
    with caplog.at_level(logging.WARNING, logger="resonaut"):
        network, _, n_steps = run(tmp_path, **more)
    assert "tag.toy: starts anew" in caplog.text
    assert named in caplog.text
    assert n_steps == 5 * N_STEPS
    assert [record.epoch for record in read(tmp_path / "epochs.jsonl")] == [1, 2, 3, 4, 5]
    fresh = tmp_path / "fresh"
    assert bits(run(fresh, **more)[0]) == bits(network)


def test_a_broken_checkpoint_is_left_aside(whole, tmp_path, caplog):
    run(tmp_path)
    path = tmp_path / resume.FILE
    path.write_bytes(path.read_bytes()[:-20])
    with caplog.at_level(logging.WARNING, logger="resonaut"):
        network, _, n_steps = run(tmp_path)
    assert "its checkpoint cannot be read" in caplog.text
    assert n_steps == 5 * N_STEPS
    assert bits(network) == bits(whole[0])


def test_other_rows_are_another_training():
    """Even where the caller's digest stays the same."""
    from resumed_training import Toy, samples, settings

    training, validation = samples()
    more = {"seed": 1, "where": "tag.toy", "inputs": ""}
    key = resume.key_of(Toy(), training, validation, settings(), **more)
    assert key == resume.key_of(Toy(), *samples(), settings(), **more)
    other, _ = samples()
    other.samples.columns[0][0] = 1 - other.samples.columns[0][0]
    changed = resume.key_of(Toy(), other, validation, settings(), **more)
    assert [name for name in key if key[name] != changed[name]] == ["training rows"]


def test_checkpoints_hold_no_pickle(tmp_path):
    from safetensors import safe_open

    run(tmp_path)
    with safe_open(tmp_path / resume.FILE, framework="pt") as file:
        names = {name.split("/")[0] for name in file.keys()}  # noqa: SIM118
        step = file.get_tensor("optimiser/0/step")
    assert names == {"weights", "best", "average", "optimiser"}
    assert torch.equal(step, torch.tensor(5.0 * N_STEPS))
