"""Read the spectra that hunt wrote."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import InputError, MissingBranchError
from resonaut.scan import Window
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.transfer import transfer_terms, window_model
from resonaut.store import open_h5

KIND = "spectra"
_DATASETS = ("edges", "inside", "fitted", "efficiencies", "counts", "total")


@dataclass(frozen=True)
class Spectra:
    """Spectra of a search.

    Attributes:
        mixture, method: what was searched, and with what.
        windows: (W) signal regions.
        efficiencies: (E,) of the selections.
        counts: (P, W, E, B) selected events.
        inside, fitted: (W, B) roles of the bins.
        total: (P, B) all events.
        edges: (B + 1,) GeV.
        background: the background function over all bins.
        transfer: terms of the ratio of selected to failing events.
        blind: signal regions are closed: `counts` and `total` are -1 in bins of any signal region.
        parameters: (P, W, E, K) of hunt's fits to the side bands, NaN where one did not converge; if blind.
    """

    mixture: str
    method: str
    windows: tuple[Window, ...]
    efficiencies: np.ndarray
    counts: np.ndarray
    inside: np.ndarray
    fitted: np.ndarray
    total: np.ndarray
    edges: np.ndarray
    background: LogLinear
    transfer: int
    blind: bool = False
    parameters: np.ndarray | None = None

    def likelihood(self, window: int, number: int) -> ProfileLikelihood:
        """The likelihoods (P) of one window and efficiency.

        In a blind search those of the Asimov data of the fit to the side bands, in the signal region and in
        the side bands, some of which may be another window's signal region: the same fit, background, error
        and expected limits, and an observation that is the expectation.
        """
        terms = transfer_terms(self.transfer, self.efficiencies[number])
        model = window_model(self.background, self.edges, self.inside[window], self.fitted[window], terms)
        if self.parameters is not None:
            return _asimov(model.model, self.parameters[:, window, number, : model.model.n_parameters])
        selected = self.counts[:, window, number]
        return ProfileLikelihood(model.model, model.arrange(selected, self.total - selected))


def _asimov(model: LogLinear, parameters: np.ndarray) -> ProfileLikelihood:
    """The likelihoods of the expectations at `parameters` (P, K); NaN gives results that are NaN."""
    failed = np.isnan(parameters).any(-1)
    likelihood = ProfileLikelihood(model, model.expected(np.nan_to_num(parameters)))
    likelihood.converged[failed] = False
    likelihood.background[failed] = likelihood.log_error[failed] = np.nan
    return likelihood


def read(path: str | os.PathLike) -> Spectra:
    """Read spectra.

    Raises:
        MissingFileError, CorruptFileError, InputError: absent, broken, of another kind or incomplete.
    """
    with open_h5(path) as file:
        attributes: dict[str, Any] = dict(file.attrs)
        if attributes.get("kind") != KIND:
            raise InputError(
                f"{path}: a file of kind '{KIND}' is expected, got '{attributes.get('kind')}'. "
                "Give hunt's output."
            )
        blind = bool(attributes.get("blind", False))
        wanted = (*_DATASETS, "parameters") if blind else _DATASETS
        for name in wanted:
            if name not in file:
                raise MissingBranchError(f"{path}: no dataset '{name}'. Run `hunt` again.")
        arrays = {name: file[name][:] for name in wanted}
    function = json.loads(attributes["background_settings"])
    return Spectra(
        mixture=str(attributes["mixture"]),
        method=str(attributes["method"]),
        windows=tuple(Window(**window) for window in json.loads(attributes["windows"])),
        background=registry.build("stats", str(attributes["background_function"]), function)(arrays["edges"]),
        transfer=int(attributes["transfer_parameters"]),
        blind=blind,
        **arrays,
    )
