"""A model that forks, in a process of its own, for a child that came back would run the rest of the tests too."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.measure.forks import one_process

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
COMES_BACK = """
import os

def forks(batch):
    if {when}:
        # Waited for, since one that comes back late is ended as well, and named only if the gate still runs.
        child = os.fork()
        if child:
            os.waitpid(child, 0)
    return model(batch)

@pytest.mark.speedacc(min_accuracy=0.5, max_latency="1 h")
def test_it(speedacc):
    speedacc.check(forks, inputs, targets)
"""


@pytest.mark.parametrize(
    "when", ["len(batch) > 1", "len(batch) == 1 and not os.path.exists('once') and open('once', 'w')"]
)
def test_a_child_that_comes_back_from_a_call_is_ended_and_named(project: Project, when: str) -> None:
    project.write(COMES_BACK.format(when=when))
    result = project.run_apart()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, "the model forks, and its child comes back from the call and would go on with the test: it was")
    assert output(result).count("short test summary") == 1


def square(number: int) -> int:
    return number * number


def test_a_child_that_does_its_work_and_ends_is_nobodys_business() -> None:
    with one_process():
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
        with ProcessPoolExecutor(1, get_context("fork")) as pool:
            assert pool.submit(square, 3).result() == 9
