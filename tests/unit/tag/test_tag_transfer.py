"""Transfer: which tensors are taken, what stays frozen in a real training, what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from resonaut import registry
from resonaut.errors import ConfigError, CorruptFileError, InputError, MismatchError
from resonaut.nn import checkpoint
from resonaut.nn.networks.cnn import ImageCNN
from resonaut.nn.networks.resnet import ResNet
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train
from resonaut.settings import validate
from resonaut.tag.transfer import Report, Transfer, apply, tensors_of

SIDE = 12
TRAINING = ScheduledTraining(epochs=3, batch_size=32, learning_rate=5e-3, device="cpu")
METHODS = [name for name in registry.names("tag") if "trees" not in name]


def cnn(n_outputs: int = 1, width: int = 6, side: int = SIDE, seed: int = 0) -> ImageCNN:
    torch.manual_seed(seed)
    return ImageCNN((1, side, side), (width, width), kernel_size=3, hidden=(8,), n_outputs=n_outputs)


def shapes(n: int, n_classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of bars along the rows (0), along the columns (1) and of points (2), in noise; and the class."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % n_classes
    image = rng.random((n, 1, SIDE, SIDE)) * 0.3
    at = rng.integers(2, SIDE - 2, (n, 2))
    every = np.arange(n)
    image[every[label == 0], 0, at[label == 0, 0]] += 1
    image[every[label == 1], 0, :, at[label == 1, 1]] += 1
    points = label == 2
    image[every[points], 0, at[points, 0], at[points, 1]] += 3
    return image.astype(np.float32), label


def fitted(network: nn.Module, n: int, n_classes: int, settings: ScheduledTraining = TRAINING) -> float:
    """Train a network; its accuracy on other images."""
    image, label = shapes(n, n_classes, 1)
    network.standardise.measure(torch.from_numpy(image))
    target = label.astype(np.float32 if n_classes == 2 else np.int64)

    def loss(network: nn.Module, values: tuple[torch.Tensor, ...]) -> torch.Tensor:
        logits, wanted = network(values[0]), values[1]
        if n_classes == 2:
            return nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
        return nn.functional.cross_entropy(logits, wanted, reduction="none")

    samples, other = FixedSamples(image, target), FixedSamples(image[:60], target[:60])
    train(network, samples, other, loss, settings, seed=3, where="tag.toy")
    image, label = shapes(300, n_classes, 2)
    with torch.no_grad():
        logits = network(torch.from_numpy(image)).numpy()
    found = logits > 0 if n_classes == 2 else logits.argmax(axis=1)
    return float((found == label).mean())


@pytest.fixture(scope="module")
def jet_tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of two networks that tell bars along the rows from bars along the columns."""
    tensors = {}
    for restart in range(2):
        network = cnn(seed=restart)
        assert fitted(network, 300, 2) > 0.95
        tensors |= {f"{restart}.{name}": value for name, value in network.state_dict().items()}
    path = tmp_path_factory.mktemp("jets") / "weights.safetensors"
    checkpoint.write(path, tensors, {"kind": "cnn", "n_restarts": 2})
    return path


def settings_of(**changes: Any) -> Transfer:
    return validate(Transfer, {"start_from": "jets", **changes}, "transfer")


def test_a_tagger_of_jets_learns_three_classes_of_pictures(jet_tagger: Path) -> None:
    given = tensors_of(jet_tagger, 0)
    network = cnn(3, seed=9)
    before = copy.deepcopy(network.state_dict())
    report = apply(network, given, settings_of(freeze="body"), "tag.cnn")
    for name, value in network.state_dict().items():
        anew = name.startswith(("head.output", "standardise"))
        assert torch.equal(value, before[name] if anew else given[name])
    n_body = 6 * 9 + 6 + 6 * 6 * 9 + 6
    n_hidden = (6 * 6 * 6) * 8 + 8
    assert report == Report(
        n_body + n_hidden, n_body, n_hidden + 8 * 3 + 3, ("head.output.weight", "head.output.bias")
    )
    accuracy = fitted(network, 150, 3, TRAINING.model_copy(update={"epochs": 10}))
    after = network.state_dict()
    for name, value in given.items():
        if name.startswith("layers"):
            assert torch.equal(after[name], value)
    assert not torch.equal(after["head.hidden.0.0.weight"], given["head.hidden.0.0.weight"])
    # Measured on the pictures, whose mean square is not that of the jets.
    assert after["standardise.width"] != given["standardise.width"]
    assert accuracy > 0.9


