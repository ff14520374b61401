"""Draw jet images from trained weights."""

from __future__ import annotations

from pathlib import Path

from resonaut.errors import ConfigError
from resonaut.generate.train import PACKAGES, draw, parse, write_samples
from resonaut.nn import checkpoint
from resonaut.nn.device import deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.seeds import integer_seed


def run(weights: Path, n_images: int, output: Path, seed: int, threads: int = 2) -> None:
    """Draw images with trained weights.

    Args:
        weights: file of `resonaut generate train`.
        n_images: number of images.
        output: HDF5 to write: `images`, (n_images, P, P).
        seed: another seed gives other images.

    Raises:
        ConfigError: no images are wanted.
        MissingFileError, CorruptFileError: the weights cannot be read.
    """
    if n_images < 1:
        raise ConfigError(f"--number: 1 or more is expected, got {n_images}.")
    tensors, description = checkpoint.read(weights)
    settings, generator, where = parse(description)
    network = generator.network(description["n_pixels"])
    checkpoint.load_into(network, tensors, weights)
    with deterministic(threads):
        images = draw(
            *(generator, network, n_images),
            normalise=description["normalise"],
            seed=integer_seed(seed, where, "samples"),
        )
    provenance = describe({"number": n_images, "seed": seed}, [weights], PACKAGES)
    attributes = {
        "kind": "generated_images",
        "method": description["method"],
        "dataset": settings.dataset,
        "settings": {"images": description["representation"]},
        "provenance": {**provenance, "threads": threads},
    }
    write_samples(output, images, attributes)
    write_run_record(output, threads=threads)
