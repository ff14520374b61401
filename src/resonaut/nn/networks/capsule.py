"""Capsule network of images with dynamic routing (arXiv:1710.09829; of jets and events: arXiv:1906.11265).

A capsule is a vector: its length says how probable it is that what it stands for is there, its direction how.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from resonaut.errors import ConfigError
from resonaut.nn.networks.activations import convolution
from resonaut.nn.networks.dense import dense
from resonaut.nn.networks.images import Shape, StandardiseImages

RECONSTRUCTION = 0.0005
"""Weight of the sum of squared differences of pixels (arXiv:1710.09829, section 4.1)."""
DECODER = (512, 1024)
"""Hidden layers of the decoder (arXiv:1710.09829, figure 2)."""

# Under the root and the logarithm: a capsule of length 0 has a gradient too.
_TINY = 1e-12
# Width of the first weights between capsules, that of the authors' own code.
_FIRST_WEIGHTS = 0.1


def squash(values: Tensor) -> Tensor:
    """Vectors (..., size) of the same direction whose length is s^2 / (1 + s^2) (arXiv:1710.09829, eq. 1)."""
    square = values.square().sum(dim=-1, keepdim=True)
    return values * (square + _TINY).sqrt() / (1 + square)


def lengths(capsules: Tensor) -> Tensor:
    """Lengths (...) of vectors (..., size), with a gradient at 0 too."""
    return (capsules.square().sum(dim=-1) + _TINY).sqrt()


def margin_loss(
    length: Tensor, label: Tensor, *, present: float = 0.9, absent: float = 0.1, weight: float = 0.5
) -> Tensor:
    """Margin loss of each row (arXiv:1710.09829, eq. 4), summed over the classes.

    Args:
        length: (n, n_classes) lengths of the capsules of the classes, 0 to 1.
        label: (n,) class index.
        present: length from which on the capsule of the right class costs nothing (m+).
        absent: length up to which that of a wrong class costs nothing (m-).
        weight: of the wrong classes (lambda).

    Returns:
        (n,).
    """
    right = functional.one_hot(label.long(), length.shape[-1]).to(length.dtype)
    missed = right * (present - length).clamp_min(0).square()
    mistaken = (1 - right) * (length - absent).clamp_min(0).square()
    return (missed + weight * mistaken).sum(dim=-1)


class Routing(nn.Module):
    """Capsules of the next layer, by agreement (arXiv:1710.09829, procedure 1).

    The couplings are found without gradients, as constants; the weights learn through the votes.

    Args:
        n_inputs, input_size: number and length of the capsules below.
        n_outputs, output_size: number and length of the capsules above.
        n_iterations: times that the votes are weighed, 1 being the plain mean.
    """

    def __init__(
        self, n_inputs: int, input_size: int, n_outputs: int, output_size: int, n_iterations: int = 3
    ) -> None:
        super().__init__()
        self.n_iterations = n_iterations
        self.sizes = (n_outputs, output_size)
        weight = _FIRST_WEIGHTS * torch.randn(n_inputs, input_size, n_outputs * output_size)
        self.weight = nn.Parameter(weight)

    def forward(self, capsules: Tensor) -> Tensor:
        """What the capsules above add up, before it is squashed.

        Args:
            capsules: (n, n_inputs, input_size).

        Returns:
            (n, n_outputs, output_size), s_j of eq. 2.
        """
        votes = (capsules.transpose(0, 1) @ self.weight).unflatten(-1, self.sizes)
        votes = votes.permute(1, 2, 0, 3)
        fixed = votes.detach()
        agreement = torch.zeros_like(fixed[..., 0])
        for _ in range(self.n_iterations - 1):
            above = squash(_weighed(fixed, agreement))
            agreement = agreement + (fixed @ above.unsqueeze(-1)).squeeze(-1)
        return _weighed(votes, agreement)


def _weighed(votes: Tensor, agreement: Tensor) -> Tensor:
    """Votes (n, n_outputs, n_inputs, size) added up, each capsule sharing one vote (eq. 2 and 3)."""
    coupling = agreement.softmax(dim=1).to(votes.dtype)
    return (coupling.unsqueeze(2) @ votes).squeeze(2)


class CapsuleNetwork(nn.Module):
    """A convolution, a layer of primary capsules, and one capsule for each class.

    Since the length of a squashed vector is s^2 / (1 + s^2), the log odds of a class are ln s^2; the log odds
    of signal are those of its capsule minus those of the background's.

    Args:
        shape: channels, rows, columns of the images.
        filters: channels of the convolution.
        kernel_size: pixels of both convolutions' kernels along each axis; the second one has stride 2.
        n_primary: primary capsules at each pixel.
        primary_size: length of their vectors.
        class_size: length of the vectors of the classes.
        n_iterations: of the routing.
        n_outputs: 1 for the log odds of signal (two classes), else the number of classes.
        decoder: hidden layers that reconstruct the image from the capsule of one class; none if empty.
        activation: of the convolution, a name of `activations`.
        standardise: what pixels are divided by, see `StandardiseImages`.

    Raises:
        ConfigError: the images are too small for the kernels; no such activation.
    """

    def __init__(
        self,
        shape: Shape,
        *,
        filters: int = 256,
        kernel_size: int = 9,
        n_primary: int = 32,
        primary_size: int = 8,
        class_size: int = 16,
        n_iterations: int = 3,
        n_outputs: int = 1,
        decoder: Sequence[int] = (),
        activation: str = "relu",
        standardise: Literal["channel", "pixel"] = "channel",
    ) -> None:
        super().__init__()
        rows, columns = ((side - 2 * (kernel_size - 1) - 1) // 2 + 1 for side in shape[1:])
        if min(rows, columns) < 1:
            raise ConfigError(
                f"n_pixels: {shape[1]} x {shape[2]} pixels are too few for two kernels of {kernel_size}; at "
                f"least {2 * kernel_size - 1} are expected. Use larger images or a smaller kernel_size."
            )
        self.primary_size = primary_size
        self.n_outputs = n_outputs
        self.standardise = StandardiseImages(shape, standardise)
        self.first = convolution(shape[0], filters, kernel_size, activation)
        self.primary = nn.Conv2d(filters, n_primary * primary_size, kernel_size, stride=2)
        n_classes = max(2, n_outputs)
        self.routing = Routing(n_primary * rows * columns, primary_size, n_classes, class_size, n_iterations)
        n_pixels = shape[0] * shape[1] * shape[2]
        # No last sigmoid, unlike the paper's: standardised pixels are not confined to 0 to 1.
        self.decoder = (
            dense([n_classes * class_size, *decoder, n_pixels], last_activation=False) if decoder else None
        )

    def _classes(self, values: Tensor) -> Tensor:
        """Vectors of the classes before they are squashed, from standardised images."""
        maps = self.primary(self.first(values))
        capsules = maps.unflatten(1, (-1, self.primary_size)).movedim(2, -1).flatten(1, 3)
        return self.routing(squash(capsules))

    def capsules(self, values: Tensor) -> Tensor:
        """Capsules of the classes, (n, n_classes, class_size), of images (n, n_channels, rows, columns)."""
        return squash(self._classes(self.standardise(values)))

    def reconstruct(self, capsules: Tensor, label: Tensor) -> Tensor:
        """Standardised images from the capsule of one class (section 4.1).

        Args:
            capsules: (n, n_classes, class_size).
            label: (n,) class whose capsule is kept.

        Returns:
            (n, n_channels, rows, columns).

        Raises:
            ConfigError: the network has no decoder.
        """
        if self.decoder is None:
            raise ConfigError("This capsule network has no decoder; give the sizes of its hidden layers.")
        kept = functional.one_hot(label.long(), capsules.shape[1]).to(capsules.dtype)
        return self.decoder((capsules * kept[..., None]).flatten(1)).unflatten(1, self.standardise.shape)

    def forward(self, values: Tensor) -> Tensor:
        """Logits of images.

        Args:
            values: (n, n_channels, rows, columns).

        Returns:
            (n,) log odds of signal if there is one output, else (n, n_outputs) log odds of each class.

        Raises:
            MismatchError: images of another shape.
        """
        logits = _log_odds(self._classes(self.standardise(values)))
        return logits[:, 1] - logits[:, 0] if self.n_outputs == 1 else logits

    def loss(
        self,
        values: Tensor,
        label: Tensor,
        reconstruction: float = RECONSTRUCTION,
        classification: Literal["margin", "cross_entropy"] = "margin",
    ) -> Tensor:
        """Loss of the classes, plus the reconstruction where there is a decoder (section 4.1).

        Args:
            values: (n, n_channels, rows, columns).
            label: (n,) class index; 1 is signal where there is one output.
            reconstruction: weight of the sum of squared differences of standardised pixels.
            classification: `margin_loss` of the lengths, or the cross-entropy of the logits.

        Returns:
            (n,).
        """
        standardised = self.standardise(values)
        above = self._classes(standardised)
        capsules = squash(above)
        if classification == "margin":
            total = margin_loss(lengths(capsules), label)
        else:
            total = functional.cross_entropy(_log_odds(above), label.long(), reduction="none")
        if self.decoder is None:
            return total
        difference = self.reconstruct(capsules, label) - standardised
        return total + reconstruction * difference.square().flatten(1).sum(dim=1)


def _log_odds(above: Tensor) -> Tensor:
    """Log odds (n, n_classes) of each class, from what its capsule adds up before it is squashed."""
    return (above.square().sum(dim=-1) + _TINY).log()
