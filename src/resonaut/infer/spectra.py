"""Read the spectra that hunt wrote."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from resonaut import registry
from resonaut.errors import InputError, MissingBranchError
from resonaut.scan import Window
from resonaut.stats.loglinear import LogLinear
from resonaut.stats.profile import ProfileLikelihood
from resonaut.stats.transfer import WindowModel, transfer_terms, window_model
from resonaut.store import open_h5

KIND = "spectra"
_DATASETS = ("edges", "inside", "fitted", "efficiencies", "counts", "total")
_OPTIONAL = ("order",)


@dataclass(frozen=True)
class WindowTest:
    """One window and efficiency of the pseudo-experiments whose backgrounds have the same order.

    Attributes:
        rows: (n,) which pseudo-experiments.
        window: side bands and, last, the merged signal region.
        counts: (n, n_bins) in the bins of `window.model`.
        shown: (B,) boolean, bins of the scan that are fitted or in the signal region.
        selected: (n, B) selected events in the bins of the scan.
        failed: (n,) boolean: of a blind search, no fit gave an expectation.
        edges: (B + 1,) GeV.
        order: number of parameters of the background function, where it has one.
    """

    rows: np.ndarray
    window: WindowModel
    counts: np.ndarray
    shown: np.ndarray
    selected: np.ndarray
    failed: np.ndarray
    edges: np.ndarray
    order: int | None = None

    def take(self, chosen: np.ndarray) -> WindowTest:
        """Some of the experiments, by their places here."""
        arrays = {name: getattr(self, name)[chosen] for name in ("rows", "counts", "selected", "failed")}
        return replace(self, **arrays)

    def counting(self) -> ProfileLikelihood:
        """The likelihoods (n) of the counting experiment in the signal region."""
        likelihood = ProfileLikelihood(self.window.model, self.counts)
        likelihood.converged[self.failed] = False
        likelihood.background[self.failed] = likelihood.log_error[self.failed] = np.nan
        return likelihood

    @property
    def n_failing(self) -> int:
        """Number of bins of failing events, which stand first."""
        n_scan = self.window.groups.shape[1] // 2
        return int(self.window.groups[:, :n_scan].any(axis=1).sum())

    @property
    def bins(self) -> np.ndarray:
        """(n + 1,) edges around the bins of `shaped` of selected events, GeV."""
        low, high = self.edges[:-1][self.shown], self.edges[1:][self.shown]
        return np.append(low, high[-1])

    def shaped(self) -> LogLinear:
        """The background with the bins of the signal region one by one: failing bins, then selected ones."""
        failing = self.window.model.regrouped(np.eye(self.window.model.n_bins)[: self.n_failing])
        chosen = self.window.selected.regrouped(np.eye(len(self.shown))[self.shown])
        weights = np.zeros((failing.n_bins + chosen.n_bins, len(failing.nodes) + len(chosen.nodes)))
        weights[: failing.n_bins, : len(failing.nodes)] = failing.weights
        weights[failing.n_bins :, len(failing.nodes) :] = chosen.weights
        nodes = np.concatenate([failing.nodes, chosen.nodes])
        return LogLinear(nodes, weights, self.window.model.penalty)

    def shaped_counts(self) -> np.ndarray:
        """(n, n_bins) events in the bins of `shaped`."""
        return np.concatenate([self.counts[:, : self.n_failing], self.selected[:, self.shown]], axis=1)

    def shaped_signal(self, values: np.ndarray) -> np.ndarray:
        """Signal in the bins of `shaped` from that (B,) in the bins of the scan; none in failing events."""
        return np.append(np.zeros(self.n_failing), values[self.shown])


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
        function: name of the background function, and its settings.
        transfer: terms of the ratio of selected to failing events.
        blind: signal regions are closed: `counts` and `total` are -1 in bins of any signal region.
        parameters: (P, W, E, K) of hunt's fits to the side bands, NaN where one did not converge; if blind.
        order: (P, W, E) chosen numbers of parameters of the background, -1 where none was found; or None.
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
    function: tuple[str, dict[str, Any]]
    transfer: int
    blind: bool = False
    parameters: np.ndarray | None = None
    order: np.ndarray | None = None

    def background(self, order: int | None = None) -> Callable[[np.ndarray], LogLinear]:
        """The background function of bin edges; `order` is its number of parameters where it was chosen."""
        name, settings = self.function
        chosen = {} if order is None else {"n_parameters": order}
        return registry.build("stats", name, {**settings, **chosen})

    def model(self, window: int, number: int, background: Callable[[np.ndarray], LogLinear]) -> WindowModel:
        """The model of one window and efficiency with a background function."""
        terms = transfer_terms(self.transfer, self.efficiencies[number])
        return window_model(background, self.edges, self.inside[window], self.fitted[window], terms)

    def tests(self, window: int, number: int) -> list[WindowTest]:
        """One window and efficiency, by the order of the background: all together if it is the same."""
        if self.order is None:
            return [self._test(window, number, np.arange(len(self.counts)), None)]
        orders = self.order[:, window, number]
        return [
            self._test(window, number, np.flatnonzero(orders == order), int(order))
            for order in np.unique(orders[orders > 0])
        ]

    def likelihood(self, window: int, number: int) -> ProfileLikelihood:
        """The likelihoods (P) of the counting experiments of one window and efficiency.

        In a blind search those of the Asimov data of the fit to the side bands, in the signal region and in
        the side bands, some of which may be another window's signal region: the same fit, background, error
        and expected limits, and an observation that is the expectation.

        Raises:
            InputError: backgrounds of different order; `tests` gives those of each.
        """
        found = self.tests(window, number)
        if len(found) != 1 or len(found[0].rows) != len(self.counts):
            raise InputError(
                f"{self.mixture}/{self.method}: the background of window {self.windows[window].name} GeV has "
                "another order in each pseudo-experiment, one order is expected. Set hunt.n_parameters to a "
                "number."
            )
        return found[0].counting()

    def _test(self, window: int, number: int, rows: np.ndarray, order: int | None) -> WindowTest:
        model = self.model(window, number, self.background(order))
        failed = np.zeros(len(rows), bool)
        if self.parameters is None:
            selected = self.counts[rows, window, number].astype(float)
            counts = model.arrange(selected, self.total[rows] - selected)
        else:
            parameters = self.parameters[rows, window, number, : model.model.n_parameters]
            failed = np.isnan(parameters).any(-1)
            # Results of failed fits are NaN whatever is expected here.
            parameters = np.nan_to_num(parameters)
            selected, counts = model.selected.expected(parameters), model.model.expected(parameters)
        shown = self.inside[window] | self.fitted[window]
        order = self.function[1].get("n_parameters") if order is None else order
        return WindowTest(rows, model, counts, shown, selected, failed, self.edges, order)


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
        arrays = {name: file[name][:] for name in (*wanted, *(name for name in _OPTIONAL if name in file))}
    function = str(attributes["background_function"]), json.loads(attributes["background_settings"])
    registry.load("stats", function[0], str(path))
    return Spectra(
        mixture=str(attributes["mixture"]),
        method=str(attributes["method"]),
        windows=tuple(Window(**window) for window in json.loads(attributes["windows"])),
        function=function,
        transfer=int(attributes["transfer_parameters"]),
        blind=blind,
        **arrays,
    )
