"""`resonaut compare`: what differs is found, named and shown; what is equal is not."""

from __future__ import annotations

import copy
import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import yaml
from compared_runs import RESULTS, SETTINGS, write

from resonaut import unpacking
from resonaut.cli import main
from resonaut.comparing import configuration
from resonaut.comparing.compare import compare
from resonaut.comparing.headlines import headlines, number_text
from resonaut.comparing.page import render
from resonaut.comparing.runs import opened
from resonaut.errors import InputError, MissingFileError


def both(tmp_path, change, figures=(("tag/pfn", 9),), relative=None):
    new = copy.deepcopy(RESULTS)
    change(new)
    write(tmp_path / "a/demo")
    write(tmp_path / "b/demo", new, figures)
    with opened(tmp_path / "a/demo") as a, opened(tmp_path / "b/demo") as b:
        return compare(a, b, relative)


def test_equal_runs_are_equal(tmp_path) -> None:
    def change(results) -> None:
        for result in list(results.values())[:2]:
            result["provenance"]["versions"]["numpy"] = "2.1"
        results["tag/pfn/metrics.json"]["auc"] *= 1 + 1e-7

    found = both(tmp_path, change)
    assert found.equal
    assert found.rows == found.changes == found.missing == found.added == []
    assert found.versions == {"numpy": ("2.0", "2.1")}
    assert found.n_numbers == 5 + 10 + 11 + 2
    assert not any(pair.differs for pair in found.headlines)


def test_numbers_that_differ_come_with_their_differences(tmp_path) -> None:
    def change(results) -> None:
        window = results["infer/data/cwola/significance.json"]["windows"][1]
        window["signal"]["events"] += 2 * 12.6
        results["tag/pfn/metrics.json"]["history"][1]["loss"] = 0.6
        results["tag/pfn/metrics.json"]["edges"] = [0, 1, 3]
        results["review/checks.json"]["n_failed"] = None

    found = both(tmp_path, change)
    rows = {f"{row.path}{row.place}": row for row in found.rows}
    assert set(rows) == {
        "infer/data/cwola/significance.json/windows/3300-3700/signal/events",
        "tag/pfn/metrics.json/history/2/loss",
        "tag/pfn/metrics.json/edges",
        "review/checks.json/n_failed",
    }
    events = rows["infer/data/cwola/significance.json/windows/3300-3700/signal/events"]
    assert events.sigmas == pytest.approx(2 / math.sqrt(2)), "both runs have an error"
    assert events.relative == pytest.approx(25.2 / 92.7)
    assert rows["tag/pfn/metrics.json/history/2/loss"].relative == pytest.approx(1 / 6)
    edges = rows["tag/pfn/metrics.json/edges"]
    assert (edges.n_differ, edges.n, edges.old, edges.new) == (1, 3, 2, 3)
    assert rows["review/checks.json/n_failed"].relative is None
    assert found.rows[0].place == "/n_failed", "what cannot be compared comes first"
    assert found.rows[1] is events, "then what differs most"
    assert not found.equal


def test_a_window_more_shifts_no_other(tmp_path) -> None:
    def change(results) -> None:
        windows = results["infer/data/cwola/significance.json"]["windows"]
        windows.insert(0, {"low": 2500.0, "high": 2900.0, "z_local": 0.7})

    rows = both(tmp_path, change).rows
    assert {row.place for row in rows} == {f"/windows/2500-2900/{key}" for key in ("low", "high", "z_local")}
    assert {row.old for row in rows} == {configuration.ABSENT}


def test_a_tolerance_of_ones_own(tmp_path) -> None:
    def change(results) -> None:
        results["tag/pfn/metrics.json"]["auc"] = 0.909

    assert not both(tmp_path, change).equal
    assert both(tmp_path, change, relative=0.02).equal


def test_configuration_differences_are_told_once_with_their_results(tmp_path) -> None:
    def change(results) -> None:
        for path in list(results)[:2]:
            results[path]["provenance"]["settings"] = {**SETTINGS, "seed": 2, "more": True}

    found = both(tmp_path, change)
    assert [(c.key, c.old, c.new) for c in found.changes] == [
        ("more", configuration.ABSENT, True),
        ("seed", 1, 2),
    ]
    assert found.changes[1].results == ("infer/data/cwola/significance.json", "tag/pfn/metrics.json")


def test_flattened_configurations() -> None:
    flat = configuration.flatten({"a": {"b": 1, "c": {}}, "d": [{"e": 2}, {"e": 3}], "f": [1, 2], "g": None})
    assert flat == {"a.b": 1, "a.c": {}, "d.0.e": 2, "d.1.e": 3, "f": [1, 2], "g": None}


def test_headlines_name_what_a_reader_asks_for() -> None:
    found = headlines({**RESULTS, "infer/other/x/y/significance.json": {"best": {"z_local": 1.0}}})
    assert {label: entry.text() for label, entry in found.items()} == {
        "data / cwola: best window": "3300-3700 GeV at efficiency 0.01",
        "data / cwola: local significance, best window": "5.8 sigma",
        "pfn: AUC": "0.9000 ± 0.0040",
        "review: checks that failed": "2",
        "review: checks": "22",
    }


def test_numbers_for_readers() -> None:
    assert number_text(67.51, 12.63) == "68 ± 13"
    assert number_text(0.90078, 0.0046) == "0.9008 ± 0.0046"
    assert number_text(2.541477e-9) == "2.541e-09"
    assert [number_text(x) for x in (None, True, 12345, "cwola")] == ["none", "true", "12345", "cwola"]


