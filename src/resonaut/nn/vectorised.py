"""A module and its loss, for many networks at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    Tensors = Mapping[str, torch.Tensor]

Call = Callable[..., Any]
"""Runs a module: its `forward`, with any arguments."""


class Vectorised:
    """A module and a loss as a program for many networks.

    Parameters are trained. Buffers are the same for all networks, except those that `constants` of
    `train_many` names; a module that changes its buffers (batch normalisation) or draws random numbers of
    its own (dropout) cannot be run so.

    Args:
        make: makes the module; called once per network, with torch's random state set by the network's seed.
        loss: of one network.
        table: gives type and device.
    """

    def __init__(
        self,
        make: Callable[[], torch.nn.Module],
        loss: Callable[[Call, torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor],
        table: torch.Tensor,
    ) -> None:
        self._make, self._loss, self._dtype, self._device = make, loss, table.dtype, table.device
        self._module = self._made(0)
        self._shapes = {name: value.shape for name, value in self._module.named_parameters()}
        self._sizes = [shape.numel() for shape in self._shapes.values()]
        self.n_parameters = sum(self._sizes)

    def _made(self, seed: int) -> torch.nn.Module:
        from resonaut.nn.device import seeded

        with seeded(seed):
            return self._make().to(dtype=self._dtype, device=self._device)

    def initial(self, seeds: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """See `Program`."""
        import torch

        with torch.no_grad():
            return torch.stack(
                [torch.cat([value.reshape(-1) for value in self._made(seed).parameters()]) for seed in seeds]
            )

    def parameters(self, flat: torch.Tensor) -> dict[str, torch.Tensor]:
        """Views of `flat` (..., n_parameters) by name and in shape."""
        parts = flat.split(self._sizes, dim=-1)
        return {
            name: part.unflatten(-1, shape) if shape else part[..., 0]
            for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
        }

    def run(
        self,
        function: Callable[..., torch.Tensor],
        flat: torch.Tensor,
        constants: Tensors,
        *more: torch.Tensor,
    ) -> torch.Tensor:
        """`function(call, ...)` for each network, with its own parameters and its own of `more`."""
        from torch.func import functional_call, vmap

        def one(
            parameters: dict[str, torch.Tensor], own: dict[str, torch.Tensor], *given: torch.Tensor
        ) -> torch.Tensor:
            def call(*inputs: object, **options: object) -> torch.Tensor:
                return functional_call(self._module, {**parameters, **own}, inputs, options)

            return function(call, *given)

        return vmap(one)(self.parameters(flat), dict(constants), *more)

    def losses(
        self,
        flat: torch.Tensor,
        constants: Tensors,
        inputs: torch.Tensor,
        target: torch.Tensor,
        keys: torch.Tensor,
    ) -> torch.Tensor:
        """See `Program`."""
        return self.run(self._loss, flat, constants, inputs, target, keys)

    def gradient(
        self,
        flat: torch.Tensor,
        constants: Tensors,
        inputs: torch.Tensor,
        target: torch.Tensor,
        keys: torch.Tensor,
        slope: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Program`."""
        import torch

        leaf = flat.detach().requires_grad_()
        value = self.losses(leaf, constants, inputs, target, keys)
        return value.detach(), torch.autograd.grad((value * slope).sum(), leaf)[0]