@pytest.mark.parametrize("changes", [{"ema": 0.9}, {"weight_decay": 0.1}, {"clip_norm": 0.5}])
def test_no_setting_of_the_engine_moves_frozen_weights(jet_tagger: Path, changes: dict[str, float]) -> None:
    given = tensors_of(jet_tagger, 0)
    network = cnn(3)
    apply(network, given, settings_of(freeze=["layers.0*", "head.hidden.*.bias"]), "tag.cnn")
    fitted(network, 90, 3, TRAINING.model_copy(update=changes))
    after = network.state_dict()
    for name, value in given.items():
        frozen = name.startswith("layers.0") or (name.startswith("head.hidden") and name.endswith("bias"))
        if frozen:
            assert torch.equal(after[name], value)
        elif name != "standardise.mean" and after[name].shape == value.shape:
            assert not torch.equal(after[name], value)


def resnet(n_outputs: int, seed: int) -> ResNet:
    torch.manual_seed(seed)
    network = ResNet((1, SIDE, SIDE), (4, 8), 1, n_outputs=n_outputs)
    for name, value in network.named_buffers():
        if "running" in name:
            value.uniform_(0.5, 1.5)
    return network


@pytest.mark.parametrize("freeze", ["body", "none"])
def test_running_statistics_stay_where_layers_are_frozen(freeze: str) -> None:
    given, network = resnet(1, 1).state_dict(), resnet(3, 2)
    statistics = [name for name in given if "running" in name and "standardise" not in name]
    assert statistics
    apply(network, given, settings_of(freeze=freeze), "tag.resnet")
    fitted(network, 60, 3)
    for name in statistics:
        assert torch.equal(network.state_dict()[name], given[name]) == (freeze == "body")


def test_frozen_layers_of_a_copy_are_its_own() -> None:
    network = resnet(3, 2)
    apply(network, resnet(1, 1).state_dict(), settings_of(freeze="body"), "tag.resnet")
    other = copy.deepcopy(network)
    for one in (other, network):
        one.train()
        norms = [
            m for m in one.modules() if any("running" in name for name, _ in m.named_buffers(recurse=False))
        ]
        assert norms
        assert not any(norm.training for norm in norms)
        assert one.training
        assert one.head.training
    assert all(a.train.__self__ is a for a in norms)
    assert not any(p.requires_grad for n, p in other.named_parameters() if not n.startswith("head"))


def test_another_width_is_told(jet_tagger: Path) -> None:
    message = (
        r"tag.cnn.transfer: the weights of 'jets' do not fit: layers.0.*weight \(6 x 1 x 3 x 3 there, "
        r"8 x 1 x 3 x 3 here\), .* and \d more. Give this tagger the kind, widths"
    )
    network = cnn(3, width=8)
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(MismatchError, match=message):
        apply(network, tensors_of(jet_tagger, 0), settings_of(), "tag.cnn")
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_larger_pictures_leave_the_head_out(jet_tagger: Path) -> None:
    given = tensors_of(jet_tagger, 0)
    with pytest.raises(MismatchError, match=r"head.hidden.0.0.weight \(8 x 216 there, 8 x 384 here\)\. Give"):
        apply(cnn(3, side=16), given, settings_of(), "tag.cnn")
    network = cnn(3, side=16)
    report = apply(network, given, settings_of(leave_out=["head.*"]), "tag.cnn")
    assert {name.split(".")[0] for name in report.anew} == {"head"}
    body = {name: value for name, value in network.state_dict().items() if name.startswith("layers")}
    assert len(body) == 4
    assert all(torch.equal(value, given[name]) for name, value in body.items())


