"""Named processes: what Pythia 8 is told for each. One table; nothing else knows a process by name."""

from __future__ import annotations

from dataclasses import dataclass

# Decays into light quarks and b, that is every quark a W or Z can decay to.
_TO_QUARKS = "1 2 3 4 5"


@dataclass(frozen=True)
class Process:
    """A hard process.

    Attributes:
        strings: settings for `Pythia::readString`.
        resonances: PDG ids of which at least one stands in the hard process of every event.
        jets_of: PDG ids, without sign, of the resonances whose decay products make one jet each where they
            fly fast enough: the truth that jets are matched to.
        sqrt_s: centre-of-mass energy where the configuration names none, GeV.
        needs_pt_hat_min: whether the cross-section diverges without `cuts.pt_hat_min`.
        overlaid_only: events without hard jets, of which nothing is made but pile-up for others.
    """

    strings: tuple[str, ...]
    resonances: tuple[int, ...] = ()
    jets_of: tuple[int, ...] = ()
    sqrt_s: float = 13_000.0
    needs_pt_hat_min: bool = False
    overlaid_only: bool = False


PROCESSES = {
    # The background of the LHC Olympics R&D data set, arXiv:2101.08320, section 2.1.
    "qcd_dijet": Process(("HardQCD:all = on", "HardQCD:nQuarkNew = 5"), needs_pt_hat_min=True),
    # Its signal; masses and widths follow from `masses` (see `wprime_strings`).
    "wprime_xy": Process(("NewGaugeBoson:ffbar2Wprime = on",), resonances=(34,), jets_of=(9000001, 9000002)),
    # The signal of the top-tagging reference data set, arXiv:1902.09914, section 2, which is at 14 TeV.
    "ttbar": Process(
        (
            "Top:gg2ttbar = on",
            "Top:qqbar2ttbar = on",
            "24:onMode = off",
            f"24:onIfAny = {_TO_QUARKS}",
        ),
        resonances=(6,),
        jets_of=(6,),
        sqrt_s=14_000.0,
    ),
    # QCD over decades of pt in one sample: events are drawn with a factor pt_hat^4 and carry its inverse.
    "qcd_flat": Process(
        (
            "HardQCD:all = on",
            "HardQCD:nQuarkNew = 5",
            "PhaseSpace:bias2Selection = on",
            "PhaseSpace:bias2SelectionPow = 4",
            "PhaseSpace:bias2SelectionRef = 100",
        ),
        needs_pt_hat_min=True,
    ),
    "w_jet": Process(
        (
            "WeakBosonAndParton:qqbar2Wg = on",
            "WeakBosonAndParton:qg2Wq = on",
            "24:onMode = off",
            f"24:onIfAny = {_TO_QUARKS}",
        ),
        resonances=(24,),
        jets_of=(24,),
        needs_pt_hat_min=True,
    ),
    # gmZmode = 2 leaves the photon and the interference out: a pure Z.
    "z_jet": Process(
        (
            "WeakBosonAndParton:qqbar2gmZg = on",
            "WeakBosonAndParton:qg2gmZq = on",
            "WeakZ0:gmZmode = 2",
            "23:onMode = off",
            f"23:onIfAny = {_TO_QUARKS}",
        ),
        resonances=(23,),
        jets_of=(23,),
        needs_pt_hat_min=True,
    ),
    # The Z goes to neutrinos, so that the Higgs boson is the only source of hard jets.
    "higgs_bb": Process(
        (
            "HiggsSM:ffbar2HZ = on",
            "25:onMode = off",
            "25:onIfMatch = 5 -5",
            "23:onMode = off",
            "23:onIfAny = 12 14 16",
        ),
        resonances=(25,),
        jets_of=(25,),
    ),
    # Inelastic collisions, diffraction included, about 78 mb at 13 TeV: what lies under hard ones as pile-up.
    # They are nothing without multiple parton interactions, so that `mpi` has no say here.
    "minimum_bias": Process(("SoftQCD:inelastic = on", "PartonLevel:MPI = on"), overlaid_only=True),
    # A heavy scalar to two neutral scalars that fly before they decay; see `displaced_strings`.
    "displaced": Process(("HiggsSM:gg2H = on",), resonances=(25,), jets_of=(9000003,)),
}

GEV_MM = 1.973269804e-13
"""hbar c: width times proper decay length (Particle Data Group)."""


def wprime_strings(m_wprime: float, m_x: float, m_y: float) -> tuple[str, ...]:
    """Settings for W' -> X Y, X -> u dbar, Y -> q qbar, with a narrow W' and narrow scalars.

    X carries the charge of the W'. Widths scale with the masses: those of the LHC Olympics point (3500, 500,
    100 GeV) are 10, 2 and 1 GeV, far below the resolution of jets.

    Args:
        m_wprime, m_x, m_y: masses, GeV.
    """
    return (
        f"34:m0 = {m_wprime}",
        f"34:mWidth = {m_wprime / 350}",
        "34:doForceWidth = on",
        f"34:mMin = {m_wprime * (1 - 1 / 35)}",
        f"34:mMax = {m_wprime * (1 + 1 / 35)}",
        f"9000001:new = Xp Xm 1 3 0 {m_x} {0.004 * m_x} {0.9 * m_x} {1.1 * m_x} 0.",
        f"9000002:new = Y0 void 1 0 0 {m_y} {0.01 * m_y} {0.8 * m_y} {1.2 * m_y} 0.",
        "9000001:isResonance = true",
        "9000002:isResonance = true",
        "9000001:oneChannel = 1 1.0 100 2 -1",
        "9000002:oneChannel = 1 0.5 100 1 -1",
        "9000002:addChannel = 1 0.5 100 2 -2",
        "34:oneChannel = 1 1.0 100 9000001 9000002",
    )


def displaced_strings(m_h: float, m_s: float, lifetime: float, quarks: str) -> tuple[str, ...]:
    """Settings for g g -> H -> S S, S -> q qbar, with a narrow scalar H and long-lived neutral scalars S.

    S is a resonance of the width hbar c / lifetime, so that it decays however far it flies: what
    `ParticleDecays` leaves stable are hadrons and leptons. The cross-section is that of no model.

    Args:
        m_h, m_s: masses, GeV.
        lifetime: mean proper decay length c tau of S, mm.
        quarks: b, or light for u, d and s in equal parts.
    """
    codes = {"b": (5,), "light": (1, 2, 3)}[quarks]
    channels = [f"1 {1 / len(codes)} 100 {code} {-code}" for code in codes]
    return (
        f"25:m0 = {m_h}",
        f"25:mWidth = {m_h / 500}",
        "25:doForceWidth = on",
        f"25:mMin = {0.95 * m_h}",
        f"25:mMax = {1.05 * m_h}",
        f"9000003:new = S0 void 1 0 0 {m_s} {GEV_MM / lifetime} 0. 0. {lifetime}",
        "9000003:isResonance = true",
        "9000003:doForceWidth = true",
        f"9000003:oneChannel = {channels[0]}",
        *(f"9000003:addChannel = {channel}" for channel in channels[1:]),
        # Not `oneChannel`: the width to gluons makes the production.
        "25:onMode = off",
        "25:addChannel = 1 1.0 100 9000003 9000003",
    )
