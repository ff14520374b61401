"""Simulated showers on disk, the electronics, and the settings: what is written, and what is refused."""

from __future__ import annotations

import json
import sys

import h5py
import numpy as np
import pytest

from resonaut import config
from resonaut.errors import ConfigError, MissingFileError
from resonaut.settings import validate
from resonaut.simulate.methods import em_showers, geant4_showers, hadronic_showers
from resonaut.simulate.showers import chunk, geant4, tracks
from resonaut.simulate.showers import conditions as incident
from resonaut.simulate.showers.chunk import rounded, simulate_showers
from resonaut.simulate.showers.digitisation import digitise
from resonaut.simulate.showers.geometry import Calorimeter
from resonaut.simulate.showers.settings import CalorimeterSettings, Digitisation
from resonaut.simulate.showers.spots import Hits


def study(**dataset) -> dict:
    given = {"source": "em_showers", "n_events": 10, "energies": [10], **dataset}
    return {"study": "s", "datasets": {"photons": given}}


@pytest.mark.parametrize(
    ("dataset", "words"),
    [
        ({"energies": [10, -1]}, ["energies", "-1 GeV", "above 0"]),
        ({"energies": {"low": 0, "high": 5}}, ["energies.low", "greater than 0"]),
        ({"energies": {"low": 10, "high": 5}}, ["energies", "low (10)", "below high (5)"]),
        ({"energies": {"low": 1, "high": 5, "spacing": "lin"}}, ["energies", "'lin'", "uniform"]),
        ({"energies": {"low": 1, "values": [3]}}, ["energies", "not both"]),
        ({"theta": [0, 0.8]}, ["theta", "[0, 0.8] radian", "0.5236 (30 degrees)"]),
        ({"theta": [0.3, 0.1]}, ["theta", "rising"]),
        ({"particle": "muon"}, ["particle", "'muon'", "'photon' or 'electron'"]),
        ({"calorimeter": "siw"}, ["calorimeter", "Did you mean 'si_w'?"]),
        ({"calorimeter": {"preset": "si_w", "cellsize": 3}}, ["cellsize", "Did you mean 'cell_size'?"]),
        ({"calorimeter": {"rows": 3}}, ["calorimeter", "'layers' or 'preset'"]),
        (
            {"calorimeter": {"preset": "si_w", "r_edges": [0, 5, 4], "n_alpha": 3}},
            ["r_edges", "rising radii"],
        ),
        (
            {"calorimeter": {"preset": "cylinders", "cell_size": 3}},
            ["rows, columns and cell_size", "cell_size"],
        ),
        (
            {
                "calorimeter": {
                    "preset": "si_w",
                    "layers": [
                        {
                            "count": 3,
                            "absorber": "wolfram",
                            "absorber_thickness": 2,
                            "active": "silicon",
                            "active_thickness": 1,
                        }
                    ],
                }
            },
            ["calorimeter.layers.0.absorber", "'wolfram'", "tungsten"],
        ),
        ({"source": "geant4_showers", "time_resolution": 1}, ["time_resolution", "leave it out"]),
        ({"source": "geant4_showers", "calorimeter": "cylinders"}, ["calorimeter", "square cells"]),
        ({"source": "geant4_showers", "particle": "pion"}, ["G4EmStandardPhysics", "FTFP_BERT"]),
    ],
)
def test_bad_settings_name_the_key_and_what_to_do(dataset, words):
    with pytest.raises(ConfigError) as caught:
        config.parse(study(**dataset))
    for word in ["datasets.photons", *words]:
        assert word in str(caught.value)


def test_without_geant4_it_is_said_what_to_do(monkeypatch):
    chosen = validate(geant4_showers.Settings, {"n_events": 1, "energies": [10]})
    monkeypatch.setattr(geant4, "MODULE", "no_such_geant4")
    with pytest.raises(ConfigError, match=r"pip install geant4-pybind.*em_showers"):
        geant4_showers.build(chosen)


