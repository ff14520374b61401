"""Event selection: counts by hand, and the resonant mass of the jets that are counted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut.errors import ConfigError
from resonaut.kinematics import cartesian, delta_phi, from_cartesian, leading_pair_mass
from resonaut.selection import Selection
from resonaut.settings import validate

PT = np.array([900.0, 400.0, 100.0, 700.0, 650.0, 300.0])
ETA = np.array([0.0, 2.6, 1.0, -2.5, 0.5, 0.1])
OFFSETS = np.array([0, 3, 5, 5, 6])
MASS = np.array([2000.0, 1500.0, 0.0, 50.0])


def kept(**cuts: float) -> tuple[list[bool], dict[str, int]]:
    mask, flow = Selection(**cuts).apply(PT, ETA, OFFSETS, MASS)
    return mask.tolist(), flow


def test_nothing_asked_nothing_lost() -> None:
    assert kept() == ([True] * 4, {"read": 4, "n_jets": 4, "leading_jet_pt": 4, "mass": 4})


def test_cuts_by_hand() -> None:
    assert kept(n_jets_min=2)[0] == [True, True, False, False]
    # |eta| = 2.5 is inside, 2.6 is not
    assert kept(n_jets_min=2, jet_eta_max=2.5, jet_pt_min=200)[0] == [False, True, False, False]
    assert kept(leading_jet_pt_min=700)[0] == [True, True, False, False]
    # without the jet at eta = -2.5 the leading one has 650
    assert kept(leading_jet_pt_min=700, jet_eta_max=2.4)[0] == [True, False, False, False]
    # 700 itself is outside; an event whose leading jet is too soft or too hard goes as a whole
    assert kept(leading_jet_pt_max=700)[0] == [False, False, True, True]
    assert kept(leading_jet_pt_min=300, leading_jet_pt_max=701)[0] == [False, True, False, True]
    assert kept(leading_jet_pt_min=600, leading_jet_pt_max=700, jet_eta_max=2.4)[0] == [
        False,
        True,
        False,
        False,
    ]
    assert kept(mass_min=1500, mass_max=2000)[0] == [False, True, False, False]


def test_flow_is_cumulative() -> None:
    _, flow = kept(n_jets_min=1, leading_jet_pt_min=500, mass_min=1600)
    assert flow == {"read": 4, "n_jets": 3, "leading_jet_pt": 2, "mass": 1}
    assert list(flow) == ["read", "n_jets", "leading_jet_pt", "mass"]
    _, flow = kept(n_jets_min=1, leading_jet_pt_min=500, leading_jet_pt_max=800, mass_min=1600)
    assert flow == {"read": 4, "n_jets": 3, "leading_jet_pt": 1, "mass": 0}


def test_mass_of_counted_jets() -> None:
    jets = {"pt": PT, "eta": ETA, "phi": np.zeros(6), "mass": np.full(6, 10.0)}
    jets["phi"][[1, 4]] = np.pi
    loose = Selection().mass(jets, OFFSETS)
    tight = Selection(jet_eta_max=2.5).mass(jets, OFFSETS)
    assert loose[2] == 0
    assert loose[3] == pytest.approx(10.0, rel=1e-6)
    assert tight[1] == loose[1]

    def pair(first: int, second: int) -> float:
        a, b = (np.array(cartesian(PT[i], ETA[i], jets["phi"][i], 10.0)) for i in (first, second))
        total = a + b
        return float(np.sqrt(total[3] ** 2 - (total[:3] ** 2).sum()))

    assert loose[0] == pytest.approx(pair(0, 1))
    assert tight[0] == pytest.approx(pair(0, 2))


def test_massless_pair() -> None:
    arguments = (np.array([500.0, 400.0]), np.array([0.5, -1.0]), np.array([3.0, -0.2]), np.zeros(2))
    expected = np.sqrt(2 * 500 * 400 * (np.cosh(1.5) - np.cos(3.2)))
    assert leading_pair_mass(*arguments, np.array([0, 2]))[0] == pytest.approx(expected)


@given(st.floats(0.1, 5000), st.floats(-5, 5), st.floats(-3.14, 3.14), st.floats(0, 500))
def test_coordinates_there_and_back(pt: float, eta: float, phi: float, mass: float) -> None:
    back = from_cartesian(*cartesian(*(np.array([value]) for value in (pt, eta, phi, mass))))
    assert back[0][0] == pytest.approx(pt, rel=1e-9)
    assert back[1][0] == pytest.approx(eta, abs=1e-9)
    assert back[2][0] == pytest.approx(phi, abs=1e-9)
    energy = np.sqrt((pt * np.cosh(eta)) ** 2 + mass**2)
    assert back[3][0] == pytest.approx(mass, rel=1e-6, abs=1e-7 * energy)


@given(st.floats(-10, 10), st.floats(-10, 10))
def test_delta_phi_is_wrapped(first: float, second: float) -> None:
    difference = delta_phi(np.array(first), second)
    assert -np.pi <= difference < np.pi
    assert np.cos(difference) == pytest.approx(np.cos(first - second), abs=1e-9)


@pytest.mark.parametrize("name", ["mass", "leading_jet_pt"])
@pytest.mark.parametrize("high", [100, 200])
def test_limits_must_be_ordered(name: str, high: int) -> None:
    words = rf"{name}_max \({high}.0\) must exceed {name}_min \(200.0\)"
    with pytest.raises(ConfigError, match=words):
        validate(Selection, {f"{name}_min": 200, f"{name}_max": high}, "selection")
