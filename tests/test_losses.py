"""What the base has and the baselines have is one loss, and is told with both."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from scratch_project import Project, output

from pytest_speedacc.session.losses import left_behind, lost_sentences
from pytest_speedacc.session.orphans import Damaged, Orphan, Taken

GATE, OTHER = "t.py::test_gone", "t.py::test_other"
REMOVE = "remove it with python -m pytest_speedacc prune --yes, which a reviewer sees."
MERGED = ', once a change that sets removed = "warn" is merged, '


def orphan(test: str = GATE, name: str = "", renamed: str = "") -> Orphan:
    return Orphan(test, name, Path(f"{name or 'it'}.json"), renamed)


def said(how: str, *orphans: Orphan, renamed: str = "") -> str:
    """What is told of the gate that left them."""
    against: Any = SimpleNamespace(settings=SimpleNamespace(removed=how), renamed={GATE: renamed} if renamed else {})
    left, rest = left_behind([GATE], orphans, str)
    assert rest == []
    (sentence,) = lost_sentences(against, [GATE], left)
    return sentence


@pytest.mark.parametrize(
    ("how", "orphans", "ending"),
    [
        ("fail", (), ', which fails this run (removed = "fail").'),
        ("warn", (), ', as a warning (removed = "warn").'),
        (
            "fail",
            (orphan(),),
            f', and its baseline it.json is left, which fails this run (removed = "fail"): restore the gate, or{MERGED}'
            + REMOVE,
        ),
        (
            "warn",
            (orphan(),),
            f', and its baseline it.json is left, as a warning (removed = "warn"): restore the gate, or {REMOVE}',
        ),
        (
            "fail",
            (orphan(name="a"), orphan(name="b")),
            ', and its baselines a.json and b.json are left, which fails this run (removed = "fail"): restore the '
            f"gate, or{MERGED}{REMOVE.replace(' it ', ' them ')}",
        ),
        (
            "fail",
            (orphan(renamed="t.py::test_new"),),
            ', and its baseline it.json is left, which fails this run (removed = "fail"): run --speedacc-missing for '
            f"t.py::test_new, which has its content, and{MERGED}{REMOVE}",
        ),
    ],
)
def test_one_sentence_says_what_is_lost_and_what_is_left(how: str, orphans: tuple[Orphan, ...], ending: str) -> None:
    assert said(how, *orphans) == f"Lost gate: {GATE} is in the base and not here{ending}"


def test_a_renamed_gate_can_leave_its_baseline_as_well() -> None:
    sentence = said("fail", orphan(), renamed="t.py::test_new")
    assert sentence.startswith(
        f"Renamed gate: {GATE} of the base is t.py::test_new here, and the two were not compared, "
    )
    assert "and its baseline it.json is left, which fails" in sentence


def test_baselines_are_sorted_by_what_the_base_has() -> None:
    kept, small, nameless = orphan(OTHER), orphan(OTHER, "small"), orphan("t.py::test_third")
    others = [kept, Damaged(Path("x.json")), Taken("t.py::test_taken")]
    removed = [f"pkg/{name}" for name in (GATE, f"{OTHER} (small)", "t.py::test_third (without a name)")]
    left, rest = left_behind(removed, [orphan(), small, nameless, *others], lambda test: test.removeprefix("pkg/"))
    assert left == dict(zip(removed, ([orphan()], [small], [nameless]), strict=True))
    assert rest == others


@pytest.mark.parametrize("options", [(), ("-q",), ("-v",), ("-n1",)], ids=["plain", "quiet", "verbose", "parallel"])
def test_a_failure_of_no_test_moves_no_progress(
    project: Project, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    plugins = ("xdist",) if "-n1" in options else ()
    for plugin in plugins:
        pytest.importorskip(plugin)
    monkeypatch.setenv("CI", "true")
    project.write("def test_unit():\n    pass\n")
    folder = project.pytester.mkdir("speedacc-baselines")
    (folder / "lost.json").write_text("{")
    lines = output(project.run(*options, plugins=plugins)).splitlines()
    assert [line.count("%]") for line in lines if "%]" in line] == [1]
    assert any("[100%]" in line for line in lines)
    assert [line[:32] for line in lines if line.startswith("FAILED ")] == ["FAILED speedacc-baselines/lost.j"]
    assert any(line.strip("= ").startswith("1 failed, 1 passed") for line in lines)
