"""A few hundred gates in one process leave a packed verdict each behind, and nothing else that grows."""

from __future__ import annotations

import sys

import pytest

from benchmarks.soak import soak

STEP = 50
MOST_OBJECTS = 75
"""That a gate may leave: pytest's reports have 40 or so, and what is kept of a verdict the rest. One of a few hundred
timed calls, or a verdict that is not packed, would be beyond it."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read in /proc")
def test_gates_leave_little_behind() -> None:
    marks = [blocks for _, blocks in soak(4 * STEP, STEP)]
    # After the first ones, which load libraries and fill caches.
    left = (marks[-1] - marks[1]) / (STEP * (len(marks) - 2))
    assert left < MOST_OBJECTS
