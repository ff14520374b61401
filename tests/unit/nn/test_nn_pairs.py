"""Pair features against a double loop over four-momenta, and what they do not depend on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from resonaut.errors import ConfigError
from resonaut.nn.pairs import FLOOR, NAMES, pair_features, pairs_of_cloud


def jets(seed: int = 0, n_jets: int = 4, n: int = 9) -> dict[str, np.ndarray]:
    """Padded jets of different lengths, with garbage where there is padding."""
    random = np.random.default_rng(seed)
    lengths = random.integers(1, n + 1, n_jets)
    return {
        "pt": random.exponential(30, (n_jets, n)) + 0.5,
        "rapidity": random.normal(0.4, 0.4, (n_jets, n)),
        "phi": random.uniform(-np.pi, np.pi, (n_jets, n)),
        "mask": np.arange(n) < lengths[:, None],
        "mass": np.abs(random.normal(0, 0.3, (n_jets, n))),
    }


def tensors(columns: dict[str, np.ndarray], dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(v, dtype=None if name == "mask" else dtype) for name, v in columns.items()}


def one_by_one(c: dict[str, np.ndarray]) -> np.ndarray:
    """arXiv:2202.03772, eq. 3, from energies and momenta, pair by pair."""
    n_jets, n = c["pt"].shape
    out = np.zeros((n_jets, n, n, 4))
    for jet in range(n_jets):
        for a in range(n):
            for b in range(n):
                if a == b or not (c["mask"][jet, a] and c["mask"][jet, b]):
                    continue
                total, pt, y, phi = np.zeros(4), [], [], []
                for k in (a, b):
                    k_pt, k_y, k_phi, m = (c[name][jet, k] for name in ("pt", "rapidity", "phi", "mass"))
                    mt = np.hypot(k_pt, m)
                    momentum = [
                        k_pt * np.cos(k_phi),
                        k_pt * np.sin(k_phi),
                        mt * np.sinh(k_y),
                        mt * np.cosh(k_y),
                    ]
                    total += momentum
                    pt, y, phi = [*pt, k_pt], [*y, k_y], [*phi, k_phi]
                gap = abs(phi[0] - phi[1])
                delta = np.hypot(y[0] - y[1], min(gap, 2 * np.pi - gap))
                m2 = total[3] ** 2 - total[:3] @ total[:3]
                out[jet, a, b] = np.log([delta, min(pt) * delta, min(pt) / sum(pt), m2])
    return out


@pytest.mark.parametrize("seed", range(5))
def test_pair_by_pair(seed: int) -> None:
    columns = jets(seed)
    made = pair_features(**tensors(columns))
    np.testing.assert_allclose(made.values.numpy(), one_by_one(columns), rtol=1e-9, atol=1e-9)
    massless = {**columns, "mass": 0 * columns["mass"]}
    made = pair_features(**{k: v for k, v in tensors(massless).items() if k != "mass"})
    np.testing.assert_allclose(made.values.numpy(), one_by_one(massless), rtol=1e-9, atol=1e-9)
    valid = columns["mask"]
    expected = valid[:, :, None] & valid[:, None, :] & ~np.eye(9, dtype=bool)
    np.testing.assert_array_equal(made.mask.numpy(), expected)
    assert not made.values[~made.mask].any()


def test_closed_form() -> None:
    """Two constituents of 30 and 10 GeV, 0.3 and 0.4 apart, over the seam of phi."""
    pt, eta = torch.tensor([[30.0, 10.0]]), torch.tensor([[0.1, 0.4]])
    phi, mask = torch.tensor([[3.0, 3.4 - 2 * np.pi]]), torch.ones(1, 2, dtype=torch.bool)
    values = pair_features(pt, eta, phi, mask).values[0]
    m2 = 2 * 300 * (np.cosh(0.3) - np.cos(0.4))
    expected = np.log([0.5, 5.0, 0.25, m2])
    np.testing.assert_allclose(values[0, 1], expected, rtol=1e-5)
    np.testing.assert_allclose(values[1, 0], expected, rtol=1e-5)
    assert len(NAMES) == values.shape[-1]


def test_collinear_pairs_in_single_precision() -> None:
    """cosh - cos would be 0 in float32 below angles of 3e-4."""
    angle = torch.tensor([[0.0, 1e-5]])
    pt, mask = torch.tensor([[100.0, 50.0]]), torch.ones(1, 2, dtype=torch.bool)
    made = pair_features(pt, angle, 0 * angle, mask).values[0, 0, 1]
    np.testing.assert_allclose(made[3], np.log(5000 * 1e-10), rtol=1e-5)
    same = pair_features(pt, 0 * angle, 0 * angle, mask).values[0, 0, 1]
    np.testing.assert_allclose(same, np.log([FLOOR, 50 * FLOOR, 1 / 3, FLOOR]), rtol=1e-5)


@given(st.integers(0, 1000), st.floats(-3, 3), st.floats(-3, 3))
@hypothesis_settings(deadline=None, max_examples=50)
def test_boosts_rotations_and_order(seed: int, boost: float, angle: float) -> None:
    columns = jets(seed)
    order = np.random.default_rng(seed).permutation(9)
    moved = {name: values[:, order] for name, values in columns.items()}
    moved["rapidity"] = moved["rapidity"] + boost
    moved["phi"] = (moved["phi"] + angle + np.pi) % (2 * np.pi) - np.pi
    before, after = pair_features(**tensors(columns)), pair_features(**tensors(moved))
    np.testing.assert_allclose(after.values, before.values[:, order][:, :, order], rtol=1e-7, atol=1e-7)
    np.testing.assert_array_equal(after.mask, before.mask[:, order][:, :, order])


def test_padding_reaches_neither_values_nor_gradients() -> None:
    columns = tensors(jets(3))
    for name in ("pt", "rapidity", "phi", "mass"):
        columns[name] = torch.where(columns["mask"], columns[name], torch.nan).requires_grad_()
    made = pair_features(**columns)
    made.values.sum().backward()
    assert torch.isfinite(made.values).all()
    for name in ("pt", "rapidity", "phi", "mass"):
        assert torch.isfinite(columns[name].grad).all(), name


def test_from_a_padded_batch_of_clouds() -> None:
    columns = tensors(jets(4), torch.float32)
    inputs = ("delta_eta", "charge", "log_pt", "delta_phi")
    padded = torch.stack([columns["rapidity"], columns["mass"], columns["pt"].log(), columns["phi"]], -1)
    made = pairs_of_cloud(padded * columns["mask"][..., None], columns["mask"], inputs)
    massless = {name: columns[name] for name in ("pt", "rapidity", "phi", "mask")}
    torch.testing.assert_close(made.values, pair_features(**massless).values, rtol=1e-4, atol=1e-4)
    assert made.values.dtype == torch.float32
    with pytest.raises(
        ConfigError, match=r"'log_pt' is not among \[log_p, delta_eta\]. Did you mean 'log_p'"
    ):
        pairs_of_cloud(padded, columns["mask"], ["log_p", "delta_eta"])
