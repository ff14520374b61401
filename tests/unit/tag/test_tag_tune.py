"""The search itself, on objectives with a known minimum."""

import logging
import math
import time
import warnings

import pytest

from resonaut.errors import ConfigError, TrainingError
from resonaut.seeds import integer_seed
from resonaut.settings import validate
from resonaut.tag.methods.pfn import Settings as Pfn
from resonaut.tag.search.journal import FILE, Journal, folder_of
from resonaut.tag.search.settings import TuneSettings, check
from resonaut.tag.search.trials import Search, search, values_of

PFN = Pfn(signal=("two",), background=("one",))
PARAMETERS = {
    "training.learning_rate": {"low": "1e-4", "high": 1, "log": True},
    "training.batch_size": {"low": 10, "high": 200, "step": 10},
    "phi": {"choices": [[64, 64], [100, 100, 128]]},
}


def tune_of(**more):
    return validate(TuneSettings, {"tagger": "toy", "parameters": PARAMETERS, **more}, "tune.fast")


def search_of(seed=3, **more):
    tune = tune_of(**more)
    return Search(tune, check(tune, PFN, "tune.fast"), seed, "tune.fast")


def bowl(parameters, number, seed, report):
    """Least at a rate of 0.01, a batch of 100 and the first choice, where it is 0."""
    distance = math.log10(parameters["training.learning_rate"]) + 2
    width = (parameters["training.batch_size"] - 100) / 100
    return distance**2 + width**2 + (parameters["phi"] != [64, 64])


def run(what, objective=bowl, folder=None):
    return search(what, objective, Journal(folder, {"of": "test"}, "tune.fast"))


def untimed(trials):
    return [{**trial.__dict__, "seconds": None} for trial in trials]


def test_minimum_of_a_bowl_is_found_better_than_at_random():
    what = search_of(n_trials=60)
    best = what.best(run(what))
    values = values_of(best.parameters, what.tune)
    assert values["phi"] == [64, 64]
    assert 1e-2 / 1.6 < values["training.learning_rate"] < 1e-2 * 1.6
    assert abs(values["training.batch_size"] - 100) <= 20
    blind = search_of(n_trials=60, sampler="random")
    assert best.value < 0.5 * blind.best(run(blind)).value


def test_maximum_is_found_where_large_is_good():
    what = search_of(n_trials=40, metric="auc")
    best = what.best(run(what, lambda *arguments: 1 - bowl(*arguments)))
    assert best.value > 0.9
    assert best.value == max(trial.value for trial in run(what, lambda *arguments: 1 - bowl(*arguments)))


def test_values_are_in_range_and_on_their_grid():
    what = search_of(n_trials=40, sampler="random")
    trials = [values_of(trial.parameters, what.tune) for trial in run(what)]
    batches = {values["training.batch_size"] for values in trials}
    assert all(isinstance(batch, int) and batch % 10 == 0 and 10 <= batch <= 200 for batch in batches)
    rates = sorted(math.log10(values["training.learning_rate"]) for values in trials)
    assert -4 <= rates[0] < -3 < -1 < rates[-1] <= 0
    # Uniform in the logarithm: the median of 40 is 6 standard deviations from that of a linear range.
    assert abs(rates[20] + 2) < 1


def test_whole_numbers_are_drawn_in_the_logarithm_too():
    parameters = {"training.batch_size": {"low": 1, "high": 10_000, "log": True}}
    what = search_of(n_trials=40, sampler="random", parameters=parameters)
    trials = run(what, lambda parameters, *more: float(parameters["training.batch_size"]))
    sizes = sorted(trial.parameters["training.batch_size"] for trial in trials)
    assert all(isinstance(size, int) for size in sizes)
    assert abs(math.log10(sizes[20]) - 2) < 1


def test_two_searches_are_equal_and_another_seed_is_not():
    what = search_of(n_trials=15)
    assert untimed(run(what)) == untimed(run(what))
    assert untimed(run(what)) != untimed(run(search_of(4, n_trials=15)))


def test_a_longer_search_begins_with_the_same_trials():
    short, long = (run(search_of(n_trials=number)) for number in (12, 20))
    assert untimed(long)[:12] == untimed(short)


def test_seeds_come_from_the_study_the_search_and_the_number():
    seeds = []
    run(search_of(n_trials=3), lambda p, number, seed, report: seeds.append(seed) or 0.0)
    assert seeds == [integer_seed(3, "tune.fast", number) for number in (1, 2, 3)]


def slow_learner(parameters, number, seed, report):
    """A bowl that is reached epoch by epoch."""
    for epoch in range(1, 11):
        report(epoch, bowl(parameters, number, seed, report) + 1 / epoch)
    return bowl(parameters, number, seed, report) + 0.1