def test_a_layer_that_this_network_lacks_is_told() -> None:
    torch.manual_seed(0)
    deep = ImageCNN((1, SIDE, SIDE), (6, 6), kernel_size=3, hidden=(8, 8)).state_dict()
    with pytest.raises(MismatchError, match=r"head.hidden.1.0.weight \(8 x 8 there, absent here\)"):
        apply(cnn(3), deep, settings_of(), "tag.cnn")


def test_restarts_start_from_the_networks_in_turn(jet_tagger: Path) -> None:
    tensors, _ = checkpoint.read(jet_tagger)
    for restart, number in ((0, 0), (1, 1), (2, 0), (5, 1)):
        found = tensors_of(jet_tagger, restart)
        assert all(torch.equal(value, tensors[f"{number}.{name}"]) for name, value in found.items())
        assert len(found) == len(tensors) / 2


def test_files_that_are_no_weights_of_a_tagger(tmp_path: Path) -> None:
    checkpoint.write(tmp_path / "w.safetensors", {"first.weight": torch.zeros(2)}, {})
    with pytest.raises(InputError, match=r"w\.safetensors: tensors named first.weight; those of a tagger"):
        tensors_of(tmp_path / "w.safetensors", 0)
    (tmp_path / "x.safetensors").write_text("no")
    with pytest.raises(CorruptFileError, match=r"x\.safetensors"):
        tensors_of(tmp_path / "x.safetensors", 0)


def test_settings() -> None:
    assert settings_of().path is None
    assert settings_of(start_from="a/b.safetensors").path == Path("a/b.safetensors")
    with pytest.raises(ConfigError, match=r"'a/b' is neither the name of a tagger nor a file"):
        settings_of(start_from="a/b")
    with pytest.raises(ConfigError, match=r"freezes: unknown key. Did you mean 'freeze'"):
        settings_of(freezes="body")
    # As JSON, the slice of the configuration says the same.
    chosen = settings_of(freeze=["layers.*"], leave_out=["head.*"])
    assert validate(Transfer, json.loads(chosen.model_dump_json())) == chosen


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"freeze": ["layer.*"]}, r"tag.cnn.transfer.freeze: no parameter matches 'layer\.\*'"),
        ({"leave_out": ["heads"]}, r"tag.cnn.transfer.leave_out: no parameter matches 'heads'"),
        ({"freeze": ["head.*"]}, r"head.output.bias, head.output.weight would be frozen, but are not taken"),
    ],
)
def test_patterns_that_cannot_be(changes: dict[str, Any], message: str, jet_tagger: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        apply(cnn(3), tensors_of(jet_tagger, 0), settings_of(**changes), "tag.cnn")


def test_nothing_left_to_train(jet_tagger: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is left to train"):
        apply(cnn(1), tensors_of(jet_tagger, 0), settings_of(freeze=["*"]), "tag.cnn")
    report = apply(cnn(1), tensors_of(jet_tagger, 0), settings_of(), "tag.cnn")
    assert report.anew == ()
    assert report.n_taken == report.n_trained


@pytest.mark.parametrize("name", METHODS)
def test_every_tagger_gives_all_but_its_last_layer(name: str) -> None:
    """From two classes to three: the last layer starts anew, and a frozen body leaves something to train."""
    chosen: dict[str, Any] = {"signal": ["a"], "background": ["b"]}
    if "inputs" in (fields := registry.load("tag", name).Settings.model_fields):
        chosen |= {"inputs": ["x", "y"]} if fields["inputs"].is_required() else {}
    tagger = registry.build("tag", name, chosen)
    if tagger.fit is not None:
        pytest.skip("not trained by gradients")
    first, second = tagger.network(1), tagger.network(3)
    report = apply(second, first.state_dict(), settings_of(freeze="body"), f"tag.{name}")
    assert {name.rpartition(".")[0] for name in report.anew} == {report.anew[0].rpartition(".")[0]}
    assert 0 < report.n_trained < report.n_trained + report.n_frozen
    assert report.n_frozen + report.n_trained == sum(p.numel() for p in second.parameters())
    new = sum(p.numel() for n, p in second.named_parameters() if n in report.anew)
    assert report.n_taken + new == report.n_frozen + report.n_trained
