"""Small files of the stage `tag`, for figures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from resonaut.files import canonical_json, write_json
from resonaut.tag import compare
from resonaut.tag.evaluation import summary
from resonaut.tag.evaluation.summary import Scored


def generator(name: str) -> np.random.Generator:
    """Numbers that depend on a name only."""
    return np.random.default_rng(sum(map(ord, name)))


def history(watched: str) -> list[dict[str, Any]]:
    """Epochs of a training."""
    return [
        {
            "epoch": i, "train_loss": 0.2 + 0.4 * 0.8**i, "validation_loss": 0.23 + 0.38 * 0.8**i + 0.002 * i,
            "learning_rate": 1e-3, "metrics": {watched: 0.9 - 0.2 * 0.8**i},
        }
        for i in range(1, 16)
    ]  # fmt: skip


def _write(
    folder: Path,
    name: str,
    head: Mapping[str, Any],
    columns: Mapping[str, np.ndarray],
    metrics: dict[str, Any],
) -> tuple[Path, Path]:
    with h5py.File(folder / f"{name}.h5", "w") as file:
        attributes = {"kind": "tag_scores", "part": "test", "method": name, "rows": "jets", **head}
        for key, value in attributes.items():
            file.attrs[key] = value if isinstance(value, str) else canonical_json(value)
        for key, value in columns.items():
            file[key] = value
    n = len(columns["jets/event"])
    made = {"n_jets": {"train": 3 * n, "validation": n, "test": n}, "n_parameters": 1000, "best_epoch": 11}
    content = {"schema_version": 2, "method": name, **head, "rows": "jets", **metrics, **made}
    write_json(folder / f"{name}.json", content)
    return folder / f"{name}.h5", folder / f"{name}.json"


def _ids(n: int) -> dict[str, np.ndarray]:
    ones = np.ones(n, np.int64)
    return {
        "jets/index": np.zeros(n, np.int16), "jets/run": ones, "jets/lumi": ones, "jets/event": np.arange(n),
    }  # fmt: skip


def make_tag(folder: Path, n: int = 2000, name: str = "pfn", power: float = 5.0) -> tuple[Path, Path]:
    """Scores of a binary tagger of three networks and their metrics."""
    random = generator(name)
    label = (np.arange(n) % 4 == 0).astype(np.int8)
    background = random.beta(1.2, 6, (3, n)) if power > 4 else random.beta(1.2, 4, (3, n))
    restarts = np.where(label, random.beta(power, 1.5, (3, n)), background).astype(np.float32)
    jets = {"pt": random.uniform(500, 1500, n), "mass": np.where(label, random.normal(80, 9, n), 60)}
    score = restarts.mean(0)
    test = Scored(score, restarts, label, jets=jets)
    metrics = summary.binary(test, Scored(score[: n // 2], label=label[: n // 2]))
    columns = {
        **_ids(n), "jets/score": score, "jets/restart_scores": restarts.T, "jets/label": label,
        "jets/dataset": label.astype(np.int16), "training/score": score[: n // 2],
        "training/label": label[: n // 2], **{f"jets/{key}": value for key, value in jets.items()},
    }  # fmt: skip
    head = {"task": "binary", "classes": ["background", "signal"], "datasets": ["qcd", "wprime"]}
    return _write(folder, name, head, columns, {**metrics, "history": history("auc")})


def make_classes(folder: Path, n: int = 1500) -> tuple[Path, Path]:
    """Scores of a tagger of seven classes, one of which the test part lacks, and their metrics."""
    names = [f"class{number}" for number in range(7)]
    random = generator("classes")
    label = random.integers(0, 6, n)
    values = np.exp(random.normal(size=(n, 7)) + 3 * np.eye(7)[label])
    scores = (values / values.sum(1, keepdims=True)).astype(np.float32)
    metrics = summary.classes(Scored(scores, scores[None], label), Scored(scores, label=label), names)
    columns = {**_ids(n), "jets/scores": scores, "jets/label": label.astype(np.int8)}
    head = {"task": "classes", "classes": names, "datasets": names}
    return _write(folder, "classes", head, columns, {**metrics, "history": history("accuracy")})


def make_regression(folder: Path, n: int = 1500, reference: bool = True) -> tuple[Path, Path]:
    """Predicted masses and their metrics; without a reference there are no epochs and no pt either."""
    random = generator("regression")
    target = random.uniform(50, 200, n)
    prediction, before = target * random.normal(1, 0.1, n), target * random.normal(1.1, 0.2, n)
    columns = {**_ids(n), "jets/prediction": prediction, "jets/target": target}
    test = Scored(prediction, target=target)
    if reference:
        columns["jets/reference"] = before
        test = Scored(prediction, None, None, target, before, {"pt": random.uniform(500, 900, n)})
    metrics = summary.regression(test, Scored(prediction, target=target))
    head = {"task": "regression", "classes": [], "datasets": ["wprime"]}
    epochs = history("mean_absolute_error") if reference else []
    return _write(folder, f"mass{reference:d}", head, columns, {**metrics, "history": epochs})


def make_comparison(folder: Path, n: int = 2000) -> Path:
    """A comparison of eight taggers."""
    names = [f"t{number}" for number in range(8)]
    made = {name: make_tag(folder, n, name, 2.0 + number) for number, name in enumerate(names)}
    compare.run(
        {name: scores for name, (scores, _) in made.items()},
        {name: metrics for name, (_, metrics) in made.items()},
        folder / "comparison.json",
        folder / "comparison.md",
    )
    return folder / "comparison.json"


def make_tune(folder: Path) -> Path:
    """Trials of a search."""
    rate = {"low": 1e-4, "high": 1.0, "log": True, "step": None, "choices": None}
    trials = [
        {
            "number": number,
            "state": "completed",
            "value": 0.3 + 0.1 / number,
            "parameters": {"training.learning_rate": 1e-3 * number},
        }
        for number in range(1, 7)
    ]
    head = {"tune": "fast", "tagger": "pfn", "metric": "validation_loss", "direction": "minimize"}
    text = {**head, "parameters": {"training.learning_rate": rate}, "trials": trials}
    write_json(folder / "trials.json", text)
    return folder / "trials.json"
