"""`tag response`: rows of score files, weights, matched jets, other datasets, and what is refused."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from resonaut import manifest
from resonaut.cli import main
from resonaut.errors import BadValueError, EmptyFileError, InputError, MismatchError, MissingBranchError
from resonaut.files import canonical_json, read_json
from resonaut.nn.splits import PARTS
from resonaut.tag.response.run import run

N = 3000
SCORES = {"top": 2.0, "qcd": 0.0}


def uniform(name, n=N):
    return np.random.default_rng(sorted(SCORES).index(name) if name in SCORES else 9).normal(size=n)


def write(folder, dataset, shift=0.0, name="", own="", n=N, part=None):
    """Scores of a dataset; every third event is of the test part."""
    path = folder / f"{name or dataset}.h5"
    logit = SCORES.get(dataset, 0.0) + uniform(own or dataset, n) + shift
    with h5py.File(path, "w") as file:
        file.attrs.update({"kind": "tag_scores", "dataset": own or dataset, "parts": canonical_json(PARTS)})
        file["jets/score"] = (1 / (1 + np.exp(-logit)))[:, None]
        file["events/part"] = np.arange(n) % 3 if part is None else np.full(n, part)
        for column, values in (("run", np.ones(n)), ("lumi", np.ones(n)), ("event", np.arange(n))):
            file[f"events/{column}"] = values
    return path


def write_rows(folder, dataset, n=N, **columns):
    """A manifest of the representation of a dataset, in two chunks."""
    paths = []
    for number, rows in enumerate(np.array_split(np.arange(n), 2)):
        path = folder / f"{dataset}_{number}.h5"
        with h5py.File(path, "w") as file:
            head = {"kind": "clouds", "dataset": dataset, "label": dataset, "n_events": len(rows)}
            head |= {"n_generated": n // 2, "sum_weights": n / 2, "cross_section": 2.0, "cut_flow": "{}"}
            file.attrs.update(head)
            for name, values in (("run", np.ones(n)), ("lumi", np.ones(n)), ("event", np.arange(n))):
                file[f"events/{name}"] = values[rows]
            for name, values in columns.items():
                file[name.replace("__", "/")] = values[rows]
        paths.append(path)
    manifest.write(folder / f"{dataset}.json", paths)
    return folder / f"{dataset}.json"


def slice_of(variations, **tagger):
    of = {"signal": ["top"], "background": ["qcd"], **tagger}
    return {
        "name": "all",
        "seed": 1,
        "response": {"efficiencies": [0.5], "n_bootstrap": 30},
        "taggers": {"pfn": of},
        "variations": variations,
    }


def change(source="jes", sigma=1.0, kind="energy_scale", **more):
    return {"kind": kind, "source": source, "sigma": sigma, **more}


@pytest.fixture
def nominal(tmp_path):
    return {f"pfn/nominal/{name}": write(tmp_path, name) for name in SCORES}


def measured(folder, slice_, scores, rows=None):
    run(slice_, scores, rows or {}, folder / "response.json", folder / "response.md")
    return read_json(folder / "response.json")


def test_values_table_and_total(tmp_path, nominal):
    scores = dict(nominal)
    for name, shift in (("jes_up", 0.3), ("jes_down", -0.3)):
        scores[f"pfn/{name}/top"] = nominal["pfn/nominal/top"]
        scores[f"pfn/{name}/qcd"] = write(tmp_path, "qcd", shift, name=f"qcd_{name}")
    variations = {"jes_up": change(), "jes_down": change(sigma=-1.0)}
    result = measured(tmp_path, slice_of(variations), scores)
    entry = result["taggers"]["pfn"]
    assert result["sources"] == {"jes": ["jes_up", "jes_down"]}
    assert entry["n_rows"] == {"signal": 1000, "background": 1000}
    # By hand, from the rows of the test part.
    top, qcd = (SCORES[name] + uniform(name)[PARTS.index("test") :: 3] for name in ("top", "qcd"))
    threshold = np.sort(top)[-500]
    passed = [np.sum(qcd + shift >= threshold) for shift in (0, 0.3, -0.3)]
    found = [entry["nominal"]["at"][0], *(entry["varied"][n]["at"][0] for n in ("jes_up", "jes_down"))]
    assert found[0]["rejection"]["value"] == pytest.approx(1000 / passed[0])
    assert found[0]["n_background_passed"] == passed[0]
    for one, number in zip(found[1:], passed[1:], strict=True):
        assert one["rejection_change"]["value"] == pytest.approx(passed[0] / number - 1)
        change_of_qcd = one["fixed_threshold"]["background_efficiency_change"]["value"]
        assert change_of_qcd == pytest.approx(number / passed[0] - 1)
    total = entry["total"]["rejection"][0]
    assert total["down"]["value"] == pytest.approx(passed[0] / passed[1] - 1)
    assert total["up"]["value"] == pytest.approx(passed[0] / passed[2] - 1)
    table = (tmp_path / "response.md").read_text()
    assert f"| {100 * total['down']['value']:.1f} ±" in table
    assert "| jes_down | -1 |" in table
    assert (tmp_path / "response.json.run.json").exists()


def test_weights_of_events_count_on_top_of_each_other(tmp_path, nominal):
    """Weights of 1 and 3 make a row count as one and three rows; cross-sections cancel in a class of one."""
    factor, gen = np.where(np.arange(N) % 2, 3.0, 1.0), np.full(N, 0.5)
    rows = {}
    for name in SCORES:
        path = write_rows(tmp_path, name, events__gen_weight=gen, events__weights__fsr=factor)
        rows |= {f"pfn/{variation}/{name}": path for variation in ("nominal", "fsr")}
    scores = nominal | {f"pfn/fsr/{name}": nominal[f"pfn/nominal/{name}"] for name in SCORES}
    fsr = change("fsr", kind="weight", column="fsr", largest=100.0, datasets=["qcd"])
    result = measured(tmp_path, slice_of({"fsr": fsr}, event_weights=True), scores, rows)
    entry = result["taggers"]["pfn"]
    test = slice(PARTS.index("test"), None, 3)
    top, qcd, weight = SCORES["top"] + uniform("top")[test], uniform("qcd")[test], factor[test]
    passed = qcd >= np.sort(top)[-500]
    wanted = weight[passed].sum() / weight.sum()
    found = entry["varied"]["fsr"]["at"][0]
    assert found["fixed_threshold"]["background_efficiency"]["value"] == pytest.approx(wanted)
    assert found["fixed_threshold"]["signal_efficiency_change"]["value"] == 0
    assert entry["nominal"]["at"][0]["background_efficiency"]["value"] == pytest.approx(passed.mean())


def test_only_matched_jets_count(tmp_path, nominal):
    matched = (np.arange(N) % 6 == PARTS.index("test")).astype(np.int8)
    rows = {
        "pfn/nominal/top": write_rows(tmp_path, "top", jets__matched=matched[:, None]),
        "pfn/nominal/qcd": write_rows(tmp_path, "qcd"),
    }
    scores = nominal | {f"pfn/x/{name}": nominal[f"pfn/nominal/{name}"] for name in SCORES}
    rows |= {key.replace("nominal", "x"): path for key, path in rows.items()}
    result = measured(tmp_path, slice_of({"x": change("x")}, matched=True), scores, rows)
    assert result["taggers"]["pfn"]["n_rows"] == {"signal": 500, "background": 1000}


def test_all_events_of_a_dataset_in_the_place_of_another_count(tmp_path, nominal):
    other = write(tmp_path, "qcd", 0.2, name="herwig", own="herwig", part=0)
    scores = nominal | {"pfn/model/top": nominal["pfn/nominal/top"], "pfn/model/qcd": other}
    result = measured(tmp_path, slice_of({"model": change("model", kind="dataset")}), scores)
    varied = result["taggers"]["pfn"]["varied"]["model"]
    assert varied["n_rows"] == {"signal": 1000, "background": N}
    # Other events of background: nothing of its fluctuations cancels, unlike those of the signal.
    assert varied["auc_change"]["error"] > varied["auc"]["error"] * 0.5


def test_what_is_refused(tmp_path, nominal):
    scores = nominal | {f"pfn/x/{name}": nominal[f"pfn/nominal/{name}"] for name in SCORES}
    slice_ = slice_of({"x": change("x")})
    with pytest.raises(InputError, match="no pfn/x/top=FILE is given"):
        measured(tmp_path, slice_, nominal)
    path = write(tmp_path, "qcd", name="trained", part=0)
    with pytest.raises(EmptyFileError, match="no rows of background"):
        measured(tmp_path, slice_, scores | {"pfn/x/qcd": path})
    rows = {"pfn/x/qcd": write_rows(tmp_path, "qcd", n=N - 2)}
    with pytest.raises(MismatchError, match="other events than"):
        measured(tmp_path, slice_, scores, rows)
    weight = slice_of({"x": change("x", kind="weight", column="fsr", largest=10.0, datasets=["qcd"])})
    plain = write_rows(tmp_path, "qcd", events__weights__isr=np.ones(N))
    with pytest.raises(MissingBranchError, match=r"no events/weights/fsr.*Did you mean 'isr'|Known: isr"):
        measured(tmp_path, weight, scores, {"pfn/x/qcd": plain})
    wild = write_rows(tmp_path, "qcd", events__weights__fsr=np.where(np.arange(N) == 7, 500.0, 1.0))
    with pytest.raises(BadValueError, match=r"is 500 in row 7.*at most 10 times"):
        measured(tmp_path, weight, scores, {"pfn/x/qcd": wild})
    empty = write_rows(tmp_path, "qcd", events__weights__fsr=np.where(np.arange(N) == 7, np.nan, 1.0))
    with pytest.raises(BadValueError, match="not finite in row 7"):
        measured(tmp_path, weight, scores, {"pfn/x/qcd": empty})


def test_command_line(tmp_path, nominal, capsys):
    scores = nominal | {f"pfn/x/{name}": nominal[f"pfn/nominal/{name}"] for name in SCORES}
    words = [f"{key}={path}" for key, path in scores.items()]
    command = ["tag", "response", "--settings", json.dumps(slice_of({"x": change("x")})), "--scores", *words]
    outputs = ["--output", str(tmp_path / "r.json"), "--table", str(tmp_path / "r.md")]
    assert main([*command, *outputs]) == 0
    first = (tmp_path / "r.json").read_bytes()
    assert main([*command, *outputs]) == 0
    assert (tmp_path / "r.json").read_bytes() == first
    assert main([*command[:-1], *outputs]) == 3
    assert "no pfn/" in capsys.readouterr().err
