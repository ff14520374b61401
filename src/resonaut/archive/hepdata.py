"""A HEPData submission (https://hepdata-submission.readthedocs.io), written with hepdata_lib.

The pyhf workspaces and patch sets, their HS3 twins and the ONNX models go along as additional resources.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resonaut import __version__
from resonaut.archive import hepdata_tables, packing
from resonaut.archive.hepdata_table import NO_VALUE, Column, Content
from resonaut.errors import OutputError

if TYPE_CHECKING:
    from resonaut.config import Study

DIGITS = 7
"""Digits of a number; HEPData shows what it is given."""
PHRASES = ("Search", "Resonance", "Dijet Production", "Anomaly detection", "Machine Learning")
_FOLDER = "submission"


@dataclass(frozen=True)
class Resource:
    """A file that goes along with the tables.

    Attributes:
        name: of the file in the submission.
        files: what is in it, by name; of one without a name the file is that one itself.
        description: for a reader.
        kind: a type that HEPData knows (HistFactory, HS3), or None.
    """

    name: str
    files: Mapping[str, Path]
    description: str
    kind: str | None = None


def write(study: Study, results: Mapping[str, Path], prefix: str, folder: Path) -> dict[str, Path]:
    """Write the submission of a study.

    Args:
        study: as it was read.
        results: files by their path below `results/<study>`.
        prefix: what stands before such a path in the archive.
        folder: new; it takes the files.

    Returns:
        The files by name, with `submission.tar.gz`, which holds all others.

    Raises:
        OutputError: hepdata-validator refuses the submission.
    """
    tables = hepdata_tables.collect(study, results, prefix)
    files = _write_tables(study, tables, resources(study, results), folder)
    archive = folder / "submission.tar.gz"
    packing.write_tar(archive, files)
    complaints = validate(archive)
    if complaints:
        shown = "\n".join(complaints[:5])
        raise OutputError(f"{archive}: hepdata-validator refuses the submission:\n{shown}")
    return {**files, archive.name: archive}


def validate(archive: Path) -> list[str]:
    """What hepdata-validator says against a submission (`.tar.gz`); empty if it is valid."""
    with contextlib.redirect_stdout(io.StringIO()):
        from hepdata_validator.full_submission_validator import FullSubmissionValidator

        validator = FullSubmissionValidator()
        valid = validator.validate(archive=str(archive))
    messages = validator.get_messages()
    found = [f"{Path(name).name}: {text}" for name, entries in sorted(messages.items()) for text in entries]
    return found if found or valid else ["it is not valid"]


def resources(study: Study, results: Mapping[str, Path]) -> list[Resource]:
    """Workspaces of each search, and the models, as additional resources."""
    found = []
    for mixture, method in study.searches():
        base = f"infer/{mixture}/{method}/workspaces/"
        files = {path.removeprefix(base): results[path] for path in results if path.startswith(base)}
        standard = {name: path for name, path in files.items() if name.endswith(".hs3.json")}
        plain = {name: path for name, path in files.items() if name not in standard}
        words = f"{method}_{mixture}".replace(":", "_")
        if plain:
            text = f"pyhf workspaces and patch sets of {method} on {mixture}: one workspace per signal "
            text += "region and selection; patchset_<efficiency>.json is for background_<efficiency>.json"
            found.append(Resource(f"workspaces_{words}.tar.gz", plain, text, "HistFactory"))
        if standard:
            text = f"The workspaces of {method} on {mixture} in the HEP statistics serialisation standard"
            found.append(Resource(f"hs3_{words}.tar.gz", standard, text, "HS3"))
    for path in sorted(path for path in results if path.endswith(".onnx")):
        name = path.removesuffix("/model.onnx").replace("/", "_").replace(":", "_")
        text = "Trained network (ONNX); its metadata say what its inputs are and how they are made"
        found.append(Resource(f"{name}.onnx", {"": results[path]}, text))
    return found


def _write_tables(
    study: Study, tables: Sequence[Content], more: Sequence[Resource], folder: Path
) -> dict[str, Path]:
    # The library says on the terminal that there is no ROOT; none is needed.
    with contextlib.redirect_stdout(io.StringIO()):
        from hepdata_lib import Submission

        submission = Submission()
        submission.comment = (
            f"Results of the study '{study.study}', made by resonaut {__version__}: a search for resonances "
            "in the invariant mass of two jets. Numbers are those of the workflow's result files, which each "
            "table names."
        )
        for table in tables:
            submission.add_table(_table(study, table))
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            for resource in more:
                path = Path(scratch) / resource.name
                if "" in resource.files:
                    path.write_bytes(resource.files[""].read_bytes())
                else:
                    packing.write_tar(path, resource.files)
                submission.add_additional_resource(
                    resource.description, str(path), copy_file=True, file_type=resource.kind
                )
            # It writes an archive of its own, with times in it, to the current folder.
            with contextlib.chdir(scratch):
                submission.create_files(str(folder / _FOLDER), validate=False)
    return {path.name: path for path in sorted((folder / _FOLDER).iterdir())}


def _table(study: Study, content: Content) -> Any:
    from hepdata_lib import Table

    table = Table(content.name)
    table.description = content.description
    # HEPData takes 256 characters.
    table.location = content.source if len(content.source) <= 256 else content.source[:253] + "..."
    table.keywords = {
        "cmenergies": [float(hepdata_tables.energy(study))],
        "observables": list(content.observables),
        "phrases": list(PHRASES),
        "reactions": [hepdata_tables.REACTION],
    }
    for column in content.columns:
        table.add_variable(_variable(column))
    return table


def _variable(column: Column) -> Any:
    from hepdata_lib import Uncertainty, Variable

    values = [NO_VALUE if value is None else value for value in column.values]
    variable = Variable(
        column.name,
        is_independent=column.independent,
        is_binned=column.binned,
        units=column.units,
        values=values,
        zero_uncertainties_warning=False,
    )
    variable.digits = DIGITS
    for label, errors in column.errors.items():
        symmetric = not any(isinstance(error, tuple) for error in errors)
        nothing = 0.0 if symmetric else (0.0, 0.0)
        uncertainty = Uncertainty(label, is_symmetric=symmetric)
        uncertainty.values = [nothing if error is None else error for error in errors]
        variable.add_uncertainty(uncertainty)
    for name, value, units in column.qualifiers:
        variable.add_qualifier(name, value, units)
    return variable
