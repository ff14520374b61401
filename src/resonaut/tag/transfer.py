"""Transfer: a tagger starts from the weights of a trained one, and may keep some of them as they are."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from resonaut.errors import ConfigError, InputError, MismatchError, nearest
from resonaut.logs import log
from resonaut.settings import Settings

if TYPE_CHECKING:
    from torch import Tensor, nn

_SUFFIX = ".safetensors"
_MEASURED = "standardise."
_SHOWN = 3


class Transfer(Settings):
    """Whose weights a training starts from."""

    start_from: str = Field(
        min_length=1, description="A tagger of this study, or the path of its `weights.safetensors`."
    )
    freeze: Literal["none", "body"] | tuple[str, ...] = Field(
        "none",
        description="What keeps the weights that it starts from: `body`, all but the network's last block, "
        "or patterns of parameters: [layers.*].",
    )
    leave_out: tuple[str, ...] = Field(
        (),
        description="Patterns of parameters that start anew: [head.*]; the last layer does where the number "
        "of outputs differs.",
    )

    @field_validator("start_from")
    @classmethod
    def _weights(cls, value: str) -> str:
        if "/" in value and not value.endswith(_SUFFIX):
            raise ValueError(f"'{value}' is neither the name of a tagger nor a file *{_SUFFIX}")
        return value

    @property
    def path(self) -> Path | None:
        """The file of the weights; None where a tagger of the study is named."""
        return Path(self.start_from) if self.start_from.endswith(_SUFFIX) else None


@dataclass(frozen=True)
class Report:
    """What became of a network's parameters, in numbers of them.

    Attributes:
        anew: names of the parameters that were not taken.
    """

    n_taken: int
    n_frozen: int
    n_trained: int
    anew: tuple[str, ...]


def tensors_of(path: Path, restart: int) -> dict[str, Tensor]:
    """Tensors of one network of a tagger's weights: number `restart`, modulo how many there are.

    Raises:
        MissingFileError, CorruptFileError: see `checkpoint.read`.
        InputError: these are no weights of a tagger.
    """
    from resonaut.nn import checkpoint

    tensors, _ = checkpoint.read(path)
    numbers = {name.partition(".")[0] for name in tensors}
    if not tensors or not all(number.isdigit() for number in numbers):
        raise InputError(
            f"{path}: tensors named {', '.join(sorted(tensors)[:_SHOWN])}; those of a tagger, "
            "'0.<name>', are expected. Name the `weights.safetensors` that `tag train` writes."
        )
    start = f"{restart % len(numbers)}."
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def apply(network: nn.Module, tensors: Mapping[str, Tensor], settings: Transfer, where: str) -> Report:
    """Put tensors into a new network, and freeze what the settings name.

    All must fit, but for the last layer and what is left out. The constants of `standardise` are not taken:
    they are measured on the new inputs, which then have the widths that the weights are used to, whatever
    their unit. Frozen layers with running statistics (batch normalisation) stay in evaluation mode, so that
    these do not move either.

    Args:
        network: with a layer `standardise`; changed in place.
        tensors: by name, of a network of the same kind (see `tensors_of`).
        where: key of the tagger in the configuration.

    Returns:
        How many parameters were taken, are frozen and are trained.

    Raises:
        MismatchError: tensors do not fit; the first are named.
        ConfigError: a pattern matches nothing, or nothing is left to train.
    """
    import torch

    own, given = _without_measured(network.state_dict()), _without_measured(tensors)
    names = list(dict.fromkeys([*own, *given]))
    left = _matching(settings.leave_out, names, f"{where}.transfer.leave_out")
    last = {name for name in own if _parent(name) == _parent(list(own)[-1])}
    fits = {name for name, value in own.items() if name in given and given[name].shape == value.shape}
    wrong = [name for name in names if name not in fits | last | left]
    taken = fits - left
    if wrong or not taken:
        raise MismatchError(_message(wrong or names, own, given, settings, where))
    with torch.no_grad():
        for name in taken:
            own[name].copy_(given[name])
    frozen = _frozen(network, own, settings, where)
    both = sorted(frozen - taken)
    if both:
        raise ConfigError(
            f"{where}.transfer.freeze: {', '.join(both[:_SHOWN])} would be frozen, but are not taken from "
            f"'{settings.start_from}' and never trained. Freeze less."
        )
    _freeze(network, frozen)
    sizes = {name: parameter.numel() for name, parameter in network.named_parameters()}
    report = Report(
        n_taken=sum(sizes[name] for name in taken & sizes.keys()),
        n_frozen=sum(sizes[name] for name in frozen & sizes.keys()),
        n_trained=sum(sizes[name] for name in sizes.keys() - frozen),
        anew=tuple(name for name in sizes if name not in taken),
    )
    if not report.n_trained:
        raise ConfigError(f"{where}.transfer.freeze: nothing is left to train. Freeze less.")
    log.info(
        "%s: %d parameters start from %s, %d are frozen, %d are trained; anew: %s",
        *(where, report.n_taken, settings.start_from, report.n_frozen, report.n_trained),
        ", ".join(report.anew) or "none",
    )
    return report


def _without_measured(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if not name.startswith(_MEASURED)}


def _parent(name: str) -> str:
    """Path of the layer that a tensor belongs to."""
    return name.rpartition(".")[0]


def _matching(patterns: Collection[str], names: Collection[str], where: str) -> set[str]:
    found: set[str] = set()
    for pattern in patterns:
        matches = {name for name in names if fnmatchcase(name, pattern)}
        if not matches:
            raise ConfigError(f"{where}: no parameter matches '{pattern}'. {nearest(pattern, names)}")
        found |= matches
    return found


def _frozen(network: nn.Module, own: Mapping[str, Tensor], settings: Transfer, where: str) -> set[str]:
    """Names of the parameters and buffers that stay as they are."""
    if settings.freeze == "none":
        return set()
    if settings.freeze != "body":
        return _matching(settings.freeze, own, f"{where}.transfer.freeze")
    blocks = dict.fromkeys(name.partition(".")[0] for name in own)
    # A network of one block has no body but its layers before the last.
    end = list(blocks)[-1] if len(blocks) > 1 else _parent(list(own)[-1])
    return {name for name in own if not name.startswith(f"{end}.")}


def _freeze(network: nn.Module, frozen: Set[str]) -> None:
    """Stop gradients, and the running statistics of layers that are frozen whole."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in frozen)
    buffers = {name for name, _ in network.named_buffers()}
    names = list(network.state_dict())
    for path, module in network.named_modules():
        own = {name for name in names if _parent(name) == path}
        if own & buffers and own <= frozen:
            # A method of this object: `network.train()` calls it, and a copy of the network has its own.
            module.train = types.MethodType(_stay, module)
            module.eval()


def _stay(module: nn.Module, mode: bool = True) -> nn.Module:
    """In place of `nn.Module.train`: evaluation mode, whatever is asked for."""
    return type(module).train(module, False)


def _message(
    wrong: Collection[str],
    own: Mapping[str, Tensor],
    given: Mapping[str, Tensor],
    settings: Transfer,
    where: str,
) -> str:
    def shape(values: Mapping[str, Tensor], name: str) -> str:
        return " x ".join(map(str, values[name].shape)) or "one number" if name in values else "absent"

    names = list(wrong)
    lines = [f"{name} ({shape(given, name)} there, {shape(own, name)} here)" for name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (
        f"{where}.transfer: the weights of '{settings.start_from}' do not fit: {', '.join(lines)}{more}. "
        "Give this tagger the kind, widths, number of inputs and pixels of that one, or name what shall "
        "start anew in 'leave_out'."
    )
