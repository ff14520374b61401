"""Datasets of files: lists, manifests, chunks, and what can be made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from resonaut import filelist, workflow
from resonaut.config import parse
from resonaut.datasets import FileDataset
from resonaut.errors import ConfigError, MissingFileError
from resonaut.settings import validate


def dataset(**keys: Any) -> FileDataset:
    return validate(FileDataset, keys, "d")


def test_groups_of_files(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.root").touch()
    found = dataset(files=[f"{tmp_path}/*.root", "root://host//far.root"], files_per_chunk=4)
    names = [[Path(file.path).name for file in group] for group in found.chunk_files]
    assert names == [["0.root", "1.root", "2.root", "3.root"], ["4.root", "far.root"]]
    assert found.local_paths(1) == [str(tmp_path / "4.root")]


def test_absent_files(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.root")
    with pytest.raises(MissingFileError, match=r"absent.root' matches no file"):
        list(dataset(files=[absent]).listed)
    skipping = dataset(files=[absent], on_bad_file="skip")
    assert [file.path for file in skipping.listed] == [absent]
    assert skipping.local_paths(0) == []


def test_manifest(tmp_path: Path) -> None:
    entries = [filelist.InputFile(str(tmp_path / "a.root"), 12, "adler32:00000001", 7)]
    entries.append(filelist.InputFile("s3://b/c.root"))
    filelist.write(tmp_path / "files.json", entries, luminosity_fb=36.3)
    found = dataset(manifest=str(tmp_path / "files.json"), files_per_chunk=2)
    assert found.listed[0] == filelist.InputFile(str(tmp_path / "a.root"), 12, "adler32:00000001", 7)
    assert found.luminosity_fb() == 36.3
    assert dataset(manifest=str(tmp_path / "files.json"), luminosity=5.0).luminosity_fb() == 5.0
    with pytest.raises(MissingFileError, match=r"none.json': no such file.*resonaut files"):
        list(dataset(manifest=str(tmp_path / "none.json")).listed)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "one of the keys 'files' and 'manifest' is required"),
        ({"files": ["a"], "manifest": "b"}, "one of the keys 'files' and 'manifest' is required"),
        ({"files": ["https://h/[ab].h5?x=1"]}, "are not expanded while a study is planned"),
        ({"files": ["root://h//x/*.root"]}, r"resonaut files 'root://h//x/\*.root' --output files.json"),
        ({"files": ["a"], "reader": "nanoad"}, "Did you mean 'nanoaod'"),
        (
            {"files": ["a"], "reader": "delphes", "options": {"candidate": 1}},
            "options.candidate: unknown key",
        ),
        ({"files": ["a"], "on_bad_file": "ignore"}, "on_bad_file"),
    ],
)
def test_bad_datasets(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        dataset(**keys)


@pytest.mark.parametrize(
    "url", ["https://zenodo.org/records/1/files/x.h5?download=1", "https://[::1]:8/x.h5"]
)
def test_a_query_is_no_pattern(url: str) -> None:
    assert [file.path for file in dataset(files=[url]).listed] == [url]


def test_a_file_with_brackets_in_its_name_is_itself(tmp_path: Path) -> None:
    for name in ("[x].root", "x.root"):
        (tmp_path / name).touch()
    assert [file.path for file in dataset(files=[f"{tmp_path}/[x].root"]).listed] == [f"{tmp_path}/[x].root"]


def test_files_are_looked_up_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        (tmp_path / f"{number}.root").touch()
    plan = workflow.Plan(parse(study(source="files", files=[f"{tmp_path}/*.root"])))
    chunks = plan.study.chunks("data")
    # A plan that looks again for each chunk takes minutes for some thousand files.
    monkeypatch.setattr("glob.glob", lambda *_, **__: pytest.fail("looked again"))
    assert [plan.local_files("data", "nominal", chunk) for chunk in chunks] == [
        [f"{tmp_path}/{number}.root"] for number in range(3)
    ]


def study(**data: Any) -> dict[str, Any]:
    return {"study": "s", "datasets": {"data": data}}


def test_a_table_is_features_only() -> None:
    raw = study(source="table", files=["t.npy"], columns=["mjj", "x"], mass="mjj")
    found = parse(raw)
    assert found.datasets["data"].representations == ("features",)
    task = json.loads(found.slice("ingest", dataset="data"))
    assert task["reader"] == "table"
    assert task["options"]["mass"] == "mjj"
    with pytest.raises(ConfigError, match=r"reader: not a key of 'source: table'"):
        parse(study(source="table", files=["t.npy"], mass="mjj", reader="flat"))
    for keys, message in (
        ({"weigth": "w"}, r"datasets.data.weigth: unknown key. Did you mean 'weight'\?"),
        ({"label_column": "x"}, r"datasets.data: 'label_column' and 'label_names' go together"),
        ({"scale": 2}, r"datasets.data.scale: Input should be a valid dictionary"),
        ({"settings": {}}, r"datasets.data.settings: unknown key. Known: classes, columns"),
    ):
        with pytest.raises(ConfigError, match=message):
            parse(study(source="table", files=["t.npy"], mass="mjj", columns=["mjj", "x"], **keys))
    raw["datasets"]["other"] = {"source": "files", "files": ["o.root"]}
    with pytest.raises(ConfigError, match=r"tag.pfn: clouds are needed, but of dataset 'data' features can"):
        parse({**raw, "tag": {"pfn": {"signal": ["data"], "background": ["other"]}}})


def test_jets_without_constituents_are_features_only() -> None:
    raw = study(source="files", files=["p.root"], reader="physlite", represent=["features"])
    plan = workflow.Plan(parse(raw))
    assert plan.study.datasets["data"].representations == ("features",)


def test_pictures_are_images_only() -> None:
    options = {"images": "x", "labels": "y", "label_names": ["a", "b", "c"]}
    raw = {"study": "s", "datasets": {}, "tag": {}}
    for name in options["label_names"]:
        entry = {"source": "files", "files": ["p.h5"], "reader": "images", "options": options}
        raw["datasets"][name] = {**entry, "label": name, "classes": [name]}
    raw["tag"]["cnn"] = {"classes": {name: [name] for name in raw["datasets"]}, "inputs": ["intensity"]}
    plan = workflow.Plan(parse(raw))
    assert plan.study.datasets["a"].settings.level == "images"
    assert plan.study.datasets["a"].representations == ("images",)
    assert json.loads(plan.settings("ingest", dataset="b"))["classes"] == ["b"]
    assert plan.inputs_of("tag", "cnn") == ("images", ["a", "b", "c"])
    with pytest.raises(ConfigError, match=r"tag.pfn: clouds are needed, but of dataset 'a' images can"):
        parse({**raw, "tag": {"pfn": {"signal": ["a"], "background": ["b"]}}})
    raw["datasets"]["a"]["options"] = {"image": "x"}
    with pytest.raises(ConfigError, match=r"datasets.a.options.image: unknown key. Did you mean 'images'"):
        parse(raw)


def test_the_files_of_a_chunk_reach_its_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.root").touch()
    plan = workflow.Plan(
        parse(study(source="files", files=["a.root", "root://h//b.root"], files_per_chunk=2))
    )
    assert plan.local_files("data", "nominal", "000/000000") == ["a.root"]
    listed = filelist.read_text(plan.file_list("data", "nominal", "000/000000"))
    assert [file.path for file in listed.files] == ["a.root", "root://h//b.root"]
    # Which files there are is no part of the settings: a new file reruns its own chunk only.
    assert "a.root" not in plan.settings("ingest", dataset="data")
