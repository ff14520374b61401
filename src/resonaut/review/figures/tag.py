"""A tagger on rows that it was not trained on; the figure depends on its task."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut.errors import InputError, nearest
from resonaut.review.figures import tag_binary, tag_classes, tag_regression
from resonaut.review.reading import open_kind

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from resonaut.plot.style import Look
    from resonaut.review.draw import Inputs

_TASKS = {"binary": tag_binary, "classes": tag_classes, "regression": tag_regression}


def draw(inputs: Inputs, look: Look) -> Figure:
    """Draw rejections, confusion or responses, and the losses.

    Raises:
        InputError: the scores are of no known task.
    """
    with open_kind(inputs["scores"], "tag_scores") as file:
        task = str(file.attrs.get("task", "binary"))
    if task not in _TASKS:
        raise InputError(f"{inputs['scores']}: scores of the task '{task}'. {nearest(task, _TASKS)}")
    return _TASKS[task].draw(inputs, look)
