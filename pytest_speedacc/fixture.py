"""The object behind the ``speedacc`` fixture: what a test can ask of a gate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from pytest_speedacc.config.policy import Policy
from pytest_speedacc.errors import GateError
from pytest_speedacc.gate import Case, Judged, Run, Say, measure, run_gate
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.measurement import Manner, Measurement, PredictLike, ScoreLike, prepare
from pytest_speedacc.measure.yardstick import Ratios

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Doors:
    """What the fixture does to pytest, handed in so that only the plugin knows pytest."""

    conclude: Callable[[Judged | Verdict], None]
    """Reports what a check came to, and ends the test where it must fail."""
    recall: Callable[[str], Judged | Verdict | None]
    """What this check, by its name, already came to in this run: a rerun must not try its luck again."""
    say: Say
    """Shows progress; an empty text clears it."""
    live: Callable[[str], LiveComparison | None]
    """What the live run found out about this check, by its name; None without a live run."""
    ratios: Callable[[str], Ratios]
    """This check, by its name, as a multiple of the yardstick. Raises GateError where that cannot be measured."""


@dataclass(slots=True)
class Speedacc:
    """Judges models by the limits and tolerances of the marker and of ``[tool.speedacc]``."""

    test: str
    """The node id."""
    policy: Policy
    """What holds for this test."""
    run: Run
    """What holds for the whole run."""
    doors: Doors
    judged: list[str] = field(default_factory=list)
    """Names of the checks of this test so far."""
    measured: bool = False
    """Whether ``measure`` was called."""

    def check(
        self,
        model: Any,
        inputs: Any,
        targets: Any,
        *,
        score: ScoreLike = "accuracy",
        greater_is_better: bool | None = None,
        predict: PredictLike = None,
        batch_size: int = 1,
        name: str = "",
    ) -> Verdict:
        """Judge ``model`` on an evaluation set; the test fails where a limit or tolerance is violated.

        ``model`` is a scikit-learn, LightGBM, XGBoost or PyTorch model, or any function of a batch that returns one
        prediction a sample. ``inputs`` (array, DataFrame, tensor or list) and ``targets`` have the same length.
        ``score`` is a scikit-learn scorer name, or ``callable(targets, predictions)`` with ``greater_is_better``.
        ``predict`` is a method's name or ``callable(model, batch)``, for a model that does not predict as its
        framework usually does. Latency and memory are those of calls with ``batch_size`` samples. A second check in
        one test needs a ``name``.
        """
        result: Judged | Verdict
        if name in self.judged:
            called = f"check(name={name!r})" if name else "check()"
            result = self._refusal(name, f"{called} was called twice in one test: give each check its own name=.")
        else:
            self.judged.append(name)
            manner = Manner(score, greater_is_better, predict, batch_size)
            result = self.doors.recall(name) or self._judge(model, inputs, targets, manner, name)
        self.doors.conclude(result)
        return result.verdict if isinstance(result, Judged) else result

    def measure(
        self,
        model: Any,
        inputs: Any,
        targets: Any,
        *,
        score: ScoreLike = "accuracy",
        greater_is_better: bool | None = None,
        predict: PredictLike = None,
        batch_size: int = 1,
    ) -> Measurement:
        """Measure as ``check`` does and judge nothing: the numbers are for the test's own assertions.

        The result has ``accuracy``, ``latency`` (with ``median``, ``p90``, ``p95`` and ``p99`` in seconds),
        ``parameters``, ``model_size`` and ``memory`` (bytes). Raises GateError for what cannot be measured.
        """
        self.measured = True
        try:
            subject = prepare(model, inputs, targets, Manner(score, greater_is_better, predict, batch_size))
            return measure(subject, inputs, self.policy, self.run.alpha, self.doors.say).measurement
        finally:
            self.doors.say("")

    def fit(self, train: Callable[[], T]) -> T:
        """Train the model of this gate: returns what ``train()`` returns.

        A live run (``--speedacc-against``) trains once on either side this way, where a fixture that trains does so
        in every launch.
        """
        return train()

    def unused(self) -> str:
        """Why a test that has ended without an error still cannot be green; empty when it can."""
        if self.judged:
            return ""
        limits = ", ".join(bound.setting.name for bound in self.policy.bounds)
        if limits:
            what = "only measured" if self.measured else "never called check()"
            return f"limits are set ({limits}) and the test {what}: call speedacc.check(model, inputs, targets)."
        return "" if self.measured else "the test uses the speedacc fixture and measured nothing."

    def _judge(self, model: Any, inputs: Any, targets: Any, manner: Manner, name: str) -> Judged | Verdict:
        if not self.policy.bounds:
            return self._refusal(
                name,
                "no limit or tolerance is set for this gate, so nothing would be judged: add "
                "@pytest.mark.speedacc(min_accuracy=..., max_latency=...) or set them in [tool.speedacc].",
            )
        try:
            subject = prepare(model, inputs, targets, manner)
            ratios = partial(self.doors.ratios, name)
            case = Case(self.run, self.policy, self.test, name, subject, self.doors.live(name), ratios)
            return run_gate(case, inputs, self.doors.say)
        except GateError as error:
            return self._refusal(name, str(error))
        finally:
            self.doors.say("")

    def _refusal(self, name: str, why: str) -> Verdict:
        return Verdict(self.test, name, (), (), (), error=why)
