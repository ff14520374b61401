"""Patch sets: verified and applied by pyhf, they give the workspaces of the windows."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest

from resonaut.infer import patchset, workspaces
from resonaut.infer.workspaces import Channel
from resonaut.scan import Window
from resonaut.stats.nuisances import Uncertainties
from resonaut.stats.signals import Signal

pyhf = pytest.importorskip("pyhf")
WINDOWS = [Window(low=3000, high=3400), Window(low=3300.5, high=3700), Window(low=3700, high=4100)]


def contents():
    found = {}
    for number, window in enumerate(WINDOWS):
        name = workspaces.channel_name(window, 0.01)
        background = np.array([50.0, 30.0, 20.0]) / (1 + number)
        modes = 0.1 * background[None]
        signal = Signal(np.array([0.1, 0.7, 0.1]))
        channels = [Channel(name, background.round(), background, modes, signal=signal)]
        channels.append(Channel(f"{name}_failing", 90 * background, 90 * background, 0.01 * modes))
        uncertainties = Uncertainties(luminosity=0.02, spurious=2.0)
        found[window] = workspaces.workspace(channels, 10.0 * (1 + number), uncertainties)
    return found


def test_patches_give_the_workspaces_of_the_windows(tmp_path):
    made = contents()
    background = patchset.background_only(list(made.values()))
    patches = patchset.patch_set(made, background, "a test")
    folder = pyhf.schema.path / pyhf.schema.version
    definitions = json.loads((folder / "defs.json").read_text())["definitions"]
    # The patches of HEPData are written against the same definitions.
    jsonschema.validate(patches, {"$ref": "#/definitions/patchset", "definitions": definitions})
    (tmp_path / "patchset.json").write_text(json.dumps(patches))
    (tmp_path / "background.json").write_text(json.dumps(background))
    found = pyhf.PatchSet(json.loads((tmp_path / "patchset.json").read_text()))
    spec = json.loads((tmp_path / "background.json").read_text())
    found.verify(pyhf.Workspace(spec))
    assert [patch.name for patch in found] == ["window_3000_3400", "window_3300_5_3700", "window_3700_4100"]
    for window, content in made.items():
        applied = found.apply(pyhf.Workspace(spec), patchset.name(window))
        assert json.loads(json.dumps(applied)) == json.loads(json.dumps(content))
        mass = (window.low + window.high) / 2
        assert found[(mass, window.low, window.high)].name == patchset.name(window)


def test_the_background_has_no_signal_and_a_changed_one_is_refused():
    made = contents()
    background = patchset.background_only(list(made.values()))
    for channel in background["channels"]:
        assert [sample["name"] for sample in channel["samples"]] == ["background"]
    patches = pyhf.PatchSet(patchset.patch_set(made, background, "a test"))
    background["channels"][0]["samples"][0]["data"][0] += 1
    with pytest.raises(pyhf.exceptions.PatchSetVerificationError):
        patches.verify(pyhf.Workspace(background))
