"""Whether a baseline agrees with itself: nobody has written a score by hand that its predictions do not have."""

from __future__ import annotations

import math
from pathlib import Path

from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.baseline.document import damaged
from pytest_speedacc.baseline.schema import Baseline, StoredAccuracy
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.subject import Subject

ROOM = 1e-6
"""Of a score: sums come out differently on another processor, and by far less than this."""


def check_agreement(path: Path, baseline: Baseline, predictions: Predictions | None, subject: Subject) -> None:
    """Hold the score in the file ``path`` against its range, and against what its own predictions come to.

    The predictions are scored here where the score is one that a name defines: what somebody's own function gave then,
    only its author knows. They are those of the only evaluation, or of the first of several, which lies only so far
    from the mean. To be called with the evaluation set of the baseline. Raises GateError, naming the field.
    """
    stored, score = baseline.accuracy, subject.score
    if stored is None or score is None:
        return
    if score.within_unit and not 0 <= stored.value <= 1:
        raise damaged(path, "$.accuracy.value", f"it is {stored.value:g}, and {score.name} lies within 0 to 1")
    if stored.repeats > 1 and subject.repeats == 1:
        raise GateError(
            f"the baseline file {path} does not fit this gate at $.accuracy.repeats: it is {stored.repeats}, and the "
            "gate evaluates once (no repeats=). Restore it from version control, or write it anew with "
            "--speedacc-update."
        )
    if predictions is None:
        raise damaged(path, "$.predictions", "there are none, and an update writes them with the score")
    if score.within_unit and stored.repeats > 1 and stored.spread > (most := _widest(stored)) + ROOM:
        what = f"it is {stored.spread:g}, and scores within 0 to 1 of this mean spread by {most:.3g} at the most"
        raise damaged(path, "$.accuracy.spread", what)
    if not (score.by_name and score.responses == ("predict",)):
        return
    try:
        found = score_predictions(score, subject.targets, predictions).value
    except GateError as error:
        raise damaged(path, "$.predictions", f"they cannot be scored ({error})") from error
    if math.isclose(found, stored.value, rel_tol=ROOM, abs_tol=ROOM * 1e-3 + _farthest(stored)):
        return
    then, now = (versions.get("scikit-learn") for versions in (baseline.versions, library_versions()))
    other = "" if score.name == "accuracy" or then == now else f" by scikit-learn {now}, not {then}"
    beyond = f", farther from a mean of {stored.repeats} than any of them can be" if stored.repeats > 1 else ""
    raise damaged(
        path,
        "$.accuracy.value",
        f"it is {stored.value!r}, and the predictions of the same file come to {found!r}{other}{beyond}",
    )


def _farthest(stored: StoredAccuracy) -> float:
    """How far one of several evaluations can be from their mean, given their spread (Samuelson's inequality)."""
    return stored.spread * (stored.repeats - 1) / math.sqrt(stored.repeats)


def _widest(stored: StoredAccuracy) -> float:
    """The largest standard deviation of scores within 0 to 1 that have this mean: each is 0 or 1."""
    return math.sqrt(stored.repeats / (stored.repeats - 1) * stored.value * (1 - stored.value))
