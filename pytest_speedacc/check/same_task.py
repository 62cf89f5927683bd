"""Whether a baseline is of the task of this gate: of the same samples, judged in the same way."""

from __future__ import annotations

from pytest_speedacc.baseline import Baseline
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import Accuracy
from pytest_speedacc.measure.outputs import Outputs
from pytest_speedacc.measure.subject import Subject


def check_same_task(stored: Baseline, subject: Subject, now: Accuracy | Outputs, command: str) -> None:
    """Raises GateError for a baseline of another evaluation set or score; ``command`` is what updates it."""
    accept = f'If the change is meant: {command} --speedacc-reason="why"'
    if problem := _score_or_none(stored, now):
        raise GateError(f"{problem}. {accept}")
    if stored.evaluation_set.fingerprint != subject.fingerprint:
        what = "outputs" if isinstance(now, Outputs) else "scores"
        raise GateError(
            f"the evaluation set is not the one of the baseline ({subject.samples} samples now, "
            f"{stored.evaluation_set.samples} then): {what} on different samples cannot be compared. {accept}"
        )
    then = stored.accuracy
    if then is None or isinstance(now, Outputs):
        return
    if (then.score, then.greater_is_better) != (now.score, now.greater_is_better):
        was, here = (
            f"{each.score!r} ({'higher' if each.greater_is_better else 'lower'} is better)" for each in (then, now)
        )
        raise GateError(f"the baseline holds the score {was} and this gate asks for {here}. {accept}")


def _score_or_none(stored: Baseline, now: Accuracy | Outputs) -> str:
    """Why a baseline is not of this kind of gate, one with a score or a step; empty where it is."""
    then = stored.accuracy
    if isinstance(now, Outputs):
        return f"the baseline holds the score {then.score!r} and this gate asks for none" if then else ""
    is_of_step = then is None and stored.predictions is not None
    return f"the baseline is of score=None and this gate asks for {now.score!r}" if is_of_step else ""
