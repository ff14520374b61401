"""Rows unlike those that a tagger learnt from, and how well uncertainties tell them from test rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, EmptyFileError, InputError
from resonaut.manifest import Manifest
from resonaut.nn.samples import Samples
from resonaut.representation import read_settings, require_same
from resonaut.tag.evaluation import metrics
from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.rows import data
from resonaut.tag.rows.data import Jets, Wanted
from resonaut.tag.rows.prepare import Prepared, parts_of_jets
from resonaut.tag.rows.representations import REPRESENTATIONS
from resonaut.tag.settings import TaggerSettings

N_POINTS = 50


@dataclass(frozen=True)
class Strange:
    """Rows of one name of `ood`.

    Attributes:
        samples: their batches are the arguments of a network.
        n_rows: how many.
    """

    samples: Samples
    n_rows: int


def read(
    files: Mapping[str, Path],
    names: Sequence[str],
    settings: TaggerSettings,
    rows: Prepared,
    seed: int,
    n_max: int,
    where: str,
) -> dict[str, Strange]:
    """Rows of each name.

    Args:
        files: manifests by `name/dataset`: of a variation one for each dataset of the training.
        rows: of the tagger. Of its datasets only events of the test part are read.
        n_max: rows of each at most.

    Raises:
        ConfigError: a name has no file.
        InputError: it is not of the tagger's representation, or holds no rows.
    """
    found = {}
    for name in names:
        own = {key.split("/", 1)[1]: path for key, path in files.items() if key.split("/", 1)[0] == name}
        if not own:
            raise ConfigError(f"{where}.ood: no rows of '{name}' are given. Add --ood {name}/DATASET=FILE.")
        parts: list[Jets] = []
        for _, path in sorted(own.items()):
            parts += _rows(path, settings, rows, seed, -(-n_max // len(own)))
        if not parts or not sum(map(len, parts)):
            paths = ", ".join(map(str, own.values()))
            raise EmptyFileError(
                f"{where}.ood: '{name}' has no rows that the tagger can read ({paths}). Make more events, or "
                "loosen represent.selection."
            )
        jets = data.join(parts)
        samples = REPRESENTATIONS[rows.kind].samples(jets.flat, jets.offsets)
        found[name] = Strange(samples, len(jets))
    return found


def _rows(path: Path, settings: TaggerSettings, rows: Prepared, seed: int, n_max: int) -> list[Jets]:
    entry: Manifest = data.manifest.read(path, rows.kind)
    if not any(entry.n_events):
        raise EmptyFileError(f"{path}: no events. Make more, or loosen represent.selection.")
    _require_same(entry, path, rows)
    wanted = Wanted(settings.target, settings.reference, settings.matched)
    found: list[Jets] = []
    left = n_max
    for chunk, n_events in zip(entry.chunks, entry.n_events, strict=True):
        if not n_events or left <= 0:
            continue
        jets, _ = data.read_chunk(chunk, rows.tagger.inputs, 0, None, rows.kind, wanted)
        if entry.dataset in rows.names:
            jets = data.take(jets, np.flatnonzero(parts_of_jets(jets, [entry.dataset], seed) == 2))
        jets = data.take(jets, np.arange(min(left, len(jets))))
        found.append(jets)
        left -= len(jets)
    return found


def _require_same(entry: Manifest, path: Path, rows: Prepared) -> None:
    require_same(read_settings(entry), path, rows.made_with, path, rows.kind, trained=True)


def measure(strange: np.ndarray, usual: np.ndarray) -> dict[str, Any]:
    """How well an uncertainty tells strange rows from test rows.

    Args:
        strange, usual: (n,) and (m,) uncertainties of the rows of either.

    Returns:
        auc, auc_standard (0.5: not at all), mean and usual_mean, curve: `usual` (share of the test rows above
        a threshold) and `strange` (share of the others), at 50 thresholds.

    Raises:
        InputError: an uncertainty is not finite.
    """
    values = np.concatenate([strange, usual])
    if not np.isfinite(values).all():
        raise InputError(f"{int((~np.isfinite(values)).sum())} uncertainties are not finite.")
    label = np.repeat([1, 0], [len(strange), len(usual)])
    shares = np.linspace(0, 1, N_POINTS)
    above = [
        0.0 if share == 0 else float((strange >= np.quantile(usual, 1 - share)).mean()) for share in shares
    ]
    return {
        "auc": metrics.auc(values, label),
        "auc_standard": auc_error(values, label),
        "mean": float(strange.mean()),
        "usual_mean": float(usual.mean()),
        "curve": {"usual": shares.tolist(), "strange": above},
    }
