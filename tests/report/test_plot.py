"""The plot: what is drawn where, from verdicts whose numbers are known."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from pytest_speedacc.axes.units import Kind
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Check, Observation, Outcome, Verdict
from pytest_speedacc.report import plot
from pytest_speedacc.report.summary import RunReport


def write_plot(path, verdicts):
    plot.write_plot(path, RunReport(tuple(verdicts)))


def gate(name, score, seconds, *, group="", parameters=100.0, former=(None, None), limits=()):
    rows = (
        Observation("accuracy", "", Kind.SCORE, score, None, former[0], "accuracy", True, "", True),
        Observation("latency", "median", Kind.TIME, seconds, None, former[1], ""),
        Observation("parameters", "", Kind.COUNT, parameters, None, None, ""),
    )
    checks = tuple(
        Check(setting, setting.partition("_")[2], "", "", Kind.TIME, 1.0, None, value, None, "", Outcome.PASSED, "")
        for setting, value in limits
    )
    return Verdict(f"tests/test_it.py::{name}", "", checks, rows, (), group=group)


@pytest.fixture
def drawn(monkeypatch):
    """The axes that were drawn, with their calls counted."""
    seen = []
    draw = plot._draw

    def watch(axes, panel):
        draw(axes, panel)
        seen.append((panel.group, axes))

    monkeypatch.setattr(plot, "_draw", watch)
    return seen


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_a_file_of_each_kind_is_written(tmp_path, suffix):
    path = tmp_path / "new" / f"plot{suffix}"
    write_plot(path, [gate("a", 0.9, 0.001), gate("b", 0.95, 0.01)])
    start = path.read_bytes()[:100]
    assert {".png": b"PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix] in start


def test_each_group_has_its_panel_and_gates_without_one_are_left_out(tmp_path, drawn):
    gates = [gate("a", 0.9, 0.001, group="x"), gate("b", 0.9, 0.001, group="y"), gate("c", 0.9, 0.001)]
    write_plot(tmp_path / "p.png", gates)
    assert [name for name, _ in drawn] == ["x", "y"]
    drawn.clear()
    write_plot(tmp_path / "p.png", gates[2:])
    assert [name for name, _ in drawn] == [""]


def test_many_panels_stand_in_rows_of_three(tmp_path, drawn):
    write_plot(tmp_path / "p.png", [gate("a", 0.9, 0.001, group=name) for name in "abcdefg"])
    places = [axes.get_subplotspec() for _, axes in drawn]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [
        (0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)
    ]  # fmt: skip
    assert list(drawn[0][1].figure.get_size_inches()) == pytest.approx([3 * 7.2, 3 * 4.8])


def test_points_stand_at_latency_and_score_with_their_parameters_as_area(tmp_path, drawn):
    write_plot(tmp_path / "p.png", [gate("a", 0.9, 0.001, parameters=500.0), gate("b", 0.95, 0.01, parameters=1000.0)])
    ((_, axes),) = drawn
    assert axes.get_xscale() == "log"
    a, b = axes.collections
    assert [list(each.get_offsets()[0]) for each in (a, b)] == [[0.001, 0.9], [0.01, 0.95]]
    assert b.get_sizes()[0] == 2 * a.get_sizes()[0]
    # Named where they stand, so that nothing beside it has to say whose colour is whose.
    assert [text.get_text() for text in axes.texts] == ["a (failed)", "b (failed)"]
    assert axes.get_legend() is None


def arrows(axes):
    return [(text.xyann, text.xy) for text in axes.texts if getattr(text, "arrow_patch", None) is not None]


def beside_base(verdict, here, base):
    """The gate with its median compared in turn with the base's."""
    check = Check("max_latency_increase", "latency", "median", "", Kind.CHANGE, here / base - 1, None, None, None, "",
                  Outcome.PASSED, "", sides=(here, base))  # fmt: skip
    return replace(verdict, checks=(check,))


@pytest.mark.parametrize(
    ("verdict", "arrow"),
    [
        # A score is compared with the baseline, and a time that is stored there with nothing.
        (gate("a", 0.9, 0.001, former=(0.8, 0.002)), [((0.001, 0.8), (0.001, 0.9))]),
        (gate("a", 0.9, 0.001, former=(0.9, 0.002)), []),
        (gate("a", 0.9, 0.001), []),
        # In turn with the base both may have moved, or one.
        (beside_base(gate("a", 0.9, 0.001, former=(0.8, None)), 0.003, 0.002), [((0.002, 0.8), (0.003, 0.9))]),
        (beside_base(gate("a", 0.9, 0.001), 0.003, 0.002), [((0.002, 0.9), (0.003, 0.9))]),
    ],
)
def test_an_arrow_leads_from_what_was_compared(tmp_path, drawn, verdict, arrow):
    write_plot(tmp_path / "p.png", [verdict, gate("b", 0.9, 0.001)])
    ((_, axes),) = drawn
    assert arrows(axes) == arrow


