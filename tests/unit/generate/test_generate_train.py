"""Train, draw, reload: on toy images, through the files that the workflow uses."""

import json

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import BadValueError, ConfigError, EmptyFileError, InputError, TrainingError
from resonaut.files import canonical_json
from resonaut.generate import reading, sample, train
from resonaut.generate.methods.vae import Settings
from resonaut.nn.splits import part_of
from resonaut.seeds import event_hash

SIZE = 8


def toy(n, seed):
    """A hard pixel near the centre and soft ones along the vertical, more of them above than below."""
    rng = np.random.default_rng(seed)
    images = np.zeros((n, SIZE, SIZE))
    share = np.linspace(0.1, 0.8, SIZE)
    images[:, 3] = rng.exponential(0.3, (n, SIZE)) * (rng.random((n, SIZE)) < share)
    images[:, 3, 4] += 1 + rng.exponential(1.0, n)
    return (images / images.sum((1, 2), keepdims=True)).astype(np.float32)


def write_images(folder, n_events, *, name="qcd", n_chunks=2, kind="images", spoil=None, half_width=1.0):
    paths = []
    for chunk in range(n_chunks):
        size = n_events // n_chunks
        path = folder / f"{name}_{chunk}.h5"
        with h5py.File(path, "w") as file:
            file.attrs.update(
                {"kind": kind, "dataset": name, "label": name, "n_events": size, "sum_weights": 1.0}
            )
            file.attrs.update({"n_generated": size, "cut_flow": '{"read": 1}'})
            settings = {"n_pixels": SIZE, "half_width": half_width, "normalise": True}
            file.attrs["settings"] = canonical_json({"n_jets": 2, "images": settings})
            for key in ("run", "lumi"):
                file[f"events/{key}"] = np.ones(size, np.int64)
            file["events/event"] = np.arange(size) + chunk * size
            file["images"] = toy(2 * size, chunk).reshape(size, 2, SIZE, SIZE)
            if spoil is not None:
                spoil(file)
        paths.append(path)
    manifest.write(folder / f"{name}.json", paths)
    return folder / f"{name}.json"


def slice_of(**more):
    training = {"epochs": 12, "batch_size": 128, "learning_rate": 3e-3, "device": "cpu"}
    settings = {"datasets": ["qcd"], "hidden": [32], "n_latent": 4, "training": training}
    return {"method": "toy", "kind": "vae", "seed": 5, "settings": {**settings, **more}}


def outputs(folder):
    return [folder / name for name in ("w.safetensors", "t.json")]


def draw(weights, path, number=2000, seed=1):
    """Samples (number, P, P)."""
    sample.run(weights, path, sample.Request(number, seed, device="cpu", threads=1))
    with h5py.File(path) as file:
        return file["images"][:, 0]


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"), 3000)


@pytest.fixture(scope="module")
def trained(images, tmp_path_factory):
    files = outputs(tmp_path_factory.mktemp("trained"))
    train.run(slice_of(), {"qcd": images}, *files, threads=1)
    return files


def test_samples_are_physical_and_have_the_mean_image(trained, tmp_path):
    drawn = draw(trained[0], tmp_path / "g.h5")
    assert drawn.shape == (2000, SIZE, SIZE)
    assert drawn.min() == 0
    np.testing.assert_allclose(drawn.sum((1, 2)), 1, rtol=1e-5)
    real = toy(20_000, 99)
    np.testing.assert_allclose((drawn > 0).mean(0), (real > 0).mean(0), atol=0.06)
    assert np.abs(drawn.mean(0) - real.mean(0)).sum() < 0.08
    assert np.abs(real.mean(0) - real.mean(0)[:, ::-1]).sum() > 0.5


def test_training_names_losses_rows_and_parameters(trained):
    training = json.loads(trained[1].read_text())
    losses = [epoch["validation_loss"] for epoch in training["history"]]
    assert losses[training["best_epoch"] - 1] == min(losses) < losses[0]
    sizes = [(128, 32), (32, 8), (4, 32), (32, 192)]
    assert training["n_parameters"] == sum((a + 1) * b for a, b in sizes)
    assert sum(training["n_rows"].values()) == 6000
    assert (training["learn"], training["conditions"]) == ("images", [])


def read(images, n_rows_max):
    settings = Settings(datasets=("qcd",), n_rows_max=n_rows_max)
    return reading.read({"qcd": images}, settings, 5, "generate.toy")


def test_parts_hold_whole_events(images):
    jets = read(images, 10_000)
    event = np.arange(3000)
    expected = part_of(event_hash("qcd", event * 0 + 1, event * 0 + 1, event, 5, "generate split"))
    np.testing.assert_array_equal(jets.part, np.repeat(expected, 2))
    both = np.concatenate([toy(3000, 0), toy(3000, 1)])
    np.testing.assert_array_equal(jets.values, both)


