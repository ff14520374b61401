"""What stands where in an archive, for those who write it, check it and run it again.

An archive is a zip file without a folder of its own at the top. Every entry is a plain file, deflated, with
the time 1980-01-01 00:00 and the mode 0644; entries are sorted by name. Names use `/` and hold letters,
digits and `._+,@=%-` only. A colon, which names of mixtures have and some file systems refuse, is written
`%3A`: `results/lhco/infer/injected%3A100%3Aseed0/...` (`archive_name` and `study_path`).

Two archives of the same results are equal byte by byte. Nothing but `logs/`, `benchmarks/`, `runs/`, the
crate, the page and Snakemake's report tells of a machine or a time.

====================================  ===============================================================
`SHA256SUMS`                          of every other file of the archive, `<sha256>  <name>`, sorted by name:
                                      `sha256sum -c SHA256SUMS` checks an unpacked archive
`SHA256SUMS.study`                    of every input and output of the study, in the archive or not, in the
                                      same form; paths as in the clone (`results/demo/...`,
                                      `results/_data/...`) or as the configuration gives them (inputs)
`ro-crate-metadata.json`              Workflow Run Crate (RO-Crate 1.1, JSON-LD) that names every file
`README.md`                           what this is, for one who has only the archive
`study.yaml`                          merged configuration: every key with its value, defaults written out;
                                      `snakemake --configfile study.yaml` runs it
`settings/<slice>.json`               what each kind of rule was given of it: a list of
                                      `{"names": {"method": "pfn"}, "settings": {...}}`; `names` are those of
                                      `Study.slice`, empty where there is one such rule
`inputs.json`                         files that the study read and did not make, a list of
                                      `{"dataset": "data", "path": "...", "bytes": 1, "sha256": "..."}`;
                                      `sha256` is null where a remote file has no checksum in its manifest;
                                      `dataset` is null for other files than events
`environment.json`                    `commit` and `dirty` (null outside git), `changed` (paths that differ
                                      from the commit), `versions` (of installed packages), `recorded`
                                      (versions that the results name), `platform`, `source_sha256` (digest
                                      of `source/`)
`models.json`                         each ONNX model: its inputs and outputs with their shapes, and how its
                                      inputs are made (names, units, settings of the representation)
`requirements.lock`                   every version that is installed by `make`
`sbom.cdx.json`                       bill of materials, CycloneDX
`seeds.json`                          the study's seed and all that derive from it, with their names
`numbers.json`                        every number that is compared when the study is run again, below
`page/index.html`                     the review page, self-contained: start here
`report/report.html`                  Snakemake's report, self-contained
`results/<study>/...`                 results as the workflow wrote them: JSON, tables, figures, spectra
                                      (HDF5), pyhf workspaces (`*.json`), patch sets (`patchset_*.json` on
                                      `background_*.json`), HS3 (`*.hs3.json`), ONNX models
`runs/<path>.run.json`                host, times, memory, job and GPU of what made `results/<study>/<path>`
`logs/<path>`                         logs, as below `results/<study>/logs`
`benchmarks/<path>.tsv`               Snakemake's measurements, as below `results/<study>/benchmarks`
`hepdata/submission.tar.gz`           HEPData submission
`hepdata/submission/...`              the same files, to look at
`source/...`                          the workflow and the package as they were used: a clone without tests,
                                      documentation and history
====================================  ===============================================================

Weights, scores of single events, samples, event stores and representations are not packed: they are large and
`reproduce` makes them again; `SHA256SUMS.study` has their checksums.

`numbers.json`::

    {"format": 1,
     "tolerances": {"<kind>": {"relative": 1e-5, "absolute": 0.0, "why": "..."}, ...},
     "numbers": {"results/<study>/<path>.json": {"/json/pointer": [value, "<kind>"], ...}, ...}}

Pointers are those of RFC 6901 (`comparing.numbers.leaves`). Every finite number and every truth value of the
JSON results is in it, except below the key `provenance` and below `review/`, of which `review/checks.json`
counts. `kind` comes from `tolerances.kind`, the table from `tolerances.TOLERANCES`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORMAT = 1
"""Version of this layout; stands in `environment.json` as `archive_format`."""

SUMS = "SHA256SUMS"
STUDY_SUMS = "SHA256SUMS.study"
CRATE = "ro-crate-metadata.json"
README = "README.md"
CONFIGURATION = "study.yaml"
SETTINGS = "settings"
INPUTS = "inputs.json"
ENVIRONMENT = "environment.json"
LOCK = "requirements.lock"
BILL = "sbom.cdx.json"
SEEDS = "seeds.json"
NUMBERS = "numbers.json"
MODELS = "models.json"
PAGE = "page/index.html"
REPORT = "report/report.html"
RESULTS = "results"
RUNS = "runs"
LOGS = "logs"
BENCHMARKS = "benchmarks"
SUBMISSION = "hepdata/submission.tar.gz"
SUBMISSION_FILES = "hepdata/submission"
SOURCE = "source"

TIME = (1980, 1, 1, 0, 0, 0)
"""Time of every entry: the earliest that zip files know."""
MODE = 0o100644
NAME = re.compile(r"(?!\.\.?(/|$))[A-Za-z0-9._+,@=%-]+(/(?!\.\.?(/|$))[A-Za-z0-9._+,@=%-]+)*")
"""Names that an entry may have: relative, without `..`, nothing that a shell or a file system minds."""


@dataclass(frozen=True)
class Entry:
    """A file or folder of the archive.

    Attributes:
        path: its name; a folder holds any number of files.
        what: one line for a reader.
        folder: whether it is a folder.
        required: whether an archive without it is wrong.
        same: whether it is the same for two runs that gave the same numbers.
    """

    path: str
    what: str
    folder: bool = False
    required: bool = True
    same: bool = True

    def holds(self, name: str) -> bool:
        """Whether an entry of this name belongs here."""
        return name.startswith(f"{self.path}/") if self.folder else name == self.path


ENTRIES = (
    Entry(SUMS, "SHA-256 of every other file of the archive", same=False),
    Entry(STUDY_SUMS, "SHA-256 of every input and output of the study, in the archive or not", same=False),
    Entry(CRATE, "machine-readable description (Workflow Run RO-Crate)", same=False),
    Entry(README, "what this archive is and how it is checked"),
    Entry(CONFIGURATION, "merged configuration, defaults written out"),
    Entry(SETTINGS, "the part of the configuration that each kind of rule was given", folder=True),
    Entry(INPUTS, "files that the study read and did not make, with checksums"),
    Entry(ENVIRONMENT, "commit, dirty flag, versions, platform", same=False),
    Entry(LOCK, "every version that `make` installs"),
    Entry(BILL, "bill of materials of the software (CycloneDX)", same=False),
    Entry(SEEDS, "the study's seed and all that derive from it"),
    Entry(NUMBERS, "every number of the results, with the tolerance of a reproduction"),
    Entry(MODELS, "each ONNX model: inputs, outputs, preprocessing"),
    Entry(PAGE, "the review page", same=False),
    Entry(REPORT, "Snakemake's report", required=False, same=False),
    Entry(RESULTS, "results as the workflow wrote them", folder=True),
    Entry(RUNS, "host, times, memory and job of each result", folder=True, same=False),
    Entry(LOGS, "logs", folder=True, same=False),
    Entry(BENCHMARKS, "time and memory of each job, as Snakemake measured them", folder=True, same=False),
    Entry(SUBMISSION, "HEPData submission"),
    Entry(SUBMISSION_FILES, "the files of the HEPData submission", folder=True),
    Entry(SOURCE, "the workflow and the package as they were used", folder=True),
)


def entry_of(name: str) -> Entry | None:
    """The entry of the layout that a file of an archive belongs to; None if to none."""
    return next((entry for entry in ENTRIES if entry.holds(name)), None)


def is_safe(name: str) -> bool:
    """Whether a file may have this name in an archive."""
    return NAME.fullmatch(name) is not None


def archive_name(path: str) -> str:
    """Name in the archive of a path of the workflow: colons are written `%3A`.

    >>> archive_name("results/lhco/infer/injected:100:seed0/iad/significance.json")
    'results/lhco/infer/injected%3A100%3Aseed0/iad/significance.json'
    """
    return path.replace("%", "%25").replace(":", "%3A")


def study_path(name: str) -> str:
    """Path in the workflow of a name in the archive, the inverse of `archive_name`."""
    return name.replace("%3A", ":").replace("%25", "%")
