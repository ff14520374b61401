"""What `hunt templates` writes of the response of a search, for figures."""

from __future__ import annotations

import json
from pathlib import Path

from review_response import make_response

from resonaut.files import write_json


def make_search_response(folder: Path) -> Path:
    """The response of the scores of two windows."""
    content = json.loads(make_response(folder).read_text())
    windows = dict(zip(("2900-3300", "3300-3700"), content.pop("taggers").values(), strict=True))
    names = {"mixture": "data", "method": "cwola", "dataset": "wprime"}
    path = folder / "search_response.json"
    write_json(path, {**content, **names, "taggers": windows})
    return path
