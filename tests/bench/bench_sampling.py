"""Draws of flows per second against zuko's default, and flow matching at halved numbers of steps.

    python tests/bench/bench_sampling.py [--features 10] [--rows 10000] [--threads 1] [--epochs 20]

The peer is `zuko.flows.MAF` as it comes (five affine autoregressive transforms are ours to set; its inverse
takes a pass per feature), of as many transforms and layers of the same size. Ours are the coupling flow and
the inverse autoregressive one, with their scaling. All draw the same number of rows in the same run, and the
best of the rounds counts. Seconds are of processor time on a CPU.

The second table trains flow matching on rows with known correlations and a bent pair of columns, distils it,
and draws as many rows as are kept aside at each number of steps: the mean Wasserstein distance per column in
widths, with the standard deviation over parts of the rows, beside that of true rows against true rows; and
the area under the ROC curve of a small network that tells draws from true rows, with its error
(doi:10.1148/radiology.143.1.7063747).
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import zuko
from torch import Tensor, nn

from resonaut.generate.interface import Job, Shape
from resonaut.generate.methods import flow_matching
from resonaut.nn.device import seeded
from resonaut.nn.flow_features import FeatureFlow
from resonaut.nn.networks.dense import dense
from resonaut.nn.networks.flow_matching import solve
from resonaut.nn.samples import FixedSamples
from resonaut.nn.settings import ScheduledTraining
from resonaut.nn.training import train
from resonaut.settings import validate

_PARTS = 5


def seconds(draw: Callable[[], Tensor], repeats: int) -> float:
    """Least processor time of a draw."""
    best = math.inf
    for _ in range(repeats + 1):
        start = time.process_time()
        with torch.no_grad():
            draw()
        best = min(best, time.process_time() - start)
    return best


def speed(features: int, rows: int, transforms: int, hidden: tuple[int, ...], repeats: int) -> None:
    """Print rows per second of zuko's default and of ours."""
    condition = torch.rand(rows, 1) + 1
    peer = zuko.flows.MAF(features, 1, transforms=transforms, hidden_features=hidden)
    base = seconds(lambda: peer(condition).sample(), repeats)
    print(f"{features} features, {rows} rows, {transforms} transforms of {hidden}:")
    print(f"  zuko.flows.MAF: {rows / base:.0f} rows/s")
    for kind in ("coupling", "inverse_autoregressive", "autoregressive"):
        network = FeatureFlow(features, 1, kind, transforms, hidden, 8).eval()
        network.measure(torch.randn(1000, features), torch.rand(1000, 1) + 1)
        found = seconds(lambda: network.sample(condition), repeats)  # noqa: B023
        print(f"  {kind}: {rows / found:.0f} rows/s, {base / found:.1f} times zuko's default")


