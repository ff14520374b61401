"""The page of the review in a real browser: everything shows, nothing is asked for, and it prints."""

from __future__ import annotations

import os
import re
from pathlib import Path

import chromium
import pytest

pytestmark = pytest.mark.skipif(chromium.find() is None, reason="no Chromium: apt-get install chromium")
PAGE = "results/tiny/review/index.html"
IMAGES = "[...document.images].map(i => [i.alt, i.complete, i.naturalWidth, i.clientWidth, i.clientHeight])"
ANCHORS = """[...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute('href').slice(1))"""
IDS = "[...document.querySelectorAll('[id]')].map(e => e.id)"
DOWNLOADS = """[...document.querySelectorAll('a[download]')].map(a => {
  const [head, content] = a.href.split(',');
  return [a.download, head, atob(content).slice(0, 7), atob(content).length];
})"""


@pytest.fixture(scope="module")
def browser(finished_once, tmp_path_factory):
    with chromium.Chromium(chromium.find(), tmp_path_factory.mktemp("chromium") / "profile") as browser:
        browser.open(finished_once.folder / PAGE)
        yield browser


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """Where screenshots go: the folder that RESONAUT_ARTEFACTS names, for continuous integration."""
    folder = Path(os.environ.get("RESONAUT_ARTEFACTS") or tmp_path_factory.mktemp("artefacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_every_figure_shows(browser, finished_once):
    images = browser.run(IMAGES)
    drawn = list((finished_once.folder / "results/tiny/review").rglob("*.svg"))
    assert len(images) == len(drawn) >= 17
    for alt, complete, natural, width, height in images:
        assert complete, alt
        assert min(natural, width) > 300, alt
        assert height > 100, alt
        assert len(alt) > 20


def test_nothing_is_asked_for_and_nothing_is_complained_about(browser, finished_once):
    browser.run("new Promise(done => setTimeout(done, 300))")
    asked = [address for address in browser.addresses() if not address.startswith("data:")]
    assert asked == [(finished_once.folder / PAGE).resolve().as_uri()]
    assert browser.complaints() == []


def test_every_link_leads_somewhere(browser):
    anchors, ids = browser.run(ANCHORS), browser.run(IDS)
    assert len(ids) == len(set(ids))
    assert set(anchors) <= set(ids)
    assert {"verdict", "asked", "data", "scan", "checks", "software", "seeds", "costs"} <= set(anchors)
    outside = browser.run("[...document.links].map(a => a.href).filter(h => !/^(data:|file:.*#)/.test(h))")
    assert outside == []


def test_every_download_decodes(browser):
    found = browser.run(DOWNLOADS)
    assert len(found) == 2 * len(browser.run(IMAGES))
    for name, head, start, length in found:
        assert length > 100, name
        if name.endswith(".pdf"):
            assert (head, start[:5]) == ("data:application/pdf;base64", "%PDF-")
        else:
            assert (head, start) == ("data:text/csv;base64", "# panel")


def test_the_verdict_comes_first_and_no_raw_number_is_shown(browser):
    text = browser.run("document.querySelector('main').innerText")
    head = text[: text.index("What was asked")]
    assert "Largest excess" in head
    assert "Local significance" in head
    assert "Global significance" in head
    assert re.search(r"\d checks (passed|failed)", head)
    assert re.findall(r"\d\.\d{7,}", text) == [], "more digits than anything is known to"
    assert not re.search(r"\b(None|nan|NaN|inf)\b", text)


def test_it_can_be_read_by_keyboard(browser):
    browser.run("document.activeElement.blur(); window.scrollTo(0, 0)")
    browser.press("Tab")
    assert browser.run("document.activeElement.className") == "skip"
    browser.press("Tab")
    assert browser.run("document.activeElement.getAttribute('href')") == "#verdict"


@pytest.mark.parametrize("width", [1400, 420])
def test_nothing_sticks_out_of_the_window(browser, kept, width):
    browser.resize(width, 1000)
    browser.run("window.scrollTo(0, 0)")
    assert browser.run("document.documentElement.scrollWidth") <= width
    picture = browser.picture()
    assert picture.startswith(b"\x89PNG")
    (kept / f"page-{width}.png").write_bytes(picture)


def test_it_prints(browser, kept):
    printed = browser.printed()
    assert printed.startswith(b"%PDF-")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 10
    (kept / "page.pdf").write_bytes(printed)


@pytest.mark.full
def test_a_new_method_shows_up_with_no_edit(finished):
    finished.edit(
        "study.yaml",
        "tag:\n",
        "tag:\n  mine: {kind: pfn, signal: [wprime], background: [qcd], training: {epochs: 1}}\n",
    )
    finished.snakemake(PAGE)
    page = (finished.folder / PAGE).read_text()
    assert '<a href="#figure-tag-mine">Tagger: mine</a>' in page
    assert '<th scope="row">mine</th>' in page
    assert 'id="figure-tag_compare"' in page
