"""A loop over energyflow.utils.pixelate, run by bench_images.py with the peer's own Python.

    python peer_pixelate.py JETS.npy LENGTHS.npy N_PIXELS HALF_WIDTH SUMS.npy

JETS holds (n_constituents, 3) pt, y, phi; the processor time of the loop is printed, the sums of the pixels
of each image, in GeV, are written.
"""

import sys
import time

import numpy as np
from energyflow.utils import pixelate


def main(jets: str, lengths: str, n_pixels: str, half_width: str, sums: str) -> None:
    """Make the images one by one, as the library's users do."""
    jets = np.split(np.load(jets), np.cumsum(np.load(lengths))[:-1])
    options = {"npix": int(n_pixels), "img_width": 2 * float(half_width), "nb_chan": 1}
    start = time.process_time()
    images = np.stack([pixelate(jet, norm=True, **options) for jet in jets])
    print(time.process_time() - start)
    assert images.shape == (len(jets), int(n_pixels), int(n_pixels), 1)
    np.save(sums, [pixelate(jet, norm=False, **options).sum() for jet in jets])


if __name__ == "__main__":
    main(*sys.argv[1:])
