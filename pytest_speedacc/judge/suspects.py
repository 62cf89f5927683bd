"""What a model runs with and its base did not: whatever changed between them, this is suspected first."""

from __future__ import annotations

from pytest_speedacc.judge.verdict import Reason, because
from pytest_speedacc.measure.environment import DISTRIBUTIONS
from pytest_speedacc.measure.launches import LiveGate
from pytest_speedacc.measure.libraries import NATIVE, PYTHON

_NO_SUSPECT = "pytest-speedacc"
"""Both sides measure with this one."""
_FIRST = (PYTHON, *reversed(DISTRIBUTIONS.values()))
"""Frameworks before what they compute with."""
_LAST = tuple(NATIVE.values())


def other_libraries(gate: LiveGate) -> tuple[Reason, ...]:
    """What differs in what both sides use, as ``scikit-learn 1.5.2 -> 1.9.1``, the likeliest first."""
    if gate.candidate is None or gate.base is None:
        return ()
    then, now = gate.base.libraries, gate.candidate.libraries
    both = sorted(then.keys() & now.keys() - {_NO_SUSPECT}, key=_rank)
    return tuple(change for name in both if (change := _change(name, then[name], now[name])))


def _change(name: str, then: str, now: str) -> Reason:
    """Of several versions those that differ; none where one side may just not have loaded all."""
    before, after = (set(versions.split("/")) for versions in (then, now))
    gone, new = ("/".join(sorted(each)) for each in (before - after, after - before))
    return because("moved", name=name, then=gone, now=new) if gone and new else ()


def _rank(name: str) -> tuple[int, str]:
    if name in _FIRST:
        return _FIRST.index(name), name
    return len(_FIRST) + (name in _LAST), name
