"""`resonaut init FOLDER [--files PATH ...]`: start an analysis of your own in a new folder.

The folder gets a configuration, a Snakefile that runs the workflow of the installed clone, links to its
profiles, a README and a .gitignore; `snakemake -n` works there at once. With `--files` the files are looked
into, and the configuration names their readers and a first scan; without, it is the demo under another name.
"""

from __future__ import annotations

import argparse
import importlib
import re
from pathlib import Path
from string import Template
from typing import Any

from resonaut import clone
from resonaut.errors import ConfigError, InputError, MissingFileError, OutputError, nearest
from resonaut.logs import progress

_LINKS = {"profiles": "profiles", "gpu-cluster": "profiles/gpu-cluster"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `resonaut init`."""
    parser.add_argument("folder", metavar="FOLDER", help="the new folder; of an existing one with --relink")
    parser.add_argument(
        "--files",
        nargs="+",
        metavar="PATH",
        default=[],
        help="your files of events, local or root://, https://",
    )
    parser.add_argument("--study", metavar="NAME", help="name of the study (default: that of the folder)")
    parser.add_argument("--mass", metavar="COLUMN", help="of tables: the column of the resonant mass")
    parser.add_argument(
        "--columns", nargs="+", metavar="NAME", help="of tables without names: their columns, in order"
    )
    parser.add_argument(
        "--relink", action="store_true", help="only make the links to the profiles of this clone again"
    )


def run(arguments: argparse.Namespace) -> int:
    """Make the folder, and say what was found and what comes next."""
    folder = Path(arguments.folder)
    root = clone.root()
    if arguments.relink:
        _relink(folder, root)
        return 0
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder}: it exists and is not empty; nothing was written. Name a new folder"
            f"{' (or --relink for its links)' if (folder / 'Snakefile').exists() else ''}."
        )
    starting = importlib.import_module("resonaut.starting")
    given = arguments.study or folder.resolve().name
    study = starting.name_of(given, "--study" if arguments.study else "FOLDER")
    if arguments.study and arguments.study != study:
        raise ConfigError(f"--study: '{given}' is no name; lower-case letters, digits and _: '{study}'.")
    if arguments.files:
        options = {"mass": arguments.mass, "columns": arguments.columns or ()}
        groups = _look(starting, arguments.files, options)
        problems = [found.first.problem for found in groups.values()]
        if all(problems):
            texts = [f"{found.files[0]}: {found.first.problem}" for found in groups.values()]
            raise InputError("--files: none can be used as it is:\n" + "\n".join(texts))
        found = starting.table(groups)
        text = starting.configuration(study, groups, options)
    else:
        found, text = "", _demo(root, study)
    importlib.import_module("resonaut.config").parse(_yaml(text), f"config/{study}.yaml")
    _write(folder, root, study, text, found)
    print("\n\n".join(filter(None, [found, _next(folder, study)])))
    return 0


def _look(starting: Any, files: list[str], options: dict[str, Any]) -> dict[str, Any]:
    """What the files hold, by dataset; paths as they are written into the configuration."""
    from resonaut.filelist import is_remote, is_remote_pattern

    survey = importlib.import_module("resonaut.ingest.survey").survey
    paths = []
    for path in files:
        if is_remote(path) and is_remote_pattern(path):
            raise ConfigError(
                f"--files: '{path}': patterns of remote files are listed once, by `resonaut files '{path}' "
                "--output files.json`, for 'manifest: files.json'. Name a single file here."
            )
        if not is_remote(path) and not Path(path).is_file():
            raise MissingFileError(
                f"--files: {path}: {'a folder' if Path(path).is_dir() else 'no such file'}."
            )
        # Absolute, for the workflow runs in the new folder.
        paths.append(path if is_remote(path) else str(Path(path).resolve()))
    groups = starting.grouped(list(dict.fromkeys(paths)))
    return {
        name: starting.Found(tuple(group), survey(group[0], options))
        for name, group in progress(groups.items(), "look into files", len(groups))
    }


def _demo(root: Path, study: str) -> str:
    """The default study under another name."""
    text = (root / "config" / "demo.yaml").read_text(encoding="utf-8")
    body = text[text.index("study:") :]
    head = (
        f"# The study '{study}', begun by `resonaut init` as a copy of the demo: simulated dijets and a W'.\n"
        "# Every key stands in config/README.md of resonaut. Energies in GeV.\n"
    )
    return head + re.sub(r"^study:.*$", f"study: {study}", body, count=1, flags=re.MULTILINE)


def _yaml(text: str) -> Any:
    import yaml

    return yaml.safe_load(text)


def _write(folder: Path, root: Path, study: str, configuration: str, found: str) -> None:
    names = {
        "study": study,
        "root": root,
        "title": folder.resolve().name,
        "found": f"## What the files held at the beginning\n\n{found}" if found else "",
    }
    files = {
        f"config/{study}.yaml": configuration,
        **{
            name: Template(clone.template(f"analysis/{source}")).substitute(names)
            for name, source in (("Snakefile", "Snakefile.txt"), ("README.md", "README.md.txt"))
        },
        ".gitignore": clone.template("analysis/gitignore.txt"),
    }
    try:
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.rstrip() + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror}). Name another folder.") from None
    _relink(folder, root)


def _relink(folder: Path, root: Path) -> None:
    """Link the profiles of the clone into the folder of an analysis.

    Raises:
        InputError: it is no folder of an analysis.
        OutputError: something else stands where a link belongs.
    """
    if not (folder / "Snakefile").exists():
        names = [path.parent.name for path in Path.cwd().glob("*/Snakefile")]
        hint = nearest(folder.name, names) if names else "Make one with `resonaut init`."
        raise InputError(f"{folder}: no analysis here (no Snakefile). {hint}")
    for name, target in _LINKS.items():
        link = folder / name
        if link.exists() and not link.is_symlink():
            raise OutputError(f"{link}: it is no link; nothing was changed. Move it away, or keep your own.")
        link.unlink(missing_ok=True)
        link.symlink_to(root / target)


def _next(folder: Path, study: str) -> str:
    return (
        f"{folder}: made. Next:\n"
        f"  cd {folder}\n"
        f"  $EDITOR config/{study}.yaml\n"
        "  snakemake -n          # what would be run\n"
        "  resonaut doctor       # is everything there\n"
        "  resonaut run"
    )
