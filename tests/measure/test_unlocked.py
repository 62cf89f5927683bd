"""A Python that runs without its global lock is refused before anything is measured."""

from __future__ import annotations

import sys

import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.subject import CallOptions, prepare


def answer(batch: list[int]) -> list[int]:
    return batch


def test_it_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    with pytest.raises(GateError, match=r"runs without the global interpreter lock.*Run with PYTHON_GIL=1"):
        prepare(answer, [1, 2], [1, 2], CallOptions())


def test_with_its_lock_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True, raising=False)
    assert prepare(answer, [1, 2], [1, 2], CallOptions()).samples == 2
