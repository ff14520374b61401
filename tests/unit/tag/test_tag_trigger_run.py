"""`tag trigger` on Gaussian events: what rounding costs, the autoencoder, the same bytes twice, bad input."""

from __future__ import annotations

import json

import numpy as np
import pytest
from test_tag_dense import BEST_AUC, slice_of, write_features

from resonaut.cli import main
from resonaut.errors import ConfigError, MismatchError, OutputError
from resonaut.tag import train
from resonaut.tag.trigger import run

OWN = {
    "tagger": "dense",
    "bits": [12, 8, 3],
    "pruning": [0, 0.5],
    "fine_tuning": {"epochs": 2, "device": "cpu"},
    "export": {"backend": "none"},
    "input_rate_khz": 100,
    "bandwidth_khz": 5,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Features, a trained tagger, and one with an activation that no exporter knows."""
    folder = tmp_path_factory.mktemp("trigger")
    inputs = {name: write_features(folder, name, 6000) for name in ("background", "signal")}
    for name, more in {"dense": {}, "leaky": {"activation": "leaky_relu"}}.items():
        slice_ = slice_of(**more)
        slice_["method"] = name
        train.run(slice_, inputs, *(folder / f"{name}.{end}" for end in ("safetensors", "h5", "json")), 1)
    return folder, inputs


def settings_of(**more):
    return {"name": "small", "seed": 3, "trigger": {**OWN, **more}}


def run_with(made, name, settings, weights="dense"):
    folder, inputs = made
    paths = [folder / f"{name}.{end}" for end in ("json", "md", "zip")]
    run.run(settings, inputs, folder / f"{weights}.safetensors", *paths, 1)
    return json.loads(paths[0].read_text()), paths


@pytest.fixture(scope="module")
def found(made):
    return run_with(made, "first", settings_of())


def test_eight_bits_cost_less_than_a_hundredth_and_three_cost_more(found):
    result, _ = found
    assert result["float"]["auc"] == pytest.approx(BEST_AUC, abs=0.02)
    by = {(one["bits"], one["pruning"], one["training"]): one for one in result["variants"]}
    assert len(by) == 3 * 2 * 2
    for training in ("post", "aware"):
        assert by[8, 0.0, training]["auc"] >= 0.99 * result["float"]["auc"]
        assert abs(by[12, 0.0, "post"]["auc_change"]) < 1e-3
    away = [by[bits, 0.0, "post"]["difference"]["rms_over_deviation"] for bits in (12, 8, 3)]
    assert away[0] < away[1] < away[2]
    assert by[8, 0.0, "post"]["difference"]["largest"] <= 1.0


def test_sizes_are_those_of_the_layers(found):
    result, _ = found
    assert result["sizes"] == [3, 16, 16, 1]
    n_weights, n_biases = 3 * 16 + 16 * 16 + 16, 33
    assert result["float"]["n_weights"] == n_weights + n_biases
    assert result["float"]["n_bits"] == 32 * (n_weights + n_biases)
    half = [round(n / 2) for n in (48, 256, 16)]
    for one in result["variants"]:
        kept = n_weights if one["pruning"] == 0 else sum(half)
        # Rounding takes some more to 0.
        assert one["n_multiplications"] <= kept
        if one["bits"] == 12:
            assert one["n_multiplications"] >= 0.97 * kept
            assert one["n_bits"] == 12 * one["n_multiplications"] + 24 * n_biases


def test_rates_belong_to_the_bandwidth(found):
    result, _ = found
    for name in ("float", "fixed"):
        entry = result["rates"][name]
        assert abs(entry["rate_khz"] - 5) < 4 * entry["expected_standard_khz"]
        assert set(entry["datasets"]) == {"background", "signal"}
        assert np.all(np.diff(entry["curve"]["efficiency"]) >= 0)
    assert result["rates"]["stability"]["rate_ratio"] == pytest.approx(1, abs=0.5)


def test_two_runs_give_the_same_bytes(made, found):
    _, first = found
    _, second = run_with(made, "second", settings_of())
    for one, other in zip(first[1:], second[1:], strict=True):
        assert one.read_bytes() == other.read_bytes()
    results = [json.loads(paths[0].read_text()) for paths in (first, second)]
    for result in results:
        result["exported"]["firmware"].pop("file")
    assert results[0] == results[1]


def test_an_autoencoder_of_the_background_through_the_command_line(made):
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    folder, inputs = made
    own = {"bits": [10], "pruning": [0], "aware": False, "export": {"backend": "da4ml", "bits": 10}}
    own["autoencoder"] = {"hidden": [6], "bottleneck": 2, "training": {"epochs": 8, "device": "cpu"}}
    command = ["tag", "trigger", "--settings", json.dumps(settings_of(**own)), "--threads", "1"]
    command += ["--features", *(f"{name}={path}" for name, path in inputs.items())]
    paths = {end: str(folder / f"auto.{end}") for end in ("json", "md", "zip")}
    command += ["--weights", str(folder / "dense.safetensors"), "--output", paths["json"]]
    assert main([*command, "--table", paths["md"], "--firmware", paths["zip"]]) == 0
    result = json.loads((folder / "auto.json").read_text())
    assert (result["network"], result["sizes"]) == ("autoencoder", [3, 6, 2, 6, 3])
    (variant,) = result["variants"]
    assert abs(variant["auc_change"]) < 0.01
    assert result["exported"]["backends"]["da4ml"]["random_rows"]["max_difference"] == 0.0
    # Scores of a fraction of an error are compared as logarithms.
    assert min(result["scatter"]["float"]) < 0
    assert "autoencoder of dense, 3 - 6 - 2 - 6 - 3" in (folder / "auto.md").read_text()


def test_what_cannot_be_done_is_refused(made):
    folder, _ = made
    own = {"tagger": "leaky", "export": {"backend": "da4ml"}}
    pytest.importorskip("da4ml", reason="da4ml is not installed")
    with pytest.raises(
        ConfigError, match=r"trigger\.small\.tagger: da4ml does not know .* LeakyReLU .* 'ReLU'"
    ):
        run_with(made, "bad", settings_of(**own), "leaky")
    with pytest.raises(MismatchError, match="the weights of 'leaky', while"):
        run_with(made, "bad", settings_of(), "leaky")
    with pytest.raises(ConfigError, match=r"bandwidth_khz: 0\.1 kHz of 100 kHz"):
        run_with(made, "bad", settings_of(bandwidth_khz=0.1))
    far = {"bits": [3], "pruning": [0], "export": {"backend": "none", "bits": 3, "tolerance": 1e-6}}
    with pytest.raises(OutputError, match="at most 1e-06 is let through"):
        run_with(made, "bad", settings_of(**far))
    assert not list(folder.glob("bad.*"))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"export": {"bits": 7}}, r"export\.bits: 7 is not among bits \(12, 8, 3\)"),
        ({"export": {"pruning": 0.3}}, r"export\.pruning: 0\.3 is not among pruning"),
        ({"bandwidth_khz": 100}, "bandwidth_khz: 100 lets all of 100 kHz pass"),
        ({"bits": [8, 8]}, "bits: a number is named twice"),
        ({"pruning": [1.0]}, "pruning"),
        ({"bits": [40]}, "bits"),
        ({"prunning": [0.5]}, "Did you mean 'pruning'"),
    ],
)
def test_settings_that_make_no_sense_are_refused(made, more, words):
    with pytest.raises(ConfigError, match=words):
        run_with(made, "bad", settings_of(**more))
