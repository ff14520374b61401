"""Conditions through training and sampling: what is learnt, refused, marked and left out."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
from generate_files import slice_of, write_features

from resonaut.cli import main
from resonaut.errors import BadValueError, ConfigError, InputError, MismatchError, MissingBranchError
from resonaut.files import canonical_json
from resonaut.generate import sample, train
from resonaut.generate.networks import load
from resonaut.seeds import event_hash

INPUTS = {"inputs": ["x", "y"], "conditions": ["energy"]}


@pytest.fixture
def features(tmp_path):
    return write_features(tmp_path)


@pytest.fixture
def trained(toy, features, tmp_path):
    """Weights of a toy, conditional on the energy."""
    train.run(slice_of(**INPUTS), {"qcd": features}, tmp_path / "w", tmp_path / "t.json", threads=1)
    return tmp_path / "w"


def draw(weights, path, number=1000, seed=1, words=("energy=50",), **more):
    """Columns of the events, and the conditions."""
    request = sample.Request(number, seed, device="cpu", threads=1, **more)
    sample.run(weights, path, request, words=words)
    with h5py.File(path) as file:
        found = {name: column[:] for name, column in file["events"].items()}
        return found | {"conditions": file["conditions"][:], "attributes": dict(file.attrs)}


@pytest.mark.parametrize("energy", [20.0, 80.0])
def test_samples_follow_the_condition(trained, tmp_path, energy):
    found = draw(trained, tmp_path / "s.h5", 4000, words=[f"energy={energy}"])
    assert found["x"].mean() == pytest.approx(2 * energy, abs=0.3)
    assert found["y"].mean() == pytest.approx(-1, abs=0.1)
    np.testing.assert_array_equal(found["conditions"], np.full((4000, 1), energy, np.float32))
    np.testing.assert_array_equal(found["energy"], found["conditions"][:, 0])
    assert found["extrapolated"].sum() == 0


def test_lists_ranges_and_files(trained, features, tmp_path):
    listed = draw(trained, tmp_path / "a.h5", 5, words=["energy=20,40"])["energy"]
    np.testing.assert_array_equal(listed, [20, 40, 20, 40, 20])
    spread = draw(trained, tmp_path / "b.h5", 3000, words=["energy=20:60"])["energy"]
    assert spread.min() >= 20
    assert spread.max() <= 60
    assert spread.mean() == pytest.approx(40, abs=4 * 40 / np.sqrt(12 * 3000))
    path = features.with_suffix(".h5")
    copied = draw(trained, tmp_path / "c.h5", 2100, words=[str(path)], extrapolate=True)["energy"]
    with h5py.File(path) as file:
        energies = file["events/energy"][:].astype(np.float32)
    np.testing.assert_array_equal(copied, np.concatenate([energies, energies[:100]]))


def test_first_rows_do_not_depend_on_how_many_are_drawn(trained, tmp_path):
    for words in (["energy=20:60"], ["energy=20,30,40"]):
        many, few = (draw(trained, tmp_path / f"{n}.h5", n, words=words) for n in (700, 30))
        for name in ("x", "y", "energy"):
            np.testing.assert_array_equal(many[name][:30], few[name])
    other = draw(trained, tmp_path / "o.h5", 30, seed=2, words=["energy=20,30,40"])
    assert not np.isin(other["x"], many["x"]).any()


def test_test_rows_give_the_conditions_once_each(trained, features, tmp_path):
    with h5py.File(features.with_suffix(".h5")) as file:
        energy, event = file["events/energy"][:], file["events/event"][:]
    one = np.ones_like(event)
    upper = event_hash("qcd", one, one, event, 5, "generate split") / 2.0**64
    of_test = energy[upper >= 0.8]
    request = sample.Request(len(of_test), 1, extrapolate=True, device="cpu", threads=1)
    sample.run(trained, tmp_path / "s.h5", request, manifests={"qcd": features})
    with h5py.File(tmp_path / "s.h5") as file:
        drawn = file["events/energy"][:]
    np.testing.assert_array_equal(np.sort(drawn), np.sort(of_test).astype(np.float32))
    # In random order: a first part of them is a fair sample.
    assert np.abs(np.corrcoef(drawn, np.arange(len(drawn)))[0, 1]) < 0.2
    assert not np.array_equal(drawn, of_test.astype(np.float32))


def test_held_out_rows_are_not_learnt(toy, features, tmp_path):
    held = {"energy": [40, 60]}
    train.run(slice_of(**INPUTS, hold_out=held), {"qcd": features}, tmp_path / "w", tmp_path / "t", threads=1)
    (seen,) = toy.SEEN
    with h5py.File(features.with_suffix(".h5")) as file:
        energy, event = file["events/energy"][:], file["events/event"][:]
    one = np.ones_like(event)
    part = event_hash("qcd", one, one, event, 5, "generate split") / 2.0**64
    expected = energy[(part < 0.6) & ((energy < 40) | (energy > 60))]
    np.testing.assert_array_equal(np.sort(seen[:, 0].numpy()), np.sort(expected).astype(np.float32))
    counts = json.loads((tmp_path / "t").read_text())["n_rows"]
    inside = (energy >= 40) & (energy <= 60)
    assert counts["held_out"] == int((inside & (part < 0.8)).sum())
    assert counts["test"] == int((part >= 0.8).sum())


def test_outside_of_the_training_is_refused_or_marked(toy, features, tmp_path):
    held = {"energy": [70, 200]}
    train.run(slice_of(**INPUTS, hold_out=held), {"qcd": features}, tmp_path / "w", tmp_path / "t", threads=1)
    low, high = load(tmp_path / "w").ranges[0]
    assert 10 < low < 11
    assert 69 < high < 70
    with pytest.raises(
        ConfigError, match=rf"energy is 90, trained from {low:g} to {high:g}\. .*--extrapolate"
    ):
        draw(tmp_path / "w", tmp_path / "s.h5", words=["energy=90"])
    with pytest.raises(ConfigError, match="energy is 120, trained"):
        draw(tmp_path / "w", tmp_path / "s.h5", words=["energy=20:120"])
    assert not (tmp_path / "s.h5").exists()
    found = draw(tmp_path / "w", tmp_path / "s.h5", 10, words=["energy=50,90"], extrapolate=True)
    np.testing.assert_array_equal(found["extrapolated"], [0, 1] * 5)
    assert found["attributes"]["extrapolated"] == 5
    request = sample.Request(100, 1, device="cpu", threads=1)
    sample.run(tmp_path / "w", tmp_path / "s.h5", request, manifests={"qcd": features})
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["events/energy"][:].max() < 71
        assert file.attrs["n_outside"] == pytest.approx(2000 * 0.2 / 3, rel=0.25)


def test_classes_are_one_hot(toy, features, tmp_path):
    other = write_features(tmp_path, "top", shift=30.0, seed=3)
    settings = {"datasets": ["qcd", "top"], "inputs": ["x"], "conditions": ["class", "energy"]}
    both = {"qcd": features, "top": other}
    train.run(slice_of(**settings), both, tmp_path / "w", tmp_path / "t.json", threads=1)
    conditions = json.loads((tmp_path / "t.json").read_text())["conditions"]
    assert [one["name"] for one in conditions] == ["class_qcd", "class_top", "energy"]
    means = [
        draw(tmp_path / "w", tmp_path / "s.h5", words=[f"class={name}", "energy=50"])["x"].mean()
        for name in ("qcd", "top")
    ]
    np.testing.assert_allclose(means, [100, 130], atol=1.5)
    with pytest.raises(ConfigError, match=r"--conditions\.class: no dataset 'tops'\. Did you mean 'top'"):
        draw(tmp_path / "w", tmp_path / "s.h5", words=["class=tops", "energy=50"])


def test_an_ensemble_draws_evenly(toy, features, tmp_path):
    train.run(slice_of(**INPUTS, restarts=3), {"qcd": features}, tmp_path / "w", tmp_path / "t", threads=1)
    assert len(json.loads((tmp_path / "t").read_text())["members"]) == 3
    trained = load(tmp_path / "w")
    assert not np.array_equal(*(n.mean.weight.detach().numpy() for n in trained.networks[:2]))
    for number, network in enumerate(trained.networks):
        network.mean.weight.data.zero_()
        network.mean.bias.data.fill_(100.0 * number)
    from resonaut.generate.conditions import from_words
    from resonaut.generate.drawing import blocks

    drawn = np.concatenate(
        [b.values for b in blocks(trained, from_words(["energy=50"], trained), 300, 1, "cpu")]
    )
    members = np.round(drawn[:, 0] / 100).astype(int)
    np.testing.assert_array_equal(members[:256], np.arange(256) % 3)
    np.testing.assert_array_equal(members[256:], np.arange(44) % 3)


def test_a_killed_training_goes_on(toy, features, tmp_path, monkeypatch):
    from resonaut.nn import resume

    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    files = {name: (tmp_path / name / "w", tmp_path / name / "t") for name in ("whole", "killed")}
    settings = slice_of(**INPUTS, restarts=2, training={"epochs": 4, "device": "cpu"})
    train.run(settings, {"qcd": features}, *files["whole"], threads=1)
    write, written = resume.write, []

    def dies(*arguments):
        write(*arguments)
        written.append(arguments)
        if len(written) == 6:
            raise KeyboardInterrupt

    monkeypatch.setattr(resume, "write", dies)
    with pytest.raises(KeyboardInterrupt):
        train.run(settings, {"qcd": features}, *files["killed"], threads=1)
    assert not files["killed"][0].exists()
    train.run(settings, {"qcd": features}, *files["killed"], threads=1)
    assert len(written) == 4 + 2 + 2
    assert files["whole"][0].read_bytes() == files["killed"][0].read_bytes()
    assert files["whole"][1].read_bytes() == files["killed"][1].read_bytes()
    assert not list((tmp_path / "killed").glob(".*"))


# -- wrong input ---------------------------------------------------------------------------------------------


OF_TOY = r"which generate\.toy\.conditions names"


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"conditions": ["energi"]}, MissingBranchError, rf"events/energi, {OF_TOY}\. Did you mean 'energy'"),
        ({"conditions": ["same"]}, ConfigError, r"'same' is 3 in all \d+ training rows"),
        ({"conditions": ["broken"]}, BadValueError, r"events/broken is nan in event \d+, and generate\.toy"),
        ({"conditions": ["jets/pt"]}, InputError, r"jets/pt, .* each jet, but rows are events.*jets/pt/0"),
        ({"conditions": ["jets/pt/2"]}, MissingBranchError, r"jets/pt/2, but 2 jets per event"),
        ({"inputs": ["z"]}, MissingBranchError, r"no events/z, which generate\.toy\.inputs names"),
        ({"conditions": ["x"]}, ConfigError, "'x' is among the inputs too"),
        ({"conditions": ["class"]}, ConfigError, "'class' needs two or more datasets"),
        ({"hold_out": {"theta": [0, 1]}}, ConfigError, r"'theta' is no numeric condition\. Known: energy"),
        ({"hold_out": {"energy": [2, 1]}}, ConfigError, r"hold_out\.energy: \[low, high\]"),
        ({"learn": "showers"}, ConfigError, "inputs: showers are learnt whole"),
        ({"inputs": []}, ConfigError, "inputs: the columns of the features are required"),
    ],
)
def test_settings_that_cannot_be_learnt(toy, features, tmp_path, more, error, message):
    with pytest.raises(error, match=message):
        train.run(
            slice_of(**{**INPUTS, **more}), {"qcd": features}, tmp_path / "w", tmp_path / "t", threads=1
        )
    assert not (tmp_path / "w").exists()


def test_a_method_says_what_it_learns():
    from resonaut.generate.methods.vae import Settings
    from resonaut.settings import validate

    with pytest.raises(ConfigError, match=r"learn: this method learns .*images.*, not clouds"):
        validate(Settings, {"datasets": ["qcd"], "learn": "clouds"}, "generate.vae")


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (["energi=50"], ConfigError, r"generate\.toy has no condition 'energi'\. Did you mean 'energy'"),
        ([], ConfigError, r"generate\.toy is conditional on energy: give values"),
        (["energy=high"], ConfigError, r"--conditions\.energy: a number is expected, got 'high'"),
        (["energy=3:1"], ConfigError, r"low <= high is expected"),
        (["energy=50", "theta"], ConfigError, r"'theta': name=value is expected"),
    ],
)
def test_words_that_are_no_conditions(trained, tmp_path, words, error, message):
    with pytest.raises(error, match=message):
        draw(trained, tmp_path / "s.h5", words=words)


def test_files_that_hold_no_conditions(trained, tmp_path):
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["events/enrgy"] = np.ones(3)
    with pytest.raises(MissingBranchError, match=r"f\.h5: no events/energy.*Did you mean 'enrgy'"):
        draw(trained, tmp_path / "s.h5", words=[str(tmp_path / "f.h5")])
    with h5py.File(tmp_path / "f.h5", "w") as file:
        file["events/energy"] = [20.0, np.inf]
    with pytest.raises(InputError, match=r"energy is inf in row 1"):
        draw(trained, tmp_path / "s.h5", words=[str(tmp_path / "f.h5")])


def test_weights_of_another_representation(trained, features, tmp_path):
    with h5py.File(features.with_suffix(".h5"), "a") as file:
        file.attrs["settings"] = canonical_json({"n_jets": 2, "features": {"tau": False}})
    request = sample.Request(10, 1, device="cpu", threads=1)
    with pytest.raises(MismatchError, match=r"made with {'tau': False}.*was trained on .*{'tau': True}"):
        sample.run(trained, tmp_path / "s.h5", request, manifests={"qcd": features})


def test_weights_of_something_else(trained, tmp_path, capsys):
    from resonaut.nn import checkpoint

    checkpoint.write(tmp_path / "pfn", {}, {"method": "pfn", "task": "binary"})
    drawing = ["--number", "3", "--seed", "1", "--output", str(tmp_path / "s.h5")]
    assert main(["generate", "sample", "--weights", str(tmp_path / "pfn"), *drawing]) == 3
    assert "weights of a generator are expected" in capsys.readouterr().err
    again = ["--conditions", "energy=50", "--device", "cpu", "--threads", "1"]
    assert main(["generate", "sample", "--weights", str(trained), *again, *drawing]) == 0


def test_a_network_that_draws_nan(trained, tmp_path):
    from resonaut.errors import TrainingError
    from resonaut.generate.conditions import from_words
    from resonaut.generate.drawing import blocks

    found = load(trained)
    found.networks[0].mean.bias.data.fill_(float("nan"))
    with pytest.raises(TrainingError, match=r"generate\.toy draws nan; finite values are expected"):
        next(blocks(found, from_words(["energy=50"], found), 10, 1, "cpu"))
