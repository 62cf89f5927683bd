"""A suite on several machines: what belongs to which, what no shard may lose, and what is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scratch_project import PRELUDE, Project, assert_says, output

from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import Project as Settings
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.judge.live_increase import SUITE_ALPHA, live_alpha, run_alpha
from pytest_speedacc.marks import SESSION
from pytest_speedacc.report.merging import merge
from pytest_speedacc.report.reading import read_report
from pytest_speedacc.session import both_baselines, both_sides
from pytest_speedacc.session.hidden_options import Hidden, hidden_options, new_since
from pytest_speedacc.session.shards import split

PASSED, FAILED, USAGE = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR
GATES = """
@pytest.mark.speedacc(min_accuracy=0.5)
@pytest.mark.parametrize("size", [20, 40, 60])
def test_NAME(speedacc, size):
    speedacc.check(model, inputs[:size], targets[:size])
"""
PLAIN = "def test_plain():\n    pass\n"
names = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 30)).map(lambda it: f"tests/test_{it[0]}.py::test[{it[1]}]"),
    max_size=60,
)


def file_of(test: str) -> str:
    return test.partition("::")[0]


class TestSplit:
    @given(tests=names, parts=st.integers(1, 70), order=st.randoms(use_true_random=False))
    def test_each_test_is_in_one_part_and_the_parts_are_equal(self, tests: list[str], parts: int, order: Any) -> None:
        found = split(tests, parts)
        assert len(found) == parts
        assert Counter(test for part in found for test in part) == Counter(set(tests))
        assert max(map(len, found)) - min(map(len, found)) <= 1
        cuts = sum(len({file_of(test) for test in part}) for part in found) - len(set(map(file_of, tests)))
        assert cuts <= parts - 1
        shuffled = [*tests, *tests]
        order.shuffle(shuffled)
        assert split(shuffled, parts) == found

    @pytest.mark.parametrize(
        ("sizes", "parts", "whole"),
        [((3, 3, 1, 1), 2, 4), ((2, 2, 2), 3, 3), ((1, 4, 1, 2), 2, 4), ((1, 1, 3, 3, 2, 2), 4, 6), ((5, 1), 2, 1)],
    )
    def test_files_stay_whole_where_that_costs_nothing(self, sizes: Sequence[int], parts: int, whole: int) -> None:
        tests = [f"test_{file}.py::test[{number}]" for file, size in enumerate(sizes) for number in range(size)]
        found = split(tests, parts)
        places = Counter(file for part in found for file in {file_of(test) for test in part})
        assert sum(count == 1 for count in places.values()) == whole

    def test_classes_and_parameters_that_are_cut_stay_side_by_side(self) -> None:
        tests = [f"test_it.py::{name}" for name in ("TestA::a", "TestA::b", "TestB::a", "TestB::b")]
        assert split(tests, 2) == [set(tests[:2]), set(tests[2:])]


@pytest.fixture
def suite(project: Project) -> Path:
    """The top of a project with six gates in two files, and tests beside them."""
    top = project.pytester.path
    (top / "test_a.py").write_text(PRELUDE + GATES.replace("NAME", "a") + PLAIN)
    (top / "test_b.py").write_text(PRELUDE + GATES.replace("NAME", "b"))
    (top / "test_c.py").write_text(PLAIN)
    (top / "pyproject.toml").write_text("[tool.speedacc]\n")
    return top


@pytest.fixture
def accepted(suite: Path, project: Project) -> Path:
    """The same with baselines."""
    assert project.run("--speedacc-update").ret == PASSED
    return suite


def report(top: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((top / "report.json").read_text("utf-8"))
    return found


class TestRun:
    def test_every_test_runs_in_one_shard_and_none_is_lost(
        self, accepted: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        runs = {}
        for part in "123":
            result = project.run(f"--speedacc-shard={part}/3", f"--speedacc-report={part}.json", ".")
            assert result.ret == PASSED, output(result)
            assert_says(result, f"Shard {part} of 3: 2 of the suite's 6 gates belong to it.")
            # Not of those that are in other shards.
            assert_says(result, "Judged every gate that was asked for: '.'.")
            assert "Lost gate" not in output(result)
            runs[part] = read_report(accepted / f"{part}.json")
            result.assert_outcomes(passed=2 + (part != "3"), deselected=6 - (part != "3"))
        merged = merge(runs)
        assert (merged.failed, merged.shard, merged.problems) == (False, None, ())
        assert merged.remarks == ("Judged every gate that was asked for: '.'.",)
        tests = [f"test_{name}.py::test_{name}[{size}]" for name in "ab" for size in (20, 40, 60)]
        assert sorted(verdict.test for verdict in merged.verdicts) == tests
        assert {verdict.name for verdict in merged.verdicts} == {""}

    def test_a_gate_that_is_in_no_shard_is_lost_in_each(
        self, accepted: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        (accepted / "test_b.py").write_text((accepted / "test_b.py").read_text().replace("[20, 40, 60]", "[40, 60]"))
        runs = {}
        for part in "12":
            result = project.run(f"--speedacc-shard={part}/2", f"--speedacc-report={part}.json")
            assert result.ret == FAILED
            assert_says(result, "Lost gate: test_b.py::test_b[20] has a baseline and is not in this run")
            runs[part] = read_report(accepted / f"{part}.json")
        merged = merge(runs)
        assert len(merged.lost) == 1
        assert merged.failed

    def test_what_a_conftest_takes_out_is_lost_and_nothing_else(
        self, accepted: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        (accepted / "conftest.py").write_text(
            "import pytest\n@pytest.hookimpl(trylast=True)\ndef pytest_collection_modifyitems(items):\n"
            "    items[:] = [item for item in items if '_a[20]' not in item.nodeid]\n"
        )
        for part in "12":
            result = project.run(f"--speedacc-shard={part}/2", "--speedacc-report=report.json")
            assert result.ret == FAILED
            (lost,) = report(accepted)["lost"]
            assert lost.startswith("Lost gate: test_a.py::test_a[20] was collected, and ")

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (("-k", "test_a"), "Judged 2 of 5 gates: -k test_a."),
            (("test_a.py",), "Judged every gate that was asked for: test_a.py."),
            (("--deselect=test_b.py",), "Judged 2 of 5 gates: --deselect=test_b.py."),
        ],
    )
    def test_what_the_command_line_selects_is_shared_out(
        self, suite: Path, project: Project, options: tuple[str, ...], told: str
    ) -> None:
        result = project.run("--speedacc-shard=1/2", *options)
        assert result.ret == PASSED
        assert_says(result, "Shard 1 of 2: 2 of the suite's 3 gates belong to it.")
        assert_says(result, told)

    @pytest.mark.parametrize("plain", [PLAIN, ""])
    def test_a_shard_without_a_gate_is_green_and_says_so(
        self, suite: Path, project: Project, monkeypatch: pytest.MonkeyPatch, plain: str
    ) -> None:
        monkeypatch.setenv("CI", "true")
        (suite / "test_c.py").write_text(plain.replace("test_plain", "test_other"))
        asked = ("--speedacc-shard=7/7", "-k", "test_a or other", "--speedacc-report=report.json")
        summary = suite / "summary.md"
        monkeypatch.setenv("GITHUB_ACTIONS", "true")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
        result = project.run(*asked, "--speedacc-report=page.html")
        assert result.ret == PASSED, output(result)
        assert_says(result, "Shard 7 of 7 has no gate: the suite's 3 gates are in other shards.")
        found = report(suite)
        assert (found["verdict"], found["failed"], found["gates"]) == ("passed", False, [])
        assert found["shard"].items() >= {"part": 7, "parts": 7, "gates": 0, "all_gates": 3}.items()
        assert summary.read_text().startswith(
            "### ✅ Shard 7 of 7 has no gate: the suite's 3 gates are in other shards"
        )
        assert not read_report(suite / "report.json").failed

    def test_a_suite_without_a_test_is_still_no_success(self, suite: Path, project: Project) -> None:
        assert project.run("--speedacc-shard=1/2", "-k", "nothing").ret == pytest.ExitCode.NO_TESTS_COLLECTED

    def test_a_gate_that_is_lost_fails_a_shard_that_has_none(
        self, accepted: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        (accepted / "test_a.py").unlink()
        (accepted / "test_c.py").unlink()
        assert project.run("--speedacc-shard=7/7").ret == FAILED

    def test_a_shard_without_a_gate_is_none_that_skipped_all_of_them(
        self, accepted: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        (accepted / "test_b.py").write_text("import pytest\npytest.skip('no data', allow_module_level=True)\n")
        asked = ("--speedacc-skipped=warn", "--speedacc-shard=7/7")
        assert project.run(*asked).ret == PASSED
        (accepted / "test_a.py").write_text((accepted / "test_b.py").read_text())
        result = project.run(*asked)
        assert result.ret == FAILED
        assert_says(result, "Every gate was skipped, so this run shows nothing and fails")

    def test_an_update_writes_the_baselines_of_its_own_shard(self, suite: Path, project: Project) -> None:
        written = {}
        for part in "12":
            assert project.run("--speedacc-update", f"--speedacc-shard={part}/2").ret == PASSED
            written[part] = {path.stem for path in suite.glob("speedacc-baselines/*.json")}
        assert [len(each) for each in written.values()] == [3, 6]

    @pytest.mark.slow
    @pytest.mark.parametrize("part", ["1", "9"])
    def test_workers_of_one_machine_share_its_part(self, suite: Path, project: Project, part: str) -> None:
        pytest.importorskip("xdist")
        alone = project.run_apart(f"--speedacc-shard={part}/9", "--speedacc-report=report.json")
        expected = report(suite)
        result = project.run_apart(
            "-n1", f"--speedacc-shard={part}/9", "--speedacc-report=report.json", plugins=("xdist",)
        )
        assert (result.ret, alone.ret) == (PASSED, PASSED), output(result)
        found = report(suite)
        assert found["shard"] == expected["shard"]
        assert [gate["test"] for gate in found["gates"]] == [gate["test"] for gate in expected["gates"]]
        assert "Lost gate" not in output(result)


class Spy:
    """Looks at the state of a run before its first test."""

    def __init__(self) -> None:
        self.alpha = 0.0

    def pytest_runtestloop(self, session: pytest.Session) -> None:
        self.alpha = session.config.stash[SESSION].run.alpha


class TestBase:
    def request(self, folder: Path, own: Sequence[str], elsewhere: Sequence[str]) -> both_sides.Request:
        policy = Policy((), "exact", 1.0)
        return both_sides.Request(
            ref="baseline",
            rootdir=folder,
            ini_file=None,
            folder=folder,
            arguments=lambda scratch: (),
            paths=(),
            base_python="",
            project=Settings(folder, folder / "own"),
            policies=dict.fromkeys(own, policy),
            elsewhere=dict.fromkeys(elsewhere, policy),
        )

    @pytest.mark.parametrize("own", [["test_a.py::test_a"], ["test_b.py::test_b"], []])
    def test_what_was_last_accepted_is_one_commit_for_all_shards(
        self, own: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tests = ["test_a.py::test_a", "test_b.py::test_b"]
        stored = [(Path(f"{name}.json"), SimpleNamespace(test=name)) for name in (*tests, "test_of_no_shard")]
        monkeypatch.setattr(both_sides, "read_folder", lambda folder: stored)
        monkeypatch.setattr(both_sides, "last_accepted", lambda root, files, variables: files)
        request = self.request(tmp_path, own, [test for test in tests if test not in own])
        assert both_sides._base(request) == [path for path, _ in stored[:2]]

    def test_a_gate_with_another_name_is_known_in_all_shards(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stored = {"own": "test_b.py::test_new", "base": "test_b.py::test_old"}
        read = {tmp_path / name: [(Path(name), SimpleNamespace(test=test))] for name, test in stored.items()}
        monkeypatch.setattr(both_baselines, "read_folder", read.__getitem__)
        monkeypatch.setattr(both_baselines, "kept", lambda baseline: "the same content")
        run: Any = SimpleNamespace(gates={}, base_gates=(stored["base"], "test_a.py::test_a"))
        own, base = (Settings(tmp_path, tmp_path / name) for name in ("own", "base"))
        renamed = both_baselines.find_renamed(own, base, run, [stored["own"]])
        assert renamed == {stored["base"]: stored["own"]}


class TestErrorRate:
    def test_the_gates_of_all_shards_share_it(self, suite: Path, project: Project) -> None:
        (suite / "pyproject.toml").write_text('[tool.speedacc]\nmax_latency = "1 s"\n')
        rates = []
        for options in (
            [],
            ["--speedacc-shard=1/2"],
            ["--speedacc-shard=2/2"],
            ["--speedacc-shard=1/2", "-k", "test_a"],
        ):
            spy = Spy()
            project.pytester.inline_run("-pspeedacc", "--collect-only", *options, plugins=[spy])
            rates.append(spy.alpha)
        assert rates == [SUITE_ALPHA / 6, SUITE_ALPHA / 6, SUITE_ALPHA / 6, SUITE_ALPHA / 3]

    @given(st.lists(st.lists(st.integers(0, 2), max_size=8), min_size=1, max_size=6))
    def test_the_live_runs_of_all_shards_have_that_of_one(self, shards: list[list[int]]) -> None:
        names = ("max_latency_increase", "max_latency_p95_increase")
        bounds = tuple(parse_bound(name, "20 %", "a test") for name in names)
        policies = [[Policy(bounds[:count], "exact", 1.0) for count in shard] for shard in shards]
        everything = [policy for shard in policies for policy in shard]
        whole = max(1, sum(map(sum, shards)))
        total = 0.0
        for shard, counts in zip(policies, shards, strict=True):
            others = list(everything)
            for policy in shard:
                others.remove(policy)
            rate = run_alpha(shard, others)
            total += rate if sum(counts) else 0.0
            keys = [(str(place), "") for place, _ in enumerate(counts)]
            each = live_alpha(keys, {test: policy.bounds for (test, _), policy in zip(keys, shard, strict=True)}, rate)
            assert each == pytest.approx(SUITE_ALPHA / whole)
        assert total <= SUITE_ALPHA * (1 + 1e-9)
        assert run_alpha(everything, []) == SUITE_ALPHA


FORM = "must be a part and the number of parts, such as 2/8 for the second of eight."


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("0/4", "--speedacc-shard=0/4 is none of the 4 parts: they are 1/4 to 4/4."),
            ("5/4", "--speedacc-shard=5/4 is none of the 4 parts: they are 1/4 to 4/4."),
            ("a/b", f"--speedacc-shard=a/b {FORM}"),
            ("3", f"--speedacc-shard=3 {FORM}"),
            ("", f"--speedacc-shard= {FORM}"),
            ("1/0", f"--speedacc-shard=1/0 {FORM}"),
            ("-1/4", f"--speedacc-shard=-1/4 {FORM}"),
            ("1/4/2", f"--speedacc-shard=1/4/2 {FORM}"),
            ("1/2000", "--speedacc-shard=1/2000 asks for too many parts: a suite has at most 1000."),
        ],
    )
    def test_what_is_no_part(self, project: Project, text: str, sentence: str) -> None:
        result = project.run(f"--speedacc-shard={text}")
        assert result.ret == USAGE
        assert_says(result, sentence)
        assert "collected" not in output(result)

    @pytest.mark.parametrize("option", ["--lf", "--stepwise"])
    def test_what_only_this_machine_remembers(self, project: Project, option: str) -> None:
        result = project.run("--speedacc-shard=1/2", option)
        assert result.ret == USAGE
        assert_says(result, f"--speedacc-shard=1/2 and {option} together leave out tests that no other shard runs: ")


class TestHidden:
    def test_a_change_cannot_choose_a_shard_where_ci_is_set(
        self, suite: Path, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ini = '[tool.speedacc]\n[tool.pytest.ini_options]\naddopts = "--speedacc-shard=1/100"\n'
        (suite / "pyproject.toml").write_text(ini)
        result = project.run()
        assert_says(result, "Shard 1 of 100: 1 of the suite's 6 gates belong to it.")
        monkeypatch.setenv("CI", "true")
        result = project.run()
        assert result.ret == USAGE
        assert_says(
            result,
            "--speedacc-shard=1/100 comes from addopts, and where CI is set nothing but the command line may leave "
            "the tests out",
        )
        # What the workflow says holds.
        assert_says(project.run("--speedacc-shard=2/2"), "Shard 2 of 2: 3 of the suite's 6 gates belong to it.")

    def test_nor_can_a_conftest(self, suite: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "true")
        (suite / "conftest.py").write_text(
            "def pytest_configure(config):\n    config.option.speedacc_shard = '1/100'\n"
        )
        for options in ((), ("--speedacc-shard=1/2",)):
            refused = project.run(*options)
            assert refused.ret == USAGE
            assert_says(refused, "--speedacc-shard=1/100 comes from a conftest.py, a plugin or a file, and where CI is")

    def test_elsewhere_it_is_told_as_loosened(self, pytester: pytest.Pytester) -> None:
        pytester.makepyprojecttoml("[tool.pytest.ini_options]\naddopts = '--speedacc-shard=1/9'\n")
        hidden = hidden_options(pytester.parseconfig())
        assert hidden == (Hidden("shard", "1/9", "addopts"),)
        assert new_since(hidden, []) == ["--speedacc-shard=1/9 holds by addopts, and the command line does not show it"]
        assert hidden_options(pytester.parseconfig("--speedacc-shard=1/9")) == ()


ENDS = {
    "exit": "pytest.exit('enough', returncode=0)",
    "stop": "request.session.shouldstop = 'enough'",
}
"""What ends a run within a test, before its last one."""


class TestInterrupted:
    @pytest.mark.parametrize("how", ENDS)
    def test_a_shard_that_was_ended_early_fails_whatever_it_has_judged(
        self, suite: Path, project: Project, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        monkeypatch.setenv("CI", "true")
        # Between the gates of the two files.
        (suite / "test_aa.py").write_text(f"import pytest\n\ndef test_it(request):\n    {ENDS[how]}\n")
        result = project.run("--speedacc-shard=1/1", "--speedacc-report=report.json")
        assert result.ret == (FAILED if how == "exit" else pytest.ExitCode.INTERRUPTED), output(result)
        found = report(suite)
        assert (len(found["gates"]), found["shard"]["gates"]) == (3, 6)
        assert (found["verdict"], found["failed"]) == ("failed", True)
        (problem,) = merge({"1": read_report(suite / "report.json")}).problems
        assert problem == "The run was interrupted, so gates may be missing that nobody judged: run it again."
        assert_says(result, problem)
