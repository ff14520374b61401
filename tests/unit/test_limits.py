"""Bombs: small files that stand for very much are refused, by name and size, before they are used."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import resource
import struct
import subprocess
import sys
import tarfile
import zipfile
from contextlib import contextmanager

import h5py
import numpy as np
import pytest

from resonaut import config, filelist, files, limits
from resonaut.cli import settings_argument
from resonaut.errors import ConfigError, CorruptFileError, InputError, MissingFileError
from resonaut.hdf5 import open_h5
from resonaut.infer import foreign_archive


@pytest.fixture
def small(monkeypatch):
    """Limits at a thousandth, so that bombs of the tests are quick to make."""
    monkeypatch.setenv(limits.VARIABLE, "0.001")


# -- text --------------------------------------------------------------------------------------------


def test_a_large_json_file_is_refused_by_its_size(tmp_path, small):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(["x" * 100] * 1_900))
    assert len(files.read_json(path)) == 1_900
    path.write_text(json.dumps(["x" * 100] * 2_000))
    message = r"a.json: takes 208000 bytes, at most 200000 are allowed.*RESONAUT_LIMITS to a factor"
    with pytest.raises(InputError, match=message):
        files.read_json(path)


def test_what_tells_no_size_is_counted(small):
    with pytest.raises(InputError, match="/dev/zero: takes more than 200000 bytes"):
        files.read_json("/dev/zero")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "1" * 100_000])
def test_json_nested_without_end_is_not_valid(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"a.json: not valid JSON"):
        files.read_json(path)
    with pytest.raises(InputError, match="not valid JSON"):
        filelist.read_text(text)
    if text[0] == "{":
        with pytest.raises(ConfigError, match=r"--settings: not valid JSON .*nested too deeply"):
            settings_argument(text)


def billion_laughs(entry="[{}]"):
    lines = ["a0: &a0 ha"]
    for level in range(1, 30):
        copies = ", ".join([f"*a{level - 1}"] * 9)
        lines.append(f"a{level}: &a{level} " + entry.format(copies))
    return "\n".join(lines)


def nested_laughs():
    names = "bcdefghij"
    lines = ["a0: &a0 {x: ha}"]
    for level in range(1, 30):
        inner = ", ".join(f"{name}: *a{level - 1}" for name in names)
        lines.append(f"a{level}: &a{level} {{{inner}}}")
    return "\n".join(lines)


@pytest.mark.parametrize("text", [billion_laughs(), nested_laughs()])
def test_aliases_that_multiply_are_refused(tmp_path, text):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    assert path.stat().st_size < 3_000
    with pytest.raises(ConfigError, match=r"study.yaml: holds more values than can be used, at most 1000000"):
        config.read_yaml(path)
    # Snakemake reads the file itself and hands over what it found.
    import yaml

    with pytest.raises(ConfigError, match=r"configuration: holds more values"):
        config.parse({**yaml.safe_load(text), "study": "demo"})


def test_yaml_within_itself_is_refused(tmp_path):
    path = tmp_path / "study.yaml"
    for text, message in (
        ("a: &a [*a]", "is nested too deeply, at most 100 are allowed"),
        ("[" * 5_000 + "]" * 5_000, "nested too deeply"),
        ("a: 2020-13-45", "not valid YAML"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=message):
            config.read_yaml(path)


def test_aliases_that_repeat_a_little_are_welcome(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("a: &a {x: 1, y: [1, 2]}\nb: *a\nc: {<<: *a, z: 1}\n")
    assert config.read_yaml(path)["c"] == {"x": 1, "y": [1, 2], "z": 1}


def test_a_large_yaml_file_is_refused_before_it_is_parsed(tmp_path, small):
    path = tmp_path / "study.yaml"
    path.write_text("# " + "x" * 10_000)
    with pytest.raises(InputError, match=r"study.yaml: takes 10002 bytes, at most 10000 are allowed"):
        config.read_yaml(path)
    with pytest.raises(MissingFileError, match="no such configuration file"):
        config.read_yaml(tmp_path / "absent.yaml")
    with pytest.raises(InputError, match="a file is expected, this is a folder"):
        config.read_yaml(tmp_path)


@pytest.mark.parametrize("text", ["x", "0", "-1", "nan", "inf"])
def test_the_factor_of_all_limits_is_a_positive_number(monkeypatch, text):
    monkeypatch.setenv(limits.VARIABLE, text)
    with pytest.raises(ConfigError, match=f"RESONAUT_LIMITS={text}: a positive factor"):
        limits.scaled(1)


# -- HDF5 --------------------------------------------------------------------------------------------


@contextmanager
def hdf5(path):
    with h5py.File(path, "w", libver="latest") as file:
        yield file
        file["events/mass"] = np.arange(3.0)


def test_a_shape_that_was_never_written_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with hdf5(path) as file:
        file.create_dataset("jets/pt", (10**9,), "f8", chunks=(10_000,), compression="gzip")
    assert path.stat().st_size < 20_000
    with pytest.raises(CorruptFileError, match=r"a.h5: the dataset 'jets/pt' .* claims 8000000000 bytes, of"):
        open_h5(path)


def test_a_chunk_beyond_memory_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with hdf5(path) as file:
        file.create_dataset("x", (2**28,), "f8", chunks=(2**28,), compression="gzip")
    with pytest.raises(CorruptFileError, match="'x' has chunks of 2147483648 bytes, at most 1073741824 are"):
        open_h5(path)


def test_zeros_that_were_written_are_welcome_up_to_a_size(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    with hdf5(path) as file:
        file.create_dataset("x", data=np.zeros(4_000_000), chunks=(10_000,), compression="gzip")
    assert path.stat().st_size < 100_000
    monkeypatch.setenv(limits.VARIABLE, "0.01")
    with open_h5(path) as file:
        assert file["x"][-1] == 0
    monkeypatch.setenv(limits.VARIABLE, "0.0001")
    path.rename(tmp_path / "b.h5")
    with pytest.raises(CorruptFileError, match=r"b.h5: the dataset 'x' of shape \(4000000,\) takes 32000000"):
        open_h5(tmp_path / "b.h5")


def test_data_of_other_files_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 80)
    other = tmp_path / "other.h5"
    with hdf5(other):
        pass
    path = tmp_path / "a.h5"
    with hdf5(path) as file:
        file["events/other"] = h5py.ExternalLink("other.h5", "events/mass")
    with pytest.raises(CorruptFileError, match=r"a.h5: 'events/other' is a link to another file; data must"):
        open_h5(path)
    with hdf5(path) as file:
        file.create_dataset("x", (10,), "f8", external=[(str(secret), 0, 80)])
    with pytest.raises(CorruptFileError, match="the dataset 'x' holds its values in other files"):
        open_h5(path)
    with hdf5(path) as file:
        layout = h5py.VirtualLayout((3,), "f8")
        layout[:] = h5py.VirtualSource(str(other), "events/mass", (3,))
        file.create_virtual_dataset("x", layout)
    with pytest.raises(CorruptFileError, match="the dataset 'x' holds its values in other files"):
        open_h5(path)


def test_more_groups_than_any_study_has_are_refused(tmp_path, small):
    path = tmp_path / "a.h5"
    with hdf5(path) as file:
        for number in range(150):
            file.create_group(f"g{number}")
    with pytest.raises(CorruptFileError, match="holds 101 datasets and groups or more, at most 100 are"):
        open_h5(path)


def test_a_file_is_judged_again_once_it_changed(tmp_path):
    path = tmp_path / "a.h5"
    with hdf5(path):
        pass
    for _ in range(2):
        with open_h5(path) as file:
            assert file["events/mass"][2] == 2.0
    with hdf5(path) as file:
        file["events/other"] = h5py.ExternalLink("other.h5", "x")
    with pytest.raises(CorruptFileError, match="link to another file"):
        open_h5(path)


@pytest.mark.parametrize("rows", [10**9, 10**13])
def test_ingestion_refuses_bombs_of_others(tmp_path, rows):
    path = tmp_path / "table.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("table", (rows, 4), "f8", chunks=(1000, 4), compression="gzip")
        file.create_group("more")
    done = ingest(path, tmp_path)
    assert done.returncode == 3, done.stderr
    assert "table.h5: the dataset 'table' of shape" in done.stderr


def test_ingestion_refuses_a_row_that_fills_the_memory(tmp_path):
    path = tmp_path / "table.h5"
    with h5py.File(path, "w") as file:
        values = file.create_dataset("table", (2, 2**20), "f8", chunks=(1, 2**20), compression="gzip")
        values[...] = 0.0
    from resonaut.ingest.hdf5file import dataset

    message = "table.h5: a row of the dataset 'table' takes 8388608 bytes, at most 4194304 are"
    with h5py.File(path) as file, pytest.raises(CorruptFileError, match=message):
        dataset(file, "table.h5", "table", 2)


def ingest(path, folder):
    """Run `resonaut ingest` with 3 GB of address space: a bomb that goes off ends it otherwise."""
    command = [sys.executable, "-m", "resonaut.cli", "ingest", str(path), "--reader", "table", "--output"]
    return subprocess.run(
        [*command, str(folder / "store.h5")],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (3_000_000_000,) * 2),
    )


# -- ROOT --------------------------------------------------------------------------------------------


class Claims:
    """Stands for a tree of uproot whose headers lie."""

    classname = "TTree"

    def __init__(self, n_entries, branches):
        self.num_entries, self._branches = n_entries, branches

    def itervalues(self):
        return iter(self._branches)


class Branch:
    def __init__(self, total, zipped, baskets=1, name="jet_pt"):
        self.name, self._members = name, {"fTotBytes": total, "fZipBytes": zipped, "fWriteBasket": baskets}

    def member(self, name):
        return self._members[name]


@pytest.mark.parametrize(
    ("n_entries", "branch", "message"),
    [
        (10**15, Branch(8_000, 800), "claims 1000000000000000 events, and has fewer bytes"),
        (
            10,
            Branch(10**10, 10**9, 10**6),
            "takes 10000000000 bytes for 10 events; per event at most",
        ),
        (10**9, Branch(10**12, 10**11, 100), "has baskets of 10000000000 bytes, at most 1073741824 are"),
        (10**6, Branch(10**9, 10**5, 100), "unpacks 100000 bytes to 1000000000; where it is more than 2000"),
    ],
)
def test_a_tree_that_claims_too_much_is_refused(n_entries, branch, message):
    from resonaut.ingest.rootdeclared import check_tree

    with pytest.raises(CorruptFileError, match=f"a.root: the tree 'Events'.*{message}"):
        check_tree(Claims(n_entries, [branch]), "a.root", "Events")
    check_tree(Claims(1000, [Branch(8_000, 800)]), "a.root", "Events")


def test_a_basket_of_a_written_file_is_judged(tmp_path, monkeypatch):
    import uproot

    from resonaut.ingest.rootfile import open_root, tree_of

    path = tmp_path / "a.root"
    with uproot.recreate(path, compression=uproot.ZLIB(9)) as file:
        file.mktree("Events", {"x": np.float64})
        file["Events"].extend({"x": np.zeros(2_000_000)})
    with open_root(str(path)) as file:
        assert tree_of(file, str(path), "Events").num_entries == 2_000_000
    monkeypatch.setenv(limits.VARIABLE, "0.001")
    with open_root(str(path)) as file, pytest.raises(CorruptFileError, match="'x' has baskets of 16000"):
        tree_of(file, str(path), "Events")


# -- archives of published likelihoods ---------------------------------------------------------------


def packed(path, entries):
    """A tar archive of (name, bytes)."""
    with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '')}") as tar:
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tar.bz2", ".tar.xz"])
def test_members_of_an_archive_are_read_up_to_a_size(tmp_path, suffix, monkeypatch):
    path = packed(
        tmp_path / f"a{suffix}", [("w/a.json", b'{"x": 1}'), ("w/b.json", b"[" + b" " * 300_000 + b"]")]
    )
    assert foreign_archive.members(path) == ["w/a.json", "w/b.json"]
    assert foreign_archive.read(path, "w/a.json") == {"x": 1}
    monkeypatch.setenv(limits.VARIABLE, "0.001")
    with pytest.raises(InputError, match=r"w/b.json: takes more bytes; at most 200000 are allowed"):
        foreign_archive.read(path, "w/b.json")


def test_a_member_of_a_zip_archive_is_bounded_too(tmp_path, small):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.json", b"[" + b" " * 300_000 + b"]")
    with pytest.raises(InputError, match=r"a.json: takes more bytes; at most 200000 are allowed"):
        foreign_archive.read(path, "a.json")


@pytest.mark.parametrize("opener", [gzip.open, bz2.open])
def test_a_tar_header_that_claims_gigabytes_is_refused(tmp_path, opener, small):
    head = bytearray(tarfile.TarInfo("././@PaxHeader").tobuf(tarfile.PAX_FORMAT))
    head[156:157] = tarfile.XHDTYPE
    head[124:136] = b"%011o\0" % (8 * 2**30 - 1)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    path = tmp_path / ("a.tar.gz" if opener is gzip.open else "a.tar.bz2")
    with opener(path, "wb") as file:
        file.write(bytes(head) + bytes(10_240))
    with pytest.raises(InputError, match="declares a header or a member of 8589934592 bytes, at most 200000"):
        foreign_archive.members(path)


def test_an_archive_that_unpacks_without_end_is_left_alone(tmp_path, small):
    path = packed(tmp_path / "a.tar.gz", [("zeros", bytes(5_000_000)), ("a.json", b"{}")])
    with pytest.raises(InputError, match=r"a.tar.gz: unpacks to .* bytes or more, at most 4000000 are"):
        foreign_archive.members(path)
    path = packed(tmp_path / "b.tar.gz", [(f"{number}", b"") for number in range(150)])
    with pytest.raises(InputError, match=r"b.tar.gz: holds 101 members or more, at most 100 are allowed"):
        foreign_archive.members(path)


def test_a_dictionary_of_gigabytes_is_not_allocated(tmp_path):
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 2**16}]
    data = bytearray(lzma.compress(bytes(10_240), format=lzma.FORMAT_XZ, filters=filters))
    at = data.index(b"\x21\x01", 12) + 2
    data[at] = 40
    header = bytes(data[12 : 12 + (data[12] + 1) * 4 - 4])
    import zlib

    data[12 + len(header) : 16 + len(header)] = struct.pack("<L", zlib.crc32(header))
    path = tmp_path / "a.tar.xz"
    path.write_bytes(data)
    with pytest.raises(CorruptFileError, match=r"a.tar.xz: cannot be read as an archive .*[Mm]emory"):
        foreign_archive.members(path)
