"""pyBumpHunter's scan, run by bench_bumphunter.py with the peer's own Python.

    python peer_bumphunter.py SPECTRA.npy WIDTH_MIN WIDTH_MAX N_TOYS

SPECTRA holds (2, B) data and background. Printed as JSON: time and processor time of the scan with its toys,
the local p-value, the window and the global p-value.
"""

import contextlib
import io
import json
import sys
import time

import numpy as np
import pyBumpHunter


def main(spectra: str, width_min: str, width_max: str, n_toys: str) -> None:
    """Scan."""
    data, background = np.load(spectra)
    hunter = pyBumpHunter.BumpHunter1D(
        rang=[0, len(data)],
        bins=len(data),
        width_min=int(width_min),
        width_max=int(width_max),
        width_step=1,
        scan_step=1,
        npe=int(n_toys),
        nworker=1,
        seed=1,
    )
    start = time.perf_counter(), time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        hunter.bump_scan(data, background, is_hist=True)
    result = {
        "wall": time.perf_counter() - start[0],
        "cpu": time.process_time() - start[1],
        "p_local": float(hunter.min_Pval_ar[0]),
        "first": int(hunter.min_loc_ar[0]),
        "width": int(hunter.min_width_ar[0]),
        "p_global": float(hunter.global_Pval),
        "windows": int(sum(len(values) for values in hunter.res_ar)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
