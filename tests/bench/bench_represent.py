"""Features of jets against FastJet's own time for the same quantities, measured in one run.

    python tests/bench/bench_represent.py [n_jets]

Times are processor times of one core, least of three, so that a busy machine does not show in them. FastJet
is called through its array interface: one call for all jets. Its soft drop there hands out the constituents,
too, and that takes most of the time.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import fastjet
import numpy as np

from resonaut import ragged, store
from resonaut.events import Columns, Events
from resonaut.kinematics import cartesian, from_cartesian
from resonaut.represent.features import write_features
from resonaut.represent.jets import grooming, lund
from resonaut.represent.jets.correlators import correlators
from resonaut.represent.jets.nsubjettiness import n_subjettiness
from resonaut.represent.jets.recombination import cluster
from resonaut.represent.settings import FeatureSettings, RepresentSettings
from resonaut.represent.substructure import substructure

TIMES: dict[str, tuple[float, float]] = {}
"""Seconds per jet of ours and of FastJet (NaN: no peer)."""


def toy(n_jets: int) -> Events:
    """Two jets per event of 50 constituents on average, massless, exponential in pt."""
    random = np.random.default_rng(1)
    counts = random.poisson(50, n_jets) + 2
    offsets = ragged.offsets_of(counts)
    axis = np.stack([random.normal(0, 0.8, n_jets), random.uniform(-3, 3, n_jets)])[:, ragged.row_of(offsets)]
    pt = random.exponential(25, offsets[-1]) + 0.5
    eta, phi = axis + random.normal(0, 0.25, (2, offsets[-1]))
    order = np.lexsort((-pt, ragged.row_of(offsets)))
    pt, eta, phi = (values[order].astype(np.float32) for values in (pt, eta, phi))
    total = [ragged.sums(values, offsets) for values in cartesian(pt, eta, phi)]
    jets = dict(zip(("pt", "eta", "phi", "mass"), from_cartesian(*total), strict=True))
    number = np.arange(n_jets // 2)
    return Events(
        {
            "run": number * 0 + 1,
            "lumi": number * 0 + 1,
            "event": number,
            "gen_weight": number * 0.0 + 1,
            "mass": number * 1.0,
        },
        {name: values.astype(np.float32) for name, values in jets.items()},
        np.arange(0, n_jets + 1, 2),
        {"pt": pt, "eta": eta, "phi": phi, "mass": np.zeros_like(pt)},
        offsets,
    )


def timed(function: Callable[[], Any], repeat: int = 3) -> tuple[float, Any]:
    """Least processor time, s, and the result."""
    best = np.inf
    for _ in range(repeat):
        start = time.process_time()
        result = function()
        best = min(best, time.process_time() - start)
    return best, result


def compare(name: str, n_jets: int, ours: Callable[[], Any], theirs: Callable[[], Any] | None = None) -> Any:
    """Print one line; returns our result."""
    ours()
    spent, result = timed(ours)
    peer = timed(theirs)[0] if theirs is not None else np.nan
    TIMES[name] = spent / n_jets, peer / n_jets
    line = f"{name:<28}{n_jets / spent:12.0f} jets/s {spent / n_jets * 1e6:8.1f} us"
    if theirs is not None:
        line += f"   FastJet {peer / n_jets * 1e6:8.1f} us: ours takes {spent / peer:.2f} of it"
    print(line)
    return result


def sequence(columns: Columns, offsets: np.ndarray, algorithm: int = fastjet.cambridge_algorithm) -> Any:
    """FastJet's clusterings of each jet into one."""
    momenta = cartesian(*(columns[name] for name in ("pt", "eta", "phi", "mass")))
    content = ak.contents.RecordArray(
        [ak.contents.NumpyArray(values) for values in momenta],
        ["px", "py", "pz", "E"],
        parameters={"__record__": "Momentum4D"},
    )
    jets = ak.Array(ak.contents.ListOffsetArray(ak.index.Index64(offsets), content))
    return fastjet.ClusterSequence(jets, fastjet.JetDefinition(algorithm, 1000.0))


