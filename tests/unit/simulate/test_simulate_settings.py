"""The settings of source `pythia`: what is refused when they are read, and what Pythia is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from resonaut import config
from resonaut.errors import ConfigError
from resonaut.settings import validate
from resonaut.simulate.cards import CARDS
from resonaut.simulate.methods.pythia import DETECTORS, Settings


def _study(**dataset) -> dict:
    return {"study": "s", "datasets": {"qcd": {"source": "pythia", "n_events": 10, **dataset}}}


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"process": "qcd_dijets"}, ["datasets.qcd.process", "'qcd_dijets'", "Did you mean 'qcd_dijet'?"]),
        (
            {"process": "ttbar", "detector": "cmss"},
            ["datasets.qcd.detector", "'cmss'", "Did you mean 'cms'?"],
        ),
        ({}, ["'process'", "'pythia'", "required"]),
        ({"process": "qcd_dijet"}, ["cuts.pt_hat_min is required", "qcd_dijet"]),
        ({"process": "ttbar", "masses": {"m_x": 3}}, ["masses", "wprime_xy"]),
        ({"process": "wprime_xy", "masses": {"m_x": 3450}}, ["m_x + m_y", "3550", "m_wprime (3500)"]),
        ({"process": "ttbar", "long_lived": {"lifetime": 3}}, ["long_lived", "displaced"]),
        ({"process": "displaced", "long_lived": {"lifetime": 0}}, ["long_lived.lifetime", "0"]),
        ({"process": "displaced", "long_lived": {"m_s": 500}}, ["2 m_s is 1000", "m_h (1000)"]),
        ({"process": "displaced", "long_lived": {"m_s": 10}}, ["m_s is 10", "exceed 11", "'b'"]),
        ({"process": "displaced", "long_lived": {"life_time": 3}}, ["life_time", "Did you mean 'lifetime'?"]),
        ({"process": "displaced", "long_lived": {"quarks": "c"}}, ["long_lived.quarks", "'b'", "'light'"]),
        (
            {"process": "ttbar", "cuts": {"pt_hat_min": 5, "pt_hat_max": 4}},
            ["pt_hat_min (5)", "pt_hat_max (4)"],
        ),
        ({"process": "ttbar", "cuts": {"pt_hatmin": 5}}, ["pt_hatmin", "Did you mean 'pt_hat_min'?"]),
        ({"process": "ttbar", "n_events": 0}, ["n_events", "0"]),
    ],
)
def test_bad_settings_name_the_key_and_what_to_do(dataset, words):
    with pytest.raises(ConfigError) as caught:
        config.parse(_study(**dataset))
    for word in words:
        assert word in str(caught.value)


def test_a_list_of_pythia_settings_alone_is_enough():
    settings = validate(Settings, {"n_events": "1e3", "pythia": ["HardQCD:all = on"], "sqrt_s": 8e3})
    assert settings.n_events == 1000
    assert settings.strings()[-1] == "HardQCD:all = on"
    assert "Beams:eCM = 8000.0" in settings.strings()


def test_the_users_settings_come_last_and_may_give_the_cut():
    lines = ["PhaseSpace:pTHatMin = 500", "HardQCD:nQuarkNew = 3"]
    settings = validate(Settings, {"n_events": 1, "process": "qcd_dijet", "pythia": lines})
    strings = settings.strings()
    assert list(strings[-2:]) == lines
    assert strings.index("HardQCD:nQuarkNew = 5") < strings.index("HardQCD:nQuarkNew = 3")


def test_beams_and_phase_space():
    assert validate(Settings, {"n_events": 1, "process": "ttbar"}).energy() == 14_000
    cuts = {"pt_hat_min": 550, "pt_hat_max": 700, "m_hat_min": 1e3, "m_hat_max": 2e3}
    settings = validate(Settings, {"n_events": 1, "process": "qcd_flat", "cuts": cuts, "mpi": True})
    assert settings.energy() == 13_000
    for line in (
        "PhaseSpace:pTHatMin = 550.0",
        "PhaseSpace:pTHatMax = 700.0",
        "PhaseSpace:mHatMin = 1000.0",
        "PhaseSpace:mHatMax = 2000.0",
        "PartonLevel:MPI = on",
    ):
        assert line in settings.strings()


def test_every_detector_has_a_card():
    assert set(DETECTORS) == set(CARDS)


def test_reading_settings_imports_nothing_slow():
    code = (
        "import sys, resonaut.simulate.methods.pythia, resonaut.simulate.cli\n"
        "slow = {'pythia8mc', 'numba', 'uproot', 'awkward', 'fastjet', 'scipy', 'h5py', 'torch'}\n"
        "slow &= set(sys.modules)\n"
        "sys.exit(str(slow) if slow else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
