"""Known library functions in a profile: by their package, and each second once."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from pytest_speedacc.measure.patterns import known_seconds

INSTALLED = "/project/.venv/lib/python3.11/site-packages/scipy/sparse/_base.py"


@dataclass
class Stat:
    index: int
    name: str
    ttot: float
    module: str = INSTALLED
    children: tuple[Stat, ...] = ()


def test_seconds_are_those_of_a_call() -> None:
    stats = [Stat(1, "csr_matrix.toarray", 3.0), Stat(2, "csc_array.toarray", 1.0), Stat(3, "csr_matrix.dot", 5.0)]
    assert known_seconds(stats, 2) == {"sparse to dense": 2.0}


def test_a_known_function_below_another_counts_once() -> None:
    inner, other = Stat(1, "csr_matrix.toarray", 3.0), Stat(3, "csr_matrix.dot", 1.0)
    outer = Stat(2, "csr_matrix.todense", 4.0, children=(inner, other))
    outer.children += (outer,)  # a recursion is no time of its own
    assert known_seconds([inner, outer, other], 1) == {"sparse to dense": 4.0}


@pytest.mark.parametrize(
    "module",
    [
        "/project/scipy/sparse/_base.py",
        "/project/site-packages/other/scipy/_base.py",
        "/project/features.py",
        "/project/.venv/lib/python3.11/site-packages/torch/x.py",
        "<string>",
        "/usr/lib/python3/dist-packages",
    ],
)
def test_a_function_of_that_name_elsewhere_is_none(module: str) -> None:
    assert known_seconds([Stat(1, "csr_matrix.toarray", 3.0, module)], 1) == {}


def test_distributions_keep_packages_elsewhere() -> None:
    assert known_seconds([Stat(1, "a.toarray", 3.0, "/usr/lib/python3/dist-packages/scipy/x.py")], 1)
