"""Combinations of workspaces against closed forms and the product of the single likelihoods."""

from __future__ import annotations

import json
import math
import tarfile

import numpy as np
import pyhf
import pytest

from resonaut.cli import main
from resonaut.errors import ConfigError, InputError, MismatchError
from resonaut.infer import foreign, workspaces
from resonaut.infer.combine_workspaces import Part, combine, product_twice_nll
from resonaut.infer.foreign import model_of
from resonaut.infer.foreign_combined import run
from resonaut.infer.workspaces import Channel
from resonaut.stats.likelihood import Uncertainties
from resonaut.stats.signals import Signal

SIGMA = 0.1
WHOLE = Signal(np.array([1.0]))


def counting(observed, background, signal=1.0, *, lumi=None, rate=None, shape=False, **names):
    """One bin; luminosity of the signal, a rate of the background, and a shape of the signal if asked for."""
    poi, channel = names.get("poi", "mu"), names.get("channel", "one")
    of_signal = [{"name": poi, "type": "normfactor", "data": None}]
    of_background = []
    parameters = [{"name": poi, "bounds": [[0.0, names.get("bound", 200.0)]]}]
    if lumi is not None:
        of_signal.append({"name": "lumi", "type": "lumi", "data": None})
        settings = {"auxdata": [1.0], "sigmas": [lumi], "bounds": [[0.0, 2.0]], "inits": [1.0]}
        parameters.append({"name": "lumi", **settings})
    if rate is not None:
        modifier = {"name": "rate", "type": "normsys", "data": {"hi": 1 + rate, "lo": 1 / (1 + rate)}}
        of_background.append(modifier)
    if shape:
        moved = {"hi_data": [1.05 * signal], "lo_data": [0.97 * signal]}
        of_signal.append({"name": "scale", "type": "histosys", "data": moved})
    samples = [
        {"name": "signal", "data": [signal], "modifiers": of_signal},
        {"name": "background", "data": [background], "modifiers": of_background},
    ]
    return {
        "channels": [{"name": channel, "samples": samples}],
        "observations": [{"name": channel, "data": [observed]}],
        "measurements": [{"name": "first", "config": {"poi": poi, "parameters": parameters}}],
        "version": "1.0.0",
    }


def parts_of(*contents):
    tags = [f"part{number}" for number in range(len(contents))]
    return [
        Part(tag, f"{tag}.json", content, *(model_of(content, tag, None)[place] for place in (2, 0, 1)))
        for tag, content in zip(tags, contents, strict=True)
    ]


def combined(tmp_path, contents, **settings):
    paths = []
    for name, content in zip("abcd", contents, strict=False):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(content))
    run([str(path) for path in paths], tmp_path / "out", settings)
    return json.loads((tmp_path / "out/result.json").read_text())


def alone_q0(n, b):
    return 2 * (n * math.log(n / b) - n + b)


def test_two_counting_experiments_against_the_closed_form(tmp_path):
    """Signals of 1 and 2 per unit of mu: the best mu solves n1 / (b1 + mu) + 2 n2 / (b2 + 2 mu) = 3."""
    from scipy.optimize import brentq

    (n1, b1), (n2, b2) = (130.0, 100.0), (85.0, 50.0)
    found = combined(tmp_path, [counting(n1, b1), counting(n2, b2, 2.0, channel="two")])

    def twice_nll(mu):
        return sum(2 * (s * mu + b - n * math.log(s * mu + b)) for n, b, s in ((n1, b1, 1.0), (n2, b2, 2.0)))

    best = brentq(lambda mu: n1 / (b1 + mu) + 2 * n2 / (b2 + 2 * mu) - 3, 0, 100)
    assert found["best_fit"]["mu"] == pytest.approx(best, rel=1e-3)
    assert found["discovery"]["q0"] == pytest.approx(twice_nll(0.0) - twice_nll(best), rel=1e-4)
    assert found["model"] == {"channels": 2, "bins": 2, "parameters": 1}
    assert found["shared"] == {"mu": ["a", "b"]}