def test_choice_keeps_whole_events_with_their_images(images):
    jets = read(images, 301)
    event = np.arange(3000)
    order = np.argsort(event_hash("qcd", event * 0 + 1, event * 0 + 1, event, 5, "generate choice"))
    chosen = np.sort(order[:150])
    both = np.concatenate([toy(3000, 0), toy(3000, 1)]).reshape(3000, 2, SIZE, SIZE)
    np.testing.assert_array_equal(jets.values, both[chosen].reshape(-1, SIZE, SIZE))


def test_two_runs_give_the_same_bytes(images, trained, tmp_path):
    again = outputs(tmp_path)
    train.run(slice_of(), {"qcd": images}, *again, threads=1)
    for first, second in zip(trained, again, strict=True):
        assert first.read_bytes() == second.read_bytes()
    for name in ("one", "two"):
        draw(again[0], tmp_path / f"{name}.h5", 300)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()


def test_reloaded_weights_draw_the_same_images(trained, tmp_path):
    more, fewer = (draw(trained[0], tmp_path / f"{n}.h5", n, seed=1) for n in (1500, 100))
    other = draw(trained[0], tmp_path / "other.h5", 100, seed=2)
    assert len(more) == 1500
    np.testing.assert_array_equal(more[:100], fewer)
    assert not np.array_equal(fewer, other)
    np.testing.assert_allclose(more.mean(0), draw(trained[0], tmp_path / "g.h5").mean(0), atol=0.02)


def test_command_line(images, tmp_path):
    weights, training = map(str, outputs(tmp_path))
    text = canonical_json(slice_of(n_rows_max=300, training={"epochs": 1, "device": "cpu"}))
    learnt = ["--images", f"qcd={images}", "--weights", weights, "--training", training]
    assert main(["generate", "train", "--settings", text, *learnt]) == 0
    drawing = ["--number", "7", "--seed", "1", "--output", str(tmp_path / "more.h5")]
    assert main(["generate", "sample", "--weights", weights, *drawing]) == 0
    assert (tmp_path / "more.h5.run.json").exists()


# -- wrong input ---------------------------------------------------------------------------------------------


def fails(error, message, paths, folder, **more):
    files = outputs(folder)
    with pytest.raises(error, match=message):
        train.run(slice_of(**more), paths, *files, threads=1)
    assert not any(path.exists() for path in files)


def test_dataset_without_images(images, tmp_path):
    fails(
        *(ConfigError, r"generate\.toy\.datasets: no images of 'top'", {"qcd": images}, tmp_path),
        datasets=["top"],
    )


def test_manifest_of_another_kind_or_dataset(tmp_path):
    other = write_images(tmp_path, 20, kind="clouds")
    fails(InputError, "a manifest of 'images' is expected", {"qcd": other}, tmp_path)
    other = write_images(tmp_path, 20, name="top")
    fails(InputError, "manifest of 'top' is given for the dataset 'qcd'", {"qcd": other}, tmp_path)


@pytest.mark.parametrize(("value", "shown"), [(np.nan, "nan"), (-0.5, "-0.5")])
def test_bad_pixel_is_named(value, shown, tmp_path):
    def spoil(file):
        file["images"][7, 1, 3, 2] = value

    bad = write_images(tmp_path, 20, n_chunks=1, spoil=spoil)
    fails(BadValueError, rf"qcd_0\.h5: images\[7, 1, 3, 2\] is {shown}", {"qcd": bad}, tmp_path)


def no_events(file):
    for name in ("images", "events/run", "events/lumi", "events/event"):
        shape, kind = file[name].shape, file[name].dtype
        del file[name]
        file[name] = np.zeros((0, *shape[1:]), kind)


def test_no_jets(tmp_path):
    empty = write_images(tmp_path, 20, spoil=no_events)
    fails(EmptyFileError, r"generate\.toy\.datasets: 'qcd' .* holds no rows", {"qcd": empty}, tmp_path)


def test_too_few_jets(tmp_path):
    few = write_images(tmp_path, 2)
    fails(TrainingError, r"part holds no rows \(4 in all parts\)", {"qcd": few}, tmp_path)


def test_chunks_made_differently(tmp_path):
    def spoil(file):
        if file.filename.endswith("qcd_1.h5"):
            file.attrs["settings"] = canonical_json({"images": {"half_width": 2.0, "normalise": True}})

    mixed = write_images(tmp_path, 20, spoil=spoil)
    fails(InputError, r"qcd_1\.h5: images .*'half_width': 2\.0", {"qcd": mixed}, tmp_path)


def test_no_samples_wanted(trained, tmp_path):
    with pytest.raises(ConfigError, match="--number: 1 or more is expected, got 0"):
        draw(trained[0], tmp_path / "x.h5", 0)
