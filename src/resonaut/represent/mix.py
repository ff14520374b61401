"""Draw a mixture: rows of datasets that a search looks at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from resonaut import manifest, mixtures
from resonaut.errors import ConfigError, InputError, nearest
from resonaut.files import sha256
from resonaut.logs import log
from resonaut.manifest import Manifest
from resonaut.mixtures import Mixture
from resonaut.provenance import versions, write_run_record
from resonaut.represent.settings import MixTask


def write_mixture(paths: Mapping[str, Path], output: str | os.PathLike, task: MixTask) -> Mixture:
    """Draw a mixture from features manifests and write it.

    Args:
        paths: features manifest of each dataset.
        output: the mixture, HDF5 (see `resonaut.mixtures`).
        task: name, datasets with the events wanted of each, and seeds.

    Raises:
        ConfigError: a dataset has no manifest.
        InputError: a manifest is of another kind or dataset, or a dataset has too few events.
    """
    manifests = read_manifests(paths, tuple(task.datasets), task.mixture)
    mixture = mixtures.draw(task.mixture, manifests, task.datasets, task.seed, task.draw)
    provenance = {
        "settings": task.model_dump(mode="json"),
        "versions": versions("h5py", "numpy"),
        "inputs": {name: sha256(paths[name]) for name in manifests},
    }
    mixtures.write(output, mixture, provenance)
    log.info("%s: %d events of %s", output, len(mixture), ", ".join(mixture.datasets))
    write_run_record(output)
    return mixture


def read_manifests(paths: Mapping[str, Path], datasets: tuple[str, ...], mixture: str) -> dict[str, Manifest]:
    """Features manifests of the datasets of a mixture, by name.

    Raises:
        ConfigError: a dataset has no manifest.
        InputError: a manifest is of another kind or dataset.
    """
    manifests = {}
    for name in sorted(datasets):
        if name not in paths:
            raise ConfigError(
                f"--manifests: the mixture '{mixture}' takes '{name}', which is not given. "
                f"{nearest(name, paths)}"
            )
        manifests[name] = manifest.read(paths[name], "features")
        if manifests[name].dataset != name:
            raise InputError(
                f"{paths[name]}: a manifest of '{name}' is expected, it is of '{manifests[name].dataset}'."
            )
    return manifests
