"""The reports of shards, which are one run: what is missing, and what does not belong together."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from report_examples import BASE, FAST, GREEN

from pytest_speedacc.cli.main import main
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.report.document import write_json
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.merging import merge
from pytest_speedacc.report.page import write_page
from pytest_speedacc.report.reading import read_report
from pytest_speedacc.report.shard import Shard
from pytest_speedacc.report.summary import RunReport

COMMIT = "a" * 40
ONE, TWO = (Shard(part, 2, 1, 2, "0123") for part in (1, 2))
OTHER = replace(FAST, test="tests/test_other.py::test_other")


def run(shard: Shard, test: str = FAST.test, **fields: object) -> RunReport:
    """A green shard."""
    made = replace(GREEN, verdicts=(replace(FAST, test=test),), shard=shard, commit=COMMIT, remarks=(shard.sentence,))
    return replace(made, **fields)  # type: ignore[arg-type]


FIRST, SECOND = run(ONE), run(TWO, OTHER.test)


def test_all_of_them_are_one_run_of_all_gates() -> None:
    merged = merge({"a": FIRST, "b": SECOND})
    assert [verdict.title for verdict in merged.verdicts] == [FAST.test, OTHER.test]
    assert (merged.shard, merged.remarks, merged.problems, merged.failed) == (None, (), (), False)
    assert merged.commit == COMMIT
    assert markdown(merged).startswith("### ✅ 2 model gates passed\n")


def test_a_shard_without_a_gate_fails_nothing(tmp_path: Path) -> None:
    three = [replace(shard, parts=3) for shard in (ONE, TWO)]
    empty = run(Shard(3, 3, 0, 2, "0123"), verdicts=())
    assert (empty.outcome, empty.failed) == (Outcome.PASSED, False)
    assert markdown(empty).startswith("### ✅ Shard 3 of 3 has no gate: the suite's 2 gates are in other shards\n")
    write_page(tmp_path / "empty.html", empty)
    merged = merge({"a": run(three[0]), "b": run(three[1], OTHER.test), "c": empty})
    assert (merged.problems, merged.failed) == ((), False)
    # One that has a gate, and judged none, is another matter.
    assert merge({"a": FIRST, "b": run(TWO, verdicts=())}).problems == ("b: no model gate was judged",)
    # As is a suite that has none.
    assert RunReport((), shard=Shard(1, 2, 0, 0, "0123")).failed


@pytest.mark.parametrize(
    ("there", "parts", "which"),
    [
        ([1], 2, "shard 2 of 2 is"),
        ([2], 2, "shard 1 of 2 is"),
        ([1, 3], 4, "shards 2 and 4 of 4 are"),
        ([5], 1000, "shards 1, 2, 3, 4, 6, 7, 8, 9 and 991 more of 1000 are"),
    ],
)
def test_what_is_missing_fails_and_is_named(there: list[int], parts: int, which: str) -> None:
    merged = merge({str(part): run(Shard(part, parts, 1, parts, "0123"), f"t.py::test_{part}") for part in there})
    (problem,) = merged.problems
    assert problem.startswith(f"The report of {which} missing, so nobody knows what became of those gates: ")
    assert merged.failed
    assert len(merged.verdicts) == len(there)
    assert markdown(merged).startswith(f"### ❌ The run failed: The report of {which} missing")


def test_one_that_was_refused_says_why_itself() -> None:
    merged = merge({"a": FIRST, "b": RunReport((), problems=("there is no such base",))})
    assert merged.problems[0] == "b: there is no such base"
    assert merged.problems[1].startswith("The report of shard 2 of 2 is missing, ")


@pytest.mark.parametrize(
    ("second", "sentence"),
    [
        (run(replace(TWO, parts=3)), "a is shard 1 of 2, and b is shard 2 of 3: merge the shards of one run by "),
        (
            run(ONE),
            "a and b are both shard 1 of 2: give each machine a part of its own, and leave out what an earlier ",
        ),
        (
            replace(SECOND, shard=None),
            "a is shard 1 of 2, and b is of a run without --speedacc-shard, or was merged before: merge the shards of ",
        ),
        (
            replace(SECOND, commit="b" * 40),
            "a is of aaaaaaaaaaaa, and b of bbbbbbbbbbbb: merge the shards of one commit.",
        ),
        (replace(SECOND, commit=""), "a is of aaaaaaaaaaaa, and b of a commit that nobody knows: merge the shards"),
        (
            run(replace(TWO, suite="4567", all_gates=3)),
            "a and b did not collect the same tests (2 and 3 gates), so some may have run in neither: look at their "
            "logs for files that one could not collect, and give every shard the same packages, the same options, and "
            "tests whose names depend on no machine.",
        ),
        (run(replace(TWO, suite="4567")), "a and b did not collect the same tests (2 and 2 gates), so some may have"),
    ],
)
@pytest.mark.parametrize("swapped", [False, True])
def test_what_does_not_belong_together_is_refused(second: RunReport, sentence: str, swapped: bool) -> None:
    runs = {"b": second, "a": FIRST} if swapped else {"a": FIRST, "b": second}
    with pytest.raises(ConfigError) as refusal:
        merge(runs)
    if not swapped:
        assert str(refusal.value).startswith(sentence)


def test_shards_beside_different_bases_are_refused() -> None:
    bases = [replace(each, base=replace(BASE, sha=sha * 40)) for each, sha in ((FIRST, "a"), (SECOND, "b"))]
    with pytest.raises(ConfigError, match="a was compared with aaaaaaaaaaaa, and b with bbbbbbbbbbbb"):
        merge(dict(zip("ab", bases, strict=True)))


@pytest.mark.parametrize("swapped", [False, True])
def test_a_shard_that_was_held_against_no_base_is_refused_beside_one_that_was(swapped: bool) -> None:
    runs = {"a": replace(FIRST, base=BASE), "b": SECOND}
    with pytest.raises(ConfigError) as refusal:
        merge(dict(reversed(runs.items())) if swapped else runs)
    assert str(refusal.value) == (
        f"a was compared with {BASE.sha[:12]}, and b with no base: give every shard the same --speedacc-against."
    )
    # One without a gate is no exception.
    three = {label: replace(each, shard=replace(each.shard, parts=3)) for label, each in runs.items() if each.shard}
    with pytest.raises(ConfigError, match="and c with no base"):
        merge({"a": three["a"], "c": run(Shard(3, 3, 0, 2, "0123"), verdicts=())})


@pytest.mark.parametrize("problems", [("there is no such base",), ()])
def test_one_that_came_to_no_base_is_told_and_not_refused(problems: tuple[str, ...]) -> None:
    merged = merge({"a": replace(FIRST, base=BASE), "b": replace(SECOND, verdicts=(), problems=problems)})
    assert merged.problems == (f"b: {problems[0] if problems else 'no model gate was judged'}",)


def test_the_base_against_itself_is_told_of_each_shard_in_a_line_of_its_own() -> None:
    canary = f"The base against itself (tests/test_it.py::test_{'x' * 100}): +0.1 % in 9 launches, where 0 % is true."
    base = replace(BASE, canary=canary)
    # Of a run in which there is nothing to see the heading alone is told.
    runs = {label: replace(each, base=base, lost=("x is gone",)) for label, each in (("a", FIRST), ("b", SECOND))}
    lines = [line for line in markdown(merge(runs)).splitlines() if "The base against itself" in line]
    assert [line[:5] for line in lines] == ["- a: ", "- b: "]
    assert all(line.endswith("where 0 % is true.") for line in lines)
    again = merge({"3.12": merge(runs), "3.13": replace(FIRST, base=base, shard=None)})
    assert again.base
    assert [line[:9] for line in again.base.canary.splitlines()] == ["3.12: a: ", "3.12: b: ", "3.13: The"]


def test_files_that_an_update_changed_on_one_machine_are_of_the_same_commit() -> None:
    assert merge({"a": FIRST, "b": replace(SECOND, commit=f"{COMMIT}-dirty")}).commit == f"{COMMIT}-dirty"


def test_what_every_shard_lost_is_lost_once() -> None:
    lost = {"lost": ("Lost gate: x is gone",), "losses_fail": True}
    assert merge({"a": replace(FIRST, **lost), "b": replace(SECOND, **lost)}).lost == lost["lost"]  # type: ignore[arg-type]


def test_a_report_keeps_its_shard_and_bounds_it(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_json(path, FIRST)
    assert read_report(path).shard == ONE
    text = path.read_text("utf-8")
    for number in ("0", "1001"):
        path.write_text(re.sub('"parts": 2', f'"parts": {number}', text), "utf-8")
        with pytest.raises(ConfigError, match=r"is no report of --speedacc-report at \$\.shard\.parts"):
            read_report(path)


def test_the_command_line_tells_a_missing_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, each in {"1": FIRST, "2": SECOND}.items():
        write_json(tmp_path / f"{name}.json", each)
    out = str(tmp_path / "all.json")
    assert main(["merge", str(tmp_path / "1.json"), str(tmp_path / "2.json"), "-o", out]) == 0
    assert read_report(Path(out)).shard is None
    assert main(["merge", str(tmp_path / "1.json"), "-o", out]) == 1
    assert "The report of shard 2 of 2 is missing" in capsys.readouterr().out
    assert read_report(Path(out)).failed
