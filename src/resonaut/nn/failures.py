"""A loss that is not finite: where, and the batch that it came from, for the reader of the message."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from resonaut.nn import checkpoint
from resonaut.nn.distributed import World
from resonaut.nn.passes import Outcome
from resonaut.nn.samples import Samples
from resonaut.nn.settings import ScheduledTraining


class NotFinite(Exception):
    """A loss was not finite: in which pass, and in which of its batches."""

    def __init__(self, what: str, outcome: Outcome, samples: Samples, batches: Sequence[Tensor]) -> None:
        super().__init__(what)
        self.what, self.outcome, self.samples, self.batches = what, outcome, samples, batches


def message(
    error: NotFinite,
    number: int,
    where: str,
    settings: ScheduledTraining,
    world: World,
    folder: Path | None,
) -> str:
    """What happened and what to do; the batch is saved.

    Args:
        number: of the epoch.
        where: key of the configuration.
        folder: where the batch goes; a new temporary folder if absent.
    """
    text = (
        f"{where}: the {error.what} loss is {error.outcome.loss} in epoch {number}, with half the "
        f"learning rate too; a finite one is expected. Lower {where}.training.learning_rate (now "
        f"{settings.learning_rate:g}) and look for extreme inputs."
    )
    if error.outcome.bad_step is None:
        return text
    folder = folder or Path(tempfile.mkdtemp(prefix="resonaut-"))
    path = folder / f"failed_batch_{where}_{world.rank}.safetensors"
    step = error.outcome.bad_step
    tensors = {}
    # The batch before may be the culprit: a bad gradient shows in the next loss.
    for name, place in (("batch", step), ("batch_before", step - 1)):
        if place >= 0:
            rows = world.share(error.batches[place])
            batch = error.samples.take(rows)
            tensors |= {f"{name}/values/{i}": value for i, value in enumerate(batch.values)}
            tensors |= {f"{name}/weight": batch.weight, f"{name}/rows": rows}
    checkpoint.write(path, tensors, {"where": where, "epoch": number, "step": step + 1})
    return f"{text} The batch of its first such loss, and the one before, are in {path}."
