"""What is kept of a profile: little enough for a diff, and nothing that moves with every edit."""

from __future__ import annotations

from pytest_speedacc.baseline import StoredFunction
from pytest_speedacc.baseline.record import record_profile
from pytest_speedacc.measure.profile import Function, Profile


def function(name: str, own: float, calls: float = 1.0) -> Function:
    return Function(name, "features.py", 41, calls, own, own, own, own)


def test_a_profile_keeps_its_largest_functions_rounded() -> None:
    functions = (function("clean_rows", 0.71234, 64 / 3), *(function(f"f{n}", 0.02) for n in range(9)))
    kept = record_profile(Profile("cpu", 150, 64, 1.0, 1.0, functions, {}))
    assert (kept.batch_size, kept.calls, kept.clock) == (64, 150, "cpu")
    assert kept.functions[0] == StoredFunction(name="clean_rows", file="features.py", calls=21.333, share=0.71)
    assert [each.name for each in kept.functions[1:]] == [f"f{n}" for n in range(7)]


def test_no_share_is_over_all() -> None:
    for seconds in (0.5, 0.0):
        (kept,) = record_profile(Profile("wall", 1, 1, 1.0, seconds, (function("twice", 1.0),), {})).functions
        assert kept.share == float(seconds > 0)
