"""Phase space: volumes, integrals against closed forms, and samplers against each other."""

import itertools
import json
import math

import numpy as np
import pytest
import rambo
import torch
from scipy.integrate import dblquad

from resonaut.errors import ConfigError, TrainingError
from resonaut.generate.phase_space import flow, processes, run, vegas
from resonaut.generate.phase_space.settings import PhaseSpaceSettings, SamplerFlowSettings
from resonaut.generate.phase_space.unweighting import unweighting

TINY_FLOW = {"transforms": 2, "hidden": [16], "bins": 8, "steps": 60, "n_points": 256}


def ridge(points):
    """A diagonal band: its projections on both axes are nearly flat, so a grid finds nothing."""
    distance = np.abs(points[:, 0] - points[:, 1])
    return np.exp(-0.5 * (np.minimum(distance, 1 - distance) / 0.05) ** 2)


RIDGE_INTEGRAL = 0.05 * math.sqrt(2 * math.pi) * math.erf(0.5 / (0.05 * math.sqrt(2)))


@pytest.mark.parametrize("n_particles", [2, 3, 4])
def test_volume_of_massless_phase_space(n_particles):
    # Two particles 1 / (8 pi), three s / (256 pi^3), four s^2 / (24576 pi^5).
    known = {2: 1 / (8 * math.pi), 3: 9 / (256 * math.pi**3), 4: 81 / (24576 * math.pi**5)}
    assert rambo.volume(3.0, n_particles) == pytest.approx(known[n_particles])


def test_momenta_are_massless_and_conserved():
    momenta = rambo.momenta(np.random.default_rng(1).random((2_000, 4, 4)), 10.0)
    squared = momenta[..., 0] ** 2 - (momenta[..., 1:] ** 2).sum(-1)
    assert np.abs(squared).max() < 1e-9
    assert momenta.sum(1) == pytest.approx(np.tile([10.0, 0, 0, 0], (2_000, 1)), abs=1e-9)


def test_uniform_momenta_integrate_the_three_body_matrix_element():
    momenta = rambo.momenta(np.random.default_rng(2).random((100_000, 3, 4)), processes.D_MASS)
    pairs = np.stack(
        [
            (momenta[:, i] + momenta[:, j])[:, 0] ** 2 - ((momenta[:, i] + momenta[:, j])[:, 1:] ** 2).sum(1)
            for i, j in ((0, 1), (1, 2), (0, 2))
        ],
        axis=1,
    )
    assert pairs.sum(1) == pytest.approx(np.full(len(pairs), processes.D_MASS**2))
    assert pairs.mean(0) == pytest.approx(np.full(3, processes.D_MASS**2 / 3), rel=0.01)
    weights = rambo.volume(processes.D_MASS, 3) * processes.three_resonances(pairs)
    error = weights.std() / np.sqrt(len(weights))
    assert weights.mean() == pytest.approx(processes.process("dalitz").integral, abs=4 * error)


def test_integral_of_the_dalitz_plane_by_quadrature():
    matrix_element = processes.process("dalitz")

    def integrand(y, x):
        return matrix_element.integrand(np.array([[x, y]]))[0]

    whole, width = processes.D_MASS**2, processes.K_STAR_MASS**2
    # Two of the bands, so that no step of the quadrature misses them.
    edges = [0, 0.8 * width / whole, 1.2 * width / whole, 1]
    total = sum(
        dblquad(integrand, low, high, 0, 1, epsabs=1e-7, epsrel=1e-5)[0]
        for low, high in itertools.pairwise(edges)
    )
    assert total == pytest.approx(matrix_element.integral, rel=1e-4)


def test_lepton_pairs_at_the_pole_and_far_below():
    cosine = np.linspace(-1, 1, 20_001)
    middle = 0.5 * (cosine[1:] + cosine[:-1])

    def total(s):
        return processes.lepton_pair(np.full(len(middle), s), middle).mean() * 2

    photon = 4 * math.pi * processes.ALPHA**2 / (3 * processes.Z_MASS**2)
    # 12 pi Gamma_l^2 / (M^2 Gamma^2), with Gamma_l = G_F M^3 (v^2 + a^2) / (6 sqrt(2) pi).
    couplings = (-0.5 + 2 * processes.SINE_SQUARED) ** 2 + 0.25
    partial = processes.FERMI * processes.Z_MASS**3 * couplings / (6 * math.sqrt(2) * math.pi)
    peak = 12 * math.pi * partial**2 / (processes.Z_MASS * processes.Z_WIDTH) ** 2
    resonant = total(processes.Z_MASS**2) - photon
    assert resonant == pytest.approx(peak, rel=1e-6)
    # LEP: 2.00 nb (hep-ex/0509008: 41.54 nb / 20.77), of which the lowest order lacks a percent.
    assert resonant * 0.3894e6 == pytest.approx(2.00, rel=0.02)
    low = 4 * math.pi * processes.ALPHA**2 / (3 * 1.0)
    assert total(1.0) == pytest.approx(low, rel=1e-3)


