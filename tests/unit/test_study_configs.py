"""The committed studies: each is valid, plans the taggers that it names, and cuts nothing away unseen."""

from __future__ import annotations

from pathlib import Path

import pytest

from resonaut.config import Study, load
from resonaut.workflow import Plan

CONFIG = Path(__file__).parents[2] / "config"
EVERY = sorted(path.stem for path in CONFIG.glob("*.yaml") if not path.name.startswith("site."))
TAGGERS = {
    "demo": {"clouds": ["pfn"]},
    "toptag": {
        "features": ["combination", "dense", "trees"],
        "images": ["capsule", "cnn", "resnet", "resnext"],
        "clouds": [
            *("efn", "gru", "lola", "lorentznet", "lstm", "particlenet", "particlenet_lite", "pcnn", "pfn"),
            *("transformer", "transformer_pairs"),
        ],
    },
    "toptag_quick": {
        "features": ["both", "dense", "trees"],
        "clouds": ["particlenet_lite", "pfn", "pfn_tuned"],
    },
    "five_class": {"features": ["dense", "trees"], "clouds": ["particlenet_lite", "pfn"]},
    "calibration": {"clouds": ["energy", "mass", "mass_particlenet", "pt"]},
    "event_level": {"features": ["dense", "dense_leading", "trees"]},
    "displaced": {"features": ["combination", "dense"], "clouds": ["pfn", "pfn_kinematics"]},
}
TAGGERS["toptag_cpu"] = {
    "features": ["dense", "trees"],
    "images": TAGGERS["toptag"]["images"],
    "clouds": [
        *("efn", "gru", "lola", "lstm", "particlenet", "particlenet_lite", "pcnn", "pfn", "transformer"),
    ],
}
SIMULATED = sorted(TAGGERS)


def study_of(name: str) -> Study:
    return load(CONFIG / f"{name}.yaml")


@pytest.mark.parametrize("name", EVERY)
def test_every_file_is_a_study_of_its_name(name: str) -> None:
    assert study_of(name).study == name


@pytest.mark.parametrize("name", SIMULATED)
def test_plan_has_the_taggers(name: str) -> None:
    study = study_of(name)
    plan = Plan(study)
    found: dict[str, list[str]] = {}
    for method, settings in study.tag.items():
        kind, datasets = plan.inputs_of("tag", method)
        found.setdefault(kind, []).append(method)
        assert set(datasets) <= set(study.datasets)
        assert f"results/{name}/tag/{method}/metrics.json" in plan.targets("tag")
        assert plan.settings("tag", method=method)
        assert settings.task in ("binary", "classes", "regression")
    assert {kind: sorted(methods) for kind, methods in found.items()} == TAGGERS[name]
    assert len(plan.targets("simulate")) == sum(len(study.chunks(dataset)) for dataset in study.datasets)


@pytest.mark.parametrize("name", SIMULATED)
def test_no_early_cut_reaches_into_the_selection(name: str) -> None:
    """Loose before tight: the generator's cuts, then the preselection, then the selection."""
    study = study_of(name)
    loose, tight = study.ingest.preselection, study.represent.selection
    assert loose.n_jets_min <= tight.n_jets_min
    assert loose.leading_jet_pt_min <= tight.leading_jet_pt_min
    assert loose.leading_jet_pt_max is None or loose.leading_jet_pt_max > tight.leading_jet_pt_max
    assert loose.jet_eta_max >= tight.jet_eta_max
    assert study.ingest.jets.smallest_pt(clustered=True) <= max(200, tight.jet_pt_min)
    for dataset in study.datasets.values():
        cuts = dataset.settings.cuts
        # Jets of the detector are within a few percent of those generated.
        assert (cuts.gen_jet_pt_min or 0) <= 0.9 * tight.leading_jet_pt_min
        assert dataset.settings.gen_jet_radius == study.ingest.jets.radius


def test_the_reference_sample() -> None:
    """arXiv:1902.09914, section 2: energy, radius, window of pt and eta, no multiple interactions."""
    for name in ("toptag", "toptag_cpu", "toptag_quick"):
        study = study_of(name)
        jets, selection = study.ingest.jets, study.represent.selection
        assert (jets.algorithm, jets.radius) == ("antikt", 0.8)
        assert (selection.leading_jet_pt_min, selection.leading_jet_pt_max) == (550, 650)
        assert selection.jet_eta_max == 2.0
        assert study.represent.n_jets == 1
        assert set(study.datasets) == {"top", "qcd"}
        for dataset in study.datasets.values():
            settings = dataset.settings
            assert (settings.energy(), settings.mpi, settings.detector) == (14_000, False, "atlas")
        for tagger in study.tag.values():
            assert (tagger.signal, tagger.background, tagger.matched) == (("top",), ("qcd",), True)


@pytest.mark.parametrize("twin", ["toptag_cpu", "toptag_quick"])
def test_the_twins_select_and_represent_alike(twin: str) -> None:
    whole, smaller = study_of("toptag"), study_of(twin)
    assert whole.ingest == smaller.ingest
    assert whole.represent == smaller.represent


def test_the_event_level_study_shares_the_events_of_the_demo() -> None:
    demo, events = study_of("demo"), study_of("event_level")
    for name in ("qcd", "wprime"):
        assert events.data_folder(name) == demo.data_folder(name)


def test_the_event_classifiers_do_not_see_the_resonant_mass() -> None:
    for tagger in study_of("event_level").tag.values():
        named = {name.removeprefix("events/").removeprefix("jets/").split("/")[0] for name in tagger.inputs}
        assert not named & {"mass", "mjj", "pt", "mj1", "dmj", "gen_pt", "gen_mass", "gen_energy"}


def test_the_calorimeter_study_learns_cells_and_features() -> None:
    study = study_of("calorimeter")
    found: dict[str, list[str]] = {}
    for name in sorted(study.tag):
        found.setdefault(Plan(study).inputs_of("tag", name)[0], []).append(name)
    assert found["features"] == ["energy_beyond", "energy_features", "particle_features"]
    assert set(found) == {"features", "showers"}
    assert study.tag["energy_unseen"].hold_out == {"incident_energy": (45.0, 55.0)}
