"""A dense tagger, or an autoencoder of its background, in fixed point: performance, firmware, rates.

The JSON holds `name`, `tagger`, `network` (classifier or autoencoder), `inputs`, `standardise`, `sizes`,
`n_rows` (by part); `float`: numbers of the float network; `variants`: of each network in fixed point (bits,
pruning, training) the same, the change of the AUC on the same rows, and `difference` of its scores from the
float ones; `exported`: which variant, its formats and zero weights, and what `export.write` says; `rates`,
see `rates.measure`; `scatter`: scores of some test rows; `provenance`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from resonaut.errors import ConfigError, MismatchError
from resonaut.files import atomic, write_json
from resonaut.nn.device import deterministic
from resonaut.nn.fixed_point import bit_operations
from resonaut.nn.splits import PARTS
from resonaut.provenance import describe, write_run_record
from resonaut.representation import require_same
from resonaut.seeds import integer_seed
from resonaut.settings import validate
from resonaut.tag import networks as taggers
from resonaut.tag.evaluation import metrics
from resonaut.tag.evaluation.delong import covariance
from resonaut.tag.rows.prepare import PACKAGES, Prepared, prepare
from resonaut.tag.trigger import export, rates
from resonaut.tag.trigger.layers import Dense, require_known, taken_apart
from resonaut.tag.trigger.networks import (
    AWARE,
    POST,
    Rows,
    Variant,
    Workshop,
    compared,
    fixed_scores,
    scores,
    standardised,
)
from resonaut.tag.trigger.settings import TriggerSettings, TriggerSlice
from resonaut.tag.trigger.table import markdown

FLOAT_BITS = 32
_N_SCATTER = 600
_TOOLS = ("hls4ml", "da4ml")


def run(
    settings: Mapping[str, Any],
    inputs: Mapping[str, Path],
    weights: Path,
    output: Path,
    table: Path,
    firmware: Path,
    threads: int = 2,
) -> None:
    """Make the networks, measure them on the test rows of the tagger, and export one.

    Args:
        settings: name, seed and `TriggerSettings` under `trigger`.
        inputs: manifest of each dataset of the tagger, of features.
        weights: of the tagger, from `tag train`.
        output: JSON to write, see the module.
        table: Markdown to write.
        firmware: zip file to write.
        threads: of the CPU; another number may change last digits.

    Raises:
        ConfigError, InputError, TrainingError, OutputError: see the messages.
    """
    slice_ = validate(TriggerSlice, settings, "--settings")
    own, where = slice_.trigger, f"trigger.{slice_.name}"
    export.require(own.export)
    trained = taggers.load(weights)
    if trained.description["method"] != own.tagger:
        raise MismatchError(
            f"{weights}: the weights of '{trained.description['method']}', while {where}.tagger is "
            f"'{own.tagger}'. Give those of '{own.tagger}'."
        )
    if trained.task.name != "binary":
        raise ConfigError(f"{where}.tagger: '{own.tagger}' must tell signal from background. Name another.")
    require_known(trained.networks[0], own.export.backends, f"{where}.tagger")
    rows = prepare(trained.description, trained.settings, trained.tagger, trained.where, inputs, threads)
    required = trained.description["representation"]
    require_same(rows.made_with, trained.where, required, weights, rows.kind, trained=True)
    with deterministic(threads):
        job = Job.of(trained.networks[0], rows, own, slice_.seed, where)
        result = job.result(firmware)
    versions = (*PACKAGES, *(tool for tool in _TOOLS if tool in own.export.backends))
    provenance = {**describe(dict(settings), [*inputs.values(), weights], versions), "threads": threads}
    result = {"schema_version": 1, "name": slice_.name, **result, "provenance": provenance}
    write_json(output, result)
    with atomic(table) as part:
        part.write_text(markdown(result), encoding="utf-8")
    write_run_record(output, threads=threads)


@dataclass(frozen=True)
class Job:
    """One entry of the configuration.

    Attributes:
        rows: of the tagger.
        parts: the same, standardised, by part.
        workshop: makes the networks.
        start: the float network.
        constants: mean and width of each input.
    """

    rows: Prepared
    parts: tuple[Rows, ...]
    workshop: Workshop
    start: Dense
    constants: dict[str, list[float]]

    @classmethod
    def of(cls, network: Any, rows: Prepared, own: TriggerSettings, seed: int, where: str) -> Job:
        """Rows and the float network; the autoencoder is trained here.

        Raises:
            ConfigError, TrainingError: see `layers`, `rates` and `nn.training`.
        """
        standardise, start = taken_apart(network, f"{where}.tagger")
        parts = tuple(
            Rows(standardised(network, rows.values(part), where), rows.target[part], rows.weights(number))
            for number, part in enumerate(rows.parts)
        )
        rates.require_rows(parts[1].label, parts[1].weight, own, where)
        workshop = Workshop(parts[0], parts[1], own, seed, where)
        if own.autoencoder is not None:
            start = workshop.autoencoder(own.autoencoder)
        constants = {name: getattr(standardise, name).double().tolist() for name in ("mean", "width")}
        return cls(rows, parts, workshop, start, constants)

    @property
    def _autoencoder(self) -> bool:
        return self.workshop.own.autoencoder is not None

    def _floats(self, part: int) -> np.ndarray:
        values = self.parts[part].values.astype(np.float64)
        return scores(values, self.start(values), autoencoder=self._autoencoder)

    def _fixed(self, variant: Variant, part: int) -> np.ndarray:
        return fixed_scores(variant.network, self.parts[part].values, autoencoder=self._autoencoder)

    def result(self, firmware: Path) -> dict[str, Any]:
        """All numbers of the entry; the firmware is written.

        Raises:
            ConfigError: the sums of a network do not fit into float64.
            OutputError: see `export`.
        """
        own, test = self.workshop.own, self._floats(2)
        wanted = (own.export.bits, own.export.pruning, AWARE if own.aware else POST)
        variants, chosen = [], None
        for variant in self.workshop.variants(self.start):
            if not variant.network.exact():
                raise ConfigError(
                    f"{self.workshop.where}.bits: sums of {variant.bits} bits do not fit into the 53 bits "
                    "that are computed exactly here. Use fewer bits."
                )
            score = self._fixed(variant, 2)
            variants.append(self._numbers(variant, score, test))
            if (variant.bits, variant.pruning, variant.training) == wanted or chosen is None:
                chosen = (variant, score, variants[-1])
        variant, score, numbers = chosen  # type: ignore[misc]
        every = max(1, len(test) // _N_SCATTER)
        return {
            "tagger": own.tagger,
            "network": "autoencoder" if self._autoencoder else "classifier",
            "inputs": list(self.rows.tagger.inputs),
            "standardise": self.constants,
            "sizes": list(self.start.sizes),
            "n_rows": {name: len(part.label) for name, part in zip(PARTS, self.parts, strict=True)},
            "float": self._of_floats(test),
            "variants": variants,
            "exported": self._exported(variant, numbers, firmware),
            "rates": self._rates(variant, test, score),
            "scatter": {
                "float": compared(test, autoencoder=self._autoencoder)[::every].tolist(),
                "fixed": compared(score, autoencoder=self._autoencoder)[::every].tolist(),
                "signal": (self.parts[2].label[::every] == 1).tolist(),
            },
        }

    def _performance(self, score: np.ndarray) -> dict[str, Any]:
        label = self.parts[2].label
        area, spread = covariance(score[None], label)
        found = {"auc": float(area[0]), "auc_standard": math.sqrt(float(spread[0, 0]))}
        asked = {f"{wanted:g}": wanted for wanted in metrics.SIGNAL_EFFICIENCIES}
        found["rejection"] = {
            name: asdict(metrics.rejection(score, label, wanted)) for name, wanted in asked.items()
        }
        return found

    def _of_floats(self, score: np.ndarray) -> dict[str, Any]:
        count = sum(array.size for array in (*self.start.weights, *self.start.biases))
        return {
            **self._performance(score),
            "n_weights": count,
            "n_bits": FLOAT_BITS * count,
            "bit_operations": sum(bit_operations(w, FLOAT_BITS, FLOAT_BITS) for w in self.start.weights),
        }

    def _numbers(self, variant: Variant, score: np.ndarray, floats: np.ndarray) -> dict[str, Any]:
        label, network = self.parts[2].label, variant.network
        areas, spread = covariance(np.stack([score, floats]), label)
        variance = float(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1])
        return {
            "bits": variant.bits,
            "pruning": variant.pruning,
            "training": variant.training,
            **self._performance(score),
            "auc_change": float(areas[0] - areas[1]),
            "auc_change_standard": math.sqrt(max(0.0, variance)),
            "n_weights": network.n_weights,
            "n_multiplications": network.n_multiplications,
            "n_bits": network.n_bits,
            "bit_operations": network.bit_operations,
            "difference": self._difference(score, floats),
        }

    def _difference(self, score: np.ndarray, floats: np.ndarray) -> dict[str, float]:
        """Of probabilities (or ln of errors), in their own unit and in standard deviations."""
        one, other = (compared(values, autoencoder=self._autoencoder) for values in (score, floats))
        away = np.abs(one - other)
        rms = math.sqrt(float(np.square(away).mean()))
        return {
            "rms": rms,
            "rms_over_deviation": rms / max(float(other.std()), 1e-12),
            "quantile_99": float(np.quantile(away, 0.99)),
            "largest": float(away.max()),
        }

    def _exported(self, variant: Variant, numbers: dict[str, Any], firmware: Path) -> dict[str, Any]:
        own = self.workshop.own.export
        export.require_agreement(numbers["difference"]["rms_over_deviation"], own, self.workshop.where)
        about = {
            "inputs": list(self.rows.tagger.inputs),
            "standardise": self.constants,
            "output": "reconstruction" if self._autoencoder else "log odds of signal",
        }
        seed = integer_seed(self.workshop.seed, self.workshop.where, "random inputs")
        written = export.write(variant.network, self.parts[2].values, about, own, seed, firmware)
        return {
            "bits": variant.bits,
            "pruning": variant.pruning,
            "training": variant.training,
            "input_format": str(variant.network.inputs),
            "output_formats": [str(layer.output) for layer in variant.network.layers],
            "weight_formats": [str(layer.weight_format) for layer in variant.network.layers],
            "zero_weights": [float((layer.weight == 0).mean()) for layer in variant.network.layers],
            "tolerance": own.tolerance,
            **written,
        }

    def _rates(self, variant: Variant, test: np.ndarray, fixed: np.ndarray) -> dict[str, Any]:
        own = self.workshop.own
        samples = tuple(
            rates.Sample(
                self.parts[number].label,
                self.rows.jets.dataset[self.rows.parts[number]],
                self.rows.jets.weight[self.rows.parts[number]].astype(np.float64),
                self.rows.names,
            )
            for number in (1, 2)
        )
        validation = {"float": self._floats(1), "fixed": self._fixed(variant, 1)}
        return rates.measure(
            *(validation, {"float": test, "fixed": fixed}),
            *((samples[0], samples[1]), own.input_rate_khz, own.bandwidth_khz),
        )
