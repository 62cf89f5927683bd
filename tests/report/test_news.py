"""The heading of a run: what failed it, by what name, and what else a reviewer has to see."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_examples import BASE, FAST, GATE, GREEN, SLOWER

from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.news import first_sentence, headline
from pytest_speedacc.report.summary import RunReport, short_title

UNTOLD = replace(FAST, checks=(replace(SLOWER, accepted=""),))
LOST, LOOSENED = ("Lost gate: a is gone.", "Lost gate: b is gone."), ("a: 3 % -> 5 %",)
PASSED = "1 model gate passed"
UNCLEAR = "1 of 1 model gate could not be told: `fast` may be 20.6 % slower"
FAILED = "1 of 1 model gate failed: `digits (small)` has f1 [night] 0.95 (-1 pp)"


@pytest.mark.parametrize(
    ("run", "news"),
    [
        (GREEN, PASSED),
        (replace(GREEN, lost=LOST[:1], losses_fail=True), f"1 gate was lost; {PASSED}"),
        (replace(GREEN, lost=LOST, losses_fail=True), f"2 gates were lost; {PASSED}"),
        (replace(GREEN, lost=LOST), f"{PASSED}; 2 gates were lost"),
        (replace(GREEN, loosened=LOOSENED), f"{PASSED}; 1 setting was loosened here"),
        (replace(GREEN, loosened=LOOSENED * 2, loosened_fails=True), f"2 settings were loosened here; {PASSED}"),
        (RunReport((UNTOLD,), loosened=LOOSENED), f"{UNCLEAR}; 1 setting was loosened here"),
        (RunReport((UNTOLD,), lost=LOST[:1], losses_fail=True), f"1 gate was lost; {UNCLEAR}"),
        (RunReport((GATE,), lost=LOST[:1], losses_fail=True, loosened=LOOSENED), f"{FAILED}; 1 gate was lost"),
        (replace(GREEN, problems=("x.svg cannot be written: full.",)), "The run failed: x.svg cannot be written: full"),
        (RunReport(()), "No model gate was judged"),
        (RunReport((), lost=LOST), "No model gate was judged; 2 gates were lost"),
        (RunReport((), problems=("No base. Do this:\n\n    x",)), "No model gate was judged: No base"),
    ],
)
def test_the_heading_says_what_failed_the_run(run: RunReport, news: str) -> None:
    assert headline(run) == news


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("tests/test_a.py::test_digits", "digits"),
        ("tests/test_a.py::TestIt::test_digits", "digits"),
        ("tests/test_a.py::test_names[100%0A::error::boom]", "names[100%0A::error::boom]"),
        ("tests/test_a.py::TestIt::test_names[::error::pwn]", "names[::error::pwn]"),
        ("tests/[old]/test_a.py::test_digits", "digits"),
        ("tests/test_a.py", "tests/test_a.py"),
    ],
)
def test_a_gate_is_known_by_its_name(test: str, name: str) -> None:
    assert short_title(replace(FAST, test=test)) == name


def test_a_name_is_written_in_one_way_wherever_it_stands() -> None:
    gate = replace(GATE, test="test_a.py::test_names[`tick`|x]", name="")
    run = RunReport((gate,))
    written = "`names['tick'¦x]`"
    assert headline(run).startswith(f"1 of 1 model gate failed: {written} has ")
    heading, *_ = lines = markdown(run).splitlines()
    assert f" {written} has f1 " in heading
    assert any(line.startswith(f"| {written} |") for line in lines)
    assert f"**Why {written}:**" in lines


def test_a_score_s_own_name_is_no_code() -> None:
    gate = replace(GATE, checks=(replace(GATE.checks[0], title="f`1`"),), name="")
    assert headline(RunReport((gate,))).count("`") == 2


def gates(*reasons: str) -> tuple[Verdict, ...]:
    return tuple(
        Verdict(f"t.py::test_{number}", "", (replace(SLOWER, reason=reason, accepted=""),), (), ())
        for number, reason in enumerate(reasons)
    )


def test_what_cannot_be_told_comes_with_why_and_with_what_helps() -> None:
    run = RunReport(gates("too close", "too close", "alone"))
    seen, _, _ = markdown(run).partition("<details>")
    assert (
        "**Why it cannot be told:**\n\n- `0` and 1 more latency median: too close\n- `2` latency median: alone" in seen
    )
    assert "**What helps:** a quieter machine; more time (--speedacc-budget=SECONDS); or a wider limit" in seen


def test_what_was_not_compared_is_told_without_an_advice_for_times() -> None:
    (gate,) = gates("no baseline")
    run = RunReport((replace(gate, checks=(replace(gate.checks[0], outcome=Outcome.NOT_COMPARED),)),))
    seen, _, _ = markdown(run).partition("<details>")
    assert "- `0` latency median: no baseline" in seen
    assert "What helps" not in seen


def test_a_green_run_folds_nothing() -> None:
    assert markdown(GREEN) == "### ✅ 1 model gate passed\nMeasured on AMD EPYC, 2 cores\n"
    skipped = replace(GREEN, remarks=("1 gate was skipped: nothing was judged there.",))
    assert markdown(skipped).endswith("\n\n- 1 gate was skipped: nothing was judged there.\n")


def test_what_was_accepted_stands_among_what_moved() -> None:
    accepted = replace(FAST, checks=(replace(SLOWER, outcome=Outcome.PASSED, interval=(-0.1, 0.3)),))
    seen, _, _ = markdown(RunReport((accepted,))).partition("<details>")
    assert "| `fast` | latency median |" in seen


def test_the_first_sentence_is_no_half_of_a_name() -> None:
    assert (
        first_sentence("pyproject.toml: [tool.speedacc] is odd. Mend it.") == "pyproject.toml: [tool.speedacc] is odd"
    )


@pytest.mark.parametrize(
    ("commit", "said"),
    [("", ""), ("b" * 40, " · here `bbbbbbb`"), ("b" * 40 + "-dirty", " · here `bbbbbbb and changes`")],
)
def test_beside_the_base_stands_what_it_is_compared_with(commit: str, said: str) -> None:
    _, line, *_ = markdown(replace(GREEN, base=BASE, commit=commit)).splitlines()
    assert line.startswith(f"Base `aaaaaaa` Retrain (merge base with main){said} · 9 launches in turn")
