"""What is told of memory where memray is not there."""

from __future__ import annotations

import sys
import threading
from unittest import mock

import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.memory import measure_memory
from pytest_speedacc.measure.resident import growth


def held(size: int) -> int:
    """Memory that is there for long enough to be seen on a busy machine."""
    block = b"\1" * size
    return sum(block.count(1) for _ in range(20))


def test_where_memray_is_missing_a_coarse_figure_is_told_and_nothing_judged_by_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "memray", None)
    with pytest.raises(GateError, match=r"the process did not grow by 1\.00 MiB.*No limit is judged by it\. Drop"):
        measure_memory(list, [[1]])
    with pytest.raises(GateError, match=r"the process grew by (6[3-9]|7\d)\.\d MiB while.*and may be more"):
        measure_memory(held, [64 * 2**20])


def test_the_process_is_looked_at_while_a_call_runs() -> None:
    looked_at, sizes = threading.Event(), iter([10, 30])

    def size() -> int:
        found = next(sizes, 20)
        if found == 30:
            looked_at.set()
        return found

    with mock.patch("pytest_speedacc.measure.resident.resident", size):
        assert growth(lambda batch: looked_at.wait(60), [0]) == 20
