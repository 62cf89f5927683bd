"""The harness that measures how often a verdict is wrong: its own answers on data whose answer is known."""

from __future__ import annotations

import contextlib
import json
import lzma
import math
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from benchmarks import busy, promises
from benchmarks.verdicts import tally
from benchmarks.verdicts.gates import ONE_THREAD, SECOND, repeated, repeats
from benchmarks.verdicts.measure import measure
from benchmarks.verdicts.record import FILE, Cell, Launch, Suite, append_suites, read_suites
from benchmarks.verdicts.replay import by_itself, by_others, ends, runs_of, slowed
from benchmarks.verdicts.report import report
from benchmarks.verdicts.rules import BEFORE, LIVE, RULES, judge, live, trials
from benchmarks.verdicts.stopping import STOPS, narrow, stopped
from benchmarks.verdicts.unchanged import biases, correlation, side_to_side

ROOT = Path(__file__).parents[1]
GATES = tuple(ONE_THREAD)
QUIET = tally.Mode("one", "quiet")


def cell(percent: int = 0, *, gates: tuple[str, ...] = GATES, all_launches: int | None = None) -> Cell:
    return Cell(percent, "quiet", "one", gates, all_launches)


def synthetic(
    where: Cell, number: int, *, slower: float = 0.0, sd: float = 0.01, day: float = 0.0, lost: str = ""
) -> Suite:
    """A suite whose launches scatter by ``sd``, on a machine that is slower by ``day`` than it usually is."""
    random = np.random.default_rng([number, where.percent])

    def launch(k: int) -> Launch:
        difference = math.log1p(slower) + sd * float(random.normal())
        base = 1e-3 * (1 + day) * (1 + 0.002 * random.normal(size=20))
        rounds = (tuple((base * math.exp(difference)).tolist()), tuple(base.tolist()))
        return Launch(difference, 0.01, 0.1, k + 1.0, *rounds, 1.0 + difference if k < 5 else None)

    return Suite(
        cell=where,
        started=float(number),
        seconds=60.0,
        machine="a machine",
        revision="abc",
        lost=lost,
        launches={gate: tuple(launch(k) for k in range(24)) for gate in where.gates},
        canary=(),
        usual=True,
    )


def verdicts(suites: list[Suite], rule: str) -> list[str | None]:
    return [judge(rule, trial) for trial in trials(suites)]


@pytest.mark.parametrize("percent", [0, 2, 5, 10, 20])
@pytest.mark.parametrize("gate", [*ONE_THREAD, *SECOND])
def test_a_slow_down_is_exact(gate: str, percent: int) -> None:
    base, candidate = repeats(gate, percent)
    assert 100 * (candidate - base) == percent * base


def test_a_slow_down_that_would_not_be_exact_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 % is not exact with 10 or 20 or 50 repeats"):
        repeats("sklearn_svm", 3)


def test_a_call_does_its_work_so_many_times() -> None:
    calls: list[object] = []
    repeated(calls.append, 21)("rows")
    assert calls == ["rows"] * 21


def test_the_plugin_passes_unchanged_suites_and_fails_slow_ones() -> None:
    assert verdicts([synthetic(cell(), number) for number in range(5)], "this plugin, live") == ["passed"] * 50
    slow = [synthetic(cell(10), number, slower=0.1) for number in range(5)]
    assert verdicts(slow, "this plugin, live") == ["failed"] * 50


def test_the_plugin_cannot_tell_where_launches_scatter_too_much() -> None:
    assert set(verdicts([synthetic(cell(), 0, sd=0.3)], "this plugin, live")) == {"inconclusive"}


TOLERANCE = math.log1p(0.03)


def test_a_verdict_uses_the_launches_up_to_the_one_that_decided() -> None:
    suite = synthetic(cell(), 0)
    end = ends(suite, by_others, TOLERANCE)[GATES[0]]
    assert 3 <= end.launches < 24
    of_others = [[launch.difference for launch in suite.launches[gate][: end.launches]] for gate in GATES[1:]]
    # None of these gates had been decided before.
    assert end.launches == 3
    assert end.usual == pytest.approx(math.sqrt(np.mean([np.var(each, ddof=1) for each in of_others])))
    trial = next(trials([suite]))
    assert (len(trial.launches), trial.usual) == (end.launches, end.usual)
    assert live(trial) == "passed"


