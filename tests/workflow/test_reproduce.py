"""A study is archived, checked and run again in a clean folder, and a changed number is found."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile

import pytest
from test_tables import write_events, write_labelled

from resonaut.archive import layout, reproduce_numbers

DATA = ("events.npy", "labelled.csv")
NUMBER = "/best/z_local"


def tampered(source, target, name: str, change) -> None:
    """Copy an archive with one JSON file changed, and with checksums that fit."""
    with zipfile.ZipFile(source) as archive:
        files = {entry: archive.read(entry) for entry in archive.namelist() if entry != layout.SUMS}
    value = json.loads(files[name])
    change(value)
    files[name] = json.dumps(value).encode()
    sums = {entry: hashlib.sha256(content).hexdigest() for entry, content in files.items()}
    files[layout.SUMS] = "".join(f"{sums[entry]}  {entry}\n" for entry in sorted(sums)).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in sorted(files.items()):
            archive.writestr(entry, content)


def reproduce(clone, archive, folder, *arguments: str, check: bool = True):
    done = clone.resonaut("reproduce", str(archive), "--folder", str(folder), *arguments, check=check)
    report = folder / "reproduction.json"
    return done, json.loads(report.read_text()) if report.exists() else None


def test_a_study_of_tables_comes_back_from_its_archive(root, clone, tmp_path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_events(data / DATA[0])
    write_labelled(data / DATA[1])
    for name in DATA:
        shutil.copy2(data / name, clone.folder / name)
    shutil.copy2(root / "tests/workflow/table.yaml", clone.config)
    # One search and few toys: what is tested is the way there and back.
    clone.edit("study.yaml", "methods: [cwola, likelihood]", "methods: [likelihood]")
    with clone.config.open("a") as file:
        file.write("\ninfer:\n  validation: {n_toys: 50}\n")
    clone.resonaut("run", "--configfile", "study.yaml", "--cores", "2", "--", "archive")
    clone.resonaut("archive", "--configfile", "study.yaml", "--no-report")
    archive = clone.folder / "results/table/archive.zip"
    checked = clone.resonaut("verify", str(archive)).stdout
    assert "checks passed" in checked
    # The inputs are not in the archive: they are known by their checksums, under any name.
    (data / DATA[0]).rename(data / "renamed.npy")
    done, _ = reproduce(clone, archive, tmp_path / "without", check=False)
    assert done.returncode == 3
    assert "2 inputs are not in the archive" in done.stdout
    done, report = reproduce(clone, archive, tmp_path / "again", "--cores", "1", "--data", str(data))
    assert "reproduced." in done.stdout
    assert report["agrees"] is True
    assert report["judged_as"] == "same machine type"
    assert report["software"]["sources"] == "source/ of the archive"
    assert report["not_identical"] == []
    assert report["n_numbers"] > 500
    assert report["arrays"]["n_equal"] > 5
    assert report["arrays"]["different"] == report["arrays"]["not_made"] == []
    again = tmp_path / "again"
    assert clone.resonaut("compare", "results/table", str(again / "clone/results/table")).returncode == 0
    _a_changed_number_is_found(clone, archive, again, tmp_path)


def _a_changed_number_is_found(clone, archive, folder, tmp_path) -> None:
    """By `verify` from the results, by `reproduce` and `compare` from the new run, behind right checksums."""
    name = "results/table/infer/data/likelihood/significance.json"
    forged = tmp_path / "forged.zip"
    tampered(
        archive, forged, layout.NUMBERS, lambda value: value["numbers"][name][NUMBER].__setitem__(0, 99.0)
    )
    done = clone.resonaut("verify", str(forged), check=False)
    assert done.returncode == 1
    assert f"{name}{NUMBER} is " in done.stdout
    with zipfile.ZipFile(forged) as file:
        numbers = json.loads(file.read(layout.NUMBERS))["numbers"]
    found = reproduce_numbers.judge(numbers, folder / "archive", folder / "clone")
    (judgement,) = found.judgements
    assert (judgement.pointer, judgement.verdict, judgement.old) == (NUMBER, "outside", 99.0)
    tampered(archive, forged, name, lambda value: value["best"].update(z_local=99.0))
    done = clone.resonaut("compare", str(forged), str(folder / "clone/results/table"), check=False)
    assert done.returncode == 1
    assert "99 sigma" in done.stdout


@pytest.mark.full
def test_the_tiny_study_comes_back_and_a_forged_number_does_not(finished, tmp_path) -> None:
    finished.resonaut("run", "--configfile", "study.yaml", "--cores", "2", "--", "archive")
    finished.resonaut("archive", "--configfile", "study.yaml", "--no-report")
    archive = finished.folder / "results/tiny/archive.zip"
    _, report = reproduce(finished, archive, tmp_path / "again")
    assert report["agrees"] is True
    assert report["not_identical"] == []
    assert report["arrays"]["different"] == []
    name = "results/tiny/infer/data/cwola/significance.json"
    forged = tmp_path / "forged.zip"

    def change(value) -> None:
        value["numbers"][name][NUMBER][0] += 1.0

    tampered(archive, forged, layout.NUMBERS, change)
    done, report = reproduce(finished, forged, tmp_path / "forged", check=False)
    assert done.returncode == 1
    (found,) = report["not_identical"]
    assert (found["pointer"], found["verdict"]) == (NUMBER, "statistical")
    assert "NOT reproduced" in done.stdout