def test_trainings_worse_than_the_median_are_pruned_after_the_warm_up():
    what = search_of(n_trials=30, n_startup=5, warm_up_epochs=3)
    trials = run(what, slow_learner)
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert len(pruned) > 5
    assert min(trial.number for trial in pruned) > 5
    for trial in pruned:
        length = len(trial.epochs)
        others = sorted(t.epochs[length - 1] for t in trials[: trial.number - 1] if t.state == "completed")
        middle = len(others) // 2
        median = others[middle] if len(others) % 2 else (others[middle - 1] + others[middle]) / 2
        assert length >= 4
        assert min(trial.epochs) > median
        assert trial.value == trial.epochs[-1]
    assert not any(t.state == "pruned" for t in run(search_of(n_trials=30, pruner="none"), slow_learner))
    assert what.best(trials).state == "completed"


@pytest.mark.parametrize("objective", [bowl, slow_learner])
@pytest.mark.parametrize("killed_at", [1, 5, 12])
def test_a_killed_search_goes_on_and_ends_as_one_that_was_not(tmp_path, objective, killed_at):
    what = search_of(n_trials=16, n_startup=4)
    numbers = []

    def dying(parameters, number, seed, report):
        numbers.append(number)
        if number == killed_at and numbers.count(number) == 1:
            raise KeyboardInterrupt
        return objective(parameters, number, seed, report)

    with pytest.raises(KeyboardInterrupt):
        run(what, dying, tmp_path)
    # A kill may cut a line short.
    with (tmp_path / FILE).open("a") as file:
        file.write('{"number": 5, "sta')
    trials = run(what, dying, tmp_path)
    assert untimed(trials) == untimed(run(what, objective))
    assert numbers == [*range(1, killed_at + 1), *range(killed_at, 17)]


def test_a_journal_of_another_search_is_left_aside(tmp_path, caplog):
    what = search_of(n_trials=3)
    first = search(what, bowl, Journal(tmp_path, {"settings": "a", "threads": "1"}, "tune.fast"))
    with caplog.at_level(logging.WARNING, "resonaut"):
        again = Journal(tmp_path, {"settings": "b", "threads": "1"}, "tune.fast")
    assert again.trials == []
    assert f"{tmp_path / FILE} is of another search: settings" in caplog.text
    assert untimed(search(what, bowl, again)) == untimed(first)
    again.forget()
    assert not tmp_path.exists()


def test_journal_stands_beside_the_output(tmp_path):
    assert folder_of(tmp_path / "best.json") == tmp_path / ".best.tuning"


def test_time_that_is_out_ends_the_search_also_after_a_kill(tmp_path):
    def slow(*arguments):
        time.sleep(0.05)
        return bowl(*arguments)

    what = search_of(n_trials=50, timeout=0.2)
    seconds = [trial.seconds for trial in run(what, slow, tmp_path)]
    assert sum(seconds[:-1]) < 0.2 <= sum(seconds)
    assert [trial.seconds for trial in run(what, slow, tmp_path)] == seconds


def test_bad_combinations_are_pruned_and_failures_do_not_end_the_search(caplog):
    def picky(parameters, number, seed, report):
        if number == 2:
            raise ConfigError("phi: too wide")
        if number == 3:
            raise TrainingError("the loss is nan")
        if number == 4:
            return math.nan
        return bowl(parameters, number, seed, report)

    what = search_of(n_trials=14)
    with caplog.at_level(logging.INFO, "resonaut"):
        trials = run(what, picky)
    assert [trial.state for trial in trials[:4]] == ["completed", "pruned", "failed", "failed"]
    assert all(trial.state == "completed" for trial in trials[4:])
    assert [trial.value for trial in trials[1:4]] == [None] * 3
    assert trials[1].reason == "settings that do not fit each other: phi: too wide"
    assert trials[2].reason == "the loss is nan"
    assert "tune.fast: trial 2 of 14 pruned with phi" in caplog.text
    best = what.best(trials)
    assert f"(best: {best.value:.5g}, trial {best.number})" in caplog.text


def test_no_completed_trial_is_an_error_with_the_last_reason():
    def never(parameters, number, seed, report):
        raise ConfigError(f"no {number}.")

    with pytest.raises(TrainingError, match=r"tune\.fast: none of 3 trials was completed; .*no 3\. Narrow"):
        run(search_of(n_trials=3), never)


def test_optuna_is_silent_and_warns_of_nothing(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(search_of(n_trials=12, n_startup=3), slow_learner)
    assert capfd.readouterr() == ("", "")
