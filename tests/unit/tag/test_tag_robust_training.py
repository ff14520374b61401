"""Robust training does what it is for: one feature of Gaussian events is shifted, or follows a variable."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.errors import ConfigError
from resonaut.files import canonical_json
from resonaut.tag import networks, train

N_EVENTS = 4000
SHIFT = 1.0
TRAINING = {"epochs": 8, "batch_size": 256, "learning_rate": 5e-3, "device": "cpu"}


def write(folder, name, shift):
    """Features: `a` separates best and is shifted, `b` separates as well and is not, `m` is `a` and noise."""
    rng = np.random.default_rng(len(name))
    signal = float(name == "signal")
    values = {column: rng.normal(1.5 * signal, 1.0, N_EVENTS) for column in "ab"}
    # Of the background alone: what is selected by `a` has another `m`.
    values["m"] = values["a"] * (1 - signal) + rng.normal(0, 0.5, N_EVENTS)
    values["a"] = values["a"] + shift
    path = folder / f"{name}.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "features", "dataset": name, "label": name, "n_events": N_EVENTS})
        file.attrs.update({"sum_weights": 1.0, "n_generated": N_EVENTS, "cut_flow": '{"read": 1}'})
        file.attrs["settings"] = canonical_json({"n_jets": 1, "features": {}, "selection": {}})
        for key in ("run", "lumi"):
            file[f"events/{key}"] = np.ones(N_EVENTS, np.int64)
        file["events/event"] = np.arange(N_EVENTS)
        for column, value in values.items():
            file[f"events/{column}"] = value
    manifest.write(folder / f"{name}.json", [path])
    return folder / f"{name}.json"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    found = {}
    for variation, shift in (("nominal", 0.0), ("up", SHIFT), ("down", -SHIFT)):
        folder = tmp_path_factory.mktemp(variation)
        for name in ("signal", "background"):
            found[f"{variation}/{name}"] = write(folder, name, shift)
    return found


def trained(files, folder, robust, **more):
    settings = {
        "training": TRAINING,
        "signal": ["signal"],
        "background": ["background"],
        "inputs": ["a", "b"],
        "hidden": [16, 16],
    }
    slice_ = {"method": "toy", "kind": "dense", "seed": 3}
    slice_["settings"] = {**settings, "robust": robust, **more}
    varied = {}
    if robust and robust.get("variations"):
        slice_["sigma"] = {"up": 1.0, "down": -1.0}
        varied = {key: path for key, path in files.items() if not key.startswith("nominal")}
    inputs = {name: files[f"nominal/{name}"] for name in ("signal", "background")}
    outputs = [folder / name for name in ("w.safetensors", "s.h5", "t.json")]
    train.run(slice_, inputs, *outputs, more=train.More(varied=varied))
    return outputs


def efficiency_change(files, outputs):
    """Relative change of the background that passes half of the signal, when the feature is shifted up."""
    import torch

    network = networks.load(outputs[0]).networks[0]

    def logits(name, variation):
        with h5py.File(files[f"{variation}/{name}"].with_suffix(".h5")) as file:
            values = np.stack([file[f"events/{column}"][:] for column in "ab"], axis=1)
        with torch.no_grad():
            return network(torch.from_numpy(values.astype(np.float32))).numpy()

    threshold = np.median(logits("signal", "nominal"))
    nominal, varied = (np.mean(logits("background", v) > threshold) for v in ("nominal", "up"))
    return abs(varied / nominal - 1)


@pytest.fixture(scope="module")
def plain_change(files, tmp_path_factory):
    return efficiency_change(files, trained(files, tmp_path_factory.mktemp("plain"), None))


VARIATIONS = {"variations": ["up", "down"]}


@pytest.mark.parametrize(
    ("robust", "kept"),
    [
        # Varied rows only make the feature as if it were wider: variance 1 + 2/3 in the place of 1.
        ({"method": "augmentation", **VARIATIONS}, 0.8),
        pytest.param(
            {"method": "adversarial", "strength": 20, "hidden": [16], **VARIATIONS},
            0.5,
            marks=pytest.mark.full,
        ),
        pytest.param({"method": "disco", "strength": 100, **VARIATIONS}, 0.5, marks=pytest.mark.full),
    ],
)
def test_a_robust_tagger_minds_the_shift_less(files, tmp_path, plain_change, robust, kept):
    assert plain_change > 1.0
    assert efficiency_change(files, trained(files, tmp_path, robust)) < kept * plain_change


def test_a_parametrised_tagger_stands_where_it_is_told(files, tmp_path):
    import torch

    outputs = trained(
        files, tmp_path, {"method": "parametrised", **VARIATIONS}, training={**TRAINING, "epochs": 5}
    )
    network = networks.load(outputs[0]).networks[0]
    x = torch.tensor([[0.5, 0.0]])
    with torch.no_grad():
        at = [network(torch.cat([x, torch.tensor([[v]])], dim=1)).item() for v in (-1.0, 0.0, 1.0)]
        there = network(x).item()
    assert there == at[1]
    # The best logit has 1.5 (a - shift): a jet of the same `a` is less like signal if it was moved up.
    assert at[0] - at[1] == pytest.approx(1.5, rel=0.3)
    assert at[1] - at[2] == pytest.approx(1.5, rel=0.3)


def selected_m(files, outputs):
    """Mean `m` of the test background with the half of the scores that are most like signal, less all."""
    with h5py.File(outputs[1]) as scores, h5py.File(files["nominal/background"].with_suffix(".h5")) as file:
        background = scores["jets/label"][:] == 0
        score, event = scores["jets/score"][:][background], scores["jets/event"][:][background]
        m = file["events/m"][:][event]
    return m[score > np.quantile(score, 0.8)].mean() - m.mean()


@pytest.mark.parametrize(
    "robust",
    [
        pytest.param({"method": "disco", "against": "m", "strength": 100}, marks=pytest.mark.full),
        {"method": "adversarial", "against": "m", "strength": 20, "hidden": [32, 32]},
    ],
)
def test_selected_background_follows_the_variable_less(files, tmp_path, tmp_path_factory, robust):
    plain = selected_m(files, trained(files, tmp_path_factory.mktemp("plain"), None))
    assert plain > 0.7
    training = {**TRAINING, "epochs": 16}
    assert abs(selected_m(files, trained(files, tmp_path, robust, training=training))) < 0.5 * plain


def test_planing_takes_away_what_the_variable_alone_tells(files, tmp_path):
    def auc(robust, folder):
        folder.mkdir()
        outputs = trained(files, folder, robust, inputs=["m"])
        with h5py.File(outputs[1]) as scores:
            label, score, event = (scores[f"jets/{name}"][:] for name in ("label", "score", "event"))
        m = np.zeros(len(label))
        for number, name in enumerate(("background", "signal")):
            with h5py.File(files[f"nominal/{name}"].with_suffix(".h5")) as file:
                m[label == number] = file["events/m"][:][event[label == number]]
        # Beyond, there is background alone, which no weights hide.
        label, score = label[np.abs(m) < 1], score[np.abs(m) < 1]
        order = np.argsort(np.argsort(score))
        n = (label == 1).sum()
        return (order[label == 1].sum() - n * (n - 1) / 2) / (n * (len(label) - n))

    # The background is wider than the signal: a network sees that, and after planing sees nothing.
    assert auc(None, tmp_path / "plain") > 0.57
    planed = auc({"method": "planing", "against": "m", "n_bins": 20}, tmp_path / "planed")
    assert planed == pytest.approx(0.5, abs=0.07)


def test_missing_varied_rows_and_columns_are_named(files, tmp_path):
    with pytest.raises(
        ConfigError, match="'up/background' is not given; add --varied up/background=MANIFEST"
    ):
        trained({key: path for key, path in files.items() if key != "up/background"}, tmp_path,
                {"method": "augmentation", **VARIATIONS})  # fmt: skip
