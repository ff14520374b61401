"""Significances, limits and workspaces, from files of spectra."""

from __future__ import annotations

import json
import logging

import h5py
import jsonschema
import numpy as np
import pytest

from resonaut import cli
from resonaut.errors import (
    ConfigError,
    InputError,
    MissingBranchError,
    MissingFileError,
    OutputError,
)
from resonaut.infer import archive, workspaces
from resonaut.infer.closure import FromWorkspace, compare, evaluate
from resonaut.infer.significance import infer
from resonaut.infer.workspaces import Channel
from resonaut.scan import Window
from resonaut.stats.nuisances import NONE
from resonaut.stats.signals import Signal

EDGES = np.arange(2500.0, 5001.0, 100.0)
WINDOWS = [{"low": 3000.0, "high": 3400.0}, {"low": 3600.0, "high": 4000.0}]


def spectra(path, n_experiments=1, signal=0.0, windows=WINDOWS[1:], **attributes):
    """Spectra as hunt writes them: a falling background, and signal events in the last window."""
    rng = np.random.default_rng(1)
    shape = np.exp(-EDGES[:-1] / 450)
    shape *= 20_000 / shape.sum()
    low, high = (np.array([window[key] for window in windows])[:, None] for key in ("low", "high"))
    inside = (EDGES[:-1] >= low) & (EDGES[:-1] < high)
    fitted = (EDGES[:-1] >= low - 500) & (EDGES[:-1] < high + 500) & ~inside
    total = rng.poisson(shape, (n_experiments, len(shape)))
    counts = np.zeros((n_experiments, len(windows), 2, len(shape)), np.int64)
    counts[:, :, 0] = total[:, None]
    counts[:, :, 1] = rng.binomial(total, 0.02)[:, None]
    extra = rng.multinomial(int(signal), inside[-1] / inside[-1].sum(), n_experiments)
    counts += extra[:, None, None]
    total += extra
    with h5py.File(path, "w") as file:
        file["edges"], file["inside"], file["fitted"] = EDGES, inside, fitted
        file["efficiencies"], file["counts"], file["total"] = np.array([1.0, 0.02]), counts, total
        file.attrs.update(
            {
                "kind": "spectra",
                "mixture": "data",
                "method": "cwola",
                "windows": json.dumps(windows),
                "background_function": "dijet",
                "background_settings": json.dumps({"n_parameters": 3}),
                "transfer_parameters": 2,
                **attributes,
            }
        )
    return path


@pytest.fixture
def without_pyhf(monkeypatch):
    """Workspaces are taken to say what the exact profile says."""
    monkeypatch.setattr(archive, "evaluate", lambda content, exact, level: exact)


@pytest.fixture
def run(tmp_path):
    def run_(settings=None, **options):
        path = spectra(tmp_path / "spectra.h5", **options)
        infer({"infer": settings or {}}, path, tmp_path / "significance.json", tmp_path / "workspaces")
        return json.loads((tmp_path / "significance.json").read_text())

    return run_


