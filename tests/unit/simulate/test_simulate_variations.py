"""Minimum bias, tunes, and variations of the parton shower as event weights."""

from __future__ import annotations

import numpy as np
import pytest
import uproot

from resonaut import config
from resonaut.errors import ConfigError
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.simulate.events import simulate_chunk
from resonaut.simulate.methods.pythia import Settings, build
from resonaut.store import Store

WEIGHTS = {"fsr_up": "fsr:muRfac=0.707", "fsr_down": "fsr:muRfac=1.414", "isr_up": "isr:muRfac=0.707"}
QCD = {"process": "qcd_dijet", "cuts": {"pt_hat_min": 500}}


def _generated(n_events, seed=7, **options):
    source = build(validate(Settings, {"n_events": n_events, **options}))
    source.start(seed)
    return source, list(source.batches(n_events))


def _joined(batches, name):
    return np.concatenate([batch.particles[name] for batch in batches])


def test_minimum_bias_has_the_inelastic_cross_section_and_the_measured_density_of_charged_hadrons():
    source, batches = _generated(1_500, process="minimum_bias")
    # TOTEM, arXiv:1712.06153: 79.5 +- 1.8 mb inelastic at 13 TeV.
    assert source.cross_section().value == pytest.approx(79.5e9, rel=0.05)
    eta = np.arcsinh(_joined(batches, "pz") / np.hypot(_joined(batches, "px"), _joined(batches, "py")))
    hadron = (_joined(batches, "charge") != 0) & (np.abs(_joined(batches, "pdg_id")) > 100)
    density = (hadron & (np.abs(eta) < 0.5)).sum() / 1_500
    # CMS, arXiv:1507.05915: 5.49 +- 0.17; the error of 1500 events is 0.16.
    assert density == pytest.approx(5.49, abs=0.6)


def test_minimum_bias_ignores_that_others_have_no_multiple_interactions_and_is_no_dataset_of_its_own():
    settings = validate(Settings, {"n_events": 1, "process": "minimum_bias", "mpi": False})
    lines = [line for line in settings.strings() if line.startswith("PartonLevel:MPI")]
    assert lines[-1] == "PartonLevel:MPI = on"
    assert settings.overlaid_only
    assert not validate(Settings, {"n_events": 1, **QCD}).overlaid_only
    raw = {"source": "pythia", "process": "minimum_bias", "n_events": 10}
    study = config.parse({"study": "s", "datasets": {"minbias": raw}})
    assert study.datasets["minbias"].representations == ()


def test_a_tune_comes_first_and_changes_the_events():
    settings = validate(Settings, {"n_events": 1, "tune": 21, "pythia": ["Tune:pp = 18"], **QCD})
    assert settings.strings()[0] == "Tune:pp = 21"
    assert settings.strings()[-1] == "Tune:pp = 18"
    counts = {tune: _generated(50, tune=tune, **QCD)[1][0].offsets[-1] for tune in (None, 14, 21)}
    assert counts[None] == counts[14] != counts[21]


def test_a_tune_that_needs_absent_parton_densities_is_refused_by_pythia():
    with pytest.raises(ConfigError, match="cannot start"):
        _generated(1, tune=22, **QCD)


@pytest.fixture(scope="module")
def varied():
    return _generated(800, shower_weights=WEIGHTS, pythia=["HadronLevel:all = off"], **QCD)[1]


def test_shower_weights_average_one_and_the_sample_is_the_same(varied):
    # Not event by event: Pythia tries more branchings, and so draws other random numbers.
    nominal = _generated(800, pythia=["HadronLevel:all = off"], **QCD)[1]
    first, second = (np.concatenate([np.diff(b.offsets) for b in part]) for part in (varied, nominal))
    assert abs(first.mean() - second.mean()) < 4 * np.hypot(first.std(), second.std()) / np.sqrt(800)
    for name in WEIGHTS:
        weight = np.concatenate([batch.shower_weights[name] for batch in varied])
        assert weight.shape == (800,)
        assert weight.std() > 0.05
        assert abs(weight.mean() - 1) < 5 * weight.std() / np.sqrt(800)