def test_two_identical_experiments_have_sqrt_2_of_the_significance(tmp_path):
    found = combined(tmp_path, [counting(10_200, 10_000, bound=3000.0)] * 2, limits=False)
    assert found["discovery"]["z_local"] == pytest.approx(math.sqrt(2 * alone_q0(10_200, 10_000)), rel=1e-4)
    assert any("same counts" in note for note in found["notes"])
    assert [entry["channels"] for entry in found["workspaces"]] == [{"one": "a_one"}, {"one": "b_one"}]


@pytest.mark.parametrize("shared", [None, [], ["rate"], ["lumi", "rate", "mu"]])
def test_likelihood_is_the_product_of_the_single_ones(shared):
    parts = parts_of(
        counting(130, 100, 20.0, lumi=0.05, rate=0.1, shape=True),
        counting(60, 50, 15.0, lumi=0.05, rate=0.1),
        counting(9, 12, 3.0, rate=0.1, poi="strength"),
    )
    made = combine(parts, shared)
    model, data, _ = model_of(made.content, "combination", None)
    rng = np.random.default_rng(3)
    for _ in range(20):
        at = {name: np.array([rng.normal(0.0, 1.5)]) for name in model.config.par_order}
        at |= {"mu": np.array([rng.uniform(0, 3)]), "lumi": np.array([rng.normal(1, 0.05)])}
        parameters = np.concatenate([at[name] for name in model.config.par_order])
        ours = -2 * float(model.logpdf(parameters, data)[0])
        assert product_twice_nll(parts, made, at) == pytest.approx(ours, rel=0, abs=1e-9)


def test_sum_of_single_minus_twice_log_likelihoods():
    """Without common nuisance parameters nothing but the product of the single likelihoods is left."""
    contents = [counting(130, 100, 20.0, rate=0.1), counting(60, 50, 15.0, rate=0.2)]
    parts = parts_of(*contents)
    model, data, _ = model_of(combine(parts).content, "combination", None)
    values = {"mu": 0.7, "part0_rate": 0.4, "part1_rate": -1.3}
    total = 0.0
    for part in parts:
        own = {"mu": 0.7, "rate": values[f"{part.tag}_rate"]}
        parameters = [own[name] for name in part.model.config.par_order]
        total += -2 * float(part.model.logpdf(parameters, part.data)[0])
    ours = -2 * float(model.logpdf([values[name] for name in model.config.par_order], data)[0])
    assert ours == pytest.approx(total, rel=0, abs=1e-9)


def limit_of(tmp_path, shared):
    contents = [counting(100, 100, 10.0, lumi=0.2, channel=name) for name in ("one", "two")]
    return combined(tmp_path, contents, shared=shared)


def test_common_luminosity_weakens_limits(tmp_path):
    """Private errors average out; against pyhf with the errors of both by hand."""
    common, private = limit_of(tmp_path, None), limit_of(tmp_path, [])
    assert common["shared"] == {"mu": ["a", "b"], "lumi": ["a", "b"]}
    assert private["shared"] == {"mu": ["a", "b"]}
    assert [entry["private"] for entry in private["workspaces"]] == [{"lumi": "lumi"}, {"lumi": "b_lumi"}]
    ratio = common["upper_limit"]["expected"][2] / private["upper_limit"]["expected"][2]
    assert 1.005 < ratio < 1.1
    for found in (common, private):
        assert found["closure"]["combined"] == pytest.approx(found["closure"]["product"], abs=1e-9)


