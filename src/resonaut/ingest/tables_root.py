"""Tables in ROOT files: flat TTrees and RNTuples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from resonaut.errors import BadValueError
from resonaut.events import Columns
from resonaut.ingest.rootfile import reading, top_names, tree_of, trees
from resonaut.ingest.tables import choose, unnamed_only


class TreeTable:
    """See `tables.Table`."""

    def __init__(self, file: Any, path: str, key: str | None, columns: Sequence[str]) -> None:
        self.path = path
        self.key = choose(path, key, sorted(trees(file, path)))
        self._tree = tree_of(file, path, self.key)
        with reading(path):
            self.names = tuple(sorted(top_names(self._tree)))
        unnamed_only(path, columns, self.names)

    def slices(self, columns: Sequence[str], step: int) -> Iterator[Columns]:
        """See `tables.Table`."""
        n_rows = self._tree.num_entries
        for start in range(0, n_rows, step):
            stop = min(start + step, n_rows)
            with reading(self.path):
                found = {name: self._column(name, start, stop) for name in columns}
            yield found

    def _column(self, name: str, start: int, stop: int) -> np.ndarray:
        array = self._tree[name].array(entry_start=start, entry_stop=stop)
        if array.ndim > 1 or array.fields:
            raise BadValueError(
                f"{self.path}: the branch '{name}' of '{self.key}' holds {array.type.content} per entry; a "
                "table has one number. Leave it out with 'options.features', or read jets with 'flat'."
            )
        return np.asarray(array)