def overlapping(boxes):
    return [(a, b) for place, a in enumerate(boxes) for b in boxes[:place] if a.overlaps(b)]


@pytest.mark.parametrize(("gates", "spread"), [(2, 1e-6), (12, 1e-9), (12, 1e-6), (50, 1e-3)])
def test_no_name_stands_over_another_and_every_gate_has_one_or_is_counted(tmp_path, drawn, gates, spread):
    write_plot(
        tmp_path / "p.png",
        [gate(f"{'long_' * 20}{number}", 0.9 + number * 1e-4, 1e-4 + number * spread) for number in range(gates)],
    )
    ((_, axes),) = drawn
    renderer = axes.figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in axes.texts]
    assert overlapping(boxes) == []
    ticks = [text.get_window_extent(renderer) for text in axes.get_xticklabels() if text.get_text()]
    assert overlapping(ticks) == []
    listed = [text.get_text() for text in axes.get_legend().get_texts()] if axes.get_legend() else []
    more = int(listed.pop().split()[1]) if listed and listed[-1].endswith(" more") else 0
    assert len(boxes) + len(listed) + more == gates


def test_what_the_strictest_limits_forbid_is_shaded(tmp_path, drawn):
    limits = (("min_accuracy", 0.85), ("max_latency", 0.005))
    write_plot(tmp_path / "p.png", [gate("a", 0.9, 0.001, limits=limits), gate("b", 0.8, 0.01, limits=limits[:1])])
    ((_, axes),) = drawn
    boxes = [patch.get_extents().transformed(axes.transData.inverted()) for patch in axes.patches]
    assert len(boxes) == 2
    assert min(box.x0 for box in boxes if box.y1 > 0.86) == pytest.approx(0.005)
    assert max(box.y1 for box in boxes if box.x0 < 0.004) == pytest.approx(0.85)


def test_a_run_with_nothing_to_draw_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match=r"p\.png: no gate of this run has both a score and a latency to draw"):
        write_plot(tmp_path / "p.png", [Verdict("t", "", (), (), (), error="broken")])


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match=r"matplotlib is not installed: install pytest-speedacc\[report\]"):
        write_plot(tmp_path / "p.png", [gate("a", 0.9, 0.001)])


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write_plot(Path(tmp_path / "file" / "p.png"), [gate("a", 0.9, 0.001)])


def test_names_are_drawn_as_they_are_and_never_as_formulas_or_markup(tmp_path, monkeypatch):
    from xml.etree import ElementTree

    import matplotlib

    # What a user's own settings, or a test before this one, leave.
    for setting, value in {"svg.fonttype": "none", "text.usetex": True}.items():
        monkeypatch.setitem(matplotlib.rcParams, setting, value)

    names = [r"$\frac{1$", "_hidden", "</text><script>", "\x1b[31m", "\ud800", "x" * 500]
    verdicts = [
        Verdict("tests/test_it.py::test", name, (), gate("a", 0.9, 0.001).observations, (), group="$a_{$")
        for name in names
    ]
    path = tmp_path / "p.svg"
    write_plot(path, verdicts)
    text = path.read_text("utf-8")
    ElementTree.fromstring(text)
    assert "<script>" not in text
    # Text is drawn as outlines, and matplotlib says in a comment which.
    comments = " ".join(line.strip() for line in text.splitlines() if line.strip().startswith("<!--"))
    for shown in (r"$\frac{1$", "_hidden", r"\x1b[31m", r"\ud800", "xxx...xxx", "$a_{$"):
        assert shown in comments.replace(r"\$", "$"), shown


@pytest.mark.parametrize("slowest", [0.0011, 0.01, 1.0])
def test_times_are_named_at_every_scale(tmp_path, drawn, slowest):
    write_plot(tmp_path / "p.png", [gate("a", 0.9, 0.001), gate("b", 0.95, slowest)])
    ((_, axes),) = drawn
    left, right = axes.get_xlim()
    named = [tick for tick in axes.get_xticks() if left <= tick <= right]
    assert 2 <= len(named) <= 8
