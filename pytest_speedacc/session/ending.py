"""How a gate's test ended, and how pytest is told of the verdicts that the test kept to itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from unittest import SkipTest, TestCase

import pytest

from pytest_speedacc.check.begun import chain

AUTOUSE = """    @pytest.fixture(autouse=True)
    def use_speedacc(self, speedacc):
        self.speedacc = speedacc"""
"""What gives the fixture to a unittest.TestCase, whose tests take no arguments."""
NO_GATE = "If it is no gate, mark it @pytest.mark.speedacc(gate=False)."


@dataclass(frozen=True, slots=True)
class News:
    """A check that must fail its test."""

    text: str
    raised: BaseException | None
    """What the check raised in the test; None of one that had not ended."""
    is_verdict: bool
    """Whether it was raised to fail the test: the model, or whatever else left the check, raises anything."""


def ended_by(item: pytest.Item, raised: BaseException | None) -> BaseException | None:
    """What ended a test; None where it ended without an exception."""
    # unittest's tests raise nothing: what one ended with is kept here until its report is made.
    kept = [info.value for info in getattr(item, "_excinfo", None) or ()]
    worse = (error for error in kept if not isinstance(error, pytest.skip.Exception | SkipTest))
    return raised or next(worse, next(iter(kept), None))


def tell(item: pytest.Item, ended: BaseException | None, news: Sequence[News]) -> None:
    """Fail a test that would not fail, and show beside any other failure what its report does not show by itself."""
    if _leaves_green(ended, news):
        fail(item, "\n\n".join(one.text for one in news))
    shown = list(chain(ended))
    if hidden := [one.text for one in news if not any(one.raised is error for error in shown)]:
        item.add_report_section("call", "speedacc", "\n\n".join(hidden))


def fail(item: pytest.Item, text: str) -> None:
    """Fail the test with this text alone."""
    if getattr(item, "_excinfo", None):
        item._excinfo = None  # type: ignore[attr-defined]
    raise pytest.fail.Exception(text, pytrace=False) from None


def without_fixture(item: pytest.Item) -> str:
    """What to tell of a test that is marked and never had the fixture."""
    marked = "the test is marked speedacc and does not use the speedacc fixture"
    if isinstance(getattr(item, "instance", None), TestCase):
        return (
            f"{marked}: give it to the unittest.TestCase by these lines, and call "
            f"self.speedacc.check(model, inputs, targets). {NO_GATE}\n\n{AUTOUSE}"
        )
    return f"{marked}: add it to the arguments and call speedacc.check(model, inputs, targets). {NO_GATE}"


def _leaves_green(ended: BaseException | None, news: Sequence[News]) -> bool:
    """Whether a test that ended so would not fail. ``pytest.xfail`` is a failure, unless it was the model's."""
    match ended:
        case None | SkipTest() | pytest.skip.Exception():
            return True
        case pytest.exit.Exception():
            return ended.returncode == 0
        case pytest.xfail.Exception():
            return any(one.raised is ended and not one.is_verdict for one in news)
    return False
