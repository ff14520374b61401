"""The page that a reviewer reads: sections from results, links that lead, and no word from outside."""

from __future__ import annotations

import base64
import csv
import io
import json
import re

import pytest

from resonaut.errors import ConfigError, MissingFileError
from resonaut.plot import style
from resonaut.review.page import build
from resonaut.review.page.contents import ENDINGS, Contents, Slice

WINDOW = {"low": 3300.0, "high": 3700.0, "selection_efficiency": 0.01}
LIMIT = {"observed": 89.0, "expected": 19.56, "expected_minus_1sigma": 13.92, "expected_plus_1sigma": 27.69}
ENTRY = {
    **WINDOW, "observed": 129, "expected_background": 61.489, "expected_background_error": 5.531,
    "p_value": 2.54e-9, "z_local": 5.844, "method": "asymptotic", "upper_limit": LIMIT,
    "signal": {"events": 67.5, "low": 55.1, "high": 80.4},
}  # fmt: skip
OTHER = {**ENTRY, "low": 2900.0, "high": 3300.0, "p_value": 0.5, "z_local": 0.0}
SIGNIFICANCE = {"blind": False, "confidence_level": 0.95, "windows": [OTHER, ENTRY], "best": ENTRY}
GLOBAL = {
    "tests": [{}] * 20,
    "bootstrap": {
        "n": 2000, "p_value": 1 / 2001, "error": 5e-4, "z": 3.29, "gaussian": {"p_value": 5.1e-8, "z": 5.32},
    },
    "methods": {"cwola": {"bootstrap": {"p_value": 0.0435, "error": 0.0046, "z": 1.71}}},
}  # fmt: skip
CHECK = {
    "name": "goodness",
    "value": 0.037,
    "limit": 0.001,
    "passes": True,
    "where": "here",
    "advice": "none",
}
CHECKS = {
    "n_checks": 2, "n_failed": 1,
    "searches": [
        {
            "mixture": "data", "method": "cwola",
            "checks": [CHECK, {**CHECK, "name": "sculpting", "passes": False, "advice": "use <others>"},
                       {**CHECK, "name": "coverage", "value": None, "limit": None, "passes": None}],
        }
    ],
}  # fmt: skip
FLOW = {"generated": 1000, "read": 1000, "ingest_mass": 250}
RESULTS = {
    "ingest/qcd/nominal/manifest.json": {
        "label": "qcd", "n_generated": 1000, "n_events": 250, "cross_section_pb": 4.5123, "cut_flow": FLOW,
        "rejected": {"duplicate": 3, "fault": 0},
    },
    "infer/data/cwola/significance.json": SIGNIFICANCE,
    "infer/data/global.json": GLOBAL,
    "review/checks.json": CHECKS,
    "tag/pfn/metrics.json": {
        "task": "binary", "auc": 0.90079, "auc_error": 0.00461, "n_parameters": 82757,
        "rejection": {"0.3": {"rejection": 270.9, "error": 81.5}},
        "provenance": {"settings": {"seed": 5}, "versions": {"torch": "2.1", "resonaut": "0.1.0"}},
    },
}  # fmt: skip
SLICE = {
    "study": "demo", "seed": 5, "label": "Simulation",
    "asked": {"changed": [{"key": "seed", "value": "5", "default": "1", "meaning": "<b>"}], "n_omitted": 0,
              "whole": {"study": "demo"}},
}  # fmt: skip


def draw(folder, name):
    """A figure with a line of its own, and its record."""
    with style.using(style.Look()):
        figure, [[panel]] = style.panels([style.Row((False,))])
        panel.main.plot([1, 2], [3.0, len(name)], label=name)
        panel.main.set_xlabel("Mass [GeV]")
        style.save(figure, [folder / f"review/{name}{ending}" for ending in ENDINGS])
    record = {"command": f"resonaut review {name} --settings '{{}}'"}
    (folder / f"review/{name}.png.run.json").write_text(json.dumps(record))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    for name, content in RESULTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    for name in ("tag/pfn", "infer/data/cwola", "unheard_of"):
        draw(folder, name)
    (folder / "benchmarks/tag").mkdir(parents=True)
    head = "s\th:m:s\tmax_rss\tcpu_time\n"
    (folder / "benchmarks/tag/pfn.tsv").write_text(f"{head}60.5\t0:01:00\t512.4\t45.0\n")
    (folder / "benchmarks/tag/pfn.evaluate.tsv").write_text(f"{head}9.5\t0:00:09\t100\tNA\n")
    return folder


