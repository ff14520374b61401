"""The code digest: comments and docstrings do not count, statements and imports do."""

from __future__ import annotations

import pytest

from resonaut import digest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in place of ours."""
    folder = tmp_path / "resonaut"
    (folder / "nn").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "nn/__init__.py").write_text('"""Doc."""\n')
    (folder / "nn/layer.py").write_text("def width():\n    return 3\n")
    (folder / "user.py").write_text(
        "def run():\n    from resonaut.nn import layer\n    return layer.width()\n"
    )
    (folder / "relative.py").write_text("from .nn.layer import width\n")
    (folder / "alone.py").write_text("X = 1\n")
    monkeypatch.setattr(digest, "_ROOT", tmp_path)

    def digests():
        for cached in (digest._module, digest.modules_used, digest.code_digest):
            cached.cache_clear()
        return {name: digest.code_digest(f"resonaut.{name}") for name in ("user", "relative", "alone")}

    yield folder, digests
    for cached in (digest._module, digest.modules_used, digest.code_digest):
        cached.cache_clear()


def test_comments_docstrings_and_blank_lines_change_nothing(package):
    folder, digests = package
    before = digests()
    (folder / "nn/layer.py").write_text(
        '"""Words."""\n\n\ndef width():\n    """More."""\n    # why\n    return 3\n'
    )
    (folder / "new.py").write_text("Y = 2\n")
    assert digests() == before


def test_a_statement_changes_exactly_its_importers(package):
    folder, digests = package
    before = digests()
    (folder / "nn/layer.py").write_text("def width():\n    return 4\n")
    after = digests()
    assert after["user"] != before["user"]
    assert after["relative"] != before["relative"]
    assert after["alone"] == before["alone"]


def test_imports_inside_functions_and_packages_are_followed(package):
    _, digests = package
    digests()
    assert digest.modules_used("resonaut.user") == (
        "resonaut",
        "resonaut.nn",
        "resonaut.nn.layer",
        "resonaut.user",
    ) or digest.modules_used("resonaut.user") == ("resonaut.nn", "resonaut.nn.layer", "resonaut.user")


def test_unknown_module(package):
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        digest.code_digest("resonaut.nowhere")


def test_imports_for_type_checkers_do_not_count(package):
    folder, digests = package
    before = digests()["alone"]
    (folder / "alone.py").write_text(
        "X = 1\nif TYPE_CHECKING:\n    from resonaut.nn.layer import width\nelse:\n    Y = 2\n"
    )
    typed = digests()["alone"]
    assert typed != before
    (folder / "nn/layer.py").write_text("def width():\n    return 4\n")
    assert digests()["alone"] == typed