def test_common_and_private_luminosity_against_their_error(tmp_path):
    """Large counts: (error of mu / mu)^2 is sigma^2 if common, sigma^2 / 2 if private, and the counts'."""
    contents = [
        counting(200_000, 100_000, 100_000.0, lumi=SIGMA, bound=5.0, channel=x) for x in ("one", "two")
    ]
    counts = 200_000 / 100_000**2 / 2
    for shared, systematic in ((None, SIGMA**2), ([], SIGMA**2 / 2)):
        found = combined(tmp_path, contents, shared=shared, limits=False, mu=1.01)
        assert found["tested"]["q_tilde"] == pytest.approx(0.01**2 / (systematic + counts), rel=0.03)


def test_private_luminosity_of_a_sample_with_a_shape_is_said():
    parts = parts_of(*[counting(130, 100, 20.0, lumi=0.02, shape=True)] * 2)
    made = combine(parts, [])
    assert any("normsys for 1 samples" in note and "0.0004" in note for note in made.notes)
    model, data, _ = model_of(made.content, "combination", None)
    at = {name: np.array([0.7]) for name in model.config.par_order} | {"lumi": np.array([1.01])}
    ours = -2 * float(model.logpdf(np.concatenate([at[x] for x in model.config.par_order]), data)[0])
    assert product_twice_nll(parts, made, at) == pytest.approx(ours, abs=0.01)


def test_bounds_of_the_signal_strength_are_the_widest(tmp_path):
    contents = [counting(130, 100, bound=10.0), counting(130, 100, poi="strength", bound=300.0)]
    found = combined(tmp_path, contents, limits=False)
    space = pyhf.Workspace(json.loads((tmp_path / "out/workspace.json").read_text()))
    config = space.model().config
    assert config.poi_name == found["poi"] == "mu"
    assert config.suggested_bounds() == [[0.0, 300.0]]
    assert any("bounds of mu differ" in note for note in found["notes"])
    assert any("stands for strength" in note for note in found["notes"])


def test_clashes_are_named_in_one_message():
    first = counting(130, 100, 20.0, lumi=0.05, rate=0.1)
    second = counting(60, 50, 15.0, lumi=0.02, rate=0.1)
    second["measurements"][0]["config"]["parameters"].append({"name": "rate", "bounds": [[-3.0, 3.0]]})
    with pytest.raises(MismatchError, match=r"lumi: sigmas \[0.05\] in part0, \[0.02\] in part1") as caught:
        combine(parts_of(first, second), ["lumi", "rate"])
    assert "rate: bounds [[-5.0, 5.0]] in part0, [[-3.0, 3.0]] in part1" in str(caught.value)


def staterror(content):
    modifier = {"name": "stat", "type": "staterror", "data": [5.0]}
    content["channels"][0]["samples"][1]["modifiers"].append(modifier)
    return content


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"shared": ["rat"]}, "'rat' is a parameter in no workspace. Did you mean 'rate'"),
        ({"shared": ["stat"]}, "'stat' of .*a.json is a staterror"),
        ({"patch": ["none"]}, "--patch: 1 given for 2 workspaces"),
        ({"measurement": ["first"] * 3}, "--measurement: 3 given for 2 workspaces"),
    ],
)
def test_what_cannot_be_combined_is_refused_and_leaves_nothing(tmp_path, settings, message):
    contents = [staterror(counting(130, 100, rate=0.1)), staterror(counting(60, 50, rate=0.1))]
    with pytest.raises(ConfigError, match=message):
        combined(tmp_path, contents, **settings)
    assert not (tmp_path / "out").exists()


def test_a_luminosity_in_other_units_cannot_be_private():
    contents = [counting(130, 100, 20.0, lumi=0.05), counting(60, 50, 15.0, lumi=0.05)]
    for content in contents:
        content["measurements"][0]["config"]["parameters"][1] |= {"auxdata": [1.1]}
    assert combine(parts_of(*contents)).shared["lumi"] == ["part0", "part1"]
    with pytest.raises(ConfigError, match=r"part1.json: lumi has auxdata 1.1"):
        combine(parts_of(*contents), [])


