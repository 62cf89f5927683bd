"""Answers among the questions: a column of a table of inputs that is equal to the targets."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.samples import take
from pytest_speedacc.measure.subject import Subject

FIRST = 100
"""Samples that are looked at in each column, before whole ones are."""


def leaked(subject: Subject) -> tuple[Reason, ...]:
    """A remark on each column that holds the targets; none where they are all alike, as many a column may be."""
    try:
        columns, targets = getattr(subject.inputs, "columns", None), np.asarray(subject.targets).ravel()
        if columns is None or len(targets) != subject.samples or len(np.unique(targets)) < 2:
            return ()
        head = take(subject.inputs, 0, FIRST)
        names = [name for name in columns if _equal(head[name], targets[:FIRST])]
        found = [name for name in names if _equal(subject.inputs[name], targets)]
    except Exception:  # a remark is no reason to fail over tables of whatever kind
        return ()
    return tuple(because("leak", column=str(name)) for name in found)


def _equal(column: Any, targets: np.ndarray[Any, Any]) -> bool:
    return bool(np.array_equal(np.asarray(column).ravel(), targets))
