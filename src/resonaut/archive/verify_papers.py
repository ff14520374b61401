"""Checks of what an archive is read by: page, crate, HEPData submission, models and workspaces."""

from __future__ import annotations

import io
import re
import tarfile
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

import yaml

from resonaut.archive import layout
from resonaut.archive.verify import Contents, Findings
from resonaut.errors import InputError
from resonaut.files import read_json, sha256

_INSIDE = ("data:", "#", "blob:", "about:")
_FETCHED = re.compile(r"""(?:url\(\s*['"]?|@import\s+['"]?)\s*([^'")\s]+)""", re.IGNORECASE)
_REQUEST = re.compile(r"\b(fetch|XMLHttpRequest|WebSocket|EventSource|sendBeacon|importScripts)\b\s*\(")
_ATTRIBUTES = ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "formaction")
_CRATE_CONTEXT = "https://w3id.org/ro/crate/"
_MAX_PACKED = 200_000_000
"""Bytes of one file of the submission."""
_VARIABLES = ("independent_variables", "dependent_variables")


class _Links(HTMLParser):
    """Where a page points: attributes, style sheets, scripts; and its anchors."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.requests: list[str] = []
        self._inside: str | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._inside = tag if tag in ("style", "script") else None
        for name, value in attributes:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif name in _ATTRIBUTES and value is not None:
                self.links.append(value.strip())
            elif name == "style" and value:
                self.links += _FETCHED.findall(value)
            elif tag == "meta" and name == "http-equiv" and (value or "").lower() == "refresh":
                self.requests.append("meta refresh")

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self._inside = None

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.links += _FETCHED.findall(data)
        elif self._inside == "script":
            self.requests += [match[1] for match in _REQUEST.finditer(data)]


def page(contents: Contents) -> Findings:
    """The page needs no other file and no network, and its anchors exist."""
    reader = _Links()
    reader.feed(contents.text(layout.PAGE))
    reader.close()
    found = Findings(f"{len(reader.links)} links, none leaves the page")
    found.require(reader.links or reader.anchors, "it has neither links nor anchors")
    for link in reader.links:
        if link.startswith("#"):
            found.require(link[1:] in reader.anchors or link == "#", f"the anchor {link} does not exist")
        elif link and not link.startswith(_INSIDE):
            found.problems.append(f"a link leaves the page: {link[:80]}")
    found.problems += [f"a script asks the network: {name}" for name in reader.requests]
    return found


def _entities(contents: Contents) -> dict[str, dict[str, Any]]:
    crate = contents.json(layout.CRATE)
    context = crate["@context"]
    words = context if isinstance(context, list) else [context]
    if not any(isinstance(word, str) and word.startswith(_CRATE_CONTEXT) for word in words):
        raise InputError(f"{layout.CRATE}: '@context' does not name {_CRATE_CONTEXT}...")
    entities: dict[str, dict[str, Any]] = {}
    for entity in crate["@graph"]:
        if entity["@id"] in entities:
            raise InputError(f"{layout.CRATE}: the entity {entity['@id']} is there twice.")
        entities[entity["@id"]] = entity
    return entities


def _types(entity: dict[str, Any]) -> list[str]:
    kind = entity.get("@type", [])
    return kind if isinstance(kind, list) else [kind]


def _references(value: Any) -> list[str]:
    entries = value if isinstance(value, list) else [value]
    return [entry["@id"] for entry in entries if isinstance(entry, dict) and "@id" in entry]


def crate(contents: Contents) -> Findings:
    """RO-Crate 1.1 (https://w3id.org/ro/crate/1.1): descriptor, root, and every file named and there."""
    entities = _entities(contents)
    found = Findings()
    descriptor = entities.get(layout.CRATE, {})
    found.require("CreativeWork" in _types(descriptor), f"{layout.CRATE} does not describe itself")
    found.require(_references(descriptor.get("about")) == ["./"], "the descriptor is not about './'")
    found.require(
        any(name.startswith(_CRATE_CONTEXT) for name in _references(descriptor.get("conformsTo"))),
        "the descriptor conforms to no RO-Crate",
    )
    root = entities.get("./", {})
    found.require("Dataset" in _types(root), "the root './' is no Dataset")
    for key in ("name", "description", "datePublished", "license"):
        found.require(root.get(key), f"the root has no {key}")
    files = {name for name, entity in entities.items() if "File" in _types(entity)}
    local = {unquote(name.removeprefix("./")) for name in files if "://" not in name}
    for name in sorted(local - set(contents.names)):
        found.problems.append(f"{name} is described and missing")
    for name in sorted(set(contents.names) - local - {layout.CRATE}):
        found.problems.append(f"{name} is not described")
    for name, entity in sorted(entities.items()):
        for key in ("hasPart", "mainEntity", "object", "result", "instrument", "mentions"):
            for target in _references(entity.get(key, [])):
                found.require(target in entities or "://" in target, f"{name}: {key} names {target}")
    found.looked = f"{len(entities)} entities, every file of the archive"
    return found


def submission(contents: Contents) -> Findings:
    """The packed HEPData submission is that of the folder, and each table is whole."""
    unpacked = contents.below(layout.SUBMISSION_FILES)
    found = Findings()
    packed = _packed_digests(contents)
    for name in sorted(packed.keys() ^ unpacked.keys()):
        found.problems.append(f"{name} is in one of the packed and the unpacked submission only")
    for name in sorted(packed.keys() & unpacked.keys()):
        found.require(packed[name] == sha256(unpacked[name]), f"{name} differs from the packed one")
    documents = [
        entry for entry in _documents(contents, f"{layout.SUBMISSION_FILES}/submission.yaml") if entry
    ]
    tables = [entry for entry in documents if "data_file" in entry]
    found.require(tables, "submission.yaml names no table")
    for table in tables:
        for key in ("name", "description", "keywords"):
            found.require(table.get(key), f"{table['data_file']}: no {key}")
        if table["data_file"] not in unpacked:
            found.problems.append(f"{table['data_file']} is missing")
            continue
        found.problems += _table_problems(contents, table["data_file"])
    for entry in documents:
        for resource in entry.get("additional_resources") or []:
            location = resource["location"]
            found.require(location in unpacked or "://" in location, f"the resource {location} is missing")
    found.looked = f"{len(tables)} tables"
    return found


def _packed_digests(contents: Contents) -> dict[str, str]:
    """SHA-256 of each file in the packed submission, without unpacking it."""
    import hashlib

    found = {}
    try:
        with tarfile.open(contents.path(layout.SUBMISSION), "r:gz") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if not member.isfile() or name.is_absolute() or ".." in name.parts:
                    raise InputError(f"{layout.SUBMISSION}: the entry {member.name!r} is no plain file.")
                if member.size > _MAX_PACKED:
                    raise InputError(f"{layout.SUBMISSION}: {member.name} takes {member.size} bytes.")
                parts = name.parts[1:] if name.parts[0] == "submission" else name.parts
                content = archive.extractfile(member) or io.BytesIO()
                found["/".join(parts)] = hashlib.file_digest(content, "sha256").hexdigest()
    except (OSError, EOFError, tarfile.TarError) as error:
        raise InputError(f"{layout.SUBMISSION}: not a whole .tar.gz ({error}).") from None
    return found


def _documents(contents: Contents, name: str) -> list[Any]:
    """YAML documents of a file."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return list(yaml.load_all(contents.text(name), Loader=loader))
    except yaml.YAMLError as error:
        raise InputError(f"{name}: not valid YAML: {' '.join(str(error).split())}") from None


def _table_problems(contents: Contents, name: str) -> list[str]:
    (table,) = _documents(contents, f"{layout.SUBMISSION_FILES}/{name}") or [{}]
    columns = [column for key in _VARIABLES for column in table.get(key) or []]
    found = [f"{name}: no {key}" for key in _VARIABLES if not table.get(key)]
    found += [f"{name}: a column has no name" for column in columns if not column["header"].get("name")]
    if len({len(column["values"]) for column in columns}) > 1:
        found.append(f"{name}: columns of different lengths")
    for column in columns:
        for value in column["values"]:
            if not ("value" in value or {"low", "high"} <= set(value)):
                found.append(f"{name}: {column['header'].get('name')}: an entry without a value")
                break
    return found


def models(contents: Contents) -> Findings:
    """Each ONNX model is described with its checksum, inputs and preprocessing."""
    entries = {entry["path"]: entry for entry in contents.json(layout.MODELS)}
    onnx = {name for name in contents.names if name.startswith("results/") and name.endswith(".onnx")}
    found = Findings(f"{len(entries)} ONNX models")
    for name in sorted(onnx ^ set(entries)):
        found.problems.append(f"{name} is in the archive or in {layout.MODELS} only")
    for name in sorted(onnx & set(entries)):
        entry = entries[name]
        found.require(entry["sha256"] == sha256(contents.path(name)), f"{name} is not the model described")
        for key in ("inputs", "outputs", "preprocessing"):
            found.require(entry.get(key), f"{name}: no {key}")
    return found


def workspaces(contents: Contents) -> Findings:
    """pyhf workspaces have channels and a measurement, and patch sets name the workspace that they patch."""
    import hashlib
    import json

    found = Findings()
    n_workspaces = n_patches = 0
    for name, path in contents.results().items():
        if "/workspaces/" not in name or not name.endswith(".json") or name.endswith(".hs3.json"):
            continue
        value = read_json(path)
        if path.name.startswith("patchset_"):
            n_patches += len(value["patches"])
            base = path.with_name(path.name.replace("patchset_", "background_"))
            # As pyhf.utils.digest: JSON with sorted keys, without spaces after them.
            text = json.dumps(read_json(base), sort_keys=True, ensure_ascii=False)
            wanted = value["metadata"]["digests"]
            for algorithm in set(wanted) & {"sha256", "md5"}:
                digest = hashlib.new(algorithm, text.encode()).hexdigest()
                found.require(digest == wanted[algorithm], f"{name}: {base.name} is not what it patches")
            continue
        n_workspaces += 1
        channels = {channel["name"] for channel in value["channels"]}
        observed = {entry["name"] for entry in value["observations"]}
        found.require(channels and channels == observed, f"{name}: channels and observations differ")
        found.require(value["measurements"], f"{name}: no measurement")
    found.looked = f"{n_workspaces} workspaces, {n_patches} patches"
    return found


CHECKS = {
    "review page": page,
    "RO-Crate": crate,
    "HEPData submission": submission,
    "ONNX models": models,
    "workspaces": workspaces,
}
