"""`resonaut verify`: an archive passes, and each way to spoil it fails the check that is for it."""

from __future__ import annotations

import json
import zipfile

import pytest
import small_archive
import yaml
from small_archive import as_json

from resonaut.archive import layout
from resonaut.archive.verify import OK, WARNING, WRONG, checks, verify
from resonaut.cli import main

SIGNIFICANCE = "results/mini/infer/data/cwola/significance.json"
METRICS = "results/mini/tag/pfn/metrics.json"
BACKGROUND = "results/mini/infer/data/cwola/workspaces/background_0.1.json"


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return small_archive.contents()


def outcomes(path) -> dict[str, tuple[str, str]]:
    return {outcome.name: (outcome.state, f"{outcome.detail} {outcome.fix}") for outcome in verify(path)}


def failed(path) -> list[str]:
    return [name for name, (state, _) in outcomes(path).items() if state == WRONG]


def changed(files, name, change) -> dict[str, bytes]:
    """The archive with a JSON file changed by a function of its value."""
    value = json.loads(files[name])
    change(value)
    return {**files, name: as_json(value)}


def test_a_whole_archive_passes_every_check(files, tmp_path, capsys) -> None:
    path = small_archive.write(tmp_path / "a.zip", files)
    found = outcomes(path)
    assert {state for state, _ in found.values()} == {OK}
    assert list(found) == ["unpacking", "packing", *checks()]
    assert "numbers are those" in found["numbers"][1]
    assert main(["verify", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"{path}: all {len(found)} checks passed.\n")


@pytest.mark.parametrize("entry", [entry for entry in layout.ENTRIES if entry.required], ids=lambda e: e.path)
def test_each_required_file_is_missed(files, tmp_path, entry) -> None:
    rest = {name: data for name, data in files.items() if not entry.holds(name)}
    path = small_archive.write(tmp_path / "a.zip", rest, sums=entry.path != layout.SUMS)
    state, text = outcomes(path).get("completeness", (WRONG, entry.path))
    assert state == WRONG
    assert entry.path in text


def test_a_changed_byte_fails_the_checksums_and_nothing_of_it_is_hidden(files, tmp_path, capsys) -> None:
    whole = {**files, layout.SUMS: small_archive.study_sums(files)}
    whole["logs/tag/pfn.log"] = b"another log"
    path = small_archive.write(tmp_path / "a.zip", whole, sums=False)
    assert failed(path) == ["checksums"]
    assert main(["verify", str(path)]) == 1
    out = capsys.readouterr().out
    assert "logs/tag/pfn.log was changed" in out
    assert "-> a file was changed after packing" in out


def test_files_without_checksum_and_checksums_without_file(files, tmp_path) -> None:
    whole = {**files, layout.SUMS: small_archive.study_sums({**files, "logs/gone.log": b""})}
    whole["logs/new.log"] = b""
    _, text = outcomes(small_archive.write(tmp_path / "a.zip", whole, sums=False))["checksums"]
    assert "logs/new.log has no checksum" in text
    assert "logs/gone.log has a checksum and is missing" in text


# What to do to the files, which checks fail, words of the message. Checksums are made anew.
TAMPERED = {
    "extra file": (lambda f: {**f, "evil.sh": b""}, "names", "evil.sh is no part of the layout"),
    "unsafe name": (lambda f: {**f, "logs/a b.log": b""}, "names", "'logs/a b.log' is no safe name"),
    "other study": (lambda f: {**f, "results/other/a.json": b"{}"}, "names", "no result of the study 'mini'"),
    "result": (
        lambda f: changed(f, SIGNIFICANCE, lambda v: v["best"].update(z_local=9.9)),
        "checksums of the study",
        "significance.json is not the file that the study made",
    ),
    "input list": (
        lambda f: changed(f, layout.INPUTS, lambda v: v[0].update(sha256="0" * 64)),
        "checksums of the study",
        "events.npy: inputs.json and SHA256SUMS.study disagree",
    ),
    "configuration": (
        lambda f: {**f, layout.CONFIGURATION: f[layout.CONFIGURATION] + b"frobnicate: 1\n"},
        "configuration",
        "use the version that made it: resonaut",
    ),
    "key not written out": (
        lambda f: {**f, layout.CONFIGURATION: yaml.safe_dump(small_archive.STUDY).encode()},
        "configuration",
        "ingest is not written out",
    ),
    "settings": (
        lambda f: changed(f, "settings/simulate.json", lambda v: v[0]["settings"].update(seed=4)),
        "settings of rules",
        "settings/simulate.json (dataset qcd) is not what study.yaml gives",
    ),
    "sources": (
        lambda f: {**f, "source/Snakefile": b"shell('rm')\n"},
        "environment and sources",
        "source/ is not what source_sha256 says",
    ),
    "format": (
        lambda f: changed(f, layout.ENVIRONMENT, lambda v: v.update(archive_format=2)),
        "environment and sources",
        "format 2; this version reads 1",
    ),
    "commit": (
        lambda f: changed(f, layout.ENVIRONMENT, lambda v: v.update(commit="main")),
        "environment and sources",
        "'main' is no commit",
    ),
    "lock": (lambda f: {**f, layout.LOCK: b"numpy>=1\n"}, "lock file", "'name==version' is expected"),
    "bill": (
        lambda f: changed(f, layout.BILL, lambda v: v.update(bomFormat="SPDX")),
        "bill of materials",
        "bomFormat is not CycloneDX",
    ),
    "seed": (
        lambda f: changed(
            f, layout.SEEDS, lambda v: v["derived"]["tag/pfn/metrics.json"][0].update(value="1")
        ),
        "seeds",
        "gives another seed",
    ),
    "number": (
        lambda f: changed(
            f, layout.NUMBERS, lambda v: v["numbers"][METRICS].update({"/auc": [0.95, "training"]})
        ),
        "numbers",
        "/auc is 0.9, listed is 0.95",
    ),
    "number left out": (
        lambda f: changed(f, layout.NUMBERS, lambda v: v["numbers"][METRICS].pop("/auc")),
        "numbers",
        "/auc is in one of the two only",
    ),
    "true for one": (
        lambda f: changed(
            f,
            layout.NUMBERS,
            lambda v: v["numbers"][SIGNIFICANCE].update({"/best/closure/passes": [1, "count"]}),
        ),
        "numbers",
        "/best/closure/passes is True, listed is 1",
    ),
    "link": (
        lambda f: {**f, layout.PAGE: small_archive.PAGE.replace("#a", "https://example.org").encode()},
        "review page",
        "a link leaves the page: https://example.org",
    ),
    "style": (
        lambda f: {**f, layout.PAGE: b"<style>p {background: url(//example.org/x)}</style><p id='a'>"},
        "review page",
        "a link leaves the page: //example.org/x",
    ),
    "request": (
        lambda f: {**f, layout.PAGE: b"<p id='a'><script>fetch ('x')</script>"},
        "review page",
        "a script asks the network: fetch",
    ),
    "anchor": (
        lambda f: {**f, layout.PAGE: small_archive.PAGE.replace("#a", "#b").encode()},
        "review page",
        "the anchor #b does not exist",
    ),
    "crate without a file": (
        lambda f: changed(f, layout.CRATE, lambda v: v["@graph"].pop()),
        "RO-Crate",
        "is not described",
    ),
    "crate without root": (
        lambda f: changed(f, layout.CRATE, lambda v: v["@graph"].pop(1)),
        "RO-Crate",
        "the root './' is no Dataset",
    ),
    "crate of another format": (
        lambda f: changed(f, layout.CRATE, lambda v: v.update({"@context": "https://schema.org"})),
        "RO-Crate",
        "'@context' does not name",
    ),
    "table": (
        lambda f: {**f, "hepdata/submission/t.yaml": b"independent_variables: []\n"},
        "HEPData submission",
        "t.yaml differs from the packed one",
    ),
    "packed submission": (
        lambda f: {**f, layout.SUBMISSION: b"no tar"},
        "HEPData submission",
        "not a whole .tar.gz",
    ),
    "path out of the submission": (
        lambda f: {**f, layout.SUBMISSION: small_archive.tar({"../evil": b""})},
        "HEPData submission",
        "'../evil' is no plain file",
    ),
    "model": (
        lambda f: changed(f, layout.MODELS, lambda v: v[0].update(preprocessing={})),
        "ONNX models",
        "model.onnx: no preprocessing",
    ),
}


@pytest.mark.parametrize("case", TAMPERED)
def test_what_is_tampered_with_is_found_behind_correct_checksums(files, tmp_path, case) -> None:
    change, check, words = TAMPERED[case]
    path = small_archive.write(tmp_path / "a.zip", change(files))
    found = outcomes(path)
    state, text = found[check]
    assert state == WRONG
    assert words in text
    assert text.strip() != words, "a fix is expected"


def test_a_patch_set_names_the_workspace_that_it_patches(files, tmp_path) -> None:
    value = {**small_archive.BACKGROUND, "measurements": []}
    path = small_archive.write(tmp_path / "a.zip", {**files, BACKGROUND: as_json(value)})
    state, text = outcomes(path)["workspaces"]
    assert state == WRONG
    assert "background_0.1.json: no measurement" in text
    assert "background_0.1.json is not what it patches" in text


@pytest.mark.parametrize(
    ("name", "content"),
    [(name, b"[]") for name in (layout.SEEDS, layout.NUMBERS, layout.BILL, layout.CRATE, layout.ENVIRONMENT)]
    + [(layout.NUMBERS, b"{"), (layout.CONFIGURATION, b"[1, 2]"), (layout.PAGE, b"\xff\xfe")],
)
def test_files_of_any_other_form_fail_their_check_and_raise_nothing(files, tmp_path, name, content) -> None:
    path = small_archive.write(tmp_path / "a.zip", {**files, name: content})
    assert failed(path)


def test_paths_that_leave_the_folder_are_refused(files, tmp_path, capsys) -> None:
    path = small_archive.write(tmp_path / "a.zip", files)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("../../evil", b"x")
    assert failed(path) == ["unpacking"]
    assert main(["verify", str(path)]) == 1
    assert "'../../evil'" in capsys.readouterr().out
    assert not (tmp_path.parent / "evil").exists()


def test_times_and_dirty_sources_are_told(files, tmp_path) -> None:
    path = small_archive.write(tmp_path / "a.zip", files, time=(2020, 1, 1, 0, 0, 0))
    assert failed(path) == ["packing"]
    dirty = changed(files, layout.ENVIRONMENT, lambda v: v.update(dirty=True, changed=["src/a.py"]))
    state, text = outcomes(small_archive.write(tmp_path / "b.zip", dirty))["environment and sources"]
    assert state == WARNING
    assert "src/a.py" in text
    assert main(["verify", str(tmp_path / "b.zip")]) == 0


def test_no_archive(tmp_path, capsys) -> None:
    assert main(["verify", str(tmp_path / "none.zip")]) == 3
    (tmp_path / "text.zip").write_text("text")
    assert main(["verify", str(tmp_path / "text.zip")]) == 1
    assert "not a whole ZIP archive" in capsys.readouterr().out
