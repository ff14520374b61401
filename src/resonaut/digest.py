"""A digest of code that changes when behaviour can change, and not when a comment does.

`code_digest("resonaut.hunt.spectra")` covers the syntax trees, without docstrings and comments, of that
module and of every module of ours that it imports, at any depth and inside functions too.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_PACKAGE = "resonaut"


def _path(module: str) -> Path | None:
    base = _ROOT.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _without_docstrings(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body
            first = body[0].value if body and isinstance(body[0], ast.Expr) else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                node.body = body[1:] or [ast.Pass()]
    return tree


def _imported(tree: ast.Module, module: str, is_package: bool) -> set[str]:
    """Modules of ours that `tree` imports; `from a import b` counts a, and a.b where that is a module.

    What is imported for type checkers alone (`if TYPE_CHECKING:`) never runs, and does not count.
    """
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".")
                parts = parts[: len(parts) - node.level + is_package]
                base = ".".join([*parts, base] if base else parts)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] == _PACKAGE and _path(name)}


@functools.cache
def _module(module: str) -> tuple[str, frozenset[str]]:
    path = _path(module)
    if path is None:
        raise ModuleNotFoundError(f"No module {module} below {_ROOT}.")
    tree = ast.parse(path.read_bytes())
    imported = _imported(tree, module, path.name == "__init__.py")
    text = ast.dump(_without_docstrings(tree), annotate_fields=False)
    return hashlib.sha256(text.encode()).hexdigest(), frozenset(imported)


@functools.cache
def modules_used(*entries: str) -> tuple[str, ...]:
    """Sorted names of our modules that `entries` reach by imports, themselves included."""
    seen: set[str] = set()
    waiting = list(entries)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        waiting.extend(_module(name)[1])
    return tuple(sorted(seen))


@functools.cache
def code_digest(*entries: str) -> str:
    """Sixteen hexadecimal digits for the code that `entries` (dotted module names) reach."""
    total = hashlib.sha256()
    for name in modules_used(*entries):
        # The version is no behaviour: a release must not rerun a finished study.
        if name != _PACKAGE:
            total.update(f"{name}:{_module(name)[0]}\n".encode())
    return total.hexdigest()[:16]
