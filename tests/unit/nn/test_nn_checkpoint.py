"""Weights: equal bytes for equal weights, the description comes back, wrong files are named."""

import pytest
import torch

from resonaut.errors import CorruptFileError, InputError, MissingFileError
from resonaut.nn import checkpoint
from resonaut.nn.networks.pfn import ParticleFlowNetwork


def network(phi=(4, 5)):
    torch.manual_seed(1)
    return ParticleFlowNetwork(3, phi, (4,))


def test_round_trip(tmp_path):
    first = network()
    first.standardise.measure(torch.randn(100, 3) * 3 + 1)
    description = {"settings": {"b": 1, "a": [1.5, None]}, "seed": 4}
    checkpoint.save(tmp_path / "a.safetensors", first, description)
    checkpoint.save(tmp_path / "b.safetensors", first, dict(reversed(description.items())))
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    tensors, found = checkpoint.read(tmp_path / "a.safetensors")
    assert found == description
    second = network()
    checkpoint.load_into(second, tensors, "a")
    values, mask = torch.randn(5, 6, 3), torch.ones(5, 6, dtype=torch.bool)
    assert torch.equal(second(values, mask), first(values, mask))


def test_wrong_files(tmp_path):
    with pytest.raises(MissingFileError, match="no such file"):
        checkpoint.read(tmp_path / "absent.safetensors")
    path = tmp_path / "cut.safetensors"
    checkpoint.save(path, network(), {})
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorruptFileError, match=r"cut\.safetensors: not a readable safetensors file"):
        checkpoint.read(path)
    from safetensors.torch import save_file

    save_file({"a": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    with pytest.raises(CorruptFileError, match="lack the description"):
        checkpoint.read(tmp_path / "foreign.safetensors")


def test_weights_of_another_network(tmp_path):
    path = tmp_path / "w.safetensors"
    checkpoint.save(path, network(), {})
    tensors, _ = checkpoint.read(path)
    with pytest.raises(InputError, match=r"w\.safetensors: these weights do not fit the network"):
        checkpoint.load_into(network(phi=(4, 6)), tensors, path)
