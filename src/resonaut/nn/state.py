"""The state of a training between two epochs, as tensors and numbers: for files and for steps back.

Shuffles and noise come from the seed and the epoch's number, so the position in the random numbers is the
number of epochs, and the position in the schedule as well.
"""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from resonaut.nn.averaging import WeightAverage


@dataclass(frozen=True)
class Epoch:
    """Mean weighted losses of one epoch, the training loss in the middle of its steps.

    Attributes:
        metrics: of the validation rows, where the caller of the training asks for some.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass
class State:
    """What changes during a training.

    Attributes:
        network: what is trained.
        optimiser: its optimiser.
        average: mean of the weights, if one is kept.
        epochs: finished epochs.
        best_epoch, best_loss, best_weights: the epoch with the lowest validation loss and its weights.
        rate_factor: factor of the learning rate; below 1 after a loss that was not finite.
        n_pieces: pieces that a batch is cut into; above 1 after memory ran out.
    """

    network: nn.Module
    optimiser: torch.optim.Optimizer
    average: WeightAverage | None = None
    epochs: list[Epoch] = field(default_factory=list)
    best_epoch: int = 0
    best_loss: float = math.inf
    best_weights: dict[str, Tensor] = field(default_factory=dict)
    rate_factor: float = 1.0
    n_pieces: int = 1

    def finish_epoch(self, epoch: Epoch) -> None:
        """Add an epoch; keep the network's weights of this moment if it is the best one so far."""
        self.epochs.append(epoch)
        if epoch.validation_loss < self.best_loss:
            self.best_epoch, self.best_loss = epoch.epoch, epoch.validation_loss
            self.best_weights = copy.deepcopy(self.network.state_dict())

    def tensors(self) -> dict[str, Tensor]:
        """All tensors, not copied: `weights/...`, `best/...`, `average/...`, `optimiser/<number>/...`."""
        found = {f"weights/{name}": tensor for name, tensor in self.network.state_dict().items()}
        found |= {f"best/{name}": tensor for name, tensor in self.best_weights.items()}
        if self.average is not None:
            found |= {f"average/{name}": tensor for name, tensor in self.average.tensors.items()}
        for number, slots in self.optimiser.state_dict()["state"].items():
            found |= {f"optimiser/{number}/{name}": tensor for name, tensor in slots.items()}
        return found

    def numbers(self) -> dict[str, Any]:
        """Everything else, as JSON values."""
        return {
            "epochs": [asdict(epoch) for epoch in self.epochs],
            "best_epoch": self.best_epoch,
            "rate_factor": self.rate_factor,
            "n_pieces": self.n_pieces,
            "n_averaged": 0 if self.average is None else self.average.n_steps,
        }

    def load(self, tensors: dict[str, Tensor], numbers: dict[str, Any]) -> None:
        """Return to what `tensors` and `numbers` gave; the tensors are copied."""
        parts: dict[str, dict[str, Tensor]] = {"weights": {}, "best": {}, "average": {}, "optimiser": {}}
        for path, tensor in tensors.items():
            part, name = path.split("/", 1)
            parts[part][name] = tensor.clone()
        self.network.load_state_dict(parts["weights"])
        self.best_weights = parts["best"]
        if self.average is not None:
            self.average.load(parts["average"], numbers["n_averaged"])
        slots: dict[int, dict[str, Tensor]] = {}
        for path, tensor in parts["optimiser"].items():
            number, name = path.split("/", 1)
            slots.setdefault(int(number), {})[name] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": slots, "param_groups": groups})
        self.epochs = [Epoch(**epoch) for epoch in numbers["epochs"]]
        self.best_epoch = numbers["best_epoch"]
        self.best_loss = self.epochs[self.best_epoch - 1].validation_loss if self.best_epoch else math.inf
        self.rate_factor, self.n_pieces = numbers["rate_factor"], numbers["n_pieces"]