def make(folder, figures=("tag/pfn", "infer/data/cwola", "unheard_of"), results=tuple(RESULTS), **more):
    return build.page(Contents.read(folder, Slice(**{**SLICE, **more}), figures, results))


@pytest.fixture(scope="module")
def page(folder):
    return make(folder)


def section(page, name):
    return re.search(rf'<section id="{name}">.*?</section>', page, re.DOTALL)[0]


def words(html):
    return re.sub(r"<[^>]+>", " ", html).replace("\u202f", " ")


def test_the_verdict_says_where_how_large_and_that_checks_failed(page):
    told = " ".join(words(section(page, "verdict")).split())
    assert "1 of 2 checks failed" in told
    assert "3300–3700 GeV" in told
    assert "129 events seen, 61.5 ± 5.5 expected" in told
    assert "Local significance 5.8 σ p = 2.5 × 10 −9" in told
    assert "≥ 3.3 σ p ≤ 5.0 × 10 −4 no replica was as far" in told
    assert "normal extrapolation: 5.3 σ" in told
    assert "95 % CL upper limit there 89.0 events expected 19.6 +8.1 −5.6 events" in told
    assert page.index('id="verdict"') < page.index('id="asked"') < page.index('id="data"')


def test_a_global_p_value_that_replicas_reach_is_no_bound(folder):
    contents = Contents.read(folder, Slice(**SLICE), (), tuple(RESULTS))
    counted = {**GLOBAL, "bootstrap": {**GLOBAL["bootstrap"], "p_value": 0.02, "z": 2.05}}
    results = {**contents.results, "infer/data/global.json": counted}
    told = words(build.page(Contents(folder, contents.slice, (), results)))
    assert "2.0 σ" in told
    assert "p = 0.020" in told
    assert "no replica was as far" not in told


def test_nothing_of_a_blind_search_is_told(folder):
    contents = Contents.read(folder, Slice(**SLICE), (), ("infer/data/cwola/significance.json",))
    closed = {key: ENTRY[key] for key in ("low", "high", "selection_efficiency", "expected_background")}
    blind = {"blind": True, "confidence_level": 0.95, "windows": [closed], "best": None}
    results = {"infer/data/cwola/significance.json": blind}
    told = words(build.page(Contents(folder, contents.slice, (), results)))
    assert "The search is blind" in told
    assert "129" not in told
    assert "5.84" not in told
    assert "61.5" in told


def test_cut_flows_are_shares_of_the_first_line(page):
    told = words(section(page, "data"))
    assert re.search(r"ingest: mass\s+250\s+25 %", told)
    assert "4.512" in told
    assert re.search(r"duplicate\s+3", told)
    assert "fault" not in told


def test_numbers_have_errors_to_their_place(page):
    assert re.search(r"pfn\s+0\.9008 ± 0\.0046", words(section(page, "taggers")))
    assert "271 ± 82" in words(section(page, "taggers"))
    assert re.search(r"3300–3700 GeV\s+1 %\s+129\s+61\.5 ± 5\.5", words(section(page, "scan")))
    assert section(page, "scan").count('<tr class="best">') == 1


def test_a_new_method_and_an_unheard_of_figure_show_up_by_themselves(folder, page):
    assert "my_tagger" not in page
    new = folder / "tag/my_tagger/metrics.json"
    new.parent.mkdir()
    new.write_text(json.dumps({**RESULTS["tag/pfn/metrics.json"], "auc": 0.75}))
    draw(folder, "tag/my_tagger")
    more = make(folder, ("tag/my_tagger", "tag/pfn"), (*RESULTS, "tag/my_tagger/metrics.json"))
    assert re.search(r"my_tagger\s+0\.7500 ± 0\.0046", words(section(more, "taggers")))
    assert '<figure id="figure-tag-my_tagger">' in section(more, "taggers")
    assert '<a href="#figure-tag-my_tagger">Tagger: my_tagger</a>' in more
    draw(folder, "tag_more/my_tagger")
    assert 'id="figure-tag_more-my_tagger"' in section(make(folder, ("tag_more/my_tagger",)), "taggers")
    assert 'id="figure-unheard_of"' in section(page, "further")
    assert "Unheard of" in section(page, "further")


