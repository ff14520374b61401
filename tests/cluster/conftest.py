"""A real Slurm for these tests, and the quick twin of the default study, run through it."""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import slurm as installation  # noqa: E402
from cluster_clones import STAGES, ClusterClone  # noqa: E402
from slurm import Slurm  # noqa: E402


@pytest.fixture(scope="session")
def clones():
    """The module that makes clones for the workflow's tests."""
    spec = importlib.util.spec_from_file_location("clones", HERE.parent / "workflow" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def slurm() -> Iterator[Slurm]:
    """A running cluster; the tests are skipped where Slurm is not installed."""
    missing = installation.missing()
    if missing:
        pytest.skip(f"needs Slurm (apt-get install slurm-wlm munge): {', '.join(missing)} not found")
    # The path of a socket is short: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="slurm-") as folder:
        Path(folder).chmod(0o755)
        cluster = Slurm(Path(folder))
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def twin(root, slurm, clones, tmp_path_factory) -> ClusterClone:
    """The quick twin of the default study, run through the cluster. Tests that change anything copy it.

    The stages that send jobs: figures are drawn where Snakemake runs, as everywhere.
    """
    plain = clones.Clone.create(root, tmp_path_factory.mktemp("twin") / "clone")
    clone = ClusterClone(plain.folder, slurm, plain.environment)
    clone.choose("gpu")
    clone.run(*STAGES)
    return clone


@pytest.fixture
def trainable(twin, tmp_path) -> ClusterClone:
    """A copy of the twin whose tagger has a longer training before it, long enough to be disturbed."""
    folder = tmp_path / "clone"
    shutil.copytree(twin.folder, folder, symlinks=True)
    study = folder / "study.yaml"
    text = study.read_text()
    old = "    training: {epochs: 2}\n\ngenerate:"
    assert old in text
    study.write_text(text.replace(old, "    training: {epochs: 30, patience: 30}\n\ngenerate:"))
    (folder / "results/tiny/logs/tag/pfn.jsonl").unlink()
    environment = {**twin.environment, "PYTHONPATH": str(folder / "src")}
    return ClusterClone(folder, twin.slurm, environment)
