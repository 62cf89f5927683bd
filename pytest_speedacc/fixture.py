"""The object behind the ``speedacc`` fixture: what a test can ask of a gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol, TypedDict, TypeVar, Unpack

from pytest_speedacc.check.begun import Record, begins
from pytest_speedacc.check.case import Case, Judged, Run, Say
from pytest_speedacc.check.comparison import Comparison, Terms, parse_terms, run_comparison
from pytest_speedacc.check.conductor import run_gate
from pytest_speedacc.check.measuring import measure
from pytest_speedacc.check.misplaced import misplaced
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.errors import ConfigError, GateError, shown
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.calls import PredictLike
from pytest_speedacc.measure.evaluation import Executor
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.loops import RunningLoop
from pytest_speedacc.measure.measurement import NEVER_FITTED, Measurement
from pytest_speedacc.measure.stages import stage
from pytest_speedacc.measure.subject import CallOptions, ScoreLike, prepare
from pytest_speedacc.measure.training import Fitted, Training, fit
from pytest_speedacc.measure.two_models import call_options_of
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.printable import is_whole

T = TypeVar("T")


class Options(TypedDict, total=False):
    """Keywords of ``acheck``, which are those of ``check``."""

    score: ScoreLike | None
    greater_is_better: bool | None
    predict: PredictLike
    batch_size: int
    slices: Mapping[str, Any] | None
    executor: Executor | None
    repeats: int
    training_samples: int | None
    concurrency: int
    closeness: float | None
    metrics: Mapping[str, Any] | None


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
class Speedacc:
    """Judges models by the limits and tolerances of the marker and of ``[tool.speedacc]``."""

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

    stage = staticmethod(stage)

    @begins
    def check(
        self,
        /,
        model: Any,
        inputs: Any,
        targets: Any = None,
        *,
        score: ScoreLike | None = "accuracy",
        greater_is_better: bool | None = None,
        predict: PredictLike = None,
        batch_size: int = 1,
        slices: Mapping[str, Any] | None = None,
        executor: Executor | None = None,
        repeats: int = 1,
        training_samples: int | None = None,
        concurrency: int = 1,
        closeness: float | None = None,
        metrics: Mapping[str, Any] | None = None,
        name: str = "",
        **unknown: Any,
    ) -> Verdict:
        """Judge ``model`` on an evaluation set; the test fails where a limit or tolerance is violated.

        Whatever cannot be judged fails the test as well, and the message says why. So does a keyword that is not known.

        :param model: A fitted model of any framework that the documentation names, or any function of a batch that
            returns one prediction a sample, async ones included.
        :param inputs: The evaluation set, samples along the first axis: an array, a DataFrame, a tensor, a list, or a
            mapping of these. Without ``targets`` it is read once, as a stream of batches: pairs of inputs and targets,
            or functions without arguments that load one.
        :param targets: One a sample, in the order of ``inputs``. None for a stream, and for a step.
        :param score: A scikit-learn scorer's name, or ``callable(targets, predictions)``. With ``score=None`` the model
            is a step: a vectorizer, a tokenizer, any function. It takes no targets and may return anything, and
            ``max_churn`` bounds the share of its outputs that are not what they were.
        :param greater_is_better: The direction of a ``score`` that is a function, which must say it.
        :param predict: A method's name or ``callable(model, batch)``, for a model that does not predict as its
            framework usually does.
        :param batch_size: Samples in each call whose latency and memory are measured.
        :param slices: Parts of the set by name, each held to the limits as well: a mask, positions, or a function of
            inputs and targets that gives either.
        :param executor: Predicts the set; whatever has the shape of ``concurrent.futures``. Times and memory are those
            of this process.
        :param repeats: A random model is judged by at most so many evaluations, each under its own seed.
        :param training_samples: A model with far more parameters than these is remarked on.
        :param concurrency: Calls of an async model in flight at a time, for its latency under load and its throughput.
        :param closeness: The fraction of itself by which a number in a step's output may move and count as the same.
            1e-5 where it is not given; 1e-6 is the finest.
        :param metrics: Axes of your own, ``{"energy": joules}``: a number, one number a sample, or a function of model
            and inputs that returns either. The marker then takes ``max_energy`` and ``max_energy_increase``.
        :param name: Tells this check from others of the same test; a second one needs it.
        :returns: Every check with what it came to, where the test passes.
        """
        if unknown:
            return self._concluded(self._refusal("", misplaced("check()", unknown, Options.__annotations__)))
        call_options = CallOptions(
            score=score,
            greater_is_better=greater_is_better,
            predict=predict,
            batch_size=batch_size,
            slices=slices,
            executor=executor,
            repeats=repeats,
            training_samples=training_samples,
            concurrency=concurrency,
            closeness=closeness,
            metrics=metrics,
        )
        return self._concluded(self._checked(model, inputs, targets, call_options, name))

    @begins
    async def acheck(
        self, model: Any, inputs: Any, targets: Any = None, *, name: str = "", **options: Unpack[Options]
    ) -> Verdict:
        """Judge an async model in the event loop that the test runs in, beside whatever else runs there.

        For a model that needs this very loop: its connections, its locks, its background tasks. The keywords are those
        of ``check``. The measurement is conducted from another thread, and the calls are timed in the loop.
        """
        if unknown := {key: value for key, value in options.items() if key not in Options.__annotations__}:
            return self._concluded(self._refusal("", misplaced("acheck()", unknown, Options.__annotations__)))
        with RunningLoop(asyncio.get_running_loop(), lambda: self.record.is_closed) as loop:
            call_options = CallOptions(**options, loop=loop)
            result = await asyncio.to_thread(self._checked, model, inputs, targets, call_options, name)
        return self._concluded(result)

    def measure(
        self,
        model: Any,
        inputs: Any,
        targets: Any = None,
        *,
        score: ScoreLike | None = "accuracy",
        greater_is_better: bool | None = None,
        predict: PredictLike = None,
        batch_size: int = 1,
        slices: Mapping[str, Any] | None = None,
        executor: Executor | None = None,
        repeats: int = 1,
        metrics: Mapping[str, Any] | None = None,
    ) -> Measurement:
        """Measure as ``check`` does and judge nothing: the numbers are for the test's own assertions.

        The arguments are those of ``check``.

        :returns: ``accuracy``, ``latency`` (with ``median``, ``p90``, ``p95`` and ``p99`` in seconds), ``parameters``,
            ``model_size`` and ``memory`` (bytes), ``confidence`` and ``metric(name)``. It prints as a table.
        :raises GateError: The model or its set cannot be measured. What cannot be measured on one axis only is raised
            where that is asked for.
        """
        try:
            call_options = CallOptions(
                score=score,
                greater_is_better=greater_is_better,
                predict=predict,
                batch_size=batch_size,
                slices=slices,
                executor=executor,
                repeats=repeats,
                metrics=metrics,
                confident=True,
            )
            subject = prepare(model, inputs, targets, call_options)
            training, say = self._training_of(model), self.host.say
            found = measure(subject, inputs, self.policy, self.run.alpha, say, training, lambda scores: False)
            self.measured = True
            return found.measurement
        finally:
            self.host.say("")

    @begins
    def compare(
        self,
        /,
        model: Any,
        other: Any,
        inputs: Any,
        targets: Any = None,
        *,
        min_speedup: str | None = None,
        trades: Sequence[Mapping[str, Any]] | None = None,
        launches: int | None = None,
        score: ScoreLike | None = "accuracy",
        greater_is_better: bool | None = None,
        predict: PredictLike = None,
        other_predict: PredictLike = None,
        batch_size: int = 1,
        closeness: float | None = None,
        name: str = "",
        **tolerances: Any,
    ) -> Verdict:
        """Judge ``model`` against ``other`` on the same samples: a quantised or distilled one against its original.

        Both are timed in turn. The other arguments are those of ``check``.

        :param model: The one that is judged.
        :param other: The one that it is held against.
        :param inputs: As in ``check``; both are asked about them.
        :param targets: As in ``check``.
        :param min_speedup: ``"2 x"`` is half the time of the other model, ``"30 %"`` is 30 % less.
        :param trades: What may exceed its tolerance for what: ``[{"give": {...}, "gain": {...}}]``, as in the settings.
        :param launches: Times both in so many fresh processes, at least 4. A latency tolerance and a trade of latency
            need it; without it the verdict is about this process, and says so.
        :param other_predict: As ``predict``, for the other model. None is for one that predicts as the first.
        :param name: Tells this comparison from others of the same test.
        :param tolerances: Those of the marker, as keywords such as ``max_accuracy_drop="0.5 pp"`` and
            ``max_churn="1 %"``, beside the other model instead of the baseline.
        :returns: Every check with what it came to, where the test passes.
        """
        name = name or "compare"
        result: Judged | Verdict
        if problem := _name_problem(name):
            result = self._refusal("", problem)
        elif name in self.judged:
            result = self._refusal(name, f"name={name!r} was used twice in one test: give each call its own name=.")
        else:
            self.judged.append(name)
            self.compared.add(name)
            scoring = {"score": score, "greater_is_better": greater_is_better, "closeness": closeness}
            options = {**scoring, "batch_size": batch_size, "predict": predict, "other_predict": other_predict}
            try:
                terms = parse_terms(tolerances, min_speedup, trades, launches, self.policy.budget)
                result = self.host.recall(name) or self._compare(model, other, inputs, targets, terms, options, name)
            except (ConfigError, GateError) as error:
                result = self._refusal(name, str(error))
            finally:
                self.host.say("")
        return self._concluded(result)

    def _compare(
        self, model: Any, other: Any, inputs: Any, targets: Any, terms: Terms, options: Mapping[str, Any], name: str
    ) -> Judged:
        ours, theirs = call_options_of(options)
        comparison = Comparison(
            run=self.run,
            test=self.test,
            name=name,
            terms=terms,
            subject=prepare(model, inputs, targets, ours),
            other=prepare(other, inputs, targets, theirs),
            launched=partial(self.host.differences, name),
        )
        return run_comparison(comparison, inputs, self.host.say)

    def fit(self, train: Callable[[], T]) -> T:
        """Train the model of this gate: returns what ``train()`` returns, and measures what that takes.

        The time is that of one training. Its peak memory takes a second one, which is made where
        ``max_training_memory`` is set or a baseline is written; that also shows whether both come to the same model.
        A live run (``--speedacc-against``) trains once on either side this way, where a fixture that trains does so
        in every launch.

        :param train: Builds a new model each time that it is called.
        :raises GateError: ``train()`` goes on with a model that it has trained before.
        """
        twice = self.policy.limits("training_memory") or bool(self.run.writes)
        self.host.say("training")
        try:
            with timing_lock(self.host.say):
                model, training = fit(train, twice=twice)
        except GateError as error:
            self._concluded(self._refusal("", str(error)))
            raise
        finally:
            self.host.say("")
        self.fitted.append(Fitted(model, training))
        return model

    def _training_of(self, model: Any) -> Training | Unavailable:
        """Of the training that returned this very model, or of the only one there was."""
        own = [each.training for each in self.fitted if each.model is model]
        if len(own) == 1 or (not own and len(self.fitted) == 1):
            return (own or [self.fitted[0].training])[0]
        if not self.fitted:
            return Unavailable(NEVER_FITTED)
        return Unavailable("speedacc.fit trained several models, and none of them is, or two of them are, this one")

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
        if problem := _name_problem(name):
            return self._refusal("", problem)
        if name in self.judged:
            called = f"check(name={name!r})" if name else "check()"
            return self._refusal(name, f"{called} was called twice in one test: give each check its own name=.")
        self.judged.append(name)
        call_options = replace(call_options, confident=self.policy.limits("confidence"))
        return self.host.recall(name) or self._judge(model, inputs, targets, call_options, name)

    def _concluded(self, result: Judged | Verdict) -> Verdict:
        if not self.record.is_closed:
            try:
                self.host.conclude(result)
            except BaseException as failure:
                self.record.failures.append(failure)
                raise
        return result.verdict if isinstance(result, Judged) else result

    def _judge(self, model: Any, inputs: Any, targets: Any, call_options: CallOptions, name: str) -> Judged | Verdict:
        if late := self.host.late():
            return self._refusal(name, late)
        if not self.policy.bounds:
            return self._refusal(
                name,
                "no limit or tolerance is set for this gate, so nothing would be judged: add "
                "@pytest.mark.speedacc(min_accuracy=..., max_latency=...) or set them in [tool.speedacc].",
            )
        try:
            subject = prepare(model, inputs, targets, call_options)
            ratios = partial(self.host.ratios, name)
            live, training = self.host.live(name), self._training_of(model)
            case = Case(self.run, self.policy, self.test, name, subject, live, ratios, training, len(self.judged))
            return run_gate(case, inputs, self.host.say)
        except GateError as error:
            return self._refusal(name, str(error))
        finally:
            self.host.say("")

    def _refusal(self, name: str, why: str) -> Verdict:
        return Verdict(self.test, name, (), (), (), error=why)


def _name_problem(name: object) -> str:
    """Why this cannot name a check; empty where it can."""
    if not isinstance(name, str):
        return f"name={shown(name)} must be a text."
    return "" if is_whole(name) else f"name={name!r} holds half of a character (a lone surrogate), as no file can."
