"""Windows and side bands of the scan: lists and rules, side bands of their own, what is refused."""

from __future__ import annotations

import json

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from resonaut.errors import ConfigError
from resonaut.scan import ScanSettings
from resonaut.settings import validate
from resonaut.stats.windows import make_bins

RULE = {"first": 2900, "last": 4900, "width": 400, "step": 200}


def scan(windows, **more):
    return validate(ScanSettings, {"mass_min": 2500, "mass_max": 6000, "windows": windows, **more}, "scan")


def test_a_rule_is_the_list_that_it_stands_for():
    listed = scan([{"low": low, "high": low + 400} for low in range(2900, 4501, 200)])
    assert scan(RULE) == listed
    assert [window.name for window in scan({**RULE, "step": 400}).windows] == [
        "2900-3300", "3300-3700", "3700-4100", "4100-4500", "4500-4900",
    ]  # fmt: skip


def test_the_slice_of_a_rule_is_read_again_as_it_is():
    settings = scan({**RULE, "sideband_width": 300})
    again = validate(ScanSettings, json.loads(settings.model_dump_json()))
    assert again == settings
    assert again.sidebands()[1].tolist() == [[2800, 3100], [3500, 3800]]


def test_widths_may_follow_the_mass():
    """A tenth of the centre, rounded to 50 GeV: 3800 +- 190 is 3600-4000."""
    settings = scan({"first": 3610, "last": 5600, "relative_width": 0.1, "step": 500, "round_to": 50})
    assert [window.name for window in settings.windows] == ["3600-4000", "4100-4550", "4600-5100"]
    exact = [(3610 + 500 * k) * 2.1 / 1.9 for k in range(3)]
    assert np.abs(np.array([window.high for window in settings.windows]) - exact).max() <= 25
    make_bins(settings.model_copy(update={"sideband_width": 100.0}), 50, "sidebands")


def test_decimal_steps_leave_no_noise():
    settings = validate(
        ScanSettings,
        {"mass_min": 0.1, "mass_max": 2, "windows": {"first": 0.3, "last": 1.5, "width": 0.3, "step": 0.1}},
    )
    assert [window.low for window in settings.windows] == [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2]
    assert settings.windows[-1].high == 1.5


@given(st.integers(10, 400), st.integers(1, 400), st.integers(500, 1000))
def test_every_window_of_a_rule_fits_and_none_is_left_out(width, step, length):
    last = 2900 + length
    windows = scan({"first": 2900, "last": last, "width": width, "step": step}).windows
    assert all(window.high <= last and window.high - window.low == width for window in windows)
    assert len(windows) == (length - width) // step + 1


def test_regions_follow_the_side_bands_of_each_window():
    windows = [
        {"low": 3300, "high": 3700},
        {"low": 3300, "high": 3800, "sideband_width": 200},
        {"low": 3400, "high": 3800, "sidebands": [[2500, 3300], [3800, 4200]]},
    ]
    settings = scan(windows)
    mass = np.array([2499, 2500, 2799, 2800, 3099, 3100, 3300, 3399, 3400, 3700, 3800, 4000, 4199, 4200])
    assert settings.regions(mass).tolist() == [
        [-1, -1, -1, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0, -1],
        [-1, -1, -1, -1, -1, 0, 1, 1, 1, 1, 0, -1, -1, -1],
        [-1, 0, 0, 0, 0, 0, -1, -1, 1, 1, 0, 0, 0, -1],
    ]
    bins = make_bins(settings, 100, "sidebands")
    np.testing.assert_array_equal(bins.fitted, settings.regions(bins.edges[:-1] + 50) == 0)
    np.testing.assert_array_equal(bins.inside, settings.regions(bins.edges[:-1] + 50) == 1)


@pytest.mark.parametrize(
    ("windows", "words"),
    [
        ({**RULE, "stpe": 5}, r"scan.windows.stpe: unknown key. Did you mean 'step'"),
        ({key: RULE[key] for key in ("first", "last", "step")}, "give one of width and relative_width"),
        ({**RULE, "relative_width": 0.1}, "give one of width and relative_width"),
        ({"first": 2900, "last": 4900, "relative_width": 0.1, "step": 200}, "relative_width needs round_to"),
        ({**RULE, "last": 3000}, "no window fits between first = 2900 and last = 3000 GeV"),
        ({**RULE, "step": 0.01}, "steps of 0.01 GeV give more than 1000 windows"),
        ([{"low": 6100, "high": 6500}], "window 6100-6500 lies outside of mass_min-mass_max, 2500-6000"),
        ([{"low": 2000, "high": 2500}], "window 2000-2500 lies outside of mass_min-mass_max, 2500-6000"),
        ([{"low": 2500, "high": 2900}], "window 2500-2900 leaves no side band inside 2500-6000"),
        ([{"low": 3300, "high": 3300}], "window 3300-3300: high must exceed low"),
        (
            [{"low": 3300, "high": 3700, "sidebands": [[2800, 3400], [3700, 4200]]}],
            "3300-3700: the side bands 2800-3400 and 3700-4200 overlap the signal region; the first must end "
            "at 3300 or below",
        ),
        (
            [{"low": 3300, "high": 3700, "sidebands": [[2800, 3300], [3600, 4200]]}],
            "overlap the signal region; .* the second begin at 3700 or above",
        ),
        (
            [{"low": 3300, "high": 3700, "sidebands": [[2400, 3300], [3700, 4200]]}],
            "window 3300-3700: side band 2400-3300 leaves mass_min-mass_max, 2500-6000",
        ),
        ([{"low": 3300, "high": 3700, "sidebands": [[3300, 2800], [3700, 4200]]}], "3300-2800 is empty"),
        (
            [{"low": 3300, "high": 3700, "sideband_width": 9, "sidebands": [[2800, 3300], [3700, 4200]]}],
            "give sidebands or sideband_width, not both",
        ),
        ([{"low": 3300, "high": 3700}] * 2, "two windows are the same"),
        ([], "at least 1 item"),
    ],
)
def test_scans_that_make_no_sense_are_refused_with_the_numbers(windows, words):
    with pytest.raises(ConfigError, match=words):
        scan(windows)


def test_the_edges_of_own_side_bands_lie_on_bins():
    window = {"low": 3300, "high": 3700, "sidebands": [[2850, 3300], [3700, 4200]]}
    with pytest.raises(ConfigError, match=r"scan.windows\[0\].sidebands \(below window 3300-3700\): 2850"):
        make_bins(scan([window]), 100, "sidebands")
    window = {"low": 3300, "high": 3700, "sideband_width": 450}
    with pytest.raises(
        ConfigError, match=r"scan.windows\[0\].sideband_width \(below window 3300-3700\): 2850"
    ):
        make_bins(scan([window]), 100, "sidebands")


def test_the_schema_knows_lists_and_rules():
    schema = ScanSettings.model_json_schema(mode="validation")
    for windows in (RULE, [{"low": 3300, "high": 3700}], [{"low": 1, "high": 2, "sideband_width": 3}]):
        jsonschema.validate({"mass_min": 2500, "mass_max": 6000, "windows": windows}, schema)
    for windows in ([], {"first": 2900}, [{"low": 3300}], {**RULE, "stpe": 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({"mass_min": 2500, "mass_max": 6000, "windows": windows}, schema)