def test_a_signal_is_found_where_it_is_and_the_workspace_agrees(run, tmp_path):
    import pyhf

    result = run({"luminosity": 50.0}, signal=45, windows=WINDOWS)
    assert [(entry["low"], entry["selection_efficiency"]) for entry in result["windows"]] == [
        (3000, 1.0),
        (3000, 0.02),
        (3600, 1.0),
        (3600, 0.02),
    ]
    best = result["best"]
    assert (best["low"], best["high"], best["selection_efficiency"]) == (3600, 4000, 0.02)
    assert best["p_value"] == min(entry["p_value"] for entry in result["windows"])
    assert best["z_local"] > 5
    assert result["local_tests"]["count"] == 4
    assert "pseudo_experiments" not in result
    schema = json.loads((pyhf.schema.path / pyhf.schema.version / "workspace.json").read_text())
    defs = json.loads((pyhf.schema.path / pyhf.schema.version / "defs.json").read_text())
    schema = {"$ref": f"#/definitions/{schema['$ref'].rsplit('/', 1)[1]}", "definitions": defs["definitions"]}
    for entry in result["windows"]:
        assert entry["closure"]["passes"], entry
        assert entry["pyhf"]["z_local"] == pytest.approx(entry["z_local"], rel=0.03, abs=0.02)
        limits = entry["upper_limit"]
        order = [f"expected_minus_{n}sigma" for n in (2, 1)] + ["expected"]
        order += [f"expected_plus_{n}sigma" for n in (1, 2)]
        assert sorted(order, key=limits.get) == order
        assert entry["upper_limit_fb"]["observed"] == pytest.approx(limits["observed"] / 50)
        content = json.loads((tmp_path / "workspaces" / entry["workspace"]).read_text())
        jsonschema.validate(content, schema)
        space = pyhf.Workspace(content)
        assert space.data(space.model())[0] == entry["observed"]
        bound = content["measurements"][0]["config"]["parameters"][0]["bounds"][0]
        assert bound[1] > 5 * max(limits["observed"], limits["expected"])
    of_selections = [
        f"{kind}_{efficiency}.json" for kind in ("background", "patchset") for efficiency in (1, 0.02)
    ]
    assert sorted(path.name for path in (tmp_path / "workspaces").iterdir()) == sorted(
        [entry[kind] for entry in result["windows"] for kind in ("workspace", "hs3")] + of_selections
    )
    patches = pyhf.PatchSet(json.loads((tmp_path / "workspaces/patchset_0.02.json").read_text()))
    background = pyhf.Workspace(json.loads((tmp_path / "workspaces/background_0.02.json").read_text()))
    content = json.loads((tmp_path / "workspaces" / best["workspace"]).read_text())
    assert json.loads(json.dumps(patches.apply(background, "window_3600_4000"))) == content


@pytest.mark.usefixtures("without_pyhf")
def test_pseudo_experiments_are_those_of_single_files(run, tmp_path):
    together = run(n_experiments=3)
    assert len(together["pseudo_experiments"]) == 2
    assert "workspace" not in together["pseudo_experiments"][0][0]
    with h5py.File(tmp_path / "spectra.h5", "a") as file:
        counts, total = file["counts"][1:2], file["total"][1:2]
        del file["counts"], file["total"]
        file["counts"], file["total"] = counts, total
    infer({}, tmp_path / "spectra.h5", tmp_path / "significance.json", tmp_path / "workspaces")
    alone = json.loads((tmp_path / "significance.json").read_text())["windows"]
    for one, other in zip(together["pseudo_experiments"][0], alone, strict=True):
        for name in ("observed", "expected_background", "z_signed", "p_value"):
            assert one[name] == pytest.approx(other[name], rel=1e-6)
        assert one["upper_limit"] == pytest.approx(other["upper_limit"], rel=1e-6)


@pytest.mark.usefixtures("without_pyhf")
def test_two_runs_give_the_same_bytes_and_old_workspaces_go(run, tmp_path):
    run()
    kept = tmp_path / "workspaces" / "notes.json"
    kept.write_text("{}")
    first = {path: path.read_bytes() for path in tmp_path.rglob("*.json") if ".run." not in path.name}
    stale = tmp_path / "workspaces" / "2900-3300_0.01.json"
    stale.write_text("{}")
    run()
    assert not stale.exists()
    assert first == {path: path.read_bytes() for path in first}


def counting(observed, background, log_error, limit):
    """The workspace of a counting experiment."""
    name = workspaces.channel_name(Window(low=3300, high=3700), 0.01)
    arrays = np.array([float(observed)]), np.array([float(background)])
    channel = Channel(name, *arrays, log_error=log_error, signal=Signal(np.ones(1)))
    return workspaces.workspace([channel], limit, NONE)


def test_a_workspace_of_the_textbook_gives_textbook_numbers():
    """On and off counts: the significance of Li and Ma, doi:10.1086/161295, eq. 17."""
    on, off, tau = 50, 100, 4.0
    content = counting(on, off / tau, off**-0.5, 40.0)
    found = evaluate(content, FromWorkspace(0.0, 0.0, 42.0, 12.0), 0.95)
    both = (on + off) / (1 + tau)
    z = np.sqrt(2 * (on * np.log(on / both) + off * np.log(off / (tau * both))))
    assert found.z_local == pytest.approx(z, rel=1e-3)
    assert workspaces.file_name(Window(low=3300, high=3700), 0.01) == "3300-3700_0.01.json"


