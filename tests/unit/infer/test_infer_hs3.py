"""HS3: the likelihood of the JSON, evaluated from its text alone, is that of pyhf."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from resonaut.infer import hs3, workspaces
from resonaut.infer.workspaces import Channel
from resonaut.stats.nuisances import NONE, Uncertainties
from resonaut.stats.signals import Signal

pyhf = pytest.importorskip("pyhf")


def interpolate(code, alpha, low, high, nominal):
    """HistFactory's interpolations between -1 and 1 (CERN-OPEN-2012-016, section 4.1.6), and outside."""
    if code == "code4p":
        up, down = high - nominal, nominal - low
        if abs(alpha) > 1:
            return alpha * (up if alpha > 0 else down)
        even = (up - down) / 16
        return alpha * (up + down) / 2 + even * (3 * alpha**6 - 10 * alpha**4 + 15 * alpha**2)
    if abs(alpha) > 1:
        return (high if alpha > 0 else low) ** abs(alpha)
    # The polynomial of order six with the value and two derivatives of the exponential at both ends.
    powers = np.arange(1, 7)
    rows, values = [], []
    for end, factor in ((1.0, high), (-1.0, low)):
        log = end * math.log(factor)
        rows += [end**powers, powers * end ** (powers - 1), powers * (powers - 1) * end ** (powers - 2)]
        values += [factor - 1, log * factor, log**2 * factor]
    return 1 + float(np.linalg.solve(np.array(rows, float), values) @ alpha**powers)


def evaluate(document, values):
    """-2 ln L without constants that depend on the data alone, of an HS3 document."""
    analysis = document["analyses"][0]
    likelihood = next(one for one in document["likelihoods"] if one["name"] == analysis["likelihood"])
    of_name = {one["name"]: one for one in document["distributions"]}
    data = {one["name"]: one["contents"] for one in document["data"]}
    total, constrained = 0.0, set()
    for name, observed in zip(likelihood["distributions"], likelihood["data"], strict=True):
        channel, counts = of_name[name], np.array(data[observed])
        expected = np.zeros(len(counts))
        for sample in channel["samples"]:
            contents = nominal = np.array(sample["data"]["contents"])
            factor = np.ones(len(counts))
            for modifier in sample["modifiers"]:
                kind, given = modifier["type"], modifier.get("data")
                if kind == "normfactor":
                    factor = factor * values[modifier["parameter"]]
                elif kind in ("shapesys", "staterror"):
                    gammas = np.array([values[one] for one in modifier["parameters"]])
                    factor = factor * gammas
                    if kind == "shapesys":
                        tau = (nominal / given["vals"]) ** 2
                        total += 2 * np.sum(gammas * tau - tau * np.log(gammas * tau))
                    else:
                        # Factors of bins without signal do nothing; pyhf fixes them at 1.
                        used = nominal > 0
                        errors = np.array(sample["data"]["errors"])[used] / nominal[used]
                        total += np.sum(((gammas[used] - 1) / errors) ** 2)
                else:
                    alpha = values[modifier["parameter"]]
                    ends = (
                        [np.array(given[end]["contents"]) for end in ("lo", "hi")]
                        if kind == "histosys"
                        else []
                    )
                    if ends:
                        contents = contents + interpolate(given["interpolation"], alpha, *ends, nominal)
                    else:
                        factor = factor * interpolate(
                            given["interpolation"], alpha, given["lo"], given["hi"], 1.0
                        )
                    if modifier["parameter"] not in constrained:
                        constrained.add(modifier["parameter"])
                        total += alpha**2
            expected = expected + contents * factor
        total += 2 * np.sum(expected - counts * np.log(expected))
    for name in likelihood.get("aux_distributions", ()):
        one = of_name[name]
        total += ((one["x"] - values[one["mean"]]) / one["sigma"]) ** 2
    return total