def test_a_suite_is_judged_by_the_rule_that_stopped_it() -> None:
    today, before = synthetic(cell(), 0), replace(synthetic(cell(), 1), usual=False)
    assert [verdicts([suite], LIVE)[0] for suite in (today, before)] == ["passed", None]
    assert [verdicts([suite], BEFORE)[0] for suite in (today, before)] == [None, "passed"]
    assert ends(before, by_itself, TOLERANCE)[GATES[0]].launches >= 4
    assert tally.alarms(list(trials([today, before])), QUIET) == (0, 1)
    unstopped = replace(synthetic(cell(all_launches=24), 2), usual=False)
    assert verdicts([unstopped], LIVE)[0] == "passed"


def test_many_launches_are_as_many_runs() -> None:
    """Of 60 launches two runs of 24 each, and of what verdicts stopped one."""
    first = synthetic(cell(all_launches=60), 0)
    long = replace(first, launches={gate: (*each, *each, *each[:12]) for gate, each in first.launches.items()})
    assert [len(run.launches[GATES[0]]) for run in runs_of(long)] == [24, 24]
    assert list(runs_of(replace(long, cell=cell()))) == [replace(long, cell=cell())]


def test_a_canary_that_shows_as_much_takes_a_failure_back() -> None:
    slow = synthetic(cell(10), 0, slower=0.1)
    noise = tuple(slow.launches[GATES[0]])
    with_canary = Suite(**{name: getattr(slow, name) for name in slow.__slots__} | {"canary": noise})
    assert set(verdicts([with_canary], "this plugin, live")) == {"inconclusive"}


STORED = [name for name in RULES if not name.startswith("this plugin")]


@pytest.mark.parametrize(
    ("rule", "slower", "expected"),
    [
        ("this plugin, stored the same day", 0.0, "inconclusive"),
        ("this plugin, stored the same day", 0.3, "failed"),
        ("this plugin, stored the same day, tolerance 15 %", 0.0, "passed"),
        ("this plugin, stored the same day, tolerance 15 %", 0.2, "inconclusive"),
        ("this plugin, stored the same day, tolerance 15 %", 0.5, "failed"),
    ],
)
def test_the_plugins_stored_base_is_free_of_the_day_and_coarse(rule: str, slower: float, expected: str) -> None:
    before, after = synthetic(cell(), 0), synthetic(cell(20), 1, slower=slower, day=0.2)
    answers = verdicts([before, after], rule)
    assert answers[:10] == [None] * 10
    assert answers[10:].count(expected) >= 9


def test_stored_bases_are_told_apart_by_their_age() -> None:
    """Suites of noon, an hour later, and noon of the next day, which is another machine under the same name."""
    hours = (0, 1, 24)
    suites = [
        replace(synthetic(cell(), number, slower=0.6 * (hour == 24)), started=3600.0 * hour)
        for number, hour in enumerate(hours)
    ]
    same, before = (
        verdicts(suites, f"this plugin, stored the {day}, tolerance 15 %") for day in ("same day", "day before")
    )
    assert (same[:10], set(same[10:20]), same[20:]) == ([None] * 10, {"passed"}, [None] * 10)
    assert (before[:20], set(before[20:])) == ([None] * 20, {"failed"})


def test_runs_are_counted_beside_gates() -> None:
    """Two of ten gates of one run in three are slower: one alarm in three runs, and two in thirty gates."""
    suites = [synthetic(cell(), number) for number in range(3)]
    slow = synthetic(cell(), 1, slower=0.3)
    suites[1] = replace(suites[1], launches={**suites[1].launches, **{gate: slow.launches[gate] for gate in GATES[:2]}})
    every = list(trials(suites))
    assert tally.alarms(every, QUIET) == (1, 3)
    (of_gates,) = (one for one in tally.tallies(every) if one.rule == "this plugin, live")
    assert (of_gates.failed, of_gates.gates) == (2, 30)


@pytest.mark.parametrize("rule", STORED)
def test_a_rule_on_stored_times_compares_with_the_suite_before(rule: str) -> None:
    # Nothing changed but the day, which is 20 % slower: no rule on stored times can know that.
    answers = verdicts([synthetic(cell(), 0), synthetic(cell(), 1, day=0.2), synthetic(cell(), 2, day=0.2)], rule)
    assert answers == [None] * 10 + ["failed"] * 10 + [*answers[20:]]
    assert answers[20:].count("failed") <= 5


