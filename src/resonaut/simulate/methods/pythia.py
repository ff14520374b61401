"""Source `pythia`: a named process, or any Pythia settings, through a parametrised detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, field_validator, model_serializer, model_validator

from resonaut.errors import nearest
from resonaut.settings import Count
from resonaut.settings import Settings as Section
from resonaut.simulate.processes import PROCESSES, displaced_strings, wprime_strings
from resonaut.simulate.settings import SimulatedDataset
from resonaut.simulate.shower_weights import ShowerWeights, uncertainty_bands

if TYPE_CHECKING:
    from resonaut.simulate.generation import PythiaSource

LEVEL = "jets"
READER = "resonaut"
SUFFIX = ".root"
DETECTORS = ("cms", "atlas")
_PHASE_SPACE = {
    "pt_hat_min": "PhaseSpace:pTHatMin",
    "pt_hat_max": "PhaseSpace:pTHatMax",
    "m_hat_min": "PhaseSpace:mHatMin",
    "m_hat_max": "PhaseSpace:mHatMax",
}
_LATER = ("tune", "shower_weights")
_HADRONS_MASS = {"b": 11.0, "light": 2.0}
"""Lightest scalar that the string fragmentation can make two hadrons of, GeV."""


class Cuts(Section):
    """Phase space of the hard process, and a cut on what came of it. GeV."""

    pt_hat_min: float | None = Field(
        None, gt=0, description="Least transverse momentum of the hard 2 -> 2 process, GeV."
    )
    pt_hat_max: float | None = Field(None, gt=0, description="The largest, GeV; no upper cut if absent.")
    m_hat_min: float | None = Field(None, gt=0, description="Least invariant mass of the hard process, GeV.")
    m_hat_max: float | None = Field(None, gt=0, description="The largest, GeV; no upper cut if absent.")
    gen_jet_pt_min: float | None = Field(
        None,
        gt=0,
        description="pt of the leading generator jet, GeV; after the generation, before the detector.",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Cuts:
        for name in ("pt_hat", "m_hat"):
            low, high = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if low is not None and high is not None and low >= high:
                raise ValueError(f"{name}_min ({low:g}) must be below {name}_max ({high:g})")
        return self


class Masses(Section):
    """Masses of W' -> X Y, GeV; widths scale with them."""

    m_wprime: float = Field(3500.0, gt=0, description="Mass of W', GeV.")
    m_x: float = Field(500.0, gt=0, description="Mass of X, GeV.")
    m_y: float = Field(100.0, gt=0, description="Mass of Y, GeV.")

    @model_validator(mode="after")
    def _open(self) -> Masses:
        if self.m_x + self.m_y >= self.m_wprime:
            raise ValueError(
                f"m_x + m_y is {self.m_x + self.m_y:g}, it must be below m_wprime ({self.m_wprime:g})"
            )
        return self


class LongLived(Section):
    """H -> S S, S -> q qbar with displaced vertices: masses in GeV."""

    m_h: float = Field(1000.0, gt=0, le=10_000, description="Mass of H, GeV.")
    m_s: float = Field(60.0, gt=0, description="Mass of S, GeV.")
    lifetime: float = Field(50.0, gt=0, le=1e6, description="Mean proper decay length c tau of S, mm.")
    quarks: Literal["b", "light"] = Field("b", description="S decays to b, or to u, d and s alike.")

    @model_validator(mode="after")
    def _open(self) -> LongLived:
        if 2 * self.m_s >= self.m_h:
            raise ValueError(f"2 m_s is {2 * self.m_s:g}, it must be below m_h ({self.m_h:g}) for H -> S S")
        threshold = _HADRONS_MASS[self.quarks]
        if self.m_s <= threshold:
            raise ValueError(
                f"m_s is {self.m_s:g}, it must exceed {threshold:g} for quarks '{self.quarks}': room for two "
                "hadrons of them"
            )
        return self


