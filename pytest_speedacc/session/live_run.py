"""A live run within a pytest run: after collection, before the tests, in which its verdicts then fail."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from pytest_speedacc.axes.units import Kind, format_value
from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import Project
from pytest_speedacc.errors import ConfigError, GateError
from pytest_speedacc.judge.live_increase import latency_tolerances, live_alpha
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.live.workers.arguments import arguments_of
from pytest_speedacc.marks import is_gate
from pytest_speedacc.report.summary import BaseLine, RunReport
from pytest_speedacc.session.both_sides import Against, Request, run_against
from pytest_speedacc.session.hidden_options import Hidden
from pytest_speedacc.session.losses import Left, check_label, left_behind, lost_sentences
from pytest_speedacc.session.narrowed import Narrowed
from pytest_speedacc.session.options import Options
from pytest_speedacc.session.orphans import Lost
from pytest_speedacc.session.progress import long_progress
from pytest_speedacc.session.refused import refusing
from pytest_speedacc.session.shards import Sharding
from pytest_speedacc.session.telling import LOOSENED, tell_failed
from pytest_speedacc.stats.sequence import launch_bounds

HOW_TO = (
    'If that is meant, set {setting} = "warn" in [tool.speedacc.live] in a change that is merged before: a live run '
    "reads it from the base."
)


@dataclass(eq=False, repr=False)
class LiveSession:
    """Runs the base beside the candidate once, and answers for every check what came of it."""

    config: pytest.Config
    options: Options
    project: Project
    policies_of: Callable[[Sequence[pytest.Item]], Mapping[str, Policy]]
    narrowed: Narrowed
    hidden: Sequence[Hidden]
    sharding: Sharding
    against: Against | None = None
    alpha: float = 1.0
    selected: frozenset[str] = frozenset()
    """Node ids of the gates of this run."""
    ran: set[str] = field(default_factory=set)
    """Of those that were not skipped."""
    skipped: set[str] = field(default_factory=set)
    expected: set[str] = field(default_factory=set)
    """Of those whose failure was expected."""
    is_complete: bool = False
    """Whether every test had its turn, so that one without a report was passed by."""
    left: Left = field(default_factory=dict)
    """Known at the end."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> None:
        """Run both sides of every gate that this run has selected."""
        policies = self.policies_of(session.items)
        self.selected = frozenset(policies)
        option = self.config.option
        if option.collectonly or (session.testsfailed and not option.continue_on_collection_errors):
            return
        # A run without any gate is compared as well: it may have lost those of the base.
        say = long_progress(self.config, f"against {self.options.against}")
        with refusing(self.config):
            try:
                request = self._request(policies)
                self.against = run_against(request, say)
            except ConfigError as error:
                raise pytest.UsageError(str(error)) from None
            finally:
                say("")
        tolerances = {test: latency_tolerances(policy) for test, policy in policies.items()}
        self.alpha = live_alpha(self.against.run.compared, tolerances, request.alpha)

    def _request(self, policies: Mapping[str, Policy]) -> Request:
        config = self.config
        return Request(
            ref=self.options.against,
            rootdir=config.rootpath,
            ini_file=config.inipath,
            folder=config.invocation_params.dir,
            arguments=arguments_of(config),
            paths=self.narrowed.paths,
            base_python=self.options.base_python,
            project=self.project,
            policies=policies,
            elsewhere=self.policies_of(self.sharding.elsewhere),
            profiles=self.options.profile,
            hidden=self.hidden,
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """What ended the worker that ran it could end this process too, and with exit code 0: it is not run again."""
        run = self.against.run if self.against is not None else None
        if run is not None and run.lost and is_gate(item) and all(test != item.nodeid for test, _ in run.gates):
            why = run.lost.partition("\n")[0]
            pytest.fail(f"speedacc: the live run shows nothing of this gate: {why}", pytrace=False)

    def comparison(self, test: str, name: str) -> LiveComparison:
        """What came of one check. Raises GateError when the live run did not get to it."""
        assert self.against is not None, "the live run comes before every test"
        run = self.against.run
        gate = run.gates.get((test, name))
        if gate is None:
            why = run.lost.partition("\n")[0] or run.failures.get(test) or "no launch of the candidate came to it"
            raise GateError(f"the live run shows nothing of this check: {why}")
        against = self.against
        key = (test, name)
        return LiveComparison(
            gate,
            run.canary,
            self.alpha,
            against.base.sha,
            against.since[key],
            against.profiled.profiles.get(key),
            against.profiled.allocations.get(key),
            against.shared,
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what was judged, as far as a report tells, before the verdicts are taken off it."""
        if hasattr(report, "wasxfail") and report.nodeid in self.selected:
            self.expected.add(report.nodeid)
        text: str | None = getattr(report, "speedacc", None)
        if text is not None:
            judged = json.loads(text)["verdicts"] or not report.skipped
            (self.ran if judged else self.skipped).add(report.nodeid)

    def finish(self, session: pytest.Session, lost: Sequence[Lost]) -> tuple[Lost, ...]:
        """Fail the run for what no test of the candidate could, as for a gate that the base had and that is lost.

        Of what the baselines call ``lost``, return the rest: what the base has as well is one loss and not two.
        """
        self.is_complete = session.exitstatus == pytest.ExitCode.OK and not session.shouldstop
        against, removed = self.against, self.removed()
        self.left, rest = left_behind(removed, lost, self.project.named)
        if against is not None and against.settings.removed == "fail":
            for test, sentence in zip(removed, lost_sentences(against, removed, self.left), strict=True):
                tell_failed(session, test, sentence)
        if self._loosening_fails():
            loosened = self.loosened()
            news = f"{len(loosened)} setting{'s were' if len(loosened) > 1 else ' was'} loosened"
            said = (*(f"Loosened: {it}." for it in loosened), HOW_TO.format(setting="loosened"))
            tell_failed(session, LOOSENED, "\n".join(said), news)
        if against is not None and against.run.lost and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return tuple(rest)

    @property
    def settings(self) -> LiveSettings:
        """What holds for the run: the base's, once they are read."""
        return self.project.live if self.against is None else self.against.settings

    def removed(self) -> tuple[str, ...]:
        """Gates and checks that the base judges and this checkout does not, whatever made them disappear."""
        if self.against is None:
            return ()
        run = self.against.run
        # What failed last is known here only: the base selects all that there is.
        here = self.selected | self.sharding.gates_elsewhere
        gone = [] if self.narrowed.recalls else [test for test in run.base_gates if test not in here]
        passed_by = self.selected if self.is_complete else self.skipped
        skipped = set() if self.narrowed.judges_none else (passed_by & run.base_judged) - self.ran
        checks = [check_label(test, name) for test, name in run.lost_checks if test not in skipped]
        return (*gone, *sorted(skipped), *checks)

    def loosened(self) -> tuple[str, ...]:
        """What this checkout allows and the base does not, with the gates whose failure it expects."""
        return (*self.against.rules, *self._opened()) if self.against is not None else ()

    def _opened(self) -> tuple[str, ...]:
        """Of that, what holds in this run."""
        assert self.against is not None
        run = self.against.run
        news = sorted(test for test in self.expected - run.base_expected if test in run.base_markers)
        why = "it is expected to fail (xfail), which no mark of the base says"
        return (*self.against.loosened, *(f"{test}: {why}" for test in news))

    def _loosening_fails(self) -> bool:
        # The table that says so can be changed, in a change of its own.
        return self.against is not None and self.against.settings.loosened == "fail" and bool(self._opened())

    def account(self, run: RunReport) -> RunReport:
        """``run`` with what the live run found out."""
        if self.against is None:
            return run
        against = self.against
        fails = against.settings.removed == "fail"
        return replace(
            run,
            base=base_line(against),
            new=tuple(test for (test, _), gate in against.run.gates.items() if gate.is_new),
            removed=self.removed(),
            lost=(*lost_sentences(against, self.removed(), self.left), *run.lost),
            losses_fail=run.losses_fail or (fails and bool(self.removed())),
            loosened=self.loosened(),
            loosened_fails=self._loosening_fails(),
            changed=tuple(changed_baselines(against)),
            notes=(*run.notes, *against.notes),
            problems=(*run.problems, *([against.run.lost] if against.run.lost else [])),
        )

    def lines(self, measured_on: str, *, is_brief: bool) -> list[str]:
        """With what the gates were compared, how, and what may explain a difference other than the change."""
        if self.against is None:
            return [f"Measured on {measured_on}."] if measured_on else []
        # What fails the run is a failure of its own.
        loosened = () if self._loosening_fails() else self.loosened()
        return live_lines(self.against, self.removed(), self.left, loosened, measured_on, is_brief=is_brief)


def changed_baselines(against: Against) -> list[str]:
    """What this checkout's baseline files hold and the base's do not, a sentence each that begins with the gate."""
    return [
        f"{test}{f' ({name})' if name else ''}: {sentence}"
        for (test, name), since in against.since.items()
        for sentence in since.changed
    ]


def live_lines(
    against: Against, removed: Sequence[str], left: Left, loosened: Sequence[str], measured_on: str, *, is_brief: bool
) -> list[str]:
    """The account of a live run, in which gates were ``removed`` and what decides about them ``loosened``.

    Of the first some ``left`` their baselines. ``is_brief`` leaves out what matters where something is doubted only.
    """
    run, base = against.run, base_line(against)
    is_usual = against.settings.threads == LiveSettings().threads
    told = f"Base: {base.description} ({base.how}): {base.counted} in {base.seconds:.0f} s"
    where = f", on {measured_on}" if measured_on else ""
    return [
        f"{told}." if is_brief and is_usual else f"{told} with {base.mode}{where}. {base.canary}".rstrip(),
        *([f"ERROR: {run.lost}"] if run.lost else []),
        *(f"New gate, so there is nothing to compare: {test}" for (test, _), gate in run.gates.items() if gate.is_new),
        # Those that fail are failures of their own.
        *(lost_sentences(against, removed, left) if against.settings.removed == "warn" else ()),
        *([HOW_TO.format(setting="removed")] if removed and against.settings.removed == "fail" else []),
        *(f"Loosened: {sentence}." for sentence in loosened),
        *(f"Changed baseline: {sentence}." for sentence in changed_baselines(against)),
        *(f"Note: {note}." for note in against.notes),
    ]


def base_line(against: Against) -> BaseLine:
    """What the gates were compared with, and how."""
    run, base = against.run, against.base
    differences, canary = [launch.difference for launch in run.canary], ""
    if len(differences) > 1:
        bounds = launch_bounds(differences, alpha=0.05)
        canary = (
            f"The base against itself ({run.canary_test}): {format_value(math.expm1(bounds.mean), Kind.CHANGE)} "
            f"in {len(differences)} launches, where 0 % is true."
        )
    launches = max((len(gate.launches) for gate in run.gates.values()), default=0)
    return BaseLine(base.sha, base.description, base.ref, base.how, against.mode, launches, run.seconds, canary)
