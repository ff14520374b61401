"""The command `resonaut`: one subcommand per stage, and a few for the whole study.

Nothing heavy is imported before the subcommand is known. A stage adds its own arguments in `<stage>/cli.py`
with `add_arguments(parser)` and does its work in `run(arguments)`.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from resonaut import __version__
from resonaut.errors import ConfigError, ResonautError, nearest
from resonaut.files import parse_json

STAGES = {
    "simulate": "Pythia 8 events through a parametrised detector, to ROOT files",
    "ingest": "files of any known format to the event store",
    "represent": "features, jet images, point clouds and mixtures from the event store",
    "tag": "train supervised taggers",
    "generate": "train generators and evaluate them",
    "detect": "anomaly scores per event and window",
    "hunt": "selected spectra and background fits over the scan",
    "infer": "pyhf workspaces, p-values and limits",
    "review": "figures for the report",
}
TOOLS = {
    "files": "list input files with sizes and checksums: the manifest that a dataset can be given as",
    "manifest": "write the manifest of the chunks of a dataset",
    "config": "check a configuration, or print the slice that one rule uses",
    "schema": "print the JSON Schema of the configuration",
    "toy": "write tables of a toy search, to study methods where the truth is known",
    "run": "run the workflow, cleaning up after one that was killed",
    "status": "what of a study is done, running or failed",
    "doctor": "check this machine: Python, GPUs, disk, Slurm, data",
    "init": "start an analysis of your own in a new folder",
    "new": "write a new method and its test from a template",
    "compare": "two runs side by side: configuration, numbers, figures",
    "archive": "pack a study for review into one file",
    "verify": "check an archive",
    "reproduce": "run an archive again in a clean folder and compare every number",
    "sbom": "the bill of materials of the software (CycloneDX)",
    "completion": "print the completion of this command for a shell",
}


def settings_argument(text: str, option: str = "--settings") -> dict[str, Any]:
    """Read a mapping: JSON text, or the path of a JSON or YAML file.

    Args:
        option: of the command line, for messages.

    Raises:
        ConfigError: neither.
    """
    if text.lstrip().startswith("{"):
        try:
            return parse_json(text)
        except ValueError as error:
            raise ConfigError(f"{option}: not valid JSON ({error}).") from None
    from resonaut.config import read_yaml

    value = read_yaml(text)
    if not isinstance(value, dict):
        raise ConfigError(f"{option}: {text} holds no mapping.")
    return value


def add_settings(parser: argparse.ArgumentParser) -> None:
    """Add `--settings` to a parser."""
    parser.add_argument(
        "--settings",
        required=True,
        metavar="JSON",
        help="slice of the configuration: JSON, or a JSON or YAML file (`resonaut config` prints it)",
    )


def add_results(parser: argparse.ArgumentParser, *, threads: bool = True) -> None:
    """Add `--output` and `--table`, and `--threads` where networks run."""
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--table", type=Path, required=True, help="Markdown to write")
    if threads:
        parser.add_argument(
            "--threads", type=int, default=2, help="CPU threads; another number may change last digits"
        )


def named_paths(items: Sequence[str]) -> dict[str, Path]:
    """Read `name=path` arguments.

    Raises:
        ConfigError: an item has no '='.
    """
    found = {}
    for item in items:
        name, equals, path = item.partition("=")
        if not equals:
            raise ConfigError(f"'{item}': name=path is expected, for example qcd=results/demo/qcd.json.")
        found[name] = Path(path)
    return found


def _overview() -> str:
    width = max(map(len, STAGES | TOOLS))
    lines = ["usage: resonaut [--version] [--verbose] COMMAND ...", "", "stages:"]
    lines += [f"  {name:<{width}}  {text}" for name, text in STAGES.items()]
    lines += ["", "whole study:"]
    lines += [f"  {name:<{width}}  {text}" for name, text in TOOLS.items()]
    return "\n".join([*lines, "", "`resonaut COMMAND --help` shows the arguments of each."])


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; return the exit code. Errors of ours are one message, not a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    from resonaut import failures, logs, processes

    verbose = "--verbose" in arguments[:1]
    logs.set_up(verbose)
    if verbose:
        arguments = arguments[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_overview())
        return 0 if arguments else 2
    if arguments[0] == "--version":
        print(f"resonaut {__version__}")
        return 0
    name = arguments[0]
    if name not in STAGES | TOOLS:
        print(f"resonaut: unknown command '{name}'. {nearest(name, STAGES | TOOLS)}", file=sys.stderr)
        return 2
    module = importlib.import_module(f"resonaut.{name}.cli" if name in STAGES else f"resonaut.tools.{name}")
    parser = argparse.ArgumentParser(prog=f"resonaut {name}", description=(STAGES | TOOLS)[name])
    module.add_arguments(parser)
    options = parser.parse_args(arguments[1:])
    try:
        with failures.terminable(), processes.recorded():
            return int(module.run(options) or 0)
    except ResonautError as error:
        print(f"resonaut {name}: {type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except BaseException as error:
        failure = failures.explain(error)
        if failure is None:
            raise
        print(f"resonaut {name}: {failure.message}", file=sys.stderr)
        return failure.exit_code


if __name__ == "__main__":
    sys.exit(main())