class Settings(SimulatedDataset):
    """Events of Pythia 8."""

    process: str | None = Field(None, description=f"One of {', '.join(PROCESSES)}.")
    pythia: tuple[str, ...] = Field(
        (), description="Settings as Pythia reads them; after those of `process`."
    )
    cuts: Cuts = Cuts()
    masses: Masses | None = Field(None, description="Of process wprime_xy; 3500, 500 and 100 where absent.")
    long_lived: LongLived | None = Field(
        None, description="Of process displaced; 1000 and 60 GeV, 50 mm and b where absent."
    )
    sqrt_s: float | None = Field(
        None, gt=0, description="Centre-of-mass energy, GeV; 14000 for ttbar, otherwise 13000 where absent."
    )
    mpi: bool = Field(
        False,
        description="Multiple parton interactions; off in LHC Olympics samples, always on in minimum_bias.",
    )
    tune: Count | None = Field(
        None,
        ge=0,
        le=32,
        description="Tune:pp of Pythia, set before all else: 14 Monash 2013 (Pythia's own choice), 18 CMS "
        "MonashStar, 21 ATLAS A14, ...",
    )
    shower_weights: ShowerWeights = Field(
        default_factory=dict,
        description="Variations of the parton shower as event weights `weights/<name>`, by name: {fsr_up: "
        "'fsr:muRfac=0.707', fsr_down: 'fsr:muRfac=1.414'}; factors of gen_weight that are 1 on average.",
    )
    detector: str = Field("cms", description="Parametrisation of the detector: cms or atlas.")
    gen_jet_radius: float = Field(1.0, gt=0, le=3, description="Radius of the anti-kt generator jets.")

    @field_validator("process")
    @classmethod
    def _known_process(cls, value: str | None) -> str | None:
        if value is not None and value not in PROCESSES:
            raise ValueError(f"unknown process. {nearest(value, PROCESSES)}")
        return value

    @field_validator("detector")
    @classmethod
    def _known_detector(cls, value: str) -> str:
        if value not in DETECTORS:
            raise ValueError(f"unknown detector. {nearest(value, DETECTORS)}")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if self.process is None:
            if not self.pythia:
                raise ValueError(
                    "the key 'process' (a named process) or 'pythia' (a list of Pythia settings) is required"
                )
        elif PROCESSES[self.process].needs_pt_hat_min and self.cuts.pt_hat_min is None:
            given = any(
                line.replace(" ", "").lower().startswith("phasespace:pthatmin=") for line in self.pythia
            )
            if not given:
                raise ValueError(
                    f"cuts.pt_hat_min is required: the cross-section of {self.process} diverges without"
                )
        if self.masses is not None and self.process != "wprime_xy":
            raise ValueError("masses belongs to process wprime_xy; remove it")
        if self.long_lived is not None and self.process != "displaced":
            raise ValueError("long_lived belongs to process displaced; remove it")
        return self

    @model_serializer(mode="wrap")
    def _without_absent(self, serialise: Any) -> dict[str, Any]:
        # Events that were made before these keys existed keep the name of their folder.
        found = serialise(self)
        return {key: value for key, value in found.items() if key not in _LATER or value not in (None, {})}

    @property
    def overlaid_only(self) -> bool:
        """Whether the events are pile-up for others, and no data set of their own."""
        return self.process is not None and PROCESSES[self.process].overlaid_only

    def energy(self) -> float:
        """Centre-of-mass energy, GeV."""
        if self.sqrt_s is not None:
            return self.sqrt_s
        return PROCESSES[self.process].sqrt_s if self.process else 13_000.0

    def strings(self) -> tuple[str, ...]:
        """All settings for `Pythia::readString`, the user's last, without the seed."""
        # First, for a tune changes what others may change again.
        lines = [] if self.tune is None else [f"Tune:pp = {self.tune}"]
        lines += [
            f"Beams:eCM = {self.energy()}",
            f"PartonLevel:MPI = {'on' if self.mpi else 'off'}",
            # A particle that flies 10 mm before it decays is the detector's business (K0s, Lambda, ...).
            "ParticleDecays:limitTau0 = on",
            "ParticleDecays:tau0Max = 10",
        ]
        if self.process:
            lines += PROCESSES[self.process].strings
        if self.process == "wprime_xy":
            masses = self.masses or Masses()
            lines += wprime_strings(masses.m_wprime, masses.m_x, masses.m_y)
        if self.process == "displaced":
            long_lived = self.long_lived or LongLived()
            lines += displaced_strings(**long_lived.model_dump())
        for key, name in _PHASE_SPACE.items():
            value = getattr(self.cuts, key)
            if value is not None:
                lines.append(f"{name} = {value}")
        return (*lines, *uncertainty_bands(self.shower_weights), *self.pythia)


def build(settings: Settings) -> PythiaSource:
    """The generator of these settings."""
    from resonaut.simulate.generation import PythiaSource

    jets_of = PROCESSES[settings.process].jets_of if settings.process else ()
    return PythiaSource(settings.strings(), jets_of, tuple(settings.shower_weights))
