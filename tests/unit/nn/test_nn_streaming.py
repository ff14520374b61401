"""Samples that are streamed give the batches, the losses and the weights of the same rows in memory."""

import threading
import time

import h5py
import numpy as np
import pytest
import torch
from torch import nn

from resonaut.errors import CorruptFileError, MissingBranchError, MissingFileError
from resonaut.nn import streaming
from resonaut.nn.hdf5_rows import Hdf5Columns, Hdf5Ragged
from resonaut.nn.samples import FixedSamples, RaggedSamples, Subset, shuffled_batches, stream
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.streaming import SentAhead, StreamedSamples, ahead, placed
from resonaut.nn.training import train

SIZES = (700, 1, 500)


@pytest.fixture(scope="module")
def chunks(tmp_path_factory):
    """Three files, and the same rows in memory."""
    folder = tmp_path_factory.mktemp("chunks")
    rng = np.random.default_rng(1)
    paths, images, counts, columns = [], [], [], {"log_pt": [], "charge": []}
    for number, size in enumerate(SIZES):
        paths.append(folder / f"{number}.h5")
        images.append(rng.normal(size=(size, 3, 3)).astype(np.float32))
        counts.append(rng.integers(0, 7, size))
        with h5py.File(paths[-1], "w") as file:
            file["images"] = images[-1]
            file["offsets"] = np.concatenate([[0], np.cumsum(counts[-1])])
            for name, column in columns.items():
                column.append(rng.normal(size=counts[-1].sum()).astype(np.float32))
                file[f"constituents/{name}"] = column[-1]
    flat = np.stack([np.concatenate(column) for column in columns.values()], axis=1)
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))])
    target = rng.normal(size=sum(SIZES)).astype(np.float32)
    weight = rng.uniform(0.5, 1.5, sum(SIZES)).astype(np.float32)
    return paths, np.concatenate(images), flat, offsets, target, weight


def pair(chunks, kind, **more):
    """A streamed sample and the same one in memory."""
    paths, images, flat, offsets, target, weight = chunks
    if kind == "images":
        return (
            StreamedSamples(Hdf5Columns(paths, ["images"]), target, weight=weight, **more),
            FixedSamples(images, target, weight=weight),
        )
    source = Hdf5Ragged(paths, ["constituents/log_pt", "constituents/charge"])
    return (
        StreamedSamples(source, target, weight=weight, **more),
        RaggedSamples(flat, offsets, target, weight=weight),
    )


def assert_equal(batch, expected):
    assert torch.equal(batch.weight, expected.weight)
    for value, wanted in zip(batch.values, expected.values, strict=True):
        assert torch.equal(value, wanted)


@pytest.mark.parametrize("kind", ["images", "clouds"])
def test_batches_are_those_in_memory(chunks, kind):
    streamed, memory = pair(chunks, kind, pool_size=100, block_size=16)
    rows = torch.tensor([1200, 3, 700, 699, 701, 3, 0])
    assert len(streamed) == len(memory)
    assert_equal(streamed.take(rows), memory.take(rows))
    batches = torch.from_numpy(np.random.default_rng(2).permutation(len(memory))).split(37)
    for batch, expected in zip(stream(streamed, batches), stream(memory, batches), strict=True):
        assert_equal(batch, expected)
    weight = np.arange(5.0)
    of = [Subset(samples, np.array([900, 5, 6, 7, 1000]), weight) for samples in (streamed, memory)]
    taken = [stream(one, [torch.tensor([4, 0]), torch.tensor([2])]) for one in of]
    for batch, expected, own in zip(*taken, ([4, 0], [2]), strict=True):
        assert_equal(batch, expected)
        assert batch.weight.tolist() == own


@pytest.mark.parametrize("kind", ["images", "clouds"])
def test_losses_and_weights_are_those_in_memory(chunks, kind):
    class SameOrder(FixedSamples if kind == "images" else RaggedSamples):
        """In memory, but shuffled as the file is."""

        pool_size, block_size = 200, 32

        def to(self, device):
            return self

    def loss(network, values):
        *inputs, target = values
        if kind == "images":
            return (network(inputs[0].flatten(1)).squeeze(-1) - target).square()
        return ((network(inputs[0]).squeeze(-1) * inputs[1]).sum(1) - target).square()

    streamed, memory = pair(chunks, kind, pool_size=200, block_size=32)
    memory.__class__ = SameOrder
    settings = ScheduledTraining(epochs=2, batch_size=64, learning_rate=0.01, device="cpu")
    results = []
    for samples in (streamed, memory):
        torch.manual_seed(4)
        network = nn.Linear(9 if kind == "images" else 2, 1)
        training, validation = Subset(samples, np.arange(900)), Subset(samples, np.arange(900, 1201))
        history = train(network, training, validation, loss, settings, seed=1, where="test")
        results.append((history, network.weight.detach().numpy().tobytes()))
    assert results[0] == results[1]