def test_every_anchor_exists_once_and_nothing_leads_outside(page):
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    links = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert {link[1:] for link in links if link.startswith("#")} <= set(ids)
    assert all(link.startswith(("#", "data:")) for link in links)
    bare = re.sub(r"data:[a-z+/]+;base64,[A-Za-z0-9+/=]+", "", page)
    assert not re.search(r"https?://|url\(|<script|@import", bare)


def test_each_figure_brings_its_file_numbers_and_command(folder, page):
    figure = re.search(r'<figure id="figure-tag-pfn">.*?</figure>', page, re.DOTALL)[0]
    files = dict(re.findall(r'download="([^"]+)" href="data:[^,]+,([^"]+)"', figure))
    assert base64.b64decode(files["tag-pfn.pdf"]) == (folder / "review/tag/pfn.pdf").read_bytes()
    lines = base64.b64decode(files["tag-pfn.csv"]).decode().splitlines()
    assert lines[0] == "# panel 1:  | x: Mass [GeV] | y: "
    rows = list(csv.DictReader(io.StringIO("\n".join(lines[1:]))))
    assert [(row["series"], row["x"], row["y"]) for row in rows] == [
        ("tag/pfn", "1", "3"),
        ("tag/pfn", "2", "7"),
    ]
    assert "resonaut review tag/pfn --settings &#x27;{}&#x27;" in figure
    drawing = base64.b64decode(re.search(r"data:image/svg\+xml;base64,([^\"]+)", figure)[1]).decode()
    assert drawing.startswith("<svg")
    assert "<metadata>" not in drawing


def test_lights_have_signs_and_words(page):
    told = section(page, "checks")
    assert re.search(r'<td class="fail"><span class="sign" title="FAIL">✗</span>0.0370</td>', told)
    assert re.search(r'<td class="pass"><span class="sign" title="pass">✓</span>0.0370</td>', told)
    assert "○</span>not measured" in told
    assert "use &lt;others&gt;" in told


def test_costs_are_summed_by_stage(page):
    told = words(section(page, "costs"))
    assert re.search(r"tag\s+2\s+1 min 10 s\s+45\.0 s\s+1 min 00 s\s+512", told)


def test_seeds_and_software(page, folder):
    assert "The study's one seed is  5 " in words(section(page, "seeds")).replace("&#x27;", "'")
    assert re.search(r"torch\s+2\.1", words(section(page, "software")))
    assert re.search(r"tag/pfn/metrics.json\s+5", words(section(make(folder, seed=6), "seeds")))


def test_words_of_others_are_escaped(folder):
    page = make(folder, study="<script>x</script>", label='"&')
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def test_a_page_that_is_written_again_has_the_same_bytes(folder):
    output = folder / "review/index.html"
    written = []
    for _ in range(2):
        build.run(SLICE, folder, ["tag/pfn"], ["tag/pfn/metrics.json"], output)
        (folder / "benchmarks/review").mkdir(exist_ok=True)
        (folder / "benchmarks/review/index.tsv").write_text("s\tcpu_time\n1.0\t1.0\n")
        written.append(output.read_bytes())
    assert written[0] == written[1]
    record = json.loads((folder / "review/index.html.run.json").read_text())
    assert record["output"] == "index.html"


def test_what_is_missing_is_named(folder):
    with pytest.raises(
        MissingFileError, match=r"review/tag/other\.svg: no such file\. Run `snakemake review`"
    ):
        make(folder, ("tag/other",))
    with pytest.raises(MissingFileError, match=r"tag/other/metrics\.json"):
        make(folder, (), ("tag/other/metrics.json",))
    with pytest.raises(ConfigError, match=r"seed: this key is required"):
        build.run({"study": "a", "asked": {}}, folder, [], [], folder / "x.html")


def test_a_large_drawing_gives_way_to_the_picture(folder, monkeypatch):
    monkeypatch.setattr("resonaut.review.page.figures.MAX_DRAWING", 10)
    page = make(folder, ("tag/pfn",), ())
    assert "data:image/png;base64," in page
    assert "image/svg+xml" not in page


def test_a_study_without_searches_says_so(folder):
    told = words(make(folder, (), ("tag/pfn/metrics.json",)))
    assert "searches for nothing" in told
    assert "Largest excess" not in told
