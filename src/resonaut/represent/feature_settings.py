"""Settings of the features: what is `off` (or `null`) is not computed; `on` takes the defaults."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from resonaut.settings import Count, Settings

Axes = Literal["kt", "wta_kt", "onepass_kt", "onepass_wta_kt"]
Correlator = Literal["c1", "c2", "d2", "m2", "n2"]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]


def _switched(value: Any) -> Any:
    """YAML reads `off` as false and `on` as true."""
    return ({} if value else None) if isinstance(value, bool) else value


def _switch(model: type[Settings]) -> BeforeValidator:
    return BeforeValidator(_switched, json_schema_input_type=model | bool | None)


def _different(names: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(names)) < len(names):
        raise ValueError(f"each name once, found {', '.join(names)}")
    return names


class SoftDropSettings(Settings):
    """Soft drop (arXiv:1402.2657)."""

    beta: float = Field(0.0, description="beta of soft drop (arXiv:1402.2657, eq. 1.1).")
    z_cut: float = Field(0.1, gt=0, lt=0.5, description="z_cut of soft drop.")
    radius: float = Field(1.0, gt=0, description="R0 of soft drop; cancels where beta is 0.")


class MassDropSettings(Settings):
    """Modified mass drop (arXiv:1307.0007)."""

    y_cut: float = Field(0.1, gt=0, lt=1, description="Asymmetry min(pt1^2, pt2^2) dR^2 / m^2 that passes.")
    mu: float = Field(1.0, gt=0, description="Largest m1 / m that passes; 1: any.")


class TrimmingSettings(Settings):
    """Trimming (arXiv:0912.1342)."""

    radius: float = Field(0.2, gt=0, description="R of the subjets.")
    pt_fraction: float = Field(0.05, ge=0, lt=1, description="Least pt of a subjet, of the jet's.")
    algorithm: Literal["kt", "cambridge", "anti_kt"] = Field("kt", description="Algorithm of the subjets.")


class PruningSettings(Settings):
    """Pruning with Cambridge/Aachen (arXiv:0903.5081)."""

    z_cut: float = Field(
        0.1, gt=0, lt=0.5, description="Softer prongs, below this fraction of pt, are dropped where"
    )
    r_cut_factor: float = Field(
        0.5, gt=0, description="their distance is above this factor times 2 m / pt of the jet."
    )


class GroomerSettings(Settings):
    """Groomers; each writes its mass, pt and multiplicity."""

    soft_drop: Annotated[SoftDropSettings | None, _switch(SoftDropSettings)] = SoftDropSettings()
    mmdt: Annotated[MassDropSettings | None, _switch(MassDropSettings)] = None
    trimming: Annotated[TrimmingSettings | None, _switch(TrimmingSettings)] = None
    pruning: Annotated[PruningSettings | None, _switch(PruningSettings)] = None


class SubjettinessSettings(Settings):
    """N-subjettiness (arXiv:1011.2268)."""

    n_max: Count = Field(3, ge=1, le=8, description="tau_1 to tau_n_max.")
    axes: Axes = Field("onepass_wta_kt", description="Axes, with or without the one-pass minimisation.")
    beta: float = Field(1.0, gt=0, description="beta of tau_N (arXiv:1108.2701, eq. 1.2).")
    radius: float = Field(1.0, gt=0, description="R0 of tau_N; cancels in their ratios.")


class CorrelatorSettings(Settings):
    """Energy correlation functions (arXiv:1305.0007, arXiv:1409.6298, arXiv:1609.07483)."""

    names: Annotated[tuple[Correlator, ...], AfterValidator(_different)] = Field(
        ("c2", "d2", "m2", "n2"), min_length=1, description="Which are computed."
    )
    beta: float = Field(1.0, gt=0, description="Angular exponent.")


class LundSettings(Settings):
    """The Lund plane (arXiv:1807.04758)."""

    store: bool = Field(True, description="Write the primary declusterings (group `lund`).")
    kt_min: float = Field(1.0, gt=0, description="Least kt of what `lund_multiplicity` counts, GeV.")


class ShapeSettings(Settings):
    """Sums over constituents."""

    angularities: dict[Name, tuple[float, Annotated[float, Field(gt=0)]]] = Field(
        {"lha": (1.0, 0.5)}, description="kappa and beta of each (arXiv:1408.3122): `angularity_<name>`."
    )
    radius: float = Field(1.0, gt=0, description="R0 of angularities.")
    charge_kappa: float = Field(0.5, ge=0, description="kappa of the jet charge (arXiv:1209.2421).")
    d0_min: float = Field(0.1, ge=0, description="|d0| of a displaced track, mm, where the store has d0.")


class FeatureSettings(Settings):
    """High-level features of the leading jets."""

    groomers: GroomerSettings = GroomerSettings()
    nsubjettiness: Annotated[SubjettinessSettings | None, _switch(SubjettinessSettings)] = (
        SubjettinessSettings()
    )
    correlators: Annotated[CorrelatorSettings | None, _switch(CorrelatorSettings)] = None
    lund: Annotated[LundSettings | None, _switch(LundSettings)] = None
    shapes: Annotated[ShapeSettings | None, _switch(ShapeSettings)] = ShapeSettings()
