"""Each figure is written twice with equal bytes, and refuses files that are not its own."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from review_files import SETTINGS, head, make_features, make_store
from review_taggers import make_classes, make_regression, make_tag

from resonaut import manifest
from resonaut.cli import main
from resonaut.events import Events
from resonaut.review.draw import ROLES
from resonaut.review.figures import tag_compare
from resonaut.review.figures.represent import FEATURES, chosen_of, features_of
from resonaut.store import writing

STAGES = sorted(ROLES)


def run(stage, words, *outputs, settings=SETTINGS):
    return main(["review", stage, "--settings", json.dumps(settings), *words, "--output", *map(str, outputs)])


@pytest.mark.parametrize("stage", STAGES)
def test_figures_are_made_and_repeat_byte_for_byte(stage, files, tmp_path):
    for folder in ("one", "two"):
        assert run(stage, files[stage], tmp_path / folder / "f.png", tmp_path / folder / "f.pdf") == 0
    png, pdf = ((tmp_path / "one" / f"f.{kind}").read_bytes() for kind in ("png", "pdf"))
    assert png.startswith(b"\x89PNG")
    assert pdf.startswith(b"%PDF")
    assert len(png) > 20_000
    assert b"CreationDate" not in pdf
    assert png == (tmp_path / "two" / "f.png").read_bytes()
    assert pdf == (tmp_path / "two" / "f.pdf").read_bytes()


@pytest.mark.parametrize(
    "make", [make_classes, make_regression, lambda f: make_regression(f, reference=False)]
)
def test_figures_of_taggers_of_other_tasks(make, tmp_path):
    scores, metrics = make(tmp_path)
    words = ["--scores", str(scores), "--metrics", str(metrics)]
    for name in ("one", "two"):
        assert run("tag", words, tmp_path / f"{name}.png") == 0
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert (tmp_path / "one.png").stat().st_size > 20_000


def test_an_unknown_task_is_named(tmp_path, capsys):
    scores, metrics = make_regression(tmp_path)
    with h5py.File(scores, "a") as file:
        file.attrs["task"] = "regresion"
    assert run("tag", ["--scores", str(scores), "--metrics", str(metrics)], tmp_path / "f.png") == 3
    assert "Did you mean 'regression'" in capsys.readouterr().err


def test_metrics_of_an_older_tagger_are_drawn_without_what_they_lack(tmp_path):
    scores, path = make_tag(tmp_path)
    metrics = json.loads(path.read_text())
    for key in ("calibration", "efficiency", "overtraining", "auc_error", "spread"):
        del metrics[key]
    path.write_text(json.dumps(metrics))
    with h5py.File(scores, "a") as file:
        del file["training"]
        del file["jets/restart_scores"]
    assert run("tag", ["--scores", str(scores), "--metrics", str(path)], tmp_path / "f.png") == 0


def test_taggers_of_classes_only_are_a_table(files, tmp_path):
    content = json.loads(Path(files["tag_compare"][1]).read_text())
    del content["taggers"]
    content["classes"] = [{"name": "five", "n_parameters": 1234, "auc": 0.9, "accuracy": 0.8}]
    content["regression"] = [{"name": "mass", "resolution": 0.1, "gain": None}]
    (tmp_path / "c.json").write_text(json.dumps(content))
    assert run("tag_compare", ["--comparison", str(tmp_path / "c.json")], tmp_path / "f.png") == 0
    assert tag_compare.other_words(content["classes"][0]) == ["five", "1 234", "0.9000", "0.8000", "", ""]


def test_more_taggers_than_lines_that_differ_are_refused(files, tmp_path, capsys):
    content = json.loads(Path(files["tag_compare"][1]).read_text())
    content["taggers"] *= 3
    (tmp_path / "c.json").write_text(json.dumps(content))
    assert run("tag_compare", ["--comparison", str(tmp_path / "c.json")], tmp_path / "f.png") == 3
    assert "27 taggers; at most 24" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["infer", "ingest"])
def test_figures_take_the_other_style_and_work_without_names_of_datasets(stage, files, tmp_path):
    settings = {"review": {"style": "ATLAS", "label": "Open data"}}
    assert run(stage, files[stage], tmp_path / "f.png", settings=settings) == 0
    assert (tmp_path / "f.png").stat().st_size > 20_000


@pytest.mark.parametrize("stage", STAGES)
def test_a_missing_file_is_named_and_nothing_is_written(stage, files, tmp_path, capsys):
    role = next(iter(ROLES[stage]))
    words = list(files[stage])
    at = words.index(f"--{role}") + 1
    name, equals, _ = words[at].rpartition("=")
    words[at] = f"{name}{equals}{tmp_path / 'absent.file'}"
    assert run(stage, words, tmp_path / "f.png") == 3
    message = capsys.readouterr().err
    assert f"{tmp_path / 'absent.file'}: no such file." in message
    assert "Traceback" not in message
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stage", STAGES)
def test_a_file_of_another_kind_is_named(stage, files, tmp_path, capsys):
    role = next(iter(ROLES[stage]))
    words = list(files[stage])
    at = words.index(f"--{role}") + 1
    name, equals, path = words[at].rpartition("=")
    # A store's manifest for JSON, spectra or scores for HDF5: real files of another stage.
    store = files["ingest"][1]
    other = files["detect"][1] if path.endswith(".h5") else store
    if path.endswith(".h5") and stage == "detect":
        other = files["hunt"][1]
    if stage in ("simulate", "ingest"):
        other = files["represent"][1].rpartition("=")[2]
    words[at] = f"{name}{equals}{other}"
    assert run(stage, words, tmp_path / "f.png") == 3
    message = capsys.readouterr().err
    assert other in message
    assert "expected" in message
    assert not list(tmp_path.iterdir())


def test_simulate_without_generator_jets_says_so(tmp_path, capsys):
    store = make_store(tmp_path, "qcd", 50, gen_jets=False)
    assert run("simulate", ["--stores", str(store)], tmp_path / "f.png") == 3
    assert "no generator jets" in capsys.readouterr().err


def test_events_of_one_jet_have_a_mass_to_draw(tmp_path):
    path = make_features(tmp_path, "qcd", 200)
    chunk = manifest.read(path).chunks[0]
    with h5py.File(chunk, "a") as file:
        for name in FEATURES:
            del file[f"events/{name}"]
    manifest.write(path, [chunk])
    held = features_of(manifest.read(path))
    assert chosen_of({"qcd": held}) == ["mass"]
    assert run("represent", ["--features", f"qcd={path}"], tmp_path / "f.png") == 0


def test_showers_of_which_the_first_chunk_was_skipped(tmp_path):
    n = 50
    for number, (size, level) in enumerate(((0, "jets"), (n, "showers"))):
        ids = {key: np.ones(size, np.int64) for key in ("run", "lumi")} | {"event": np.arange(size)}
        events = Events({**ids, "gen_weight": np.ones(size)}, {}, np.zeros(size + 1, np.int64))
        if level == "jets":
            events.events["mass"] = np.zeros(size)
        attributes = {**head("store", "qcd", size), "level": level}
        attributes["resonant_variable"] = {"jets": "mjj", "showers": ""}[level]
        with writing(tmp_path / f"{number}.h5", attributes) as writer:
            writer.append(events)
    manifest.write(tmp_path / "qcd.json", [tmp_path / "0.h5", tmp_path / "1.h5"])
    assert run("ingest", ["--stores", str(tmp_path / "qcd.json")], tmp_path / "f.png") == 0


def test_a_manifest_under_another_name_is_refused(files, tmp_path, capsys):
    words = [word.replace("qcd=", "ttbar=") for word in files["represent"]]
    assert run("represent", words, tmp_path / "f.png") == 3
    assert "a manifest of 'ttbar' is expected, got one of 'qcd'" in capsys.readouterr().err
