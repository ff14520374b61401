"""What a tree of ROOT declares, judged before a branch is read: a basket is decompressed as a whole."""

from __future__ import annotations

from typing import Any

from resonaut import limits
from resonaut.errors import CorruptFileError


def check_tree(tree: Any, path: str, name: str) -> None:
    """Refuse a TTree that claims more events than bytes, or branches beyond all use.

    The sizes are those that the tree tells of its branches (`fTotBytes`, `fZipBytes`, `fWriteBasket`). An
    RNTuple is not judged: its pages have a bounded size, and are decompressed one by one.

    Args:
        tree: of uproot.
        path, name: of the file and the tree, for messages.

    Raises:
        CorruptFileError: the first such branch is named.
    """
    if tree.classname != "TTree":
        return
    n_entries = int(tree.num_entries)
    where = f"{path}: the tree '{name}'"
    branches = list(tree.itervalues())
    if branches and n_entries > sum(_bytes(branch) for branch in branches):
        raise CorruptFileError(
            f"{where} claims {n_entries} events, and has fewer bytes; it is damaged. Copy or make it again."
        )
    for branch in branches:
        declared, stored = _bytes(branch), int(branch.member("fZipBytes"))
        what = f"{where}: the branch '{branch.name}'"
        if declared > limits.scaled(limits.ROOT_ENTRY_BYTES) * max(n_entries, 1):
            raise CorruptFileError(
                f"{what} takes {declared} bytes for {n_entries} events; per event "
                f"{limits.hint(limits.ROOT_ENTRY_BYTES)}"
            )
        basket = declared // max(int(branch.member("fWriteBasket")), 1)
        if basket > limits.scaled(limits.ROOT_BASKET_BYTES):
            raise CorruptFileError(
                f"{what} has baskets of {basket} bytes, {limits.hint(limits.ROOT_BASKET_BYTES)}"
            )
        if declared > max(limits.scaled(limits.ROOT_SMALL), limits.ROOT_RATIO * stored):
            raise CorruptFileError(
                f"{what} unpacks {stored} bytes to {declared}; where it is more than {limits.ROOT_RATIO:g} "
                f"times as many, {limits.hint(limits.ROOT_SMALL)}"
            )


def _bytes(branch: Any) -> int:
    return int(branch.member("fTotBytes"))
