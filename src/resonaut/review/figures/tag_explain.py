"""What a tagger looks at: attributions, observables, formulae, latent space, information, or capsules."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from resonaut.errors import InputError, nearest
from resonaut.plot.style import Look
from resonaut.review.figures import (
    explain_attributions,
    explain_capsules,
    explain_information,
    explain_latent,
    explain_observables,
    explain_surrogate,
)
from resonaut.review.reading import json_with

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.review.draw import Inputs

_FIGURES: dict[str, Callable[[dict[str, Any], Look], Figure]] = {
    "attributions": explain_attributions.draw,
    "observables": explain_observables.draw,
    "surrogate": explain_surrogate.draw,
    "latent": explain_latent.draw,
    "information": explain_information.draw,
    "capsules": explain_capsules.draw,
}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw the figure of the question that was asked.

    Raises:
        InputError: the file says something else.
    """
    result = json_with(inputs["explain"], "what", "tagger", "classes", "n")
    if result["what"] not in _FIGURES:
        raise InputError(
            f"{inputs['explain']}: no figure of '{result['what']}'. {nearest(result['what'], _FIGURES)}"
        )
    return _FIGURES[result["what"]](result, look)
