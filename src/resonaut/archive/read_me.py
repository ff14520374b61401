"""`README.md` of an archive: what it is, for one who has nothing else."""

from __future__ import annotations

from collections.abc import Collection

from resonaut import __version__
from resonaut.archive import layout


def write(study: str, names: Collection[str]) -> str:
    """The text.

    Args:
        study: its name.
        names: of the files of the archive.
    """
    rows = [
        f"| `{entry.path}{'/' if entry.folder else ''}` | {entry.what} |"
        for entry in layout.ENTRIES
        if entry.path in (layout.SUMS, layout.CRATE, layout.README) or any(map(entry.holds, names))
    ]
    return "\n".join(
        [
            f"# The study `{study}`",
            "",
            f"A resonance search, made and packed by resonaut {__version__}. Open `{layout.PAGE}` in a "
            "browser: it needs no network and says what was asked, what was found and how it was checked.",
            "",
            "| in this archive | what it is |",
            "|---|---|",
            *rows,
            "",
            "## To check it",
            "",
            "```",
            "resonaut verify archive.zip        # every file, every rule of the layout",
            "sha256sum -c SHA256SUMS            # or, unpacked and without resonaut",
            "```",
            "",
            "## To run it again",
            "",
            "```",
            "resonaut reproduce archive.zip     # in a clean folder; compares every number",
            "```",
            "",
            "Or by hand, in `source/`, after `make setup`:",
            "",
            "```",
            "make run CONFIG=../study.yaml",
            "```",
            "",
            f"`{layout.NUMBERS}` has the tolerance of each number and why it is that. Weights, scores of "
            "single events, samples, event stores and representations are not packed; `SHA256SUMS.study` has "
            "their checksums. In names of files a colon is written `%3A`.",
            "",
        ]
    )
