"""The figure of pile-up: jets are compared with themselves, and numbers are those that were put in."""

from __future__ import annotations

import numpy as np
import pytest
from review_files import make_store
from review_pileup import MEAN, SLOPES, make_overlaid

from resonaut import manifest
from resonaut.errors import EmptyFileError, InputError
from resonaut.events import Events
from resonaut.review.pileup_offsets import Offsets, compared, offsets


def _events(event, jets, n_pu=None) -> Events:
    """Events of jets (pt, eta, phi, mass), a list for each event."""
    columns = {
        name: np.array([jet[i] for of in jets for jet in of], float) for i, name in enumerate(KINEMATICS)
    }
    ids = {"run": np.ones(len(event), int), "lumi": np.zeros(len(event), int), "event": np.array(event)}
    counts = np.array([len(of) for of in jets])
    extra = {} if n_pu is None else {"n_pu": np.array(n_pu)}
    return Events({**ids, **extra}, columns, np.concatenate([[0], np.cumsum(counts)]))


KINEMATICS = ("pt", "eta", "phi", "mass")


def test_each_leading_jet_meets_the_nearest_jet_of_its_own_event():
    first, second, third = (500, 0.0, 3.1, 80), (400, 1.0, 0.0, 60), (300, -1.0, 1.0, 40)
    nominal = _events([1, 2, 3], [[first, second, third], [first], [second]])
    varied = _events(
        [3, 1, 7],
        [
            # The jet of event 3 is lost; another one is 0.5 away.
            [(410, 1.5, 0.0, 70)],
            # They changed places, and one crossed the seam of phi.
            [(530, 1.1, 0.0, 95), (520, 0.0, -3.1, 85), (490, 1.3, 0.0, 50), (350, -1.0, 1.0, 90)],
            [first],
        ],
        n_pu=[10, 20, 30],
    )
    found = compared(nominal, varied)
    assert found.n_nominal == 3
    assert found.n_pu.tolist() == [20, 20]
    assert found.pt.tolist() == [20, 130]
    assert found.mass.tolist() == [5, 35]


def test_events_without_jets_are_no_trouble():
    nominal, varied = _events([1, 2], [[], []]), _events([2, 1], [[(9, 0, 0, 1)], []], [1, 2])
    assert len(compared(nominal, varied).pt) == 0
    assert len(compared(varied, nominal_with(varied, [])).pt) == 0


def nominal_with(events: Events, jets: list) -> Events:
    return _events(events.events["event"], [jets] * len(events), [0] * len(events))


def test_the_change_per_interaction_and_its_error():
    n_pu = np.tile([10.0, 20.0, 30.0], 400)
    noise = np.random.default_rng(1).normal(0, 6.0, 1200)
    found = Offsets(n_pu, 2 * n_pu + noise, np.zeros(1200), 1200)
    mean, error = found.per_interaction("pt")
    assert mean == pytest.approx(2.0, abs=4 * error)
    low, high = np.quantile(noise / n_pu, [0.1587, 0.8413])
    assert error == pytest.approx(np.sqrt(np.pi / 2 / 1200) * (high - low) / 2, rel=0.01)
    of_bins = found.binned("pt", 3)
    np.testing.assert_array_equal(of_bins[0], [10, 20, 30])
    np.testing.assert_allclose(of_bins[1], [20, 40, 60], atol=1.5)
    np.testing.assert_allclose(of_bins[2], np.sqrt(np.pi / 2 / 400) * 6.0, rtol=0.15)
    np.testing.assert_allclose(of_bins[3], 6.0, rtol=0.15)


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pileup")
    nominal = make_store(folder, "qcd")
    return {"nominal": nominal, **make_overlaid(folder, nominal)}


@pytest.mark.parametrize("name", SLOPES)
def test_what_was_put_into_the_stores_is_found(name, stores):
    nominal, varied = (manifest.read(stores[key], "store") for key in ("nominal", name))
    found = offsets(nominal, varied)
    assert len(found.pt) == found.n_nominal == 640
    assert found.n_pu.mean() == pytest.approx(MEAN, rel=0.05)
    for what, slope in zip(("pt", "mass"), SLOPES[name], strict=True):
        assert found.per_interaction(what)[0] == pytest.approx(slope, rel=1e-4)


def test_stores_that_do_not_belong_together_are_refused(stores, tmp_path):
    nominal, varied = (manifest.read(stores[key], "store") for key in ("nominal", "pileup_30"))
    with pytest.raises(InputError, match=r"qcd.store.json: its events have no n_pu"):
        offsets(varied, nominal)
    other = manifest.read(make_store(tmp_path, "wprime"), "store")
    twice = type(nominal)(**{**vars(nominal), "chunks": nominal.chunks * 2})
    with pytest.raises(InputError, match=r"it has 1 chunks and .* has 2; manifests of the same events"):
        offsets(twice, varied)
    with pytest.raises(EmptyFileError, match="no leading jet"):
        offsets(other, _without_common_events(varied, tmp_path))


def _without_common_events(varied, folder):
    import h5py

    path = folder / "none.h5"
    path.write_bytes(varied.chunks[0].read_bytes())
    with h5py.File(path, "a") as file:
        file["events/event"][:] += 10_000
    return type(varied)(**{**vars(varied), "chunks": (path,)})