def test_a_file_is_read_about_once_per_epoch(chunks, monkeypatch):
    """Each row of an epoch is read once, and blocks that two pools share a second time."""
    streamed, _ = pair(chunks, "images", pool_size=256, block_size=32)
    batches = shuffled_batches(streamed, 64, np.random.default_rng(1))
    assert sorted(torch.cat(batches).tolist()) == list(range(1201))
    read, reads = [], streamed.source.read

    def counted(rows):
        read.append(np.unique(rows // 32))
        return reads(rows)

    monkeypatch.setattr(streamed.source, "read", counted)
    assert sum(len(batch.weight) for batch in streamed.stream(batches)) == 1201
    n_blocks, n_pools = -(-1201 // 32), -(-1201 // 256)
    assert len(read) == n_pools
    assert sum(map(len, read)) <= n_blocks + n_pools
    assert [rows.tolist() for rows in shuffled_batches(streamed, 64, np.random.default_rng(2))] != [
        rows.tolist() for rows in batches
    ]


def test_a_thread_is_one_ahead_and_ends_with_its_consumer():
    computed = []

    def pieces():
        for number in range(100):
            computed.append(number)
            yield number

    iterator = ahead(pieces())
    assert next(iterator) == 0
    time.sleep(0.3)
    # One is used, one is ready, one waits to be put down.
    assert computed == [0, 1, 2]
    iterator.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "resonaut-reader"]
    assert len(computed) == 3


def test_errors_of_the_thread_are_raised_here(chunks, tmp_path):
    streamed, _ = pair(chunks, "images", pool_size=100)
    streamed.source._paths[2] = tmp_path / "gone.h5"
    taken = []
    with pytest.raises(MissingFileError, match=r"gone\.h5: no such file"):
        taken.extend(streamed.stream(torch.arange(1201).split(50)))
    assert 0 < len(taken) <= 14


def test_wrong_files_are_named(chunks, tmp_path):
    with pytest.raises(MissingBranchError, match=r"0\.h5: no constituents/log_ptt\. Did you mean 'log_pt'"):
        Hdf5Ragged(chunks[0], ["constituents/log_ptt"])
    with pytest.raises(MissingBranchError, match=r"no image\. Did you mean 'images'"):
        Hdf5Columns(chunks[0], ["image"])
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(CorruptFileError, match=r"text\.h5"):
        Hdf5Columns([tmp_path / "text.h5"], ["images"])


def test_what_does_not_fit_on_the_device_is_sent_there(chunks, monkeypatch):
    """Subsets share what is moved; the batches are the same in both cases."""
    _, memory = pair(chunks, "clouds")
    parts = [Subset(memory, np.arange(50), np.arange(50.0)), Subset(memory, np.arange(50, 90))]
    asked = []
    for answer, kind in ((True, RaggedSamples), (False, SentAhead)):
        monkeypatch.setattr(streaming, "fits", lambda *given, answer=answer: asked.append(given) or answer)
        moved = placed(parts, torch.device("cpu"), 0.4)
        assert moved[0].samples is moved[1].samples
        assert isinstance(moved[0].samples, kind)
        for one, original in zip(moved, parts, strict=True):
            for batch, rows in zip(stream(one, [torch.arange(7), torch.arange(5, 9)]), (7, 4), strict=True):
                assert len(batch.weight) == rows
            assert_equal(one.take(torch.arange(8)), original.take(torch.arange(8)))
    there, meta = torch.device("cpu"), torch.device("meta")
    placed(parts, meta, 0.4)
    size = sum(x.nbytes for x in (memory.flat, memory.offsets, *memory.columns, memory.weight))
    assert asked == [(0, there, 0.4), (0, there, 0.4), (size, meta, 0.4)]
