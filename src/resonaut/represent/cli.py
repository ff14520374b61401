"""`resonaut represent features|images|clouds|showers|mix|pseudo`."""

from __future__ import annotations

import argparse

from resonaut.cli import add_settings, named_paths, settings_argument

_KINDS = {
    "features": "masses, substructure and the LHC Olympics set, per event and jet; observables of showers",
    "images": "jet images: centre, rotate, flip, pixelate, normalise",
    "clouds": "constituents relative to their jet, ragged",
    "showers": "cells of calorimeter showers, sparse",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the stage."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for kind, text in _KINDS.items():
        action = actions.add_parser(kind, help=text, description=text)
        add_settings(action)
        action.add_argument("--input", required=True, help="event store (HDF5)")
        action.add_argument("--output", required=True, help=f"the {kind} that are written (HDF5)")
    text = "draw a mixture: which events a search looks at"
    mix = actions.add_parser("mix", help=text, description=text)
    add_settings(mix)
    mix.add_argument(
        "--manifests", nargs="+", required=True, metavar="NAME=PATH", help="features manifest of each dataset"
    )
    mix.add_argument("--output", required=True, help="the mixture that is written (HDF5)")
    text = "draw pseudo-experiments: samples of background events that a search is repeated on"
    pseudo = actions.add_parser("pseudo", help=text, description=text)
    add_settings(pseudo)
    pseudo.add_argument(
        "--manifests", nargs="+", required=True, metavar="NAME=PATH", help="features manifest of each dataset"
    )
    pseudo.add_argument("--data", metavar="HDF5", help="the mixture, for `n_events: as data`")
    pseudo.add_argument(
        "--state", metavar="JSON", help="of `infer calibrate` after the round before: none is drawn if done"
    )
    pseudo.add_argument("--output", required=True, help="the mixture that is written (HDF5)")


def run(arguments: argparse.Namespace) -> int | None:
    """Make one representation, or draw a mixture."""
    from resonaut.represent.settings import MixTask, RepresentTask
    from resonaut.settings import validate

    raw = settings_argument(arguments.settings)
    if arguments.action == "mix":
        from resonaut.represent.mix import write_mixture

        task = validate(MixTask, raw, "--settings")
        write_mixture(named_paths(arguments.manifests), arguments.output, task)
        return None
    if arguments.action == "pseudo":
        from resonaut.represent.pseudo import PseudoTask, write_pseudo_experiments

        write_pseudo_experiments(
            named_paths(arguments.manifests),
            arguments.data,
            arguments.state,
            arguments.output,
            validate(PseudoTask, raw, "--settings"),
        )
        return None
    settings = validate(RepresentTask, raw, "--settings")
    level = _level(arguments.input) if arguments.action == "features" else ""
    if level == "drawn showers":
        from resonaut.represent.shower_features import write_features_of_drawn

        write_features_of_drawn(arguments.input, arguments.output)
        return None
    if arguments.action == "showers":
        from resonaut.represent.showers import write_showers as write
    elif level == "showers":
        from resonaut.represent.shower_features import write_shower_features as write
    elif arguments.action == "features":
        from resonaut.represent.features import write_features as write
    elif arguments.action == "images":
        from resonaut.represent.images import write_images as write
    else:
        from resonaut.represent.clouds import write_clouds as write
    write(arguments.input, arguments.output, settings)
    return None


def _level(path: str) -> str:
    """What the events of a store are, or that the file is one of showers that a generator made."""
    from resonaut.hdf5 import open_h5
    from resonaut.store import Store

    with open_h5(path) as file:
        if file.attrs.get("kind") == "showers":
            return "drawn showers"
    with Store(path) as events:
        return str(events.attributes.get("level", "jets"))