@pytest.mark.parametrize(
    ("rule", "slower", "expected"),
    [
        ("median > 5 %, one process", 0.04, "passed"),
        ("median > 5 %, one process", 0.06, "failed"),
        ("min > 5 %, same budget", 0.04, "passed"),
        ("min > 5 %, same budget", 0.06, "failed"),
        ("mean > 5 %, same budget", 0.04, "passed"),
        ("mean > 5 %, same budget", 0.06, "failed"),
        ("asv-like (10 % and Mann-Whitney)", 0.09, "passed"),
        ("asv-like (10 % and Mann-Whitney)", 0.11, "failed"),
        ("pyperf-like (t-test)", 0.01, "failed"),
        ("pyperf-like (t-test)", -0.01, "passed"),
    ],
)
def test_where_a_rule_on_stored_times_draws_the_line(rule: str, slower: float, expected: str) -> None:
    before = synthetic(cell(), 0, sd=1e-5)
    after = synthetic(cell(), 1, slower=slower, sd=1e-5)
    assert verdicts([before, after], rule)[10:] == [expected] * 10


def test_a_stored_run_of_another_program_is_not_compared_with() -> None:
    # At 2 % the base of this gate does its work 50 times instead of 20.
    gates = ("sklearn_svm",)
    suites = [synthetic(cell(0, gates=gates), 0), synthetic(cell(2, gates=gates), 1)]
    assert verdicts(suites, "min > 5 %, same budget") == [None, None]


def test_a_stored_run_of_another_machine_is_not_compared_with() -> None:
    suites = [synthetic(cell(), 0), replace(synthetic(cell(), 1), machine="another machine")]
    assert set(verdicts(suites, "min > 5 %, same budget")) == {None}


def test_a_replayed_slow_down_is_a_slow_down() -> None:
    suite = synthetic(cell(), 0)
    ours, theirs = suite.launches[GATES[0]][0], slowed(suite, 0.05).launches[GATES[0]][0]
    assert math.expm1(theirs.difference - ours.difference) == pytest.approx(0.05)


def test_the_tally_counts_with_exact_intervals() -> None:
    suites = [synthetic(cell(), number) for number in range(30)]
    found = next(one for one in tally.tallies(list(trials(suites))) if one.rule == "this plugin, live")
    assert (found.passed, found.inconclusive, found.failed) == (300, 0, 0)
    # The closed form without any event: the p at which 300 gates in a row go well with a probability of 2.5 %.
    assert found.interval == pytest.approx((0, 1 - 0.025 ** (1 / 300)))


def test_a_verdict_comes_sooner_than_by_the_rules_before() -> None:
    suites = [synthetic(cell(all_launches=24), number, sd=0.012) for number in range(4)]
    found = stopped(suites, slower=(0.0, 0.05))
    assert [(one.slower, one.rule) for one in found] == [(slow, rule) for slow in (0.0, 0.05) for rule in STOPS]
    (late, alone, now), (late_slow, alone_slow, now_slow) = found[:3], found[3:]
    assert (late.failed, alone.failed, now.failed) == (0, 0, 0)
    assert late.gates == now.passed == now_slow.failed == 40
    assert now.mean_launches < alone.mean_launches == late.mean_launches
    assert now_slow.mean_launches < alone_slow.mean_launches < late_slow.mean_launches


def test_gates_of_little_spread_are_told_apart() -> None:
    steady, wild = synthetic(cell(all_launches=24), 0), synthetic(cell(all_launches=24), 1, sd=0.1)
    mixed = replace(steady, launches={**steady.launches, GATES[0]: wild.launches[GATES[0]]})
    assert [list(suite.launches) for suite in narrow([mixed, wild])] == [list(GATES[1:])]


def test_what_favours_a_side_is_seen_and_what_is_chance_is_not() -> None:
    suites = [synthetic(cell(all_launches=24), number, sd=0.005) for number in range(6)]
    swapped = replace(cell(all_launches=24), swapped=True)
    suites += [synthetic(swapped, number, slower=0.01, sd=0.005) for number in range(6, 12)]
    found = biases(suites)
    assert [bias.gate for bias in found] == list(GATES)
    for bias in found:
        assert bias.usual is not None
        assert bias.swapped is not None
        assert abs(bias.usual[0]) < 2 * bias.usual[1]
        assert bias.usual[1] == pytest.approx(1.96 * 0.005 / 12, rel=0.2)
        assert abs(bias.swapped[0] - math.log(1.01)) < 2 * bias.swapped[1]
    assert side_to_side(biases(suites[:6])) < 5e-4
    assert side_to_side(found) == pytest.approx(math.log(1.01) / math.sqrt(2), rel=0.1)


