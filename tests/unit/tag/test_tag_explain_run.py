"""`tag explain` through files: each question about toy events, jets and images, and what is refused."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch
from test_tag_dense import N_EVENTS, slice_of, write_features
from test_tag_train import slice_of as cloud_slice
from test_tag_train import write_clouds

from resonaut import manifest, registry
from resonaut.cli import main
from resonaut.errors import ConfigError, EmptyFileError, InputError, MismatchError
from resonaut.files import canonical_json
from resonaut.nn.device import seeded
from resonaut.nn.networks.capsule import lengths
from resonaut.nn.splits import part_of
from resonaut.representation import read_settings
from resonaut.seeds import event_hash
from resonaut.tag import networks, train
from resonaut.tag.explain import capsules, information, run
from resonaut.tag.explain.rows import Score, read
from resonaut.tag.explain.settings import ExplainSettings

OBSERVABLES = ["a", "b", "c"]


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    return {name: write_features(folder, name, size) for name, size in N_EVENTS.items()}


@pytest.fixture(scope="module")
def weights(features, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    paths = [folder / name for name in ("w.safetensors", "s.h5", "t.json")]
    train.run(slice_of(restarts=2), features, *paths, threads=1)
    return paths[0]


def saved(path, slice_, inputs):
    """Weights of an untrained tagger."""
    _, tagger, _ = registry.from_slice("tag", slice_)
    with seeded(1):
        network = tagger.network(1)
    settings, _, _ = registry.from_slice("tag", slice_)
    made = {"task": settings.task, "classes": ["background", "signal"], "inputs": list(tagger.inputs)}
    made["representation"] = read_settings(*(manifest.read(one) for one in inputs.values()))
    networks.save(path, [network], {**slice_, **made})
    return path


def explain(folder, weights, inputs, beside=None, tag=None, **more):
    """What the JSON and the table say."""
    settings = {"name": "toy", "seed": 5, "explain": {"tagger": "toy", "n_jets": 300, **more}, "tag": tag}
    beside = beside if beside is not None else (inputs if more.get("observables") else {})
    paths = folder / "explain.json", folder / "explain.md"
    run.run(settings, weights, inputs, beside, *paths, threads=1)
    return json.loads(paths[0].read_text()), paths[1].read_text()


def test_what_a_feature_tagger_looks_at(features, weights, tmp_path):
    found, table = explain(tmp_path, weights, features, what="attributions", n_draws=5)
    assert found["n"] == {"background": 300, "signal": 300}
    assert found["target"] == "signal"
    for method in ("gradient", "integrated_gradients", "shap"):
        importance = {name: of[method]["importance"] for name, of in found["features"].items()}
        # c tells nothing; a and b have distances of one width each.
        assert importance["c"] < 0.3 * min(importance["a"], importance["b"])
        assert importance["a"] == pytest.approx(importance["b"], rel=0.3)
        assert found["features"]["a"][method]["spread"] > 0
    assert found["gap"]["shap"] < 1e-6
    assert found["gap"]["integrated_gradients"] < 0.05
    assert table.index("| a |") < table.index("| c |")


def test_attributions_add_up_to_the_difference_of_the_classes(features, weights, tmp_path):
    found, _ = explain(
        tmp_path, weights, features, what="attributions", attributions=["integrated_gradients"]
    )
    rows = read(
        *(
            networks.load(weights),
            features,
            {},
            ExplainSettings(what="attributions", tagger="toy", n_jets=300),
        ),
        *("explain.toy", 5, weights),
    )
    total = sum(of["integrated_gradients"]["by_class"]["signal"]["mean"] for of in found["features"].values())
    other = torch.from_numpy(rows.jets.flat[~rows.label].mean(axis=0, keepdims=True))
    with torch.no_grad():
        baseline = np.mean([float(score(other)) for score in rows.scores()])
    assert total == pytest.approx(rows.score()[rows.label].mean() - baseline, rel=0.02)


def test_rows_are_test_rows_with_their_own_observables(features, weights):
    own = ExplainSettings(what="latent", tagger="toy", n_jets=200, observables=OBSERVABLES)
    rows = read(networks.load(weights), features, features, own, "explain.toy", 5, weights)
    np.testing.assert_array_equal(np.stack(list(rows.observables.values()), axis=1), rows.jets.flat)
    for number, name in enumerate(("background", "signal")):
        jets = rows.jets
        mine = jets.dataset == number
        hashes = event_hash(name, jets.run[mine], jets.lumi[mine], jets.event[mine], 3, "tag split")
        assert (part_of(hashes) == 2).all()
        assert mine.sum() == 200
        assert len(set(jets.event[mine].tolist())) == 200


def test_observables_of_the_score_and_what_is_left(features, weights, tmp_path):
    more = {"what": "observables", "observables": OBSERVABLES, "n_guided": 2, "n_jets": 900}
    found, table = explain(tmp_path, weights, features, **more)
    assert {step["observable"] for step in found["guided"]} == {"a", "b"}
    assert found["score"]["c"]["all"]["spearman"]["value"] == pytest.approx(0, abs=0.1)
    assert found["score"]["a"]["all"]["spearman"]["value"] > 0.5
    # The log odds are 1 a + 2 b of widths 1 and 0.5, nothing else.
    assert found["residual"]["variance"]["value"] < 0.05
    assert found["guided"][1]["ado"]["value"] > 0.9
    assert len(found["units"]["numbers"]) <= 8
    assert "| 1 |" in table


def test_a_linear_surrogate_of_linear_log_odds(features, weights, tmp_path):
    more = {"what": "surrogate", "observables": OBSERVABLES, "complexity": 3, "n_jets": 900}
    found, table = explain(tmp_path, weights, features, **more)
    linear = found["surrogates"]["linear"]
    assert linear["r_squared"]["value"] > 0.97
    assert linear["ado"]["value"] > 0.97
    terms = {name: abs(one["value"]) for name, one in linear["terms"].items()}
    assert terms["c"] < 0.1 * min(terms["a"], terms["b"])
    assert found["auc"]["value"] == pytest.approx(linear["auc"]["value"], abs=0.01)
    assert found["n_rows"] == {"fitted": 900, "measured": 900}
    assert "| linear |" in table


def test_layers_while_they_learn(features, weights, tmp_path):
    short = {"epochs": 2, "batch_size": 256, "learning_rate": 3e-3, "device": "cpu"}
    own = slice_of(training=short)
    found, _ = explain(tmp_path, weights, features, tag=own, what="information", n_training=1000)
    assert found["ceiling"] == pytest.approx(np.log2(600))
    assert found["label_entropy"] == pytest.approx(1)
    assert list(found["layers"]) == ["layer 1", "layer 2", "output"]
    assert [one["width"] for one in found["layers"].values()] == [16, 16, 1]
    # Before the training, and each of six epochs of the weights' own settings.
    assert len(found["output"]) == 7
    assert found["output"][-1] > found["output"][0]
    for one in found["layers"].values():
        series = np.array([one["kernel"]["lower"], one["kernel"]["upper"], one["binned"]["input"]])
        assert (series[0] <= series[1] + 1e-9).all()
        assert (series <= found["ceiling"] + 1e-9).all()


def test_layers_are_what_linear_layers_are_given(features, weights):
    own = ExplainSettings(what="information", tagger="toy", n_jets=100)
    rows = read(networks.load(weights), features, {}, own, "explain.toy", 5, weights)
    network = rows.trained.networks[0]
    found = information.layers_of(network, rows)
    with torch.no_grad():
        values = network.standardise(torch.from_numpy(rows.jets.flat))
        first = network.layers[1](network.layers[0](values))
        np.testing.assert_allclose(found["layer 1"], first, atol=1e-6)
        np.testing.assert_allclose(
            found["output"][:, 0], network(torch.from_numpy(rows.jets.flat)), atol=1e-6
        )


def test_the_latent_space_and_that_of_an_autoencoder(features, weights, tmp_path):
    found, _ = explain(tmp_path, weights, features, what="latent", observables=OBSERVABLES)
    assert found["n_units"] == 16
    assert abs(found["spearman"]["score"][0]) > 0.9
    assert found["auc"][0]["value"] > 0.75
    training = {"epochs": 15, "batch_size": 128, "learning_rate": 5e-3, "device": "cpu"}
    encoder = {"hidden": [8], "bottleneck": 2, "training": training}
    more = {"what": "latent", "observables": OBSERVABLES, "autoencoder": encoder, "n_training": 2000}
    found, table = explain(tmp_path, weights, features, tag=slice_of(), **more)
    assert (found["of"], found["n_units"]) == ("autoencoder", 2)
    assert sum(found["variance"]) == pytest.approx(1)
    assert 0 < found["reconstruction"]["value"] < 1
    assert "squared error" in table


def test_constituents(tmp_path):
    clouds = {"one": write_clouds(tmp_path, "one", 400, 1), "two": write_clouds(tmp_path, "two", 400, 2)}
    weights = saved(tmp_path / "w.safetensors", cloud_slice(), clouds)
    more = {"what": "attributions", "n_jets": 60, "n_draws": 3}
    found, table = explain(tmp_path, weights, clouds, **more)
    assert set(found["profiles"]) == {"rank", "delta_r", "pt_fraction"}
    for axis in found["profiles"].values():
        for of_class in axis.values():
            for one in of_class.values():
                assert sum(one["share"]) == pytest.approx(1)
    assert found["gap"]["shap"] < 1e-5
    assert found["gap"]["integrated_gradients"] < 0.1
    assert "Delta R" in table


def test_constituents_of_an_unknown_place_have_their_rank_alone(tmp_path):
    clouds = {"one": write_clouds(tmp_path, "one", 400, 1), "two": write_clouds(tmp_path, "two", 400, 2)}
    weights = saved(tmp_path / "w.safetensors", cloud_slice(inputs=["delta_phi"]), clouds)
    more = {"what": "attributions", "n_jets": 50, "attributions": ["gradient"]}
    found, table = explain(tmp_path, weights, clouds, **more)
    assert list(found["profiles"]) == ["rank"]
    assert list(found["profiles"]["rank"]) == ["gradient"]
    assert "Rank in pt" in table


def write_images(folder, name, n_events, size=10):
    path = folder / f"{name}.h5"
    random = np.random.default_rng(len(name))
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "images", "dataset": name, "label": name, "n_events": n_events})
        file.attrs.update({"sum_weights": 1.0, "n_generated": n_events, "cut_flow": '{"read": 1}'})
        made = {"images": {"n_pixels": size, "half_width": 0.8}}
        file.attrs.update({"settings": canonical_json(made), "channels": '["pt"]'})
        for key in ("run", "lumi"):
            file[f"events/{key}"] = np.ones(n_events, np.int64)
        file["events/event"] = np.arange(n_events)
        file["images"] = random.random((n_events, 1, size, size)).astype(np.float32)
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    return {name: write_images(folder, name, 400) for name in ("background", "signal")}


def capsule_slice():
    settings = {"signal": ["signal"], "background": ["background"], "n_pixels": 10, "kernel_size": 3}
    settings |= {"filters": 4, "n_primary": 2, "primary_size": 4, "class_size": 4}
    return {"method": "toy", "kind": "capsule", "seed": 3, "settings": settings}


def test_pixels(images, tmp_path):
    weights = saved(tmp_path / "w.safetensors", capsule_slice(), images)
    found, _ = explain(tmp_path, weights, images, what="attributions", n_jets=50, n_steps=40, n_draws=2)
    assert found["half_width"] == 0.8
    maps = np.array(found["maps"]["integrated_gradients"]["signal"])
    assert maps.shape == (10, 10)
    assert np.array(found["images"]["signal"]).mean() == pytest.approx(0.5, abs=0.02)
    assert sum(found["profiles"]["gradient"]["signal"]["share"]) < 1
    # A pixel in a corner is further than the image is wide.
    assert sum(found["profiles"]["gradient"]["signal"]["share"]) > 0.6


def test_capsules_route_as_the_network_does(images, tmp_path):
    weights = saved(tmp_path / "w.safetensors", capsule_slice(), images)
    network = networks.load(weights).networks[0]
    values = torch.from_numpy(np.random.default_rng(2).random((5, 1, 10, 10)).astype(np.float32))
    with torch.no_grad():
        primary, places = capsules.primaries(network, values)
        above, couplings = capsules.routed(network.routing, primary)
        torch.testing.assert_close(above, network.routing(primary))
        torch.testing.assert_close(lengths(capsules.squash(above)), lengths(network.capsules(values)))
    assert places == (2, 3, 3)
    assert len(couplings) == 3
    for coupling in couplings:
        torch.testing.assert_close(coupling.sum(dim=1), torch.ones(5, 18))
    found, table = explain(tmp_path, weights, images, what="capsules", n_jets=50)
    assert found["routing"]["signal"]["entropy"][0] == pytest.approx(1)
    assert sum(found["lengths"]["signal"][0]["counts"]) == 50
    assert np.array(found["routing"]["signal"]["map"]).shape == (3, 3)
    assert "Entropy" in table


def test_what_cannot_be_asked(features, weights, tmp_path):
    with pytest.raises(InputError, match="no capsule network"):
        explain(tmp_path, weights, features, what="capsules")
    with pytest.raises(ConfigError, match=r"of_class: 'signa' is no class.*Did you mean"):
        explain(tmp_path, weights, features, what="attributions", of_class="signa")
    with pytest.raises(ConfigError, match="the rows of 'toy' are events"):
        explain(tmp_path, weights, features, what="latent", observables=["jets/x"])
    with pytest.raises(ConfigError, match="the key 'tag' is required"):
        explain(tmp_path, weights, features, what="information")
    with pytest.raises(ConfigError, match="no features of 'background' are given"):
        explain(tmp_path, weights, features, beside={}, what="latent", observables=["a"])


def test_observables_of_other_events(features, images, tmp_path):
    capsule = saved(tmp_path / "c.safetensors", capsule_slice(), images)
    more = {"what": "latent", "observables": ["jets/x"]}
    with pytest.raises(MismatchError, match="features are of other events"):
        explain(tmp_path, capsule, images, beside=features, **more)


def test_a_representation_made_otherwise_is_refused(weights, tmp_path):
    other = {name: write_features(tmp_path, name, 400, beta=2.0) for name in N_EVENTS}
    with pytest.raises(MismatchError, match="nsubjettiness_beta"):
        explain(tmp_path, weights, other, what="attributions")


def test_no_test_rows(weights, tmp_path):
    few = {name: write_features(tmp_path, name, 2, n_chunks=1) for name in N_EVENTS}
    with pytest.raises(EmptyFileError, match="no test rows"):
        explain(tmp_path, weights, few, what="attributions")


def test_trees_have_shapley_values_and_no_gradients(features, tmp_path):
    own = slice_of()
    own = {
        **own,
        "kind": "trees",
        "settings": {k: own["settings"][k] for k in ("signal", "background", "inputs")},
    }
    paths = [tmp_path / name for name in ("w.safetensors", "s.h5", "t.json")]
    train.run(own, features, *paths, threads=1)
    with pytest.raises(ConfigError, match=r"has no gradients; only \[shap\]"):
        explain(tmp_path, paths[0], features, what="attributions")
    found, _ = explain(tmp_path, paths[0], features, what="attributions", attributions=["shap"], n_draws=3)
    importance = {name: of["shap"]["importance"] for name, of in found["features"].items()}
    assert importance["c"] < 0.3 * importance["a"]


def test_log_odds_of_a_class_against_all_others():
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    found = Score(torch.nn.Identity(), "classes", 1)(logits)
    share = logits.softmax(dim=1)[:, 1]
    torch.testing.assert_close(found, torch.log(share / (1 - share)))
    assert Score(torch.nn.Identity(), "binary", 1)(logits) is logits


def test_the_command(features, weights, tmp_path, capsys):
    settings = {"name": "toy", "seed": 5, "explain": {"tagger": "toy", "what": "attributions", "n_jets": 60}}
    words = ["tag", "explain", "--settings", json.dumps(settings), "--weights", weights, "--threads", 1]
    words += ["--output", tmp_path / "e.json", "--table", tmp_path / "e.md"]
    words += ["--features", *(f"{name}={path}" for name, path in features.items())]
    assert main([str(word) for word in words]) == 0
    first = (tmp_path / "e.json").read_bytes()
    assert main([str(word) for word in words]) == 0
    assert (tmp_path / "e.json").read_bytes() == first
    settings["explain"]["what"] = "observable"
    words[3] = json.dumps(settings)
    assert main([str(word) for word in words]) == 2
    assert "explain.what" in capsys.readouterr().err
