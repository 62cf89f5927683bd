"""The self-check: real workers on a suite with known faults."""

import re
from argparse import Namespace
from dataclasses import replace

import pytest

from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.verdict import Outcome, check_of
from pytest_speedacc.measure.launches import LiveRun
from pytest_speedacc.report.sentences import told
from pytest_speedacc.session.selfcheck import FAULTS, SelfCheck, main, selfcheck_lines
from tests.values import text

RUN = LiveRun(
    gates={}, canary=(), canary_test="", base_gates=(), lost_checks=(), failures={}, compared=(), lost="", seconds=20.0
)
CHECK = told(check_of(parse_bound("max_parameters", 1, "test"), 1, Outcome.FAILED, text("a reason")))


def result(**outcomes):
    checks = {name: replace(CHECK, outcome=outcomes.get(name.replace(" ", "_"), Outcome.FAILED)) for name in FAULTS}
    return SelfCheck(checks, 0.05, RUN)


@pytest.mark.parametrize(
    ("outcomes", "sound"),
    [
        ({"unchanged": Outcome.PASSED}, True),
        ({"unchanged": Outcome.INCONCLUSIVE}, True),
        ({"unchanged": Outcome.FAILED}, False),
        ({"unchanged": Outcome.PASSED, "slower": Outcome.INCONCLUSIVE}, False),
        ({"unchanged": Outcome.PASSED, "hungrier": Outcome.PASSED}, False),
        ({"unchanged": Outcome.PASSED, "less_accurate": Outcome.PASSED}, False),
    ],
)
def test_sound_is_no_false_alarm_and_every_fault_found(outcomes, sound):
    found = result(**outcomes)
    assert found.sound is sound
    assert ("can be believed. In 24 launches" in selfcheck_lines(found)[-1]) is sound


def test_an_option_that_means_nothing_beside_it_is_refused(capsys):
    assert main(Namespace(speedacc_selfcheck=True, speedacc_update=True, speedacc_reason=None)) == 4
    assert "--speedacc-update means nothing with it" in capsys.readouterr().out


@pytest.mark.thorough
def test_a_real_run_finds_the_faults_and_answers_plainly(pytester: pytest.Pytester):
    pytester.makepyfile("raise SystemExit('none of the tests of the project may run')")
    done = pytester.runpytest_subprocess("-pspeedacc", "--speedacc-selfcheck")
    text = str(done.stdout)
    # What does not rest on times is the same on every machine; the verdicts on times depend on the neighbours.
    assert re.search(r"^less accurate \(2 of 100 predictions wrong\): failed, should fail", text, re.M)
    assert re.search(r"^hungrier \(1 MiB more allocated in a call\): failed, should fail", text, re.M)
    assert re.search(r"^unchanged \(the same code twice\): (passed|inconclusive), should not fail", text, re.M)
    assert re.search(r"^slower \(20% more of the same work\): (failed|inconclusive), should fail: \+\d", text, re.M)
    assert (done.ret == 0) is ("Verdicts on this machine can be believed" in text)
