"""Options that several actions of `resonaut infer` have."""

from __future__ import annotations

import argparse


def add_searches(parser: argparse.ArgumentParser) -> None:
    """Evaluations and significances of searches."""
    parser.add_argument(
        "--evaluations",
        nargs="+",
        required=True,
        metavar="MIXTURE/METHOD=JSON",
        help="evaluations of `hunt evaluate`",
    )
    parser.add_argument(
        "--significances",
        nargs="+",
        required=True,
        metavar="MIXTURE/METHOD=JSON",
        help="significances of `infer test`, of the same searches",
    )


def add_signal(parser: argparse.ArgumentParser) -> None:
    """The simulated signal whose shape is tested."""
    parser.add_argument(
        "--signal",
        nargs="*",
        default=[],
        metavar="DATASET=MANIFEST",
        help="features of the dataset that infer.signal.dataset names",
    )