@pytest.mark.parametrize(("n", "b", "sigma"), [(0, 0.8, 0.3), (2, 4.0, 0.4), (11, 21.8, 0.17)])
def test_workspaces_of_few_events_can_be_evaluated(n, b, sigma):
    content = counting(n, b, sigma, 12.0)
    found = evaluate(content, FromWorkspace(0.5, 0.0, 6.0, 6.0), 0.95)
    assert found.p_value == pytest.approx(0.5, abs=0.01)
    assert 1.5 < found.upper_limit_observed < 13


def test_a_workspace_that_differs_is_reported(run, caplog):
    with caplog.at_level(logging.WARNING, "resonaut"):
        result = run({"closure_tolerance": 1e-5}, signal=70)
    assert not result["best"]["closure"]["passes"]
    assert "window 3600-4000 GeV, efficiency 0.02: workspace and exact profile" in caplog.text


def test_closure_of_equal_numbers_passes_and_of_none_fails():
    exact = FromWorkspace(0.01, 2.3, 10.0, 8.0)
    assert compare(exact, exact, 1e-9)["passes"]
    differences = compare(exact, FromWorkspace(0.01, 2.3, 11.0, 8.0), 0.05)
    assert not differences["passes"]
    assert differences["relative_differences"]["upper_limit_observed"] == pytest.approx(0.1)
    assert compare(exact, None, 0.05) == {"passes": False, "reason": "the fit of the workspace failed"}


@pytest.mark.usefixtures("without_pyhf")
def test_each_experiment_has_the_order_that_was_chosen_for_it(tmp_path):
    def numbers(order):
        path = spectra(tmp_path / "spectra.h5", n_experiments=3)
        with h5py.File(path, "a") as file:
            if order is None:
                file.attrs["background_settings"] = json.dumps({"n_parameters": 2})
            else:
                file["order"] = np.broadcast_to(np.array(order)[:, None, None], (3, 1, 2)).copy()
        infer({}, path, tmp_path / "s.json", tmp_path / "w")
        result = json.loads((tmp_path / "s.json").read_text())
        return [entries[1]["z_signed"] for entries in (result["windows"], *result["pseudo_experiments"])]

    twos, threes, mixed = numbers(None), numbers([3, 3, 3]), numbers([3, 2, 3])
    assert mixed == pytest.approx([threes[0], twos[1], threes[2]], abs=1e-9)
    assert abs(twos[1] - threes[1]) > 1e-3


def test_the_command_line(tmp_path):
    path = spectra(tmp_path / "spectra.h5")
    arguments = ["infer", "test", "--settings", '{"infer": {}}', "--spectra", str(path)]
    arguments += [
        "--significance",
        str(tmp_path / "o/s.json"),
        "--workspaces",
        str(tmp_path / "o/workspaces"),
    ]
    assert cli.main(arguments) == 0
    assert json.loads((tmp_path / "o/s.json").read_text())["mixture"] == "data"


@pytest.mark.parametrize(
    ("settings", "options", "error", "words"),
    [
        ({"confidence_level": 95}, {}, ConfigError, "infer.confidence_level: .*less than 1"),
        ({"luminosty": 1}, {}, ConfigError, "infer.luminosty: unknown key. Did you mean 'luminosity'"),
        (None, {"kind": "scores"}, InputError, "kind 'spectra' is expected, got 'scores'"),
        (None, {"background_function": "dijets"}, ConfigError, "unknown stats method 'dijets'"),
    ],
)
def test_bad_input_is_one_clear_message_and_no_output(run, tmp_path, settings, options, error, words):
    with pytest.raises(error, match=words):
        run(settings, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["spectra.h5"]


def test_missing_things_are_named(run, tmp_path):
    with pytest.raises(MissingFileError, match=r"spectra.h5: no such file"):
        infer({}, tmp_path / "spectra.h5", tmp_path / "s.json", tmp_path / "w")
    path = spectra(tmp_path / "spectra.h5")
    with h5py.File(path, "a") as file:
        del file["total"]
    with pytest.raises(MissingBranchError, match="no dataset 'total'"):
        infer({}, path, tmp_path / "s.json", tmp_path / "w")
    (tmp_path / "workspaces").write_text("")
    with pytest.raises(OutputError, match="a folder for workspaces is expected, this is a file"):
        run()
    assert not (tmp_path / "significance.json").exists()
