"""The numbers that figures show."""

import numpy as np
import pytest
from review_files import LOOK, SETTINGS

from resonaut.config import load
from resonaut.errors import ConfigError
from resonaut.events import Events
from resonaut.mixtures import Mixture
from resonaut.plot.intervals import clopper_pearson
from resonaut.review.figures import detect, generate, hunt, infer, simulate, tag_binary, tag_compare
from resonaut.stats.rates import Roc
from resonaut.truth import truth


def events(reco, gen, offsets, gen_offsets):
    def columns(rows):
        return dict(zip(("pt", "eta", "phi", "mass"), np.array(rows, float).T, strict=True))

    n = len(offsets) - 1
    found = Events({"mass": np.ones(n)}, columns(reco), np.array(offsets))
    found.gen_jets, found.gen_jet_offsets = columns(gen), np.array(gen_offsets)
    return found


def test_response_takes_the_nearest_generator_jet_inside_the_event():
    found = events(
        reco=[(90, 0, 3.1, 1), (50, 1, 0, 1), (30, 2, 0, 1), (70, 0, 0, 1), (10, 0, 1, 1)],
        # Across the phi boundary; a farther jet beside; too far; another event's jet at the same place.
        gen=[(100, 0, -3.1, 1), (45, 1.3, 0, 1), (40, 1.1, 0, 1), (10, 0, 1.5, 1), (140, 0.1, 0, 1)],
        offsets=[0, 3, 5],
        gen_offsets=[0, 3, 5],
    )
    np.testing.assert_allclose(simulate.response(found), [0.9, 50 / 40, 0.5])
    np.testing.assert_allclose(simulate.response(found, n_leading=1), [0.9, 0.5])


def test_response_of_events_without_generator_jets_is_empty():
    found = events([(90, 0, 0, 1)], [(100, 0, 0, 1)], [0, 1, 1], [0, 0, 1])
    assert simulate.response(found).shape == (0,)


def test_generated_mass_of_two_particles_in_closed_form():
    # Massless, back to back: m^2 = 2 pt1 pt2 (cosh(delta eta) + 1). At rest with mass: the sum of masses.
    found = events(
        reco=[(1, 0, 0, 0)] * 3,
        gen=[(100, 0.5, 0, 0), (80, -0.7, np.pi, 0), (0, 0, 0, 30), (0, 0, 1, 50), (9, 0, 0, 0)],
        offsets=[0, 1, 2, 3],
        gen_offsets=[0, 2, 4, 5],
    )
    np.testing.assert_allclose(
        simulate.generated_mass(found), [np.sqrt(2 * 100 * 80 * (np.cosh(1.2) + 1)), 80], rtol=1e-12
    )


def test_width_of_a_gaussian_is_its_standard_deviation():
    mean, width = simulate.centre_and_width(np.random.default_rng(1).normal(0.95, 0.04, 100_000))
    assert mean == pytest.approx(0.95, abs=5e-4)
    assert width == pytest.approx(0.04, rel=0.01)


def test_working_points_are_those_of_the_metrics_with_binomial_ends():
    metrics = {
        "n_background": 1000,
        "rejection": {
            "0.3": {"signal_efficiency": 0.3, "background_passed": 0, "rejection": None},
            "0.5": {"signal_efficiency": 0.501, "background_passed": 10, "rejection": 100.0},
        },
    }
    [(x, y, lower, upper)] = tag_binary.working_points(metrics)
    assert (x, y) == (0.501, 100.0)
    assert (1 / upper, 1 / lower) == pytest.approx((0.0069, 0.0142), abs=2e-4)


def test_curves_begin_where_enough_background_passes():
    curve = Roc(np.array([1, 5, 10]), np.array([1, 5, 100]), 10, 100)
    found = tag_binary.rejection_curve(curve, "a", "black")
    np.testing.assert_allclose(found.x, [0.5, 1.0])
    np.testing.assert_allclose(found.y, [20, 1])
    lower, upper = clopper_pearson(np.array([5]), 100)
    np.testing.assert_allclose([found.lower[0], found.upper[0]], [1 / upper[0], 1 / lower[0]])


