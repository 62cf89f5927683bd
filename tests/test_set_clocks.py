"""Clocks that were set before this plugin was loaded, in processes of their own."""

from __future__ import annotations

import pytest
from scratch_project import Project, assert_says

GATE = """
@pytest.mark.speedacc(min_accuracy=0.5, max_latency="1 h")
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""


@pytest.mark.parametrize(
    ("sets", "says"),
    [
        ("lambda: 1", "the clock stood still before the model was timed, as under freezegun"),
        ("lambda read=time.perf_counter_ns: read() // 2", "two clocks of this machine disagree: while the model was"),
    ],
    ids=["stopped", "slow"],
)
def test_a_clock_that_was_set_before_is_refused(project: Project, sets: str, says: str) -> None:
    project.pytester.makepyfile(sets_clock=f"import time\ntime.perf_counter_ns = {sets}\n")
    project.write(GATE)
    result = project.pytester.runpytest_subprocess("-psets_clock", "-pbenchmark", "-pspeedacc")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, says)


def test_the_clocks_are_taken_as_the_plugin_is_loaded(project: Project) -> None:
    project.write("")
    project.pytester.makeconftest(
        "import sys\nassert 'pytest_speedacc.measure.clocks' in sys.modules\n"
        "assert 'numpy' not in sys.modules, 'and nothing heavy with them'\n"
    )
    result = project.pytester.runpytest_subprocess("-pbenchmark", "-pspeedacc", "--co", "-q")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED, result.stdout.str()
