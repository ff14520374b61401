"""Settings that every tagger has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from resonaut.datasets import Name
from resonaut.nn.settings import ScheduledTraining
from resonaut.settings import Count, Settings
from resonaut.tag.robust.settings import RobustSettings
from resonaut.tag.transfer import Transfer

if TYPE_CHECKING:
    from torch import nn

CLOUD_INPUTS = (
    "delta_eta",
    "delta_phi",
    "log_pt",
    "log_energy",
    "log_pt_fraction",
    "log_energy_fraction",
    "delta_r",
)
"""The seven kinematic columns of clouds (arXiv:1902.08570, table 2)."""

BINARY = ("background", "signal")
"""Names of the classes 0 and 1 where there are two."""
TaskName = Literal["binary", "classes", "regression"]
Datasets = Annotated[tuple[Name, ...], Field(min_length=1)]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class TaggerSettings(Settings):
    """What is told from what, or what is predicted: one of three tasks."""

    can_be_parametrised: ClassVar[bool] = False
    """Whether `build` takes one more input for `robust: {method: parametrised}`."""

    signal: tuple[Name, ...] = Field((), description="Datasets whose jets are signal, with `background`.")
    background: tuple[Name, ...] = Field((), description="Datasets whose jets are background.")
    classes: dict[Name, Datasets] = Field(
        default_factory=dict,
        description="Instead: datasets of each of three or more classes, by the name of the class.",
    )
    datasets: tuple[Name, ...] = Field(
        (), description="Instead: datasets whose jets a quantity is predicted for, with `target`."
    )
    target: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Column of the jets (or events, if rows are events) to predict, for example gen_mass.",
    )
    reference: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Measured column that is corrected, mass for example: ln(target / reference) is learnt.",
    )
    matched: bool = Field(
        False,
        description="Only jets that hold a resonance and its quarks, of the datasets that have resonances.",
    )
    hold_out: dict[ColumnName, tuple[float, float]] = Field(
        default_factory=dict,
        description="Rows with a column from low to high, in the column's unit, are left out of training and "
        "validation, and measured apart, to test interpolation and extrapolation: "
        "{incident_energy: [340, 360]}.",
    )
    event_weights: bool = Field(
        False,
        description="Jets count by the weight of their event, normalised to the cross-section of the dataset "
        "where it has one; each class has the same sum in any case.",
    )
    n_jets_max: Count = Field(200_000, ge=10, description="Jets of each class at most.")
    stream: bool = Field(
        False,
        description="Read clouds or images from their files while training, where they exceed the memory; "
        "neighbouring rows are then shuffled block by block.",
    )
    restarts: Count = Field(
        1, ge=1, le=100, description="Networks that are trained, from other seeds; their scores are averaged."
    )
    tuned: Name | None = Field(
        None, description="A search of `tune`, whose best parameters replace those given here."
    )
    transfer: Transfer | None = Field(None, description="Weights that the training starts from.")
    robust: RobustSettings | None = Field(
        None, description="Training that keeps the score from following a variation or a variable."
    )
    training: ScheduledTraining = ScheduledTraining()

    @model_validator(mode="after")
    def _one_task(self) -> TaggerSettings:
        given = [
            bool(self.signal or self.background),
            bool(self.classes),
            bool(self.datasets or self.target or self.reference),
        ]
        if sum(given) != 1:
            raise ValueError(
                "one of these is expected: 'signal' and 'background'; 'classes'; 'datasets' and 'target'"
            )
        for keys in (("signal", "background"), ("datasets", "target")):
            missing = [key for key in keys if not getattr(self, key)]
            if len(missing) == 1:
                raise ValueError(f"'{missing[0]}' is required besides '{(set(keys) - set(missing)).pop()}'")
        if self.stream and self.representation() == "features":
            raise ValueError("stream: features are read at once; leave this key out")
        if self.classes and len(self.classes) < 3:
            raise ValueError("classes: three or more are expected; two are 'signal' and 'background'")
        for name, (low, high) in self.hold_out.items():
            if low >= high:
                raise ValueError(f"hold_out.{name}: [low, high] with low < high is expected")
        owner: dict[str, str] = {}
        for name, datasets in self.by_class.items():
            for dataset in datasets:
                if owner.setdefault(dataset, name) != name:
                    raise ValueError(f"{dataset} is both {' and '.join(sorted({owner[dataset], name}))}")
        return self

    @property
    def task(self) -> TaskName:
        """What is learnt."""
        if self.classes:
            return "classes"
        return "regression" if self.datasets else "binary"

    @property
    def by_class(self) -> dict[str, tuple[str, ...]]:
        """Datasets of each class, in the order of the classes' numbers; of a regression, one group."""
        if self.task == "binary":
            return dict(zip(BINARY, (self.background, self.signal), strict=True))
        if self.task == "classes":
            return {name: self.classes[name] for name in sorted(self.classes)}
        return {"datasets": self.datasets}

    @property
    def is_parametrised(self) -> bool:
        """Whether the value of a nuisance parameter is one more input of the network."""
        return self.robust is not None and self.robust.method == "parametrised"

    def n_inputs(self) -> int:
        """Inputs of the network, that of `robust: {method: parametrised}` among them."""
        return len(self.inputs) + self.is_parametrised

    def complete(self, network: nn.Module) -> nn.Module:
        """A network of `n_inputs` that takes `inputs`, at the stated value of the nuisance parameter."""
        if not self.is_parametrised:
            return network
        from resonaut.nn.networks.parametrised import Parametrised

        return Parametrised(network, len(self.inputs), self.robust.at)

    def datasets_used(self) -> list[str]:
        """Names of the datasets that this tagger reads."""
        return sorted({name for datasets in self.by_class.values() for name in datasets})

    def rows(self) -> str:
        """What a row is: jets or events."""
        return "jets"

    def taggers_used(self) -> list[str]:
        """Names of the taggers whose scores are among the inputs."""
        return []

    def representation(self) -> str:
        """Kind of representation that this tagger reads, of those in `tag/rows/representations.py`."""
        return "clouds"
