"""`resonaut infer`: its actions, and without one, statistics of any histogram or workspace.

An action is a module with `add_arguments(parser)` and `run(arguments)` that imports nothing heavy; one line
in `ACTIONS` makes it known.
"""

from __future__ import annotations

import argparse
import importlib

from resonaut.errors import ConfigError
from resonaut.infer import entry_cli

ACTIONS = {
    "test": ("resonaut.infer.significance_cli", "p-values, limits and workspaces of one search"),
    "calibrate": (
        "resonaut.infer.calibrate_cli",
        "global p-values from pseudo-experiments through the whole chain",
    ),
    "global": ("resonaut.infer.global_cli", "global significance of all tests of a mixture"),
    "conformal": ("resonaut.infer.conformal_cli", "significances of conformal counts of one search"),
    "trials": ("resonaut.infer.trials_cli", "compare global p-values on pseudo-experiments"),
    "compare": ("resonaut.infer.compare_cli", "compare all searches of a study"),
    "validate": ("resonaut.infer.validate_cli", "injected signals, pulls and coverage, by toys"),
    "linearity": ("resonaut.infer.linearity_cli", "fitted against true signal over injected mixtures"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the actions, and the options for a histogram or a workspace of any origin."""
    # Options of an action would be taken for abbreviations of those that stand without one.
    parser.allow_abbrev = False
    actions = parser.add_subparsers(dest="action", metavar="ACTION", title="actions of the workflow")
    for name, (module, text) in ACTIONS.items():
        importlib.import_module(module).add_arguments(actions.add_parser(name, help=text, description=text))
    entry_cli.add_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Run one action, or test a histogram or workspace.

    Raises:
        ConfigError: neither is asked for, or both are.
    """
    if arguments.action is None:
        entry_cli.run(arguments)
        return
    if arguments.spectrum is not None or arguments.workspace is not None:
        raise ConfigError(
            f"infer {arguments.action}: --spectrum and --workspace stand without an action. "
            f"Leave out '{arguments.action}', or give its own options only."
        )
    importlib.import_module(ACTIONS[arguments.action][0]).run(arguments)
