"""Pile-up of Pythia on jets of Pythia: how far it moves them, and how far mitigation moves them back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
from resonaut.kinematics import delta_phi
from resonaut.settings import validate
from resonaut.simulate.events import simulate_chunk
from resonaut.simulate.methods.pythia import Settings
from resonaut.store import Store

MEAN = 40


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("physics")
    for name, n_events, process in (("wprime", 80, "wprime_xy"), ("minbias", 600, "minimum_bias")):
        given = {"n_events": n_events, "chunk_events": n_events, "seed": 1, "process": process}
        simulate_chunk(name, "pythia", validate(Settings, given), 0, folder / f"{name}.root")
    return folder


def _events(folder, **overlay):
    task = {"dataset": "wprime", "label": "wprime", "ingest": {"preselection": {}}}
    if overlay:
        task["pileup"] = {"variation": "v", "seed": 1, "minimum_bias": "minbias", "mean": MEAN, **overlay}
    minimum_bias = [str(folder / "minbias.root")] if overlay else []
    convert([str(folder / "wprime.root")], folder / "a.h5", validate(IngestTask, task), minimum_bias)
    with Store(folder / "a.h5") as store:
        return store.read(with_constituents=False), store.attributes


def _offsets(nominal, varied):
    """Change of pt and mass, GeV, of the hard nominal jets, by the nearest jet of the same event."""
    found = []
    for row in np.flatnonzero(nominal.jets["pt"] > 500):
        event = np.searchsorted(nominal.event_offsets, row, side="right") - 1
        here = slice(*varied.event_offsets[event : event + 2])
        distance = np.hypot(
            varied.jets["eta"][here] - nominal.jets["eta"][row],
            delta_phi(varied.jets["phi"][here], nominal.jets["phi"][row]),
        )
        place = varied.event_offsets[event] + np.argmin(distance)
        found.append([varied.jets[name][place] - nominal.jets[name][row] for name in ("pt", "mass")])
    return np.array(found).T


def test_pileup_raises_pt_and_mass_and_mitigation_brings_them_back(files):
    nominal, _ = _events(files)
    assert len(nominal) == 80
    moved = {}
    for mitigation in ("none", "charged_subtraction", "puppi", "softkiller"):
        varied, attributes = _events(files, mitigation=mitigation)
        assert json.loads(attributes["pileup"])["mitigation"] == mitigation
        np.testing.assert_array_equal(varied.events["event"], nominal.events["event"])
        # The truth is that of the hard event: jets keep what they are matched to.
        assert varied.jets["matched"].sum() == pytest.approx(nominal.jets["matched"].sum(), rel=0.1)
        moved[mitigation] = [np.median(values) for values in _offsets(nominal, varied)]
    pt = {name: values[0] for name, values in moved.items()}
    mass = {name: values[1] for name, values in moved.items()}
    # 0.76 GeV per unit of area and interaction reach the detector (docs/trust/pileup.md), 0.46 of it charged.
    assert pt["none"] == pytest.approx(0.76 * 0.88 * np.pi * MEAN, rel=0.15)
    assert pt["charged_subtraction"] == pytest.approx(0.30 * 0.88 * np.pi * MEAN, rel=0.25)
    assert abs(pt["puppi"]) < 0.15 * pt["none"]
    assert abs(pt["softkiller"]) < 0.35 * pt["none"]
    assert mass["none"] > 2 * mass["charged_subtraction"] > 0
    assert mass["puppi"] < 0.15 * mass["none"]
    assert mass["softkiller"] < 0.5 * mass["none"]
