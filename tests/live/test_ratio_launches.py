"""Launches of the candidate alone, with workers that follow a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.live import ratio_launches as solo
from pytest_speedacc.live.ratio_launches import LAUNCHES, SoloRun, run_solo
from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.worker_process import WorkerLost
from pytest_speedacc.measure.yardstick import Ratio

SIDE = Side("candidate", Path(), Path("nowhere"), Path(), "python", (), True, Path())


class Scripted:
    """Comes to these checks of test ``t`` and measures the number of its launch."""

    def __init__(self, launch: int, checks: Sequence[str]) -> None:
        self.launch = launch
        self.checks = list(checks)
        self.sent: list[str] = []

    def receive_gates(self) -> None:
        assert not self.sent

    def next_check(self, test: str) -> Ready | None:
        return Ready(test, self.checks.pop(0), 2e-3, 1, 0.1, None) if self.checks else None

    def send(self, kind: str, **content: Any) -> None:
        assert kind == "return" or content == {"seconds_per_call": 2e-3}
        self.sent.append(kind)

    def receive(self) -> dict[str, Any]:
        return {"log_ratio": float(self.launch), "seconds": 1e-3, "parts": [0.1, -0.3, 0.2]}

    def answers_problem(self) -> str:
        return "the timed calls answered None" if (self.launch, self.checks) == (2, ["careless"]) else ""


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs launches whose checks are given by their number."""

    def run(checks: Any) -> tuple[SoloRun, list[Start]]:
        starts: list[Start] = []

        @contextmanager
        def started(wanted: Sequence[tuple[Side, Sequence[str]]], start: Start) -> Iterator[list[Scripted]]:
            assert wanted == [(SIDE, ("t",))]
            starts.append(start)
            yield [Scripted(len(starts), checks(len(starts)))]

        monkeypatch.setattr(solo, "started", started)
        return run_solo(SIDE, ("t",), ("-q",), scratch=Path(), timeout=1.0, say=lambda text: None), starts

    return run


def test_every_check_has_a_ratio_from_each_launch(play: Any) -> None:
    found, starts = play(lambda launch: ["a", "b"])
    ratios = tuple(Ratio(float(launch), 1e-3, (0.1, -0.3, 0.2)) for launch in range(1, LAUNCHES + 1))
    assert found == SoloRun({("t", name): ratios for name in ("a", "b")}, "")
    assert len(starts) == LAUNCHES == len({start.seed for start in starts})
    assert not any(start.statics for start in starts)


def test_a_check_that_a_launch_did_not_come_to_is_left_out(play: Any) -> None:
    found, _ = play(lambda launch: ["a"] if launch == 3 else ["a", "b"])
    assert list(found.ratios) == [("t", "a")]


def test_a_lost_worker_leaves_nothing_and_says_why(play: Any) -> None:
    def checks(launch: int) -> list[str]:
        if launch == 2:
            raise WorkerLost("the candidate worker ended with signal SIGKILL in t.")
        return ["a"]

    found, _ = play(checks)
    assert found.ratios == {}
    assert found.lost == "launch 2 came to nothing: the candidate worker ended with signal SIGKILL in t."


def test_a_launch_whose_timed_calls_answer_something_else_leaves_nothing(play: Any) -> None:
    found, starts = play(lambda launch: ["a", "careless"])
    assert found == SoloRun({}, "launch 2 came to nothing: the timed calls answered None")
    assert len(starts) == 2