def test_a_smaller_scale_of_final_state_radiation_means_more_particles(varied):
    number = np.concatenate([np.diff(batch.offsets) for batch in varied])
    mean = {
        name: np.average(number, weights=np.concatenate([batch.shower_weights[name] for batch in varied]))
        for name in ("fsr_up", "fsr_down")
    }
    assert mean["fsr_up"] > 1.02 * number.mean()
    assert mean["fsr_down"] < 0.98 * number.mean()
    # The same direction as with the scale changed in the generation itself.
    lines = ["HadronLevel:all = off", "TimeShower:renormMultFac = 0.5"]
    direct = _generated(200, pythia=lines, **QCD)[1]
    assert np.mean([np.diff(batch.offsets).mean() for batch in direct]) > mean["fsr_up"]


def test_weights_are_factors_of_the_weight_that_biased_events_have():
    options = {"process": "qcd_flat", "cuts": {"pt_hat_min": 50}, "pythia": ["HadronLevel:all = off"]}
    _, batches = _generated(200, shower_weights={"up": "isr:muRfac=0.9 fsr:muRfac=0.9"}, **options)
    assert np.ptp(batches[0].weights) > 0.5
    factor = batches[0].shower_weights["up"]
    # The scale changes by 10 %: so does the weight, however small that of the event is.
    assert np.median(np.abs(factor - 1)) < 0.2
    assert batches[0].select(factor > 1).shower_weights["up"].min() > 1


def test_weights_reach_the_event_store(tmp_path):
    given = {"n_events": 30, "chunk_events": 30, "seed": 3, "shower_weights": WEIGHTS, **QCD}
    simulate_chunk("qcd", "pythia", validate(Settings, given), 0, tmp_path / "a.root")
    with uproot.open(tmp_path / "a.root") as file:
        weights = {name: file["Events"][f"weight_{name}"].array(library="np") for name in WEIGHTS}
    task = {"dataset": "qcd", "label": "qcd", "ingest": {"preselection": {}}}
    convert([str(tmp_path / "a.root")], tmp_path / "a.h5", validate(IngestTask, task))
    with Store(tmp_path / "a.h5") as store:
        events = store.read().events
    assert len(events["event"]) == 30
    for name in WEIGHTS:
        np.testing.assert_array_equal(events[f"weights/{name}"], weights[name])
    simulate_chunk("qcd", "pythia", validate(Settings, given), 0, tmp_path / "b.root")
    with uproot.open(tmp_path / "b.root") as file:
        np.testing.assert_array_equal(file["Events"]["weight_fsr_up"].array(library="np"), weights["fsr_up"])


def test_events_that_were_made_before_these_keys_keep_the_name_of_their_folder():
    assert {"tune", "shower_weights"}.isdisjoint(validate(Settings, {"n_events": 1, **QCD}).model_dump())
    given = {"n_events": 1, "tune": 0, "shower_weights": {"up": "fsr:muRfac=0.5"}, **QCD}
    settings = validate(Settings, given)
    dumped = settings.model_dump(mode="json")
    assert dumped["tune"] == 0
    assert validate(Settings, dumped) == settings


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"tune": 33}, ["datasets.qcd.tune", "33", "32"]),
        ({"shower_weights": {"up": "fsr:muRfacc=0.5"}}, ["up", "muRfacc", "Did you mean 'fsr:muRfac'?"]),
        ({"shower_weights": {"up": "muRfac=0.5"}}, ["up", "no variation", "fsr:muRfac=0.707"]),
        ({"shower_weights": {"up": "fsr:muRfac=0"}}, ["up", "0.1 to 10"]),
        ({"shower_weights": {"up": "fsr:muRfac=half"}}, ["up", "0.1 to 10"]),
        ({"shower_weights": {"up": ""}}, ["up", "varies nothing"]),
        ({"shower_weights": {"Up, x": "fsr:muRfac=0.5"}}, ["shower_weights", "Up, x"]),
    ],
)
def test_variations_that_pythia_would_ignore_are_refused(dataset, words):
    raw = {"study": "s", "datasets": {"qcd": {"source": "pythia", "n_events": 10, **QCD, **dataset}}}
    with pytest.raises(ConfigError) as caught:
        config.parse(raw)
    for word in words:
        assert word in str(caught.value)
