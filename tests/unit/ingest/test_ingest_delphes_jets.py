"""What Delphes computed for its jets: groomed masses, subjettiness, flavours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from resonaut import registry
from resonaut.errors import BadValueError
from resonaut.ingest import delphes_tree
from resonaut.ingest.batch import Batch


def batches(path: str, collection: str) -> tuple[Any, list[Batch]]:
    """The tree, and what the reader makes of it."""
    file = uproot.open(path)
    return file["Delphes"], list(registry.build("ingest", "delphes", {}).batches(file, path, collection, 100))


def test_groomed_masses_and_subjettiness(real_file: Callable[[str], str]) -> None:
    """The leaves of the file, jets by falling pt; where the card trims nothing there is no column."""
    path = real_file("jetclass2_delphes_example.root")
    tree, (batch,) = batches(path, "JetPUPPIAK8")
    jets = tree["JetPUPPIAK8"]
    order = ak.argsort(jets["JetPUPPIAK8.PT"].array(), ascending=False)
    for leaf, column in delphes_tree.GROOMED.items():
        momentum = jets[f"JetPUPPIAK8.{leaf}"].array()[:, :, 0][order]
        px, py, pz = (momentum["fP", name] for name in ("fX", "fY", "fZ"))
        squared = np.asarray(ak.flatten(momentum["fE"] ** 2 - px**2 - py**2 - pz**2))
        np.testing.assert_allclose(batch.jets.columns[column], np.sqrt(np.maximum(squared, 0)), rtol=1e-6)
        # Grooming takes away, and never everything.
        assert (batch.jets.columns[column] <= batch.jets.columns["mass"] * (1 + 1e-4)).all()
    for n in range(4):
        expected = ak.flatten(jets["JetPUPPIAK8.Tau[5]"].array()[:, :, n][order])
        np.testing.assert_array_equal(batch.jets.columns[f"tau{n + 1}"], np.asarray(expected))
    _, (other,) = batches(real_file("delphes.root"), "ParticleFlowJet08")
    assert {"soft_drop_mass", "tau1", "tau4"} <= other.jets.columns.keys()
    assert not {"trimmed_mass", "pruned_mass", "flavour", "btag_delphes"} & other.jets.columns.keys()


def test_soft_drop_mass_agrees_with_fastjet(real_file: Callable[[str], str]) -> None:
    """Soft drop (arXiv:1402.2657) of the constituents that the references point to gives the stored mass."""
    import fastjet

    _, (batch,) = batches(real_file("jetclass2_delphes_example.root"), "JetPUPPIAK8")
    c = {name: values.astype(float) for name, values in batch.constituents.columns.items()}
    found = []
    for jet in range(len(batch.jets.columns["pt"])):
        rows = slice(*batch.constituents.offsets[jet : jet + 2])
        pt, eta, phi, mass = (c[name][rows] for name in ("pt", "eta", "phi", "mass"))
        px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
        energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
        particles = ak.zip({"px": px, "py": py, "pz": pz, "E": energy}, with_name="Momentum4D")
        definition = fastjet.JetDefinition(fastjet.cambridge_algorithm, 10.0)
        sequence = fastjet.ClusterSequence(particles, definition)
        groomed = sequence.exclusive_jets_softdrop_grooming(njets=1, beta=0, symmetry_cut=0.1, R0=0.8)
        found.append(groomed.msoftdrop)
    np.testing.assert_allclose(found, batch.jets.columns["soft_drop_mass"], rtol=1e-5, atol=1e-4)


def test_flavour_charge_and_b_tag(real_file: Callable[[str], str]) -> None:
    path = real_file("delphes.root")
    tree, (batch,) = batches(path, "Jet")
    jets = tree["Jet"]
    for leaf, column in {"Flavor": "flavour", "BTag": "btag_delphes", "Charge": "charge"}.items():
        found = batch.jets.columns[column]
        assert found.dtype == np.int32
        # Delphes sorts by pt itself, but for jets whose energy scale was corrected.
        assert sorted(found.tolist()) == sorted(ak.flatten(jets[f"Jet.{leaf}"].array()).tolist())
    assert {1, 5} & set(batch.jets.columns["flavour"].tolist())


def test_a_branch_without_weights_is_named(
    real_file: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branch of weights is there and empty where the generator wrote none."""
    path = real_file("delphes.root")
    read_values = delphes_tree.values

    def without_weights(tree: Any, branch: str, *rest: Any) -> tuple[np.ndarray, np.ndarray]:
        found, offsets = read_values(tree, branch, *rest)
        return (found[:0], 0 * offsets) if branch == "WeightLHEF" else (found, offsets)

    monkeypatch.setattr(delphes_tree, "values", without_weights)
    reader = registry.build("ingest", "delphes", {"weights": "WeightLHEF"})
    with pytest.raises(BadValueError, match=r"options.weights: the branch 'WeightLHEF' holds no weights"):
        next(reader.batches(uproot.open(path), path, None, 100))
