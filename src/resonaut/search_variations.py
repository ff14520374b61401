"""Variations of the signal that become nuisance parameters of searches: `infer.uncertainties.variations`.

The names there are sources: `jes` for the entries `jes_up` and `jes_down` of `variations`, or the name of an
entry that stands alone. `detect` scores the signal's simulated events as each variation has them, `hunt`
finds what is selected of them, `infer` makes nuisance parameters of it; a study that names none has none of
these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from resonaut import encoded, variation_settings
from resonaut.errors import nearest
from resonaut.variation_settings import NOMINAL

if TYPE_CHECKING:
    from resonaut.config import Study

RESERVED = ("mu", "lumi", "luminosity", "acceptance", "energy_scale", "spurious_signal")
"""Names that other parameters of the workspaces have."""


def sources(study: Study) -> dict[str, dict[str, float]]:
    """Variations of each source that is asked for, with their signed standard deviations."""
    found = variation_settings.pairs(study.variations)
    return {
        source: {
            name: variation_settings.signed_sigma(name, study.variations[name])
            for name in found[source]
            if name is not None
        }
        for source in sorted(study.infer.uncertainties.variations)
    }


def names(study: Study) -> list[str]:
    """`nominal` and all variations that are asked for; none where nothing is."""
    asked = [name for members in sources(study).values() for name in members]
    return [NOMINAL, *sorted(asked)] if asked else []


def asked(study: Study, mixture: str) -> bool:
    """Whether searches of a mixture take variations: those of the configuration, no pseudo-experiments."""
    return mixture in study.mixtures and bool(study.infer.uncertainties.variations)


def of_detect(study: Study) -> dict[str, Any]:
    """What `detect` is told: the dataset, and of each variation the weight that it multiplies events by."""
    weights: dict[str, dict[str, Any]] = {NOMINAL: {}}
    for name in names(study)[1:]:
        settings = study.variations[name].settings
        column = getattr(settings, "column", None)
        weights[name] = {} if column is None else {"column": column, "largest": settings.largest}
    return {"dataset": study.infer.signal.dataset, "variations": weights}


def check(study: Study) -> None:
    """Check `infer.uncertainties.variations` against the rest of the study.

    Raises:
        ValueError: one line, that begins with the key.
    """
    where = "infer.uncertainties.variations"
    known = variation_settings.pairs(study.variations)
    for source in study.infer.uncertainties.variations:
        if source not in known:
            raise ValueError(
                f"{where}: unknown source '{source}'. {nearest(source, known)} A source is an entry of "
                "`variations`, and `jes` that of `jes_up` and `jes_down`"
            )
        if source in RESERVED or source.startswith(("background_", "statistics_", "staterror_")):
            raise ValueError(f"{where}: '{source}' is the name of another parameter; rename the variation")
    if not study.infer.uncertainties.variations:
        return
    if study.hunt.flatten is not None:
        raise ValueError(
            f"{where}: scores of varied events cannot be flattened as those of the mixture are "
            "(hunt.flatten); leave one of them out"
        )
    dataset = study.infer.signal.dataset
    for name in names(study)[1:]:
        if not variation_settings.applies(study, name, dataset):
            raise ValueError(
                f"{where}: '{name}' does not change the signal '{dataset}' (infer.signal.dataset); the "
                "background comes from data and takes no variations. Leave it out"
            )
        variation_settings.require(study, name, dataset, where)
    _check_detectors(study, dataset, where)


def _check_detectors(study: Study, dataset: str, where: str) -> None:
    """Each detector must be able to read the signal as the variations have it."""
    for _, method in study.searches():
        detector = study.detect[method]
        if encoded.of_detector(detector):
            raise ValueError(
                f"{where}: detect.{method} reads the latent space of a tagger, which is not made of varied "
                "events; leave one of them out"
            )
        for kind in detector.representations():
            if kind not in study.datasets[dataset].representations:
                raise ValueError(
                    f"{where}: detect.{method} reads {kind}, of which '{dataset}' has none; leave one out"
                )
