"""`resonaut init`: what is found in files, the configuration that follows, a folder that works at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from resonaut import starting
from resonaut.cli import main
from resonaut.config import load
from resonaut.errors import ConfigError
from resonaut.ingest.survey import survey


def write_table(path: Path, n: int = 2000, unit: float = 1.0) -> Path:
    """A falling spectrum from 2 TeV on with two features, a label and an event number; GeV / unit."""
    random = np.random.default_rng(4)
    mass = (2000 + random.exponential(500.0, n)) / unit
    columns = [mass, random.normal(size=n), random.uniform(size=n), random.integers(0, 2, n), np.arange(n)]
    np.savetxt(path, np.stack(columns, 1), "%.8g", delimiter=",", header="mJJ,a,b,label,event", comments="")
    return path


def write_jets(path: Path, n: int = 300) -> Path:
    """Quark and gluon jets: 5 particles each, of 100 GeV."""
    random = np.random.default_rng(5)
    particles = np.zeros((n, 5, 4))
    particles[..., 0] = 100
    particles[..., 1:3] = random.normal(0, 0.1, (n, 5, 2))
    particles[..., 3] = 22
    np.savez(path, X=particles, y=random.integers(0, 2, n).astype(float))
    return path


def test_files_of_one_dataset_differ_by_a_number_only():
    paths = ["a/QCD-HT_1.root", "a/QCD-HT_12.root", "b/QCD-HT_1.root", "a/2018.root", "x/nominal/000/0.root"]
    assert starting.grouped(paths) == {
        "qcd_ht": ["a/QCD-HT_1.root", "a/QCD-HT_12.root"],
        "qcd_ht_2": ["b/QCD-HT_1.root"],
        "a": ["a/2018.root"],
        "x": ["x/nominal/000/0.root"],
    }


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        ((2278.0, 4427.0), (2200, 4600, 200)),
        ((584.2, 757.6), (580, 760, 20)),
        ((3302.0, 3698.0), (3300, 3700, 50)),
        ((90.0, 13_000.0), (0, 14_000, 2000)),
    ],
)
def test_windows_are_round_and_cover_the_masses(span, expected):
    assert starting.windows(*span) == expected


@pytest.mark.parametrize(("unit", "name"), [(1.0, "GeV"), (1000.0, "TeV"), (0.001, "MeV")])
def test_a_table_is_recognised_with_its_unit(tmp_path, unit, name):
    found = survey(str(write_table(tmp_path / "t.csv", unit=unit)))
    assert (found.reader, found.level, found.n_events, found.problem) == ("table", "table", 2000, "")
    assert (found.mass, found.features, found.unit) == ("mJJ", ("a", "b"), name)
    # Quantiles of an exponential: 2000 - 500 ln(0.95) and 2000 - 500 ln(0.05); 1000 of the events are read.
    assert found.mass_range == pytest.approx((2025.6, 3497.9), rel=0.05)


def test_jets_are_recognised_with_their_classes(tmp_path):
    found = survey(str(write_jets(tmp_path / "jets.npz")))
    assert (found.reader, found.level, found.n_events) == ("quark_gluon", "jets", 300)
    assert (found.classes, found.n_jets, found.constituents) == (("gluon", "quark"), 1.0, True)
    assert found.mass_range is None


def test_what_nobody_knows_is_said(tmp_path):
    np.savez(tmp_path / "f.npz", pixels=np.zeros(3))
    found = survey(str(tmp_path / "f.npz"))
    assert found.columns == ("pixels",)
    assert "no reader knows this format" in found.problem
    np.save(tmp_path / "f.npy", np.zeros((4, 2)))
    assert "2 columns without names" in survey(str(tmp_path / "f.npy")).problem


def test_the_configuration_of_files_is_valid_and_says_what_was_found(tmp_path, monkeypatch, capsys):
    for number in (1, 2):
        write_table(tmp_path / f"data_{number}.csv")
    np.savez(tmp_path / "odd.npz", pixels=np.zeros(3))
    monkeypatch.chdir(tmp_path)
    assert main(["init", "Bump-Hunt", "--files", "data_1.csv", "data_2.csv", "odd.npz"]) == 0
    assert "| `data` | 2 | table | 2,000 | - | - | 2,0" in capsys.readouterr().out
    study = load("Bump-Hunt/config/bump_hunt.yaml")
    assert study.study == "bump_hunt"
    assert study.datasets["data"].settings.options["mass"] == "mJJ"
    assert [str(tmp_path / f"data_{n}.csv") for n in (1, 2)] == list(study.datasets["data"].settings.files)
    assert list(study.datasets) == ["data"]
    assert study.detect["cwola"].features == ("a", "b")
    assert (study.scan.mass_min, study.scan.mass_max) == (2000, 3600)
    assert [window.name for window in study.scan.windows][:2] == ["2200-2400", "2400-2600"]
    text = Path("Bump-Hunt/config/bump_hunt.yaml").read_text()
    assert "#   files:\n  #     - " + str(tmp_path / "odd.npz") in text
    assert "2,000" in Path("Bump-Hunt/README.md").read_text()


def test_nothing_is_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine")
    assert main(["init", "mine"]) == 7
    assert "mine: it exists and is not empty; nothing was written" in capsys.readouterr().err
    assert [path.name for path in Path("mine").iterdir()] == ["notes.txt"]
    assert main(["init", "mine", "--relink"]) == 3
    assert main(["init", "new", "--files", "absent.root"]) == 3
    assert "--files: absent.root: no such file" in capsys.readouterr().err
    assert main(["init", "new", "--files", "root://server//store/*.root"]) == 2
    assert "resonaut files 'root://server//store/*.root'" in capsys.readouterr().err
    np.savez("odd.npz", pixels=np.zeros(3))
    assert main(["init", "new", "--files", "odd.npz"]) == 3
    assert main(["init", "new", "--study", "New!"]) == 2
    assert not Path("new").exists()
    with pytest.raises(ConfigError, match=r"'2018' gives no name of letters"):
        starting.name_of("2018", "FOLDER")


def test_links_lead_to_the_clone_and_are_made_again(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine"]) == 0
    link = Path("mine/gpu-cluster")
    assert link.resolve() == (root / "profiles/gpu-cluster").resolve()
    link.unlink()
    link.symlink_to("/nowhere")
    assert main(["init", "mine", "--relink"]) == 0
    assert (link / "config.yaml").exists()
    assert Path("mine/profiles/default/config.yaml").exists()


def test_the_demo_under_another_name_is_planned_at_once(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "mine"]) == 0
    ours, demo = (
        yaml.safe_load(path.read_text())
        for path in (Path("mine/config/mine.yaml"), root / "config/demo.yaml")
    )
    assert ours == {**demo, "study": "mine"}
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--config", "seed=3"]
    done = subprocess.run(command, cwd="mine", capture_output=True, text=True, check=True)
    assert "results/mine/represent/mixtures/data.h5" in done.stdout + done.stderr
    assert "detect_train" in done.stdout + done.stderr
