"""`resonaut reproduce`: numbers judged by their kind, inputs found by checksum, nothing changed is run."""

from __future__ import annotations

import copy
import json

import pytest
import small_archive
import yaml

from resonaut.archive import layout, reproduce_report
from resonaut.archive.reproduce import ReproductionError, reproduce, run_workflow
from resonaut.errors import InputError, OutputError

SIGNIFICANCE = "infer/data/cwola/significance.json"
METRICS = "tag/pfn/metrics.json"
MANIFEST = "ingest/qcd/nominal/manifest.json"
ALL = {**small_archive.RESULTS}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return small_archive.contents()


@pytest.fixture
def data(tmp_path):
    """A folder that holds the input under another name."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "renamed.npy").write_bytes(small_archive.INPUT)
    (folder / "a-of-the-same-size.npy").write_bytes(small_archive.INPUT[::-1])
    return folder


def runner_of(files, change=lambda results: None):
    """A stand-in for the workflow: it writes the archived results, changed."""
    results = copy.deepcopy(ALL)
    change(results)
    base = "results/mini/infer/data/cwola/workspaces"
    fixed = {name: files[name] for name in files if name.startswith(base)}

    def run(clone, targets, cores) -> None:
        assert (clone / "Snakefile").read_bytes() == b"# none\n"
        assert (clone / "events.npy").read_bytes() == small_archive.INPUT
        assert yaml.safe_load((clone / "study.yaml").read_text())["study"] == "mini"
        assert list(targets) == [
            *("ingest", "represent", "tag", "tune"),
            *("generate", "detect", "hunt", "infer"),
        ]
        assert cores == "1"
        for path, value in results.items():
            target = clone / "results/mini" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(value))
        for name, content in fixed.items():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            (clone / name).write_bytes(content)

    return run


def reproduced(files, tmp_path, data, change=lambda results: None, same_machine=None):
    archive = small_archive.write(tmp_path / "a.zip", files)
    runner = runner_of(files, change)
    return reproduce(archive, tmp_path / "again", "1", [data], same_machine, runner)


def test_equal_results_are_reproduced(files, tmp_path, data) -> None:
    found = reproduced(files, tmp_path, data)
    numbers = sum(len(v) for v in json.loads(files[layout.NUMBERS])["numbers"].values())
    assert found.agrees
    assert found.same_machine
    assert found.numbers.n == found.numbers.count("identical") == numbers > 20
    assert found.seconds_before == 12.5
    assert found.software.differences == []
    assert found.software.sources == "source/ of the archive"
    (entry,) = found.inputs
    assert (entry.path, entry.used, entry.found) == (
        "events.npy",
        "events.npy",
        str((data / "renamed.npy").resolve()),
    )
    assert "reproduced." in reproduce_report.text(found)
    report = reproduce_report.report(found)
    assert report["agrees"] is True
    json.dumps(report, allow_nan=False)


# What happens to a result, and what that is on the same and on another machine type.
CHANGED = {
    "a fit by 1e-6": (SIGNIFICANCE, ("best", "signal", "events"), 67.5 * (1 + 1e-6), "within"),
    "a fit by its error": (SIGNIFICANCE, ("best", "signal", "events"), 67.5 + 12.6, "statistical"),
    "a fit by three errors": (SIGNIFICANCE, ("best", "signal", "events"), 67.5 + 3 * 12.6, "outside"),
    "a significance by 1": (SIGNIFICANCE, ("best", "z_local"), 4.8, "statistical"),
    "a significance by 3": (SIGNIFICANCE, ("best", "z_local"), 2.8, "outside"),
    "a p-value by half": (SIGNIFICANCE, ("best", "p_value"), 1.65e-9, "statistical"),
    "a p-value by a million": (SIGNIFICANCE, ("best", "p_value"), 3.3e-3, "outside"),
    "a limit in its band": (SIGNIFICANCE, ("best", "upper_limit", "observed"), 96.0, "statistical"),
    "a count by its root": (SIGNIFICANCE, ("best", "observed"), 140, "statistical"),
    "a count by three roots": (SIGNIFICANCE, ("best", "observed"), 165, "outside"),
    "an AUC by its error": (METRICS, ("auc",), 0.904, "statistical"),
    "a loss without an error": (METRICS, ("history", 0, "train_loss"), 0.6, "unjudged"),
    "a count before trainings": (MANIFEST, ("cut_flow", "kept"), 91, "outside"),
    "a sum before trainings": (MANIFEST, ("sum_weights",), 12.5001, "outside"),
    "a truth value": (SIGNIFICANCE, ("best", "closure", "passes"), False, "unjudged"),
    "a number that is null now": (METRICS, ("auc",), None, "missing"),
}
PASSES = {"within": (True, True), "statistical": (False, True), "unjudged": (False, True)}
PASSES |= {"outside": (False, False), "missing": (False, False)}


@pytest.mark.parametrize("case", CHANGED)
@pytest.mark.parametrize("same_machine", [True, False])
def test_a_changed_number_is_judged_by_its_kind(files, tmp_path, data, case, same_machine) -> None:
    path, keys, value, verdict = CHANGED[case]

    def change(results) -> None:
        target = results[path]
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value

    found = reproduced(files, tmp_path, data, change, same_machine)
    (judgement,) = found.numbers.judgements
    assert judgement.verdict == verdict
    assert judgement.pointer == "/" + "/".join(map(str, keys))
    assert judgement.new == value
    assert found.agrees == PASSES[verdict][0 if same_machine else 1]
    text = reproduce_report.text(found)
    assert ("NOT reproduced" in text) != found.agrees
    if not found.agrees:
        assert f"{judgement.pointer}: {judgement.old} then, {value} now" in text
    assert ("--machine other" in text) == (same_machine and verdict in ("statistical", "unjudged"))


def test_missing_and_new_results_are_named(files, tmp_path, data) -> None:
    def change(results) -> None:
        del results[METRICS]
        results[SIGNIFICANCE]["best"]["new"] = 1.0

    found = reproduced(files, tmp_path, data, change, same_machine=False)
    assert {judgement.path for judgement in found.numbers.judgements} == {f"results/mini/{METRICS}"}
    assert found.numbers.count("missing") == 5
    assert found.numbers.added == [f"results/mini/{SIGNIFICANCE}/best/new"]
    assert not found.agrees


def test_arrays_count_on_the_same_machine_type_only(files, tmp_path, data) -> None:
    name = "results/mini/tag/pfn/scores.h5"
    sums = files[layout.STUDY_SUMS] + f"{small_archive.sha(b'then')}  {name}\n".encode()
    changed = {
        **files,
        layout.STUDY_SUMS: b"".join(sorted(sums.splitlines(True), key=lambda line: line[66:])),
    }
    plain = runner_of(files)

    def run(clone, targets, cores) -> None:
        plain(clone, targets, cores)
        (clone / name).write_bytes(b"now")

    archive = small_archive.write(tmp_path / "a.zip", changed)
    same = reproduce(archive, tmp_path / "same", "1", [data], True, run)
    other = reproduce(archive, tmp_path / "other", "1", [data], False, run)
    assert same.files.different == [name]
    assert not same.agrees
    assert other.agrees


def test_other_versions_make_another_machine_type(files, tmp_path, data) -> None:
    environment = json.loads(files[layout.ENVIRONMENT])
    environment["versions"]["numpy"] = "1.0"
    environment["platform"]["machine"] = "vax"
    changed = {**files, layout.ENVIRONMENT: small_archive.as_json(environment)}
    found = reproduced(changed, tmp_path, data)
    assert not found.same_machine
    assert any(line.startswith("machine: vax then,") for line in found.software.differences)
    assert any(line.startswith("numpy: 1.0 then,") for line in found.software.differences)


def test_an_archive_without_sources_takes_those_of_this_checkout(files, tmp_path, data) -> None:
    rest = {name: content for name, content in files.items() if not name.startswith("source/")}
    seen = []

    def run(clone, targets, cores) -> None:
        seen.append((clone / "workflow/Snakefile").is_file() and (clone / "src/resonaut/cli.py").is_file())

    archive = small_archive.write(tmp_path / "a.zip", rest)
    found = reproduce(archive, tmp_path / "again", "1", [data], None, run)
    assert seen == [True]
    assert found.software.sources.startswith("this checkout, resonaut")
    assert found.software.notes[0].startswith(f"the archive names the commit {'0' * 40}, this checkout is")
    assert found.numbers.count("missing") == found.numbers.n > 0
    assert not found.agrees


def test_a_changed_archive_is_not_run(files, tmp_path, data) -> None:
    whole = {**files, layout.SUMS: small_archive.study_sums(files)}
    whole["source/Snakefile"] = b"shell('rm')\n"
    archive = small_archive.write(tmp_path / "a.zip", whole, sums=False)

    def never(*_) -> None:
        raise AssertionError("it was run")

    with pytest.raises(InputError, match=r"source/Snakefile was changed\. Nothing of it was run"):
        reproduce(archive, tmp_path / "again", "1", [data], None, never)


def test_a_folder_in_use_is_refused(files, tmp_path, data) -> None:
    (tmp_path / "again/archive").mkdir(parents=True)
    (tmp_path / "again/archive/file").touch()
    with pytest.raises(OutputError, match="a new or empty folder is expected"):
        reproduced(files, tmp_path, data)


def test_a_study_that_fails_says_so(tmp_path) -> None:
    clone = tmp_path / "clone"
    clone.mkdir()
    with pytest.raises(ReproductionError, match="the study ended with exit code 2"):
        run_workflow(clone, ["infer"], "1")
