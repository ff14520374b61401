"""`resonaut new KIND NAME`: a new method and its test from a template; both work at once.

The method is one new file, which the configuration and the tests of all methods find by its name.
"""

from __future__ import annotations

import argparse
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from resonaut import clone, registry
from resonaut.errors import ConfigError, InputError, OutputError, nearest


@dataclass(frozen=True)
class Kind:
    """A kind of method.

    Attributes:
        stage: whose `methods` folder it goes into.
        use: how a configuration uses it.
        contract: arguments of pytest: tests of all methods of this kind; the new one is among them.
        add: what the lists of other tests must be told; empty where there is none.
    """

    stage: str
    use: str
    contract: str
    add: str = ""


KINDS = {
    "tagger": Kind(
        "tag",
        "tag:\n  $name: {signal: [wprime], background: [qcd], inputs: [mjj, jets/tau21/0]}",
        "tests/unit/nn/test_nn_networks.py -k $name",
        "METHODS of tests/unit/tag/test_tag_export.py, with settings of a small network",
    ),
    "generator": Kind(
        "generate",
        "generate:\n  $name: {datasets: [qcd], learn: features, inputs: [mjj, mj1]}",
        "tests/unit/test_house.py -k methods",
    ),
    "detector": Kind(
        "detect",
        "detect:\n  $name: {features: [mj1_over_mjj, tau21_j1]}",
        "tests/unit/detect/test_detect_contract.py -k $name",
    ),
    "reader": Kind(
        "ingest",
        "datasets:\n  mine: {source: files, reader: $name, files: [mine.h5]}",
        "tests/unit/ingest/test_ingest_readers.py -k $name",
    ),
    "background": Kind(
        "stats",
        "hunt:\n  background: $name",
        "tests/unit/stats/test_stats_poisson.py -k $name",
        "FORMULAS of tests/unit/stats/test_stats_families.py, with the formula",
    ),
}
_NAME = re.compile(r"[a-z][a-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut new`."""
    parser.add_argument("kind", choices=list(KINDS), help="what is made")
    parser.add_argument("name", metavar="NAME", help="lower-case letters, digits and _: the file's name")


def run(arguments: argparse.Namespace) -> int:
    """Write both files, and say what comes next."""
    kind, name = KINDS[arguments.kind], arguments.name
    root = clone.root()
    _check(kind.stage, name)
    method = root / "src/resonaut" / kind.stage / "methods" / f"{name}.py"
    test = root / "tests/unit" / kind.stage / f"test_{kind.stage}_{name}.py"
    for path in (method, test):
        if path.exists():
            raise OutputError(f"{path}: it exists already; nothing was written. Choose another name.")
    if not test.parent.is_dir():
        raise InputError(f"{test.parent}: no such folder; new methods are written in a clone with its tests.")
    names = {"name": name, "Name": "".join(word.capitalize() for word in name.split("_"))}
    for path, source in ((method, f"{arguments.kind}.py.txt"), (test, f"{arguments.kind}_test.py.txt")):
        text = Template(clone.template(f"methods/{source}")).substitute(names)
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise OutputError(f"{path}: cannot be written ({error.strerror}).") from None
    print(_next(kind, names, method.relative_to(root), test.relative_to(root), root))
    return 0


def _check(stage: str, name: str) -> None:
    """Refuse a name that is none, or taken.

    Raises:
        ConfigError: see above.
    """
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > 64:
        likely = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        hint = f" Perhaps '{likely}'." if _NAME.fullmatch(likely) and not keyword.iskeyword(likely) else ""
        raise ConfigError(
            f"NAME: '{name}': lower-case letters, digits and _ are expected, a letter first.{hint}"
        )
    known = registry.names(stage)
    if name in known:
        raise ConfigError(f"NAME: {stage} has a method '{name}' already. {nearest('', known)}")


def _next(kind: Kind, names: dict[str, str], method: Path, test: Path, root: Path) -> str:
    contract = Template(kind.contract).substitute(names)
    lines = [
        f"written, in {root}:",
        f"  {method}    the method: edit this",
        f"  {test}    its test",
        "try them:",
        f"  python -m pytest {test}",
        f"  python -m pytest {contract}    what all methods of this kind keep",
        "use it:",
        *(f"  {line}" for line in Template(kind.use).substitute(names).splitlines()),
    ]
    if kind.add:
        lines.append(f"before you share it, add it to {kind.add}.")
    lines.append("then: make format schema")
    return "\n".join(lines)
