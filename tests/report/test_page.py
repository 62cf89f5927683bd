"""The HTML report: one page, that needs nothing beside itself, in which every foreign word is text."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest

pytest.importorskip("jinja2")

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, Verdict
from pytest_speedacc.report import plot
from pytest_speedacc.report.page import page, write_page
from pytest_speedacc.report.summary import BaseLine, RunReport

HOSTILE = "</td><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}\x1b[31m"
BASE = BaseLine("a" * 40, "aaaaaaa Retrain", "main", "merge base with main", "one thread", 9, 31.0, "The base: +0.1%")


def gate(name, outcome=Outcome.PASSED, *, change=None, reason="", notes=(), why=()):
    rows = (
        Observation("accuracy", "", Kind.SCORE, 0.95, None, 0.95, "accuracy", True, "", True),
        Observation("latency", "median", Kind.TIME, 0.001, None, None, ""),
    )
    check = Check(
        "max_latency_increase",
        "latency",
        "median",
        "",
        Kind.CHANGE,
        change,
        None if change is None else (change - 0.01, change + 0.01),
        None,
        None,
        "worse by at most 3 %",
        outcome,
        reason,
        sides=None if change is None else (0.0012, 0.001),
    )
    return Verdict(f"tests/test_it.py::{name}", "", (check,), rows, notes, explained=why, accept="pytest --update")


def text_of(html):
    """What a reader sees of a page, and its elements."""

    class Reader(HTMLParser):
        def __init__(self):
            super().__init__()
            self.words, self.elements, self.hidden = [], [], 0

        def handle_starttag(self, tag, attrs):
            self.elements.append((tag, dict(attrs)))
            self.hidden += tag == "style"

        def handle_endtag(self, tag):
            self.hidden -= tag == "style"

        def handle_data(self, data):
            self.words += [] if self.hidden else data.split()

    reader = Reader()
    reader.feed(html)
    return " ".join(reader.words), reader.elements


def test_it_says_first_what_failed_and_why():
    why = ("normalise (features.py:41): +29 µs of 31 µs more, called 64 times where the base called it once",)
    run = RunReport((gate("fine"), gate("slow", Outcome.FAILED, change=0.2, reason="9 launches", why=why)), base=BASE)
    words, _ = text_of(page(run))
    news, _, details = words.partition("All 2 gates, 2 checks")
    assert news.startswith("1 of 2 model gates failed: slow is 20.0 % slower ✗ 1 of 2 model gates failed")
    for said in ("Base aaaaaaa Retrain (merge base with main)", "+20 % (+19 to +21)", why[0], "pytest --update"):
        assert said in news
    assert "fine" not in news
    assert "fine" in details


def test_a_green_run_is_a_heading_and_its_details():
    words, _ = text_of(page(RunReport((gate("fine", change=0.001),))))
    assert words.startswith("1 model gate passed ✓ 1 model gate passed")
    assert "Why:" not in words


def test_foreign_words_are_text_and_nothing_is_fetched():
    hostile = gate(HOSTILE, Outcome.FAILED, change=0.2, reason=HOSTILE, notes=(HOSTILE,), why=(HOSTILE,))
    run = RunReport((hostile,), loosened=(HOSTILE,), remarks=(HOSTILE,), environment={"description": HOSTILE})
    html = page(run)
    words, elements = text_of(html)
    assert "{{ 7 * 7 }}" in words
    assert "\x1b" not in html
    names = {name for name, _ in elements}
    assert not names & {"script", "link", "iframe", "object", "embed", "form"}
    for name, attributes in elements:
        assert not {key for key in attributes if key.startswith("on")}
        reference = attributes.get("src") or attributes.get("href") or attributes.get("xlink:href") or ""
        # The picture refers to parts of its own.
        assert reference.startswith("#") or not reference, (name, reference)
    assert "default-src 'none'" in html
    assert not re.search(r"url\((?!#)|@import", html)


@pytest.mark.slow
@pytest.mark.parametrize("count", [100, 400])
def test_it_stays_small_with_a_hundred_gates_and_more(count):
    """Whatever has no room is counted, and every gate is there by its name and its verdict."""
    gates = (gate(f"test_{number}", Outcome.FAILED, change=0.5, reason="r" * 1000) for number in range(count))
    html = page(RunReport(tuple(gates), base=BASE))
    assert len(html.encode()) <= 500_000
    assert f"And {count - html.count('<h2><span class')} more, which are below." in html
    assert all(f"<code>tests/test_it.py::test_{number}</code>" in html for number in range(count))
    left_out = html.count("What is left out here stands in the JSON report.")
    assert (left_out > 0) is (count == 400)


def test_without_matplotlib_the_page_says_so_and_has_the_alternatives_all_the_same(monkeypatch):
    from report_examples import FAST, GATE, groups

    run = RunReport((GATE, FAST), groups=groups(GATE, FAST))
    assert plot.NO_PICTURE not in page(run)
    monkeypatch.setattr(plot, "_has_matplotlib", lambda: False)
    html = page(run)
    assert "<svg" not in html
    words, _ = text_of(html)
    assert plot.NO_PICTURE in words
    assert "Alternatives for digits" in words
    assert re.search(r"test_fast.*0\.91.*10\.0 µs.*on it", words)
    assert "internal would choose tests/test_fast.py::test_fast" in words
    # Of a run that has nothing to draw nothing is missing.
    assert plot.NO_PICTURE not in page(RunReport(()))


def test_without_jinja_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(ConfigError, match=r"install pytest-speedacc\[report\]"):
        write_page(tmp_path / "x.html", RunReport((gate("fine"),)))


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no browser to show it in")
def test_what_is_folded_on_the_screen_is_printed(tmp_path):
    notes = tuple(f"note {number} " * 20 for number in range(20))
    path = tmp_path / "x.html"
    pages = []
    for shown in ((), notes):
        write_page(path, RunReport(tuple(gate(f"test_{number}", notes=shown) for number in range(6)), base=BASE))
        command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--print-to-pdf={tmp_path / 'x.pdf'}"]
        subprocess.run([*command, path.as_uri()], capture_output=True, timeout=120, check=True)
        pages.append(len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "x.pdf").read_bytes())))
    assert pages[1] >= pages[0] + 3


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="there is no browser to show it in")
@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_its_window(tmp_path, width):
    long = "a_name_without_any_room_for_a_break_" * 8
    run = RunReport((gate(long, Outcome.FAILED, change=0.2, reason=long, why=(long,)), gate("fine")), base=BASE)
    path = tmp_path / "x.html"
    write_page(path, run)
    # The browser itself says how wide it is, in a copy that may run a script.
    script = "<script>document.title = [innerWidth, document.documentElement.scrollWidth].join(' ')</script></body>"
    text = path.read_text("utf-8").replace("</body>", script).replace("default-src 'none'; ", "")
    path.write_text(text, "utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={width},900", "--dump-dom"]
    shown = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=120).stdout
    inner, needed = map(int, re.search(r"<title>(\d+) (\d+)</title>", shown).groups())
    assert needed <= inner
