"""The history of baselines in the page: lines and commits, of bounded size, and nothing where nothing changed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

pytest.importorskip("jinja2")

from report_examples import FAST, GREEN

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.report.page import page
from pytest_speedacc.report.past import HEIGHT, WIDTH, Moment, Past, changes_of, lines_of
from pytest_speedacc.report.summary import RunReport


def moments(*sizes: float) -> tuple[Moment, ...]:
    return tuple(
        Moment(
            f"{place:07}",
            f"2026-05-{place + 1:02}",
            f"reason <{place}>",
            {"accuracy": (0.9, Kind.SCORE), "model size": (size, Kind.SIZE)},
        )
        for place, size in enumerate(sizes)
    )


def run_of(*sizes: float, ends: str = "") -> RunReport:
    return replace(GREEN, past=(Past(FAST.test, "", moments(*sizes)),), past_ends=ends)


def test_an_axis_is_a_line_from_its_oldest_value_to_its_newest() -> None:
    score, size = lines_of(moments(1024, 2048, 1536))
    assert (size.axis, size.first, size.last, size.change) == ("model size", "1.00 KiB", "1.50 KiB", "+50 %")
    assert (score.change, {down for _, down in score.points}) == ("", {HEIGHT / 2})
    across, down = zip(*size.points, strict=True)
    assert list(across) == [3, WIDTH / 2, WIDTH - 3]
    assert list(down) == [HEIGHT - 3, 3, HEIGHT / 2]


def test_what_has_one_value_or_two_units_is_no_line() -> None:
    once = Moment("0", "2026-05-01", "", {"energy": (1.0, "J")})
    other = Moment("1", "2026-05-02", "", {"energy": (1.0, "kJ"), "new": (1.0, "")})
    assert list(lines_of((once, other))) == []


def test_each_commit_says_what_it_changed() -> None:
    assert list(changes_of(moments(1024, 1024, 2048))) == [
        "accuracy 0.9, model size 1.00 KiB",
        "",
        "model size 2.00 KiB",
    ]


def test_the_page_has_them_newest_last_and_as_text() -> None:
    html = page(run_of(1024, 2048, ends="This clone is shallow."))
    assert html.count("<polyline") == 2
    assert html.index("reason &lt;0&gt;") < html.index("reason &lt;1&gt;: model size 2.00 KiB")
    assert '<p class="soft">This clone is shallow.</p>' in html
    assert "<script" not in html


@pytest.mark.parametrize("sizes", [(), (1024,)])
def test_where_nothing_changed_there_is_no_history(sizes: tuple[float, ...]) -> None:
    assert "What the baselines were" not in page(run_of(*sizes))


def test_many_long_histories_leave_the_page_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_speedacc.report.page.has_plot", lambda run: False)
    verdicts = [replace(FAST, test=f"test_models.py::test_{number}") for number in range(100)]
    # Nothing is the same twice.
    past = tuple(
        Past(verdict.test, "", moments(*(1000 + 37 * place % 101 for place in range(30)))) for verdict in verdicts
    )
    alone = len(page(RunReport(tuple(verdicts))).encode())
    html = page(RunReport(tuple(verdicts), past=past))
    assert len(html.encode()) < 500_000
    assert len(html.encode()) - alone < 250_000
    assert re.search(r"(\d+) older commits are not shown", html)[1] == "18"
    assert len(page(RunReport(tuple(verdicts[:5]), past=past)).encode()) < 200_000
