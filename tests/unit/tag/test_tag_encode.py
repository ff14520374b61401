"""A tagger's latent space as features: the values of a manual forward, on the rows of the representation."""

from __future__ import annotations

import itertools
import json

import h5py
import numpy as np
import pytest
import torch
from test_tag_dense import slice_of as dense_slice
from test_tag_dense import write_features
from test_tag_train import INPUTS, outputs, slice_of, write_clouds

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import ConfigError, InputError, MismatchError, MissingBranchError
from resonaut.nn.latent import PrincipalComponents
from resonaut.representation import read_settings
from resonaut.tag import encode, networks, train

QUICK = {"epochs": 1, "batch_size": 128, "learning_rate": 5e-3, "device": "cpu"}


def with_masses(file):
    generator = np.random.default_rng(len(file["events/event"]))
    n = len(file["events/event"])
    file["events/mass"] = generator.normal(3500, 100, n)
    file["events/gen_weight"] = generator.random(n)
    file["events/weights/scale_up"] = generator.random(n)
    file["events/label"] = np.ones(n, np.int32)
    n_jets = (len(file["offsets"]) - 1) // n
    file["jets/mass"] = generator.normal(100, 20, (n, n_jets)).astype(np.float32)


@pytest.fixture(scope="module")
def clouds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clouds")
    sizes = {"one": (200, 1), "two": (200, 2), "data": (120, 2)}
    return {
        name: write_clouds(folder, name, size, prongs, n_jets=3, spoil=with_masses)
        for name, (size, prongs) in sizes.items()
    }


@pytest.fixture(scope="module")
def weights(clouds, tmp_path_factory):
    files = outputs(tmp_path_factory.mktemp("trained"))
    train.run(slice_of(restarts=2, training=QUICK), clouds, *files, threads=1)
    return files[0]


def chunks(path):
    return manifest.read(path).chunks


def by_hand(weights, chunk):
    """(n_jets, 16) what the first network's hidden layers make of each jet, one jet at a time."""
    network = networks.load(weights).networks[0]
    with h5py.File(chunk) as file:
        offsets = file["offsets"][:]
        flat = np.stack([file[f"constituents/{name}"][:] for name in INPUTS], axis=1)
    seen = []
    linear = [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)][-1]
    handle = linear.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0][0].numpy()))
    with torch.no_grad():
        for first, last in itertools.pairwise(offsets.tolist()):
            values = torch.zeros(1, max(1, last - first), flat.shape[1])
            values[0, : last - first] = torch.from_numpy(flat[first:last])
            network(values, torch.arange(values.shape[1])[None] < last - first)
    handle.remove()
    return np.array(seen)


def test_columns_are_a_manual_forward_of_the_lighter_and_the_heavier_jet(clouds, weights, tmp_path):
    chunk = chunks(clouds["data"])[1]
    encode.run(weights, chunk, tmp_path / "0001.h5", threads=1, device="cpu")
    expected = by_hand(weights, chunk).reshape(60, 3, 16)[:, :2]
    with h5py.File(chunk) as source, h5py.File(tmp_path / "0001.h5") as file:
        heavier = source["jets/mass"][:, 1] > source["jets/mass"][:, 0]
        for number in range(16):
            first, second = expected[..., number].T
            lighter = np.where(heavier, first, second)
            np.testing.assert_allclose(file[f"events/toy_{number}_j1"], lighter, atol=1e-6)
            np.testing.assert_allclose(
                file[f"events/toy_{number}_j2"], first + second - lighter, rtol=1e-5, atol=1e-5
            )
        for name in ("run", "lumi", "event", "mass", "gen_weight", "label", "weights/scale_up"):
            np.testing.assert_array_equal(file[f"events/{name}"], source[f"events/{name}"])
        assert {"toy_16_j1", "toy_0_j3"}.isdisjoint(file["events"])
        assert json.loads(file.attrs["learnt_from"]) == ["one", "two"]
    assert 0.1 < heavier.mean() < 0.9


def test_chunks_make_a_manifest_of_features_that_a_mixture_can_read(clouds, weights, tmp_path):
    made = []
    for number, chunk in enumerate(chunks(clouds["data"])):
        made.append(tmp_path / f"{number:04d}.h5")
        encode.run(weights, chunk, made[-1], threads=1, device="cpu")
    manifest.write(tmp_path / "encoded.json", made)
    found = manifest.read(tmp_path / "encoded.json", "features")
    assert (found.dataset, found.label, found.n_events) == ("data", "data", (60, 60))
    assert found.cut_flow == manifest.read(clouds["data"]).cut_flow
    assert read_settings(found)["tagger"] == "toy"


