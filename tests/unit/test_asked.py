"""What a study asks for beyond the defaults."""

from resonaut import config
from resonaut.asked import MAX_LENGTH, REQUIRED, asked, differences

STUDY = {
    "study": "small",
    "datasets": {
        "qcd": {"source": "pythia", "label": "qcd", "process": "wprime_xy", "n_events": 100},
        "data": {"source": "files", "files": ["a.root"], "luminosity": 36.0},
    },
    "detect": {"cwola": {"features": ["mjj"], "training": {"epochs": 3}}, "autoencoder": {}},
    "mixtures": {"m": {"datasets": {"qcd": "all"}, "methods": ["autoencoder"]}},
    "scan": {"mass_min": 2500, "mass_max": 6000.5, "windows": [{"low": 2900, "high": 3300}]},
    "hunt": {"efficiencies": [0.01]},
}


def changed(raw):
    return {entry["key"]: entry for entry in asked(config.parse(raw))["changed"]}


def test_only_what_differs_is_named_with_its_default_and_meaning():
    found = changed(STUDY)
    assert found["study"]["default"] == REQUIRED
    assert (found["datasets.data.luminosity"]["value"], found["datasets.data.luminosity"]["default"]) == (
        "36",
        "none",
    )
    assert found["datasets.data.luminosity"]["meaning"] == "Integrated luminosity of data, fb^-1."
    assert found["detect.cwola.training.epochs"]["value"] == "3"
    assert found["scan.mass_max"]["value"] == "6000.5"
    assert found["scan.windows"]["value"] == "[{low: 2900, high: 3300}]"
    assert found["detect.autoencoder"]["value"] == "all defaults"
    # 0.01 is the default, given or not.
    assert "hunt.efficiencies" not in found
    assert "seed" not in found
    assert not any(key.startswith(("infer", "review", "represent")) for key in found)


def test_an_own_key_shows_up_and_a_default_one_does_not():
    raw = {**STUDY, "seed": 7, "hunt": {"efficiencies": [0.2, 0.1]}, "review": {"label": "Simulation"}}
    new = set(changed(raw)) - set(changed(STUDY))
    assert new == {"seed", "hunt.efficiencies"}


def test_long_lists_are_cut_so_that_a_slice_stays_small():
    names = [f"folder/file_{number:06d}.root" for number in range(50)]
    raw = {"study": "s", "datasets": {f"d{n}": {"source": "files", "files": names} for n in range(120)}}
    found = asked(config.parse(raw))
    assert found["whole"] is None
    assert found["n_omitted"] > 0
    assert len(found["changed"]) + found["n_omitted"] == len(list(differences(config.parse(raw))))
    files = next(entry for entry in found["changed"] if entry["key"] == "datasets.d0.files")
    assert len(files["value"]) < MAX_LENGTH + 40
    assert len(config.parse(raw).slice("page")) < config.MAX_SLICE_BYTES
