"""Substructure agrees with FastJet and its contributions on real and simulated jets."""

from __future__ import annotations

from typing import Any

import awkward as ak
import fastjet
import numpy as np
import pytest
from jet_samples import SAMPLES, Jets, delphes_particles, events_of, pfnano, pseudojets, sequence

from resonaut.represent.jets import grooming, lund
from resonaut.represent.jets.correlators import NAMES, correlators
from resonaut.represent.jets.nsubjettiness import n_subjettiness
from resonaut.represent.jets.recombination import History, cluster

ALGORITHMS = {
    "kt": fastjet.kt_algorithm,
    "cambridge": fastjet.cambridge_algorithm,
    "anti_kt": fastjet.antikt_algorithm,
}
Sample = tuple[Jets, History, Any]


@pytest.fixture(scope="module", params=sorted(SAMPLES))
def sample(request: pytest.FixtureRequest) -> Sample:
    """Jets, their Cambridge/Aachen trees, and FastJet's."""
    jets = SAMPLES[request.param]()
    return jets, cluster(*jets), sequence(*jets)


def same(ours: np.ndarray, theirs: Any, scale: float = 1.0) -> None:
    np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("radius", [0.2, 0.8, 1.5])
@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_inclusive_jets_of_events(algorithm: str, radius: float) -> None:
    """Hundreds of particles per event, and every jet of more than 5 GeV."""
    columns, offsets = delphes_particles()
    ours = cluster(columns, offsets, algorithm, radius)
    theirs = sequence(columns, offsets, ALGORITHMS[algorithm], radius).inclusive_jets(5.0)
    for event, expected in enumerate(theirs):
        nodes = np.arange(ours.first[event], ours.end[event])
        jets = nodes[(ours.parent[nodes] < 0) & (ours.pt[nodes] > 5.0)]
        found = ours.momentum[jets[np.argsort(ours.pt[jets])]]
        momenta = np.stack([ak.to_numpy(expected[name]) for name in ("px", "py", "pz", "E")], axis=1)
        order = np.argsort(np.hypot(momenta[:, 0], momenta[:, 1]))
        same(found, momenta[order])
        assert ours.size[nodes[ours.parent[nodes] < 0]].sum() == offsets[event + 1] - offsets[event]


@pytest.mark.parametrize(("z_cut", "beta", "radius"), [(0.1, 0.0, 0.8), (0.3, 0.0, 1.0), (0.1, 1.5, 0.8)])
def test_soft_drop(sample: Sample, z_cut: float, beta: float, radius: float) -> None:
    _, tree, theirs = sample
    expected = theirs.exclusive_jets_softdrop_grooming(beta=beta, symmetry_cut=z_cut, R0=radius)
    groomed(grooming.soft_drop(tree, z_cut, beta, radius), expected)


@pytest.mark.parametrize(("y_cut", "mu"), [(0.1, 1.0), (0.09, 0.67), (0.02, 0.3)])
def test_modified_mass_drop(sample: Sample, y_cut: float, mu: float) -> None:
    _, tree, theirs = sample
    expected = theirs.exclusive_jets_softdrop_grooming(
        beta=0.0,
        symmetry_cut=y_cut,
        symmetry_measure="y",
        mu_cut=mu if mu < 1 else float("inf"),
        recursion_choice="larger_mt",
    )
    groomed(grooming.modified_mass_drop(tree, y_cut, mu), expected, fraction_of_pt=False)


def groomed(ours: grooming.Groomed, theirs: Any, fraction_of_pt: bool = True) -> None:
    # The mass of a single particle is what rounding of E^2 - p^2 leaves.
    same(ours.mass, np.maximum(theirs.msoftdrop, 0.0), 10)
    same(ours.pt, theirs.ptsoftdrop)
    passed = ours.zg > 0
    same(ours.rg[passed], theirs.deltaRsoftdrop[passed])
    if fraction_of_pt:
        same(ours.zg[passed], theirs.symmetrysoftdrop[passed])
    np.testing.assert_array_equal(ours.size, ak.num(theirs.constituents.px))


