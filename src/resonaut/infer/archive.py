"""What is archived of a search: workspaces, also in HS3, and patch sets over windows; whether they close."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from resonaut.infer import hs3, patchset, workspaces
from resonaut.infer.closure import FromWorkspace, compare, evaluate
from resonaut.infer.settings import InferSettings
from resonaut.infer.significance_entries import Entry, Place
from resonaut.infer.window_likelihood import Model
from resonaut.infer.window_results import Results
from resonaut.infer.workspaces import Channel
from resonaut.logs import log
from resonaut.scan import Window

Json = dict[str, Any]
_EXPECTED_ONLY = "upper_limit_expected"


@dataclass
class Archive:
    """Files by name, collected one window at a time.

    Attributes:
        files: what is written.
        of_selection: workspaces by efficiency and window.
    """

    files: dict[str, Json] = field(default_factory=dict)
    of_selection: dict[float, dict[Window, Json]] = field(default_factory=dict)

    def add(self, place: Place, model: Model, results: Results, entry: Entry, given: InferSettings) -> None:
        """Make the workspace of the first experiment; say in `entry` where it is and whether it closes."""
        blind, window = place.found.blind, place.found.windows[place.window]
        efficiency = float(place.found.efficiencies[place.number])
        exact = _exact(results, blind)
        content = workspaces.workspace(
            channels(place, model),
            max(exact.upper_limit_observed, exact.upper_limit_expected),
            model.uncertainties,
            "blind" if blind else "search",
        )
        name = workspaces.file_name(window, efficiency)
        self.files[name] = content
        self.files[name.replace(".json", ".hs3.json")] = hs3.convert(content)
        self.of_selection.setdefault(efficiency, {})[window] = content
        _close(place, entry, name, content, exact, given)

    def finish(self) -> dict[str, Json]:
        """All files, with the patch set of each selection."""
        found = dict(self.files)
        for efficiency, contents in self.of_selection.items():
            background = patchset.background_only(list(contents.values()))
            found[f"background_{efficiency:g}.json"] = background
            found[f"patchset_{efficiency:g}.json"] = patchset.patch_set(
                contents,
                background,
                f"Signal in each window of the selection of efficiency {efficiency:g}; mu is in signal "
                "events. The reference stands for a record that does not exist yet.",
            )
        return found


def channels(place: Place, model: Model) -> list[Channel]:
    """Channels of the workspace of the first experiment of a model."""
    test = model.test
    window = place.found.windows[place.window]
    efficiency = float(place.found.efficiencies[place.number])
    counting = test.counting()
    name = workspaces.channel_name(window, efficiency)
    if not model.shaped:
        return [
            Channel(
                name,
                observed=counting.background[:1] if place.found.blind else test.counts[0, -1:],
                background=counting.background[:1],
                log_error=float(counting.log_error[0]),
                signal=_of(model, slice(-1, None)),
            )
        ]
    bins, side = test.shaped(), counting.side
    background = bins.expected(side.parameters[0])
    modes = workspaces.eigenvectors(
        bins.jacobian(side.parameters[0]), workspaces.constraint(side.covariance[0], bins.penalty)
    )
    observed = background if place.found.blind else test.shaped_counts()[0]
    first = test.n_failing
    chosen, others = slice(first, None), slice(first)
    found = [Channel(name, observed[chosen], background[chosen], modes[:, chosen], signal=_of(model, chosen))]
    if first:
        failing = workspaces.channel_name(window, efficiency, "failing")
        found.append(Channel(failing, observed[others], background[others], modes[:, others]))
    return found


def _of(model: Model, bins: slice) -> Any:
    """The signal in some of the bins."""
    return model.signal.regrouped(lambda values: values[bins])


def _exact(results: Results, blind: bool) -> FromWorkspace:
    """What the workspace is compared with: if blind, the observation is what is expected."""
    expected = float(results.limits.expected[0, 2])
    if blind:
        return FromWorkspace(0.5, 0.0, expected, expected)
    discovery = results.discovery
    return FromWorkspace(
        float(discovery.p_value[0]), float(discovery.z_local[0]), float(results.limits.observed[0]), expected
    )


def _close(
    place: Place, entry: Entry, name: str, content: Json, exact: FromWorkspace, given: InferSettings
) -> None:
    """Add what the workspace gives, and whether it agrees."""
    archived = evaluate(content, exact, given.confidence_level)
    entry["workspace"] = name
    entry["hs3"] = name.replace(".json", ".hs3.json")
    entry["pyhf"] = None if archived is None else vars(archived).copy()
    entry["closure"] = compare(exact, archived, given.closure_tolerance)
    _report(place, entry["closure"], given.closure_tolerance)
    if not place.found.blind:
        return
    # Of a workspace without observation only what is expected says something.
    for numbers in (entry["pyhf"], entry["closure"].get("relative_differences")):
        if numbers is not None:
            for other in [other for other in numbers if other != _EXPECTED_ONLY]:
                del numbers[other]


def _report(place: Place, closure: Json, tolerance: float) -> None:
    differences = closure.get("relative_differences")
    if closure["passes"]:
        largest = float(np.abs(list(differences.values())).max())
        log.info("%s: the workspace agrees with the exact profile within %.2g", place.text, largest)
        return
    log.warning(
        "%s: workspace and exact profile likelihood differ by more than infer.closure_tolerance = %g: "
        "%s. The exact numbers are the result; the workspace is an approximation there.",
        place.text, tolerance, differences or closure.get("reason"),
    )  # fmt: skip
