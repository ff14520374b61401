"""What the servers serve, and where."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from remote_servers import Line

N_EVENTS = 40_000
COLUMNS = 24


@dataclass(frozen=True)
class Served:
    """Files below one URL.

    Attributes:
        url: of the folder, without a slash at its end.
        port: where the server listens.
        folder: where the files are, to be changed; None where the server keeps them itself.
    """

    url: str
    port: int
    folder: Path | None = None

    def through(self, line: Line) -> str:
        """The URL by way of a line."""
        return self.url.replace(f":{self.port}", f":{line.port}", 1)


def s3_client(endpoint: str) -> Any:
    """A client that may write."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@functools.cache
def columns() -> dict[str, np.ndarray]:
    """Columns that do not compress, 3.7 MiB together."""
    random = np.random.default_rng(5)
    return {f"column{row}": random.normal(size=N_EVENTS).astype(np.float32) for row in range(COLUMNS)}
