"""Conditional densities by normalising flows, many networks as one batched program.

Masked autoregressive flows (arXiv:1705.07057) or neural spline flows (arXiv:1906.04032), each on its own rows
of one table, as in `nn.many`. Values are scaled first (`flow_scaling`), and every density is that of the
values as they were given: the Jacobian of the scaling is in it. Where several epochs are kept, as in
arXiv:2001.04990, the density is the mean of theirs, and samples are drawn from this mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from resonaut.nn.lists import Member, Sample
from resonaut.nn.settings import TrainingSettings
from resonaut.seeds import generator
from resonaut.settings import Count, Settings

if TYPE_CHECKING:
    import torch

    from resonaut.nn.ensemble import History
    from resonaut.nn.flow_maf import Maf
    from resonaut.nn.flow_program import FlowProgram
    from resonaut.nn.flow_zuko import Zuko

_PASS = 2048
_LEAST = -1e30
"""Least log density: what single precision cannot hold is still finite, and below everything else."""


class FlowTraining(TrainingSettings):
    """How flows are trained."""

    epochs: Count = Field(50, ge=1, description="Epochs at most.")
    batch_size: Count = Field(512, ge=1, description="Events per step.")
    weight_decay: float = Field(1e-6, ge=0, description="Decoupled weight decay (arXiv:1711.05101).")
    patience: Count = Field(10, ge=1, description="Epochs without a better validation loss before stopping.")


class FlowSettings(Settings):
    """A normalising flow and its training."""

    kind: Literal["maf", "nsf"] = Field(
        "maf",
        description="maf: affine autoregressive transforms (arXiv:1705.07057); nsf: autoregressive rational "
        "quadratic splines (arXiv:1906.04032), more flexible and several times slower.",
    )
    transforms: Count = Field(
        5, ge=1, description="Transforms, one after the other (15 in arXiv:2001.04990, of one layer of 128)."
    )
    hidden: tuple[Count, ...] = Field(
        (64, 64), min_length=1, description="Sizes of the hidden layers of each transform."
    )
    bins: Count = Field(8, ge=2, description="Bins of each spline; used by nsf.")
    keep_epochs: Count = Field(
        10,
        ge=1,
        description="The density is the mean of those of so many epochs, the ones of lowest validation loss "
        "(10 in arXiv:2001.04990); never more than training.patience + 1.",
    )
    clip_norm: float | None = Field(
        10.0, gt=0, description="Longest gradient; a longer one is scaled to it (arXiv:1211.5063). Null: any."
    )
    training: FlowTraining = FlowTraining()


@dataclass(frozen=True)
class Flows:
    """Trained flows.

    Attributes:
        program: what they compute.
        kept: (keep, n_networks, n_parameters), the best epoch first.
        constants: scaling of each network.
        history: losses of the training: the mean of -log p, in natural units of the values as given.
        n_parameters: of one network.
    """

    program: FlowProgram
    kept: torch.Tensor
    constants: Mapping[str, torch.Tensor]
    history: History
    n_parameters: int

    def log_prob(self, members: Sequence[int], values: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """Natural log of the density of the values, given the condition.

        Args:
            members: numbers of the networks.
            values: (n, n_features).
            condition: (n, n_condition).

        Returns:
            (len(members), n) float64.
        """
        inputs, total = self._tensor(values, condition), None
        for flat in self.kept:
            parts = self._passes(self.program.log_density, flat, members, inputs)
            density = np.concatenate([part.cpu().numpy() for part in parts], axis=1).astype(np.float64)
            density = np.maximum(density, _LEAST)
            total = density if total is None else np.logaddexp(total, density)
        return total - np.log(len(self.kept))

    def to_latent(self, members: Sequence[int], values: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """Latent values, standard normal for what the network learnt; by the best epoch's weights.

        Args:
            members: numbers of the networks.
            values: (n, n_features).
            condition: (n, n_condition).

        Returns:
            (len(members), n, n_features), in the type of the networks.
        """
        parts = self._passes(self.program.latent, self.kept[0], members, self._tensor(values, condition))
        return np.concatenate([latent.cpu().numpy() for latent, _ in parts], axis=1)

    def from_latent(self, members: Sequence[int], latent: np.ndarray, condition: np.ndarray) -> np.ndarray:
        """Values of latent values; by the best epoch's weights.

        Args:
            members: numbers of the networks.
            latent: (n, n_features), the same for all networks.
            condition: (n, n_condition).

        Returns:
            (len(members), n, n_features), in the type of the networks.
        """
        return self._from_latent(self.kept[0], members, latent, condition)

    def sample(self, member: int, condition: np.ndarray, seed: int) -> np.ndarray:
        """Draw values from the density of one network.

        Args:
            member: number of the network.
            condition: (m, n_condition), one draw for each row.
            seed: of the draw.

        Returns:
            (m, n_features), in the type of the network.
        """
        random = generator(seed, "flow")
        latent = random.standard_normal((len(condition), self.program.n_features))
        epoch = random.integers(len(self.kept), size=len(condition))
        drawn = np.empty(latent.shape, self.kept[:0].cpu().numpy().dtype)
        for number, flat in enumerate(self.kept):
            mine = epoch == number
            drawn[mine] = self._from_latent(flat, [member], latent[mine], condition[mine])[0]
        return drawn

    def fractions(self) -> np.ndarray:
        """The fitted w of each network, (n_networks,), at the best epoch; see `fit_flows`."""
        return self.program.fraction(self.kept[0]).cpu().numpy().astype(np.float64)

    def _tensor(self, *parts: np.ndarray) -> torch.Tensor:
        return _table(parts, self.kept)

    def _from_latent(
        self, flat: torch.Tensor, members: Sequence[int], latent: np.ndarray, condition: np.ndarray
    ) -> np.ndarray:
        count = self.program.n_features

        def values(
            own: torch.Tensor, constants: Mapping[str, torch.Tensor], given: torch.Tensor
        ) -> torch.Tensor:
            return self.program.values(own, constants, given[..., :count], given[..., count:])

        parts = self._passes(values, flat, members, self._tensor(latent, condition))
        return np.concatenate([part.cpu().numpy() for part in parts], axis=1)

    def _passes(
        self, function: Callable[..., Any], flat: torch.Tensor, members: Sequence[int], inputs: torch.Tensor
    ) -> list[Any]:
        """`function` of some networks, in bounded memory and without gradients."""
        import torch

        chosen = torch.as_tensor(np.asarray(members), device=flat.device)
        own = {name: values[chosen] for name, values in self.constants.items()}
        with torch.no_grad():
            return [
                function(flat[chosen], own, part.expand(len(chosen), -1, -1)) for part in inputs.split(_PASS)
            ]


def fit_flows(
    values: np.ndarray,
    condition: np.ndarray,
    samples: Sequence[Sample],
    members: Sequence[Member],
    settings: FlowSettings,
    what: str = "flows",
    networks_per_batch: int = 256,
    fraction: float | None = None,
) -> Flows:
    """Fit densities p(value | condition) by maximum likelihood, each network to its own rows.

    Args:
        values: (n, n_features); their type, float32 or float64, is that of the networks.
        condition: (n, n_condition), at least one column.
        samples: lists of rows with weights; see `fraction` for their targets.
        members: the networks: seed, training sample, validation sample.
        settings: architecture and training.
        what: name for the progress lines.
        networks_per_batch: more networks than this are trained one group after the other, in bounded memory.
        fraction: None, or where a w begins that is learnt with the density: the samples then follow
            w p + (1 - w) exp(target), their targets being the log of a known density (arXiv:2312.11629).

    Raises:
        TrainingError: a sample is empty or has no weight, or a loss is not finite.
    """
    from resonaut.nn import flow_scaling
    from resonaut.nn.device import choose
    from resonaut.nn.flow_program import FlowProgram
    from resonaut.nn.many import check_samples, train_program

    check_samples(samples, what)
    samples, members = _within_training(values, samples, members)
    table = _table((values, condition), _like(values, choose(settings.training.device)))
    flow = _flow(settings, values.shape[1], condition.shape[1], table)
    program = FlowProgram(flow, values.shape[1], fraction)
    constants = flow_scaling.constants(table, values.shape[1], samples, members)
    kept, history = train_program(
        program,
        table,
        samples,
        members,
        settings.training,
        constants,
        networks_per_batch=networks_per_batch,
        what=what,
        keep=settings.keep_epochs,
        clip_norm=settings.clip_norm,
    )
    return Flows(program, kept, constants, history, program.n_parameters)


def _within_training(
    values: np.ndarray, samples: Sequence[Sample], members: Sequence[Member]
) -> tuple[list[Sample], list[Member]]:
    """The same, but networks validate only on values inside the range of what they are trained on.

    A few events in the far tails would otherwise rule the validation loss, and choose an epoch that is hardly
    trained; arXiv:2109.00546 leaves them out as well. Where nothing is inside, all stay.
    """
    found, numbers, renamed = list(samples), {}, []
    for member in members:
        pair = (member.train, member.validation)
        if pair not in numbers:
            trained, validation = values[samples[pair[0]].rows], samples[pair[1]]
            tested = values[validation.rows]
            inside = ((tested >= trained.min(0)) & (tested <= trained.max(0))).all(axis=1)
            inside &= validation.weight > 0
            numbers[pair] = pair[1]
            if inside.any():
                numbers[pair] = len(found)
                target = None if validation.target is None else validation.target[inside]
                found.append(Sample(validation.rows[inside], validation.weight[inside], target))
        renamed.append(Member(member.seed, member.train, numbers[pair]))
    return found, renamed


def _like(values: np.ndarray, device: torch.device) -> torch.Tensor:
    import torch

    return torch.from_numpy(values[:0]).to(device)


def _table(parts: Sequence[np.ndarray], like: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.cat([torch.as_tensor(np.ascontiguousarray(part)).to(like) for part in parts], dim=1)


def _flow(settings: FlowSettings, n_features: int, n_condition: int, like: torch.Tensor) -> Maf | Zuko:
    from resonaut.nn.flow_maf import Maf

    if settings.kind == "maf":
        return Maf(n_features, n_condition, settings.transforms, settings.hidden)
    import zuko

    from resonaut.nn.flow_zuko import Zuko

    def make() -> zuko.lazy.Flow:
        return zuko.flows.NSF(
            n_features,
            n_condition,
            bins=settings.bins,
            transforms=settings.transforms,
            hidden_features=settings.hidden,
        )

    return Zuko(make, like)
