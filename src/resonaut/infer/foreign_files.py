"""HistFactory workspaces and patches of any origin, from JSON files or from members of an archive."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from resonaut.errors import InputError, nearest
from resonaut.files import read_json
from resonaut.infer import foreign_archive

_ARCHIVE = re.compile(r"(?P<path>.*?\.(?:tar\.gz|tgz|tar\.bz2|tar\.xz|tar|zip))(?::(?P<member>.+))?")
_FILE = re.compile(r"(?P<path>.*?\.json)(?::(?P<name>.+))?")


@dataclass(frozen=True)
class Located:
    """Content of a JSON file.

    Attributes:
        content: of the file.
        label: file, or archive and member.
        path: the file on the disk.
        archive, member: of the archive; None where there is none.
    """

    content: Any
    label: str
    path: Path
    archive: Path | None = None
    member: str | None = None


def _from_archive(archive: Path, member: str) -> Located:
    known = foreign_archive.members(archive)
    if member not in known:
        raise InputError(f"{archive}: no member '{member}'. {nearest(member, known)}")
    return Located(foreign_archive.read(archive, member), f"{archive}:{member}", archive, archive, member)


def read_workspace(name: str) -> Located:
    """Read a workspace.

    Args:
        name: of a JSON file, or `archive.tar.gz:member.json`.

    Raises:
        InputError: absent, not JSON, or no workspace.
    """
    archive = _ARCHIVE.fullmatch(name)
    if archive is None:
        found = Located(read_json(name), name, Path(name))
    elif archive["member"] is None:
        known = foreign_archive.members(Path(archive["path"]))
        bases = [member for member in known if "patch" not in PurePosixPath(member).name]
        raise InputError(
            f"{name}: name the workspace of the archive, {name}:MEMBER. JSON files in it: "
            f"{', '.join(bases[:10]) or 'none'}."
        )
    else:
        found = _from_archive(Path(archive["path"]), archive["member"])
    needed = ("channels", "observations", "measurements", "version")
    missing = [key for key in needed if not isinstance(found.content, dict) or key not in found.content]
    if missing:
        raise InputError(
            f"{found.label}: a HistFactory workspace has {', '.join(needed)}; this file has no {missing[0]}. "
            "A patch is given with --patch, beside its workspace."
        )
    return found


def _named_patch(content: Any, label: str, name: str | None) -> tuple[list[Any], str]:
    """Operations of a plain JSON patch (a list), or of one patch of a patch set."""
    if isinstance(content, list) and name is None:
        return content, label
    if not isinstance(content, dict) or "patches" not in content:
        raise InputError(f"{label}: a JSON patch (a list) or a patch set is expected. Correct --patch.")
    known = [patch["metadata"]["name"] for patch in content["patches"]]
    if name not in known:
        given = "no name is given" if name is None else f"no patch '{name}'"
        raise InputError(f"{label}: {given}. {nearest(name or '', known)} Write --patch {label}:NAME.")
    return content["patches"][known.index(name)]["patch"], f"{label}:{name}"


def read_patch(text: str, base: Located) -> tuple[list[Any], str, Path]:
    """Read a patch: a JSON patch, `patchset.json:NAME`, or a member or NAME beside the workspace.

    Beside the workspace means in its archive or folder: `NAME.json`, `patch.NAME.json`, or a patch NAME of
    a patch set `patchset.json`.

    Returns:
        The operations (RFC 6902), where they are from, and the file on the disk.

    Raises:
        InputError: no such patch; the nearest is named.
    """
    file = _FILE.fullmatch(text)
    if file is not None and Path(file["path"]).is_file():
        path = Path(file["path"])
        return *_named_patch(read_json(path), file["path"], file["name"]), path
    if base.archive is not None:
        known: Sequence[str] = foreign_archive.members(base.archive)
        folder = PurePosixPath(str(base.member)).parent
    else:
        folder = PurePosixPath(base.path.parent.as_posix())
        known = [str(folder / path.name) for path in base.path.parent.glob("*.json")]
    asked, name = (text, None) if file is None else (file["path"], file["name"])
    candidates = [asked, str(folder / asked)]
    candidates += [str(folder / f"{prefix}{asked}.json") for prefix in ("", "patch.")]
    for member in candidates:
        if member in known:
            found = _beside(base, member)
            return *_named_patch(found.content, found.label, name), found.path
    if str(folder / "patchset.json") in known:
        found = _beside(base, str(folder / "patchset.json"))
        return *_named_patch(found.content, found.label, asked), found.path
    close = [member for member in known if PurePosixPath(member).parent == folder]
    raise InputError(
        f"--patch: no patch '{text}' beside {base.label}. "
        f"{nearest(str(folder / f'patch.{asked}.json'), close)}"
    )


def _beside(base: Located, member: str) -> Located:
    if base.archive is not None:
        return _from_archive(base.archive, member)
    return Located(read_json(member), member, Path(member))


def patched(base: Located, operations: list[Any], label: str) -> dict[str, Any]:
    """The workspace with a patch applied.

    Raises:
        InputError: the patch does not fit the workspace.
    """
    import jsonpatch

    try:
        return jsonpatch.apply_patch(base.content, operations)
    except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
        raise InputError(
            f"{label}: does not fit {base.label} ({error}). Give the patch of this workspace."
        ) from None
