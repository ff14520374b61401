"""Are the significances right? Pseudo-experiments of a dijet spectrum with the turn-on of a cut on jet pt.

The spectrum is that of 350,000 leading-order QCD dijets at 13 TeV (pt > 1.2 TeV, |eta| < 2.5) after a fit
with six parameters: no function of the fits under test describes it exactly.
"""

from __future__ import annotations

import numpy as np
import pytest

from resonaut import registry
from resonaut.stats.limits import upper_limits
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.transfer import transfer_terms, window_model

EDGES = np.arange(2500.0, 6001.0, 100.0)
LOWS = (2900.0, 3300.0, 3700.0, 4100.0, 4500.0)
TRUTH = (-338.56250077, -163.33160973, 541.11382449, 412.29982152, 165.03780519, 27.25653683)


def truth(n_events):
    shape = registry.build("stats", "dijet", {"n_parameters": 6})(EDGES).expected(np.array(TRUTH))
    return n_events * shape / shape.sum()


def experiments(low, efficiency, n_toys, seed, signal=0.0, n_parameters=4, n_transfer=2, n_events=32_000):
    """Likelihoods of pseudo-experiments; the efficiency does not depend on the mass."""
    rng = np.random.default_rng(seed)
    inside = (EDGES[:-1] >= low) & (EDGES[:-1] < low + 400)
    fitted = (EDGES[:-1] >= low - 500) & (EDGES[:-1] < low + 900) & ~inside
    spectrum = registry.build("stats", "dijet", {"n_parameters": n_parameters})(EDGES)
    model = window_model(spectrum, EDGES, inside, fitted, transfer_terms(n_transfer, efficiency))
    total = truth(n_events)
    selected = rng.poisson(efficiency * total + signal * inside / inside.sum(), (n_toys, len(total)))
    failing = rng.poisson((1 - efficiency) * total, (n_toys, len(total)))
    return ProfileLikelihood(model.model, model.arrange(selected, failing)), efficiency * total @ inside


def test_the_null_is_calibrated_and_a_signal_is_found_in_full():
    null, _ = experiments(3300.0, 0.01, 1500, seed=1)
    assert null.converged.all()
    z = null.discovery().z_signed
    assert abs(z.mean()) < 0.12
    assert z.std() == pytest.approx(1, abs=0.07)
    assert (z > 2).mean() < 0.04
    injected, _ = experiments(3300.0, 0.01, 1500, seed=2, signal=40)
    assert injected.excess.mean() == pytest.approx(40, abs=2)


@pytest.mark.full
@pytest.mark.parametrize("low", LOWS)
@pytest.mark.parametrize("efficiency", [1.0, 0.1, 0.01])
def test_calibration_of_every_window(low, efficiency):
    likelihood, background = experiments(low, efficiency, 10_000, seed=3)
    z = likelihood.discovery().z_signed[likelihood.converged]
    tails = " ".join(f"{(z > cut).mean():.5f}" for cut in (1, 2, 3))
    print(
        f"{low:g} {efficiency:g}: b {background:.1f} converged {likelihood.converged.mean():.4f} "
        f"mean {z.mean():+.3f} width {z.std():.3f} P(z > 1, 2, 3) {tails}"
    )
    assert likelihood.converged.mean() > 0.999
    # Conservative is allowed: without a selection the function does not follow the turn-on exactly.
    assert -0.5 < z.mean() < 0.1
    assert z.std() == pytest.approx(1, abs=0.06)
    assert (z > 3).mean() < 0.0030


@pytest.mark.full
@pytest.mark.parametrize("low", LOWS)
def test_linearity_and_coverage(low):
    _, background = experiments(low, 0.01, 1, seed=4)
    for strength in (1.0, 3.0, 6.0):
        signal = strength * np.sqrt(background)
        likelihood, _ = experiments(low, 0.01, 2000, seed=4, signal=signal)
        limits = upper_limits(likelihood)
        covered = (limits.observed > signal).mean()
        error = likelihood.excess.std() / np.sqrt(2000)
        print(
            f"{low:g}: injected {signal:.1f} found {likelihood.excess.mean():.2f} +- {error:.2f}, "
            f"z {np.median(likelihood.discovery().z_local):.2f}, limit above it {covered:.3f}"
        )
        assert likelihood.excess.mean() == pytest.approx(signal, abs=0.08 * signal + 0.5)
        assert covered > 0.93
