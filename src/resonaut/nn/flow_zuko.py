"""Flows of the library zuko, many networks as one tensor program."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import zuko

from resonaut.nn.vectorised import Vectorised


class Transform(torch.nn.Module):
    """The transformation of a flow, without its base density (whose checks cannot be vectorised)."""

    def __init__(self, flow: zuko.lazy.Flow) -> None:
        super().__init__()
        self.transform = flow.transform

    def forward(self, given: torch.Tensor, condition: torch.Tensor, inverse: bool = False) -> torch.Tensor:
        transform = self.transform(condition)
        if inverse:
            return transform.inv(given)
        latent, log_jacobian = transform.call_and_ladj(given)
        return torch.cat([latent, log_jacobian[:, None]], dim=1)


class Zuko:
    """A flow of zuko with the interface of `flow_maf.Maf`.

    Args:
        make: makes the flow of one network.
        like: gives type and device.
    """

    def __init__(self, make: Callable[[], zuko.lazy.Flow], like: torch.Tensor) -> None:
        self.many = Vectorised(lambda: Transform(make()), _run, like)
        self.n_parameters = self.many.n_parameters

    def initial(self, seeds: Sequence[int], like: torch.Tensor) -> torch.Tensor:
        """Initial parameters (n_networks, n_parameters), drawn as zuko does; `like` gives type and device."""
        return self.many.initial(seeds, like)

    def forward(
        self, flat: torch.Tensor, values: torch.Tensor, condition: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """See `Maf.forward`."""
        both = self.many.run(_run, flat, {}, values, condition)
        return both[..., :-1], both[..., -1]

    def inverse(self, flat: torch.Tensor, latent: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """See `Maf.inverse`."""
        return self.many.run(_run_back, flat, {}, latent, condition)


def _run(call: Callable[..., torch.Tensor], *given: torch.Tensor) -> torch.Tensor:
    return call(*given)


def _run_back(call: Callable[..., torch.Tensor], *given: torch.Tensor) -> torch.Tensor:
    return call(*given, inverse=True)
