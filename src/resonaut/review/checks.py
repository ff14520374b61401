"""What a reviewer asks first of each search, answered with numbers: fits, closure, toys, sculpting.

A check that fails stops nothing. `checks.json`, the page and the log say what failed, where, and what to do:

    schema_version, kind ("checks"), n_checks, n_failed
    searches     one per mixture and method:
        mixture, method
        checks       one each, in the order of `CHECKS`:
            name         what is compared
            value, limit the worst number of the search and where it stops passing; null where there is none
            passes       true, false, or null where nothing was measured
            where        the window, the selection and the truth of the worst number; null where all are alike
            advice       what to do if it fails
    provenance
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from resonaut.errors import ConfigError, MismatchError
from resonaut.files import atomic, write_json
from resonaut.logs import log
from resonaut.provenance import describe, write_run_record
from resonaut.review.checks_page import page
from resonaut.review.checks_settings import ChecksSettings
from resonaut.review.checks_values import CHECKS, Search
from resonaut.review.reading import json_with
from resonaut.settings import Settings, validate

SCHEMA_VERSION = 1
KIND = "checks"
_KEYS = {
    "significances": ("mixture", "method", "windows", "best"),
    "hunts": ("mixture", "method", "windows", "background_function"),
    "evaluations": ("mixture", "method", "windows", "kind"),
    "validations": ("mixture", "method", "windows", "kind"),
}
"""Keys that tell the files apart."""

Paths = Mapping[str, Mapping[str, Path]]


class Slice(Settings):
    """What the rule gives: `{"checks": ...}`."""

    checks: ChecksSettings = ChecksSettings()


def run(settings: Mapping[str, Any], paths: Paths, output: Path, document: Path) -> None:
    """Check all searches of a study.

    Args:
        settings: `{"checks": ...}`.
        paths: files by `mixture/method` for each of `significances`, `hunts`, `evaluations` and
            `validations`; of the last two there may be fewer.
        output: JSON, as the module says.
        document: HTML, the same to read; it refers to no other file.

    Raises:
        ConfigError: a search has no significance or no hunt, or a name is not `mixture/method`.
        InputError: a file is of another kind.
        MismatchError: a file is of another search.
    """
    limits = validate(Slice, settings).checks
    searches = [_checked(search, limits) for search in read(paths)]
    every = [check for search in searches for check in search["checks"]]
    failed = sum(check["passes"] is False for check in every)
    files = [path for kind in paths.values() for path in kind.values()]
    result = {
        "schema_version": SCHEMA_VERSION,
        "kind": KIND,
        "n_checks": sum(check["passes"] is not None for check in every),
        "n_failed": failed,
        "searches": searches,
        "provenance": describe(dict(settings), files, []),
    }
    _tell(result)
    write_json(output, result)
    with atomic(document) as part:
        part.write_text(page(result), encoding="utf-8")
    write_run_record(output)


def read(paths: Paths) -> list[Search]:
    """Read the files of each search, sorted by name (see `run`)."""
    for kind in ("hunts", "evaluations", "validations"):
        odd = sorted(set(paths[kind]) - set(paths["significances"]))
        odd += sorted(set(paths["significances"]) - set(paths["hunts"])) if kind == "hunts" else []
        if odd:
            raise ConfigError(
                f"--{kind} and --significances: {', '.join(odd)} {'is' if len(odd) == 1 else 'are'} in one "
                "of them only. Give a significance and a hunt of every search."
            )
    return [
        Search(*_names(name), **{kind: _read(paths[kind][name], kind, name) if name in paths[kind] else None
                                 for kind in _KEYS})
        for name in sorted(paths["significances"])
    ]  # fmt: skip


def _names(name: str) -> tuple[str, str]:
    mixture, slash, method = name.rpartition("/")
    if not slash or not mixture or not method:
        raise ConfigError(f"'{name}': MIXTURE/METHOD=PATH is expected, for example data/cwola=hunt.json.")
    return mixture, method


def _read(path: Path, kind: str, name: str) -> dict[str, Any]:
    content = json_with(path, *_KEYS[kind])
    if f"{content['mixture']}/{content['method']}" != name:
        raise MismatchError(
            f"{path}: of mixture '{content['mixture']}' and method '{content['method']}', {name} is "
            "expected. Give the file of that search."
        )
    return content


def _checked(search: Search, limits: ChecksSettings) -> dict[str, Any]:
    checks = [asdict(check(search, limits)) for check in CHECKS]
    return {"mixture": search.mixture, "method": search.method, "checks": checks}


def _tell(result: Mapping[str, Any]) -> None:
    """A line of the log for each check that failed, and one for all."""
    for search in result["searches"]:
        for check in search["checks"]:
            if check["passes"] is False:
                place = f" ({check['where']})" if check["where"] else ""
                found = (
                    "" if check["value"] is None else f": {check['value']:.4g}, limit {check['limit']:.4g}"
                )
                log.warning(
                    "CHECK FAILED: %s in %s: %s%s%s. %s",
                    search["method"], search["mixture"], check["name"], found, place, check["advice"],
                )  # fmt: skip
    log.info("%d of %d checks failed", result["n_failed"], result["n_checks"])