def test_components_are_those_of_the_reference_alone(clouds, weights, tmp_path):
    chunk, reference = chunks(clouds["data"])[0], chunks(clouds["one"])[0]
    command = ["tag", "encode", "--weights", weights, "--input", chunk, "--output", tmp_path / "few.h5"]
    command += ["--n-components", 3, "--reference", reference, "--threads", 1, "--device", "cpu"]
    assert main([str(word) for word in command]) == 0
    values = by_hand(weights, reference).reshape(-1, 3, 16)[:, :2]
    components = PrincipalComponents.of(values.reshape(-1, 16), 3, "w")
    expected = components.project(by_hand(weights, chunk).reshape(60, 3, 16)[:, :2])
    with h5py.File(tmp_path / "few.h5") as file:
        found = np.array([[file[f"events/toy_{k}_j{j}"][:] for k in range(3)] for j in (1, 2)])
        assert "toy_3_j1" not in file["events"]
    # Whichever of the two jets is the lighter.
    np.testing.assert_allclose(
        np.sort(found, axis=0), np.sort(expected.transpose(1, 2, 0), axis=0), atol=1e-3
    )


def test_a_tagger_of_events_has_one_vector_per_event(tmp_path):
    features = {name: write_features(tmp_path, name, 400) for name in ("background", "signal")}
    files = outputs(tmp_path)
    train.run(dense_slice(training=QUICK), features, *files, threads=1)
    chunk = chunks(features["signal"])[0]
    encode.run(files[0], chunk, tmp_path / "e.h5", threads=1, device="cpu")
    network = networks.load(files[0]).networks[0]
    with h5py.File(chunk) as source, h5py.File(tmp_path / "e.h5") as file, torch.no_grad():
        values = np.stack([source[f"events/{name}"][:] for name in "abc"], axis=1).astype(np.float32)
        expected = network.layers[:-1](network.standardise(torch.from_numpy(values)))
        found = np.stack([file[f"events/toy_{number}"][:] for number in range(16)], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-6)
        assert sorted(file["events"]) == sorted(["run", "lumi", "event", *(f"toy_{k}" for k in range(16))])


def test_trees_have_no_latent_space(tmp_path):
    features = {name: write_features(tmp_path, name, 400) for name in ("background", "signal")}
    files = outputs(tmp_path)
    slice_ = {**dense_slice(), "kind": "trees"}
    slice_["settings"] = {key: slice_["settings"][key] for key in ("signal", "background", "inputs")}
    slice_["settings"]["training"] = {"n_iterations": 2}
    train.run(slice_, features, *files, threads=1)
    with pytest.raises(InputError, match=r"w\.safetensors: a last linear layer does not make its outputs"):
        encode.run(files[0], chunks(features["signal"])[0], tmp_path / "e.h5", threads=1)
    assert not (tmp_path / "e.h5").exists()


def test_what_is_refused(clouds, weights, tmp_path):
    chunk = chunks(clouds["data"])[0]
    with pytest.raises(ConfigError, match=r"--n-components, --reference: .* give both"):
        encode.run(weights, chunk, tmp_path / "e.h5", n_components=2, threads=1)
    with pytest.raises(ConfigError, match=r"--n-components: 17 are wanted, .* Ask for at most"):
        encode.run(weights, chunk, tmp_path / "e.h5", 17, chunk, threads=1)
    (features := tmp_path / "f").mkdir()
    with pytest.raises(InputError, match=r"a chunk of clouds is expected, got 'features'"):
        encode.run(weights, chunks(write_features(features, "signal", 20))[0], tmp_path / "e.h5", threads=1)
    (other := tmp_path / "o").mkdir()
    made = write_clouds(other, "data", 20, 1, n_constituents_max=30, spoil=with_masses)
    with pytest.raises(MismatchError, match=r"was trained on clouds made with"):
        encode.run(weights, chunks(made)[0], tmp_path / "e.h5", threads=1)
    (bare := tmp_path / "b").mkdir()
    with pytest.raises(MissingBranchError, match=r"no jets/mass, by which the lighter"):
        encode.run(weights, chunks(write_clouds(bare, "data", 20, 1))[0], tmp_path / "e.h5", threads=1)
