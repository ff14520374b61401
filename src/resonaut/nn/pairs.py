"""Features of pairs of constituents (arXiv:2202.03772, eq. 3), made on the device when a network needs them.

They grow with the square of the constituents, so no file holds them. With Delta^2 = (y_a - y_b)^2 +
(phi_a - phi_b)^2 they are ln Delta, ln kT = ln(min(pt_a, pt_b) Delta), ln z = ln(min(pt_a, pt_b) /
(pt_a + pt_b)) and ln m^2 = ln((E_a + E_b)^2 - |p_a + p_b|^2), in GeV and radian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resonaut.errors import ConfigError, nearest

NAMES = ("ln_delta", "ln_kt", "ln_z", "ln_m2")
FLOOR = 1e-8
"""Delta, kT and m^2 (GeV) are at least this: equal directions give finite logarithms."""
_CLOUD = ("log_pt", "delta_eta", "delta_phi")


@dataclass(frozen=True)
class Pairs:
    """Features of pairs.

    Attributes:
        values: (n_jets, n_constituents, n_constituents, 4) in the order of `NAMES`, symmetric; 0 where the
            mask is false.
        mask: (n_jets, n_constituents, n_constituents), true for two real, different constituents.
    """

    values: Tensor
    mask: Tensor


def pair_features(
    pt: Tensor, rapidity: Tensor, phi: Tensor, mask: Tensor, mass: Tensor | None = None, floor: float = FLOOR
) -> Pairs:
    """Features of all pairs of constituents of padded jets, on the device and in the dtype of `pt`.

    Only differences of rapidity and phi enter, so both may be relative to any axis, and a boost along the
    beam changes nothing. No difference of large numbers is taken: float32 is enough for collinear pairs.

    Args:
        pt, rapidity, phi: (n_jets, n_constituents), GeV and radian; whatever stands where the mask is false.
        mask: (n_jets, n_constituents), true where a constituent is real.
        mass: (n_jets, n_constituents) GeV; 0 if absent: rapidity is pseudorapidity then.
        floor: see `FLOOR`.
    """
    pt = torch.where(mask, pt, 1.0)
    of_a, of_b = pt[:, :, None], pt[:, None, :]
    d_y = _differences(rapidity, mask)
    d_phi = torch.remainder(_differences(phi, mask) + torch.pi, 2 * torch.pi) - torch.pi
    # A root of exactly 0 has no gradient.
    delta = (d_y.square() + d_phi.square()).clamp_min(floor**2).sqrt()
    softer = torch.minimum(of_a, of_b)
    m2 = _mass_squared(pt, d_y, d_phi, None if mass is None else torch.where(mask, mass, 0.0))
    values = torch.stack(
        [
            delta.log(),
            (softer * delta).clamp_min(floor).log(),
            (softer / (of_a + of_b)).log(),
            m2.clamp_min(floor).log(),
        ],
        dim=-1,
    )
    both = mask[:, :, None] & mask[:, None, :]
    both = both & ~torch.eye(mask.shape[1], dtype=torch.bool, device=mask.device)
    return Pairs(values * both[..., None], both)


def pairs_of_cloud(padded: Tensor, mask: Tensor, inputs: Sequence[str], floor: float = FLOOR) -> Pairs:
    """Features of pairs of a padded batch of clouds, whose constituents count as massless.

    Args:
        padded: (n_jets, n_constituents, n_inputs).
        mask: (n_jets, n_constituents), true where a constituent is real.
        inputs: columns of the clouds; log_pt, delta_eta and delta_phi must be among them.

    Raises:
        ConfigError: one of these is not.
    """
    for name in _CLOUD:
        if name not in inputs:
            raise ConfigError(
                f"inputs: pair features are made from {', '.join(_CLOUD)}, but '{name}' is not among "
                f"[{', '.join(inputs)}]. {nearest(name, inputs)}"
            )
    log_pt, d_eta, d_phi = (padded[..., list(inputs).index(name)] for name in _CLOUD)
    return pair_features(log_pt.exp(), d_eta, d_phi, mask, floor=floor)


def _differences(values: Tensor, mask: Tensor) -> Tensor:
    values = torch.where(mask, values, 0.0)
    return values[:, :, None] - values[:, None, :]


def _mass_squared(pt: Tensor, d_y: Tensor, d_phi: Tensor, mass: Tensor | None) -> Tensor:
    """m_a^2 + m_b^2 + 2 (mT_a mT_b cosh(dy) - pt_a pt_b cos(dphi)), (n_jets, n, n), without cancellation."""
    product = pt[:, :, None] * pt[:, None, :]
    sinh2, sin2 = torch.sinh(d_y / 2).square(), torch.sin(d_phi / 2).square()
    if mass is None:
        return 4 * product * (sinh2 + sin2)
    m2 = mass.square()
    transverse = (pt.square() + m2).sqrt()
    mt_product = transverse[:, :, None] * transverse[:, None, :]
    m2_a, m2_b = m2[:, :, None], m2[:, None, :]
    # (mT_a mT_b)^2 - (pt_a pt_b)^2, divided by the sum of the two roots.
    excess = (m2_a * m2_b + m2_a * pt.square()[:, None, :] + m2_b * pt.square()[:, :, None]) / (
        mt_product + product
    )
    return m2_a + m2_b + 2 * excess + 4 * (mt_product * sinh2 + product * sin2)
