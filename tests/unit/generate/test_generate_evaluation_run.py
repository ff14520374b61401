"""The whole evaluation and the comparison: planted faults are found, honest samples reach the floors."""

import dataclasses
import json

import h5py
import numpy as np
import pytest

from resonaut import manifest, ragged
from resonaut.cli import main
from resonaut.errors import ConfigError, InputError
from resonaut.files import canonical_json
from resonaut.generate import compare
from resonaut.generate.evaluation import extrapolation, low_level, run, showers, summary
from resonaut.generate.evaluation.low_level_networks import windows
from resonaut.generate.evaluation.numbers import plain, rounded
from resonaut.generate.evaluation.settings import EvaluationSettings
from resonaut.generate.learnt import Learnt
from resonaut.settings import validate

GEOMETRY = {"kind": "cartesian", "shape": [6, 6, 6]}
QUICK = {"classifier": {"folds": 2, "trees": False, "low_level": False}}


def toy_showers(n, seed, low=10.0, high=100.0):
    """Hits of a normal shower around the axis: visible energy 3 % of the incident one, with 10 % width."""
    rng = np.random.default_rng(seed)
    energy = rng.uniform(low, high, n)
    visible = 0.03 * energy * (1 + 0.1 * rng.normal(size=n))
    number = rng.integers(20, 40, n)
    owner = np.repeat(np.arange(n), number)
    place = np.clip(np.round(rng.normal(2.5, [1.5, 0.8, 0.8], (len(owner), 3))), 0, 5).astype(int)
    key, inverse = np.unique(owner * 216 + place @ [36, 6, 1], return_inverse=True)
    share = np.bincount(inverse, rng.exponential(size=len(owner)))
    offsets = ragged.offsets_of(np.bincount(key // 216, minlength=n))
    total = ragged.sums(share, offsets)
    values = (share * np.repeat(visible / total, np.diff(offsets))).astype(np.float32)
    zero = np.zeros(n, np.int8)
    known = {"kind": "showers", "columns": (), "condition_names": ("incident_energy",)}
    known |= {"places": ("events/incident_energy",), "part": zero, "half": zero, "held": zero.astype(bool)}
    known = {name: value for name, value in known.items() if name in Learnt.__dataclass_fields__}
    return Learnt(
        values=values,
        offsets=offsets,
        cell=(key % 216).astype(np.int32),
        conditions=energy[:, None].astype(np.float32),
        settings={"geometry": GEOMETRY},
        ids={"order": np.arange(n)},
        datasets=("photons",),
        carried={"events/incident_energy": energy},
        **known,
    )


def compared(generated, **more):
    samples = {"real": toy_showers(800, 1), "other": toy_showers(800, 2), "generated": generated}
    settings = validate(EvaluationSettings, {**QUICK, **more})
    result = plain(run.compare(samples, toy_showers(800, 4), settings, 5, "generate.toy"))
    return {**result, "targets": summary.targets(result, settings.targets)}


def targets(result, name):
    return [target for target in result["targets"] if target["name"] == name]


def test_honest_showers_reach_the_floors():
    result = compared(toy_showers(800, 3))
    network = result["classifier"]["high_level"]["network"]
    assert abs(network["auc"] - 0.5) < 5 * network["error"]
    for entry in result["observables"].values():
        own = entry["separation"]
        assert own["value"] < 3 * own["expected"]
        assert sum(entry["counts"]["real"]) + sum(entry["outside"]["real"]) == 800
    assert result["memorisation"]["copies"] == 0
    assert all(target["met"] for target in targets(result, "auc_high_level"))
    for entry in result["response"]["energies"]:
        assert abs(entry["real"]["response"]["value"] - 0.03) < 4 * entry["real"]["response"]["error"]
        assert abs(entry["real"]["resolution"]["value"] - 0.1) < 4 * entry["real"]["resolution"]["error"]
    json.dumps(result, allow_nan=False)


def test_a_planted_bias_of_the_energy_is_found():
    made = toy_showers(800, 3)
    result = compared(dataclasses.replace(made, values=made.values * np.float32(1.1)))
    for target in targets(result, "visible_energy"):
        assert abs(target["value"] - 0.1) < 4 * target["error"]
        assert target["met"] is False
    assert result["classifier"]["high_level"]["network"]["auc"] > 0.65
    profile = result["profiles"]["longitudinal"]
    ratio = sum(profile["generated"]["mean"]) / sum(profile["real"]["mean"])
    mean = {
        name: result["observables"]["visible_energy"]["mean"][name]["value"] for name in ("real", "generated")
    }
    assert ratio == pytest.approx(mean["generated"] / mean["real"], rel=1e-4)
    assert sum(map(sum, result["images"]["side"]["real"])) == pytest.approx(mean["real"], rel=1e-4)


def test_training_rows_that_are_repeated_are_flagged():
    result = compared(toy_showers(800, 4))
    assert result["memorisation"]["copies"] == 1
    assert result["memorisation"]["ratio"] == 0


def test_the_cell_spectrum_counts_every_hit():
    rows = toy_showers(50, 6).showers()
    spectrum = showers.cell_spectrum(rows, showers.spectrum_edges(rows))
    np.testing.assert_array_equal(spectrum.sum(1), np.diff(rows.offsets))


@pytest.mark.parametrize("dims", [(6, 6, 6), (30, 30, 30), (5, 7), (24, 24, 38)])
def test_cells_of_a_window_stand_together(dims):
    """Cells whose coordinates agree in units of three share a window, in units of six a larger one."""
    place, layout = windows(dims)
    assert len(np.unique(place)) == len(place) == np.prod(dims)
    assert place.max() < np.prod(layout)
    along = np.indices(dims).reshape(len(dims), -1)
    for step, size in ((3, layout[2]), (6, layout[1] * layout[2])):
        coarse = np.ravel_multi_index(along // step, [-(-d // step) for d in dims])
        pairs = np.unique(np.stack([coarse, place // size]), axis=1)
        assert pairs.shape[1] == coarse.max() + 1


def test_a_network_on_all_cells_sees_what_no_observable_shows():
    """Rows are mirrored in half of the layers: sums, widths and centres along them stay as they are."""
    samples = [toy_showers(700, seed) for seed in (1, 2, 3)]
    made = samples[2]
    layer, row, column = np.unravel_index(made.cell, (6, 6, 6))
    cell = np.ravel_multi_index((layer, np.where(row == 2, 0, row), column), (6, 6, 6)).astype(np.int32)
    settings = validate(EvaluationSettings, {}).classifier
    wrong = dataclasses.replace(made, cell=cell)
    found = low_level.low_level(samples[0], samples[1], wrong, settings, 1, "generate.toy")
    assert found["auc"] > 0.9
    assert abs(found["floor"] - 0.5) < 5 * found["floor_error"]


def test_held_out_conditions_are_judged_apart():
    real, made = toy_showers(3000, 1), toy_showers(3000, 3)
    inside = (made.conditions[:, 0] >= 45) & (made.conditions[:, 0] <= 55)
    scale = np.where(np.repeat(inside, np.diff(made.offsets)), 1.2, 1.0).astype(np.float32)
    made = dataclasses.replace(made, values=made.values * scale)
    trained = np.array([[10.0], [40.0], [90.0]])
    ranges = {"incident_energy": (45.0, 55.0)}
    (found,) = extrapolation.evaluate(real, made, ranges, trained)
    assert found["kind"] == "interpolation"
    difference = found["response"]["difference"]["response"]
    assert abs(difference["value"] - 0.2) < 4 * difference["error"]
    assert found["observables"]["visible_energy"]["shift"] > 1
    (found,) = extrapolation.evaluate(real, made, {"incident_energy": (95.0, 100.0)}, trained)
    assert found["kind"] == "extrapolation"
    difference = found["response"]["difference"]["response"]
    assert abs(difference["value"]) < 4 * difference["error"]


def test_settings_that_do_not_fit():
    with pytest.raises(ConfigError, match=r"targets.energies: \[30.0\] GeV are not among"):
        validate(EvaluationSettings, {"targets": {"energies": [30]}})
    with pytest.raises(ConfigError, match="rising"):
        validate(EvaluationSettings, {"energies": [50, 20]})


def test_numbers_for_json():
    assert rounded(np.array([1.23456789, np.nan])) == [1.23457, None]
    assert plain({"a": np.float64(np.inf), "b": (np.int64(2), np.bool_(True))}) == {"a": None, "b": [2, True]}


# -- files --------------------------------------------------------------------------------------


def write_images(path, images, kind="images"):
    n = len(images)
    settings = canonical_json({"n_jets": 1, "images": {"n_pixels": 6, "half_width": 1.0, "normalise": True}})
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": kind, "dataset": "qcd", "label": "qcd", "n_events": n, "n_generated": n})
        file.attrs.update({"sum_weights": 1.0, "cut_flow": '{"read": 1}', "settings": settings})
        for key in ("run", "lumi", "event"):
            file[f"events/{key}"] = np.arange(n) if key == "event" else np.ones(n, np.int64)
        file["images"] = images[:, None]


def toy_images(n, seed):
    rng = np.random.default_rng(seed)
    images = rng.exponential(size=(n, 6, 6)) * (rng.random((n, 6, 6)) < 0.4)
    images[:, 3, 3] += 1
    return (images / images.sum((1, 2), keepdims=True)).astype(np.float32)


@pytest.fixture
def study(tmp_path):
    write_images(tmp_path / "qcd.h5", toy_images(2000, 1))
    manifest.write(tmp_path / "qcd.json", [tmp_path / "qcd.h5"])
    write_images(tmp_path / "good.h5", toy_images(400, 2))
    write_images(tmp_path / "flat.h5", np.repeat(toy_images(1, 3), 400, axis=0))
    return tmp_path


def evaluate(folder, name, **more):
    settings = {"datasets": ["qcd"], "evaluate": {"classifier": {"folds": 2}}, **more}
    slice_ = canonical_json({"method": name, "kind": "vae", "seed": 5, "settings": settings})
    files = ["--images", f"qcd={folder / 'qcd.json'}", "--samples", str(folder / f"{name}.h5")]
    output = folder / f"{name}.json"
    arguments = ["generate", "evaluate", "--settings", slice_, *files, "--output", str(output)]
    return main([*arguments, "--threads", "1"]), output


def test_evaluate_and_compare_generators_of_images(study):
    results = {}
    for name in ("good", "flat"):
        code, path = evaluate(study, name)
        assert code == 0
        results[name] = json.loads(path.read_text())
    good, flat = results["good"], results["flat"]
    assert good["n_rows"]["compared"] == min(400, good["n_rows"]["real"], good["n_rows"]["other"])
    assert good["images"]["distance"] < 2 * good["images"]["floor"] < flat["images"]["distance"]
    assert flat["coverage"]["coverage"] < 0.1 < good["coverage"]["coverage"]
    assert flat["classifier"]["low_level"]["auc"] > 0.9
    output, table = study / "comparison.json", study / "comparison.md"
    given = [f"{name}={study / name}.json" for name in results]
    command = ["generate", "compare", "--evaluations", *given, "--output", str(output), "--table", str(table)]
    assert main(command) == 0
    (group,) = json.loads(output.read_text())["groups"]
    assert [entry["name"] for entry in group["generators"]] == ["good", "flat"]
    assert group["generators"][1]["high_level"]["auc"] > 0.9
    assert "| good | vae |" in table.read_text()
    first = (study / "good.json").read_bytes()
    evaluate(study, "good")
    assert (study / "good.json").read_bytes() == first


def test_too_few_rows_are_refused(study):
    write_images(study / "few.h5", toy_images(20, 4))
    settings = {"method": "few", "kind": "vae", "seed": 5, "settings": {"datasets": ["qcd"]}}
    with pytest.raises(
        InputError, match=r"generate.few: \d+ real, \d+ other, 20 generated rows; at least 50"
    ):
        run.run(settings, {"qcd": study / "qcd.json"}, study / "few.h5", study / "few.json", 1)
    (study / "x.json").write_text("{}")
    with pytest.raises(InputError, match="of `generate evaluate` is expected"):
        compare.run({"x": study / "x.json"}, {}, {}, study / "c.json", study / "c.md")
