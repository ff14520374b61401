"""Random seeds, derived from the study's one seed and from names, never from positions."""

from __future__ import annotations

import hashlib

import numpy as np

RECORDED_MAX = 10_000
_derived: dict[tuple[int, tuple[str, ...]], None] = {}


def _word(name: object) -> int:
    return int.from_bytes(hashlib.sha256(str(name).encode()).digest()[:8], "little")


def seed_sequence(seed: int, *names: object) -> np.random.SeedSequence:
    """The seed sequence of (study seed, stage, dataset, ...); adding a stage changes no other stage's.

    Args:
        seed: the study's seed.
        names: what the random numbers are for, for example ("simulate", "qcd", 3).
    """
    if len(_derived) < RECORDED_MAX:
        _derived[int(seed), tuple(map(str, names))] = None
    return np.random.SeedSequence([seed, *(_word(name) for name in names)])


def derived() -> list[list[int | str]]:
    """What this process derived so far, `[seed, name, ...]` in order, the first `RECORDED_MAX`.

    It belongs into records of a run (`provenance.write_run_record`), never into a result.
    """
    return [[seed, *names] for seed, names in _derived]


def generator(seed: int, *names: object) -> np.random.Generator:
    """A numpy generator for (study seed, names)."""
    return np.random.Generator(np.random.PCG64DXSM(seed_sequence(seed, *names)))


def integer_seed(seed: int, *names: object, bits: int = 63) -> int:
    """A positive integer seed of at most `bits` bits for (study seed, names)."""
    return int(seed_sequence(seed, *names).generate_state(1, np.uint64)[0]) >> (64 - bits)


_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix64(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea, Flood, doi:10.1145/2660193.2660195), elementwise.

    Args:
        values: (n,) unsigned 64-bit integers.

    Returns:
        (n,) unsigned 64-bit integers, a bijection of `values` that passes for random.
    """
    with np.errstate(over="ignore"):
        z = np.asarray(values, dtype=np.uint64) + _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def event_hash(
    dataset: str, run: np.ndarray, lumi: np.ndarray, event: np.ndarray, seed: int, purpose: str = "split"
) -> np.ndarray:
    """A hash of dataset, event id, the study's seed and a purpose.

    It does not depend on the order of events, on chunking, or on which other datasets exist.

    Args:
        dataset: name of the dataset.
        run, lumi, event: (n_events,) integers that name an event inside its dataset.
        seed: the study's seed.
        purpose: two purposes (folds, mixture) are independent of each other.

    Returns:
        (n_events,) unsigned 64-bit integers, uniform over their range.
    """
    key = np.uint64(integer_seed(seed, purpose, dataset, bits=64))
    value = mix64(np.asarray(event, dtype=np.uint64) ^ key)
    value = mix64(value ^ np.asarray(lumi, dtype=np.uint64))
    return mix64(value ^ np.asarray(run, dtype=np.uint64))


def fold_of(hashes: np.ndarray, n_folds: int) -> np.ndarray:
    """Fold of each event, 0 to `n_folds` - 1, from its hash; (n_events,) int64."""
    return (np.asarray(hashes, dtype=np.uint64) % np.uint64(n_folds)).astype(np.int64)
