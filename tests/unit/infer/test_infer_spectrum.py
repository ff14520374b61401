"""Histograms of any origin: what is taken from files, and what is refused."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from resonaut.cli import main
from resonaut.errors import ConfigError, InputError
from resonaut.infer.published import run
from resonaut.infer.published_fits import orders_of
from resonaut.infer.spectrum_file import Taking, read_spectrum
from resonaut.infer.spectrum_shape import read_shape

EDGES = np.array([1000.0, 1100, 1210, 1331, 1464, 1610, 1771, 1948, 2143, 2357, 2593, 2852])
COUNTS = np.array([50034, 29512, 17021, 9631, 5418, 2988, 1611, 851, 434, 216, 104], float)


def table(edges=EDGES, counts=COUNTS, names=("mass_low_gev", "mass_high_gev", "events"), more=()):
    rows = [",".join([*names, *(name for name, _ in more)])]
    for place, count in enumerate(counts):
        cells = [edges[place], edges[place + 1], count, *(values[place] for _, values in more)]
        rows.append(",".join(f"{cell:.10g}" for cell in cells))
    return "\n".join(rows) + "\n"


def written(tmp_path, text, name="spectrum.csv"):
    path = tmp_path / name
    path.write_text(text)
    return str(path)


def hepdata_yaml(unit="TEV", scale=1000.0):
    bins = [{"low": float(a / scale), "high": float(b / scale)} for a, b in pairwise(EDGES)]
    return yaml.safe_dump(
        {
            "independent_variables": [{"header": {"name": "M(JJ)", "units": unit}, "values": bins}],
            "dependent_variables": [
                {
                    "header": {"name": "Observed", "units": "Events"},
                    "qualifiers": [{"name": "SQRT(S)", "units": "TEV", "value": 8}],
                    "values": [{"value": float(n), "errors": [{"symerror": float(n**0.5)}]} for n in COUNTS],
                },
                {
                    "header": {"name": "Fit", "units": "Events"},
                    "values": [{"value": float(n)} for n in COUNTS],
                },
                {
                    "header": {"name": "dSIG/dM", "units": "fb/TEV"},
                    "values": [{"value": float(n)} for n in COUNTS],
                },
            ],
        }
    )


HEPDATA_CSV = """#: table_doi: 10.17182/none
#: name: Table 1
#: SQRT(S) [GeV],,7000
M(JJ) [TEV],M(JJ) [TEV] LOW,M(JJ) [TEV] HIGH,Fit [Events]
1.5,1,2,11.5
2.5,2,3,3.25

