"""Robust training: what it adds to losses, weights and rows, and that it does what it is for."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from resonaut.config import parse
from resonaut.errors import ConfigError
from resonaut.nn.networks.guarded import Guarded, reversed_gradient
from resonaut.nn.networks.parametrised import Parametrised
from resonaut.seeds import generator
from resonaut.tag.robust import planing
from resonaut.tag.robust import rows as robust_rows
from resonaut.tag.robust.rows import Nuisance
from resonaut.tag.robust.settings import RobustSettings
from resonaut.tag.robust.training import Robust, robust_of
from resonaut.tag.rows.data import Jets


def bce(network, values):
    *inputs, target = values
    return nn.functional.binary_cross_entropy_with_logits(network(*inputs), target, reduction="none")


def logits(width: int = 2) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(width, 1), nn.Flatten(0))


def test_reversed_gradient():
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    (reversed_gradient(values, 3.0) * torch.tensor([1.0, -2.0])).sum().backward()
    assert values.grad.tolist() == [-3.0, 6.0]


def test_network_steps_up_what_the_adversary_steps_down():
    network = Guarded(logits(), n_groups=3, hidden=(4,), strength=2.0, n_rows=1)
    network.seen += 1e6
    lam = network.current()
    assert lam == pytest.approx(2.0, rel=1e-3)
    x, group = torch.randn(8, 2), torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])
    chosen = torch.tensor([True] * 5 + [False] * 3)
    game = network.game(network(x), group, chosen)
    plain = nn.functional.cross_entropy(
        network.adversary(network.network(x)[:, None]), group, reduction="none"
    )
    mean = min((plain * chosen).sum().item() / 5, np.log(3))
    assert torch.allclose(game, -lam * mean * chosen, atol=1e-6)
    slopes = torch.autograd.grad(game.sum(), list(network.parameters()))
    expected = torch.autograd.grad((plain * chosen).sum(), list(network.parameters()))
    n_own = len(list(network.network.parameters()))
    for number, (slope, own) in enumerate(zip(slopes, expected, strict=True)):
        assert torch.allclose(slope, own * (-lam if number < n_own else 1.0), atol=1e-5)


def test_adversary_is_weak_at_first_and_evaluation_does_not_count():
    network = Guarded(logits(), 2, (4,), 5.0, n_rows=100)
    assert network.current() == 0.0
    network.eval()(torch.randn(50, 2))
    assert network.current() == 0.0
    network.train()(torch.randn(50, 2))
    # gamma p = 5: 2 / (1 + exp(-5)) - 1.
    assert network.current() == pytest.approx(5 * (2 / (1 + np.exp(-5)) - 1))


def test_disco_adds_the_correlation_of_the_background():
    settings = RobustSettings(method="disco", against="mass", strength=3.0)
    robust = Robust(settings, (np.zeros(1),), 0)
    x = torch.randn(64, 2, generator=torch.Generator().manual_seed(2))
    target = (torch.arange(64) % 2).float()
    mass = torch.randn(64, generator=torch.Generator().manual_seed(3))
    network = logits()
    added = robust.loss(bce)(network, (x, mass, target)) - bce(network, (x, target))
    assert torch.allclose(added, added[0].expand(64), atol=1e-6)
    own = target == 0
    score, other = torch.sigmoid(network(x))[own].double(), mass[own].double()
    a, b = ((v[:, None] - v[None]).abs() for v in (score, other))
    a, b = (m - m.mean(0) - m.mean(1, keepdim=True) + m.mean() for m in (a, b))
    expected = (a * b).mean() / ((a * a).mean() * (b * b).mean()).sqrt()
    assert added[0].item() == pytest.approx(3 * expected.item(), rel=1e-4)
    slope = torch.autograd.grad(added[0] / 3, network[0].weight, retain_graph=True)[0]
    assert torch.allclose(
        slope.double(), torch.autograd.grad(expected, network[0].weight)[0].double(), atol=1e-5
    )


def test_network_is_called_once():
    calls = []

    class Counting(nn.Module):
        def forward(self, x):
            calls.append(len(x))
            return x[:, 0]

    robust = Robust(RobustSettings(method="disco", variations=("up",)), (np.zeros(1),), 0)
    robust.loss(bce)(Counting(), (torch.randn(6, 2), torch.zeros(6), (torch.arange(6) % 2).float()))
    assert calls == [6]


def test_planing_flattens_each_class_and_keeps_its_sum():
    rng = generator(1, "planing")
    group = np.arange(40_000) % 2
    variable = np.where(group == 1, rng.normal(0.5, 0.15, 40_000), rng.beta(1, 2, 40_000))
    edges = np.linspace(0.2, 0.8, 13)
    made = planing.weights(variable, group, np.ones(40_000), edges)
    for number in (0, 1):
        own = (group == number) & (variable > 0.2) & (variable < 0.8)
        share, _ = np.histogram(variable[own], edges, weights=made[own])
        assert share[1:-1] / share[1:-1].mean() == pytest.approx(np.ones(10), rel=1e-3)
        assert made[group == number].sum() == pytest.approx(20_000, rel=1e-6)


def test_planing_bins_cover_what_both_classes_have():
    variable = np.concatenate([np.linspace(0, 10, 1001), np.linspace(5, 20, 1001)])
    edges = planing.equal_edges(variable, np.repeat([0, 1], 1001), 4)
    assert edges[[0, -1]] == pytest.approx([5.075, 9.95], rel=1e-3)


def jets(n_values=(2, 1)) -> Jets:
    n, offsets = len(n_values), np.cumsum([0, *n_values])
    ids = [np.arange(n)] * 5
    return Jets(np.ones((offsets[-1], 3), np.float32), offsets, *ids[:5], np.arange(n), np.ones(n), {})


def test_varied_rows_are_never_tested_on():
    nuisance = Nuisance(np.array([0, 1, 0, 1, 2]), np.array([0, 1, 0, 1, -1], np.float32))
    assert robust_rows.parts(np.array([2, 2, 0, 1, 2], np.int8), nuisance).tolist() == [2, -1, 0, 1, -1]


def test_value_follows_every_constituent():
    made = robust_rows.with_value(jets(), np.array([-1.0, 2.0]))
    assert made.flat[:, 3].tolist() == [-1, -1, 2]
    assert made.flat.dtype == np.float32


def test_parametrised_network_stands_at_its_value():
    network = Parametrised(logits(3), n_inputs=2, at=0.5)
    x = torch.randn(4, 2)
    given = torch.cat([x, torch.full((4, 1), 0.5)], dim=1)
    assert torch.equal(network(x), network(given))
    assert not torch.equal(network(x), network(torch.cat([x, torch.ones(4, 1)], dim=1)))


def test_groups_of_the_adversary_hold_equal_shares_of_the_background():
    mass = np.linspace(0, 100, 1000)
    group = (np.arange(1000) % 2).astype(np.int16)
    part = np.arange(1000)
    rows = SimpleNamespace(
        jets=SimpleNamespace(columns={"mass": mass}), group=group, parts=[part], kind="clouds", nuisance=None
    )
    robust = robust_of(RobustSettings(method="adversarial", against="mass", n_bins=5), rows)
    assert robust.n_groups == 5
    assert np.bincount(robust.columns[0][group == 0]).tolist() == [100] * 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "augmentation"}, "method: augmentation needs 'variations', and no 'against'"),
        ({"method": "planing", "variations": ["up"]}, "method: planing needs 'against'"),
        ({"method": "disco"}, "method: disco needs one of 'variations' and 'against'"),
        ({"method": "disco", "against": "mass", "variations": ["up"]}, "needs one of"),
    ],
)
def test_settings_that_say_too_little(settings, message):
    with pytest.raises(ValueError, match="method: ") as caught:
        RobustSettings(**settings)
    assert message in str(caught.value)


def study(robust, kind="pfn", **tagger):
    qcd = {"source": "pythia", "n_events": 100, "process": "qcd_dijet", "label": "qcd"}
    qcd["cuts"] = {"pt_hat_min": 300}
    top = {"source": "pythia", "n_events": 100, "process": "ttbar", "label": "top"}
    tag = {"one": {"kind": kind, "signal": ["top"], "background": ["qcd"], "robust": robust, **tagger}}
    variations = {
        "up": {"kind": "energy_scale", "shift": 0.05},
        "smear": {"kind": "angular_smearing", "eta": 0.01},
        "other": {"kind": "dataset", "replace": {"qcd": "top"}},
    }
    made = {"study": "x", "datasets": {"top": top, "qcd": qcd}, "variations": variations}
    return {**made, "represent": {"clouds": {}}, "tag": tag}


@pytest.mark.parametrize(
    ("robust", "tagger", "message"),
    [
        ({"method": "disco", "variations": ["upp"]}, {}, "unknown variation 'upp'. Did you mean 'up'?"),
        ({"method": "augmentation", "variations": ["other"]}, {}, "gives jets no other inputs"),
        ({"method": "parametrised", "variations": ["up"]}, {"kind": "lola"}, "dense and pfn alone"),
        ({"method": "parametrised", "variations": ["up", "smear"]}, {}, "variations of one source"),
        (
            {"method": "adversarial", "against": "mass"},
            {"kind": "trees", "inputs": ["jets/pt"]},
            "trained by gradients, and trees is not; use augmentation or planing",
        ),
        ({"method": "augmentation", "variations": ["up"]}, {"stream": True}, "take 'stream' out"),
    ],
)
def test_taggers_that_cannot_learn_so_are_refused(robust, tagger, message):
    with pytest.raises(ConfigError) as caught:
        parse(study(robust, **tagger))
    assert "tag.one.robust" in str(caught.value)
    assert message in str(caught.value)


def test_slice_holds_what_variations_stand_for():
    import json

    made = study({"method": "augmentation", "variations": ["up"]})
    made["variations"]["up_down"] = {"kind": "energy_scale", "shift": -0.05}
    made["tag"]["one"]["robust"]["variations"] = ["up", "up_down"]
    assert json.loads(parse(made).slice("tag", method="one"))["sigma"] == {"up": 1.0, "up_down": -1.0}
    del made["tag"]["one"]["robust"]
    assert "sigma" not in json.loads(parse(made).slice("tag", method="one"))


@pytest.mark.parametrize(
    ("section", "entry"),
    [
        ("uncertainty", {"tagger": "one"}),
        ("stability", {"tagger": "one"}),
        ("weak", {"tagger": "one"}),
        ("explain", {"tagger": "one", "what": "information"}),
    ],
)
def test_what_trains_again_refuses_robust_taggers(section, entry):
    made = {**study({"method": "disco", "against": "mass"}), section: {"again": entry}}
    with pytest.raises(ConfigError) as caught:
        parse(made)
    assert f"{section}.again.tagger: 'one' is trained with 'robust'" in str(caught.value)


def test_variations_without_varied_rows_train_nothing():
    nuisance = Nuisance(np.zeros(4, np.int64), np.zeros(4, np.float32))
    settings = RobustSettings(method="disco", variations=("up",))
    with pytest.raises(ConfigError, match="no varied rows were read"):
        robust_of(settings, SimpleNamespace(nuisance=nuisance))


def test_plan_of_a_robust_tagger_reads_varied_rows():
    from resonaut.workflow import read

    plan = read(study({"method": "augmentation", "variations": ["up"]}))
    manifests = [f"results/x/represent/{name}/up/clouds.json" for name in ("qcd", "top")]
    chunks = [f"results/x/represent/{name}/up/clouds/000/000000.h5" for name in ("qcd", "top")]
    assert plan.tagger_reads("one") == [*manifests, *chunks]
    words = f"--varied up/qcd={manifests[0]} up/top={manifests[1]}"
    assert plan.tagger_arguments("one") == words
