"""Errors and values of foreign code in a sentence, whatever their own code does when they are asked for a text."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from typing import Any, Never

import numpy as np
import pytest

from pytest_speedacc.config.project import parse_table
from pytest_speedacc.errors import ConfigError, GateError, described, said, shown
from pytest_speedacc.measure.in_loop import calls_in_flight
from pytest_speedacc.measure.loops import OWN_LOOP
from pytest_speedacc.measure.raised import RAISED, model_raised
from pytest_speedacc.measure.subject import CallOptions, prepare


class Mute(Exception):
    def __init__(self, raised: BaseException) -> None:
        self.raised = raised

    def __str__(self) -> Never:
        raise self.raised

    __repr__ = __str__


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(0), pytest.skip.Exception("no"), GeneratorExit()])
def test_what_cannot_be_shown_is_named_all_the_same(raised: BaseException) -> None:
    name, mute = type(raised).__name__, Mute(raised)
    assert said(mute) == f"<Mute that cannot be shown: its __str__ raised {name}>"
    assert shown(mute) == f"<Mute that cannot be shown: its __repr__ raised {name}>"
    assert shown([mute]) == f"<list that cannot be shown: its __repr__ raised {name}>"
    assert described(mute) == f"Mute: {said(mute)}"
    assert str(model_raised(mute, "at once")) == f"the model raised Mute at once: {said(mute)}"


def test_what_can_be_shown_is_as_ever_and_ctrl_c_ends_the_run() -> None:
    assert (said(ValueError("few")), shown("a"), described(KeyError())) == ("few", "'a'", "KeyError")
    for ask in (said, shown):
        with pytest.raises(KeyboardInterrupt):
            ask(Mute(KeyboardInterrupt()))


def test_ctrl_c_and_the_ends_of_tests_are_no_matter_of_the_models() -> None:
    assert not issubclass(KeyboardInterrupt, RAISED)
    assert not any(issubclass(each.Exception, RAISED) for each in (pytest.skip, pytest.fail, pytest.xfail))


def test_a_setting_that_cannot_be_shown_is_refused_by_its_table() -> None:
    with pytest.raises(ConfigError, match=r"^marker: a value cannot be shown, its __repr__ raised ValueError\.$"):
        parse_table({"trades": [{"give": Mute(ValueError())}]}, "marker")


INPUTS = np.arange(8.0)
STREAMS = {
    "first": ("the stream raised OSError instead of batch 0: gone", lambda: each(fails, 0)),
    "later": ("the stream raised GeneratorExit instead of batch 9: gone", lambda: each(leaves, 9)),
    "loader": ("the loader of a batch raised OSError when it was called: gone", lambda: [fails]),
    "at-once": ("the stream raised OSError before its first batch: gone", lambda: Unready()),
}


def fails() -> Never:
    raise OSError("gone")


def leaves() -> Never:
    raise GeneratorExit("gone")


def each(last: Any, count: int) -> Iterator[Any]:
    for _ in range(count):
        yield INPUTS, INPUTS
    last()


class Unready:
    def __iter__(self) -> Never:
        raise OSError("gone")


@pytest.mark.parametrize(("sentence", "stream"), STREAMS.values(), ids=STREAMS)
def test_a_stream_that_raises_is_no_model_that_does(sentence: str, stream: Any) -> None:
    with pytest.raises(GateError, match=f"^{sentence}$"):
        prepare(lambda batch: batch, stream(), None, CallOptions())


def test_a_model_that_exits_leaves_its_event_loop_running_for_the_next() -> None:
    async def exits(batch: int) -> Never:
        raise SystemExit(3)

    async def answers(batch: int) -> int:
        return batch

    for concurrency in (1, 3):
        with pytest.raises(GateError, match=r"^the model raised SystemExit in its event loop: 3$"):
            OWN_LOOP.run(calls_in_flight(exits, iter(range(6)), concurrency))
        assert (2, 2) in OWN_LOOP.run(calls_in_flight(answers, iter(range(3)), 1))
    assert gc.isenabled()
    assert not asyncio.all_tasks(OWN_LOOP.run(_loop()))


async def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()
