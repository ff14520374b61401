"""What a generator is: `generate/methods/<name>.py` holds `Settings` and `build(settings)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from resonaut.nn.samples import Samples
    from resonaut.nn.training import History


class Generator(Protocol):
    """Learns jet images and draws new ones."""

    def network(self, n_pixels: int) -> nn.Module:
        """A new, untrained network for images of (n_pixels, n_pixels), initialised by torch's state."""

    def fit(
        self,
        network: nn.Module,
        training: Samples,
        validation: Samples,
        *,
        seed: int,
        where: str,
        checkpoint_folder: Path,
        inputs: str,
        records: Path | None,
    ) -> History:
        """Train `network` in place; the batches of the samples hold one column, images (n, P, P).

        Args:
            checkpoint_folder, inputs: where the state after each epoch is kept, and the digest of what the
                training depends on (`nn.training.train`).
            records: JSONL file with a line per epoch.
        """

    def sample(self, network: nn.Module, n_images: int, *, normalise: bool) -> Tensor:
        """Draw (n_images, P, P) images by torch's random state; not negative, of sum 1 if `normalise`."""
