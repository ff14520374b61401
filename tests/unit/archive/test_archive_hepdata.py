"""The HEPData submission: numbers, units, qualifiers, and what hepdata-validator says."""

from __future__ import annotations

import io
import tarfile

import pytest
import small_study
import yaml

from resonaut.archive import contents, hepdata
from resonaut.archive.hepdata_table import table_name
from resonaut.workflow import read as read_plan


@pytest.fixture(scope="module")
def submission(tmp_path_factory):
    """Files of the submission of the small study by name, as bytes."""
    folder = tmp_path_factory.mktemp("study")
    declared = small_study.write(folder)
    plan = read_plan(small_study.CONFIGURATION)
    results = contents.find(plan, declared, folder).results
    (folder / "out").mkdir()
    files = hepdata.write(plan.study, results, "results/mini/", folder / "out")
    return {name: path.read_bytes() for name, path in files.items()}


def table(submission, name):
    """Columns of a table by name and signal region."""
    value = yaml.safe_load(submission[name])
    found = {}
    for column in value["independent_variables"] + value["dependent_variables"]:
        of = {one["name"]: one["value"] for one in column.get("qualifiers", [])}
        found[column["header"]["name"], of.get("SIGNAL REGION")] = column
    return found


def test_archive_holds_the_files_and_no_times(submission):
    with tarfile.open(fileobj=io.BytesIO(submission["submission.tar.gz"])) as archive:
        assert {entry.name for entry in archive} == set(submission) - {"submission.tar.gz"}
        assert {(entry.mtime, entry.uid, entry.uname) for entry in archive} == {(0, 0, "")}


def test_spectra_and_fits(submission):
    columns = table(submission, "spectra_cwola_data_a_0.1.yaml")
    mass = columns["Invariant mass", None]
    assert mass["header"]["units"] == "GeV"
    assert mass["values"][0] == {"low": 2400.0, "high": 2500.0}
    events = columns["Selected events", "2500-2600"]
    assert [entry["value"] for entry in events["values"]] == [5, "-", 3]
    fit = columns["Background fit", "2400-2500"]
    assert [entry["value"] for entry in fit["values"]] == ["-", 4.5, 3.25]
    assert {"name": "SQRT(S)", "value": 13000.0, "units": "GeV"} in fit["qualifiers"]
    assert {"name": "SELECTION EFFICIENCY", "value": 0.1} in fit["qualifiers"]


def test_parameters_have_the_errors_of_the_covariance(submission):
    values = table(submission, "fit_parameters_cwola_data_a_0.1.yaml")["Value", "2400-2500"]["values"]
    assert [(v["value"], v["errors"][0]["symerror"]) for v in values] == [(1.0, 2.0), (-2.0, 3.0)]
    columns = table(submission, "fit_covariance_cwola_data_a_0.1.yaml")
    assert [v["value"] for v in columns["First parameter", None]["values"]] == ["p0", "p0", "p1"]
    assert [v["value"] for v in columns["Covariance", "2400-2500"]["values"]] == [4.0, 0.5, 9.0]


def test_p_values_and_blind_windows(submission):
    columns = table(submission, "local_p-values_cwola_data_a.yaml")
    assert columns["Local p-value", None]["values"] == [{"value": 0.04}, {"value": "-"}]
    assert columns["Expected background", None]["values"][1]["errors"][0]["symerror"] == 1.25
    signal = columns["Fitted signal events", None]["values"]
    assert signal[0]["errors"][0]["asymerror"] == {"minus": -1.5, "plus": 2.5}
    assert signal[1] == {"value": "-"}


def test_limits_have_bands(submission):
    columns = table(submission, "upper_limits_cwola_data_a.yaml")
    assert [v["value"] for v in columns["Observed upper limit", None]["values"]] == [11.0, "-"]
    expected = columns["Expected upper limit", None]["values"][0]
    bands = {error["label"]: error["asymerror"] for error in expected["errors"]}
    assert expected["value"] == 9.0
    assert bands == {"1 s.d.": {"minus": -3.0, "plus": 4.0}, "2 s.d.": {"minus": -5.0, "plus": 9.0}}


def test_cut_flow_and_global_significance(submission):
    events = table(submission, "cut_flow.yaml")["Events", None]
    assert [entry["value"] for entry in events["values"]] == [100, 100, 40]
    assert {"name": "CROSS SECTION", "value": 4.5, "units": "PB"} in events["qualifiers"]
    p_values = table(submission, "global_significance_data_a.yaml")["Global p-value", None]["values"]
    assert [entry["value"] for entry in p_values] == [0.25, "-", 0.5]


def test_workspaces_go_along(submission):
    documents = list(yaml.safe_load_all(submission["submission.yaml"]))
    kinds = {entry["location"]: entry.get("type") for entry in documents[0]["additional_resources"]}
    assert kinds["workspaces_cwola_data_a.tar.gz"] == "HistFactory"
    assert kinds["hs3_cwola_data_a.tar.gz"] == "HS3"
    with tarfile.open(fileobj=io.BytesIO(submission["workspaces_cwola_data_a.tar.gz"])) as archive:
        assert archive.getnames() == ["2400-2500_0.1.json"]
    keywords = {entry["name"]: entry["values"] for entry in documents[1]["keywords"]}
    assert keywords["cmenergies"] == [13000.0]


def test_validator_takes_it_and_refuses_a_spoilt_one(submission, tmp_path):
    good = tmp_path / "good.tar.gz"
    good.write_bytes(submission["submission.tar.gz"])
    assert hepdata.validate(good) == []
    with tarfile.open(tmp_path / "bad.tar.gz", "w:gz") as archive:
        for name, data in submission.items():
            if name not in ("submission.tar.gz", "cut_flow.yaml"):
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
    assert any("cut_flow.yaml" in text for text in hepdata.validate(tmp_path / "bad.tar.gz"))


def test_names_of_tables_are_short_and_unique():
    taken: set[str] = set()
    names = [table_name("Spectra " + "a:b" * 40, taken) for _ in range(12)]
    assert len(set(names)) == 12
    assert all(len(name) <= 64 and ":" not in name for name in names)