def toy(count: int, features: int, seed: int) -> tuple[Tensor, Tensor]:
    """Correlated columns, of which the second bends with the first; their means follow the condition."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(0).normal(size=(features, features)) / math.sqrt(features)
    condition = random.uniform(0, 1, (count, 1))
    values = random.normal(size=(count, features)) @ (np.eye(features) + 0.5 * mixing) + condition
    values[:, 1] += 0.7 * values[:, 0] ** 2
    return torch.tensor(values, dtype=torch.float32), torch.tensor(condition, dtype=torch.float32)


def distance(drawn: Tensor, true: Tensor) -> tuple[float, float]:
    """Mean Wasserstein distance per column, in widths, and its standard error from parts of the rows."""

    def mean(one: Tensor, other: Tensor) -> float:
        gap = (one.sort(0).values - other.sort(0).values).abs().mean(0)
        return float((gap / true.std(0)).mean())

    parts = [mean(a, b) for a, b in zip(drawn.chunk(_PARTS), true.chunk(_PARTS), strict=True)]
    return mean(drawn, true), float(np.std(parts, ddof=1) / math.sqrt(_PARTS))


def area(drawn: Tensor, true: Tensor, condition: Tensor) -> tuple[float, float]:
    """Area under the ROC curve of a network that is trained on half of the rows, and its error."""
    table = torch.cat([torch.cat([drawn, true]), condition.repeat(2, 1)], dim=1)
    table = (table - table.mean(0)) / table.std(0)
    label = torch.arange(2).repeat_interleave(len(true)).float()
    with seeded(1):
        order = torch.randperm(len(table))
        network = dense((table.shape[1], 64, 64, 1), last_activation=False)
    half, quarter = order[: len(order) // 2], len(order) * 5 // 8
    validation, test = order[len(half) : quarter], order[quarter:]
    settings = ScheduledTraining(epochs=25, batch_size=256, device="cpu", patience=6)

    def loss(net: nn.Module, values: tuple[Tensor, ...]) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(
            net(values[0])[:, 0], values[1], reduction="none"
        )

    samples = (FixedSamples(table[part], label[part]) for part in (half, validation))
    train(network, *samples, loss, settings, seed=1, where="bench")
    with torch.no_grad():
        score = network(table[test])[:, 0]
    rank = score.argsort().argsort().double() + 1
    one = label[test] == 1
    n, m = int(one.sum()), int((~one).sum())
    found = (float(rank[one].sum()) - n * (n + 1) / 2) / (n * m)
    q1, q2 = found / (2 - found), 2 * found**2 / (1 + found)
    spread = found * (1 - found) + (n - 1) * (q1 - found**2) + (m - 1) * (q2 - found**2)
    return found, math.sqrt(spread / (n * m))


def steps(features: int, rows: int, epochs: int) -> None:
    """Print distances at each number of steps, of the teacher's solver and of students."""
    training = {"epochs": epochs, "batch_size": 256, "learning_rate": 3e-3, "device": "cpu", "ema": 0.99}
    students = {**training, "epochs": max(1, epochs // 2), "learning_rate": 1e-3}
    settings = {
        "datasets": ["toy"],
        "learn": "features",
        "inputs": ["x"],
        "conditions": ["c"],
        "width": 96,
        "blocks": 3,
        "steps": 16,
        "solver": "midpoint",
        "training": training,
        "distil": {"steps": [8, 4, 2, 1], "training": students},
    }
    generator = flow_matching.build(validate(flow_matching.Settings, settings))
    names = tuple(f"x{number}" for number in range(features))
    with seeded(1):
        network = generator.network(Shape("features", (features,), names, ("c",), {}))
    samples = (FixedSamples(*toy(count, features, seed)) for count, seed in ((rows, 1), (rows // 4, 2)))
    with tempfile.TemporaryDirectory() as folder:
        generator.fit(network, *samples, Job(1, "bench", Path(folder), ""))
    true, condition = toy(rows, features, 3)
    floor = distance(toy(rows, features, 4)[0], true)
    print(
        f"flow matching of {features} features, {rows} rows; W1 of true rows {floor[0]:.4f} +- {floor[1]:.4f}"
    )
    matching, noise = network.matching, torch.randn(rows, features)
    context = network.conditions(condition)

    def report(name: str, evaluations: int, draw: Callable[[], Tensor]) -> None:
        start = time.process_time()
        with torch.no_grad():
            drawn = network.scale.inverse(draw())
        rate = rows / (time.process_time() - start)
        w1, auc = distance(drawn, true), area(drawn, true, condition)
        print(
            f"  {name}: {evaluations} evaluations, {rate:.0f} rows/s, W1 {w1[0]:.4f} +- {w1[1]:.4f}, "
            f"AUC {auc[0]:.3f} +- {auc[1]:.3f}"
        )

    for number in (16, 8, 4, 2, 1):
        report(
            f"midpoint, {number} steps",
            2 * number,
            lambda number=number: solve(matching.field(context), noise, "midpoint", number),
        )
    for number in (8, 4, 2, 1):
        report(
            f"student of {number} steps", number, lambda number=number: matching.draw(noise, context, number)
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--transforms", type=int, default=5)
    parser.add_argument("--hidden", type=int, nargs="+", default=[64, 64])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    speed(given.features, given.rows, given.transforms, tuple(given.hidden), given.repeats)
    steps(given.features, given.rows, given.epochs)


if __name__ == "__main__":
    main()
