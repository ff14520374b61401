"""Numbers as a physicist writes them."""

from __future__ import annotations

import pytest

from resonaut.review.page import figures, words

THIN, MINUS = "\u202f", "\u2212"


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (61.48896, 5.53097, "61.5 ± 5.5"),
        (0.9007865, 0.0046092, "0.9008 ± 0.0046"),
        (1026.4, 26.1, f"1{THIN}026 ± 26"),
        (-25.3, 41.2, f"{MINUS}25 ± 41"),
        (3.0, None, "3.00"),
        (3.0, 0.0, "3.00"),
        (None, 1.0, words.NOTHING),
        (float("nan"), 1.0, words.NOTHING),
    ],
)
def test_values_end_where_their_errors_do(value, error, told):
    assert words.measured(value, error) == told


def test_ends_of_an_interval_stand_above_and_below():
    told = words.between(19.556, 13.924, 27.686)
    assert told.startswith("19.6 ")
    assert "+8.1</span>" in told
    assert f"{MINUS}5.6</span>" in told
    assert words.between(19.556, None, 27.7) == "19.6"
    # What is rounded to zero has no sign.
    assert words.between(-0.2, -12.1, 12.0).startswith("0 ")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (2.541477e-9, f"2.5 × 10<sup>{MINUS}9</sup>"),
        (0.0434783, "0.043"),
        (0.5, "0.50"),
        (0.0, "0"),
        (None, words.NOTHING),
    ],
)
def test_p_values(value, told):
    assert words.p_value(value) == told


def test_counts_shares_windows_and_times():
    assert words.count(1234567) == f"1{THIN}234{THIN}567"
    assert words.percent(0.01) == f"1{THIN}%"
    assert words.window(3300.0, 3700.0) == f"3300–3700{THIN}GeV"
    assert words.sigma(5.8444) == f"5.84{THIN}σ"
    assert words.sigma(-0.001) == f"0.00{THIN}σ"
    assert words.seconds(59.94) == f"59.9{THIN}s"
    assert words.seconds(3723) == f"1{THIN}h 02{THIN}min"
    assert words.number(1234567.0) == "1.23 × 10<sup>6</sup>"
    assert words.text("<b>") == "&lt;b&gt;"


DRAWING = """<?xml version="1.0"?>
<!DOCTYPE svg>
<svg xmlns="http://www.w3.org/2000/svg" width="720pt" height="360.5pt" viewBox="0 0 720 360.5">
 <metadata>who and when</metadata>
 <path d="M 10.123456 -0.000321 L 1.5 2" transform="scale(0.015625)"/><!-- a remark -->
 <use x="3.14159" y="100.999"/>
</svg>
"""


def test_a_drawing_is_slimmed_and_measured():
    slim = figures.slim(DRAWING)
    assert slim.startswith("<svg ")
    assert 'd="M 10.12 -0 L 1.5 2"' in slim
    assert 'x="3.14" y="101"' in slim
    assert "scale(0.015625)" in slim, "what is not a place keeps its digits"
    assert "metadata" not in slim
    assert "remark" not in slim
    assert figures.size(DRAWING) == (960, 481)
