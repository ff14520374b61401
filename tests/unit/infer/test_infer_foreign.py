"""Workspaces of any origin against pyhf, closed forms and a published number."""

from __future__ import annotations

import io
import json
import math
import tarfile

import numpy as np
import pyhf
import pytest

from resonaut.cli import main
from resonaut.errors import FitError, InputError
from resonaut.infer.foreign import run


def workspace(signal=(5.0, 10.0, 3.0), background=(50.0, 45.0, 40.0), observed=(56, 60, 41), bound=10.0):
    """Three bins; a shape uncertainty, a normalisation and statistical errors of the background."""
    up, down = 1.1 * np.array(background), 0.95 * np.array(background)
    modifiers = [
        {"name": "scale", "type": "histosys", "data": {"hi_data": [*up], "lo_data": [*down]}},
        {"name": "rate", "type": "normsys", "data": {"hi": 1.04, "lo": 0.97}},
        {"name": "staterror_one", "type": "staterror", "data": [0.06 * x for x in background]},
    ]
    return {
        "channels": [
            {
                "name": "one",
                "samples": [
                    {
                        "name": "signal",
                        "data": [*signal],
                        "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                    },
                    {"name": "background", "data": [*background], "modifiers": modifiers},
                ],
            }
        ],
        "observations": [{"name": "one", "data": [*observed]}],
        "measurements": [
            {
                "name": "first",
                "config": {"poi": "mu", "parameters": [{"name": "mu", "bounds": [[0.0, bound]]}]},
            }
        ],
        "version": "1.0.0",
    }


def counting(observed, background, signal=1.0, bound=10.0):
    """One bin of known background."""
    content = workspace((signal,), (background,), (observed,), bound)
    content["channels"][0]["samples"][1]["modifiers"] = []
    return content


def result_of(tmp_path, content, **settings):
    path = tmp_path / "workspace.json"
    path.write_text(json.dumps(content))
    run(str(path), tmp_path / "out", settings)
    return json.loads((tmp_path / "out/result.json").read_text())


def test_agrees_with_pyhf(tmp_path):
    found = result_of(tmp_path, workspace())
    pyhf.set_backend("numpy", pyhf.optimize.minuit_optimizer(tolerance=1e-3))
    space = pyhf.Workspace(workspace())
    model = space.model()
    data = space.data(model)
    observed, expected = pyhf.infer.hypotest(1.0, data, model, test_stat="qtilde", return_expected_set=True)
    assert found["tested"]["cls_observed"] == pytest.approx(float(observed), rel=2e-3)
    np.testing.assert_allclose(found["tested"]["cls_expected"], np.array(expected, float), rtol=2e-3)
    limits = found["upper_limit"]
    assert float(pyhf.infer.hypotest(limits["observed"], data, model)) == pytest.approx(0.05, rel=5e-3)
    _, band = pyhf.infer.hypotest(limits["expected"][3], data, model, return_expected_set=True)
    assert float(band[3]) == pytest.approx(0.05, rel=5e-3)
    p0 = float(pyhf.infer.hypotest(0.0, data, model, test_stat="q0"))
    assert found["discovery"]["p_value"] == pytest.approx(p0, rel=3e-3)
    assert {pull["name"] for pull in found["pulls"]} >= {"scale", "rate", "staterror_one[0]"}
    assert all(abs(pull["pull"]) < 3 and 0 < pull["error"] < 1.5 for pull in found["pulls"])


def test_discovery_is_not_truncated_by_the_bound_of_mu(tmp_path):
    """A bound of 10 events cuts q0 from 8.6 to 1.8 here; sqrt(2 (n ln(n / b) - n + b)) is exact."""
    found = result_of(tmp_path, counting(130, 100, bound=10.0), limits=False)
    assert found["discovery"]["z_local"] == pytest.approx(math.sqrt(2 * (130 * math.log(1.3) - 30)), rel=1e-3)
    assert found["best_fit"]["mu"] == pytest.approx(30, rel=1e-2)
    assert any("widened from 10 to 100" in note for note in found["notes"])


def test_limit_beyond_the_bound_is_found_and_said(tmp_path):
    found = result_of(tmp_path, counting(100, 100, bound=10.0))
    roomy = result_of(tmp_path, counting(100, 100, bound=200.0))
    assert found["upper_limit"]["observed"] > 19
    assert found["upper_limit"]["observed"] == pytest.approx(roomy["upper_limit"]["observed"], rel=2e-3)
    assert any("widened" in note for note in found["notes"])
    assert not any("widened" in note for note in roomy["notes"])


def test_a_deficit_has_no_excess(tmp_path):
    found = result_of(tmp_path, counting(80, 100), limits=False)
    assert found["discovery"]["q0"] == 0
    assert found["discovery"]["p_value"] == 0.5
    assert any("lower bound" in note for note in found["notes"])


def test_backend_in_32_bits_is_not_used(tmp_path):
    """A small q0 is lost in 32 bits."""
    pyhf.set_backend("numpy", precision="32b")
    found = result_of(tmp_path, counting(1_000_300, 1_000_000, bound=3000.0), limits=False)
    assert found["discovery"]["z_local"] == pytest.approx(0.3, rel=1e-2)


def test_bins_without_background_are_said(tmp_path):
    content = workspace(background=(50.0, 45.0, 0.0), observed=(56, 60, 0))
    found = result_of(tmp_path, content, limits=False)
    assert "one, bin 2: no background is expected, 0 events are observed" in found["notes"]


def test_signal_without_effect_is_a_named_failure(tmp_path):
    with pytest.raises(FitError, match="parameters without effect"):
        result_of(tmp_path, counting(100, 100, signal=0.0))
    assert not (tmp_path / "out").exists()


PATCH = [{"op": "replace", "path": "/channels/0/samples/0/data", "value": [1.0, 2.0, 0.5]}]


def patch_set():
    entry = {"metadata": {"name": "mass_300", "values": [300]}, "patch": PATCH}
    return {"metadata": {}, "patches": [entry], "version": "1.0.0"}


def archived(tmp_path):
    path = tmp_path / "all.tar.gz"
    contents = {
        "region/base.json": workspace(),
        "region/patch.mass_400.json": PATCH,
        "other/patchset.json": patch_set(),
        "other/base.json": workspace(),
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, content in contents.items():
            text = json.dumps(content).encode()
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return path


@pytest.fixture(scope="module")
def of_a_fifth(tmp_path_factory):
    """What the patched signal gives without a patch."""
    content = workspace(signal=(1.0, 2.0, 0.5), bound=10.0)
    return result_of(tmp_path_factory.mktemp("plain"), content, mu=5.0, limits=False)


@pytest.mark.parametrize(
    ("member", "patch"),
    [
        ("region/base.json", "mass_400"),
        ("region/base.json", "region/patch.mass_400.json"),
        ("other/base.json", "mass_300"),
        ("other/base.json", "patchset.json:mass_300"),
    ],
)
def test_patches_of_an_archive(tmp_path, of_a_fifth, member, patch):
    """A signal of a fifth has five times the limit."""
    path = archived(tmp_path)
    options = ["--output", str(tmp_path / "out"), "--patch", patch, "--no-limits", "--mu", "5"]
    assert main(["infer", "--workspace", f"{path}:{member}", *options]) == 0
    patched = json.loads((tmp_path / "out/result.json").read_text())
    assert patched["tested"]["cls_observed"] == pytest.approx(of_a_fifth["tested"]["cls_observed"], rel=1e-9)
    assert patched["patch"].endswith(("mass_400.json", "mass_300"))


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("{all}", {}, "name the workspace of the archive.*other/base.json, region/base.json"),
        ("{all}:region/bas.json", {}, "Did you mean 'region/base.json'"),
        ("{all}:region/patch.mass_400.json", {}, "has no channels"),
        ("{all}:region/base.json", {"patch": "mass_500"}, "Did you mean 'region/patch.mass_400.json'"),
        ("{all}:other/base.json", {"patch": "mass_301"}, "Did you mean 'mass_300'"),
        ("{all}:region/base.json", {"measurement": "frst"}, "Did you mean 'first'"),
        ("{folder}/none.json", {}, "no such file"),
        ("{folder}/none.tar.gz:a.json", {}, "no such file"),
    ],
)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(tmp_path, name, settings, message):
    path = name.format(all=archived(tmp_path), folder=tmp_path)
    with pytest.raises(InputError, match=message):
        run(path, tmp_path / "out", settings)
    assert not (tmp_path / "out").exists()


