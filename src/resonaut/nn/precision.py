"""Half precision behind a check, and compiled networks behind a trial."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from resonaut.errors import ConfigError
from resonaut.logs import log
from resonaut.nn.device import seeded
from resonaut.nn.samples import Batch
from resonaut.nn.settings import ScheduledTraining

Loss = Callable[[nn.Module, tuple[Tensor, ...]], Tensor]
"""loss(network, values of a batch) -> (n_rows,) losses, before weights."""

LOSS_TOLERANCE = 0.05
"""Largest norm of the difference of a batch's losses between both precisions, relative to their norm."""
GRADIENT_COSINE = 0.98
"""Smallest cosine of the angle between the gradients in both precisions."""


def autocast(device: torch.device, dtype: torch.dtype | None) -> contextlib.AbstractContextManager[object]:
    """Automatic mixed precision with `dtype`; nothing at all for None."""
    return contextlib.nullcontext() if dtype is None else torch.autocast(device.type, dtype)


def _without_dropout(network: nn.Module) -> nn.Module:
    network = copy.deepcopy(network)
    for module in network.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        elif isinstance(getattr(module, "dropout", None), float):
            module.dropout = 0.0
    return network.train()


def _losses_and_gradient(
    network: nn.Module, loss: Loss, batch: Batch, device: torch.device, dtype: torch.dtype | None
) -> tuple[Tensor, Tensor]:
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    with seeded(0, device), torch.enable_grad():
        with autocast(device, dtype):
            losses = loss(network, batch.values).float()
        gradients = torch.autograd.grad((losses * batch.weight).mean(), parameters, allow_unused=True)
    flat = torch.cat([gradient.reshape(-1).float() for gradient in gradients if gradient is not None])
    return losses.detach(), flat


def agreed_dtype(
    network: nn.Module,
    loss: Loss,
    batch: Batch,
    settings: ScheduledTraining,
    device: torch.device,
    where: str,
) -> torch.dtype | None:
    """The type of mixed precision to train with, or None for full precision.

    Where bfloat16 is wanted, a batch is computed in both precisions, without dropout: losses and the
    direction of the gradient must agree, otherwise a warning says how far they are apart. The network stays
    as it is.

    Args:
        network: on `device`.
        loss: loss of each row.
        batch: rows of the training sample.
        settings: their `precision` is what is wanted.
        device: where the training runs.
        where: key of the configuration, for the message.
    """
    if settings.precision == "float32" or (settings.precision == "auto" and device.type != "cuda"):
        return None
    trial = _without_dropout(network)
    losses, gradient = _losses_and_gradient(trial, loss, batch, device, None)
    rough_losses, rough_gradient = _losses_and_gradient(trial, loss, batch, device, torch.bfloat16)
    difference = float((rough_losses - losses).norm() / losses.norm().clamp(min=1e-12))
    cosine = float(torch.nn.functional.cosine_similarity(rough_gradient, gradient, dim=0))
    # A comparison with NaN is false, so what is not finite falls back too.
    if difference < LOSS_TOLERANCE and cosine > GRADIENT_COSINE:
        return torch.bfloat16
    log.warning(
        "%s: bfloat16 changes the losses of a batch by %.2g (at most %g) and its gradient to a cosine of "
        "%.3f (at least %g); full precision is used. %s.training.precision: float32 skips this check.",
        *(where, difference, LOSS_TOLERANCE, cosine, GRADIENT_COSINE, where),
    )
    return None


def compiled(
    network: nn.Module,
    loss: Loss,
    batch: Batch,
    settings: ScheduledTraining,
    device: torch.device,
    dtype: torch.dtype | None,
    where: str,
) -> nn.Module:
    """The network to call: compiled where that is wanted and a first batch passes, else itself.

    The compiled network shares the weights. Only calls of the network itself are compiled.

    Args:
        settings: their `compile` is what is wanted: "auto" goes on without if the trial fails.
        dtype: of mixed precision.

    Raises:
        ConfigError: `compile` is "on" and the trial fails.
    """
    if settings.compile == "off" or (settings.compile == "auto" and device.type != "cuda"):
        return network
    program = torch.compile(network)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    try:
        _losses_and_gradient(program, loss, batch, device, dtype)
    # The compiler, its C compiler and its generated code each raise errors of their own.
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        if settings.compile == "on":
            raise ConfigError(
                f"{where}.training.compile: the network cannot be compiled here ({reason}). Set it to 'off', "
                "or to 'auto' to go on without."
            ) from error
        log.warning("%s: goes on without torch.compile, which failed: %s", where, reason)
        program = network
    network.load_state_dict(before)
    return program
