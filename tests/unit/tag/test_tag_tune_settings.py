"""Settings of a search against those of taggers, and its best parameters in a tagger."""

import json

import pytest

from resonaut.errors import ConfigError, InputError
from resonaut.files import write_json
from resonaut.settings import validate
from resonaut.tag.methods.dense import Settings as Dense
from resonaut.tag.methods.pfn import Settings as Pfn
from resonaut.tag.search.overlay import overlay, replaced
from resonaut.tag.search.settings import TuneSettings, check, leaves

PFN = Pfn(signal=("two",), background=("one",))
PARAMETERS = {
    "training.learning_rate": {"low": "1e-4", "high": 1, "log": True},
    "training.batch_size": {"low": 10, "high": 200, "step": 10},
    "phi": {"choices": [[64, 64], [100, 100, 128]]},
}


def tune_of(**more):
    return validate(TuneSettings, {"tagger": "toy", "parameters": PARAMETERS, **more}, "tune.fast")


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"low": 1, "high": 1}, "low must be below high, got 1 and 1"),
        ({"low": 0, "high": 1, "log": True}, "log needs a low above 0, got 0"),
        ({"low": 0.1, "high": 1, "log": True, "step": 0.1}, "log and step exclude each other"),
        ({"low": 0, "high": 1, "step": 0.3}, r"high - low = 1 must be a multiple of step, got 0\.3"),
        ({"low": 0}, "'low' and 'high', or 'choices', are expected"),
        ({"low": 0, "choices": [1, 2]}, "choices stand alone"),
        ({"choices": [[1], [1]]}, "a choice is given twice"),
        ({"low": 0, "hihg": 1}, r"hihg: unknown key"),
    ],
)
def test_wrong_parameters(parameter, message):
    where = r"tune\.fast\.parameters\.training\.learning_rate"
    with pytest.raises(ConfigError, match=f"{where}.*{message}"):
        tune_of(parameters={"training.learning_rate": parameter})


@pytest.mark.parametrize(
    ("path", "parameter", "message"),
    [
        (
            *("training.learning_rte", {"low": 0.1, "high": 1}),
            "is no setting of the tagger 'toy'. Did you mean 'training.learning_rate'",
        ),
        (
            "n_jets_max",
            {"low": 10, "high": 20},
            "'n_jets_max' cannot be searched in the tagger 'toy'. Known: activation, f, phi, training.ba",
        ),
        ("phi", {"low": 10, "high": 20}, "a range is for numbers; give 'choices' of what phi may be."),
        ("training.batch_size", {"low": 0.5, "high": 8}, ".low: a whole number is expected. Got 0.5."),
        ("training.batch_size", {"low": 0, "high": 8}, ".low: Input should be greater than or equal to 1."),
        ("training.learning_rate", {"low": -1, "high": 1}, ".low: Input should be greater than 0. Got -1"),
        ("training.ema", {"low": 0.5, "high": 1}, ".high: Input should be less than 1. Got 1"),
        ("phi", {"choices": [[8], []]}, ".choices.1: Tuple should have at least 1 item"),
        ("training.schedule", {"choices": ["cosine", "cosin"]}, ".choices.1: Input should be 'constant'"),
    ],
)
def test_parameters_that_the_tagger_does_not_take(path, parameter, message):
    tune = tune_of(parameters={path: parameter})
    with pytest.raises(ConfigError) as error:
        check(tune, PFN, "tune.fast")
    assert str(error.value).startswith(f"tune.fast.parameters.{path}")
    assert message in str(error.value)


def test_numbers_are_whole_where_the_setting_is():
    assert check(tune_of(), PFN, "tune.fast") == {
        "training.learning_rate": float,
        "training.batch_size": int,
    }
    dense = Dense(signal=("a",), background=("b",), inputs=("mass",))
    tune = tune_of(parameters={"training.ema": {"low": 0.9, "high": 0.99}, "hidden": {"choices": [[8], [9]]}})
    assert check(tune, dense, "tune.fast") == {"training.ema": float}


def test_values_that_fit_only_with_another_parameter_are_not_refused():
    """warm_up 0 is refused with the schedule one_cycle, which only some of the trials have."""
    parameters = {
        "training.schedule": {"choices": ["cosine", "one_cycle"]},
        "training.warm_up": {"low": 0, "high": 0.5, "step": 0.25},
    }
    check(tune_of(parameters=parameters), PFN, "tune.fast")
    one_cycle = Pfn(signal=("a",), background=("b",), training={"schedule": "one_cycle"})
    check(tune_of(parameters=parameters), one_cycle, "tune.fast")


def test_a_metric_of_another_task_is_refused():
    message = r"tune\.fast\.metric: 'mean_absolute_error' is not measured for 'toy' \(binary\); one of .* auc"
    with pytest.raises(ConfigError, match=message):
        check(tune_of(metric="mean_absolute_error"), PFN, "tune.fast")


def test_all_paths_of_a_tagger():
    paths = leaves(Pfn)
    assert {"phi", "f", "training.learning_rate", "training.epochs", "inputs"} <= set(paths)
    assert "training" not in paths


# -- the best parameters in a tagger -------------------------------------------------------------------------


def best_file(folder, **more):
    found = {"tune": "fast", "kind": "pfn", "parameters": {"training.learning_rate": 0.02, "phi": [8]}}
    write_json(folder / "best.json", {**found, **more})
    return folder / "best.json"


def test_overlay_replaces_the_parameters_and_nothing_else(tmp_path):
    before = PFN.model_dump(mode="json")
    after = overlay(before, best_file(tmp_path), "pfn")
    assert after["phi"] == [8]
    assert after["training"] == {**before["training"], "learning_rate": 0.02}
    assert {**after, "phi": None, "training": None} == {**before, "phi": None, "training": None}
    assert before == PFN.model_dump(mode="json")


def test_overlay_refuses_another_kind_another_file_and_unknown_parameters(tmp_path):
    settings = PFN.model_dump(mode="json")
    with pytest.raises(InputError, match="the search 'fast' is of 'pfn', the tagger is 'efn'"):
        overlay(settings, best_file(tmp_path), "efn")
    with pytest.raises(InputError, match=r"the parameter 'phii' is unknown to 'pfn'\. Did you mean 'phi'"):
        overlay(settings, best_file(tmp_path, parameters={"phii": [8]}), "pfn")
    write_json(tmp_path / "other.json", {"auc": 1})
    with pytest.raises(InputError, match=r"other\.json: the best parameters of a search are expected"):
        overlay(settings, tmp_path / "other.json", "pfn")
    with pytest.raises(InputError, match="no such file"):
        overlay(settings, tmp_path / "absent.json", "pfn")


def test_replaced_makes_sections_that_are_absent():
    assert replaced({"a": {"b": 1}}, {"a.c": 2, "d.e": 3}) == {"a": {"b": 1, "c": 2}, "d": {"e": 3}}


def test_the_slice_survives_json():
    tune = tune_of()
    assert validate(TuneSettings, json.loads(json.dumps(tune.model_dump(mode="json")))) == tune
