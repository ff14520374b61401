"""`resonaut completion SHELL`: print the completion of this command for bash, zsh or fish.

eval "$(resonaut completion bash)"          in ~/.bashrc
eval "$(resonaut completion zsh)"           in ~/.zshrc
resonaut completion fish | source           in ~/.config/fish/config.fish
"""

from __future__ import annotations

import argparse
import importlib

from resonaut import completing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut completion`."""
    parser.add_argument("shell", choices=completing.SHELLS, help="the shell")


def commands() -> list[completing.Command]:
    """All commands of resonaut, with what may follow each."""
    # By name, for the command line imports this tool.
    cli = importlib.import_module("resonaut.cli")
    helps = cli.STAGES | cli.TOOLS
    flags = {"--help": (), "--version": (), "--verbose": ()}
    found = [completing.Command((), helps, flags, dict.fromkeys(flags, ""), ())]
    for name in helps:
        module = f"resonaut.{name}.cli" if name in cli.STAGES else f"resonaut.tools.{name}"
        parser = argparse.ArgumentParser(prog=f"resonaut {name}", description=helps[name])
        importlib.import_module(module).add_arguments(parser)
        found += completing.described([name], parser)
    return found


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    print(completing.script(arguments.shell, commands()), end="")
    return 0
