"""Materials of calorimeters, and what a stack of them is to a shower.

Constants of the Particle Data Group (atomic and nuclear properties of materials, pdg.lbl.gov); effective
values of Grindhammer and Peters, hep-ex/0001020, section 2: averages by weight.
"""

from __future__ import annotations

from dataclasses import dataclass

SCATTERING_ENERGY = 21.2
"""Energy E_s of multiple scattering, MeV: the Moliere radius is X0 E_s / E_c."""
NON_COMPENSATION = 0.007
"""Of e/mip = 1 / (1 + 0.007 (Z_passive - Z_active)), hep-ex/0001020, A.2."""


@dataclass(frozen=True)
class Material:
    """One material.

    Attributes:
        charge, mass: atomic number, and mass in g/mol; of a compound weighted by mass, with its Z/A kept.
        density: g/cm^3.
        radiation_length, interaction_length, pion_length: g/cm^2; the second of nucleons, the third of pions.
        minimum_loss: of a minimum ionising particle, MeV cm^2/g.
    """

    charge: float
    mass: float
    density: float
    radiation_length: float
    interaction_length: float
    pion_length: float
    minimum_loss: float

    @property
    def critical_energy(self) -> float:
        """MeV; 2.66 (X0 Z / A)^1.1, hep-ex/0001020, section 2."""
        return 2.66 * (self.radiation_length * self.charge / self.mass) ** 1.1

    def in_mm(self, length: float) -> float:
        """A length in g/cm^2 of this material, mm."""
        return 10.0 * length / self.density

    @property
    def loss_per_mm(self) -> float:
        """Of a minimum ionising particle, MeV/mm."""
        return self.minimum_loss * self.density / 10.0


MATERIALS = {
    "tungsten": Material(74, 183.84, 19.30, 6.76, 191.9, 218.7, 1.145),
    "lead": Material(82, 207.2, 11.35, 6.37, 199.6, 226.2, 1.122),
    "steel": Material(26, 55.845, 7.874, 13.84, 132.1, 160.8, 1.451),
    "copper": Material(29, 63.546, 8.960, 12.86, 137.3, 165.9, 1.403),
    "silicon": Material(14, 28.085, 2.329, 21.82, 108.4, 137.7, 1.664),
    "scintillator": Material(5.61, 10.43, 1.060, 43.79, 81.7, 113.9, 1.936),
}
"""By the names of the configuration; steel counts as iron, scintillator as polystyrene."""


@dataclass(frozen=True)
class Effective:
    """A passive and an active plate as one medium.

    Attributes:
        charge: Z_eff.
        radiation_length: mm.
        critical_energy: MeV.
        moliere_radius: mm.
        sampling_frequency: F_S, layers per radiation length.
        e_over_mip: response to electrons over that to minimum ionising particles, of the paper.
    """

    charge: float
    radiation_length: float
    critical_energy: float
    moliere_radius: float
    sampling_frequency: float
    e_over_mip: float


def effective(passive: Material, passive_mm: float, active: Material, active_mm: float) -> Effective:
    """The medium that plates of two materials make, hep-ex/0001020, section 2 and A.2."""
    plates = ((passive, passive_mm), (active, active_mm))
    weight = sum(material.density * size for material, size in plates)
    thickness = passive_mm + active_mm
    shares = [(material, material.density * size / weight) for material, size in plates]
    radiation_length = 1.0 / sum(share / material.radiation_length for material, share in shares)
    energy_per_length = sum(share * m.critical_energy / m.radiation_length for m, share in shares)
    # mm per g/cm^2 of the whole.
    scale = 10.0 / (weight / thickness)
    return Effective(
        charge=sum(share * material.charge for material, share in shares),
        radiation_length=radiation_length * scale,
        critical_energy=radiation_length * energy_per_length,
        moliere_radius=SCATTERING_ENERGY / energy_per_length * scale,
        sampling_frequency=radiation_length * scale / thickness,
        e_over_mip=1.0 / (1.0 + NON_COMPENSATION * (passive.charge - active.charge)),
    )
