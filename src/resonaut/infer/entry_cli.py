"""`resonaut infer --spectrum` and `resonaut infer --workspace`: without the rest of the chain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from resonaut.cli import settings_argument
from resonaut.errors import ConfigError

_SPECTRUM_OPTIONS = (
    (
        "--fractions",
        {"nargs": "+", "type": float, "metavar": "F", "help": "of the signal in each of several spectra"},
    ),
    ("--sqrt-s", {"type": float, "metavar": "GEV", "help": "centre-of-mass energy"}),
    ("--functions", {"nargs": "+", "metavar": "NAME", "help": "background functions; the first is primary"}),
    (
        "--orders",
        {"nargs": "+", "type": int, "metavar": "N", "help": "numbers of parameters that are fitted"},
    ),
    (
        "--n-parameters",
        {"type": int, "metavar": "N", "help": "of the scan's background, in place of the F-test"},
    ),
    ("--relative-width", {"type": float, "metavar": "W", "help": "of a Gaussian signal, over its mass"}),
    ("--masses", {"nargs": "+", "type": float, "metavar": "GEV", "help": "that are tested"}),
    ("--mass-min", {"type": float, "metavar": "GEV", "help": "bins below are left out"}),
    ("--mass-max", {"type": float, "metavar": "GEV", "help": "bins above are left out"}),
    ("--luminosity", {"type": float, "metavar": "1/FB", "help": "limits are then given in fb too"}),
    ("--signal-shape", {"metavar": "FILE", "help": "histogram of a signal, in place of a Gaussian"}),
    (
        "--signal-mass",
        {"type": float, "metavar": "GEV", "help": "of that signal: it is scaled to other masses"},
    ),
    ("--compare-limits", {"metavar": "CSV", "help": "published limits to stand beside ours"}),
    ("--column", {"metavar": "NAME", "help": "of the counts, where names do not say it"}),
    ("--unit", {"choices": ["GeV", "TeV"], "help": "of the edges, where the header does not say it"}),
    ("--seed", {"type": int, "help": "of the toys"}),
    ("--toys", {"type": int, "metavar": "N", "help": "pseudo-experiments for the global p-value"}),
)
_WORKSPACE_OPTIONS = (
    (
        "--patch",
        {
            "nargs": "+",
            "metavar": "[PATCHSET:]NAME",
            "help": "patch that is applied, one for each workspace (none for no patch)",
        },
    ),
    (
        "--measurement",
        {"nargs": "+", "metavar": "NAME", "help": "of each workspace; the first if left out"},
    ),
    (
        "--shared",
        {
            "nargs": "*",
            "metavar": "NAME",
            "help": "common to several workspaces beside the parameter of interest; lumi if left out",
        },
    ),
    ("--mu", {"type": float, "help": "signal strength that is tested; 1 if left out"}),
    ("--limits", {"action": argparse.BooleanOptionalAction, "help": "whether limits are searched"}),
)


def _key(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that stand without an action."""
    group = parser.add_argument_group("statistics of any histogram or workspace (without an action)")
    group.add_argument(
        "--spectrum",
        nargs="+",
        metavar="FILE",
        help="histogram: CSV, HEPData YAML, or ROOT as FILE.root:NAME; several are categories of one signal",
    )
    group.add_argument(
        "--workspace",
        nargs="+",
        metavar="FILE",
        help="HistFactory JSON; a member of an archive as FILE.tar.gz:PATH; several are combined",
    )
    group.add_argument("--output", type=Path, metavar="FOLDER", help="where results go")
    group.add_argument("--settings", metavar="JSON", help="the options below: JSON, or a JSON or YAML file")
    for option, words in (*_SPECTRUM_OPTIONS, *_WORKSPACE_OPTIONS):
        group.add_argument(option, **words)


def _settings(
    arguments: argparse.Namespace, own: tuple[Any, ...], other: tuple[Any, ...], kind: str
) -> dict[str, Any]:
    """Settings of the file and those of the command line, which win."""
    foreign = [option for option, _ in other if getattr(arguments, _key(option)) is not None]
    if foreign:
        raise ConfigError(f"{foreign[0]}: not an option of --{kind}. Leave it out.")
    found = settings_argument(arguments.settings) if arguments.settings else {}
    given = {_key(option): getattr(arguments, _key(option)) for option, _ in own}
    return found | {name: value for name, value in given.items() if value is not None}


def run(arguments: argparse.Namespace) -> None:
    """Test a histogram or a workspace.

    Raises:
        ConfigError: not exactly one of --spectrum and --workspace, no --output, or an option of the other.
    """
    if (arguments.spectrum is None) == (arguments.workspace is None):
        raise ConfigError(
            "Give an action (`resonaut infer --help` lists them), or one of --spectrum FILE and "
            "--workspace FILE."
        )
    if arguments.output is None:
        raise ConfigError("--output: a folder for the results is required.")
    if arguments.spectrum is not None:
        _run_spectra(arguments)
    else:
        _run_workspaces(arguments)


def _run_spectra(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments, _SPECTRUM_OPTIONS, _WORKSPACE_OPTIONS, "spectrum")
    if len(arguments.spectrum) > 1:
        from resonaut.infer.published_categories import run as run_categories

        run_categories(arguments.spectrum, arguments.output, settings)
        return
    from resonaut.infer.published import run as run_spectrum

    if "fractions" in settings:
        raise ConfigError("--fractions: is for several spectra, one is given. Leave it out, or give more.")
    run_spectrum(arguments.spectrum[0], arguments.output, settings)


def _run_workspaces(arguments: argparse.Namespace) -> None:
    settings = _settings(arguments, _WORKSPACE_OPTIONS, _SPECTRUM_OPTIONS, "workspace")
    if len(arguments.workspace) > 1:
        from resonaut.infer.foreign_combined import run as run_combined

        run_combined(arguments.workspace, arguments.output, settings)
        return
    from resonaut.infer.foreign import run as run_workspace

    if "shared" in settings:
        raise ConfigError("--shared: is for several workspaces, one is given. Leave it out, or give more.")
    for option in {"patch", "measurement"} & {
        name for name, value in settings.items() if type(value) is list
    }:
        if len(settings[option]) != 1:
            raise ConfigError(
                f"--{option}: {len(settings[option])} given for one workspace. Give one, or more workspaces."
            )
        settings[option] = settings[option][0]
    run_workspace(arguments.workspace[0], arguments.output, settings)
