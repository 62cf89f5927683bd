"""What a test has asked of its gate so far, and how each of these calls comes to a verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

from pytest_speedacc.check.begun import Record
from pytest_speedacc.check.case import Case, Judged, Run, Say
from pytest_speedacc.check.comparison import Comparison, Terms, run_comparison
from pytest_speedacc.check.conductor import run_gate
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.errors import ConfigError, GateError, shown
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.measure.measurement import NEVER_FITTED
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.training import Fitted, Training
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.printable import is_whole


class Host(Protocol):
    """What a fixture asks of the run that it is a part of, so that it need not know pytest."""

    say: Say
    """Shows progress; an empty text clears it."""

    def conclude(self, result: Judged | Verdict) -> None:
        """Report what a check came to, and end the test where it must fail."""

    def recall(self, name: str) -> Judged | Verdict | None:
        """What this check already came to in this run: a rerun must not try its luck again."""

    def late(self) -> str:
        """Why the limits do not hold any more with which this test began; empty while they do."""

    def live(self, name: str) -> LiveComparison | None:
        """What the live run found out about this check; None without a live run."""

    def ratios(self, name: str) -> Ratios:
        """This check as a multiple of the yardstick. Raises GateError where that cannot be measured."""

    def differences(self, name: str, launches: int) -> tuple[PairTimes, ...]:
        """The two models of a comparison, timed in so many fresh processes. Raises GateError likewise."""


@dataclass(slots=True)
class Asked:
    """The calls of one test."""

    test: str
    """The node id."""
    policy: Policy
    """What holds for this test."""
    run: Run
    """What holds for the whole run."""
    host: Host
    record: Record
    """What it was called for."""
    judged: list[str] = field(default_factory=list)
    """Names of the checks of this test so far."""
    measured: bool = False
    """Whether ``measure`` came to numbers."""
    marked: tuple[str, ...] = ()
    """Limits and tolerances of the marker itself."""
    compared: set[str] = field(default_factory=set)
    """Names of the comparisons among ``judged``."""
    fitted: list[Fitted] = field(default_factory=list)
    """What ``fit`` has trained so far."""

    def unused(self) -> str:
        """Why a test that has ended without an error still cannot be green; empty when it can."""
        if self.marked and self.judged and self.compared.issuperset(self.judged):
            limits = ", ".join(self.marked)
            return f"limits are set ({limits}) and the test only called compare(), which has its own: call check() too."
        if self.judged:
            return ""
        limits = ", ".join(bound.setting.name for bound in self.policy.bounds)
        if limits:
            what = "only measured" if self.measured else "never called check()"
            return f"limits are set ({limits}) and the test {what}: call speedacc.check(model, inputs, targets)."
        return "" if self.measured else "the test uses the speedacc fixture and measured nothing."

    def _checked(self, model: Any, inputs: Any, targets: Any, call_options: CallOptions, name: str) -> Judged | Verdict:
        call = f"check(name={name!r})" if name else "check()"
        if refused := self._begun(name, f"{call} was called twice in one test: give each check its own name=."):
            return refused
        if recalled := self.host.recall(name):
            return recalled
        if late := self.host.late():
            return self._refusal(name, late)
        if not self.policy.bounds:
            return self._refusal(
                name,
                "no limit or tolerance is set for this gate, so nothing would be judged: add "
                "@pytest.mark.speedacc(min_accuracy=..., max_latency=...) or set them in [tool.speedacc].",
            )
        try:
            confident = self.policy.limits("confidence")
            subject = prepare(model, inputs, targets, replace(call_options, confident=confident))
            ratios = partial(self.host.ratios, name)
            live, training = self.host.live(name), self._training_of(model)
            case = Case(self.run, self.policy, self.test, name, subject, live, ratios, training, len(self.judged))
            return run_gate(case, inputs, self.host.say)
        except GateError as error:
            return self._refusal(name, str(error))
        finally:
            self.host.say("")

    def _compared(
        self, subjects: Callable[[], tuple[Subject, Subject]], inputs: Any, terms: Callable[[], Terms], name: str
    ) -> Judged | Verdict:
        if refused := self._begun(name, f"name={name!r} was used twice in one test: give each call its own name=."):
            return refused
        self.compared.add(name)
        try:
            parsed = terms()
            if recalled := self.host.recall(name):
                return recalled
            launched = partial(self.host.differences, name)
            comparison = Comparison(self.run, self.test, name, parsed, *subjects(), launched)
            return run_comparison(comparison, inputs, self.host.say)
        except (ConfigError, GateError) as error:
            return self._refusal(name, str(error))
        finally:
            self.host.say("")

    def _begun(self, name: object, twice: str) -> Verdict | None:
        """Take the name of a call; gives the refusal of one that has none of its own."""
        if not isinstance(name, str):
            return self._refusal("", f"name={shown(name)} must be a text.")
        if not is_whole(name):
            return self._refusal("", f"name={name!r} holds half of a character (a lone surrogate), as no file can.")
        if name in self.judged:
            return self._refusal(name, twice)
        self.judged.append(name)
        return None

    def _training_of(self, model: Any) -> Training | Unavailable:
        """Of the training that returned this very model, or of the only one there was."""
        own = [each.training for each in self.fitted if each.model is model]
        if len(own) == 1 or (not own and len(self.fitted) == 1):
            return (own or [self.fitted[0].training])[0]
        if not self.fitted:
            return Unavailable(NEVER_FITTED)
        return Unavailable("speedacc.fit trained several models, and none of them is, or two of them are, this one")

    def _concluded(self, result: Judged | Verdict) -> Verdict:
        if not self.record.is_closed:
            try:
                self.host.conclude(result)
            except BaseException as failure:
                self.record.failures.append(failure)
                raise
        return result.verdict if isinstance(result, Judged) else result

    def _refusal(self, name: str, why: str) -> Verdict:
        return Verdict(self.test, name, (), (), (), error=why)
