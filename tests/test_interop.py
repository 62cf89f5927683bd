"""Other plugins beside this one: each changes how tests run, and none may change what a gate decides."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.cli import main as compare
from scratch_project import Project, assert_says, output

GATES = """
@pytest.mark.speedacc(min_accuracy=0.9, max_latency="5 s")
def test_good(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(min_accuracy=0.9, max_latency="5 s")
def test_bad(speedacc):
    speedacc.check(lambda batch: 1 - model(batch), inputs, targets)

def test_other():
    pass
"""
NEWS = "speedacc failed: accuracy 0, allowed at least 0.9"


def verdicts(path: Path) -> dict[str, str]:
    """The verdict of each gate in a report."""
    return {gate["test"]: gate["verdict"] for gate in json.loads(path.read_text())["gates"]}


EXPECTED = {"test_model.py::test_good": "passed", "test_model.py::test_bad": "failed"}


@pytest.fixture
def gates(project: Project) -> Project:
    """A gate that passes, one that fails, and a test that is none."""
    project.write(GATES)
    return project


def assert_judged(gates: Project, result: pytest.RunResult) -> None:
    """Both gates got the verdict they deserve, in the outcomes, the text, the report and the exit code."""
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.assert_outcomes(passed=2, failed=1)
    assert_says(result, NEWS)
    assert "PytestBenchmarkWarning" not in output(result)
    assert verdicts(gates.pytester.path / "out.json") == EXPECTED


class TestBenchmark:
    def entries(self, gates: Project) -> dict[str, Any]:
        document = json.loads((gates.pytester.path / "bench.json").read_text())
        return {entry["name"]: entry for entry in document["benchmarks"]}

    def test_every_gate_is_an_entry_of_the_table_and_of_the_json(self, gates: Project) -> None:
        result = gates.run("--benchmark-json=bench.json", "--speedacc-report=out.json")
        assert_judged(gates, result)
        assert_says(result, "benchmark: 2 tests")
        entries = self.entries(gates)
        assert {name: entry["extra_info"]["speedacc"] for name, entry in entries.items()} == {
            "test_good": "passed",
            "test_bad": "failed",
        }
        gate = json.loads((gates.pytester.path / "out.json").read_text())["gates"][0]
        [median] = [row for row in gate["measured"] if row["statistic"] == "median"]
        entry = entries["test_good"]
        assert entry["fullname"] == "test_model.py::test_good"
        # Calls too short for this machine's clock are timed in rounds.
        assert re.search(rf"\b{entry['stats']['rounds']} (calls|rounds)", median["note"])
        assert len(entry["stats"]["data"]) == entry["stats"]["rounds"]
        assert entry["stats"]["median"] == pytest.approx(median["observed"])

    @pytest.mark.parametrize(
        ("options", "addopts", "shown"),
        [
            ((), "", 1),
            (("-v",), "", 3),
            (("--benchmark-columns=median",), "", 3),
            ((), "--benchmark-sort=name", 3),
        ],
    )
    def test_its_table_has_gates_where_somebody_asks_for_it(
        self, gates: Project, options: tuple[str, ...], addopts: str, shown: int
    ) -> None:
        gates.write(GATES + "\ndef test_own(benchmark):\n    benchmark(sum, [1, 2])\n")
        gates.pytester.makeini(f"[pytest]\naddopts = {addopts}")
        assert_says(gates.run(*options), f"benchmark: {shown} tests")

    def test_without_a_benchmark_of_ones_own_there_is_no_table(self, gates: Project) -> None:
        assert "Legend:" not in output(gates.run())

    def test_its_own_compare_takes_the_files(
        self, gates: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        names = ["before.json", "after.json"]
        for name in names:
            gates.run(f"--benchmark-json={name}")
        monkeypatch.chdir(gates.pytester.path)
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["pytest-benchmark", "compare", *names])
        compare()
        shown = capsys.readouterr().out
        assert [len(re.findall(rf"^test_{gate} .*\(", shown, re.M)) for gate in ("good", "bad")] == [2, 2]

    def test_each_named_check_is_an_entry(self, project: Project) -> None:
        project.write(
            """
@pytest.mark.speedacc(min_accuracy=0.9)
def test_two(speedacc):
    speedacc.check(model, inputs, targets, name="one")
    speedacc.check(model, inputs, targets, name="other", batch_size=4)
"""
        )
        project.run("--benchmark-json=bench.json")
        sizes = {name: entry["extra_info"]["batch_size"] for name, entry in self.entries(project).items()}
        assert sizes == {"test_two[one]": 1, "test_two[other]": 4}

    def test_rounds_of_a_short_call_are_entered_as_iterations(self, project: Project) -> None:
        project.write(
            """
def echo(batch):
    return batch

@pytest.mark.speedacc(min_accuracy=1)
def test_short(speedacc):
    speedacc.check(echo, [0, 1], [0, 1])
"""
        )
        project.run("--benchmark-json=bench.json", "--speedacc-report=out.json")
        [gate] = json.loads((project.pytester.path / "out.json").read_text())["gates"]
        [median] = [row for row in gate["measured"] if row["statistic"] == "median"]
        stats = self.entries(project)["test_short"]["stats"]
        assert stats["iterations"] > 1
        assert f"rounds of {stats['iterations']} calls" in median["note"]
        assert stats["median"] == pytest.approx(median["observed"])

    def test_only_benchmarks_are_gates(self, gates: Project) -> None:
        result = gates.run("--benchmark-only", "--speedacc-report=out.json")
        result.assert_outcomes(passed=1, failed=1, skipped=1)
        assert verdicts(gates.pytester.path / "out.json") == EXPECTED

    def test_skipped_benchmarks_are_skipped_gates_and_said_to_be(self, gates: Project) -> None:
        result = gates.run("--benchmark-skip", "--speedacc-report=out.json")
        result.assert_outcomes(passed=1, skipped=2)
        assert_says(result, "2 gates were skipped: nothing was judged there.")
        assert verdicts(gates.pytester.path / "out.json") == {}

    @pytest.mark.parametrize("options", [("--benchmark-disable",), ("-p", "no:benchmark")], ids=["disabled", "absent"])
    def test_without_it_the_verdicts_are_the_same(self, gates: Project, options: tuple[str, ...]) -> None:
        result = gates.run(*options, "--speedacc-report=out.json")
        assert_judged(gates, result)
        assert "benchmark: 2 tests" not in output(result)

    def test_a_test_may_be_a_gate_and_a_benchmark_of_its_own(self, project: Project) -> None:
        project.write(
            """
@pytest.mark.speedacc(min_accuracy=0.9)
def test_both(speedacc, benchmark):
    speedacc.check(model, inputs, targets, name="gate")
    benchmark(sum, [1, 2])
"""
        )
        project.run("--benchmark-json=bench.json").assert_outcomes(passed=1)
        assert set(self.entries(project)) == {"test_both", "test_both[gate]"}


def test_xdist_carries_verdicts_properties_and_exit_code(gates: Project) -> None:
    pytest.importorskip("xdist")
    result = gates.run("-n2", "--speedacc-report=out.json", "--junitxml=junit.xml", plugins=("xdist",))
    assert_judged(gates, result)
    assert_says(result, "test_model.py::test_bad   0*failed")
    assert_says(result, "Measured on ")
    document = json.loads((gates.pytester.path / "out.json").read_text())
    assert document["environment"]["cores"] > 0
    assert all(gate["measured"] and gate["checks"] for gate in document["gates"])
    assert '<property name="speedacc.verdict" value="failed"' in (gates.pytester.path / "junit.xml").read_text()


def test_cov_is_paused_while_timing_and_complete_afterwards(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytest_cov")
    project.write(
        """
import sys

regression()
traced = []

def watched(batch):
    traced.append(sys.gettrace() is not None)
    return model(batch)

@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    assert sys.gettrace() is not None
    verdict = speedacc.check(watched, inputs, targets)
    calls = len(traced)
    assert traced[1]  # after the first call, which is timed
    assert not any(traced[-64:])
    assert sys.gettrace() is not None
    assert verdict.outcome.word == "passed"
"""
    )
    # Newer interpreters offer coverage another way, which sys.gettrace does not tell of.
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    result = project.run_apart("--cov=.", "--cov-report=term-missing", plugins=("pytest_cov",))
    result.assert_outcomes(passed=1)
    result.stdout.re_match_lines([r"test_model\.py .* 100%$"])


def test_memray_keeps_the_memory_from_being_measured_and_nothing_else(project: Project) -> None:
    pytest.importorskip("pytest_memray")
    project.write(
        """
@pytest.mark.speedacc(min_accuracy=0.9, max_latency="5 s")
def test_without(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(min_accuracy=0.9, max_memory="1 GiB")
def test_with(speedacc):
    speedacc.check(model, inputs, targets)
"""
    )
    result = project.run_apart("--memray", plugins=("memray",))
    result.assert_outcomes(passed=1, failed=1)
    assert_says(result, "speedacc failed: memory not measured, allowed at most 1.00 GiB")
    assert_says(result, "another memray tracker is running here, and a process has room for one")


RERUN = """
calls = []

def moody(batch):
    # Wrong in the first check only, which asks for all samples twice: measured again, it would be right.
    calls.append(len(batch))
    return model(batch) if calls.count(60) > 2 else 1 - model(batch)

def feeble(batch):
    calls.append(len(batch))
    if calls.count(60) == 1:
        raise RuntimeError("not now")
    return model(batch)
"""


@pytest.mark.parametrize(
    ("wrong", "news"),
    [("moody", NEWS), ("feeble", "the model raised RuntimeError while predicting samples 0 to 59: not now")],
)
def test_reruns_get_the_same_verdict_again(project: Project, wrong: str, news: str) -> None:
    pytest.importorskip("pytest_rerunfailures")
    project.write(
        f"""{RERUN}
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check({wrong}, inputs, targets)

def test_measured_once():
    assert calls.count(60) <= 2
"""
    )
    result = project.run(
        "--reruns=2",
        "--speedacc-report=out.json",
        plugins=("rerunfailures",),
    )
    assert result.parseoutcomes() == {"passed": 1, "failed": 1, "rerun": 2}
    assert_says(result, news)
    assert "benchmark: 3 tests" not in output(result)
    assert verdicts(project.pytester.path / "out.json") == {"test_model.py::test_it": "failed"}


def test_a_shuffled_run_gives_the_same_verdicts(gates: Project) -> None:
    pytest.importorskip("pytest_randomly")
    result = gates.run("-p", "randomly", "--speedacc-report=out.json")
    assert_judged(gates, result)


def test_an_async_test_can_be_a_gate(project: Project) -> None:
    pytest.importorskip("pytest_asyncio")
    project.write(
        """
@pytest.mark.asyncio
@pytest.mark.speedacc(min_accuracy=0.9)
async def test_it(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.asyncio
@pytest.mark.speedacc(min_accuracy=0.9)
async def test_nothing(speedacc):
    pass
"""
    )
    result = project.run(plugins=("asyncio",))
    result.assert_outcomes(passed=1, failed=1)
    assert_says(result, "speedacc: limits are set (min_accuracy) and the test never called check()")


@pytest.mark.parametrize("options", [(), ("-p", "no:benchmark")], ids=["with-benchmark", "without"])
def test_codspeed_selects_gates_and_they_are_judged(gates: Project, options: tuple[str, ...]) -> None:
    pytest.importorskip("pytest_codspeed")
    result = gates.run_apart("--codspeed", *options, "--speedacc-report=out.json", plugins=("codspeed",))
    result.assert_outcomes(passed=1, failed=1, deselected=1)
    assert_says(result, NEWS)
    assert verdicts(gates.pytester.path / "out.json") == EXPECTED


def test_with_every_plugin_that_is_installed(gates: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    result = gates.pytester.runpytest_subprocess("--speedacc-budget=0.05", "--speedacc-report=out.json")
    assert_judged(gates, result)
