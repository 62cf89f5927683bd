"""Whether a baseline agrees with itself: nobody has written a score by hand that its predictions do not have."""

from __future__ import annotations

import math
from pathlib import Path

from pytest_speedacc.baseline.archive import Predictions
from pytest_speedacc.baseline.document import damaged
from pytest_speedacc.baseline.schema import Baseline
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.environment import library_versions
from pytest_speedacc.measure.subject import Subject

ROOM = 1e-6
"""Of a score: sums come out differently on another processor, and by far less than this."""


def check_agreement(path: Path, baseline: Baseline, predictions: Predictions | None, subject: Subject) -> None:
    """Hold the score in the file ``path`` against its range, and against what its own predictions come to.

    The predictions are scored here where the score is one that a name defines and a single evaluation gave, by the same
    scikit-learn: what somebody's own function gave then, only its author knows. To be called with the evaluation set of
    the baseline. Raises GateError, naming the field.
    """
    stored, score = baseline.accuracy, subject.score
    if stored is None:
        return
    if score.within_unit and not 0 <= stored.value <= 1:
        raise damaged(path, "$.accuracy.value", f"it is {stored.value:g}, and {score.name} lies within 0 to 1")
    recomputed = score.by_name and score.responses == ("predict",) and stored.repeats == 1
    same_library = score.name == "accuracy" or _sklearn(baseline.versions) == _sklearn(library_versions())
    if predictions is None or not recomputed or not same_library:
        return
    try:
        found = score_predictions(score, subject.targets, predictions).value
    except GateError as error:
        raise damaged(path, "$.predictions", f"they cannot be scored ({error})") from error
    if not math.isclose(found, stored.value, rel_tol=ROOM, abs_tol=ROOM * 1e-3):
        raise damaged(
            path, "$.accuracy.value", f"it is {stored.value!r}, and the predictions of the same file come to {found!r}"
        )


def _sklearn(versions: dict[str, str]) -> str | None:
    return versions.get("scikit-learn")
