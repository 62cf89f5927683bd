"""The end of a run: verdicts gathered from the test reports, the summary, the report files, the exit code."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.baseline import Content
from pytest_speedacc.config.policy import named_policies
from pytest_speedacc.config.project import Project
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.alternatives import groups_of
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.live.tree.history import checked_out
from pytest_speedacc.report.closing import summary_lines
from pytest_speedacc.report.groups import group_lines
from pytest_speedacc.report.news import first_sentence
from pytest_speedacc.report.plot import NO_PICTURE, misses_plot
from pytest_speedacc.report.printable import printable_lines
from pytest_speedacc.report.scale import scale_lines
from pytest_speedacc.report.summary import RunReport
from pytest_speedacc.report.table import wrapped
from pytest_speedacc.report.text import WIDEST
from pytest_speedacc.report.writers import WRITERS
from pytest_speedacc.session.github import tell_actions
from pytest_speedacc.session.hidden_options import Hidden
from pytest_speedacc.session.kept import Kept
from pytest_speedacc.session.live_run import LiveSession
from pytest_speedacc.session.narrowed import Narrowed
from pytest_speedacc.session.options import Options
from pytest_speedacc.session.orphans import Found, Missing, find_missing
from pytest_speedacc.session.past import read_past
from pytest_speedacc.session.payload import Status, status_of
from pytest_speedacc.session.shards import Sharding
from pytest_speedacc.session.skipped import reason_of, skipped_line
from pytest_speedacc.session.telling import RUN, tell_failed

INTERRUPTED = "The run was interrupted, so gates may be missing that nobody judged: run it again."


@dataclass(eq=False, repr=False)
class Results:
    """What the process that prints the summary knows; under xdist that is the controller, which runs no test."""

    config: pytest.Config
    options: Options
    project: Project
    narrowed: Narrowed
    live: LiveSession | None
    """The live run; None without one."""
    hidden: Sequence[Hidden]
    """Options that the command line does not show, to be told."""
    sharding: Sharding
    kept: Kept = field(default_factory=Kept)
    verdicts: dict[tuple[str, str], Verdict] = field(default_factory=dict)
    """By node id and name, once the tests have ended."""
    environment: dict[str, Any] = field(default_factory=dict)
    gates: dict[str, None] = field(default_factory=dict)
    """Node ids of all that were collected, in that order."""
    taken: set[str] = field(default_factory=set)
    """Of those that neither ran nor were left out by the command line."""
    broken: set[str] = field(default_factory=set)
    """Of files and folders that could not be collected."""
    skipped_files: dict[str, str] = field(default_factory=dict)
    """Those that were skipped as a whole, and why."""
    ran: set[str] = field(default_factory=set)
    """Of gates that ran and were not skipped, whatever came of it."""
    passed: set[str] = field(default_factory=set)
    contents: dict[Content, str] = field(default_factory=dict)
    idle: dict[str, str] = field(default_factory=dict)
    """Gates that were skipped one by one, and why."""
    is_judged: bool = False
    """Whether the run came to its tests."""
    is_interrupted: bool = False
    """Whether it was ended before its last test."""
    missing: Missing = field(default_factory=Missing)
    problems: list[str] = field(default_factory=list)
    written: list[Path] = field(default_factory=list)
    told: RunReport = field(default_factory=lambda: RunReport(()))
    """All that the run found out, once the tests have ended."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take the verdicts off a report; a rerun's replace those of the run before."""
        text: str | None = getattr(report, "speedacc", None)
        if text is None:
            return
        # pytest holds its reports to the end of the run.
        del report.speedacc
        payload = json.loads(text)
        self.environment = payload["environment"] or self.environment
        if payload["verdicts"] or not report.skipped:
            self.ran.add(report.nodeid)
            self.idle.pop(report.nodeid, None)
        else:
            self.idle[report.nodeid] = reason_of(report)
        if report.passed:
            self.passed.add(report.nodeid)
        self.contents |= {tuple(content): report.nodeid for content in payload["contents"]}
        for plain in payload["verdicts"]:
            self.kept.put(plain)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> Status | None:
        """Have pytest's last line count a gate that was not decided as that."""
        return status_of(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Gates that cannot be collected are not lost: something else is said of them."""
        if report.skipped:
            self.skipped_files[report.nodeid] = reason_of(report)
        elif report.failed:
            self.broken.add(report.nodeid)

    def pytest_keyboard_interrupt(self) -> None:
        """By a signal, by ``pytest.exit``, or by a plugin that stops the session."""
        self.is_interrupted = True

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker does not see the command line."""
        node.workerinput["speedacc_selection"] = asdict(self.narrowed.selection)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object | None) -> None:
        """A worker cannot raise an error of configuration; it hands it over, with the gates that it collected."""
        said = getattr(node, "workeroutput", {})
        self.gates.update(dict.fromkeys(said.get("speedacc_gates", ())))
        self.taken.update(said.get("speedacc_taken", ()))
        problem = said.get("speedacc_problem")
        if problem and problem not in self.problems:
            self.problems.append(problem)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the report files, and settle the exit code where no test could."""
        self.verdicts = self.kept.verdicts()
        if self._came_to_tests(session):
            self.missing = find_missing(self.project, self.narrowed, self.found())
        if self.live is not None:
            self.missing = replace(self.missing, lost=self.live.finish(session, self.missing.lost))
        for each in self.missing.lost if self._losses_fail() else ():
            tell_failed(session, each.nodeid, each.sentence(True))
        self.told = self._report()
        for path in self.options.reports:
            try:
                WRITERS[path.suffix].write(path, self.told)
                self.written.append(path)
            except ConfigError as error:
                self.problems.append(str(error))
                self.told = replace(self.told, problems=(*self.told.problems, str(error)))
        if self.problems:
            said = "\n\n".join(f"speedacc: {problem}" for problem in self.problems)
            tell_failed(session, RUN, said, first_sentence(self.problems[0]))
            session.exitstatus = pytest.ExitCode.USAGE_ERROR
        elif (self._shows_nothing() or self._is_cut_short()) and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _report(self) -> RunReport:
        # As their tests were collected, whichever process ran them first.
        order = {test: place for place, test in enumerate(self.gates)}
        verdicts = tuple(sorted(self.verdicts.values(), key=lambda verdict: order.get(verdict.test, len(order))))
        tells_past = any(path.suffix in (".html", ".json") for path in self.options.reports)
        filed = {(each.test, each.name): self.project.named(each.test) for each in verdicts}
        past, past_ends = read_past(self.project.baselines, filed) if tells_past else ((), "")
        run = RunReport(
            verdicts=verdicts,
            commit=checked_out(self.project.root) or "",
            past=past,
            past_ends=past_ends,
            shard=self.sharding.shard,
            environment=self.environment,
            groups=tuple(groups_of(verdicts, named_policies(self.project))) if any(v.group for v in verdicts) else (),
            scale=self.project.scale,
            lost=tuple(each.sentence(self._losses_fail()) for each in self.missing.lost),
            losses_fail=bool(self.missing.lost) and self._losses_fail(),
            remarks=tuple(self._remarks()),
            problems=(*self.problems, *([INTERRUPTED] if self._is_cut_short() else [])),
            fails=any(self._fails(each.outcome) for each in self.verdicts.values()) or self._shows_nothing(),
        )
        return run if self.live is None else self.live.account(run)

    def _fails(self, outcome: Outcome) -> bool:
        return self.options.fails(outcome.word, self.project)

    def _remarks(self) -> Iterator[str]:
        """What was left out, skipped or hidden, and why the run shows nothing though no gate failed."""
        if self.sharding.shard is not None:
            yield self.sharding.shard.sentence
        if self.hidden:
            told = ", ".join(f"{each} ({each.source})" for each in self.hidden)
            yield f"Options that the command line does not show: {told}."
        if self.skipped:
            gates = "1 gate was" if self.skipped == 1 else f"{self.skipped} gates were"
            yield f"{gates} skipped: nothing was judged there."
        if idle := self._idle():
            yield skipped_line(idle, self._skips_fail())
        if self.gates and self.narrowed.said and self.is_judged:
            judged = len({test for test, _ in self.verdicts})
            own = self.gates.keys() - self.sharding.gates_elsewhere
            known = len(set(map(self.project.named, own)) | self.missing.skipped)
            share = f"{judged} of {known} gates" if judged < known else "every gate that was asked for"
            yield f"Judged {share}: {' '.join(self.narrowed.said)}."
        if self._all_skipped():
            yield "Every gate was skipped, so this run shows nothing and fails: judge at least one where CI is set."
        if self._nothing_decided():
            yield (
                "Every latency check was inconclusive, so this run shows nothing and fails: "
                "the lines above say what helps."
            )

    def _came_to_tests(self, session: pytest.Session) -> bool:
        """Whether it shows at all which gates a run has: an error of usage ends it before that."""
        self.is_judged = not self.problems and session.exitstatus not in (
            pytest.ExitCode.USAGE_ERROR,
            pytest.ExitCode.INTERNAL_ERROR,
        )
        return self.is_judged and not session.config.option.collectonly

    def found(self) -> Found:
        """What it found of gates, by the names that baselines are filed under."""
        named = self.project.named
        checks: dict[str, set[str]] = {named(test): set() for test in self.passed}
        for test, name in self.verdicts:
            if test in self.passed:
                checks[named(test)].add(name)
        gates, broken, skipped = (set(map(named, tests)) for tests in (self.gates, self.broken, self.skipped_files))
        idle = set(map(named, self.idle))
        # A live run asks the base what is lost.
        taken = set() if self.options.against else set(map(named, self.taken))
        contents = {content: named(test) for content, test in self.contents.items()}
        return Found(gates, broken, taken, skipped, idle, checks, contents)

    def _shows_nothing(self) -> bool:
        return self._nothing_decided() or self._all_skipped() or (bool(self._idle()) and self._skips_fail())

    def _is_cut_short(self) -> bool:
        """Whether gates may have had no turn: ``pytest.exit`` ends with any code. Errors of collection say so."""
        return self.is_interrupted and bool(self.verdicts or (self.gates and not self.broken))

    @property
    def skipped(self) -> int:
        """How many gates were skipped, as far as it is known."""
        return len(self.idle) + len(self.missing.skipped)

    def _idle(self) -> dict[str, str]:
        """Why each gate was skipped that has a baseline, unless the command line asked for that."""
        if self.narrowed.judges_none:
            return {}
        named = self.project.named
        why = {named(test): reason for test, reason in self.idle.items()}
        of_files = {named(file): reason for file, reason in self.skipped_files.items()}
        return {test: why.get(test) or of_files.get(test.partition("::")[0], "") for test in sorted(self.missing.idle)}

    def _skips_fail(self) -> bool:
        return self.options.fails("skipped", self.project)

    def _losses_fail(self) -> bool:
        settings = self.project.live if self.live is None else self.live.settings
        return self.options.in_ci and settings.removed == "fail"

    def _all_skipped(self) -> bool:
        """Where CI is set, a run that skipped every gate was not a gate, unless its command line asked for that."""
        if self.narrowed.judges_none or (self.sharding.shard is not None and self.sharding.shard.is_empty):
            return False
        return self.options.in_ci and self.skipped > 0 and not self.ran

    def _nothing_decided(self) -> bool:
        """Where CI is set, a run that decided no noisy check at all was not a gate."""
        noisy = [check.outcome for v in self.verdicts.values() for check in v.checks if check.metric == "latency"]
        return self.options.in_ci and bool(noisy) and set(noisy) == {Outcome.INCONCLUSIVE}

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """One table for the run, and every sentence that has no test of its own to stand in."""
        run, width = self.told, self.config.get_terminal_writer().fullwidth
        is_verbose = self.config.get_verbosity() > 0
        lines = []
        if run.verdicts:
            lines = summary_lines(run.verdicts, width=width, is_verbose=is_verbose, fails=self._fails)
        for group in run.groups:
            lines += ["", *group_lines(group, WIDEST if is_verbose else width)]
        if run.scale.is_wanted and (translated := scale_lines(run.verdicts, run.scale)):
            lines += ["", "At scale, one request after the other:", *translated, ""]
        if self.live is not None:
            is_plain = run.outcome is Outcome.PASSED and not run.failed
            lines += self.live.lines(run.measured_on, is_brief=is_plain and not is_verbose)
        elif run.measured_on:
            lines.append(f"Measured on {run.measured_on}.")
        lines += [f"Wrote {', '.join(map(str, self.written))}."] if self.written else []
        if misses_plot(run) and any(path.suffix == ".html" for path in self.written):
            lines.append(NO_PICTURE)
        lines += run.remarks
        lines += [INTERRUPTED] if self._is_cut_short() else []
        # Those that fail are failures of their own.
        lines += [each.sentence(False) for each in self.missing.lost if not self._losses_fail()]
        if lines:
            # The line of the last file has ended by now; pytest would end it once more below.
            terminalreporter.currentfspath = None
            terminalreporter.section("speedacc")
            for line in lines:
                shown = printable_lines(line)
                # Columns are two spaces apart, and sentences have but one.
                for part in [shown] if is_verbose or "  " in shown else wrapped(shown, width):
                    terminalreporter.line(part)
        for line in tell_actions(run, self.written, self.config.rootpath, self._fails, self.config.pluginmanager):
            terminalreporter.line(line)