def test_names_that_a_tag_would_make_equal_are_refused():
    contents = [counting(130, 100, rate=0.1), counting(60, 50, rate=0.1), counting(9, 8, rate=0.1)]
    for content in contents[1:]:
        content["channels"][0]["samples"][1]["modifiers"][0]["name"] = "part0_rate"
    assert combine(parts_of(*contents)).names["part2"]["part0_rate"] == "part2_part0_rate"
    with pytest.raises(ConfigError, match="would both be called 'part0_rate'"):
        combine(parts_of(*contents), ["part0_rate"])


def test_command_line_with_members_of_an_archive_and_patches(tmp_path, capsys):
    archive = tmp_path / "all.tar"
    value = [{"op": "replace", "path": "/channels/0/samples/0/data", "value": [2.0]}]
    (tmp_path / "twice.json").write_text(json.dumps(value))
    with tarfile.open(archive, "w") as tar:
        for name, content in (("A", counting(130, 100)), ("B", counting(70, 50))):
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content))
            tar.add(path, f"Region{name}/base.json")
    members = [f"{archive}:Region{name}/base.json" for name in "AB"]
    options = ["--output", str(tmp_path / "out"), "--patch", "none", str(tmp_path / "twice.json")]
    assert main(["infer", "--workspace", *members, *options, "--no-limits"]) == 0
    found = json.loads((tmp_path / "out/result.json").read_text())
    plain = combined(tmp_path, [counting(130, 100), counting(70, 50, 2.0)], limits=False)
    assert found["best_fit"]["mu"] == pytest.approx(plain["best_fit"]["mu"], rel=1e-6)
    assert [entry["tag"] for entry in found["workspaces"]] == ["workspace_1", "workspace_2"]
    assert [entry["patch"] for entry in found["workspaces"]] == [None, str(tmp_path / "twice.json")]
    assert "2 workspaces: mu common" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--shared", "lumi"], "--shared: is for several workspaces"),
        (["--patch", "x", "y"], "--patch: 2 given for one workspace"),
    ],
)
def test_options_of_several_workspaces_are_refused_for_one(tmp_path, capsys, options, message):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(counting(130, 100)))
    assert main(["infer", "--workspace", str(path), "--output", str(tmp_path / "out"), *options]) == 2
    assert message in capsys.readouterr().err


def test_a_broken_workspace_is_named(tmp_path):
    broken = counting(130, 100)
    del broken["channels"][0]["samples"][0]["data"]
    with pytest.raises(InputError, match=r"b\.json: not a valid HistFactory workspace"):
        combined(tmp_path, [counting(60, 50), broken])


def ours(tmp_path, name, observed, limit):
    """A workspace as `infer test` archives it."""
    channel = Channel(f"window_{name}", np.array([observed]), np.array([100.0]), log_error=0.05, signal=WHOLE)
    content = workspaces.workspace([channel], limit, Uncertainties(luminosity=0.02, acceptance=0.1))
    (tmp_path / f"{name}.json").write_text(json.dumps(content))
    return str(tmp_path / f"{name}.json")


def test_workspaces_of_our_own_searches(tmp_path):
    """Two windows: their side bands and acceptances are private though they are called the same."""
    paths = [ours(tmp_path, "3000-3400", 130.0, 60.0), ours(tmp_path, "3400-3900", 118.0, 45.0)]
    run(paths, tmp_path / "out", {"limits": False})
    found = json.loads((tmp_path / "out/result.json").read_text())
    assert set(found["shared"]) == {"mu", "lumi"}
    assert all("acceptance" in entry["private"] for entry in found["workspaces"])
    assert found["closure"]["combined"] == pytest.approx(found["closure"]["product"], abs=1e-9)
    singles = []
    for path in paths:
        foreign.run(path, tmp_path / "single", {"limits": False})
        singles.append(json.loads((tmp_path / "single/result.json").read_text())["discovery"]["q0"])
    assert max(singles) < found["discovery"]["q0"] < sum(singles)
