"""ONNX files of taggers say what `tag score` says: every method, at all lengths and numbers of rows."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from resonaut import registry
from resonaut.errors import MissingFileError, OutputError
from resonaut.nn import trees
from resonaut.nn.samples import FixedSamples, RaggedSamples
from resonaut.tag import export, networks
from resonaut.tag.interface import Table
from resonaut.tag.tasks import task_of

BINARY = {"signal": ["wprime"], "background": ["qcd"]}
CLASSES = {"classes": {"top": ["a"], "qcd": ["b"], "w": ["c"]}}
COLUMNS = ["delta_eta", "delta_phi", "log_pt"]
N_MAX = 40
METHODS = {
    "bayesian": {"inputs": ["a", "jets/b/0"], "hidden": [8]},
    "capsule": {"filters": 4, "kernel_size": 3, "n_primary": 2, "primary_size": 4, "n_pixels": 8},
    "cnn": {"filters": [4, 4], "hidden": [5], "n_pixels": 8},
    "cnn3d": {"shape": [3, 4, 4], "filters": [4], "hidden": [5]},
    "dense": {"inputs": ["a", "jets/b/0"], "hidden": [8]},
    "efn": {"phi": [8], "f": [5]},
    "locally_connected": {"shape": [4, 4, 4], "hidden": [5]},
    "lola": {"n_momenta": 6, "n_combinations": 3, "f": [5]},
    "lorentznet": {"n_hidden": 4, "n_blocks": 2},
    "particlenet": {"channels": [[4], [6]], "k": 4, "f": [5], "inputs": COLUMNS},
    "particlenet_lite": {"channels": [[4]], "k": 3, "f": [5], "inputs": COLUMNS},
    "pcnn": {"first": 4, "stages": [[4], [6]], "f": [5]},
    "pfn": {"phi": [8], "f": [5]},
    "recurrent": {"width": 4, "f": [4], "cell": "lstm"},
    "resnet": {"widths": [4, 6], "n_blocks": 1, "n_pixels": 8},
    "resnext": {"widths": [4, 8], "n_blocks": [1, 1], "groups": 2, "first_width": 4, "n_pixels": 12},
    "shower_cloud": {},
    "transformer": {"embed": [8], "n_heads": 2, "n_blocks": 1, "n_class_blocks": 1, "inputs": COLUMNS},
    "trees": {"inputs": ["a", "b", "c"]},
}
SLOW = {"capsule", "lorentznet", "particlenet_lite", "resnext", "transformer"}
"""Their export takes longest, or is that of another method: `make test-full` has them."""
CASES = [
    *(
        pytest.param(method, more, id=method, marks=[pytest.mark.full] * (method in SLOW))
        for method, more in METHODS.items()
    ),
    pytest.param("recurrent", {"width": 4, "f": [4], "cell": "gru", "n_layers": 2}, id="gru"),
    pytest.param(
        "transformer",
        {**METHODS["transformer"], "pair_features": True, "pair_hidden": [4]},
        id="with pairs",
        marks=pytest.mark.full,
    ),
]


def grown(network):
    """Trees of random cuts; nothing is trained here."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 3)).astype(np.float32)
    target = (values[:, 0] * values[:, 1] > 0).astype(np.float32)
    table = Table(values, target, np.ones(400, np.float32))
    settings = trees.BoostingSettings.model_validate({"n_iterations": 20})
    arrays, _ = trees.fit(table, table, "binary", network.n_outputs, settings, seed=1, threads=1)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})


