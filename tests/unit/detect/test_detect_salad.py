"""SALAD on a toy whose ratio of densities is known."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut import registry
from resonaut.detect.classify_pool import outside_the_mixture, pool
from resonaut.detect.interface import Context, Data, Sample
from resonaut.detect.methods.salad import Settings, fit_ratio, weights
from resonaut.errors import ConfigError, EmptyWindowError
from resonaut.scan import ScanSettings
from resonaut.seeds import event_hash
from resonaut.settings import validate

TRAINING = {"epochs": 15, "batch_size": 256, "learning_rate": 5e-3, "device": "cpu"}
SETTINGS = {
    "features": ["first"],
    "simulation": ["mc"],
    "n_folds": 3,
    "n_restarts": 1,
    "hidden": [16],
    "training": TRAINING,
    "reweighting": {"n_restarts": 2, "hidden": [32], "training": TRAINING},
}
SCAN = ScanSettings(mass_min=2500, mass_max=4500, windows=({"low": 3300, "high": 3700},), sideband_width=800)
CONTEXT = Context(5, "toy", "data", SCAN.windows)
SHIFT = 0.5


def events(name: str, n: int, seed: int, slope: float, n_signal: int = 0) -> dict:
    """Feature N(slope (m - 3500) / 500, 1) over a flat mass; signal in the window at 3 +- 0.2."""
    random = np.random.default_rng(seed)
    mass = random.uniform(2500, 4500, n)
    first = random.normal(slope * (mass - 3500) / 500, 1)
    if n_signal:
        mass[:n_signal], first[:n_signal] = (
            random.uniform(3300, 3700, n_signal),
            random.normal(3, 0.2, n_signal),
        )
    zero = np.zeros(n, np.int64)
    return {
        "mass": mass,
        "regions": SCAN.regions(mass),
        "split_hash": event_hash(name, zero, zero, np.arange(n), 1),
        "features": {"first": first},
    }


def data(n: int = 12_000, n_simulated: int = 12_000, n_signal: int = 0, in_mixture: int = 0) -> Data:
    """Data whose feature follows the mass, and simulation whose feature does not."""
    simulated = events("mc", n_simulated, 2, 0.0)
    sample = Sample(**simulated, in_mixture=np.arange(n_simulated) < in_mixture, label="qcd")
    return Data(**events("data", n, 1, SHIFT, n_signal), samples={"mc": sample})


def test_weights_are_the_ratio_of_the_densities_carried_into_the_signal_region() -> None:
    settings = validate(Settings, SETTINGS)
    given = data()
    joined = pool([given, *outside_the_mixture(given, ["mc"])], ["first"], CONTEXT, 3)
    ratio = fit_ratio(joined, settings, CONTEXT)
    random = np.random.default_rng(3)
    table = np.column_stack([random.normal(size=2000), random.uniform(3300, 3700, 2000)]).astype(np.float32)
    found = weights(ratio, table, "3300-3700", 1, 20.0)
    mean = SHIFT * (table[:, 1] - 3500) / 500
    expected = np.exp(mean * table[:, 0] - mean**2 / 2)
    # The ratio in the signal region goes from 0.5 to 1.8: it is close to 1, and so is what is learnt.
    assert np.abs(np.log(found / expected)).mean() < 0.08
    side = np.column_stack([random.normal(size=2000), random.uniform(2600, 3000, 2000)]).astype(np.float32)
    mean = SHIFT * (side[:, 1] - 3500) / 500
    expected = mean * side[:, 0] - mean**2 / 2
    found = np.log(weights(ratio, side, "3300-3700", 1, 20.0))
    assert np.corrcoef(found, expected)[0, 1] > 0.97
    assert np.polyfit(expected, found, 1)[0] == pytest.approx(1, abs=0.2)


def test_weights_are_bounded() -> None:
    class Sure:
        def score_by(self, name, fold, table):
            return np.array([0.0, 0.5, 1.0], np.float32)

    np.testing.assert_allclose(weights(Sure(), None, "", 0, 20.0), [0.05, 1, 20])


def test_finds_a_bump_that_simulation_does_not_have() -> None:
    given = data(n_signal=100)
    fitted = registry.build("detect", "salad", SETTINGS).fit(given, CONTEXT)
    scores = fitted.score(given)
    inside = given.regions[0] == 1
    threshold = np.quantile(scores.score[0, inside], 0.9)
    passed = scores.score[0] >= threshold
    assert passed[:100].mean() > 0.9
    # 3 folds of one window, 2 networks of the reweighting and 1 of the search each.
    assert fitted.n_networks == 9 == len(fitted.history.best_epoch)


def test_simulation_that_the_mixture_holds_is_not_used() -> None:
    given = data(n=3000, n_simulated=3000, in_mixture=2990)
    message = r"scan\.windows\[0\] \(3300-3700 GeV\): its signal region holds \d events of mc outside mixture"
    with pytest.raises(EmptyWindowError, match=message):
        registry.build("detect", "salad", SETTINGS).fit(given, CONTEXT)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"simulation": []}, "simulation"),
        ({"reweighting": {"max_weight": 1}}, r"reweighting\.max_weight: .*greater than 1"),
        ({"reweighting": {"epochs": 3}}, r"reweighting\.epochs: unknown key"),
    ],
)
def test_settings_are_checked(change: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.build("detect", "salad", {**SETTINGS, **change})
