"""What each input adds to the log odds: features, pixels, constituents.

The result has `of` (features, images or clouds), `methods` (what was asked for) and `gap` (how far integrated
gradients and Shapley values are from adding up, as a share of the root mean square of their sums).
Baselines: of features the mean of the test rows of other classes, of images the empty one, of constituents
the mean constituent of jets of other classes. Shapley values draw rows of other classes instead, and of
constituents jets without some of them.
"""

from __future__ import annotations

from typing import Any

from resonaut.errors import ConfigError, InputError
from resonaut.tag.explain import of_constituents, of_features, of_images
from resonaut.tag.explain.rows import Rows
from resonaut.tag.explain.settings import ExplainSettings

_KINDS = {"features": of_features, "images": of_images, "clouds": of_constituents}


def measure(rows: Rows, settings: ExplainSettings) -> dict[str, Any]:
    """Attributions of all rows.

    Raises:
        ConfigError: gradients of boosted trees.
        InputError: a representation without attributions.
    """
    if rows.kind not in _KINDS:
        raise InputError(
            f"{rows.where}: attributions of {rows.kind} are not made; features, images or clouds are "
            "expected."
        )
    if rows.trained.tagger.fit is not None and set(settings.attributions) != {"shap"}:
        raise ConfigError(
            f"{rows.where}.attributions: '{rows.trained.description['method']}' has no gradients; only "
            "[shap] can be had."
        )
    found = _KINDS[rows.kind].measure(rows, settings)
    return {"of": rows.kind, "methods": list(settings.attributions), **found}
