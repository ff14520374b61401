"""Entries of `variations`: named systematic changes of the events that networks of `nominal` are tried on.

A kind of variation is a file of `resonaut.variations`, found by its name, with `Settings` and `TOUCHES`: the
stage whose files differ from the nominal ones, `represent` or `ingest`, or `none` where other files or other
weights are read in their place. It may hold

    applies(study, settings, dataset) -> bool      whether a dataset changes; all of the level jets if absent
    check(study, name, settings) -> None           raises ValueError where it does not fit the study
    needs(settings) -> tuple[tuple[str, ...], ...]  columns of constituents, of each group one at least
    reach(settings, pt) -> tuple[float, float]     factors between which the pt of a jet of `pt` GeV moves

and of those that touch `represent` must hold `shifted` (see `resonaut.varying`).
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from pydantic import Field, SerializeAsAny, model_validator

from resonaut import variations
from resonaut.errors import ConfigError, nearest
from resonaut.settings import Settings, validate

if TYPE_CHECKING:
    from resonaut.config import Study

NOMINAL = "nominal"
UP, DOWN = "_up", "_down"
_ROUNDING = 1e-9
_READERS_WITHOUT = dict.fromkeys(("lhco", "toptag"), ("charge", "pdg_class", "d0", "dz"))
"""Columns of constituents that files of a format never hold."""


class VariationSettings(Settings):
    """A systematic change of the events; `kind` is a file of variations/, whose keys stand here too."""

    kind: str = Field(description="What changes: energy_scale, track_efficiency, pileup, ...")
    sigma: float = Field(
        1.0,
        ge=-10,
        le=10,
        description="What it stands for, in standard deviations; negative where the name ends in _down.",
    )
    settings: SerializeAsAny[Settings]

    @model_validator(mode="before")
    @classmethod
    def _by_kind(cls, value: Any) -> Any:
        if not isinstance(value, dict) or isinstance(value.get("settings"), Settings):
            return value
        rest = dict(value)
        head = {key: rest.pop(key) for key in ("kind", "sigma") if key in rest}
        known = variations.names()
        if "kind" not in head:
            raise ValueError(f"the key 'kind' is required. Known: {', '.join(known)}")
        if head["kind"] not in known:
            raise ValueError(f"kind: unknown kind '{head['kind']}'. {nearest(str(head['kind']), known)}")
        try:
            return {**head, "settings": validate(variations.load(head["kind"]).Settings, rest)}
        except ConfigError as error:
            raise ValueError("; ".join(str(error).splitlines())) from None

    @model_validator(mode="after")
    def _not_nothing(self) -> VariationSettings:
        if self.sigma == 0:
            raise ValueError("sigma: a number of standard deviations other than 0 is expected")
        return self

    @property
    def module(self) -> ModuleType:
        """The file of the kind."""
        return variations.load(self.kind)

    @property
    def touches(self) -> str:
        """The first stage whose files differ: represent, ingest, or none."""
        return self.module.TOUCHES


def source_of(name: str) -> str:
    """What a variation is a change of: `jes` of `jes_up` and `jes_down`; of any other name itself."""
    for end in (UP, DOWN):
        if name.endswith(end) and name != end:
            return name.removesuffix(end)
    return name


def signed_sigma(name: str, settings: VariationSettings) -> float:
    """Standard deviations that a variation stands for, negative where its name ends in `_down`."""
    return -abs(settings.sigma) if name.endswith(DOWN) else settings.sigma


def pairs(names: Any) -> dict[str, tuple[str, str | None]]:
    """Variations of each source, in the order of their names: `{"jes": ("jes_up", "jes_down")}`.

    A source with one variation has None as the second.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (source_of(name), name.endswith(DOWN), name)):
        found.setdefault(source_of(name), []).append(name)
    pair: dict[str, tuple[str, str | None]] = {}
    for source, members in found.items():
        if len(members) == 2:
            pair[source] = (members[0], members[1])
        else:
            pair |= {source if len(members) == 1 else name: (name, None) for name in members}
    return pair


def applies(study: Study, name: str, dataset: str) -> bool:
    """Whether a variation changes a dataset."""
    if name == NOMINAL:
        return False
    entry = study.variations[name]
    found = getattr(entry.module, "applies", None)
    if found is not None:
        return found(study, entry.settings, dataset)
    of = study.datasets[dataset]
    return of.level == "jets" and not of.is_generated and not of.overlaid_only