@pytest.mark.parametrize(("algorithm", "radius", "fraction"), [("kt", 0.2, 0.05), ("cambridge", 0.3, 0.1)])
def test_trimming(sample: Sample, algorithm: str, radius: float, fraction: float) -> None:
    (columns, offsets), _, _ = sample
    ours = grooming.trimming(columns, offsets, radius, fraction, algorithm)
    trimmer = fastjet.Filter(
        fastjet.JetDefinition(ALGORITHMS[algorithm], radius), fastjet.SelectorPtFractionMin(fraction)
    )
    with_tool(ours, columns, offsets, trimmer)


@pytest.mark.parametrize(("z_cut", "factor"), [(0.1, 0.5), (0.25, 0.2)])
def test_pruning(sample: Sample, z_cut: float, factor: float) -> None:
    (columns, offsets), tree, _ = sample
    ours = grooming.pruning(columns, offsets, tree.momentum[tree.end - 1], z_cut, factor)
    with_tool(ours, columns, offsets, fastjet.Pruner(fastjet.cambridge_algorithm, z_cut, factor))


def with_tool(ours: grooming.Groomed, columns: Any, offsets: np.ndarray, tool: Any) -> None:
    definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 1000.0)
    expected = []
    for particles in pseudojets(columns, offsets):
        clustering = fastjet.ClusterSequence(particles, definition)
        jet = tool.result(clustering.inclusive_jets()[0])
        expected.append((jet.m(), jet.perp(), len(jet.constituents())))
    mass, pt, size = np.array(expected).T
    same(ours.mass, np.maximum(mass, 0.0), 10)
    same(ours.pt, pt)
    np.testing.assert_array_equal(ours.size, size)


@pytest.mark.parametrize("beta", [1.0, 2.0, 0.7, 1.6])
@pytest.mark.parametrize("axes", ["KT_Axes", "WTA_KT_Axes", "OnePass_KT_Axes", "OnePass_WTA_KT_Axes"])
def test_n_subjettiness(sample: Sample, axes: str, beta: float) -> None:
    jets, _, theirs = sample
    history = cluster(*jets, "kt", winner_takes_all="WTA" in axes)
    ours = n_subjettiness(history, 4, beta, 0.8, axes.startswith("OnePass"))
    expected = theirs.njettiness(axes_definition=axes, njets=[1, 2, 3, 4], beta=beta, R0=0.8)
    same(ours, np.asarray(expected).reshape(-1, 4), 0.1)


def test_n_subjettiness_of_cms() -> None:
    """tau_1 to tau_4 that CMS wrote for these jets; it stores candidates with few bits."""
    ours = n_subjettiness(cluster(*pfnano(), "kt"), 4, 1.0, 0.8)
    names = [f"FatJet_tau{n}" for n in range(1, 5)]
    published = events_of("pfnano.root", "Events", names)
    for n, name in enumerate(names):
        ratio = ours[:, n] / ak.to_numpy(ak.flatten(published[name]))
        assert np.median(np.abs(ratio - 1)) < 2e-3
        assert np.mean(np.abs(ratio - 1) < 0.01) > 0.9


@pytest.mark.parametrize("beta", [1.0, 2.0, 0.5])
def test_correlators(sample: Sample, beta: float) -> None:
    _, tree, theirs = sample
    for name, ours in correlators(tree, NAMES, beta).items():
        expected = np.asarray(theirs.exclusive_jets_energy_correlator(func=name, beta=beta)).ravel()
        # One constituent: 0 here, 0 / 0 there; two: 0 up to rounding.
        more = tree.end - tree.first > 3
        same(ours[more], expected[more])
        assert (ours[tree.end - tree.first == 1] == 0).all()


def test_primary_lund_plane(sample: Sample) -> None:
    _, tree, theirs = sample
    plane, offsets = lund.primary_plane(tree)
    expected = theirs.exclusive_jets_lund_declusterings(1)[:, 0]
    np.testing.assert_array_equal(np.diff(offsets), ak.num(expected.Delta))
    same(np.exp(-plane["ln_inverse_delta"]), ak.flatten(expected.Delta))
    same(np.exp(plane["ln_kt"]), ak.flatten(expected.kt))