def test_without_data_sets_it_is_said_what_to_do(monkeypatch, tmp_path):
    # As geant4-pybind does: it asks, and fails to start where nobody answers.
    (tmp_path / "asking_geant4.py").write_text(
        "try:\n    input('? ')\nexcept EOFError:\n    raise ImportError('no')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(geant4, "MODULE", "asking_geant4")
    terminal = sys.stdin
    with pytest.raises(MissingFileError, match=r"data sets of Geant4 are not found.*GEANT4_DATA_DIR"):
        geant4.load()
    assert sys.stdin is terminal


def test_energies_follow_their_settings():
    rng = np.random.default_rng(1)
    base = {"n_events": 1}
    values = incident.draw(validate(em_showers.Settings, {**base, "energies": [10, 20]}), 4000, rng).energy
    assert set(values) == {10.0, 20.0}
    assert (values == 10).mean() == pytest.approx(0.5, abs=0.04)
    given = {"low": 1, "high": 100, "spacing": "log"}
    values = incident.draw(validate(em_showers.Settings, {**base, "energies": given}), 4000, rng).energy
    assert (values < 10).mean() == pytest.approx(0.5, abs=0.04)
    values = incident.draw(
        validate(em_showers.Settings, {**base, "energies": {"low": 1, "high": 100}}), 4000, rng
    ).energy
    assert values.mean() == pytest.approx(50.5, abs=2)


def settings_of(module, **keys):
    given = {"n_events": 30, "chunk_events": 20, "energies": {"low": 10, "high": 20}, "seed": 5, **keys}
    return validate(module.Settings, given)


def test_a_chunk_has_the_documented_layout(tmp_path):
    chosen = settings_of(hadronic_showers, theta=[0, 0.5], impact=2, time_resolution=1, digitise={})
    summary = simulate_showers("pions", "hadronic_showers", chosen, 1, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        offsets, cell, deposit = (file[name][:] for name in ("offsets", "cell", "deposit"))
        assert file["energy"].shape == (10, 1)
        assert (offsets[0], offsets[-1], len(offsets)) == (0, len(cell), 11)
        assert len(cell) == len(deposit) == len(file["time"]) == len(file["adc"]) == summary.n_hits
        assert sorted(file["columns"]) == ["impact_column", "impact_row", "phi", "theta"]
        assert sorted(file["truth"]) == ["em_fraction", "start"]
        assert all(len(values) == 10 for values in file["columns"].values())
        geometry = json.loads(file.attrs["geometry"])
        assert geometry["shape"] == [38, 24, 24]
        assert file.attrs["n_generated"] == 10
        assert json.loads(file.attrs["settings"])["particle"] == "pion"
        owner = np.repeat(np.arange(10), np.diff(offsets))
        assert (np.diff(owner * 38 * 576 + cell.astype(int)) > 0).all()
        # Counts over the pedestal are MIPs of the deposits.
        unit = tracks.mip_unit(Calorimeter(chosen.calorimeter))[0]
        assert (file["adc"][:] - 200) / 20 * unit == pytest.approx(deposit, rel=2.0**-12)


def test_slices_of_showers_follow_each_other(tmp_path, monkeypatch):
    monkeypatch.setattr(chunk, "SLICE_CELLS", 7 * 27_000)
    chosen = settings_of(em_showers, calorimeter="si_w")
    summary = simulate_showers("photons", "em_showers", chosen, 0, tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5") as file:
        offsets, energy = file["offsets"][:], file["energy"][:, 0]
        visible = np.add.reduceat(file["deposit"][:], offsets[:-1])
    assert (np.diff(offsets) > 50).all()
    assert offsets[-1] == summary.n_hits
    # Each shower has its own energy: 2.9 % of it is seen.
    assert visible / energy / 1e3 == pytest.approx(0.029, abs=0.012)
    assert np.corrcoef(visible, energy)[0, 1] > 0.8


def test_chunks_follow_from_the_seed_and_the_names_alone(tmp_path):
    chosen = settings_of(em_showers)
    first = simulate_showers("photons", "em_showers", chosen, 0, tmp_path / "a.h5")
    again = simulate_showers("photons", "em_showers", chosen, 0, tmp_path / "b.h5")
    other = simulate_showers("others", "em_showers", chosen, 0, tmp_path / "c.h5")
    assert first.content_digest == again.content_digest != other.content_digest
    assert first.n_accepted == 20
    with pytest.raises(ConfigError, match="--chunk: 2 given; dataset 'photons' has the chunks 0 to 1"):
        simulate_showers("photons", "em_showers", chosen, 2, tmp_path / "d.h5")


def test_a_shower_takes_few_bytes(tmp_path):
    chosen = settings_of(em_showers, n_events=400, chunk_events=400, energies={"low": 10, "high": 100})
    simulate_showers("photons", "em_showers", chosen, 0, tmp_path / "a.h5")
    assert (tmp_path / "a.h5").stat().st_size / 400 < 2700


def test_rounding_keeps_twelve_bits():
    values = np.random.default_rng(2).exponential(1.0, 1000)
    found = rounded(values)
    assert found == pytest.approx(values, rel=2.0**-12)
    assert (found.view(np.uint32) & 0xFFF == 0).all()


@pytest.fixture(scope="module")
def calorimeter() -> Calorimeter:
    return Calorimeter(CalorimeterSettings.model_validate("steel_scintillator"))


def one_hit_each(deposit: np.ndarray) -> Hits:
    n = len(deposit)
    return Hits(n, np.arange(n), np.full(n, 777), deposit, np.zeros(n))


def test_the_mip_peak_is_at_one_mip(calorimeter):
    """The calibration closes: a track's most probable calibrated energy is the unit of the layer."""
    rng = np.random.default_rng(3)
    n = 20_000
    true = tracks.deposits(np.full(n, 1), np.ones(n), calorimeter, rng)
    read, _ = digitise(one_hit_each(true), calorimeter, Digitisation(noise=0.05, threshold=0.3), rng)
    signal = read.deposit[read.cell == 777] / tracks.mip_unit(calorimeter)[1]
    counts, edges = np.histogram(signal, np.arange(0.475, 1.6, 0.05))
    peak = np.argmax(counts)
    middle = (edges[peak - 2 : peak + 3] + edges[peak - 1 : peak + 4]) / 2
    parabola = np.polyfit(middle, counts[peak - 2 : peak + 3], 2)
    # Noise of 0.05 pulls the mode of an asymmetric peak up by about two per cent; counts are 0.05 apart.
    assert -parabola[1] / (2 * parabola[0]) == pytest.approx(1.02, abs=0.02)


def test_energy_is_linear_after_the_electronics(calorimeter):
    rng = np.random.default_rng(4)
    for mips in (1.5, 10.0, 300.0, 3000.0):
        deposit = np.full(4000, mips) * tracks.mip_unit(calorimeter)[1]
        read, counts = digitise(one_hit_each(deposit), calorimeter, Digitisation(noise=0.1), rng)
        signal = read.deposit[read.cell == 777]
        assert signal.mean() / deposit[0] == pytest.approx(1.0, abs=0.01 / mips + 1e-3)
        assert signal.std() / deposit[0] * mips == pytest.approx(np.hypot(0.1, 0.05 / np.sqrt(3)), rel=0.06)
        assert counts.max() < 2**16
    # The converter ends at 4095 counts: 194.75 MIP above the pedestal.
    read, counts = digitise(one_hit_each(deposit), calorimeter, Digitisation(noise=0, bits=12), rng)
    assert set(counts) == {4095}
    assert read.deposit == pytest.approx(194.75 * tracks.mip_unit(calorimeter)[1])


def test_noise_alone_is_read_out_as_often_as_a_gaussian_says(calorimeter):
    rng = np.random.default_rng(5)
    empty = Hits(20, *(np.empty(0, kind) for kind in (int, int, float, float)))
    read, _ = digitise(empty, calorimeter, Digitisation(noise=0.25, threshold=0.75), rng)
    expected = 20 * 21888 * 0.0013499
    assert len(read.cell) == pytest.approx(expected, abs=4 * np.sqrt(expected))
    signal = read.deposit / tracks.mip_unit(calorimeter)[0]
    # Mean of a Gaussian above three deviations: phi(3) / Q(3) = 3.2831 of them, and half a count of rounding.
    assert signal.mean() == pytest.approx(0.25 * 3.2831, abs=0.01)
    assert (np.diff(read.owner * 21888 + read.cell) > 0).all()
