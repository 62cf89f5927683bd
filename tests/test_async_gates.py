"""Gates of async models: outside a loop with ``check``, and in the test's own with ``acheck``."""

from __future__ import annotations

import json

import pytest
from scratch_project import Project, assert_says, output

PAUSES = """
import asyncio
import time

async def pauses(batch):
    await asyncio.sleep(0.002)
    return model(batch)
"""


def gate(project: Project) -> dict:
    [found] = json.loads((project.pytester.path / "out.json").read_text())["gates"]
    return {(row["metric"], row["statistic"]): row for row in found["measured"]} | {"verdict": found["verdict"]}


def test_outside_a_loop_it_is_a_gate_like_any_other(project: Project) -> None:
    project.write(
        f"""{PAUSES}
@pytest.mark.speedacc(min_accuracy=1, max_latency="1 s")
def test_it(speedacc):
    speedacc.check(pauses, inputs, targets)
"""
    )
    project.run("--speedacc-report=out.json").assert_outcomes(passed=1)
    found = gate(project)
    assert found["latency", "median"]["observed"] > 0.0015
    assert ("throughput", "") not in found


WATCHED = f"""{PAUSES}
seen = []

async def sees(batch):
    seen.append("call_soon" in vars(asyncio.get_running_loop()))
    if seen[-1] and RAISES:
        raise OSError("watched")
    return await pauses(batch)

RAISES = False

@pytest.mark.speedacc(min_accuracy=1, max_latency="LIMIT")
def test_it(speedacc):
    try:
        speedacc.check(sees, inputs, targets)
    finally:
        print("watched:", any(seen))
"""


@pytest.mark.parametrize(
    ("limit", "options", "watched"),
    [("1 s", (), False), ("20 us", (), True), ("1 s", ("--speedacc-profile",), True)],
    ids=["fast enough", "too slow", "asked for"],
)
def test_the_loop_is_watched_where_a_latency_is_too_slow_or_somebody_asks(
    project: Project, limit: str, options: tuple[str, ...], watched: bool
) -> None:
    pytest.importorskip("yappi")
    project.write(WATCHED.replace("LIMIT", limit))
    # A busy machine may leave open what is too slow.
    result = project.run("-s", "--speedacc-report=out.json", "--speedacc-inconclusive=fail", *options)
    assert result.ret == (pytest.ExitCode.TESTS_FAILED if limit == "20 us" else pytest.ExitCode.OK)
    assert_says(result, f"*watched: {watched}*")
    found = gate(project)
    assert (("latency", "awaited") in found) == watched
    if watched:
        assert found["latency", "awaited"]["observed"] > 0.001
        assert found["latency", "own code"]["observed"] < found["latency", "awaited"]["observed"]


def test_a_model_that_cannot_be_watched_is_judged_all_the_same(project: Project) -> None:
    project.write(WATCHED.replace("LIMIT", "20 us").replace("RAISES = False", "RAISES = True"))
    result = project.run("--speedacc-report=out.json", "--speedacc-inconclusive=fail")
    result.assert_outcomes(failed=1)
    assert gate(project)["latency", "median"]["observed"] > 0.0015
    assert_says(result, "*the model raised OSError while it was watched for what it waits for: watched*")


def test_under_load_there_is_a_throughput_and_the_calls_in_flight_are_told(project: Project) -> None:
    project.write(
        f"""{PAUSES}
@pytest.mark.speedacc(min_accuracy=1, max_latency="1 s")
def test_it(speedacc):
    speedacc.check(pauses, inputs, targets, concurrency=8)

def test_measured(speedacc):
    assert speedacc.measure(pauses, inputs, targets).latency.concurrency == 1
"""
    )
    project.run("--speedacc-report=out.json").assert_outcomes(passed=2)
    found = gate(project)
    assert found["latency", "median"]["note"].endswith(", 8 in flight")
    # One after the other, 2 ms each, it would be 500 a second.
    assert found["throughput", ""]["observed"] > 800
    assert found["throughput", ""]["unit"] == "1/s"


