"""The inputs of every figure, made once."""

from __future__ import annotations

import pytest
from review_files import make_all


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The inputs of every figure as words of the command line."""
    return make_all(tmp_path_factory.mktemp("review"))