def test_runs_are_found_in_clones_and_archives(tmp_path) -> None:
    clone = tmp_path / "clone"
    write(clone / "results/demo")
    (clone / "results/_data/qcd-01234567/nominal").mkdir(parents=True)
    with opened(clone) as run:
        assert run.study == "demo"
        assert set(run.results()) == set(RESULTS)
        assert set(run.figures()) == {"tag/pfn"}
    write(clone / "results/tiny")
    with pytest.raises(InputError, match="results of 2 studies are here; name one of"), opened(clone):
        pass
    with pytest.raises(InputError, match="no results of a study"), opened(tmp_path):
        pass
    with pytest.raises(MissingFileError, match="no such file or folder"), opened(tmp_path / "none"):
        pass


def archive(path, study, results):
    import zipfile

    with zipfile.ZipFile(path, "w") as target:
        target.writestr("SHA256SUMS", "")
        target.writestr("study.yaml", yaml.safe_dump(study))
        target.writestr("environment.json", '{"versions": {"numpy": "1.0"}}')
        for name, value in results.items():
            target.writestr(f"results/demo/{name}", json.dumps(value))
    return path


def test_archives_are_compared_by_their_merged_configuration(tmp_path) -> None:
    name = "infer/a%3Anull/significance.json"
    old = archive(tmp_path / "a.zip", {"study": "demo", "seed": 1, "scan": {"width": 5}}, {name: {"x": 1.0}})
    new = archive(tmp_path / "b.zip", {"study": "demo", "seed": 1, "scan": {"width": 6}}, {name: {"x": 2.0}})
    with opened(old) as a, opened(new) as b:
        found = compare(a, b)
        folder = a.folder
        assert set(a.results()) == {"infer/a:null/significance.json"}
    assert [(c.key, c.old, c.new) for c in found.changes] == [("scan.width", 5, 6)]
    assert [(row.place, row.old, row.new) for row in found.rows] == [("/x", 1.0, 2.0)]
    assert not folder.exists(), "nothing is left of an unpacked archive"
    unpacking.unpack_zip(old, tmp_path / "unpacked")
    with opened(tmp_path / "unpacked") as a, opened(old) as b:
        assert compare(a, b).equal


class Links(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.anchors, self.open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes) -> None:
        values = dict(attributes)
        self.links += [values[key] for key in ("href", "src") if key in values]
        self.anchors += [values["id"]] if "id" in values else []
        if tag not in ("meta", "link", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag


def test_the_page_shows_all_of_it_and_needs_nothing_else(tmp_path) -> None:
    def change(results) -> None:
        results["tag/pfn/metrics.json"]["auc"] = 0.92
        results["tag/new/metrics.json"] = {"auc": 0.5}
        del results["review/checks.json"]
        results["tag/pfn/metrics.json"]["provenance"]["settings"] = {"<b>": 1}

    found = both(tmp_path, change, figures=(("tag/pfn", 10), ("tag/new", 1)))
    text = render(found)
    page = Links(text)
    assert page.open == []
    assert all(link.startswith("data:") or link[1:] in page.anchors for link in page.links)
    assert "The runs are different." in text
    assert "&lt;b&gt;" in text
    assert "<b>1" not in text
    assert ">3.5 σ<" in text
    assert "tag/new/metrics.json" in text
    assert "review/checks.json" in text
    # Both figures of one name, the only one of the other, and their difference.
    assert len(re.findall("<img", text)) == 5
    assert text == render(found)


def test_equal_figures_are_shown_once(tmp_path) -> None:
    text = render(both(tmp_path, lambda results: None))
    assert len(re.findall("<img", text)) == 1
    assert "The runs are equal." in text


def test_the_command(tmp_path, capsys) -> None:
    write(tmp_path / "a/demo")
    new = copy.deepcopy(RESULTS)
    new["infer/data/cwola/significance.json"]["best"]["z_local"] = 4.8
    write(tmp_path / "b/demo", new)
    a, b, page = (str(tmp_path / name) for name in ("a/demo", "b/demo", "page.html"))
    assert main(["compare", a, a]) == 0
    assert capsys.readouterr().out.endswith("28 numbers compared: the runs are equal.\n")
    assert main(["compare", a, b, "--output", page]) == 1
    out = capsys.readouterr().out
    line = next(line for line in out.splitlines() if "local significance" in line)
    assert line.split()[-5:] == ["5.8", "sigma", "4.8", "sigma", "differs"]
    assert "numbers, or arrays of numbers, that differ: 1\n" in out
    assert (tmp_path / "page.html").read_text().startswith("<!doctype html>")
    assert main(["compare", a, str(tmp_path / "none")]) == 2
    assert main(["compare", a, b, "--tolerance", "7"]) == 2
    assert "--tolerance" in capsys.readouterr().err


def test_the_commands_import_nothing_heavy() -> None:
    modules = ["comparing.page", "comparing.runs", "archive.verify", "archive.reproduce_report"]
    modules += ["archive.verify_contents", "archive.verify_papers", "tools.compare", "tools.reproduce"]
    code = "\n".join(f"import resonaut.{name}" for name in modules)
    heavy = ("torch", "matplotlib", "h5py", "pyhf", "onnx", "scipy", "snakemake")
    code += f"\nimport sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
