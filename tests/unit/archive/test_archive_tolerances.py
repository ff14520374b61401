"""Kinds of numbers and how closely each must come back."""

from __future__ import annotations

import math

import pytest

from resonaut.archive import tolerances

SIGNIFICANCE = "infer/data/cwola/significance.json"
METRICS = "tag/pfn/metrics.json"
MANIFEST = "ingest/qcd/nominal/manifest.json"


@pytest.mark.parametrize(
    ("path", "pointer", "value", "kind"),
    [
        (MANIFEST, "/cut_flow/read", 100, "exact"),
        (MANIFEST, "/sum_weights", 12.5, "sum"),
        (METRICS, "/auc", 0.9, "training"),
        (METRICS, "/best_epoch", 11, "training"),
        (METRICS, "/rejection/0.3/background_passed", 11, "count"),
        (METRICS, "/n_parameters", 82757, "exact"),
        ("generate/vae/timing.json", "/timings/0/seconds_per_row", 0.1, "time"),
        ("generate/comparison.json", "/generators/0/time/training_seconds", 9.1, "time"),
        (SIGNIFICANCE, "/best/z_local", 5.8, "fit"),
        (SIGNIFICANCE, "/best/p_value", 1e-9, "probability"),
        ("infer/data/global.json", "/distribution/counts/3", 12, "toys"),
        ("infer/data/global.json", "/bootstrap/p_value", 0.01, "toys"),
        ("infer/data/global.json", "/best/p_local", 0.01, "probability"),
        ("infer/data/global.json", "/best/z", 5.8, "fit"),
        ("infer/data/null/round3.json", "/n_exceeding", 12, "toys"),
        ("hunt/data/cwola/evaluation.json", "/windows/0/sculpting/0/after/3", 12, "count"),
        ("infer/data/global.json", "/distribution/edges/3", 1.5, "exact"),
    ],
)
def test_kinds_of_numbers(path, pointer, value, kind) -> None:
    assert tolerances.kind(path, pointer, value) == kind


def test_tolerances_do_not_confuse_what_looks_alike() -> None:
    assert tolerances.within("fit", 1.0, 1.0 + 0.9e-5)
    assert not tolerances.within("fit", 1.0, 1.0 + 1.1e-5)
    assert not tolerances.within("exact", 1, True)
    assert not tolerances.within("fit", 1.0, None)
    assert tolerances.within("time", 1.0, 77.0)
    assert not tolerances.within("exact", 1000, 1001, relative=0.5)
    assert tolerances.within("fit", 1.0, 1.4, relative=0.5)


@pytest.mark.parametrize("z", [0.1, 1.0, 5.0, 9.5])
def test_p_values_are_judged_as_their_significances(z) -> None:
    old, near, far = (0.5 * math.erfc(x / math.sqrt(2)) for x in (z, z * (1 + 1e-5), z * (1 + 1e-2)))
    assert tolerances.within("probability", old, near)
    assert tolerances.within("probability", old, far) == (z < 0.2)


def test_numbers_of_toys_may_be_other_draws() -> None:
    assert tolerances.elsewhere("toys", 50, 95, None)
    assert not tolerances.elsewhere("toys", 50, 120, None)
    assert not tolerances.elsewhere("count", 50, 95, None)
    assert tolerances.elsewhere("toys", 0.1, 0.2, 4.9)
    assert not tolerances.elsewhere("fit", 0.1, 0.2, 4.9)
    assert tolerances.elsewhere("fit", 0.1, 0.2, None) is None


def test_only_locked_packages_and_the_platform_make_a_machine_type() -> None:
    old = {"platform": {"machine": "x86_64"}, "versions": {"numpy": "2.0", "pip": "1", "torch": "2"}}
    new = {"platform": {"machine": "x86_64", "more": "1"}, "versions": {"numpy": "2.1", "pip": "2"}}
    assert tolerances.same_machine(old, new, ["numpy", "torch", "scipy"]) == [
        "numpy: 2.0 then, 2.1 now",
        "torch: 2 then, None now",
    ]