def test_launches_that_resemble_each_other_are_seen() -> None:
    suites = [synthetic(cell(all_launches=24), number) for number in range(10)]
    alike, within = correlation(suites)
    assert abs(alike) < 1.5 * within
    paired = [
        replace(
            suite, launches={gate: tuple(each[k - k % 2] for k in range(24)) for gate, each in suite.launches.items()}
        )
        for suite in suites
    ]
    # Every second launch is the one before it.
    assert correlation(paired)[0] == pytest.approx(0.5, abs=0.1)


def test_the_number_for_the_machine() -> None:
    slow = {5: 0.05, 10: 0.1}
    suites = [synthetic(cell(all_launches=24), number) for number in range(10)]
    suites += [synthetic(cell(percent), 20, slower=slower) for percent, slower in slow.items()]
    counted = tally.tallies(list(trials(suites)))
    assert tally.smallest_measured(counted, "this plugin, live", QUIET) == 5
    replayed = tally.smallest_replayed(suites, QUIET, 24)
    assert replayed is not None
    assert 0.03 < replayed <= 0.05
    assert tally.smallest_replayed(suites, QUIET, 25) is None


def test_no_number_for_a_machine_with_false_alarms() -> None:
    suites = [synthetic(cell(), 0, slower=0.1), synthetic(cell(10), 1, slower=0.1)]
    assert tally.smallest_measured(tally.tallies(list(trials(suites))), "this plugin, live", QUIET) is None


def test_a_suite_that_ended_early_is_kept_and_not_counted(tmp_path: Path) -> None:
    append_suites(tmp_path, [synthetic(cell(), 0, lost="a worker died")])
    assert [suite.lost for suite in read_suites(tmp_path)] == ["a worker died"]
    assert list(trials(read_suites(tmp_path))) == []


def test_suites_that_keep_ending_early_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="3 suites in succession ended early, the last because a worker died"):
        measure(
            [(cell(),)],
            1,
            tmp_path,
            hours=1,
            run=lambda group: [synthetic(where, 0, lost="a worker died") for where in group],
            say=lambda text: None,
        )


def test_what_a_killed_run_wrote_of_a_suite_is_cut_off(tmp_path: Path) -> None:
    append_suites(tmp_path, [synthetic(cell(), 0)])
    with (tmp_path / FILE).open("ab") as file:
        file.write(b'{"cell": {"perc')
    assert len(read_suites(tmp_path)) == 1
    append_suites(tmp_path, [synthetic(cell(), 1)])
    assert [suite.started for suite in read_suites(tmp_path)] == [0.0, 1.0]


def test_what_was_packed_counts_and_nothing_counts_twice(tmp_path: Path) -> None:
    append_suites(tmp_path, [synthetic(cell(), 0), synthetic(cell(), 1)])
    with lzma.open(tmp_path / "monday.jsonl.xz", "wb") as packed:
        packed.write((tmp_path / FILE).read_bytes())
    append_suites(tmp_path, [synthetic(cell(), 2)])
    assert [suite.started for suite in read_suites(tmp_path)] == [0.0, 1.0, 2.0]
    (tmp_path / FILE).unlink()
    assert [suite.started for suite in read_suites(tmp_path)] == [0.0, 1.0]


def test_measuring_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    cells = [cell(0), cell(5)]
    started: list[Cell] = []

    def stopped_in_the_fourth(group: tuple[Cell, ...]) -> list[Suite]:
        started.append(group[0])
        if len(started) == 4:
            raise KeyboardInterrupt
        return [synthetic(where, len(started)) for where in group]

    def go() -> None:
        measure([(where,) for where in cells], 3, tmp_path, hours=1, run=stopped_in_the_fourth, say=lambda text: None)

    with pytest.raises(KeyboardInterrupt):
        go()
    assert len(read_suites(tmp_path)) == 3
    go()
    go()
    done = [suite.cell for suite in read_suites(tmp_path)]
    assert [done.count(where) for where in cells] == [3, 3]
    # In turn, so that no slow-down has the night to itself.
    assert started == [cells[0], cells[1], cells[0], cells[1], cells[1], cells[0], cells[1]]


def test_no_suite_is_started_after_the_time(tmp_path: Path) -> None:
    measure([(cell(),)], 3, tmp_path, hours=0, run=lambda where: pytest.fail("started"), say=lambda text: None)