def test_a_load_is_compared_with_the_same_load_only(project: Project) -> None:
    pytest.importorskip("yappi")
    body = f"""{PAUSES}
@pytest.mark.speedacc(LIMITS)
def test_it(speedacc):
    speedacc.check(pauses, inputs, targets, concurrency=CONCURRENCY)
"""
    project.write(body.replace("LIMITS", "min_accuracy=1").replace("CONCURRENCY", "2"))
    project.run_apart("--speedacc-update").assert_outcomes(passed=1)
    project.write(body.replace("LIMITS", 'max_stored_latency_increase="30 %"').replace("CONCURRENCY", "3"))
    result = project.run_apart()
    assert_says(result, "*the baseline is of concurrency=2, not 3: renew it with*")


def test_in_the_loop_of_the_test_its_own_tasks_go_on_and_are_told_apart(project: Project) -> None:
    pytest.importorskip("pytest_asyncio")
    project.write(
        f"""{PAUSES}
async def blocks():
    while True:
        time.sleep(0.006)
        await asyncio.sleep(0)

@pytest.mark.asyncio
@pytest.mark.speedacc(min_accuracy=1, max_latency="1 us")
async def test_it(speedacc):
    loop = asyncio.get_running_loop()

    async def served(batch):
        assert asyncio.get_running_loop() is loop
        return await pauses(batch)

    task = asyncio.create_task(blocks())
    try:
        await speedacc.acheck(served, inputs, targets)
    finally:
        task.cancel()
"""
    )
    result = project.run(plugins=("asyncio",))
    result.assert_outcomes(failed=1)
    assert_says(result, "  of a call, * are its own code, * waiting for a turn of the event loop, * for what it awaits")
    assert_says(result, "  hint: the event loop is busy with something else: run what blocks it in a thread")


def test_the_verdict_is_returned_and_a_second_one_needs_a_name(project: Project) -> None:
    pytest.importorskip("pytest_asyncio")
    project.write(
        f"""{PAUSES}
pytestmark = [pytest.mark.asyncio, pytest.mark.speedacc(min_accuracy=1)]

async def test_it(speedacc):
    verdict = await speedacc.acheck(pauses, inputs, targets, batch_size=4)
    assert verdict.outcome.word == "passed"
    await speedacc.acheck(pauses, inputs, targets, name="again")

async def test_twice(speedacc):
    await speedacc.acheck(pauses, inputs, targets)
    await speedacc.acheck(pauses, inputs, targets)

async def test_wrong_way(speedacc):
    speedacc.check(pauses, inputs, targets)

async def test_misspelt(speedacc):
    await speedacc.acheck(pauses, inputs, targets, batchsize=4)
"""
    )
    result = project.run(plugins=("asyncio",))
    result.assert_outcomes(passed=1, failed=3)
    assert_says(result, "*check() was called twice in one test: give each check its own name=.")
    assert_says(result, "*inside a running event loop*: use await speedacc.acheck(...) there.")
    assert_says(result, "*acheck() has no keyword 'batchsize'. Did you mean 'batch_size'?*")


def test_what_an_async_model_raises_is_told(project: Project) -> None:
    project.write(
        """
async def fails(batch):
    raise ConnectionError("upstream is gone")

@pytest.mark.speedacc(min_accuracy=1)
def test_it(speedacc):
    speedacc.check(fails, inputs, targets)
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, "*the model raised ConnectionError while predicting samples 0 to 59: upstream is gone*")


def test_nothing_is_left_open_at_the_end(project: Project) -> None:
    project.write(
        f"""{PAUSES}
@pytest.mark.speedacc(min_accuracy=1)
def test_it(speedacc):
    speedacc.check(pauses, inputs, targets)
"""
    )
    result = project.run_apart("-W", "error")
    result.assert_outcomes(passed=1)
    assert "ResourceWarning" not in output(result)


def test_stages_of_a_slow_model_are_told(project: Project) -> None:
    project.write(
        """
import time
import pytest_speedacc

def staged(batch):
    with pytest_speedacc.stage("preprocess"):
        time.sleep(0.003)
    with pytest_speedacc.stage("predict"):
        return model(batch)

@pytest.mark.speedacc(max_latency="1 us")
def test_it(speedacc):
    with speedacc.stage("outside"):
        speedacc.check(staged, inputs, targets)
"""
    )
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, "  by stage: preprocess * ms (*%), predict * (*%)")
