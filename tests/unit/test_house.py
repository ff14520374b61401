"""Rules of the house that hold for the whole package."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys

import pytest

from resonaut import registry
from resonaut.cli import STAGES, TOOLS
from resonaut.digest import modules_used

GROUND_FLOOR = ("nn", "stats", "plot")
HEAVY = (
    "torch",
    "captum",
    "uproot",
    "awkward",
    "coffea",
    "fastjet",
    "pythia8mc",
    "pyhf",
    "sklearn",
    "matplotlib",
    "zuko",
    "optuna",
    "onnx",
    "onnxruntime",
)
METHOD_STAGES = ("simulate", "ingest", "tag", "generate", "detect", "stats")


def imports_of(path):
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_a_stage_imports_no_other_stage_and_the_ground_floor_imports_none(root):
    package = root / "src/resonaut"
    wrong = []
    for path in sorted(package.rglob("*.py")):
        home = path.relative_to(package).parts[0]
        for name in imports_of(path):
            parts = name.split(".")
            if parts[0] == "resonaut" and len(parts) > 1 and parts[1] in STAGES and parts[1] != home:
                wrong.append(f"{path.relative_to(package)} imports {name}")
    assert wrong == []


@pytest.mark.parametrize("stage", METHOD_STAGES)
def test_methods_are_complete(stage):
    assert registry.names(stage)
    for name in registry.names(stage):
        module = registry.load(stage, name)
        assert module.__doc__
        assert callable(module.build)
        assert module.Settings.model_config["extra"] == "forbid"


def test_configuration_plan_and_command_lines_import_nothing_heavy():
    names = [f"resonaut.{stage}.cli" for stage in STAGES]
    names += [registry.module_name(stage, name) for stage in METHOD_STAGES for name in registry.names(stage)]
    names += [
        "resonaut.config",
        "resonaut.workflow",
        "resonaut.cli",
        *(f"resonaut.tools.{name}" for name in TOOLS),
    ]
    code = (
        f"import importlib, sys\nfor n in {names!r}: importlib.import_module(n)\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_every_stage_shows_its_help(stage):
    done = subprocess.run(
        [sys.executable, "-m", "resonaut.cli", stage, "--help"], capture_output=True, text=True, check=True
    )
    assert f"usage: resonaut {stage}" in done.stdout


def test_files_are_short(root):
    long = [
        f"{path.relative_to(root)}: {len(path.read_text().splitlines())} lines"
        for folder in ("src", "workflow")
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in (".py", ".smk") and len(path.read_text().splitlines()) > 320
    ]
    assert long == []
    assert len((root / "workflow/Snakefile").read_text().splitlines()) < 80


def test_public_functions_have_docstrings(root):
    missing = []
    for path in sorted((root / "src").rglob("*.py")):
        tree = ast.parse(path.read_text())
        classes = [c for c in tree.body if isinstance(c, ast.ClassDef) and not c.name.startswith("_")]
        nodes = [tree, *tree.body, *(node for c in classes for node in c.body)]
        public = [
            node
            for node in nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            and not getattr(node, "name", "module").startswith("_")
        ]
        # A method may stand on the docstring of the one that it overrides; `forward` is torch's own.
        told = {node.name for node in public if hasattr(node, "name") and ast.get_docstring(node)} | {
            "forward"
        }
        missing += [
            f"{path.relative_to(root)}: {getattr(node, 'name', 'module')}"
            for node in public
            if ast.get_docstring(node) is None and getattr(node, "name", "module") not in told
        ]
    assert missing == []


def test_digest_follows_imports_of_the_real_code():
    assert "resonaut.nn.ensemble" in modules_used("resonaut.detect.methods.cwola")
    assert "resonaut.detect.methods.cwola" not in modules_used("resonaut.detect.train")
    assert not any(name.startswith("resonaut.nn") for name in modules_used("resonaut.hunt.spectra"))
    assert not any(name.startswith("resonaut.hunt") for name in modules_used("resonaut.infer.significance"))


def test_package_imports():
    assert importlib.import_module("resonaut").__version__
