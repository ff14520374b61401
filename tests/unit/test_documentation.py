"""The documentation site: it builds without a warning, and its pages ask no other host for anything."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

LOADED = re.compile(r"<(?:link|script|img|source|iframe)\b[^>]*?\b(?:href|src)=\"?([^\"\s>]+)")


@pytest.fixture(scope="module")
def site_pages(root: Path) -> ModuleType:
    """The hook, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("site_pages", root / "docs/site_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_catalogue_finds_what_it_asks_for(root: Path) -> None:
    """Standardised usage of the Snakemake workflow catalogue: these files, and what deploys the software."""
    usage = yaml.safe_load((root / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert (root / "workflow/Snakefile").is_file()
    assert (root / "config/README.md").is_file()
    assert usage["report"] is True
    assert usage["software-stack-deployment"] == {"conda": True, "apptainer": True}


def test_files_that_a_page_links_to_belong_to_the_site(site_pages: ModuleType, root: Path) -> None:
    text = "[a](../config/demo.yaml), [b](../absent.md), [c](https://x/y.html), [d](../../../e)"
    text += ", [f](methods.md#g)"
    assert site_pages.linked_files("docs/a.md", text, root) == {"config/demo.yaml", "docs/methods.md"}


def test_several_titles_become_one(site_pages: ModuleType) -> None:
    page = "# A\n## B\n```\n# comment\n```\n# C\n## D"
    assert site_pages.below_one_title(page) == "# A\n### B\n```\n# comment\n```\n## C\n### D"
    assert site_pages.below_one_title("# A\n## B\n") == "# A\n## B\n"


def test_the_site_builds_without_warnings_and_needs_no_network(root: Path, tmp_path: Path) -> None:
    pytest.importorskip("material", reason="needs mkdocs-material")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=root, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stderr
    pages = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")}
    assert {"index.html", "config/index.html", "docs/architecture.html", "404.html"} <= pages
    for page in pages:
        loaded = LOADED.findall((tmp_path / page).read_text(encoding="utf-8"))
        # 404.html is served for any address, so its links start at the root.
        outside = [link for link in loaded if re.match(r"(?:https?:)?//", link)]
        assert outside == [], page
        inside = [link for link in loaded if not link.startswith(("/", "data:", "#"))]
        for link in inside if page != "404.html" else []:
            target = (tmp_path / page).parent / re.split(r"[?#]", link)[0]
            assert target.exists(), f"{page}: {link}"
