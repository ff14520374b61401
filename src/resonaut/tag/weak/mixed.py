"""Mixed samples of known fractions from labelled rows: each row is used once, and chosen by a hash."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from resonaut.errors import ConfigError


def counts(fractions: Sequence[float], n_rows: int) -> np.ndarray:
    """Rows of background and signal of each sample, (n_samples, 2), for about `n_rows` in all."""
    each = n_rows // len(fractions)
    signal = np.rint(np.array(fractions) * each).astype(np.int64)
    return np.stack([each - signal, signal], axis=1)


def most_rows(mixtures: Sequence[Sequence[float]], n_background: int, n_signal: int) -> int:
    """The number of rows that every mixture can have, 0 where one can have none."""
    found = []
    for fractions in mixtures:
        signal = np.mean(fractions)
        limits = [
            n_signal / signal if signal else np.inf,
            n_background / (1 - signal) if signal < 1 else np.inf,
        ]
        # Rounding may ask for half a row more of each sample.
        found.append(int(min(limits)) - len(fractions))
    return max(0, min(found))


def draw(
    part: np.ndarray,
    label: np.ndarray,
    hashed: np.ndarray,
    fractions: Sequence[float],
    n_rows: int,
    where: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of mixed samples.

    Args:
        part: (n,) row numbers to draw from.
        label: (n_rows_of_all,) 1 signal, 0 background.
        hashed: (n_rows_of_all,) order in which rows are taken.
        fractions: of signal in each sample.
        n_rows: of all samples together, see `counts`.
        where: key of the configuration, for the message.

    Returns:
        Row numbers, ascending, and the number of each row's sample.

    Raises:
        ConfigError: there are not as many rows of a class.
    """
    wanted = counts(fractions, n_rows)
    rows, samples = [], []
    for kind, name in enumerate(("background", "signal")):
        own = part[label[part] == kind]
        need = int(wanted[:, kind].sum())
        if need > len(own):
            raise ConfigError(
                f"{where}: {need} rows of {name} are needed for the fractions "
                f"{', '.join(f'{value:g}' for value in fractions)}, and there are {len(own)}. Ask for fewer "
                "rows (`n_rows`), or make more events."
            )
        rows.append(own[np.argsort(hashed[own], kind="stable")][:need])
        samples.append(np.repeat(np.arange(len(wanted)), wanted[:, kind]))
    together, sample = np.concatenate(rows), np.concatenate(samples)
    order = np.argsort(together, kind="stable")
    return together[order], sample[order]
