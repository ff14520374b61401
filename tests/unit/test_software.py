"""Every description of the software says the same: lock file, conda files, containers, package."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from resonaut.cli import STAGES
from resonaut.sbom import LOCK, normalised, read_lock

RECIPES = ("Dockerfile", "resonaut.def")


@pytest.fixture(scope="module")
def locked(root):
    return read_lock(root / LOCK)


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text())["project"]


def test_versions_of_the_package_are_in_the_lock_file(project, locked):
    for text in project["dependencies"]:
        wanted = Requirement(text)
        version = locked.get(normalised(wanted.name))
        assert version is not None, f"{text}: not in {LOCK}"
        assert wanted.specifier.contains(version), f"{text}: {LOCK} has {version}"


def test_this_installation_is_the_locked_one(locked):
    wrong = {}
    for name, version in locked.items():
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        # A build for another kind of processor (torch 2.13.0+cpu) is the same version.
        if found.partition("+")[0] != version:
            wrong[name] = (found, version)
    assert wrong == {}


def test_the_rules_ask_for_the_locked_snakemake(root, locked):
    (asked,) = re.findall(r'min_version\("([^"]+)"\)', (root / "workflow/Snakefile").read_text())
    assert asked == locked["snakemake"]


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_each_stage_has_a_conda_file_of_the_locked_versions(root, project, stage):
    path = root / f"envs/{stage}.yaml"
    content = yaml.safe_load(path.read_text())
    assert content["name"] == f"resonaut-{stage}"
    assert content["channels"] == ["conda-forge", "nodefaults"]
    python, pip, of_pip = content["dependencies"]
    assert (python, pip) == ("python =3.11", "pip")
    assert SpecifierSet(project["requires-python"]).contains("3.11")
    assert of_pip == {"pip": ["-r ../../envs/requirements.lock", "-e ../.."]}


def test_every_rule_names_the_conda_file_of_a_stage(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        named = re.findall(r'conda:\n +"../../envs/(\w+)\.yaml"', text)
        assert len(named) == len(re.findall(r"^ +shell:", text, flags=re.MULTILINE)), path.name
        assert set(named) <= STAGES.keys(), path.name


@pytest.mark.parametrize("name", RECIPES)
def test_containers_install_the_lock_file_and_copy_what_exists(root, name):
    text = (root / "envs" / name).read_text()
    assert re.findall(r"^F[Rr][Oo][Mm]:? (.*)$", text, flags=re.MULTILINE) == ["python:3.11-slim-bookworm"]
    assert len(re.findall(r"pip install .*-r envs/requirements\.lock", text)) == 1
    assert len(re.findall(r"pip install --no-deps --no-build-isolation \.", text)) == 1
    # No other package, and so no other version, is named.
    assert not re.search(r"pip install (?!\$\{|--no-deps)", text)
    copied = re.findall(r"^COPY (.+) \S+$", text, flags=re.MULTILINE)
    copied += re.findall(r"^    (\S+) /opt/resonaut/", text, flags=re.MULTILINE)
    files = [word for line in copied for word in line.split()]
    assert {"envs/requirements.lock", "pyproject.toml", "README.md", "LICENSE", "src"} == set(files)
    assert all((root / file).exists() for file in files)


def test_the_commands_of_the_containers_are_shell(root):
    docker = (root / "envs/Dockerfile").read_text().replace("\\\n", " ")
    commands = re.findall(r"^RUN (.+)$", docker, flags=re.MULTILINE)
    recipe = (root / "envs/resonaut.def").read_text()
    post = re.search(r"^%post\n(.*?)^%", recipe, flags=re.MULTILINE | re.DOTALL)[1]
    assert len(commands) == 4
    for text in (*commands, post):
        done = subprocess.run(["sh", "-n", "-c", text], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
