"""Particles from displaced vertices: helices against small steps, resolutions against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.simulate.cards import ATLAS, CMS
from resonaut.simulate.detector import Detector, impact_resolution
from resonaut.simulate.displaced import impact_parameters, propagate_from
from resonaut.simulate.propagation import propagate

ONE = np.ones(1)
CYLINDER = (1.29, 3.0)


def _vertex(x: float, y: float, z: float) -> dict[str, np.ndarray]:
    return {"x": x * ONE, "y": y * ONE, "z": z * ONE}


def _orbit(vertex, pt, eta, phi, charge, field, length):
    """x, y, z in m along (n,) rising transverse path lengths, by small steps with the middle direction."""
    curvature = 0.299792458 * field * charge / pt
    step = np.diff(length, prepend=0.0)
    middle = phi - curvature * (length - step / 2)
    x = vertex["x"] * 1e-3 + np.cumsum(np.cos(middle) * step)
    y = vertex["y"] * 1e-3 + np.cumsum(np.sin(middle) * step)
    return x, y, vertex["z"] * 1e-3 + length * np.sinh(eta)


def test_impact_parameters_of_lines():
    # Along x from (0, 2, 5) mm: passes the origin at y = 2; a vertex on the line of flight has none.
    line = (0 * ONE, 3.8)
    found = impact_parameters(_vertex(0, 2, 5), ONE, 0.7 * ONE, 0 * ONE, *line)
    assert (found["d0"][0], found["dz"][0]) == pytest.approx((2.0, 5.0))
    on_line = _vertex(3, 3, 3 * np.sqrt(2) * np.sinh(1))
    found = impact_parameters(on_line, ONE, ONE, ONE * np.pi / 4, *line)
    assert (found["d0"][0], found["dz"][0]) == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("charge", [1, -1])
def test_impact_parameter_of_a_circle_by_hand(charge):
    # Orbit of radius 1 m through (0, 300) mm along x: its centre is at y = 0.3 - 1 or 0.3 + 1 m.
    pt = 0.299792458 * 3.8 * ONE
    found = impact_parameters(_vertex(0, 300, 7), pt, 0 * ONE, 0 * ONE, charge * ONE, 3.8)
    assert found["d0"][0] == pytest.approx(300)
    assert found["dz"][0] == pytest.approx(7)
    # A quarter of a turn on, from (400, 0) along y: centre at x = 1400 or -600, closest approach 400 mm.
    found = impact_parameters(_vertex(400, 0, 7), pt, 0 * ONE, np.pi / 2 * ONE, charge * ONE, 3.8)
    assert found["d0"][0] == pytest.approx(-400)
    # Centre at (300, 300 -+ 1000) mm.
    found = impact_parameters(_vertex(300, 300, 0), pt, ONE, 0 * ONE, charge * ONE, 3.8)
    assert found["d0"][0] == pytest.approx(charge * (1000 - np.hypot(300, 300 - charge * 1000)))
    turned = np.arctan2(300, 1000 - 300 * charge)
    assert found["dz"][0] == pytest.approx(-np.sinh(1) * 1000 * turned)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    x=st.floats(-200, 200),
    y=st.floats(-200, 200),
    pt=st.floats(0.5, 50),
    eta=st.floats(-2, 2),
    phi=st.floats(-3.14, 3.14),
    charge=st.sampled_from([-1, 1]),
)
def test_impact_parameters_agree_with_small_steps(x, y, pt, eta, phi, charge):
    vertex = _vertex(x, y, 40.0)
    found = impact_parameters(vertex, pt * ONE, eta * ONE, phi * ONE, charge * ONE, 3.8)
    # Back and on from the vertex, to beyond the closest approach.
    length = np.linspace(0, 0.5, 100_001)[1:]
    ways = [
        _orbit(vertex, pt, eta, phi, charge, 3.8, length),
        _orbit(vertex, pt, -eta, phi + np.pi, -charge, 3.8, length),
    ]
    x, y, z = (np.concatenate(parts) * 1e3 for parts in zip(*ways, strict=True))
    nearest = np.argmin(np.hypot(x, y))
    assert abs(found["d0"][0]) == pytest.approx(np.hypot(x, y)[nearest], abs=0.02)
    if np.hypot(x, y)[nearest] > 1:
        assert found["dz"][0] == pytest.approx(z[nearest], abs=0.1 * np.cosh(eta))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    pt=st.floats(0.5, 100),
    eta=st.floats(-3, 3),
    phi=st.floats(-3.14, 3.14),
    charge=st.sampled_from([-1, 0, 1]),
)
def test_from_the_origin_it_is_the_propagation_from_the_origin(pt, eta, phi, charge):
    state = (pt * ONE, eta * ONE, phi * ONE, charge * ONE)
    here = propagate(*state, 3.8, *CYLINDER)
    there = propagate_from(_vertex(1e-9, 0, 0), *state, 3.8, *CYLINDER)
    assert here.reached[0] == there.reached[0]
    if here.reached[0]:
        assert np.exp(1j * there.phi[0]) == pytest.approx(np.exp(1j * here.phi[0]), abs=1e-6)
        assert there.eta[0] == pytest.approx(here.eta[0], abs=1e-6)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    x=st.floats(-800, 800),
    y=st.floats(-800, 800),
    z=st.floats(-2000, 2000),
    pt=st.floats(0.5, 20),
    eta=st.floats(-2, 2),
    phi=st.floats(-3.14, 3.14),
    charge=st.sampled_from([-1, 0, 1]),
)
def test_displaced_particles_agree_with_small_steps(x, y, z, pt, eta, phi, charge):
    vertex = _vertex(x, y, z)
    impact = propagate_from(vertex, pt * ONE, eta * ONE, phi * ONE, charge * ONE, 3.8, *CYLINDER)
    turn = np.inf if charge == 0 else np.pi * pt / (0.299792458 * 3.8)
    length = np.linspace(0, min(turn, 3.0), 60_001)[1:]
    x, y, z = _orbit(vertex, pt, eta, phi, charge, 3.8, length)
    out = (np.hypot(x, y) >= CYLINDER[0]) | (np.abs(z) >= CYLINDER[1])
    if not out.any():
        assert not impact.reached[0]
        return
    first = np.argmax(out)
    if first > 59_900 or first < 5:
        return
    assert impact.reached[0]
    assert np.exp(1j * impact.phi[0]) == pytest.approx(np.exp(1j * np.arctan2(y[first], x[first])), abs=5e-3)
    assert impact.eta[0] == pytest.approx(np.arcsinh(z[first] / np.hypot(x[first], y[first])), abs=2e-2)


def test_what_starts_outside_never_meets_the_calorimeter():
    for vertex in (_vertex(1300, 0, 0), _vertex(0, 0, -3100)):
        for charge in (-1, 0, 1):
            impact = propagate_from(vertex, 9 * ONE, 0.1 * ONE, ONE, charge * ONE, 3.8, *CYLINDER)
            assert not impact.reached[0]


def _muons(n: int, pt: float, eta: float, vertex=(0.0, 0.0, 0.0)) -> dict[str, np.ndarray]:
    one = np.ones(n)
    particles = {"px": pt * one, "py": 0 * one, "pz": pt * np.sinh(eta) * one, "e": pt * np.cosh(eta) * one}
    particles |= {axis: value * one for axis, value in zip("xyz", vertex, strict=True)}
    return particles | {"pdg_id": np.full(n, 13), "charge": np.full(n, -1, np.int8)}


@pytest.mark.parametrize("card", [CMS, ATLAS])
@pytest.mark.parametrize(("pt", "eta"), [(1.0, 0.2), (5.0, 1.2), (100.0, -2.2)])
def test_prompt_tracks_have_impact_parameters_of_the_resolution(card, pt, eta):
    n = 20_000
    seen = Detector(card).observe(_muons(n, pt, eta), np.arange(n + 1), np.random.default_rng(4))
    sigmas = impact_resolution(card.impact_parameters, np.array([pt]), np.array([eta]))
    for name, sigma in zip(("d0", "dz"), sigmas, strict=True):
        values = seen.columns[name]
        assert len(values) > 0.7 * n
        assert values.std() == pytest.approx(sigma[0], rel=5 / np.sqrt(2 * len(values)))
        assert values.mean() == pytest.approx(0, abs=5 * sigma[0] / np.sqrt(len(values)))
        # Normal: a share of 0.3173 is beyond one sigma.
        assert np.mean(np.abs(values) > sigma[0]) == pytest.approx(0.3173, abs=0.02)


def test_resolutions_are_those_of_the_papers():
    # CMS at pt 100 GeV in the barrel: 10 and 30 um (abstract of arXiv:1405.6569), here to 35 %.
    d0, dz = impact_resolution(CMS.impact_parameters, np.array([100.0]), np.array([0.5]))
    assert d0[0] == pytest.approx(0.010, rel=0.35)
    assert dz[0] == pytest.approx(0.030, rel=0.35)
    # ATLAS at 14 GeV: sqrt(2) 10 um; far forward as in the last bin.
    d0, _ = impact_resolution(ATLAS.impact_parameters, np.array([14.0, 20.0]), np.array([0.3, -4.0]))
    assert d0 == pytest.approx(np.sqrt(2) * np.array([0.010, 0.012]))


@pytest.mark.parametrize(("card", "distance"), [(CMS, 600), (ATLAS, 300)])
def test_a_particle_that_starts_too_far_out_leaves_no_track(card, distance):
    n = 400
    near = Detector(card).observe(
        _muons(n, 20.0, 0.3, (0, distance - 1, 0)), np.arange(n + 1), np.random.default_rng(1)
    )
    assert len(near.columns["pt"]) > 0.9 * n
    # The helix bends: d0 = r - sqrt(r^2 + ...) is a little off the 599 mm of the straight line.
    assert np.median(near.columns["d0"]) == pytest.approx(distance - 1, abs=0.1)
    far = Detector(card).observe(
        _muons(n, 20.0, 0.3, (0, distance + 1, 0)), np.arange(n + 1), np.random.default_rng(1)
    )
    assert len(far.columns["pt"]) == 0