def test_words_of_the_comparison_carry_both_errors():
    entry = {
        "name": "pfn", "n_parameters": 82000, "auc": 0.98192, "auc_error": 0.00021, "accuracy": 0.932,
        "rejection": {
            "0.3": {"rejection": 888.7, "error": 59.4}, "0.5": {"rejection": 25.31, "error": 0.62},
        },
        "spread": {"rejection": {"0.3": {"standard_deviation": 17.6}, "0.5": {"standard_deviation": None}}},
    }  # fmt: skip
    assert tag_compare.words(entry) == [
        "pfn", "82 000", "0.9819 $\\pm$ 0.0002", "0.9320", "889 $\\pm$ 59 (18)", "25.3 $\\pm$ 0.6",
    ]  # fmt: skip
    entry |= {"n_parameters": None, "auc_error": None, "spread": None}
    entry["rejection"]["0.3"] = {"rejection": None, "error": None}
    assert tag_compare.words(entry)[1:5] == ["", "0.9819", "0.9320", "none passes"]


def test_difference_of_images_leaves_out_empty_pixels():
    real = np.array([[0.5, 0.5], [0.0, 1e-7]])
    difference = generate.relative_difference(np.array([[0.25, 0.75], [0.1, 0.1]]), real)
    np.testing.assert_allclose(difference, [[-0.5, 0.5], [np.nan, np.nan]])


def test_truth_is_what_differs_from_the_label_of_most_events():
    def mixture(labels, dataset):
        rows = np.arange(len(dataset))
        return Mixture("m", ("a", "b", "c"), labels, np.array(dataset), rows, rows, rows)

    np.testing.assert_array_equal(
        truth(mixture(("qcd", "qcd", "signal"), [0, 0, 0, 1, 2])), [False, False, False, False, True]
    )
    assert not truth(mixture(("qcd", "qcd", "qcd"), [0, 1, 2])).any()
    assert truth(mixture(("", "qcd", "signal"), [0, 1, 2])) is None


def test_the_window_that_is_drawn_is_the_one_with_the_excess():
    random = np.random.default_rng(2)
    efficiency = random.random((3, 3000))
    efficiency[1, :20] = 0.001
    region = np.tile(np.where(np.arange(3000) < 1000, 1, 0), (3, 1))
    windows = [{"low": 1.0, "high": 2.0}] * 3
    scores = detect.Scores("m", "x", windows, efficiency, region, np.arange(3000), 1)
    assert scores.best_window() == 1


def test_losses_end_where_half_of_the_networks_have_stopped():
    curve = {"mean": [3, 2, 1], "min": [2, 1, 0], "max": [4, 3, 2], "n_networks": [4, 2, 1]}
    metrics = {"n_networks": 4, "train_loss": curve, "validation_loss": curve}
    means, bands = detect.losses(metrics)
    np.testing.assert_array_equal(means["Training"], [3, 2])
    np.testing.assert_array_equal(bands["Validation"], [[2, 1], [4, 3]])


def test_excess_counts_the_error_of_the_background():
    assert hunt.excess(120, 100.0, 0.0) == pytest.approx(1.94, abs=0.02)
    # A background known to its own Poisson error widens by sqrt(2).
    assert hunt.excess(120, 100.0, 0.1) == pytest.approx(1.94 / np.sqrt(2), abs=0.02)


def test_scans_sort_windows_and_keep_the_order_of_bands():
    def entry(low, efficiency):
        band = {name: number for number, name in enumerate(infer.BANDS)}
        limits = {"observed": low, **band}
        return {
            "low": low, "high": low + 1, "selection_efficiency": efficiency, "p_value": 0.5, "z_local": 0.0,
            "upper_limit": limits,
        }  # fmt: skip

    loose, tight = infer.scans([entry(2, 0.01), entry(1, 0.01), entry(3, 0.1)])
    assert loose.label.startswith("10 %")
    np.testing.assert_array_equal(tight.low, [1, 2])
    np.testing.assert_array_equal(tight.observed, [1, 2])
    np.testing.assert_array_equal(tight.expected[:, 0], [0, 1, 2, 3, 4])


def test_the_slice_names_all_datasets_for_their_colours(request):
    import json

    study = load(request.config.rootpath / "config/demo.yaml")
    assert json.loads(study.slice("review")) == SETTINGS
    assert LOOK.datasets == ("qcd", "wprime")


def test_unknown_figures_and_settings_name_the_nearest(tmp_path):
    from resonaut.review.draw import draw

    with pytest.raises(ConfigError, match="Did you mean 'hunt'"):
        draw("hunts", SETTINGS, {}, [tmp_path / "a.png"])
    with pytest.raises(ConfigError, match=r"review\.labl: unknown key\. Did you mean 'label'"):
        draw("hunt", {"review": {"labl": "x"}}, {}, [tmp_path / "a.png"])
