"""``--speedacc-selfcheck``: does this machine see what it should, and nothing else?

A small suite is written twice into a scratch folder, the second time with known faults, and judged by the machinery
of a live run. Nothing of the user's project is run.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np

from pytest_speedacc.axes.memory import MEMORY
from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.config.settings import Bound, parse_bound
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Amount
from pytest_speedacc.judge.accuracy import PairedEvidence, judge_drop
from pytest_speedacc.judge.exact import judge_amount
from pytest_speedacc.judge.live_increase import judge_live_increase, live_alpha, undecided
from pytest_speedacc.judge.verdict import Check, Finding, Outcome, because, check_of
from pytest_speedacc.live.until_decided import Budget, run_until_decided
from pytest_speedacc.live.workers.side import Side
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.launches import LiveGate, LiveRun
from pytest_speedacc.report.sentences import told
from pytest_speedacc.stats.sequence import half_width

USUAL = LiveSettings()
LAUNCHES = 8
SECONDS = 60.0
SLOWER = 0.2
TOLERANCES = {
    "unchanged": ("max_latency_increase", "5 %"),
    "slower": ("max_latency_increase", "5 %"),
    "less accurate": ("max_accuracy_drop", "0.5 pp"),
    "hungrier": ("max_memory_increase", "5 %"),
}
FAULTS = {
    "unchanged": "the same code twice",
    "slower": f"{SLOWER:.0%} more of the same work",
    "less accurate": "2 of 100 predictions wrong",
    "hungrier": "1 MiB more allocated in a call",
}

SUITE = """
import numpy as np

WORK, WRONG, HELD = {work}, {wrong}, {held}
INPUTS = np.arange(400.0).reshape(100, 4)
TARGETS = (INPUTS[:, 0] > 200).astype(int)


def model(work=100, wrong=0, held=0):
    def predict(batch):
        kept = np.ones(held, dtype=np.uint8)
        for _ in range(work):
            sum(range(200))
        labels = (batch[:, 0] > 200).astype(int)
        labels[batch[:, 0] < 4 * wrong] = 1
        return labels
    return predict


def test_unchanged(speedacc):
    speedacc.check(model(), INPUTS, TARGETS)


def test_slower(speedacc):
    speedacc.check(model(work=WORK), INPUTS, TARGETS)


def test_less_accurate(speedacc):
    speedacc.check(model(wrong=WRONG), INPUTS, TARGETS)


def test_hungrier(speedacc):
    speedacc.check(model(held=HELD), INPUTS, TARGETS)
