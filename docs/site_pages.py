"""Hook of mkdocs: the site has the layout of the repository.

Pages link to files outside of docs/ (`../config/README.md`, `../../config/demo.yaml`) as they do where the
repository itself is browsed. So the site holds the repository's pages at the repository's paths, the README
as its first page, and every file that a page links to.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import File, Files

PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "config/README.md", "results/README.md")
"""Beside those of docs/."""
OWN = Path(__file__).name
_LINK = re.compile(r"\]\(([^)#\s:]+)(?:#[^)\s]*)?\)")


def linked_files(page: str, text: str, root: Path) -> set[str]:
    """Files of the repository that a page links to, by their paths from `root`; absent ones are left out."""
    found = {
        posixpath.normpath(posixpath.join(posixpath.dirname(page), link)) for link in _LINK.findall(text)
    }
    return {path for path in found if not path.startswith("..") and (root / path).is_file()}


def below_one_title(text: str) -> str:
    """Put all headings below the first one, where a page has several of the first level.

    The contents beside a page are those of its first heading of the first level.
    """
    lines, fenced, titles = [], False, 0
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        heading = not fenced and re.match(r"#{1,5} ", line)
        lines.append(f"#{line}" if heading and titles else line)
        titles += bool(heading) and line.startswith("# ")
    return "\n".join(lines) if titles > 1 else text


def on_page_markdown(markdown: str, **_: object) -> str:
    """Called for each page."""
    return below_one_title(markdown)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace what mkdocs found in docs/ by the files of the repository that belong to the site."""
    from mkdocs.structure.files import File, Files

    root = Path(config.config_file_path).parent
    docs = Path(config.docs_dir)

    def entry(path: str) -> File:
        return File(path, str(root), config.site_dir, config.use_directory_urls)

    others = [file for file in files if file.src_dir != config.docs_dir]
    own = {f"{docs.name}/{file.src_uri}" for file in files if file.src_dir == config.docs_dir}
    own = {path for path in own if "__pycache__" not in path} - {f"{docs.name}/{OWN}"}
    own |= {page for page in PAGES if (root / page).is_file()}
    for page in [path for path in own if path.endswith(".md")]:
        own |= linked_files(page, (root / page).read_text(encoding="utf-8"), root)
    return Files([*others, *(entry(path) for path in sorted(own))])
