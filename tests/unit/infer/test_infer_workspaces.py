"""Workspaces: their layout, and what each of their parts does to the expected events."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from resonaut.errors import OutputError
from resonaut.infer import workspaces
from resonaut.infer.workspaces import Channel
from resonaut.scan import Window
from resonaut.stats.nuisances import NONE, Uncertainties
from resonaut.stats.signals import Signal

pyhf = pytest.importorskip("pyhf")
WINDOW = Window(low=3300, high=3700)


def schema(kind="workspace"):
    """A schema of pyhf in one piece: no address is looked up."""
    folder = pyhf.schema.path / pyhf.schema.version
    head = json.loads((folder / f"{kind}.json").read_text())
    definitions = json.loads((folder / "defs.json").read_text())["definitions"]
    return {"$ref": f"#/definitions/{head['$ref'].rsplit('/', 1)[1]}", "definitions": definitions}


def shape_channels(n_bins=12, failing=True):
    """A falling background with two modes, and a peak in the middle."""
    place = np.arange(n_bins)
    background = 200 * np.exp(-place / 4)
    modes = np.stack([0.05 * background, 0.02 * background * (place - 5)])
    peak = np.exp(-((place - 5) ** 2) / 2)
    peak /= peak.sum() * 1.1
    signal = Signal(peak, np.roll(peak, 1), np.roll(peak, -1), 0.1 * peak)
    observed = np.random.default_rng(3).poisson(background)
    found = [Channel("selected", observed, background, modes, signal=signal)]
    if failing:
        many = 50 * background
        found.append(Channel("failing", many.round(), many, np.stack([0.0 * many, 0.001 * many])))
    return found


ALL = Uncertainties(luminosity=0.02, acceptance=0.1, spurious=4.0, statistics=True)


@pytest.mark.parametrize("uncertainties", [NONE, ALL])
def test_workspaces_are_of_the_schema(uncertainties):
    content = workspaces.workspace(shape_channels(), 50.0, uncertainties)
    jsonschema.validate(json.loads(json.dumps(content)), schema())
    single = [Channel("window", np.array([30.0]), np.array([25.0]), log_error=0.1, signal=Signal(np.ones(1)))]
    jsonschema.validate(workspaces.workspace(single, 12.0, uncertainties), schema())


def test_each_uncertainty_does_what_it_says():
    channels = shape_channels(failing=False)
    signal, background = channels[0].signal, channels[0].background
    content = workspaces.workspace(channels, 50.0, ALL)
    model = pyhf.Workspace(content).model()
    start = np.array(model.config.suggested_init())

    def expected(**values):
        parameters = start.copy()
        parameters[model.config.par_slice("mu")] = 10.0
        for name, value in values.items():
            parameters[model.config.par_slice(name)] = value
        return model.expected_actualdata(parameters.tolist())

    nominal = expected()
    np.testing.assert_allclose(nominal, background + 10 * signal.nominal)
    np.testing.assert_allclose(expected(lumi=1.02), background + 10.2 * signal.nominal)
    np.testing.assert_allclose(expected(acceptance=1.0), background + 11 * signal.nominal)
    np.testing.assert_allclose(expected(acceptance=-1.0), background + 10 / 1.1 * signal.nominal)
    np.testing.assert_allclose(expected(energy_scale=1.0), background + 10 * signal.up)
    np.testing.assert_allclose(expected(energy_scale=-1.0), background + 10 * signal.down)
    np.testing.assert_allclose(expected(spurious_signal=0.5), nominal + 2 * signal.nominal)
    np.testing.assert_allclose(expected(mu=0.0, spurious_signal=-1), background - 4 * signal.nominal)
    one_up = expected(staterror_selected=1.1)
    np.testing.assert_allclose(one_up, background + 11 * signal.nominal)
    for number, mode in enumerate(channels[0].modes):
        moved = expected(**{f"background_{number}": 0.25})
        np.testing.assert_allclose(moved, nominal + mode / 4)
    widths = dict(zip(model.config.auxdata_order, model.config.auxdata, strict=False))
    assert widths["lumi"] == 1.0
    assert model.config.param_set("lumi").sigmas == [0.02]


def test_eigenvectors_add_up_to_the_covariance_of_the_bins():
    rng = np.random.default_rng(5)
    jacobian = rng.normal(size=(9, 3)) * [1.0, 100.0, 1e-3]
    root = rng.normal(size=(3, 3))
    covariance = root @ root.T
    modes = workspaces.eigenvectors(jacobian, covariance)
    np.testing.assert_allclose(modes.T @ modes, jacobian @ covariance @ jacobian.T, rtol=1e-9, atol=1e-9)
    gram = modes @ modes.T
    np.testing.assert_allclose(gram, np.diag(np.diag(gram)), atol=1e-9 * gram.max())
    sizes = np.diag(gram)
    assert (np.diff(sizes) <= 0).all()
    assert (modes.sum(axis=1) >= 0).all()


def test_the_bound_on_mu_is_far_from_the_limits():
    for limit in (0.03, 1.0, 7.3, 4000.0):
        content = workspaces.workspace(shape_channels(), limit, NONE)
        low, high = content["measurements"][0]["config"]["parameters"][0]["bounds"][0]
        assert low == 0
        assert 8 * limit <= high <= 16 * limit


def test_old_files_go_and_others_stay(tmp_path):
    content = workspaces.workspace(shape_channels(), 50.0, NONE)
    name = workspaces.file_name(WINDOW, 0.01)
    old = ("2900-3300_0.01.json", "2900-3300_0.01.hs3.json", "patchset_0.1.json", "background_0.1.json")
    for other in (*old, "notes.json"):
        (tmp_path / other).write_text("{}")
    workspaces.write(tmp_path, {name: content})
    assert sorted(path.name for path in tmp_path.iterdir()) == [name, "notes.json"]
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="a folder for workspaces is expected, this is a file"):
        workspaces.write(tmp_path / "file", {name: content})
