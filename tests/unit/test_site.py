"""The site file, and what the profiles make of it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml
import yte
from hypothesis import given
from hypothesis import strategies as st

from resonaut import site_resources as asked
from resonaut.config import load
from resonaut.errors import ConfigError, MissingFileError
from resonaut.settings import validate
from resonaut.site import VARIABLE, Gpu, Site, read, set_environment
from resonaut.workflow import Plan


@pytest.fixture
def site_file(tmp_path, monkeypatch):
    """Write a site file and make it the one that is read."""

    def write(text: str) -> Path:
        path = tmp_path / "site.yaml"
        path.write_text(text)
        monkeypatch.setenv(VARIABLE, str(path))
        return path

    return write


def profile(root: Path, name: str) -> dict:
    with (root / "profiles" / name / "config.yaml").open() as file:
        return yte.process_yaml(file, require_use_yte=True)


def rules_of(root: Path) -> dict[str, str]:
    """Every rule of the workflow and its text."""
    found = {}
    for path in sorted((root / "workflow/rules").glob("*.smk")):
        parts = re.split(r"^(?:use )?rule (?:\w+ as )?(\w+)(?: with)?:", path.read_text(), flags=re.MULTILINE)
        found |= dict(zip(parts[1::2], parts[2::2], strict=True))
    return found


def test_without_a_site_file_the_defaults_hold(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    assert read() == Site()
    assert asked.slurm_defaults(Site()) == {"mem_mb": "2000 * attempt", "runtime": "60 * attempt"}


def test_the_example_shows_every_key_with_its_default(root):
    text = (root / "config/site.example.yaml").read_text()
    shown = yaml.safe_load(text)
    assert set(shown) == set(Site.model_fields)
    assert set(shown["gpu"]) == set(Gpu.model_fields)
    assert validate(Site, shown) == Site()
    commented = yaml.safe_load("\n".join(re.findall(r"^#  (\w+: .*)$", text, flags=re.MULTILINE)))
    assert validate(Site, {"environment": commented}).environment == commented


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("partitions: cpu", r"partitions: unknown key. Did you mean 'partition'\?"),
        ("gpu: {ask: gpus}", r"gpu.ask: .*'gpu' or 'gres'"),
        ("gpu: {model: 'a100; rm'}", r"gpu.model: .*pattern"),
        ("- cpu", "keys of a site are expected"),
        ("a: [", "not valid YAML"),
        ("jobs: 0", r"jobs: .*greater than or equal to 1"),
    ],
)
def test_bad_site_files_are_refused_by_name(site_file, text, message):
    path = site_file(text)
    with pytest.raises(ConfigError, match=message) as error:
        read()
    assert str(path) in str(error.value)


def test_a_named_site_file_must_exist(monkeypatch, tmp_path):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none.yaml"))
    with pytest.raises(MissingFileError, match=r"Copy config/site.example.yaml"):
        read()


@pytest.mark.parametrize(
    ("gpu", "expected"),
    [
        ({}, {"gpu": 1, "cpus_per_gpu": 4}),
        (
            {"model": "a100", "number": 2, "cpus": 8, "partition": "allgpu"},
            {"gpu": 2, "cpus_per_gpu": 8, "gpu_model": "'a100'", "slurm_partition": "'allgpu'"},
        ),
        ({"ask": "gres"}, {"gres": "'gpu:1'", "cpus_per_task": 4}),
        (
            {"ask": "gres", "model": "v100", "number": 2},
            {"gres": "'gpu:v100:2'", "cpus_per_task": 8},
        ),
    ],
)
def test_one_key_chooses_how_gpus_are_asked_for(root, site_file, gpu, expected):
    site_file(yaml.safe_dump({"gpu": gpu}))
    rules = profile(root, "gpu-cluster")["set-resources"]
    for rule in asked.GPU_RULES:
        assert rules[rule] == expected
    for rule in (*asked.CHUNK_RULES, *asked.SEARCH_RULES):
        assert rules[rule] == {asked.SLOT: 1}


def test_the_slurm_profile_says_what_the_site_says(root, site_file, monkeypatch):
    monkeypatch.setenv("USER", "me")
    text = "account: '123'\npartition: cpu\nqos: long\nscratch: /scratch/$USER\nstatus: squeue\n"
    site_file(text + "requeue: false\n")
    found = profile(root, "gpu-cluster")
    assert found["default-resources"] == {
        "mem_mb": "2000 * attempt",
        "runtime": "60 * attempt",
        "slurm_account": "'123'",
        "slurm_partition": "'cpu'",
        "qos": "'long'",
        "tmpdir": "'/scratch/me'",
    }
    assert found["slurm-status-command"] == "squeue"
    assert (found["slurm-requeue"], found["slurm-no-requeue"]) == (False, True)
    assert found["software-deployment-method"] is None


def test_a_container_is_used_where_one_is_named(root, site_file):
    site_file("container: /images/resonaut.sif")
    found = profile(root, "gpu-cluster")
    assert (found["software-deployment-method"], found["apptainer-args"]) == ("apptainer", "--nv")
    defaults = profile(root, "htcondor")["default-resources"]
    assert (defaults["universe"], defaults["container_image"]) == ("'container'", "'/images/resonaut.sif'")


def test_gpu_rules_are_the_rules_that_train_or_use_networks(root):
    rules = rules_of(root)
    commands = {name: re.search(r'"resonaut (\w+ \w+)', text) for name, text in rules.items()}
    on_gpu = {
        *("tag train", "tag tune", "tag score", "tag encode", "tag cluster", "detect train"),
        *("tag uncertainty", "tag stability", "tag weak", "tag trigger", "detect monitor"),
        *("detect background", "generate train", "generate sample", "generate dataset"),
        *("generate evaluate", "generate time", "generate amplify"),
    }
    assert {name for name, found in commands.items() if found and found[1] in on_gpu} == set(asked.GPU_RULES)


def test_grouped_rules_have_a_group_and_no_others(root):
    rules = rules_of(root)
    grouped = {name for name, text in rules.items() if "    group:\n" in text}
    # simulate_showers is simulate_chunk with another output.
    assert grouped | {"simulate_showers"} == {*asked.CHUNK_RULES, *asked.SEARCH_RULES}
    assert not grouped & set(asked.GPU_RULES)


def test_memory_and_time_of_every_rule_grow_with_the_attempt(root):
    for name, text in rules_of(root).items():
        for key in ("mem_mb", "runtime"):
            for value in re.findall(rf"^        {key}=(.*)$", text, flags=re.MULTILINE):
                assert value.startswith("lambda wildcards, attempt: "), f"{name}: {key}={value}"
        assert ("mem_mb=" in text) == ("    shell:" in text) or name == "simulate_showers", name


@given(st.integers(1, 10**9), st.integers(1, 10**8))
def test_a_job_of_chunks_holds_about_the_wanted_events(n_events, wanted):
    components = asked.group_components(Site(events_per_job=wanted))
    number = components[asked.chunk_group(n_events)]
    assert 1 <= number <= 100
    if 1 < number < 100 and n_events < 2**24:
        assert wanted / 4 < number * n_events < 2 * wanted


def test_chunks_of_the_demo(root):
    plan = Plan(load(root / "config/demo.yaml"))
    assert plan.chunk_group("qcd") == "chunks_8192"
    assert plan.chunk_minutes("qcd", milliseconds=50, at_most=120) == 5 + 10
    assert plan.chunk_minutes("qcd", milliseconds=1000, at_most=120) == 120


def test_variables_of_the_site_reach_the_jobs(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("X509_USER_PROXY", "of the login")
    monkeypatch.setenv("XRD_REQUESTTIMEOUT", "1")
    (tmp_path / "proxy").touch()
    set_environment(Site(environment={"X509_USER_PROXY": "~/proxy", "XRD_REQUESTTIMEOUT": "120"}))
    assert os.environ["X509_USER_PROXY"] == str(tmp_path / "proxy")
    assert os.environ["XRD_REQUESTTIMEOUT"] == "120"
    with pytest.raises(ConfigError, match=r"voms-proxy-init --out"):
        set_environment(Site(environment={"X509_USER_PROXY": "~/no_proxy"}))


@pytest.mark.parametrize(("variable", "expected"), [("0,1,2", 3), ("4", 1), (" , ", 1)])
def test_local_gpus_are_those_that_are_named(root, monkeypatch, variable, expected):
    monkeypatch.setenv("RESONAUT_GPUS", variable)
    assert profile(root, "local-gpu")["resources"] == {"gpu": expected}


def test_local_gpus_are_counted(monkeypatch, tmp_path):
    for name in ("RESONAUT_GPUS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    program = tmp_path / "nvidia-smi"
    program.write_text("#!/bin/sh\necho 'GPU 0: one'\necho 'GPU 1: two'\necho '  MIG 1g'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert asked.local_gpus() == 2
    program.unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asked.local_gpus() == 1