def test_patch_of_another_workspace(tmp_path):
    (tmp_path / "patch.json").write_text(json.dumps([PATCH[0] | {"path": "/channels/7/samples/0/data"}]))
    with pytest.raises(InputError, match="does not fit"):
        result_of(tmp_path, workspace(), patch=str(tmp_path / "patch.json"))


def test_workspace_that_pyhf_refuses(tmp_path):
    content = workspace()
    del content["channels"][0]["samples"][0]["data"]
    with pytest.raises(InputError, match=r"workspace\.json: not a valid HistFactory workspace"):
        result_of(tmp_path, content)


def test_published_likelihood(shared, tmp_path):
    """ATLAS SUSY-2018-31 (doi:10.17182/hepdata.89408): CLs_obs = 0.2444 for sbottom_1300_205_60, region A."""
    archive = shared / "workspaces/pyhf-ins1748602-probability-models.tar.gz"
    if not archive.is_file():
        pytest.skip(f"needs {archive}")
    settings = {"patch": "sbottom_1300_205_60", "limits": False}
    run(f"{archive}:RegionA/BkgOnly.json", tmp_path / "out", settings)
    found = json.loads((tmp_path / "out/result.json").read_text())
    assert found["tested"]["cls_observed"] == pytest.approx(0.2444, abs=1.5e-4)
    assert found["model"] == {"channels": 2, "bins": 6, "parameters": 64}
