"""Reader of any ntuple of jets and candidates, by a mapping of its branches in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resonaut.ingest import mapping
from resonaut.ingest.contents import Contents

if TYPE_CHECKING:
    from resonaut.ingest.ntuple import Ntuple

KINDS = ("root",)
LEVEL = "jets"
NUMBERED = False


class Settings(mapping.Mapping):
    """The mapping."""


def matches(contents: Contents) -> bool:
    """Never: without a mapping nothing is known of a tree."""
    return False


def check_file(contents: Contents, settings: Settings) -> None:
    """Compare the mapping with the names in a file.

    Raises:
        ConfigError: a tree or a branch is absent; key, file and nearest branch are named.
    """
    tree = mapping.choose_tree(contents.path, settings, contents.groups)
    mapping.check_branches(contents.path, settings, tree, contents.groups[tree])


def build(settings: Settings) -> Ntuple:
    """Build the reader. It has one jet collection, that of the mapping."""
    from resonaut.ingest.ntuple import Ntuple

    return Ntuple(settings)