"""


@dataclass(frozen=True, slots=True)
class SelfCheck:
    """What the suite showed."""

    checks: Mapping[str, Check[str]]
    """By the names of ``FAULTS``."""
    resolution: float
    """About the smallest slow-down that a live run of usual length would fail here, as a fraction."""
    run: LiveRun

    @property
    def sound(self) -> bool:
        """Whether the unchanged model was not failed, and every fault was."""
        outcomes = {name: check.outcome for name, check in self.checks.items()}
        return outcomes.pop("unchanged") is not Outcome.FAILED and set(outcomes.values()) == {Outcome.FAILED}


def main(options: Any) -> int:
    """Run the suite, print the answer, and give the exit code: 0 when verdicts can be believed, else 1."""
    others = [name for name, value in vars(options).items() if name.startswith("speedacc_") and value]
    others.remove("speedacc_selfcheck")
    if others:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in others)
        print(f"ERROR: speedacc: --speedacc-selfcheck runs nothing of this project, so {given} means nothing with it.")
        return 4
    try:
        result = selfcheck(lambda text: None)
    except GateError as error:
        print(f"ERROR: speedacc: the self-check came to nothing: {error}")
        return 1
    print(*selfcheck_lines(result), sep="\n")
    return 0 if result.sound else 1


def selfcheck(say: Callable[[str], None]) -> SelfCheck:
    """Run the suite; takes about a minute. Raises GateError when a worker is lost."""
    bounds = {_test(name): (parse_bound(*TOLERANCES[name], "selfcheck"),) for name in FAULTS}
    latencies = {test: tuple(bound for bound in found if bound.setting.is_noisy) for test, found in bounds.items()}
    with tempfile.TemporaryDirectory(prefix="pytest-speedacc-selfcheck-") as folder:
        scratch = Path(folder)
        base, candidate = scratch / "base", scratch / "candidate"
        _write(base, work=100, wrong=0, held=1 << 20)
        _write(candidate, work=round(100 * (1 + SLOWER)), wrong=2, held=2 << 20)
        run = run_until_decided(
            _side("candidate", candidate, base),
            _side("base", base, candidate),
            tuple(bounds),
            ("-p", "no:cacheprovider", "--color=no"),
            tails=frozenset(),
            undecided=partial(undecided, bounds=latencies),
            budget=Budget(LAUNCHES, SECONDS),
            scratch=scratch,
            timeout=SECONDS,
            allow_slow_setup=False,
            say=say,
        )
    if run.lost:
        raise GateError(run.lost)
    alpha = live_alpha(run.compared, latencies)
    checks = {name: told(_judge(bounds[_test(name)][0], run.gates[_test(name), ""], run, alpha)) for name in FAULTS}
    return SelfCheck(checks, _resolution(run, bounds[_test("unchanged")][0].value, alpha), run)


def selfcheck_lines(result: SelfCheck) -> list[str]:
    """The plain answer."""
    lines = [f"Measured on {Environment.current().describe()}, in {result.run.seconds:.0f} s."]
    for name, check in result.checks.items():
        expected = "should not fail" if name == "unchanged" else "should fail"
        shown = f"{format_value(check.observed, Kind.CHANGE)}, " if check.kind is Kind.CHANGE and check.observed else ""
        lines.append(f"{name} ({FAULTS[name]}): {check.outcome.word}, {expected}: {shown}{check.reason}")
    verdict = "Verdicts on this machine can be believed" if result.sound else "Verdicts here cannot be believed now"
    return [
        *lines,
        f"{verdict}. In {USUAL.launches} launches, a live run can tell a slow-down of {result.resolution:.1%} or more.",
    ]


def _test(name: str) -> str:
    return f"test_selfcheck.py::test_{name.replace(' ', '_')}"


def _write(folder: Path, **values: int) -> None:
    folder.mkdir()
    (folder / "test_selfcheck.py").write_text(SUITE.format(**values), "utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", "utf-8")


def _side(label: str, own: Path, other: Path) -> Side:
    return Side(
        label=label,
        root=own,
        other_root=other,
        folder=own,
        python=sys.executable,
        sys_path=tuple(sys.path),
        one_thread=True,
        rootdir=own,
    )


def _resolution(run: LiveRun, tolerance: float, alpha: float) -> float:
    """From the spread of the launches seen, for as many as a live run has by default."""
    spreads = [stdev(launch.difference for launch in gate.launches) for gate in run.gates.values() if gate.launches[1:]]
    slower = half_width(max(spreads), USUAL.launches, alpha)
    return max(tolerance, math.expm1(math.log1p(tolerance) / 5 + slower))


def _judge(bound: Bound, gate: LiveGate, run: LiveRun, alpha: float) -> Finding:
    if bound.setting.is_noisy:
        return judge_live_increase(bound, gate, run.canary, alpha)
    ours, theirs = gate.candidate, gate.base
    if ours is None or theirs is None:
        raise GateError(f"the first launch did not measure both sides: {gate.problem}")
    if bound.setting.metric == MEMORY.name:
        return _judge_memory(bound, ours.amounts.get(MEMORY.name), theirs.amounts.get(MEMORY.name))
    now, former = ours.value, theirs.value
    if now is None or former is None:
        raise GateError("one side of the self-check's gate has no score")
    accuracy = Accuracy("accuracy", now, True, True, np.empty(0), None)
    return judge_drop(bound, accuracy, PairedEvidence(former, True, theirs.samples, None, None), "exact")


def _judge_memory(bound: Bound, ours: Amount | None, theirs: Amount | None) -> Finding:
    if ours is None or theirs is None:
        return check_of(bound, None, Outcome.FAILED, because("text", text="memory cannot be measured on this machine"))
    return judge_amount(bound, ours, theirs)
