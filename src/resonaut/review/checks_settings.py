"""Limits of the checks that a reviewer reads first."""

from __future__ import annotations

from pydantic import Field

from resonaut.settings import Settings


class ChecksSettings(Settings):
    """What passes. A check that fails stops nothing: the page and the log say so."""

    closure: float = Field(
        0.05, gt=0, description="Largest relative difference between archived workspace and exact profile."
    )
    goodness_of_fit: float = Field(
        1e-3, ge=0, lt=1, description="Least p-value of a background fit to the side bands."
    )
    failed_toys: float = Field(0.01, ge=0, lt=1, description="Largest share of toys whose fits failed.")
    events_min: float = Field(
        10.0, ge=0, description="Expected events below which pulls are not judged: they are not Gaussian."
    )
    pull_mean: float = Field(0.2, gt=0, description="Largest mean pull, standard deviations.")
    pull_width: float = Field(0.1, gt=0, description="Largest distance of a width of pulls from 1.")
    linearity: float = Field(
        0.1, gt=0, description="Largest distance of the slope of fitted against injected signal from 1."
    )
    coverage_errors: float = Field(
        2.0, ge=0, description="Coverage may lie below its nominal value by so many of its errors and"
    )
    coverage_tolerance: float = Field(
        0.02, ge=0, description="by so much: many are looked at, and asymptotic formulas are as inexact."
    )
    spurious_signal: float = Field(
        0.5,
        gt=0,
        description="Largest signal that is fitted where there is none, over its standard deviation, in toys "
        "of other background functions.",
    )
    sculpting: float = Field(
        1e-3, ge=0, lt=1, description="Least p-value of the test that a selection does not sculpt the mass."
    )
