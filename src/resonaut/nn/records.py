"""What a training reports per epoch: a log line or a live bar, a JSONL file, and loggers that are wished."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from resonaut.errors import ConfigError
from resonaut.files import appending, atomic, canonical_json
from resonaut.logs import left, log, one_bar

Logger = Callable[[int, dict[str, float]], None]
"""logger(epoch, numbers by name)"""


@dataclass(frozen=True)
class Record:
    """One epoch, a line of the JSONL file.

    Attributes:
        epoch: its number, from 1.
        train_loss, validation_loss: mean weighted losses.
        learning_rate: at its last step.
        seconds: it took.
        rows_per_second: training rows, validation included in the time.
        rate_factor: factor of the learning rate; below 1 after a loss that was not finite.
        n_pieces: pieces of a batch; above 1 after memory ran out.
        metrics: of the validation rows, where some are asked for.
    """

    epoch: int
    train_loss: float
    validation_loss: float
    learning_rate: float
    seconds: float
    rows_per_second: float
    rate_factor: float
    n_pieces: int
    metrics: dict[str, float] = field(default_factory=dict)


def _tensorboard(folder: Path, where: str, stack: ExitStack) -> Logger:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard" / where))
    stack.callback(writer.close)

    def send(epoch: int, numbers: dict[str, float]) -> None:
        for name, value in numbers.items():
            writer.add_scalar(name, value, epoch)

    return send


def _mlflow(folder: Path, where: str, stack: ExitStack) -> Logger:
    import mlflow

    stack.enter_context(mlflow.start_run(run_name=where))
    return lambda epoch, numbers: mlflow.log_metrics(numbers, step=epoch)


_LOGGERS = {"tensorboard": _tensorboard, "mlflow": _mlflow}


class Records:
    """Reports of one training; a context.

    Args:
        where: key of the configuration, the name in all reports.
        n_epochs: epochs at most.
        n_done: epochs that an earlier job finished: their lines in the file are kept, later ones dropped.
        path: JSONL file; None for none. TensorBoard writes to the folder `tensorboard` beside it.
        loggers: names of loggers.
        first: whether this process reports; of several that train together, one does.

    Raises:
        ConfigError: the package of a logger is absent.
    """

    def __init__(
        self,
        where: str,
        n_epochs: int,
        n_done: int,
        path: Path | None,
        loggers: Sequence[str] = (),
        first: bool = True,
    ) -> None:
        self._where, self._n_epochs, self._n_done, self._first = where, n_epochs, n_done, first
        self._path, self._names = path if first else None, loggers if first else ()
        self._stack = ExitStack()
        self._loggers: list[Logger] = []
        self._bar: Callable[[Record], None] | None = None
        self._seconds: list[float] = []

    def __enter__(self) -> Records:
        folder = Path() if self._path is None else self._path.parent
        if self._path is not None:
            _keep(self._path, self._n_done)
        with ExitStack() as stack:
            for name in self._names:
                try:
                    self._loggers.append(_LOGGERS[name](folder, self._where, stack))
                except ImportError as error:
                    raise ConfigError(
                        f"{self._where}.training.loggers: '{name}' needs a package that is not installed "
                        f"({error}). Install {name} in this environment, or take it off the list."
                    ) from None
            if self._first and sys.stderr.isatty() and stack.enter_context(one_bar()):
                self._bar = self._open_bar(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def add(self, record: Record) -> None:
        """Report an epoch."""
        if not self._first:
            return
        if self._path is not None:
            with appending(self._path), self._path.open("a", encoding="utf-8") as file:
                file.write(canonical_json(asdict(record)) + "\n")
        numbers = {**asdict(record), **record.metrics}
        numbers = {name: float(value) for name, value in numbers.items() if name not in ("epoch", "metrics")}
        for logger in self._loggers:
            logger(record.epoch, numbers)
        if self._bar is not None:
            self._bar(record)
            return
        self._seconds.append(record.seconds)
        n_left = self._n_epochs - record.epoch
        rest = f", {left(n_left * sum(self._seconds) / len(self._seconds))} at most" if n_left else ""
        log.info(
            "%s: epoch %d of %d, training loss %.5g, validation loss %.5g, %.1f s%s",
            *(self._where, record.epoch, self._n_epochs, record.train_loss, record.validation_loss),
            *(record.seconds, rest),
        )

    def _open_bar(self, stack: ExitStack) -> Callable[[Record], None]:
        from rich.console import Console
        from rich.progress import Progress

        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        task = bar.add_task(self._where, total=self._n_epochs, completed=self._n_done)

        def show(record: Record) -> None:
            losses = f"training {record.train_loss:.5g}, validation {record.validation_loss:.5g}"
            bar.update(task, completed=record.epoch, description=f"{self._where}: {losses}")

        return show


def read(path: Path) -> list[Record]:
    """Lines of a JSONL file of records; a last line that a kill cut off is left out."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [Record(**json.loads(line)) for line in lines[:-1]]


def _keep(path: Path, n_epochs: int) -> None:
    """Begin the file with the first epochs of an earlier job."""
    kept = [record for record in read(path) if record.epoch <= n_epochs]
    with atomic(path) as part:
        part.write_text("".join(canonical_json(asdict(record)) + "\n" for record in kept), encoding="utf-8")
