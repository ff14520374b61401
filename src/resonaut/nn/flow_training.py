"""The trainings of flow matching, one after the other: each factor, then students of fewer steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from resonaut.logs import log
from resonaut.nn import flow_distil
from resonaut.nn.device import choose, seeded
from resonaut.nn.flow_distil import Comparison, Prepared
from resonaut.nn.flow_showers import TwoFactors
from resonaut.nn.networks.flow_matching import FlowMatching
from resonaut.nn.samples import FixedSamples, Samples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import Epoch, History, Loss, Watch, train
from resonaut.seeds import integer_seed

_PASS = 256
_MEASURED = 512


@dataclass
class Trainings:
    """Trainings of parts of one network, each with its own seed, checkpoint and records.

    Args:
        network: the whole, whose parts are trained.
        seed: of all.
        where: key of the configuration.
        folder: checkpoints; each part takes a folder in it.
        inputs: digest of what the trainings depend on.
        records: JSONL file of the main part, without a name; the other parts put theirs in its name.
    """

    network: nn.Module
    seed: int
    where: str
    folder: Path
    inputs: str
    records: Path | None
    histories: dict[str, History] = field(default_factory=dict)

    def run(
        self,
        part: str,
        trained: nn.Module,
        samples: tuple[Samples, Samples],
        loss: Loss,
        settings: ScheduledTraining,
        watch: Watch | None = None,
    ) -> None:
        """Train `trained`, a part of the network; the whole is on its device before, and on the CPU after.

        Args:
            part: its name; "" of the main part.
            trained: what is trained.
            samples: training and validation rows.
            loss: see `nn.training.train`.
            settings: see `nn.training.train`.
            watch: see `nn.training.train`.
        """
        self.network.to(choose(settings.device)).eval()
        records = self.records
        if records is not None and part:
            records = records.with_suffix(f".{part}{records.suffix}")
        self.histories[part] = train(
            *(trained, *samples, loss, settings),
            seed=integer_seed(self.seed, part),
            where=f"{self.where}.{part}" if part else self.where,
            checkpoint_folder=self.folder / (part or "main"),
            inputs=self.inputs,
            records=records,
            watch=watch,
        )
        self.network.to("cpu").eval()

    def history(self) -> History:
        """All epochs, one part behind the other; the best one is that of the main part."""
        epochs: list[Epoch] = []
        best = 0
        for number, (part, found) in enumerate(self.histories.items()):
            if not part:
                best = len(epochs) + found.best_epoch
            epochs += [
                replace(epoch, epoch=len(epochs) + place, metrics={**epoch.metrics, "part": float(number)})
                for place, epoch in enumerate(found.epochs, 1)
            ]
        return History(tuple(epochs), best)

    def distil(
        self,
        matching: FlowMatching,
        samples: tuple[Samples, Samples],
        prepared: Prepared,
        settings: ScheduledTraining,
        n_compared: int,
        known: Callable[[], Tensor] | None = None,
    ) -> None:
        """Train the students of `matching`, those of most steps first; their epochs' metrics compare draws.

        Args:
            matching: whose velocity is trained.
            samples: training and validation rows.
            prepared: makes values and context of a batch.
            settings: of each training.
            n_compared: rows of the comparison.
            known: gives `FlowMatching.loss`'s, on the device where the network is.
        """
        last = matching.velocity
        device = choose(settings.device)
        for steps in sorted((int(number) for number in matching.students), reverse=True):
            student = matching.students[str(steps)]
            student.load_state_dict(last.state_dict())
            self.network.to(device)
            with seeded(integer_seed(self.seed, "comparison noise"), device):
                comparison = Comparison(matching, samples[1], prepared, n_compared, self.seed, device)
            loss = flow_distil.loss_of(matching, steps, prepared, None if known is None else known())

            def watch(
                net: nn.Module,
                rows: Samples,
                batches: Sequence[Tensor],
                found: Comparison = comparison,
                steps: int = steps,
            ) -> dict[str, float]:
                return found.of(net, steps)

            self.run(f"steps{steps}", student, samples, loss, settings, watch)
            found = self.histories[f"steps{steps}"]
            log.info("%s: %d steps, %s", self.where, steps, dict(found.epochs[found.best_epoch - 1].metrics))
            last = student


def fit_showers(
    trainings: Trainings,
    network: TwoFactors,
    samples: tuple[Samples, Samples],
    sums: ScheduledTraining,
    cells: ScheduledTraining,
) -> None:
    """Measure the scales of a network of two factors, and train both.

    Args:
        trainings: of this network.
        network: new.
        samples: training and validation showers: (n, ...) GeV, and conditions.
        sums: training of energies and hits of layers.
        cells: training of the cells.
    """
    device = choose(sums.device)
    network.to(device)
    tables = [_table(network, part, device) for part in samples]
    rows = torch.linspace(0, len(samples[0]) - 1, min(_MEASURED, len(samples[0]))).long()
    dense = samples[0].take(rows).values[0].to(device)
    with seeded(integer_seed(trainings.seed, "scale"), device):
        network.measure(dense, *tables[0].columns[:2], float(tables[0].columns[2].min()))

    def sums_loss(velocity: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        return network.sums.loss(*network.prepared_sums(*batch[:2]))

    def cells_loss(velocity: nn.Module, batch: tuple[Tensor, ...]) -> Tensor:
        values, context = network.prepared_cells(*batch, turned=velocity.training)
        return network.cells.loss(values, context, network.known)

    trainings.run("sums", network.sums.velocity, (tables[0], tables[1]), sums_loss, sums)
    trainings.run("", network.cells.velocity, samples, cells_loss, cells)


def _table(network: TwoFactors, samples: Samples, device: torch.device) -> FixedSamples:
    """Energies and hits of layers, conditions, and the least energy of a hit (infinite without one)."""
    columns: list[tuple[Tensor, ...]] = []
    for rows in torch.arange(len(samples)).split(_PASS):
        batch = samples.take(rows)
        dense, conditions = (part.to(device) for part in batch.values[:2])
        least = torch.where(dense > 0, dense, torch.inf).flatten(1).min(1).values
        columns.append((torch.cat(network.layer_sums(dense), dim=1), conditions, least, batch.weight))
    *values, weight = (torch.cat(column) for column in zip(*columns, strict=True))
    return FixedSamples(*values, weight=weight)