M(JJ) [TEV],M(JJ) [TEV] LOW,M(JJ) [TEV] HIGH,Observed [Events],stat +,stat -
1.5,1,2,12,3.5,3.4
2.5,2,3,4,2.1,1.9
"""


def test_edges_counts_energy_and_fit_of_hepdata_yaml(tmp_path):
    found = read_spectrum(written(tmp_path, hepdata_yaml(), "table.yaml"))
    np.testing.assert_allclose(found.edges, EDGES, rtol=1e-12)
    np.testing.assert_array_equal(found.counts, COUNTS)
    np.testing.assert_array_equal(found.expected, COUNTS)
    assert found.sqrt_s == 8000
    assert found.scale == 1
    assert "edges in TeV" in found.notes


def test_blocks_and_errors_of_hepdata_csv(tmp_path):
    found = read_spectrum(written(tmp_path, HEPDATA_CSV))
    np.testing.assert_array_equal(found.edges, [1000, 2000, 3000])
    np.testing.assert_array_equal(found.counts, [12, 4])
    np.testing.assert_array_equal(found.expected, [11.5, 3.25])
    assert found.sqrt_s == 7000


def test_root_histogram_by_name_and_alone(tmp_path):
    import uproot
    from hist import Hist

    path = tmp_path / "all.root"
    histogram = Hist.new.Var(EDGES, name="m", label="m [GeV]").Double()
    histogram.view(flow=True)[1:-1] = COUNTS
    histogram.view(flow=True)[-1] = 7
    with uproot.recreate(path) as file:
        file["folder/mjj"] = histogram
        file["other"] = histogram
    found = read_spectrum(f"{path}:folder/mjj")
    np.testing.assert_allclose(found.edges, EDGES)
    np.testing.assert_array_equal(found.counts, COUNTS)
    assert any("7 events" in note for note in found.notes)
    with pytest.raises(InputError, match=r"one histogram .* found folder/mjj, other"):
        read_spectrum(str(path))
    with pytest.raises(InputError, match=r"no histogram .*'folder/mj'\. Did you mean 'folder/mjj'"):
        read_spectrum(f"{path}:folder/mj")


def test_three_columns_without_header_and_other_separators(tmp_path):
    rows = "\n".join(f"{a:g} {b:g} {n:g}" for a, b, n in zip(EDGES, EDGES[1:], COUNTS, strict=False))
    np.testing.assert_array_equal(read_spectrum(written(tmp_path, rows, "a.txt")).counts, COUNTS)
    semicolons = table().replace(",", ";")
    np.testing.assert_array_equal(read_spectrum(written(tmp_path, semicolons, "b.csv")).counts, COUNTS)


def test_range_keeps_whole_bins_and_says_how_many_are_left_out(tmp_path):
    found = read_spectrum(written(tmp_path, table()), Taking(mass_min=1150, mass_max=2400))
    np.testing.assert_array_equal(found.edges, EDGES[2:-2])
    assert any("4 of 11 bins" in note for note in found.notes)


def test_weighted_events_become_effective_entries(tmp_path):
    """N events of weight 1/4 count N, not N / 4."""
    text = table(counts=COUNTS / 4, more=[("error", np.sqrt(COUNTS) / 4)])
    found = read_spectrum(written(tmp_path, text))
    assert found.scale == pytest.approx(4, rel=1e-6)
    np.testing.assert_allclose(found.counts, COUNTS, rtol=1e-6)
    assert "effective entries" in found.notes[-1]


def test_integer_counts_with_poisson_errors_are_not_scaled(tmp_path):
    found = read_spectrum(
        written(tmp_path, table(more=[("err_up", np.sqrt(COUNTS)), ("err_down", np.sqrt(COUNTS))]))
    )
    assert found.scale == 1


def test_empty_bins_are_fine(tmp_path):
    counts = np.where(np.arange(11) > 8, 0, COUNTS)
    assert "2 of them empty" in read_spectrum(written(tmp_path, table(counts=counts))).notes[-1]


def swapped():
    lines = table().splitlines()
    return "\n".join([lines[0], lines[2], lines[1], *lines[3:]])


WRONG = {
    "gap": (
        table().replace("1331,1464,9631\n", ""),
        "line 5 begins at 1464 GeV, line 4 ends at 1331 GeV: a gap",
    ),
    "overlap": (table().replace("1331,1464", "1320,1464"), "line 5 begins at 1320 GeV.*bins overlap"),
    "order": (swapped(), "line 3 begins at 1000 GeV.*do not increase"),
    "reversed": (table().replace("1331,1464", "1464,1331"), "line 5 has the edges 1464 and 1331"),
    "negative": (
        table(counts=np.where(COUNTS == 434, -3, COUNTS), more=[("error", COUNTS**0.5)]),
        "line 10 holds -3 events.*negative",
    ),
    "fraction": (table(counts=COUNTS + 0.5), "line 2 holds 50034.5 events.*need their errors"),
    "no count": (table().replace("9631", "-"), "line 5 has no count"),
    "no column": (
        table(names=("low", "high", "dsigma_fb_per_gev")),
        "no column of counts among 'dsigma_fb_per_gev'",
    ),
    "no edges": (table(names=("mass", "high", "events")), "one column with the low edges .* found none"),
    "two columns": (table(more=[("counts_b", COUNTS)], names=("low", "high", "counts_a")), "--column"),
    "cells": (table().replace("1331,1464,9631", "1331,1464"), "line 5 has 2 cells, the header 3"),
    "nothing": (table(counts=0 * COUNTS), "no events in 11 bins"),
    "empty": ("", "no rows"),
}


@pytest.mark.parametrize("name", WRONG)
def test_bad_histograms_are_refused_with_the_row_and_leave_nothing(tmp_path, name):
    text, message = WRONG[name]
    path = written(tmp_path, text)
    output = tmp_path / "out"
    with pytest.raises(InputError, match=message) as caught:
        run(path, output, {"toys": 0})
    assert path in str(caught.value)
    assert not output.exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"orders": [2, 7]}, "orders: dijet has 2 to 6 parameters, got 7"),
        (
            {"orders": [6], "mass_max": 1800},
            "6 parameters of dijet need more than 6 bins, the spectrum has 6",
        ),
        ({"masses": [9000]}, "mass 9000 GeV.*1000-2852 GeV"),
        ({"sqrt_s": 2000}, "sqrt-s: 2000 GeV, but the spectrum reaches 2852"),
        ({"mass_min": 5000}, "no bin .* lies in 5000-inf GeV"),
        ({"functions": ["dijets"]}, "unknown stats method 'dijets'. Did you mean 'dijet'"),
        ({"colum": "events"}, "Did you mean 'column'"),
        ({"n_parameters": 5, "orders": [3, 4]}, r"n_parameters: 5 is not among the orders \[3, 4\]"),
        ({"signal_mass": 1500}, "signal_shape, which is absent"),
    ],
)
def test_bad_settings_name_the_key(tmp_path, wrong, message):
    output = tmp_path / "out"
    with pytest.raises(ConfigError, match=message):
        run(written(tmp_path, table()), output, {"toys": 0, **wrong})
    assert not output.exists()


def test_unknown_kind_and_absent_files(tmp_path):
    with pytest.raises(InputError, match=r"ends in '\.xls'"):
        read_spectrum(written(tmp_path, "", "a.xls"))
    with pytest.raises(InputError, match="no such file"):
        read_spectrum(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="cannot be read as a ROOT file"):
        read_spectrum(written(tmp_path, "not root", "a.root"))
    with pytest.raises(InputError, match="'independent_variables'"):
        read_spectrum(written(tmp_path, "a: 1", "a.yaml"))


def test_default_orders_are_those_that_the_bins_allow():
    assert orders_of("dijet", None, 5) == [2, 3, 4]
    assert orders_of("interpolation", None, 5) == [None]


@settings(deadline=None, max_examples=30)
@given(st.floats(0.5, 2.0), st.integers(0, 10))
def test_shapes_scale_with_the_mass_and_keep_their_sum(factor, cut):
    from resonaut.infer.spectrum_shape import Shape

    shape = Shape(np.linspace(500, 1500, 21), np.exp(-0.5 * ((np.linspace(525, 1475, 20) - 1000) / 100) ** 2))
    edges = np.linspace(200, 3500, 400)
    moved = shape.rebinned(edges, factor)
    centre = float(moved @ (edges[1:] + edges[:-1]) / 2 / moved.sum())
    assert moved.sum() == pytest.approx(shape.content.sum(), rel=1e-9)
    assert centre == pytest.approx(factor * shape.mean, rel=2e-3)
    parts = shape.rebinned(edges[: cut + 2], factor)
    np.testing.assert_allclose(parts, moved[: cut + 1], atol=1e-12)


def test_shapes_that_are_negative_or_empty_are_refused(tmp_path):
    with pytest.raises(InputError, match="line 10 holds -1"):
        read_shape(written(tmp_path, table(counts=np.where(COUNTS == 434, -1, COUNTS))))
    with pytest.raises(InputError, match="not empty"):
        read_shape(written(tmp_path, table(counts=0 * COUNTS)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["infer"], "--workspace"),
        (["infer", "--spectrum", "a.csv"], "--output"),
        (["infer", "--spectrum", "a.csv", "--output", "o", "--mu", "1"], "--mu: not an option of --spectrum"),
        (["infer", "--spectrum", "a.csv", "--workspace", "b.json", "--output", "o"], "one of --spectrum"),
    ],
)
def test_command_line_says_what_is_missing(options, message, capsys):
    assert main(options) == ConfigError.exit_code
    assert message in capsys.readouterr().err