def bench_groups(columns: Columns, offsets: np.ndarray) -> None:
    """Each group by itself: clustering apart from what is made of it."""
    n_jets = len(offsets) - 1
    theirs = sequence(columns, offsets)

    def fastjet_correlators(*names: str) -> list[Any]:
        return [theirs.exclusive_jets_energy_correlator(func=name) for name in names]

    def groom(**settings: Any) -> Any:
        return theirs.exclusive_jets_softdrop_grooming(**settings)

    def taus(n_max: int) -> Any:
        numbers = list(range(1, n_max + 1))
        return theirs.njettiness(axes_definition="OnePass_WTA_KT_Axes", njets=numbers, R0=1.0)

    tree = compare("C/A", n_jets, lambda: cluster(columns, offsets), lambda: sequence(columns, offsets))
    compare(
        "kt",
        n_jets,
        lambda: cluster(columns, offsets, "kt"),
        lambda: sequence(columns, offsets, fastjet.kt_algorithm),
    )
    compare("soft drop (of C/A)", n_jets, lambda: grooming.soft_drop(tree, 0.1, 0.0, 1.0), groom)
    compare(
        "mMDT (of C/A)",
        n_jets,
        lambda: grooming.modified_mass_drop(tree, 0.1, 1.0),
        lambda: groom(symmetry_measure="y", recursion_choice="larger_mt"),
    )
    compare("trimming", n_jets, lambda: grooming.trimming(columns, offsets, 0.2, 0.05))
    whole = tree.momentum[tree.end - 1]
    compare("pruning", n_jets, lambda: grooming.pruning(columns, offsets, whole, 0.1, 0.5))
    for n_max in (3, 4):
        compare(
            f"tau1..{n_max} with axes",
            n_jets,
            lambda n=n_max: n_subjettiness(cluster(columns, offsets, "kt", winner_takes_all=True), n),
            lambda n=n_max: taus(n),
        )
    for names in (("c2", "d2"), ("m2", "n2"), ("c2", "d2", "m2", "n2")):
        compare(
            " ".join(names),
            n_jets,
            lambda names=names: correlators(tree, names),
            lambda names=names: fastjet_correlators(*names),
        )
    compare(
        "Lund plane (of C/A)",
        n_jets,
        lambda: lund.primary_plane(tree),
        lambda: theirs.exclusive_jets_lund_declusterings(1),
    )
    only = {"groomers": {"soft_drop": None}, "nsubjettiness": None}
    compare(
        "shapes with clusterings", n_jets, lambda: substructure(columns, offsets, FeatureSettings(**only))
    )


def bench_file(n_jets: int) -> None:
    """From a store to a file of features."""
    events = toy(n_jets)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "store.h5"
        head = {"dataset": "toy", "label": "", "resonant_variable": "mjj", "level": "jets"}
        with store.writing(source, head) as writer:
            writer.append(events)
            counts = {"n_generated": n_jets // 2, "sum_weights": 1.0, "cut_flow": {"read": n_jets // 2}}
            writer.set_attributes(counts)
        output = Path(folder) / "features.h5"
        spent, _ = timed(lambda: write_features(source, output, RepresentSettings()), repeat=1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        size = output.stat().st_size / n_jets
        print(
            f"{'file of features':<28}{n_jets / spent:12.0f} jets/s, {size:.0f} bytes/jet; peak {peak:.0f} MB"
        )


def main() -> None:
    """Print rates and ratios."""
    n_jets = int(sys.argv[1]) if len(sys.argv) > 1 else 4_000
    events = toy(n_jets)
    columns, offsets = events.constituents, events.jet_offsets
    start = time.process_time()
    substructure(*(({k: v[: offsets[2]] for k, v in columns.items()}), offsets[:3]), FeatureSettings())
    print(f"first call: {time.process_time() - start:.1f} s (compilation, where it is not kept)")
    bench_groups(columns, offsets)
    spent, _ = timed(lambda: substructure(columns, offsets, FeatureSettings()))
    fastjet_time = sum(TIMES[name][1] for name in ("C/A", "soft drop (of C/A)", "tau1..3 with axes"))
    share = spent / n_jets / fastjet_time
    print(
        f"{'all default features':<28}{n_jets / spent:12.0f} jets/s {spent / n_jets * 1e6:8.1f} us   FastJet "
        f"{fastjet_time * 1e6:8.1f} us (C/A, soft drop, tau1..3): ours takes {share:.2f} of it"
    )
    bench_file(5 * n_jets)


if __name__ == "__main__":
    main()
