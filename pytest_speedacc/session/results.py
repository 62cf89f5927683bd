"""The end of a run: verdicts gathered from the test reports, the summary, the report files, the exit code."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.baseline import Content
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.config.policy import named_policies
from pytest_speedacc.config.project import Project
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.alternatives import Group, groups_of
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.document import write_report
from pytest_speedacc.report.groups import group_lines
from pytest_speedacc.report.plot import write_plot
from pytest_speedacc.report.printable import printable_lines
from pytest_speedacc.report.scale import scale_lines
from pytest_speedacc.report.text import summary_lines
from pytest_speedacc.session.hidden_options import Hidden
from pytest_speedacc.session.kept import Kept
from pytest_speedacc.session.narrowed import Narrowed
from pytest_speedacc.session.options import Options
from pytest_speedacc.session.orphans import Found, Missing, find_missing


class Results:
    """What the process that prints the summary knows; under xdist that is the controller, which runs no test."""

    def __init__(
        self,
        config: pytest.Config,
        options: Options,
        project: Project,
        narrowed: Narrowed,
        live: Callable[[], Mapping[str, Any] | None],
        settings: Callable[[], LiveSettings],
        hidden: Sequence[Hidden],
    ) -> None:
        self.config = config
        self.live = live
        """The live run for the report; None without one."""
        self.settings = settings
        """What holds for a live run, which are the base's in one."""
        self.hidden = hidden
        """Options that the command line does not show, to be told."""
        self.options = options
        self.project = project
        self.narrowed = narrowed
        self.kept = Kept()
        self.verdicts: dict[tuple[str, str], Verdict] = {}
        """By node id and name, once the tests have ended."""
        self.environment: dict[str, Any] = {}
        self.gates: set[str] = set()
        """Node ids of all that were collected."""
        self.taken: set[str] = set()
        """Of those that neither ran nor were left out by the command line."""
        self.broken: set[str] = set()
        """Of files and folders that could not be collected."""
        self.skipped_files: set[str] = set()
        self.ran: set[str] = set()
        """Of gates that ran and were not skipped, whatever came of it."""
        self.passed: set[str] = set()
        self.contents: dict[Content, str] = {}
        self.skipped = 0
        self.is_judged = False
        """Whether the run came to its tests."""
        self.missing = Missing()
        self.problems: list[str] = []
        self.written: list[Path] = []
        self.groups: list[Group] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdicts off a report; a rerun's replace those of the run before."""
        text: str | None = getattr(report, "speedacc", None)
        if text is None:
            return
        # pytest holds its reports to the end of the run.
        del report.speedacc
        payload = json.loads(text)
        self.environment = payload["environment"] or self.environment
        self.skipped += report.skipped and not payload["verdicts"]
        if payload["verdicts"] or not report.skipped:
            self.ran.add(report.nodeid)
        if report.passed:
            self.passed.add(report.nodeid)
        self.contents |= {tuple(content): report.nodeid for content in payload["contents"]}
        for plain in payload["verdicts"]:
            self.kept.put(plain)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Gates that cannot be collected are not lost: something else is said of them."""
        if not report.passed:
            (self.skipped_files if report.skipped else self.broken).add(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker does not see the command line."""
        node.workerinput["speedacc_selection"] = asdict(self.narrowed.selection)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """A worker cannot raise an error of configuration; it hands it over, with the gates that it collected."""
        said = getattr(node, "workeroutput", {})
        self.gates.update(said.get("speedacc_gates", ()))
        self.taken.update(said.get("speedacc_taken", ()))
        problem = said.get("speedacc_problem")
        if problem and problem not in self.problems:
            self.problems.append(problem)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report files, and settle the exit code where no test could."""
        self.verdicts = self.kept.verdicts()
        if self._came_to_tests(session):
            self.missing = find_missing(self.project, self.narrowed, self._found())
            self.skipped += len(self.missing.skipped)
        verdicts = list(self.verdicts.values())
        self.groups = groups_of(verdicts, named_policies(self.project)) if any(v.group for v in verdicts) else []
        for path in self.options.reports:
            try:
                if path.suffix == ".json":
                    write_report(path, verdicts, self.environment, self.live(), self.groups, self.project.scale)
                else:
                    write_plot(path, verdicts)
                self.written.append(path)
            except ConfigError as error:
                self.problems.append(str(error))
        if self.problems:
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        elif self._shows_nothing() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _came_to_tests(self, session: pytest.Session) -> bool:
        """Whether it shows at all which gates a run has: an error of usage ends it before that."""
        self.is_judged = not self.problems and session.exitstatus not in (
            pytest.ExitCode.USAGE_ERROR,
            pytest.ExitCode.INTERNAL_ERROR,
        )
        return self.is_judged and not session.config.option.collectonly

    def _found(self) -> Found:
        named = self.project.named
        checks: dict[str, set[str]] = {named(test): set() for test in self.passed}
        for test, name in self.verdicts:
            if test in self.passed:
                checks[named(test)].add(name)
        gates, broken, skipped = (set(map(named, tests)) for tests in (self.gates, self.broken, self.skipped_files))
        # A live run asks the base what is lost.
        taken = set() if self.options.against else set(map(named, self.taken))
        contents = {content: named(test) for content, test in self.contents.items()}
        return Found(gates, broken, taken, skipped, checks, contents)

    def _shows_nothing(self) -> bool:
        return self._nothing_decided() or self._all_skipped() or (bool(self.missing.lost) and self._losses_fail())

    def _losses_fail(self) -> bool:
        return self.options.in_ci and self.settings().removed == "fail"

    def _all_skipped(self) -> bool:
        """Where CI is set, a run that skipped every gate was not a gate, unless its command line asked for that."""
        return self.options.in_ci and self.skipped > 0 and not self.ran and not self.narrowed.judges_none

    def _nothing_decided(self) -> bool:
        """Where CI is set, a run that decided no noisy check at all was not a gate."""
        noisy = [check.outcome for v in self.verdicts.values() for check in v.checks if check.metric == "latency"]
        return self.options.in_ci and bool(noisy) and set(noisy) == {Outcome.INCONCLUSIVE}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One table for the run, and every sentence that has no test of its own to stand in."""
        lines = summary_lines(list(self.verdicts.values())) if self.verdicts else []
        for group in self.groups:
            lines += ["", *group_lines(group)]
        scale = self.project.scale
        if scale.is_wanted and (translated := scale_lines(list(self.verdicts.values()), scale)):
            lines += ["", "At scale, one request after the other:", *translated, ""]
        if self.environment:
            lines.append(f"Measured on {self.environment['description']}.")
        lines += [f"Wrote {path}." for path in self.written]
        if self.hidden:
            told = ", ".join(f"{each} ({each.source})" for each in self.hidden)
            lines.append(f"Options that the command line does not show: {told}.")
        if self.skipped:
            gates = "1 gate was" if self.skipped == 1 else f"{self.skipped} gates were"
            lines.append(f"{gates} skipped: nothing was judged there.")
        if self.gates and self.narrowed.said and self.is_judged:
            judged = len({test for test, _ in self.verdicts})
            known = len(set(map(self.project.named, self.gates)) | self.missing.skipped)
            share = f"{judged} of {known} gates" if judged < known else "every gate that was asked for"
            lines.append(f"Judged {share}: {' '.join(self.narrowed.said)}.")
        lines += [each.sentence(self._losses_fail()) for each in self.missing.lost]
        if self._all_skipped():
            lines.append(
                "Every gate was skipped, so this run shows nothing and fails: judge at least one where CI is set."
            )
        if self._nothing_decided():
            lines.append(
                "Every latency check was inconclusive, so this run shows nothing and fails: "
                "the lines above say what helps."
            )
        lines += [f"ERROR: {problem}" for problem in self.problems]
        if lines:
            terminalreporter.section("speedacc")
            for line in lines:
                terminalreporter.line(printable_lines(line))
