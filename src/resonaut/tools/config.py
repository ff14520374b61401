"""`resonaut config`: check a configuration, or print the slice that one rule uses."""

from __future__ import annotations

import argparse
import importlib

from resonaut.errors import ConfigError

_NAMES = ("dataset", "variation", "mixture", "method", "experiments", "entry")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut config`."""
    parser.add_argument("file", help="configuration of a study (YAML)")
    parser.add_argument("--slice", dest="stage", help="print the settings of this stage's rule as JSON")
    parser.add_argument("--name", action="store_true", help="print the name of the study")
    for name in _NAMES:
        parser.add_argument(f"--{name}", help=f"which {name}, where the slice needs or takes one")


def run(arguments: argparse.Namespace) -> int:
    """Print `valid`, or one slice."""
    from resonaut.config import load
    from resonaut.errors import nearest
    from resonaut.slices import SLICES

    study = load(arguments.file)
    if arguments.name:
        print(study.study)
        return 0
    if arguments.stage is None:
        # The one place where a tool asks a stage: the files are opened as the ingestion will open them.
        importlib.import_module("resonaut.ingest.check").check_study(study)
        counts = f"{len(study.datasets)} datasets, {len(study.searches())} searches"
        print(f"{arguments.file}: valid: study '{study.study}', {counts}.")
        return 0
    if arguments.stage not in SLICES:
        raise ConfigError(f"--slice: unknown stage '{arguments.stage}'. {nearest(arguments.stage, SLICES)}")
    names = {name: getattr(arguments, name) for name in _NAMES if getattr(arguments, name)}
    if "entry" in names:
        names["name"] = names.pop("entry")
    try:
        print(study.slice(arguments.stage, **names))
    except KeyError as error:
        raise ConfigError(
            f"--slice {arguments.stage}: {error.args[0]!r} is not in {arguments.file}."
        ) from None
    except TypeError:
        raise ConfigError(
            f"--slice {arguments.stage}: name its --dataset, --mixture, --method, --experiments or --entry."
        ) from None
    return 0
