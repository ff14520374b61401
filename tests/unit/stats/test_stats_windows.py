"""Bins of the scan."""

from __future__ import annotations

import numpy as np
import pytest

from resonaut.errors import ConfigError
from resonaut.scan import ScanSettings
from resonaut.stats.windows import make_bins


def scan(low=3300, high=3700, **more):
    return ScanSettings(mass_min=2500, mass_max=6000, windows=[{"low": low, "high": high}], **more)


def test_roles_of_the_bins():
    bins = make_bins(scan(), 100, "sidebands")
    assert bins.edges.tolist() == list(range(2500, 6001, 100))
    assert bins.edges[:-1][bins.inside[0]].tolist() == [3300, 3400, 3500, 3600]
    assert bins.edges[:-1][bins.fitted[0]].tolist() == [
        2800,
        2900,
        3000,
        3100,
        3200,
        3700,
        3800,
        3900,
        4000,
        4100,
    ]
    everything = make_bins(scan(), 100, "range")
    assert (everything.fitted[0] == ~everything.inside[0]).all()


def test_side_bands_end_with_the_range():
    bins = make_bins(scan(2700, 3100), 100, "sidebands")
    assert bins.edges[:-1][bins.fitted[0]].tolist() == [2500, 2600, 3100, 3200, 3300, 3400, 3500]


def test_edges_are_the_configured_numbers_to_the_last_bit():
    settings = ScanSettings(
        mass_min=0.1, mass_max=1.1, windows=[{"low": 0.4, "high": 0.8}], sideband_width=0.2
    )
    bins = make_bins(settings, 0.1, "sidebands")
    assert 0.4 in bins.edges
    assert 0.8 in bins.edges
    assert np.diff(bins.edges) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("settings", "width", "words"),
    [
        (
            scan(3350),
            100,
            r"scan.windows\[0\].low: 3350 GeV is not an edge of a bin; the nearest edge is 3[34]00",
        ),
        (scan(3300, 3720), 100, r"scan.windows\[0\].high: 3720 GeV .* nearest edge is 3700"),
        (scan(), 300, "hunt.bin_width: bins of 300 GeV do not fill 2500-6000"),
        (scan(sideband_width=550), 100, "scan.sideband_width .below window 3300-3700.: 2750"),
    ],
)
def test_edges_off_the_bins_are_refused(settings, width, words):
    with pytest.raises(ConfigError, match=words):
        make_bins(settings, width, "sidebands")


def test_the_side_bands_need_no_edges_where_the_whole_range_is_fitted():
    assert make_bins(scan(sideband_width=550), 100, "range").fitted[0].sum() == 31
