"""Named exceptions. Each message says which file or key, what was found, what was expected, what to do.

Every class carries the exit code that the command line returns, so a shell script can tell bad
configuration from bad input without reading text.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ResonautError(Exception):
    """Base of all errors that a user can cause and mend; never raised itself."""

    exit_code = 1


class ConfigError(ResonautError):
    """A key of the configuration is unknown, missing or has a value that cannot be used."""

    exit_code = 2


class InputError(ResonautError):
    """An input file is missing, unreadable, or does not hold what it should."""

    exit_code = 3


class MissingFileError(InputError):
    """An input file does not exist."""


class CorruptFileError(InputError):
    """An input file is truncated or is not of the expected format."""


class EmptyFileError(InputError):
    """An input file holds no events."""


class MissingBranchError(InputError):
    """A tree or a branch that a reader needs is absent."""


class BadValueError(InputError):
    """NaN, infinite or otherwise impossible values."""


class UnreachableError(InputError):
    """The server of a remote file does not answer, or refuses."""


class MismatchError(InputError):
    """Two inputs that must be made alike are not: columns of a dataset, settings of a representation."""


class EmptyWindowError(ResonautError):
    """A window of the scan, or its side bands, holds no (or too few) events."""

    exit_code = 4


class FitError(ResonautError):
    """A fit did not converge."""

    exit_code = 5


class TrainingError(ResonautError):
    """A training failed (NaN loss, no events)."""

    exit_code = 6


class OutputError(ResonautError):
    """An output cannot be written (no space left, folder not writable)."""

    exit_code = 7


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that names the entry of `known` nearest to `name`, or all of them.

    >>> nearest("efficiences", ["efficiencies", "bins"])
    "Did you mean 'efficiencies'?"
    """
    known = sorted(map(str, known))
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{close[0]}'?"
    return f"Known: {', '.join(known)}." if known else "None is known here."
