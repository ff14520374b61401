"""Exactly what a change touches is run again, as a dry run plans it."""

from __future__ import annotations

import os
import time

import yaml

COMPARED = {"infer_compare": 1, "review_searches": 1, "review_checks": 1, "review_page": 1}
AFTER_CWOLA = {
    "hunt_spectra": 1,
    "hunt_evaluate": 1,
    "infer_significance": 1,
    "infer_validate": 1,
    "infer_global": 1,
    "review_mixture": 1,
    "review_search": 5,
    **COMPARED,
}
AFTER_HUNT = {
    "hunt_evaluate": 2,
    "infer_significance": 2,
    "infer_validate": 2,
    "infer_global": 1,
    "review_mixture": 1,
    "review_search": 8,
    **COMPARED,
}


def test_nothing_is_to_be_done_after_a_run(finished_once):
    assert finished_once.planned() == {}


def test_one_key_of_cwola_reruns_cwola_and_what_is_downstream(finished):
    finished.edit("study.yaml", "n_folds: 3", "n_folds: 4")
    assert finished.planned() == {"detect_train": 1, **AFTER_CWOLA}


def test_one_key_of_the_hunt(finished):
    finished.edit("study.yaml", "efficiencies: [0.3]", "efficiencies: [0.25]")
    assert finished.planned() == {"hunt_spectra": 2, **AFTER_HUNT}


def test_opening_the_signal_regions_trains_nothing(finished):
    with finished.config.open("a") as file:
        file.write("  unblind: true\n")
    assert finished.planned() == {"hunt_spectra": 2, **AFTER_HUNT, "review_search": 10}


def test_another_way_to_measure_a_search_does_not_fit_it_again(finished):
    with finished.config.open("a") as file:
        file.write("  evaluate: {n_toys: 50}\n")
    assert finished.planned() == {"hunt_evaluate": 2, "review_search": 2, **COMPARED}


def test_windows_trained_in_jobs_of_their_own_are_trained_and_joined(finished):
    finished.edit("study.yaml", "n_folds: 3", "n_folds: 3\n    windows_per_job: 1")
    assert finished.planned() == {"detect_part": 2, "detect_join": 1, **AFTER_CWOLA}


def test_order_of_keys_reruns_nothing(finished):
    def reverse(value):
        return {key: reverse(value[key]) for key in reversed(value)} if isinstance(value, dict) else value

    raw = yaml.safe_load(finished.config.read_text())
    finished.config.write_text(yaml.safe_dump(reverse(raw), sort_keys=False))
    assert finished.planned() == {}


def test_a_comment_in_the_configuration_reruns_nothing(finished):
    finished.config.write_text("# a remark\n" + finished.config.read_text())
    assert finished.planned() == {}


def test_touching_any_file_reruns_nothing(finished):
    now = time.time() + 10
    for path in sorted(finished.folder.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path, (now, now))
            now += 0.001
    assert finished.planned() == {}


def test_a_comment_or_docstring_in_the_code_reruns_nothing(finished):
    for path in (finished.folder / "src/resonaut").rglob("*.py"):
        path.write_text(path.read_text() + "\n# a remark\n")
    finished.edit("src/resonaut/hunt/spectra.py", '"""', '"""Another first line.\n\n')
    assert finished.planned() == {}


def test_a_statement_in_hunt_reruns_hunt_and_downstream(finished):
    with (finished.folder / "src/resonaut/hunt/spectra.py").open("a") as file:
        file.write("\n_UNUSED = 1\n")
    assert finished.planned() == {"hunt_spectra": 2, **AFTER_HUNT}


def test_a_statement_in_nn_reruns_exactly_what_imports_it(finished):
    with (finished.folder / "src/resonaut/nn/ensemble.py").open("a") as file:
        file.write("\n_UNUSED = 1\n")
    planned = finished.planned()
    # The classifiers that judge a generator are an ensemble too; the generator itself is not.
    searched = {"detect_train": 2, "hunt_spectra": 2, **AFTER_HUNT, "review_search": 10}
    assert planned == {**searched, "generate_evaluate": 1, "review_method": 1}
    with (finished.folder / "src/resonaut/nn/networks/pfn.py").open("a") as file:
        file.write("\n_UNUSED = 1\n")
    assert finished.planned() == {**planned, "tag_train": 1, "tag_evaluate": 1, "review_method": 2}


def test_another_way_to_measure_a_tagger_does_not_train_it_again(finished):
    with (finished.folder / "src/resonaut/tag/evaluation/calibration.py").open("a") as file:
        file.write("\n_UNUSED = 1\n")
    assert finished.planned() == {"tag_evaluate": 1, "review_method": 1, "review_page": 1}


def test_a_new_unrelated_file_reruns_nothing(finished):
    (finished.folder / "src/resonaut/detect/methods/another.py").write_text("X = 1\n")
    assert finished.planned() == {}


def test_a_removed_result_is_made_again(finished):
    (finished.folder / "results/tiny/hunt/data/cwola/spectra.h5").unlink()
    assert finished.planned("hunt") == {"hunt_spectra": 1, "hunt_evaluate": 1, "hunt": 1}