def files_of(study: Study, name: str, dataset: str) -> tuple[str, str]:
    """Dataset and folder (`nominal` or the variation's) that hold a dataset as a variation has it."""
    if not applies(study, name, dataset):
        return dataset, NOMINAL
    entry = study.variations[name]
    if entry.touches == "none":
        return getattr(entry.settings, "replace", {}).get(dataset, dataset), NOMINAL
    return dataset, name


def of_chunk(study: Study, name: str, dataset: str) -> dict[str, Any] | None:
    """What `represent` is told of a variation (`varying.Variation`); None where it changes nothing itself."""
    if not applies(study, name, dataset) or study.variations[name].touches != "represent":
        return None
    entry = study.variations[name]
    settings = entry.settings.model_dump(mode="json")
    return {"name": name, "kind": entry.kind, "seed": study.seed, "settings": settings}


def check(study: Study) -> None:
    """Check the entries of `variations` against the rest of the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    for name, entry in study.variations.items():
        if name == NOMINAL:
            raise ValueError(f"variations.{name}: this name is that of the events as they are; take another")
        getattr(entry.module, "check", lambda study, name, settings: None)(study, name, entry.settings)
        if entry.touches == "represent":
            _check_cuts(study, name, entry)


def _check_cuts(study: Study, name: str, entry: VariationSettings) -> None:
    """Refuse a preselection that has taken events away which the variation moves into the selection."""
    loose, tight = study.ingest.preselection, study.represent.selection
    for key in ("jet_pt", "leading_jet_pt", "mass"):
        cut, before = getattr(tight, f"{key}_min"), getattr(loose, f"{key}_min")
        most = _reach(entry, cut or before)[1]
        if before and before * most > cut * (1 + _ROUNDING):
            raise ValueError(_too_tight(name, f"{key}_min", before, cut, f"at most {cut / most:.5g}"))
        stored = study.ingest.jets.smallest_pt(any(of.is_simulated for of in study.datasets.values()))
        if key == "jet_pt" and cut and stored * most > cut * (1 + _ROUNDING):
            raise ValueError(
                f"variations.{name}: it moves jets over the cut represent.selection.jet_pt_min ({cut:g}), "
                f"but jets below ingest.jets.pt_min ({stored:g}) are not stored. Set it to at most "
                f"{cut / most:.5g}"
            )
        cut, before = getattr(tight, f"{key}_max", None), getattr(loose, f"{key}_max", None)
        least = _reach(entry, cut or before or 1.0)[0]
        if before is not None and (cut is None or before * least < cut * (1 - _ROUNDING)):
            allowed = "absent" if cut is None else f"at least {cut / least:.5g}, or absent"
            raise ValueError(_too_tight(name, f"{key}_max", before, cut, allowed))


def _reach(entry: VariationSettings, pt: float) -> tuple[float, float]:
    return getattr(entry.module, "reach", lambda settings, pt: (1.0, 1.0))(entry.settings, pt)


def _too_tight(name: str, key: str, before: float, cut: float | None, allowed: str) -> str:
    return (
        f"variations.{name}: it moves events over the cut represent.selection.{key} ({cut}), but "
        f"ingest.preselection.{key} ({before:g}) has dropped some of them before. Set it to {allowed}"
    )


def require(study: Study, name: str, dataset: str, where: str) -> None:
    """Refuse a variation that a dataset is known not to have.

    Raises:
        ValueError: its constituents, or a column of theirs, are absent; the message begins with `where`.
    """
    entry = study.variations[name]
    if entry.touches != "represent":
        return
    of = study.datasets[dataset]
    if of.level != "jets" or of.is_generated or not {"clouds", "images"} & set(of.representations):
        raise ValueError(
            f"{where}: the variation '{name}' shifts constituents of jets, and dataset '{dataset}' (source "
            f"'{of.source}') has none; leave one of them out"
        )
    reader = getattr(of.settings, "reader", None)
    absent = _READERS_WITHOUT.get(reader, ())
    for group in getattr(entry.module, "needs", lambda settings: ())(entry.settings):
        if set(group) <= set(absent):
            raise ValueError(
                f"{where}: the variation '{name}' needs {' or '.join(group)} of constituents, which the "
                f"reader '{reader}' of dataset '{dataset}' does not give; leave one of them out"
            )
