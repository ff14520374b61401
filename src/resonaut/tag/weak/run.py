"""What is learnt from mixed samples without labels, beside what labels on the same rows give.

The JSON holds `name`, `tagger`, `n_seeds`, `n_test` (rows by class), and `mixtures`: for each `fractions`
(ascending), `difference` of the largest and the smallest, `n_rows` (of training and validation), and
`methods`: for full (labels on the same rows), cwola, llp and equivalent (labels on (f1 - f2)^2 of the rows)
`auc` on the labelled test rows, `values` of each seed, `seeds_spread`, `statistical` (DeLong), `standard` of
the mean from both; `below_full`, the mean difference to full of the same seeds, with its error; `mixed`: the
AUC between the samples with the largest and the smallest fraction, made of test rows, with its error; and
`from_mixed`, the AUC that follows from it without any label; `provenance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import ConfigError
from resonaut.files import atomic, write_json
from resonaut.logs import log
from resonaut.nn.device import deterministic
from resonaut.provenance import describe, write_run_record
from resonaut.settings import validate
from resonaut.tag import networks
from resonaut.tag.evaluation import metrics
from resonaut.tag.evaluation.delong import auc_error
from resonaut.tag.fitting import fit_once
from resonaut.tag.rows.prepare import PACKAGES, Prepared, prepare
from resonaut.tag.settings import TaggerSettings
from resonaut.tag.stability.rows import hashes
from resonaut.tag.stability.steps import in_as_many_steps
from resonaut.tag.weak import mixed
from resonaut.tag.weak.proportions import proportion_loss
from resonaut.tag.weak.settings import WeakSettings, WeakSlice
from resonaut.tag.weak.table import markdown

_FEWEST = 20


def run(
    settings: Mapping[str, Any], inputs: Mapping[str, Path], output: Path, table: Path, threads: int = 2
) -> None:
    """Train a tagger on mixed samples and measure it with labels.

    Args:
        settings: name, seed, `WeakSettings` under `weak`, and the slice of the tagger under `tag`.
        inputs: manifest of each dataset of the tagger, of the representation that it reads.
        output: JSON to write, see the module.
        table: Markdown to write.
        threads: of the CPU; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError: see the messages.
    """
    slice_ = validate(WeakSlice, settings, "--settings")
    where = f"weak.{slice_.name}"
    of_tagger, tagger, tag_where = registry.from_slice("tag", slice_.tag)
    if of_tagger.task != "binary":
        raise ConfigError(
            f"{where}.tagger: the task of '{slice_.weak.tagger}' is '{of_tagger.task}'; one of two classes "
            "is expected."
        )
    rows = prepare(slice_.tag, of_tagger, tagger, tag_where, inputs, threads)
    with deterministic(threads):
        result = Job(of_tagger, rows, slice_.weak, slice_.seed, where).result()
    provenance = {**describe(dict(settings), inputs.values(), PACKAGES), "threads": threads}
    write_json(output, {"schema_version": 1, "name": slice_.name, **result, "provenance": provenance})
    with atomic(table) as part:
        part.write_text(markdown({"name": slice_.name, **result}), encoding="utf-8")
    write_run_record(output, threads=threads)


@dataclass(frozen=True)
class Drawn:
    """Mixed samples of one seed.

    Attributes:
        parts: row numbers for training, for validation and of all test rows.
        samples: number of the sample of each row of the first two parts.
    """

    parts: list[np.ndarray]
    samples: list[np.ndarray]


@dataclass(frozen=True)
class Job:
    """One entry of the configuration.

    Attributes:
        settings, rows: of the tagger.
        own: the entry.
        seed: the study's seed.
        where: key of the entry.
    """

    settings: TaggerSettings
    rows: Prepared
    own: WeakSettings
    seed: int
    where: str

    def result(self) -> dict[str, Any]:
        """All numbers of the entry."""
        n_rows = [self._n_rows(part) for part in (0, 1, 2)]
        if self.own.n_rows is not None:
            if self.own.n_rows > n_rows[0]:
                raise ConfigError(
                    f"{self.where}.n_rows: {self.own.n_rows} training rows are asked for, but with these "
                    f"fractions '{self.own.tagger}' has {n_rows[0]}. Name fewer, or make more events."
                )
            n_rows[1] = max(_FEWEST, n_rows[1] * self.own.n_rows // n_rows[0])
            n_rows[0] = self.own.n_rows
        if min(n_rows) < _FEWEST:
            raise ConfigError(
                f"{self.where}.mixtures: {min(n_rows)} rows have these fractions in a part of the rows of "
                f"'{self.own.tagger}'; {_FEWEST} are expected. Make more events."
            )
        label = self.rows.group[self.rows.parts[2]]
        return {
            "tagger": self.own.tagger,
            "n_seeds": self.own.n_seeds,
            "n_test": dict(
                zip(self.rows.task.classes, np.bincount(label, minlength=2).tolist(), strict=True)
            ),
            "mixtures": [self._mixture(tuple(sorted(mixture)), n_rows) for mixture in self.own.mixtures],
        }

    def _n_rows(self, part: int) -> int:
        label = self.rows.group[self.rows.parts[part]]
        return mixed.most_rows(self.own.mixtures, int((label == 0).sum()), int((label == 1).sum()))

    def _mixture(self, fractions: tuple[float, ...], n_rows: Sequence[int]) -> dict[str, Any]:
        difference = fractions[-1] - fractions[0]
        names = ["full", *self.own.methods, *(["equivalent"] if self.own.equivalent else [])]
        outputs: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for number in range(self.own.n_seeds):
            drawn = self._drawn(fractions, n_rows, number)
            for name in names:
                log.info("%s: %s of %s, seed %d", self.where, name, list(fractions), number + 1)
                own = self._share(drawn, difference**2, number) if name == "equivalent" else drawn
                if own is not None:
                    outputs[name].append(self._trained(name, fractions, own, number))
        hashed = hashes(self.rows.jets, self.rows.names, self.seed, "tag weak test")
        group, part = self.rows.group, self.rows.parts[2]
        place = mixed.draw(part, group, hashed, fractions, n_rows[2], self.where)
        methods = {
            name: self._measured(found, outputs["full"], place, difference)
            for name, found in outputs.items()
            if found
        }
        used = dict(zip(("training", "validation"), (len(part) for part in drawn.parts), strict=False))
        return {
            "fractions": list(fractions),
            "difference": difference,
            "n_rows": used,
            "n_equivalent": int(difference**2 * used["training"]),
            "methods": methods,
        }

    def _drawn(self, fractions: Sequence[float], n_rows: Sequence[int], number: int) -> Drawn:
        hashed = hashes(self.rows.jets, self.rows.names, self.seed, f"tag weak {number}")
        choice = [
            mixed.draw(self.rows.parts[part], self.rows.group, hashed, fractions, n_rows[part], self.where)
            for part in (0, 1)
        ]
        return Drawn([*(rows for rows, _ in choice), self.rows.parts[2]], [samples for _, samples in choice])

    def _share(self, drawn: Drawn, share: float, number: int) -> Drawn | None:
        """A share of the rows, of both classes alike; None where too few are left."""
        hashed = hashes(self.rows.jets, self.rows.names, self.seed, f"tag weak share {number}")
        parts = []
        for part in drawn.parts[:2]:
            kept = []
            for kind in (0, 1):
                own = part[self.rows.group[part] == kind]
                kept.append(own[np.argsort(hashed[own], kind="stable")][: int(share * len(own))])
            parts.append(np.sort(np.concatenate(kept)))
            if min(map(len, kept)) < _FEWEST // 2:
                return None
        return Drawn([*parts, drawn.parts[2]], [])

    def _trained(self, name: str, fractions: Sequence[float], drawn: Drawn, number: int) -> np.ndarray:
        """Outputs of the test rows."""
        rows, settings, tagger = replace(self.rows, parts=drawn.parts), self.settings, self.rows.tagger
        if name in ("cwola", "llp"):
            group = self.rows.group.copy()
            for part, sample in zip(drawn.parts[:2], drawn.samples, strict=True):
                group[part] = sample
            rows = replace(rows, group=group, target=group.astype(self.rows.target.dtype))
        if name == "llp":
            tagger = replace(tagger, loss=proportion_loss(fractions))
            rows = replace(rows, task=replace(rows.task, classes=tuple(f"{f:g}" for f in fractions)))
            factor = self.own.batch / settings.training.batch_size
            training = settings.training.model_copy(update={"batch_size": self.own.batch})
            settings = settings.model_copy(update={"training": training})
            settings = in_as_many_steps(settings, tagger, factor)
        if name == "equivalent":
            settings = in_as_many_steps(settings, tagger, (fractions[-1] - fractions[0]) ** -2)
        where = f"{self.where}.{name}.{'-'.join(f'{value:g}' for value in fractions)}"
        fitted = fit_once(settings, tagger, rows, self.seed, where, restart=number)
        part, device = drawn.parts[2], settings.training.device
        found = networks.outputs([fitted.network], rows.task, rows.samples(), rows.place[part], device)
        return found[0].astype(np.float64)

    def _measured(
        self,
        outputs: Sequence[np.ndarray],
        full: Sequence[np.ndarray],
        place: tuple[np.ndarray, np.ndarray],
        difference: float,
    ) -> dict[str, Any]:
        """The numbers of one method; `place`: rows and samples of the mixed test samples."""
        part = self.rows.parts[2]
        label = self.rows.group[part]
        values, best = (np.array([metrics.auc(one, label) for one in group]) for group in (outputs, full))
        statistical = float(np.mean([auc_error(one, label) or 0.0 for one in outputs]))
        behind = best[: len(values)] - values
        rows, sample = place
        ends = (sample == 0) | (sample == sample.max())
        rows, is_rich = rows[ends], (sample[ends] == sample.max()).astype(np.int64)
        of_row = np.searchsorted(part, rows)
        between = np.array([metrics.auc(one[of_row], is_rich) for one in outputs])
        errors = [auc_error(one[of_row], is_rich) or 0.0 for one in outputs]
        standard = math.hypot(float(np.mean(errors)), _of_mean(between))
        mean = float(between.mean())
        return {
            "auc": float(values.mean()),
            "values": values.tolist(),
            "seeds_spread": float(values.std(ddof=1)),
            "statistical": statistical,
            "standard": math.hypot(statistical, _of_mean(values)),
            "below_full": {"value": float(behind.mean()), "standard": _of_mean(behind)},
            "mixed": {"auc": mean, "standard": standard},
            "from_mixed": {"auc": pure_auc(mean, difference), "standard": standard / difference},
        }


def pure_auc(between: float, difference: float) -> float:
    """The AUC between pure classes, from that between two mixtures of them.

    A pair of a row of either mixture is (signal, background) with probability f1 (1 - f2), the other way with
    f2 (1 - f1), and of one class otherwise: AUC_mixed - 1/2 = (f1 - f2) (AUC - 1/2), of any classifier
    (arXiv:1708.02949, section 2.2, where the likelihood ratios are related).

    Args:
        between: AUC between the mixtures.
        difference: f1 - f2.
    """
    return 0.5 + (between - 0.5) / difference


def _of_mean(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / math.sqrt(len(values)))
