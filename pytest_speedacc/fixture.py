"""The object behind the ``speedacc`` fixture: what a test can ask of a gate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypedDict, TypeVar, Unpack

from pytest_speedacc.check.asked import Asked
from pytest_speedacc.check.begun import begins
from pytest_speedacc.check.comparison import parse_terms
from pytest_speedacc.check.measuring import measure
from pytest_speedacc.check.misplaced import misplaced
from pytest_speedacc.errors import GateError
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.calls import PredictLike
from pytest_speedacc.measure.evaluation import Executor
from pytest_speedacc.measure.lock import timing_lock
from pytest_speedacc.measure.loops import RunningLoop
from pytest_speedacc.measure.measurement import Measurement
from pytest_speedacc.measure.score import ScoreLike
from pytest_speedacc.measure.stages import stage
from pytest_speedacc.measure.subject import CallOptions, Subject, prepare
from pytest_speedacc.measure.training import Fitted, fit

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


class Speedacc(Asked):
    """Judges models by the limits and tolerances of the marker and of ``[tool.speedacc]``."""

    __slots__ = ()

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
        ours = CallOptions(
            score=score,
            greater_is_better=greater_is_better,
            predict=predict,
            batch_size=batch_size,
            closeness=closeness,
        )
        theirs = replace(ours, predict=other_predict or predict)
        terms = partial(parse_terms, tolerances, min_speedup, trades, launches, self.policy.budget)

        def subjects() -> tuple[Subject, Subject]:
            return prepare(model, inputs, targets, ours), prepare(other, inputs, targets, theirs)

        return self._concluded(self._compared(subjects, inputs, terms, name or "compare"))

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