def test_a_grid_has_a_density_and_finds_a_product():
    def integrand(points):
        return np.prod(4 * points**3, axis=1)

    random = np.random.default_rng(3)
    grid = vegas.adapt(integrand, 2, 32, 5_000, 8, 0.75, random)
    assert (np.diff(grid.edges, axis=1) > 0).all()
    points, inverse_density = grid.points(random.random((40_000, 2)))
    error = inverse_density.std() / np.sqrt(len(points))
    assert inverse_density.mean() == pytest.approx(1, abs=4 * error)
    adapted = unweighting(integrand(points) * inverse_density)
    assert adapted.integral.value == pytest.approx(1, abs=4 * adapted.integral.standard_error)
    uniform = unweighting(integrand(random.random((40_000, 2))))
    # Of 4 x^3 the variance is 9 / 7 per axis.
    assert uniform.relative_spread == pytest.approx(math.sqrt((16 / 7) ** 2 - 1), rel=0.05)
    assert adapted.relative_spread < 0.15 * uniform.relative_spread
    assert adapted.efficiency_of_quantile.value > 0.4 > 5 * uniform.efficiency_of_quantile.value


def test_damping_of_zero_leaves_the_grid_alone():
    grid = vegas.adapt(ridge, 2, 8, 500, 3, 0.0, np.random.default_rng(4))
    assert grid.edges == pytest.approx(vegas.uniform_grid(2, 8).edges)


def test_weights_of_known_efficiency():
    same = unweighting(np.full(1_000, 3.0))
    assert (same.efficiency.value, same.efficiency_of_quantile.value, same.cut) == pytest.approx((1, 1, 0))
    assert same.relative_spread == 0
    # One weight of 1000 among ones: the quantile is just above them.
    one = np.ones(100_000)
    one[7] = 1_000
    found = unweighting(one)
    assert found.efficiency.value == pytest.approx(1.00999 / 1_000)
    assert found.efficiency_of_quantile.value == pytest.approx(1)
    assert found.cut == pytest.approx(999 / 100_999)
    half = unweighting(np.tile([1.0, 3.0], 5_000))
    assert half.efficiency.value == pytest.approx(2 / 3)
    assert half.integral.standard_error == pytest.approx(1 / 100, rel=1e-3)


def test_density_of_an_untrained_flow():
    torch.manual_seed(5)
    learnt = flow.UnitFlow(2, SamplerFlowSettings(**TINY_FLOW))
    edges = (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    with torch.no_grad():
        density = learnt.log_density(torch.cartesian_prod(edges, edges)).exp()
        assert float(density.mean()) == pytest.approx(1, abs=0.01)
    ones = flow.weights(learnt, lambda points: np.ones(len(points)), 20_000, 6)
    assert ones.mean() == pytest.approx(1, abs=4 * ones.std() / np.sqrt(len(ones)))


@pytest.mark.parametrize("loss", ["kullback_leibler", "variance"])
def test_a_flow_learns_a_diagonal_band_that_a_grid_cannot(loss):
    settings = SamplerFlowSettings(**{**TINY_FLOW, "steps": 300, "hidden": [32]}, loss=loss)
    learnt = flow.train(ridge, 2, settings, 7)
    found = unweighting(flow.weights(learnt, ridge, 10_000, 8))
    assert found.integral.value == pytest.approx(RIDGE_INTEGRAL, abs=5 * found.integral.standard_error)
    grid = vegas.adapt(ridge, 2, 32, 5_000, 6, 0.75, np.random.default_rng(9))
    points, inverse_density = grid.points(np.random.default_rng(10).random((10_000, 2)))
    by_grid = unweighting(ridge(points) * inverse_density)
    assert by_grid.relative_spread == pytest.approx(math.sqrt(0.5 / (0.05 * math.sqrt(math.pi)) - 1), rel=0.1)
    assert found.relative_spread < 0.85 * by_grid.relative_spread


def test_a_loss_that_is_not_finite_is_an_error():
    settings = SamplerFlowSettings(**TINY_FLOW)
    with pytest.raises(TrainingError, match=r"flow\.learning_rate"):
        flow.train(lambda points: np.full(len(points), np.nan), 2, settings, 11)


def test_the_command_writes_numbers(tmp_path):
    output = tmp_path / "phase_space.json"
    settings = {"process": "drell_yan", "n_points": 5_000, "samplers": ["uniform", "grid"]}
    run.run(settings, output, 1)
    result = json.loads(output.read_text())
    assert result["integral"] == pytest.approx(3.5977e-7, rel=1e-4)
    uniform, grid = (result["samplers"][name] for name in ("uniform", "grid"))
    assert abs(uniform["pull"]) < 4
    assert abs(grid["pull"]) < 4
    assert grid["efficiency"]["value"] > 5 * uniform["efficiency"]["value"]
    again = tmp_path / "again.json"
    run.run(settings, again, 1)
    assert again.read_bytes() == output.read_bytes()


def test_unknown_settings_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="proces"):
        run.run({"proces": "dalitz"}, tmp_path / "x.json", 1)


@pytest.mark.full
def test_on_the_dalitz_plane_the_flow_beats_the_grid():
    settings = PhaseSpaceSettings(n_points=50_000)
    matrix_element = processes.process("dalitz")
    found = {
        name: unweighting(run.sampled_weights(name, matrix_element, settings)) for name in ("grid", "flow")
    }
    assert found["flow"].relative_spread < 0.5 * found["grid"].relative_spread
    assert found["flow"].efficiency_of_quantile.value > 2 * found["grid"].efficiency_of_quantile.value
