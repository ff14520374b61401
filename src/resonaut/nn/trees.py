"""Gradient-boosted trees on histograms, by scikit-learn (as in arXiv:2309.13111, for weak supervision)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from pydantic import Field

from resonaut.errors import TrainingError
from resonaut.logs import log
from resonaut.seeds import integer_seed
from resonaut.settings import Count, Settings

if TYPE_CHECKING:
    from resonaut.nn.training import History


class BoostingSettings(Settings):
    """How trees are grown; as in arXiv:2309.13111, which stops at 100 iterations at the latest."""

    n_iterations: Count = Field(200, ge=1, description="Iterations at most; each adds one tree per output.")
    learning_rate: float = Field(0.1, gt=0, description="Factor of each new tree.")
    max_leaf_nodes: Count = Field(31, ge=2, description="Leaves of a tree at most.")
    max_depth: Count | None = Field(None, ge=1, description="Levels of a tree at most; null for any.")
    min_samples_leaf: Count = Field(20, ge=1, description="Rows in a leaf at least.")
    l2_regularization: float = Field(0.0, ge=0, description="Added to the denominator of a leaf's value.")
    max_bins: Count = Field(127, ge=2, le=255, description="Bins of a feature, which are filled equally.")
    max_features: float = Field(1.0, gt=0, le=1, description="Share of the features a split may choose from.")
    patience: Count = Field(
        10, ge=1, description="Iterations without a better validation loss before stopping."
    )
    device: Literal["cpu"] = Field("cpu", description="Where trees are grown: on the CPU only.")


class Rows(Protocol):
    """Rows to learn from."""

    @property
    def values(self) -> np.ndarray:
        """(n, n_features) float32; NaN where missing."""
        ...

    @property
    def target(self) -> np.ndarray:
        """(n,) 0 or 1 (binary), index of the class (classes), or the value to predict (regression)."""
        ...

    @property
    def weight(self) -> np.ndarray:
        """(n,) weights, 0 or more; only ratios matter."""
        ...


def fit(
    training: Rows,
    validation: Rows,
    task: str,
    n_outputs: int,
    settings: BoostingSettings,
    *,
    seed: int,
    threads: int = 1,
) -> tuple[dict[str, np.ndarray], History]:
    """Grow trees until the loss of the validation rows has not fallen for a while; keep those of its minimum.

    Equal rows, settings and seed give equal trees, for any number of threads: each histogram is filled by
    one thread, in the order of the rows. The seed decides which features a split may choose from, if not all,
    and, with more than 200 000 rows, from which of them the bins are found.

    Args:
        training, validation: rows.
        task: binary or classes, where the cross-entropy falls; or regression: the squared error.
        n_outputs: 1; for classes, their number.
        settings: of the trees.
        seed: of everything random.
        threads: CPU threads.

    Returns:
        The buffers of a `nn.networks.trees.TreeEnsemble`, and the mean weighted losses after each iteration.

    Raises:
        TrainingError: a class without rows; weights that are negative, or all 0.
    """
    import sklearn.ensemble
    from threadpoolctl import threadpool_limits

    kind = "Regressor" if task == "regression" else "Classifier"
    model = getattr(sklearn.ensemble, f"HistGradientBoosting{kind}")(
        **settings.model_dump(exclude={"n_iterations", "patience", "device"}),
        max_iter=settings.n_iterations,
        n_iter_no_change=settings.patience,
        early_stopping=True,
        tol=0.0,
        categorical_features=None,
        random_state=integer_seed(seed, "boosted trees", bits=32),
    )
    targets = [_target(rows, task, n_outputs, what) for rows, what in _named(training, validation)]
    weights = [_weight(rows, what) for rows, what in _named(training, validation)]
    with threadpool_limits(threads, user_api="openmp"):
        model.fit(
            *(training.values, targets[0], weights[0]),
            X_val=validation.values,
            y_val=targets[1],
            sample_weight_val=weights[1],
        )
    history = _history(model, 2.0 if task == "regression" else 1.0)
    best = history.epochs[history.best_epoch - 1]
    log.info(
        "Boosted trees: %d iterations of at most %d, %d kept: training loss %.5g, validation loss %.5g",
        *(len(history.epochs), settings.n_iterations, best.epoch, best.train_loss, best.validation_loss),
    )
    return _arrays(model, history.best_epoch, n_outputs), history


def _named(training: Rows, validation: Rows) -> tuple[tuple[Rows, str], tuple[Rows, str]]:
    return (training, "training"), (validation, "validation")


def _target(rows: Rows, task: str, n_outputs: int, what: str) -> np.ndarray:
    if task == "regression":
        return np.asarray(rows.target, np.float64)
    target = np.asarray(rows.target).astype(np.int64)
    n_classes = max(2, n_outputs)
    present = np.bincount(target, minlength=n_classes) > 0
    if not present[:n_classes].all() or len(present) > n_classes:
        found = ", ".join(map(str, np.flatnonzero(present))) or "none"
        raise TrainingError(
            f"The {what} rows hold the classes {found}; all of 0 to {n_classes - 1} are expected. Make more "
            "events or loosen the selection."
        )
    return target


def _weight(rows: Rows, what: str) -> np.ndarray:
    """Weights of mean 1: a split needs a sum of second derivatives that does not scale with them."""
    weight = np.asarray(rows.weight, np.float64)
    if not weight.min(initial=0) >= 0 or not 0 < weight.sum() < np.inf:
        raise TrainingError(
            f"The weights of the {what} rows go from {weight.min(initial=0):g} to {weight.max(initial=0):g}; "
            "boosted trees need weights of 0 or more, some of them above 0. Leave negative weights out."
        )
    return weight / weight.mean()


def _history(model: object, factor: float) -> History:
    """Losses after each iteration; those of the baseline, without a tree, are left out."""
    from resonaut.nn.training import Epoch, History

    losses = -factor * np.stack([model.train_score_, model.validation_score_], axis=1)[1:]
    epochs = tuple(Epoch(number, *pair) for number, pair in enumerate(losses.tolist(), 1))
    return History(epochs, 1 + int(losses[:, 1].argmin()))


def _arrays(model: object, n_iterations: int, n_outputs: int) -> dict[str, np.ndarray]:
    """Buffers of the first iterations. scikit-learn shows its trees in private attributes only."""
    kept = model._predictors[:n_iterations]
    baseline = np.zeros(n_outputs)
    # Of two classes, scikit-learn has the log odds of the second one alone.
    first = n_outputs - len(kept[0])
    baseline[first:] = model._baseline_prediction[0]
    trees = [(first + k, tree.nodes) for predictors in kept for k, tree in enumerate(predictors)]
    depth = np.array([int(nodes["depth"].max()) for _, nodes in trees])
    order = np.argsort(-depth, kind="stable")
    shape = (len(trees), max(len(nodes) for _, nodes in trees))
    arrays = {
        "feature": np.full(shape, model.n_features_in_, np.int64),
        "threshold": np.full(shape, np.inf, np.float32),
        "child": np.arange(np.prod(shape), dtype=np.int32).reshape(shape),
        "value": np.zeros(shape),
    }
    for line, number in enumerate(order):
        _write(trees[number][1], model.n_features_in_, {name: array[line] for name, array in arrays.items()})
    output = np.array([trees[number][0] for number in order])
    return {**arrays, "output": output, "depth": depth[order], "baseline": baseline}


def _write(nodes: np.ndarray, n_features: int, line: dict[str, np.ndarray]) -> None:
    """Put the nodes of a tree into its line, siblings side by side; `child` begins as positions."""
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    place = np.zeros(len(nodes), np.int64)
    place[nodes["left"][inner]] = 1 + 2 * np.arange(len(inner))
    place[nodes["right"][inner]] = 2 + 2 * np.arange(len(inner))
    root = line["child"][0]
    line["value"][place] = nodes["value"]
    line["child"][place[inner]] = root + place[nodes["left"][inner]]
    missing_left = nodes["missing_go_to_left"][inner].astype(bool)
    line["feature"][place[inner]] = nodes["feature_idx"][inner] + n_features * missing_left
    line["threshold"][place[inner]] = rounded_down(nodes["num_threshold"][inner])


def rounded_down(values: np.ndarray) -> np.ndarray:
    """The largest float32 that is not above each float64; x <= it, of a float32 x, means x <= the float64.

    Args:
        values: (n,) float64.

    Returns:
        (n,) float32.
    """
    with np.errstate(over="ignore"):
        near = values.astype(np.float32)
        return np.where(near > values, np.nextafter(near, np.float32(-np.inf)), near)