def test_the_report_says_what_was_found(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for number in range(4):
        append_suites(tmp_path, [synthetic(cell(all_launches=24), number)])
        append_suites(tmp_path, [synthetic(cell(5), number, slower=0.05)])
    out = tmp_path / "docs" / "verdicts.md"
    report(tmp_path, out)
    text = out.read_text("utf-8")
    assert "in which any was called slower | at most 1 % | 0 of 4: 0.0 % (0.0 to 60.2) |" in text
    assert "| unchanged models called slower |  | 0 of 40: 0.0 % (0.0 to 8.8) |" in text
    assert "| 5 % slower caught, launch spread up to 2 % | 95 % | 40 of 40: 100.0 % (91.2 to 100.0) |" in text
    assert "as injected |  | **5 %** |" in text
    assert "A launch resembles the one before it by a correlation of " in text
    assert text.count("| with the spread of the other gates (now) |") == 4
    assert text.count("| now |") == 2
    found = json.loads(out.with_suffix(".json").read_text("utf-8"))
    # All of it on one day.
    assert {rule["rule"] for rule in found["rules"]} == {
        rule for rule in RULES if rule != BEFORE and "the day before" not in rule
    }
    assert out.with_suffix(".svg").read_text("utf-8").count("this plugin, live") == 1


def test_a_report_without_data_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"run `python -m benchmarks\.verdicts measure` first"):
        report(tmp_path, tmp_path / "verdicts.md")


@pytest.mark.thorough
def test_real_workers_survive_a_kill_of_the_harness(tmp_path: Path) -> None:
    """Killed after its first suite and run again: the same count, with every round on record."""
    command = [sys.executable, "-m", "benchmarks.verdicts", "measure", "--suites", "2", "--slowdown", "10"]
    command += ["--gates", "python_trees", "--all-launches", "1", "--data", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert first.stdout.readline().startswith("1 of 2")
        os.kill(first.pid, signal.SIGKILL if hasattr(signal, "SIGKILL") else signal.SIGTERM)
    assert len(read_suites(tmp_path)) == 1
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert second.stdout.startswith("2 of 2")
    suites = read_suites(tmp_path)
    assert [suite.lost for suite in suites] == ["", ""]
    launch = suites[0].launches["python_trees"][0]
    assert len(launch.candidate) == len(launch.base) == 40
    quads = [
        math.log(min(launch.candidate[i : i + 2]) / min(launch.base[i : i + 2])) for i in range(0, len(launch.base), 2)
    ]
    # The rounds on record are those that the plugin judged.
    assert launch.difference == pytest.approx(np.median(quads), abs=1e-4)


def test_a_broken_promise_ends_the_simulation_of_intervals_with_an_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name, truth, within_unit, promised, draw = promises.CASES[0]
    monkeypatch.setattr(promises, "RESAMPLES", 50)
    monkeypatch.setattr(sys, "argv", ["promises", "--runs", "20", "--only", "RMSE, 50 samples"])
    for true, code in ((truth, 0), (truth + 1, 1)):
        monkeypatch.setattr(promises, "CASES", ((name, true, within_unit, promised, draw),))
        assert promises.main() == code
    assert "| RMSE, 50 samples | 6 % | 0.0 % | 100.0 % | 0.0 %, 100.0 % |" in capsys.readouterr().out


@pytest.mark.parametrize("samples", [20, 200])
def test_the_simulated_area_is_that_of_scikit_learn(samples: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    targets, scores = random.random(samples) < 0.4, random.standard_normal(samples)
    for indices in (np.arange(samples), random.integers(samples, size=samples)):
        expected = metrics.roc_auc_score(targets[indices], scores[indices])
        assert promises.area(targets, scores)(indices) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ({1.3: "inconclusive", 0.5: "inconclusive", 0.01: "failed"}, 0),
        ({1.3: "failed", 0.5: "failed", 0.01: "failed"}, 1),
        ({1.3: "passed", 0.5: "passed", 0.01: "failed"}, 1),
        ({1.3: "passed", 0.5: "failed", 0.01: "inconclusive"}, 1),
    ],
)
def test_a_verdict_that_others_caused_is_seen(
    outcomes: dict[float, str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(folder: Path, limit: float) -> tuple[str, float, int]:
        return outcomes.get(round(limit / 0.002, 3), "passed"), 0.002, 61

    monkeypatch.setattr(busy, "_run", run)
    monkeypatch.setattr(busy, "_beside", lambda count: contextlib.nullcontext())
    monkeypatch.setattr(sys, "argv", ["busy", "--runs", "2"])
    assert busy.main() == code
    assert f"| 2 {outcomes[1.3]} | 2 {outcomes[0.5]} | 2 {outcomes[0.01]} |" in capsys.readouterr().out
