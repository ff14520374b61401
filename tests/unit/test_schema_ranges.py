"""`config/README.md` says of every key what it means, and of every number its unit and range."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import BaseModel, Field

from resonaut import schema_text
from resonaut.datasets import FileDataset
from resonaut.hunt.settings import HuntSettings
from resonaut.nn.settings import TrainingSettings
from resonaut.scan import ScanSettings
from resonaut.schema_ranges import is_real, span, unit
from resonaut.settings import Count

PURE = {
    *("acceptance", "angularities", "attention_dropout", "auc_high_level", "beta", "blur", "charge_kappa"),
    *("clip_norm", "closure", "closure_tolerance", "concentration", "confidence", "confidence_level"),
    *("constrainer", "counts_per_mip", "coverage_errors", "coverage_tolerance", "critic", "critic_weight"),
    *(
        "device_memory_fraction",
        "disco",
        "discriminator_rate",
        "dropout",
        "e_over_mip",
        "efficiencies",
        "ema",
    ),
    *("energy_scale", "energy_window", "events_min", "f_test_alpha", "failed_toys", "fraction_start"),
    *("gen_jet_radius", "goodness_of_fit", "h_over_e", "hadronic_fluctuation", "half_width", "below"),
    *("interval_level", "jet_eta_max", "kde_bandwidth", "kl_weight", "l2_regularization", "label_smoothing"),
    *("latent_critic", "latent_mmd", "learning_rate", "levels", "linearity", "mass_shift", "max_features"),
    *(
        "max_weight",
        "mu",
        "noise",
        "pedestal",
        "penalty",
        "power",
        "pt_fraction",
        "pull_width",
        "r_cut_factor",
    ),
    *("radial_scale", "radius", "reconstruction", "relative_width", "resolution", "sampling_fluctuation"),
    *("scale", "sculpting", "separation", "share", "spectrum_mmd", "spots", "spurious_signal", "step"),
    *("strengths", "subjet_radius", "visible_energy", "warm_up", "weight_decay", "y_cut", "z_cut"),
    *(
        "cell",
        "constant",
        "core_loss",
        "core_radius",
        "dead_region",
        "eta",
        "eta_max",
        "eta_tracks",
        "extrapolate",
    ),
    *("factor", "false_alarms", "hot_cell", "largest", "loss", "mean", "mixing", "mixtures", "position"),
    *("prior_width", "pruning", "r_max", "r_min", "shift", "signal_efficiency", "strength", "uses_max"),
    *("values", "weight_min"),
    # Of several kinds: numbers and names of columns, or conditions that have units of their own.
    *("conditions", "constituents", "gen_jets", "jets", "particles", "luminosity"),
}
"""Numbers that have no unit: fractions, factors, exponents, events, eta and R, where x is m / sqrt(s)."""


def fields():
    """(class, key, field) of every key that the page shows."""
    found = {}
    rows = schema_text._rows

    def remember(model: type[BaseModel], prefix: str):
        found.update({(model, name): field for name, field in model.model_fields.items()})
        return rows(model, prefix)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema_text, "_rows", remember)
        text = schema_text.markdown()
    return found, text


FIELDS, TEXT = fields()


def test_every_key_has_a_meaning():
    silent = [
        f"{model.__module__}.{model.__qualname__}.{name}"
        for (model, name), field in FIELDS.items()
        if not field.description and schema_text._inner(field.annotation) is None
    ]
    assert len(FIELDS) > 1000
    assert silent == []


def test_every_real_number_says_its_unit_or_is_known_to_have_none():
    """Add a unit to the description (`..., GeV.`), or the name above where it is a pure number."""
    without = {
        name: f"{model.__qualname__}: {field.description}"
        for (model, name), field in FIELDS.items()
        if is_real(field.annotation) and unit(field) == "none" and name not in PURE
    }
    assert without == {}


def test_every_number_says_its_range_and_its_default():
    rows = [line.split(" | ") for line in TEXT.splitlines() if line.startswith("| `")]
    numbers = [row for row in rows if row[1] in ("integer", "number")]
    assert len(numbers) > 400
    assert {len(row) for row in numbers} == {6}
    for row in numbers:
        assert row[2].strip("| "), row
        assert row[3].strip("| "), row
        assert row[4].strip("| "), row


@pytest.mark.parametrize(
    ("model", "key", "expected"),
    [
        (FileDataset, "cross_section", ("pb", "above 0")),
        (FileDataset, "luminosity", ("1/fb", "above 0")),
        (FileDataset, "files_per_chunk", ("none", "from 1")),
        (FileDataset, "verify", ("", "")),
        (ScanSettings, "mass_min", ("GeV", "above 0")),
        (HuntSettings, "bin_width", ("GeV", "above 0")),
        (TrainingSettings, "learning_rate", ("none", "above 0")),
    ],
)
def test_units_and_ranges_of_some_keys(model, key, expected):
    assert (unit(model.model_fields[key]), span(model.model_fields[key])) == expected


class Example(BaseModel):
    """Keys of all sorts."""

    share: float = Field(0.5, gt=0, lt=1, description="Share of the GeV.")
    time: float = Field(1, ge=0, description="Nothing is begun after so many seconds; null: no limit.")
    angle: tuple[float, float] = Field((0, 1), description="To the normal, radian: a range.")
    sizes: tuple[Annotated[Count, Field(ge=1, le=512)], ...] = Field((), min_length=2, description="Layers.")
    width: float | None = Field(None, gt=0, description="c of c / sqrt(E / GeV).")
    rate: float = Field(1.0, gt=0, description="Rows that it makes in a second.")
    edge: float | None = Field(None, description="Lower edge, in the feature's unit.")
    tight: Annotated[float, Field(ge=0)] = Field(1.0, gt=0.5, description="GeV.")


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("share", ("none", "above 0, below 1")),
        ("time", ("s", "from 0")),
        ("angle", ("radian", "any")),
        ("sizes", ("none", "2 or more entries; from 1, up to 512")),
        ("width", ("none", "above 0")),
        ("rate", ("1/s", "above 0")),
        ("edge", ("the column's", "any")),
        ("tight", ("GeV", "above 0.5")),
    ],
)
def test_units_and_ranges_are_read_from_a_field(key, expected):
    field = Example.model_fields[key]
    assert (unit(field), span(field)) == expected