def example(uncertainties):
    place = np.arange(8)
    background = 90 * np.exp(-place / 3)
    peak = np.exp(-((place - 4.2) ** 2) / 2) / 3
    peak[0] = 0.0
    up, down = 0.9 * np.roll(peak, 1), 0.95 * np.roll(peak, -1)
    modes = np.stack([0.05 * background, 0.01 * background * (place - 3)])
    signal = Signal(peak, up, down, 0.2 * peak)
    many = 40 * background
    channels = [
        Channel("selected", np.round(background * 1.1), background, modes, signal=signal),
        Channel("failing", many.round(), many, modes),
    ]
    return workspaces.workspace(channels, 30.0, uncertainties)


def counting(uncertainties):
    channel = Channel("w", np.array([31.0]), np.array([25.0]), log_error=0.1, signal=Signal(np.ones(1)))
    return workspaces.workspace([channel], 20.0, uncertainties)


def names_of(model):
    """Names in HS3 of the parameters of a pyhf model, in its order; None for those that do not act."""
    found = []
    for name in model.config.par_order:
        n = model.config.param_set(name).n_parameters
        if name in ("mu", "lumi"):
            found.append(name)
        elif name.startswith("staterror_"):
            found += [f"gamma_{name}_{name.removeprefix('staterror_')}_{number}" for number in range(n)]
        elif name == "background_fit":
            found += [f"gamma_{name}_w_{number}" for number in range(n)]
        else:
            found.append(f"alpha_{name}")
    return found


@pytest.mark.parametrize("make", [example, counting])
@pytest.mark.parametrize(
    "uncertainties", [NONE, Uncertainties(luminosity=0.02, acceptance=0.3, spurious=3.0, statistics=True)]
)
def test_the_likelihood_is_that_of_pyhf(make, uncertainties):
    pyhf.set_backend("numpy")
    content = make(uncertainties)
    document = json.loads(json.dumps(hs3.convert(content)))
    space = pyhf.Workspace(content)
    model = space.model()
    data = space.data(model)
    start = np.array(model.config.suggested_init(), float)
    fixed = np.array(model.config.suggested_fixed())
    names = names_of(model)
    point = {one["name"]: one["value"] for one in document["parameter_points"][0]["parameters"]}
    assert set(point) == set(names)
    rng = np.random.default_rng(1)
    differences = []
    for _ in range(20):
        moved = start + np.where(fixed, 0.0, rng.normal(0, 0.1, len(start)))
        both = np.array(names, object)
        alphas = np.array([str(one).startswith("alpha_") and "background" not in str(one) for one in both])
        moved[alphas] *= 12
        moved[model.config.poi_index] = rng.uniform(0, 20)
        values = dict(zip(names, moved.tolist(), strict=True))
        theirs = -2 * float(model.logpdf(moved, data)[0])
        differences.append(evaluate(document, values) - theirs)
    assert np.ptp(differences) < 1e-9 * abs(theirs) + 1e-9
    assert np.isfinite(differences).all()


def test_the_parts_refer_to_each_other():
    document = hs3.convert(example(Uncertainties(luminosity=0.02)))
    assert document["metadata"]["hs3_version"] == "0.2"
    analysis = document["analyses"][0]
    domains = {one["name"]: {axis["name"]: axis for axis in one["axes"]} for one in document["domains"]}
    assert analysis["parameters_of_interest"] == ["mu"]
    assert set(analysis["domains"]) == set(domains)
    assert analysis["init"] == document["parameter_points"][0]["name"]
    known = {one["name"] for one in document["parameter_points"][0]["parameters"]}
    assert {name for axes in domains.values() for name in axes} == known
    assert domains["parameters_of_interest"]["mu"]["max"] >= 8 * 30
    likelihood = document["likelihoods"][0]
    assert likelihood["data"] == [one["name"] for one in document["data"]]
    assert {*likelihood["distributions"], *likelihood["aux_distributions"]} == {
        one["name"] for one in document["distributions"]
    }
