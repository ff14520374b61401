"""A chunk of a dataset that a generator makes, where `represent` would have put it.

It has the layout, the attributes and the settings of the representation that was learnt, as many jets in an
event, and as ids `run` 0, `lumi` (number of the chunk) and `event`. With `like`, rows take their conditions
from that dataset's rows in turn, and the other columns of these too (kinematics of jets, the mass of the
event): those are copied and know nothing of what is generated. Clouds have the columns that follow from what
was generated, and jets their mass and energy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from resonaut import manifest
from resonaut.errors import ConfigError
from resonaut.generate import reading
from resonaut.generate.conditions import Conditions, from_mapping, require_inside
from resonaut.generate.derived import of_clouds
from resonaut.generate.drawing import BLOCK, Drawn, blocks
from resonaut.generate.networks import Trained, load
from resonaut.generate.settings import CLASS
from resonaut.generate.train import PACKAGES
from resonaut.generate.writing import SampleWriter, attributes, condition_columns, generated_columns
from resonaut.generated import GeneratedDataset
from resonaut.hdf5 import creating, write_attributes
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.representation import require_same
from resonaut.seeds import integer_seed
from resonaut.settings import Count, Settings, validate

_ALL = 2**62
_NOT_OF_IMAGES = ("jets/mass", "jets/energy")
"""Columns of the rows of `like` that a generated image does not have."""


class Slice(Settings):
    """What the rule gives."""

    dataset: str = Field(description="Name of the dataset.")
    label: str | None = Field(description="Its truth class.")
    seed: Count = Field(ge=0, description="Of the dataset.")
    settings: dict[str, Any] = Field(description="Of the dataset.")


def run(
    slice_: Mapping[str, Any],
    weights: Path,
    output: Path,
    chunk: int,
    like: Mapping[str, Path] | None = None,
    device: str = "auto",
    threads: int = 2,
) -> None:
    """Draw one chunk of a dataset.

    Args:
        slice_: the slice `generate_dataset` of the configuration.
        weights: file of `resonaut generate train`.
        output: HDF5 to write, see the module.
        chunk: its number.
        like: manifest of the dataset that `like` names.
        device: auto, cuda, mps or cpu.
        threads: CPU threads; another number may change last digits.

    Raises:
        ConfigError: conditions are absent or outside of the training; there is no such chunk.
        MismatchError: rows of `like` were made otherwise than those that were learnt.
        InputError: a file cannot be used.
    """
    task = validate(Slice, slice_, "--settings")
    where = f"datasets.{task.dataset}"
    settings = validate(GeneratedDataset, task.settings, where)
    sizes = settings.chunk_sizes()
    if not 0 <= chunk < len(sizes):
        raise ConfigError(f"--chunk: {where} has chunks 0 to {len(sizes) - 1}, got {chunk}.")
    trained = load(weights)
    n_rows = int(trained.description["rows_per_event"])
    conditions, copied = _conditions(settings, trained, like or {}, where)
    require_inside(conditions, trained, settings.extrapolate, where)
    conditions = _from(conditions, sum(sizes[:chunk]) * n_rows)
    seed = integer_seed(task.seed, "generate dataset", task.dataset, chunk)
    inputs = [weights, *(like or {}).values()]
    provenance = {**describe({**dict(slice_), "chunk": chunk}, inputs, PACKAGES), "threads": threads}
    more: dict[str, Any] = {"provenance": provenance}
    if settings.cross_section is not None:
        more["cross_section"] = settings.cross_section
    total = 0.0
    with deterministic(threads), creating(output, {}) as file:
        writer = SampleWriter(file, trained.shape, n_rows)
        # Whole events only.
        size = BLOCK - BLOCK % n_rows
        for drawn in blocks(trained, conditions, sizes[chunk] * n_rows, seed, device, size):
            own = _columns(drawn, trained, conditions, copied, chunk, n_rows)
            total += (
                float(own["events/gen_weight"].sum()) if "events/gen_weight" in own else len(drawn) / n_rows
            )
            writer.append(drawn, _of_jets(drawn, trained, own, writer))
        label = task.label or ""
        head = attributes(trained.shape, task.dataset, label, sizes[chunk], {**more, "sum_weights": total})
        write_attributes(file, head)
    log.info("%s: %d events drawn from %s", output, sizes[chunk], weights)
    write_run_record(output, device=device, threads=threads)


def _from(conditions: Conditions, start: int) -> Conditions:
    """The list of conditions from a later row on."""
    shift = -(start % len(conditions.values))
    columns = {name: np.roll(values, shift) for name, values in conditions.columns.items()}
    return replace(conditions, values=np.roll(conditions.values, shift, axis=0), columns=columns)


def _conditions(
    settings: GeneratedDataset, trained: Trained, like: Mapping[str, Path], where: str
) -> tuple[Conditions, list[str]]:
    """Conditions of all rows, and the columns that are copied from the rows of `like`."""
    raw = settings.model_dump(mode="json")["conditions"]
    if settings.like is None:
        return from_mapping(raw, trained, f"{where}.conditions"), []
    if settings.like not in like:
        raise ConfigError(f"{where}.like: no rows of '{settings.like}' are given; add --like NAME=MANIFEST.")
    taken = tuple(name for name in trained.settings.conditions if name not in raw and name != CLASS)
    reads = trained.settings.model_copy(
        update={"datasets": (settings.like,), "conditions": taken, "hold_out": {}, "n_rows_max": _ALL}
    )
    rows = reading.read(like, reads, int(trained.description["seed"]), where, with_values=False)
    entry = manifest.read(like[settings.like])
    require_same(rows.settings, entry.path, trained.shape.settings, trained.path, rows.kind, trained=True)
    given = {**raw, **({CLASS: settings.like} if CLASS not in raw else {})}
    given = {name: given.get(name, 0.0) for name in trained.settings.conditions}
    others = from_mapping(given, trained, f"{where}.conditions")
    table = others.values[np.arange(len(rows)) % len(others.values)]
    for number, name in enumerate(rows.condition_names):
        table[:, trained.shape.conditions.index(name)] = rows.conditions[:, number]
    made = generated_columns(trained.shape) | {name for name in trained.description["places"] if name}
    if rows.kind == "images":
        made |= set(_NOT_OF_IMAGES)
    copied = [name for name in rows.carried if name not in made]
    return Conditions(table, others.spreads, rows.carried), copied


def _columns(
    drawn: Drawn, trained: Trained, conditions: Conditions, copied: list[str], chunk: int, n_rows: int
) -> dict[str, np.ndarray]:
    """Columns of the events and jets of a block, `events/<name>` (n_events,) and `jets/<name>` (n_rows,)."""
    number = drawn.start // n_rows + np.arange(len(drawn) // n_rows)
    found = {
        "events/run": np.zeros(len(number), np.int64),
        "events/lumi": np.full(len(number), chunk, np.int64),
        "events/event": number,
    }
    outside = trained.outside(drawn.conditions).any(axis=1).reshape(-1, n_rows).any(axis=1)
    found["events/extrapolated"] = outside.astype(np.int8)
    place = conditions.rows(drawn.start, len(drawn))
    for name in copied:
        values = conditions.columns[name][place]
        found[name] = values[::n_rows] if name.startswith("events/") else values
    return found | condition_columns(drawn.conditions, tuple(trained.description["places"]), n_rows)


def _of_jets(
    drawn: Drawn, trained: Trained, own: dict[str, np.ndarray], writer: SampleWriter
) -> dict[str, np.ndarray]:
    """The columns, with those that follow from generated clouds."""
    if trained.shape.kind != "clouds":
        return own
    known = {name.removeprefix("jets/"): values for name, values in own.items() if name.startswith("jets/")}
    constituents, jets = of_clouds(drawn, trained.shape.columns, known)
    for name, values in constituents.items():
        writer.extend(f"constituents/{name}", values)
    return own | {f"jets/{name}": values for name, values in jets.items()}
