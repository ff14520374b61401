"""Ingest damaged copies of a file, and print what became of each, one line of JSON a case.

Arguments: the file, options of its reader (JSON), a scratch folder, the first case and the one after the
last. Case 0 is the file itself.
"""

from __future__ import annotations

import itertools
import json
import resource
import sys
from pathlib import Path

import numpy as np

from resonaut import ragged
from resonaut.errors import ResonautError
from resonaut.events import UNMEASURED, Events
from resonaut.ingest.convert import convert
from resonaut.ingest.settings import IngestTask
from resonaut.settings import validate
from resonaut.store import Store

MEMORY_BYTES = 6 * 2**30


def damaged(raw: bytes, case: int) -> bytes:
    """The file with 1 to 8 bytes changed: anywhere, in its head, in its tail, or close together."""
    if case == 0:
        return raw
    random = np.random.default_rng([case, len(raw)])
    values = np.frombuffer(raw, np.uint8).copy()
    low, high = [(0, len(raw)), (0, 2048), (len(raw) - len(raw) // 20, len(raw)), (0, len(raw))][case % 4]
    places = random.integers(low, min(high, len(raw)), random.integers(1, 9))
    if case % 4 == 3:
        places = (places[0] + np.arange(len(places))) % len(raw)
    values[places] ^= random.integers(1, 256, len(places)).astype(np.uint8)
    return values.tobytes()


def nonsense(events: Events, flow: dict[str, int]) -> str:
    """What cannot be true of a store, or nothing."""
    counts = list(flow.values())[1:]
    if any(after > before for before, after in itertools.pairwise(counts)):
        return f"the cut flow grows: {flow}"
    if len(events) != counts[-1]:
        return f"{len(events)} events, {counts[-1]} in the cut flow"
    for group in ("events", "jets", "constituents", "gen_jets", "features"):
        columns = getattr(events, group)
        for name, values in columns.items():
            if values.dtype.kind == "f" and name not in UNMEASURED and not np.isfinite(values).all():
                return f"{group}/{name} is not finite"
        if "pt" in columns and ((columns["pt"] < 0) | (columns["pt"] > 1e6)).any():
            return f"{group}/pt is impossible"
    for offsets in (events.event_offsets, events.jet_offsets):
        if (np.diff(offsets) < 0).any():
            return "offsets fall"
    pt, row = events.jets.get("pt"), ragged.row_of(events.event_offsets)
    if pt is not None and ((np.diff(pt) > 0) & (np.diff(row) == 0)).any():
        return "jets are not sorted"
    return ""


def outcome(path: Path, output: Path, options: dict) -> tuple[str, str]:
    """What became of one case, and the message."""
    ingest = {"jets": {"n_max": None}, "preselection": {}, "duplicates": "keep"}
    task = validate(IngestTask, {"dataset": "fuzz", "options": options, "ingest": ingest})
    try:
        done = convert([str(path)], output, task)
    except ResonautError as error:
        named = path.name in str(error) and "\n" not in str(error)
        return ("error" if named else "unnamed"), f"{type(error).__name__}: {error}"
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"
    with Store(output) as store:
        text = nonsense(store.read(), done.flow)
    return ("nonsense" if text else "good"), text


def main() -> None:
    source, options, folder, first, last = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    raw = Path(source).read_bytes()
    path = Path(folder) / f"damaged{Path(source).suffix}"
    for case in range(int(first), int(last)):
        path.write_bytes(damaged(raw, case))
        result, text = outcome(path, Path(folder) / "store.h5", json.loads(options))
        print(json.dumps({"case": case, "result": result, "text": text[:300]}), flush=True)


if __name__ == "__main__":
    main()
