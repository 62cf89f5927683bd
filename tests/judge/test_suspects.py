"""What differs between the libraries of the two sides, the likeliest first, and nothing that was not loaded."""

from __future__ import annotations

import pytest

from pytest_speedacc.facts import Facts
from pytest_speedacc.judge.suspects import other_libraries
from pytest_speedacc.measure.launches import LiveGate
from pytest_speedacc.report.sentences import all_said


def facts(**libraries: str) -> Facts:
    named = {name.replace("_", "-"): version for name, version in libraries.items()}
    return Facts(None, None, None, 1, "", "", {}, 1, libraries=named)


def suspects(then: Facts | None, now: Facts | None) -> tuple[str, ...]:
    return all_said(other_libraries(LiveGate((), now, then, None, "")))


def test_python_and_frameworks_come_before_what_they_use() -> None:
    then = facts(numpy="2.2.6", joblib="1", BLAS="openblas 0.3.29", scikit_learn="1.5.2", python="3.12.1", scipy="1.17")
    now = facts(numpy="2.4.6", joblib="2", BLAS="openblas 0.3.31", scikit_learn="1.9.1", python="3.11.7", scipy="1.17")
    assert suspects(then, now) == (
        "python 3.12.1 -> 3.11.7",
        "scikit-learn 1.5.2 -> 1.9.1",
        "numpy 2.2.6 -> 2.4.6",
        "joblib 1 -> 2",
        "BLAS openblas 0.3.29 -> openblas 0.3.31",
    )


@pytest.mark.parametrize(
    ("then", "now", "found"),
    [
        (
            "openblas 0.3.29/openblas 0.3.30",
            "openblas 0.3.30/openblas 0.3.31",
            ("BLAS openblas 0.3.29 -> openblas 0.3.31",),
        ),
        ("openblas 0.3.29/openblas 0.3.30", "openblas 0.3.30", ()),
        ("openblas 0.3.29", "mkl 2024.1", ("BLAS openblas 0.3.29 -> mkl 2024.1",)),
    ],
)
def test_of_several_libraries_of_one_kind_those_that_differ(then: str, now: str, found: tuple[str, ...]) -> None:
    assert suspects(facts(BLAS=then), facts(BLAS=now)) == found


def test_what_one_side_did_not_load_or_tell_is_no_suspect() -> None:
    assert suspects(facts(numpy="1"), facts(pandas="2", pytest_speedacc="2")) == ()
    assert suspects(facts(pytest_speedacc="1"), facts(pytest_speedacc="2")) == ()
    assert suspects(None, facts(numpy="1")) == suspects(facts(numpy="1"), None) == ()
