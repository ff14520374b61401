"""What the sections of a study say of each other: names that must be known, and what must be made."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from resonaut import encoded, generated, pseudo_settings, search_variations, variation_settings
from resonaut.errors import nearest
from resonaut.mixture_settings import Mixture
from resonaut.sections import METHOD_STAGES
from resonaut.trust import plan as trust

if TYPE_CHECKING:
    from resonaut.config import Study


def check(study: Study) -> None:
    """Check what sections say of each other.

    Raises:
        ValueError: one line, that begins with the key.
    """
    if not study.datasets and not study.amplification:
        raise ValueError("datasets: at least one dataset is required; see config/README.md")
    for name, mixture in study.mixtures.items():
        for dataset in mixture.datasets:
            known(dataset, study.datasets, f"mixtures.{name}.datasets", "dataset")
        for method in mixture.methods:
            known(method, study.detect, f"mixtures.{name}.methods", "detector")
    if study.mixtures and study.scan is None:
        raise ValueError("scan: this section is required where there are mixtures")
    for stage in METHOD_STAGES:
        for method, settings in getattr(study, stage).items():
            for dataset in getattr(settings, "datasets_used", list)():
                known(dataset, study.datasets, f"{stage}.{method}", "dataset")
                if hasattr(settings, "representation"):
                    can_be(study, settings.representation(), dataset, f"{stage}.{method}")
    if study.infer.signal.dataset is not None:
        known(study.infer.signal.dataset, study.datasets, "infer.signal.dataset", "dataset")
        can_be(study, "features", study.infer.signal.dataset, "infer.signal.dataset")
    _taggers(study)
    for name, clustering in study.cluster.items():
        known(clustering.dataset, study.datasets, f"cluster.{name}.dataset", "dataset")
        can_be(study, "showers", clustering.dataset, f"cluster.{name}.dataset")
    for method, detector in study.detect.items():
        for dataset in getattr(detector, "samples_used", list)():
            known(dataset, study.datasets, f"detect.{method}", "dataset")
            for kind in detector.representations():
                can_be(study, kind, dataset, f"detect.{method}")
    for name, mixture in study.mixtures.items():
        for dataset in mixture.datasets:
            can_be(study, "features", dataset, f"mixtures.{name}")
            study.datasets[dataset].require_mass(dataset, f"mixtures.{name}")
            for method in mixture.methods:
                for kind in study.detect[method].representations():
                    can_be(study, kind, dataset, f"detect.{method} (in mixtures.{name})")
        for method in mixture.methods:
            _encoders(study, name, mixture, method)
    generated.check(study)
    pseudo_settings.check(study)
    for name, entry in study.pseudo_experiments.items():
        for dataset in (*entry.datasets, *entry.inject):
            for method in pseudo_settings.methods(study, name):
                for kind in {"features", *study.detect[method].representations()}:
                    can_be(study, kind, dataset, f"detect.{method} (in pseudo_experiments.{name})")
    variation_settings.check(study)
    search_variations.check(study)
    trust.check(study)


def _taggers(study: Study) -> None:
    """What taggers and searches say of each other."""
    for name, search in study.tune.items():
        known(search.tagger, study.tag, f"tune.{name}.tagger", "tagger")
        _check_search(search, study.tag[search.tagger], f"tune.{name}")
    for method, settings in study.tag.items():
        importlib.import_module("resonaut.trust.robust").check(study, method)
        for used in settings.taggers_used():
            known(used, study.tag, f"tag.{method}.inputs", "tagger")
            if study.tag[used].task != "binary" or study.tag[used].taggers_used():
                raise ValueError(
                    f"tag.{method}.inputs: '{used}' must be a tagger of signal and background that reads "
                    "no scores itself"
                )
            for dataset in settings.datasets_used():
                can_be(study, study.tag[used].representation(), dataset, f"tag.{used} (for tag.{method})")
        if settings.tuned is not None:
            known(settings.tuned, study.tune, f"tag.{method}.tuned", "search")
        start = settings.transfer and settings.transfer.start_from
        if start == method or (start in study.tag and study.tag[start].transfer is not None):
            raise ValueError(
                f"tag.{method}.transfer.start_from: '{start}' starts from another tagger itself; name "
                "one that does not"
            )


def _encoders(study: Study, name: str, mixture: Mixture, method: str) -> None:
    """Taggers whose latent space a detector reads; none may know the events that are searched."""
    where = f"detect.{method}.features"
    for feature in encoded.of_detector(study.detect[method]).values():
        known(feature.tagger, study.tag, where, "tagger")
        tagger = study.tag[feature.tagger]
        if tagger.taggers_used():
            raise ValueError(
                f"{where}: '{feature.tagger}' reads scores of other taggers; name one that does not"
            )
        for dataset in sorted({*mixture.datasets, *getattr(study.detect[method], "samples_used", list)()}):
            can_be(study, tagger.representation(), dataset, where)
        both = sorted(set(tagger.datasets_used()) & set(mixture.datasets))
        if both:
            raise ValueError(
                f"{where}: the tagger '{feature.tagger}' learns from '{both[0]}' with labels, and "
                f"the mixture '{name}' holds its events; train it on another dataset"
            )


def can_be(study: Study, kind: str, dataset: str, where: str) -> None:
    """Require that a dataset can be represented in this way.

    Raises:
        ValueError: it cannot; the message begins with `where`, the key.
    """
    made = study.datasets[dataset].representations
    if kind not in made:
        raise ValueError(
            f"{where}: {kind} are needed, but of dataset '{dataset}' {', '.join(made) or 'none'} can be "
            "made: see its source, reader and 'represent'"
        )


def known(name: str, names: Any, where: str, what: str) -> None:
    """Require that a name is one of those of a section.

    Raises:
        ValueError: it is not; the message names the nearest one and begins with `where`, the key.
    """
    if name not in names:
        raise ValueError(f"{where}: unknown {what} '{name}'. {nearest(name, names)}")


def trained_plainly(study: Study, tagger: str, where: str) -> None:
    """Require a tagger whose training can be repeated from its nominal rows alone.

    Raises:
        ValueError: it has the key `robust`; the message begins with `where`, the key.
    """
    if study.tag[tagger].robust is not None:
        raise ValueError(
            f"{where}: '{tagger}' is trained with 'robust', and this trains networks as if it were not; name "
            "a tagger without that key"
        )


def _check_search(search: Any, tagger: Any, where: str) -> None:
    """Check the parameters of a search against the settings of its tagger.

    Raises:
        ConfigError: a parameter is unknown, or leaves what is allowed.
    """
    importlib.import_module("resonaut.tag.search.settings").check(search, tagger, where)