def spread(network):
    """Weights, means and widths as far from those of a new network as trained ones are."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.7)
        for name, buffer in network.named_buffers():
            if name.endswith(("running_mean", "standardise.mean")):
                buffer.uniform_(-0.3, 0.3)
            elif name.endswith(("running_variance", "running_var", "standardise.width")):
                buffer.uniform_(0.5, 1.5)
    return network.eval()


def write_weights(path, method, more, what=BINARY, restarts=1):
    slice_ = {"method": "toy", "kind": method, "seed": 1, "settings": {**what, **more, "restarts": restarts}}
    settings, tagger, _ = registry.from_slice("tag", slice_)
    made = []
    for number in range(restarts):
        torch.manual_seed(number)
        made.append(task_of(settings).network(tagger))
        if method == "trees":
            grown(made[-1])
        else:
            spread(made[-1])
    networks.save(path, made, {**slice_, "representation": {"n_constituents_max": N_MAX, "n_jets": 2}})
    return networks.load(path)


def session(path):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def scores(trained, values, mask):
    """What `tag score` says of the jets, or events, of a batch."""
    if mask is None:
        samples = FixedSamples(values)
    else:
        offsets = np.concatenate([[0], np.cumsum(mask.sum(axis=1))])
        samples = RaggedSamples(values[mask], offsets)
    found = networks.outputs(trained.networks, trained.task, samples, np.arange(len(values)), "cpu")
    return found.mean(axis=0)


def batch(trained, n_rows, n_constituents, seed=5):
    example = export.example_of(trained, (n_rows, n_constituents), np.random.default_rng(seed))
    return [tensor.numpy() for tensor in example]


def test_every_method_is_tested():
    assert sorted(METHODS) == sorted(registry.names("tag"))


@pytest.mark.parametrize(("method", "more"), CASES)
def test_the_file_says_what_tag_score_says(method, more, tmp_path):
    trained = write_weights(tmp_path / "w.safetensors", method, more)
    report = export.run(tmp_path / "w.safetensors", tmp_path / "model.onnx")
    assert 0 <= report.worst < 2e-5
    rows = {one.shape[0] for one in report.differences}
    assert rows == {1, 7, 1000}
    if "mask" in report.inputs:
        lengths = {one.shape[1] for one in report.differences}
        k = trained.settings.k if hasattr(trained.settings, "k") else 16
        assert {1, 2, k, k + 1, N_MAX} <= lengths
    model = session(tmp_path / "model.onnx")
    # Rows and lengths that the export did not compare.
    for shape in ((3, 3), (40, 23)):
        values, *rest = batch(trained, *shape)
        expected = scores(trained, values, *(rest or [None]))
        (found,) = model.run(["score"], dict(zip(report.inputs, (values, *rest), strict=True)))
        assert found.shape == (shape[0],)
        np.testing.assert_allclose(found, expected, atol=2e-5)
        assert found.std() > 0
        assert (found >= 0).all()
        assert (found <= 1).all()


def test_what_stands_behind_the_mask_does_not_matter(tmp_path):
    trained = write_weights(tmp_path / "w.safetensors", "pfn", METHODS["pfn"])
    export.run(tmp_path / "w.safetensors", tmp_path / "model.onnx")
    model = session(tmp_path / "model.onnx")
    values, mask = batch(trained, 20, 9)
    (expected,) = model.run(None, {"values": values, "mask": mask})
    for filler in (0.0, 1e30, np.nan, np.inf):
        other = np.where(mask[..., None], values, np.float32(filler))
        np.testing.assert_array_equal(model.run(None, {"values": other, "mask": mask})[0], expected)
    longer = [np.pad(array, [(0, 0), (0, 30)] + [(0, 0)] * (array.ndim - 2)) for array in (values, mask)]
    (found,) = model.run(None, dict(zip(("values", "mask"), longer, strict=True)))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_restarts_and_classes_are_averaged_in_the_graph(tmp_path):
    trained = write_weights(tmp_path / "w.safetensors", "dense", METHODS["dense"], CLASSES, restarts=3)
    report = export.run(tmp_path / "w.safetensors", tmp_path / "model.onnx")
    assert (report.inputs, report.output) == (("values",), "scores")
    (values,) = batch(trained, 50, 1)
    (found,) = session(tmp_path / "model.onnx").run(None, {"values": values})
    with torch.no_grad():
        each = [torch.softmax(network(torch.from_numpy(values)), -1).numpy() for network in trained.networks]
    np.testing.assert_allclose(found, np.mean(each, axis=0), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert np.abs(each[0] - each[1]).max() > 0.01


def test_a_correction_multiplies_its_reference(tmp_path):
    what = {"datasets": ["a"], "target": "gen_mass", "reference": "mass"}
    trained = write_weights(tmp_path / "w.safetensors", "pfn", METHODS["pfn"], what, restarts=2)
    report = export.run(tmp_path / "w.safetensors", tmp_path / "model.onnx")
    assert (report.inputs, report.output) == (("values", "mask", "reference"), "prediction")
    values, mask, mass = batch(trained, 11, 8)
    feeds = {"values": values, "mask": mask, "reference": mass}
    (found,) = session(tmp_path / "model.onnx").run(None, feeds)
    with torch.no_grad():
        inputs = [torch.from_numpy(array) for array in (values, mask)]
        factors = [network(*inputs).exp().numpy() for network in trained.networks]
    np.testing.assert_allclose(found, mass * np.mean(factors, axis=0), rtol=1e-5)
    feeds["reference"] = 2 * mass
    np.testing.assert_allclose(session(tmp_path / "model.onnx").run(None, feeds)[0], 2 * found, rtol=1e-6)


def test_metadata_is_all_that_a_user_of_the_file_needs(tmp_path):
    write_weights(tmp_path / "w.safetensors", "dense", METHODS["dense"], CLASSES)
    export.run(tmp_path / "w.safetensors", tmp_path / "model.onnx")
    known = session(tmp_path / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(known["inputs"]) == ["a", "jets/b/0"]
    assert json.loads(known["classes"]) == ["qcd", "top", "w"]
    assert json.loads(known["representation_settings"]) == {"n_constituents_max": N_MAX, "n_jets": 2}
    assert json.loads(known["settings"])["hidden"] == [8]
    plain = {name: known[name] for name in ("method", "kind", "task", "representation", "rows", "n_restarts")}
    assert plain == {
        "method": "toy",
        "kind": "dense",
        "task": "classes",
        "representation": "features",
        "rows": "events",
        "n_restarts": "1",
    }
    assert "GeV" in known["units"]
    record = json.loads((tmp_path / "model.onnx.run.json").read_text())
    assert record["parity"]["worst"] < 1e-5


def test_the_same_weights_give_the_same_bytes_and_no_paths(tmp_path):
    write_weights(tmp_path / "w.safetensors", "pfn", METHODS["pfn"])
    for name in "ab":
        export.run(tmp_path / "w.safetensors", tmp_path / f"{name}.onnx")
    first = (tmp_path / "a.onnx").read_bytes()
    assert (tmp_path / "b.onnx").read_bytes() == first
    assert b".py" not in first
    onnx.checker.check_model(str(tmp_path / "a.onnx"), full_check=True)
    opset = onnx.load(tmp_path / "a.onnx").opset_import
    assert [(entry.domain, entry.version) for entry in opset] == [("", 18)]


def test_a_file_that_is_there_stays_unless_forced(tmp_path):
    write_weights(tmp_path / "w.safetensors", "dense", METHODS["dense"])
    target = tmp_path / "model.onnx"
    target.write_text("mine")
    with pytest.raises(OutputError, match=r"model\.onnx: exists already\. .* --force"):
        export.run(tmp_path / "w.safetensors", target)
    assert target.read_text() == "mine"
    export.run(tmp_path / "w.safetensors", target, force=True)
    assert session(target).get_outputs()[0].name == "score"


def test_no_weights(tmp_path):
    with pytest.raises(MissingFileError, match=r"w\.safetensors: no such file"):
        export.run(tmp_path / "w.safetensors", tmp_path / "model.onnx")
