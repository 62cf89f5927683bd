"""The loop that async models are awaited in outlives what others do with it."""

from __future__ import annotations

import asyncio

from pytest_speedacc.measure.loops import OWN_LOOP


async def now() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_one_that_somebody_closed_is_followed_by_another() -> None:
    first = OWN_LOOP.run(now())
    assert OWN_LOOP.run(now()) is first
    first.close()
    second = OWN_LOOP.run(now())
    assert second is not first
    assert OWN_LOOP.run(now()) is second
