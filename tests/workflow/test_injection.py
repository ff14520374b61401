"""No word of a configuration, and no name of a file, reaches a shell as code."""

from __future__ import annotations

import copy
import re
import shlex
import shutil
import subprocess

import numpy as np
import pytest
import yaml

from resonaut.config import parse, read_yaml
from resonaut.errors import ResonautError
from resonaut.site import Site

PAYLOADS = ("; touch x", "$(touch x)", "\n`touch x`'\"")
HOSTILE = "we ights; touch x $(touch x) 'q' \"d\" & .safetensors"
FILE_NAME = "ev ents; touch x $(touch x) `touch x` 'q' \"d\" | & .npy"


def leaves(value, path=()):
    """Paths of keys to every string and every key of a configuration; a key is marked by a trailing '?'."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key, "?")
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from leaves(inner, (*path, number))
    elif isinstance(value, str):
        yield path


def mutated(raw, path, payload):
    """A copy with one string, or one key, that a stranger has continued."""
    found = copy.deepcopy(raw)
    is_key = path[-1] == "?"
    *outer, last = path[:-1] if is_key else path
    inner = found
    for part in outer:
        inner = inner[part]
    if is_key:
        inner[f"{last}{payload}"] = inner.pop(last)
    else:
        inner[last] = f"{inner[last]}{payload}"
    return found


def general(path):
    """A path of keys without the names that a user gives, so that each kind of key is tried once."""
    named = {
        "datasets",
        "mixtures",
        "tag",
        "tune",
        "generate",
        "detect",
        "amplification",
        "pseudo_experiments",
    }
    return tuple(
        "*" if isinstance(part, int) or (number == 1 and path[0] in named) else part
        for number, part in enumerate(path)
    )


@pytest.fixture(scope="module")
def tried(root):
    """Every kind of string of the studies of this repository: its path, one study that holds it."""
    found = {}
    for path in [
        *sorted((root / "config").glob("*.yaml")),
        *sorted((root / "tests/workflow").glob("*.yaml")),
    ]:
        raw = read_yaml(path)
        if "study" in raw:
            for leaf in leaves(raw):
                found.setdefault(general(leaf), (raw, leaf))
    assert len(found) > 250
    return found


def test_strings_of_a_configuration_are_refused_or_stay_settings(tried):
    accepted = {}
    for kind, (raw, leaf) in tried.items():
        for payload in PAYLOADS:
            try:
                accepted[kind] = parse(mutated(raw, leaf, payload))
            except ResonautError:
                continue
    # What becomes part of a path or of a word of a command is refused: study, datasets, methods, labels ...
    names = {"study", "label", "kind", "like", "methods", "datasets", "tagger", "mixture", "against"}
    last = {kind: [part for part in kind if part not in ("*", "?")][-1] for kind in accepted}
    assert [kind for kind, name in last.items() if name in names] == []
    assert ("datasets", "*", "source") not in accepted
    assert [kind for kind in accepted if kind[-1] == "?" and len(kind) <= 3] == []
    for kind, study in accepted.items():
        where = shlex.join(map(str, kind))
        words = [study.study, *study.datasets, *study.mixtures, *study.tag, *study.generate, *study.detect]
        assert all(re.fullmatch(r"[a-z][a-z0-9_+:.-]*", word) for word in words), where


def hostile(clone):
    """The tiny study with a stranger's words wherever they are accepted, and two tables of strange names."""
    raw = yaml.safe_load(clone.config.read_text())
    for leaf in list(leaves(raw)):
        for payload in PAYLOADS:
            changed = mutated(raw, leaf, payload)
            try:
                parse(changed)
            except ResonautError:
                continue
            if leaf[-1] != "?":
                raw = changed
    rows = np.random.default_rng(1).normal((3000.0, 0.0, 0.0), size=(500, 3))
    np.save(clone.folder / FILE_NAME, rows)
    raw["datasets"]["strange"] = {
        "source": "table",
        "files": [FILE_NAME],
        "columns": ["mass", "x1; touch x", "x2 $(touch x)"],
        "features": ["x1; touch x", "x2 $(touch x)"],
        "rename": {"x1; touch x": "x1", "x2 $(touch x)": "x2"},
        "mass": "mass",
    }
    shutil.copy(clone.folder / FILE_NAME, clone.folder / HOSTILE)
    raw["tag"]["pfn"]["transfer"] = {"start_from": HOSTILE}
    return raw


def commands(output):
    """The shell commands that a dry run prints."""
    return re.findall(r"^ *(?:Shell command: *)?(resonaut .* 2>&1)$", output, flags=re.MULTILINE)


def test_commands_of_a_hostile_study_run_nothing_else(clone):
    clone.config.write_text(yaml.safe_dump(hostile(clone), sort_keys=False))
    found = commands(clone.snakemake("--dry-run", "--printshellcmds", "--quiet", "host").stdout)
    assert len(found) > 30
    assert any("touch x" in command for command in found)
    folder = clone.folder / "sandbox"
    folder.mkdir()
    for number, command in enumerate(found):
        text, _, log = command.removesuffix(" 2>&1").rpartition(" > ")
        # The whole line is one call of one program, with the words that Python's own splitting finds.
        script = f'resonaut() {{ printf "%s\\0" "$@"; }}\n{text}'
        done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, check=True)
        given = done.stdout.decode().split("\0")[:-1]
        assert given == shlex.split(text)[1:], number
        assert re.fullmatch(r"results/[\w/+:.-]+", log)
    assert list(folder.iterdir()) == []


def test_a_file_with_a_strange_name_is_ingested_and_nothing_else_happens(clone):
    clone.config.write_text(yaml.safe_dump(hostile(clone), sort_keys=False))
    manifest = "results/tiny/represent/strange/nominal/features.json"
    clone.snakemake(manifest)
    assert clone.results()[manifest]["n_events"] == 500
    assert not [path for path in clone.folder.rglob("x") if path.is_file()]


@pytest.mark.parametrize(
    "name", ["a; touch x", "$(touch x)", "A", "a b", "../a", "a/b", "a\n", "-a", "é", "a" * 65, ""]
)
def test_a_strange_name_of_a_study_is_refused(root, name):
    raw = read_yaml(root / "tests/workflow/tiny.yaml")
    with pytest.raises(ResonautError, match="study"):
        parse({**raw, "study": name})


@pytest.mark.parametrize("key", ["partition", "account", "qos", "constraint"])
def test_words_of_the_site_file_are_quoted_for_slurm(key):
    from resonaut.site_resources import slurm_defaults

    asked = slurm_defaults(Site(**{key: "cpu; touch x"}))
    assert repr("cpu; touch x") in asked.values()
