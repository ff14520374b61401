"""The first configuration of an analysis, from what was found in its files."""

from __future__ import annotations

import glob
import json
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resonaut.errors import ConfigError

N_WINDOWS = 6
_LISTED = 10
_NICE = (1, 2, 5)
_SAY_NOTHING = {"nominal", "root", "files"}
_CWOLA = ("mj1_over_mjj", "dmj_over_mjj")
_OF_CONSTITUENTS = ("tau21_j1", "tau21_j2")


def name_of(text: str, where: str) -> str:
    """A name as the configuration wants it: lower-case letters, digits and _, a letter first.

    >>> name_of("My-Analysis 2", "folder")
    'my_analysis_2'

    Raises:
        ConfigError: nothing is left of it.
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    name = re.sub(r"^[^a-z]+", "", name)[:64]
    if not name:
        raise ConfigError(f"{where}: '{text}' gives no name of letters; name the study with --study.")
    return name


def grouped(paths: Sequence[str]) -> dict[str, list[str]]:
    """Files that belong to one dataset: of one folder and suffix, their names equal but for a number.

    >>> grouped(["mc/qcd_1.root", "mc/qcd_2.root", "mc/wprime.root"])
    {'qcd': ['mc/qcd_1.root', 'mc/qcd_2.root'], 'wprime': ['mc/wprime.root']}

    Returns:
        Name of the dataset -> its files, in the order given.
    """
    stems: dict[tuple[str, str, str], list[str]] = {}
    for path in paths:
        folder, _, file = path.rpartition("/")
        stem, _, suffix = file.partition(".")
        stems.setdefault((re.sub(r"[_-]*\d+$", "", stem), folder, suffix), []).append(path)
    groups: dict[str, list[str]] = {}
    for (stem, folder, _), files in stems.items():
        # Where the files have numbers only, a folder above them may say what they are.
        words = [word for word in (stem, *reversed(folder.split("/"))) if word not in _SAY_NOTHING]
        name = name_of(next((word for word in words if re.search("[A-Za-z]", word)), "data"), files[0])
        number, unique = 2, name
        while unique in groups:
            unique, number = f"{name}_{number}", number + 1
        groups[unique] = files
    return groups


@dataclass(frozen=True)
class Found:
    """A dataset of files.

    Attributes:
        files: local or remote.
        first: survey of the first of them (`resonaut.ingest.survey.Survey`); the others are alike.
    """

    files: tuple[str, ...]
    first: Any


def table(groups: Mapping[str, Found]) -> str:
    """What was found, as a table in Markdown."""
    lines = [
        "| dataset | files | reader | events of the first | jets per event | constituents "
        "| 90 % of the masses | classes |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, found in groups.items():
        first = found.first
        events = "?" if first.n_events is None else f"{first.n_events:,}"
        masses = "-" if first.mass_range is None else "{:,.0f} to {:,.0f} GeV".format(*first.mass_range)
        of_jets = first.level == "jets" and first.n_events
        cells = [
            *(f"`{name}`", str(len(found.files)), first.reader or "none", events),
            *((f"{first.n_jets:g}", "yes" if first.constituents else "no") if of_jets else ("-", "-")),
            *(masses, ", ".join(first.classes) or "-"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def configuration(study: str, groups: Mapping[str, Found], options: Mapping[str, Any]) -> str:
    """The text of the configuration of an analysis of files.

    Args:
        study: its name.
        groups: of each dataset what was found; some can be used as they are.
        options: of tables: `mass`, `columns`.

    Returns:
        YAML. What cannot be used stands there as a comment, with the reason.
    """
    usable = {name: found.first for name, found in groups.items() if not found.first.problem}
    lines = [
        f"# The study '{study}', begun by `resonaut init`. Every key stands in config/README.md of resonaut.",
        "# Energies in GeV; paths start at the folder that holds the Snakefile, or at /.",
        f"study: {study}",
        "seed: 1",
        "",
        "datasets:",
    ]
    for name, found in groups.items():
        lines += _dataset(name, found, options)
    level = next(iter(usable.values())).level
    searched = {name: first for name, first in usable.items() if first.level == level}
    span = _span(list(searched.values()))
    if span is None or level not in ("jets", "table"):
        lines += ["", f"# No search: of these {level} no mass of a resonance is known.", "mixtures: {}"]
        return "\n".join(lines) + "\n"
    return "\n".join([*lines, "", *_search(searched, level, span)]) + "\n"


def _dataset(name: str, found: Found, options: Mapping[str, Any]) -> list[str]:
    first = found.first
    lines = [f"  {name}:", f"    source: {'table' if first.reader == 'table' else 'files'}"]
    if first.reader not in ("", "table"):
        lines.append(f"    reader: {first.reader}")
    files = _files(found.files)
    lines += ["    files:", *(f"      - {_words([file])[1:-1]}" for file in files)]
    if first.reader == "table":
        mass = options.get("mass") or first.mass or "..."
        lines.append(f"    mass: {_words([mass])[1:-1]}")
        if first.unit != "GeV":
            lines.append(
                f"    unit: {first.unit}    # guessed from the masses; name in `energies` what else has it"
            )
        if options.get("columns"):
            lines.append(f"    columns: {_words(options['columns'])}")
        if first.features:
            lines.append(f"    features: {_words(first.features)}")
    if first.level == "jets" and not first.constituents and not first.problem:
        lines.append("    represent: [features]    # its jets have no constituents")
    lines.append(f"    # label: {name}    # truth class of simulated events; data have none")
    if first.classes:
        lines.append(
            f"    # classes: {_words(first.classes)}  # of the file; all are kept, name those to keep"
        )
    if not first.problem:
        return lines
    reason = first.problem + (f" It holds: {', '.join(first.columns[:40])}." if first.columns else "")
    wrapped = textwrap.wrap(reason, 104, initial_indent="  # ", subsequent_indent="  # ")
    return [*wrapped, *(f"  # {line.removeprefix('  ')}" for line in lines)]


def _files(paths: Sequence[str]) -> list[str]:
    """Paths of a dataset; a pattern instead of many where it means the same files."""
    if len(paths) > _LISTED:
        first = Path(paths[0])
        stem = re.sub(r"\d+$", "", first.name.split(".")[0])
        pattern = str(first.with_name(f"{stem}*{''.join(first.suffixes)}"))
        if sorted(glob.glob(pattern)) == sorted(paths):
            return [pattern]
    return list(paths)


def _words(words: Sequence[str]) -> str:
    """A list of YAML; quotes where a name is no plain word."""
    plain = re.compile(r"[A-Za-z/.][A-Za-z0-9_/.-]*")
    return f"[{', '.join(word if plain.fullmatch(word) else json.dumps(word) for word in words)}]"


def _span(surveys: Sequence[Any]) -> tuple[float, float] | None:
    ranges = [survey.mass_range for survey in surveys if survey.mass_range is not None]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def windows(low: float, high: float) -> tuple[float, float, float]:
    """A first scan: (its lower end, its upper end, width of windows), in round numbers.

    >>> windows(2278.0, 4427.0)
    (2200, 4600, 200)
    """
    wanted = max(high - low, 1e-3 * high) / N_WINDOWS
    power = 10.0 ** math.floor(math.log10(wanted))
    width = max(step * power for step in _NICE if step * power <= wanted * (1 + 1e-9))
    ends = math.floor(low / width) * width, math.ceil(high / width) * width
    return tuple(int(value) if value == int(value) else value for value in (*ends, width))


def _search(searched: Mapping[str, Any], level: str, span: tuple[float, float]) -> list[str]:
    low, high, width = windows(*span)
    low = low or width
    selection = f"mass_min: {low:g}, mass_max: {high:g}"
    surveys = list(searched.values())
    if level == "jets":
        with_constituents = all(survey.constituents for survey in surveys)
        features = [*_CWOLA, *(_OF_CONSTITUENTS if with_constituents else ())]
        represent = ["  n_jets: 2", f"  selection: {{n_jets_min: 2, {selection}}}"]
    else:
        features = [name for name in surveys[0].features if all(name in one.features for one in surveys)][:8]
        represent = [f"  selection: {{{selection}}}    # of a table only the mass is cut on"]
    methods = "[cwola]" if features else "[]"
    return [
        "represent:",
        *represent,
        "",
        "# What is searched. Simulated signal is injected as a number of events: {qcd: all, signal: 100}.",
        "mixtures:",
        "  data:",
        f"    datasets: {{{', '.join(f'{name}: all' for name in searched)}}}",
        f"    methods: {methods}",
        "",
        f"# A first guess: 90 % of the first events have masses from {span[0]:.0f} to {span[1]:.0f} GeV.",
        "scan:",
        f"  mass_min: {low:g}",
        f"  mass_max: {high:g}",
        f"  sideband_width: {width:g}",
        f"  windows: {{first: {low + width:g}, last: {high - width:g}, width: {width:g}, step: {width:g}}}",
        "",
        *(["detect:", "  cwola:", f"    features: {_words(features)}", ""] if features else []),
        "hunt:",
        "  efficiencies: [0.1, 0.01]",
        f"  bin_width: {width / 4:g}",
    ]
