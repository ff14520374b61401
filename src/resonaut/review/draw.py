"""Draw the figure of one stage: `figures/<stage>.py` reads its files, `resonaut.plot` gives the looks."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from resonaut.errors import ConfigError, nearest
from resonaut.plot import style
from resonaut.review.settings import ReviewSettings
from resonaut.settings import Settings, validate

FILE, FILES, NAMED, NAMED_IF_ANY = "file", "files", "named", "named_if_any"
ROLES: dict[str, dict[str, str]] = {
    "simulate": {"stores": FILES},
    "ingest": {"stores": FILES},
    "ingest_pileup": {"varied": NAMED, "nominal": FILE},
    "represent": {"features": NAMED_IF_ANY, "images": NAMED_IF_ANY},
    "tag": {"scores": FILE, "metrics": FILE},
    "tag_compare": {"comparison": FILE},
    "tag_cluster": {"separation": FILE},
    "tag_explain": {"explain": FILE},
    "tag_response": {"response": FILE},
    "tag_decorrelation": {"decorrelation": FILE},
    "tag_uncertainty": {"uncertainty": FILE},
    "tag_stability": {"stability": FILE},
    "tag_weak": {"weak": FILE},
    "tag_trigger": {"trigger": FILE},
    "tune": {"trials": FILE},
    "generate": {"evaluation": FILE, "training": FILE},
    "generate_compare": {"comparison": FILE},
    "generate_amplification": {"errors": FILE},
    "detect": {"scores": FILE, "metrics": FILE, "mixture": FILE},
    "detect_monitor": {"monitor": FILE},
    "hunt": {"spectra": FILE},
    "hunt_evaluate": {"evaluation": FILE},
    "hunt_response": {"response": FILE},
    "infer": {"significance": FILE},
    "infer_compare": {"comparison": FILE},
    "infer_global": {"global": FILE},
    "infer_trials": {"trials": FILE},
    "infer_validation": {"validation": FILE},
    "infer_linearity": {"linearity": FILE},
    "infer_calibration": {"calibration": FILE},
}
"""What the figure of each stage is drawn from: one file, several, or several with the names of datasets.

Of a table there are no images, of pictures no features.
"""

Inputs = Mapping[str, Any]


class ReviewSlice(Settings):
    """The part of the configuration that figures use."""

    review: ReviewSettings = ReviewSettings()
    datasets: tuple[str, ...] = Field((), description="All datasets of the study, for their colours.")
    unblind: bool = Field(False, description="Whether events of data in signal regions are drawn.")


def draw(stage: str, settings: Mapping[str, Any], inputs: Inputs, outputs: Sequence[Path]) -> None:
    """Draw the figure of a stage into every output.

    Args:
        stage: which figure.
        settings: the slice `review`.
        inputs: for each role in `ROLES[stage]` a path, a list of paths, or paths by dataset.
        outputs: PNG and PDF files; equal inputs give equal bytes.

    Raises:
        ConfigError: unknown stage or setting, or an output of another format.
        InputError: an input is missing or is not what its role says.
    """
    if stage not in ROLES:
        raise ConfigError(f"review: no figure of '{stage}'. {nearest(stage, ROLES)}")
    slice_ = validate(ReviewSlice, settings, "--settings")
    look = style.Look(slice_.review.style, slice_.review.label, slice_.datasets, slice_.unblind)
    figure = importlib.import_module(f"resonaut.review.figures.{stage}")
    with style.using(look):
        style.save(figure.draw(inputs, look), outputs)
