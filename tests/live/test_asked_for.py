"""Which packages a file or a test asks for, whether or not another has imported them before."""

from __future__ import annotations

import builtins
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.live.workers.asked_for import ALL, AskedFor
from pytest_speedacc.live.workers.protocol import Ready
from pytest_speedacc.live.workers.side import Side, Start
from pytest_speedacc.live.workers.starting import started


def test_each_asks_for_what_it_imports_though_it_is_there() -> None:
    asked, usual = AskedFor(), builtins.__import__
    with asked.watching(ALL):
        import json.decoder

        with asked.watching("test_a.py"):
            from collections import abc
        with asked.watching("test_b.py"):
            import collections
    assert builtins.__import__ is usual
    assert (json.decoder.__name__, collections.abc is abc) == ("json.decoder", True)
    assert asked.names == {ALL: {"json"}, "test_a.py": {"collections"}, "test_b.py": {"collections"}}


def test_what_is_timed_calls_the_usual_import() -> None:
    asked, usual = AskedFor(), builtins.__import__
    with asked.watching("test"), asked.watching("test"):
        watched = builtins.__import__
        with asked.resting():
            assert builtins.__import__ is usual
        assert builtins.__import__ is watched
    with asked.resting():
        assert builtins.__import__ is usual


def test_what_a_test_has_put_around_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, usual = AskedFor(), builtins.__import__
    called: list[str] = []

    def own(name: str, *rest: Any, **named: Any) -> Any:
        called.append(name)
        return before(name, *rest, **named)

    with asked.watching("test"):
        before = builtins.__import__
        monkeypatch.setattr(builtins, "__import__", own)
        with asked.resting():
            assert builtins.__import__ is own
            import json
        monkeypatch.undo()
    assert (json.__name__, "json" in called) == ("json", True)
    assert builtins.__import__ is usual
    # A wrapper that is left behind is left alone.
    with asked.watching("test"):
        before = builtins.__import__
        builtins.__import__ = own
    assert builtins.__import__ is own
    builtins.__import__ = usual


GATES = {
    "conftest.py": "import decimal\n\ndef pytest_sessionstart(session):\n    import pstats\n",
    "test_a.py": """
import fractions
import numpy
import pytest

@pytest.fixture(scope="session")
def model():
    import colorsys
    return lambda batch: batch[:, 0]

def test_first(speedacc, model):
    speedacc.check(model, numpy.eye(2), [1.0, 0.0])

def test_second(speedacc, model):
    import tabnanny
    speedacc.check(model, numpy.eye(2), [1.0, 0.0])
""",
    "test_b.py": """
import numpy

def test_third(speedacc):
    import fractions
    speedacc.check(lambda batch: batch[:, 0], numpy.eye(2), [1.0, 0.0])
""",
}


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")
def test_a_worker_tells_what_its_files_and_its_tests_ask_for(side: Side, tmp_path: Path) -> None:
    """Of two that share a fixture each asks for what it imports, where each runs in a process of its own."""
    for name, text in GATES.items():
        (side.root / name).write_text(text, "utf-8")
    tests = ["test_a.py::test_first", "test_a.py::test_second", "test_b.py::test_third"]
    with started([(side, tests)], replace(Start((), 7, True, tmp_path, 30.0), statics=False)) as (worker,):
        worker.receive_gates()
        found: dict[str, Ready | None] = {}
        for test in tests:
            worker.begin(test, forks=True)
            found[test] = worker.next_check(test)
            worker.send("leave")
            assert worker.next_check(test) is None
    asked = {test: set(ready.asked) if ready else set() for test, ready in found.items()}
    modules = {"decimal", "pstats", "fractions", "colorsys", "tabnanny"}
    assert [modules & asked[test] for test in tests] == [{"colorsys"}, {"colorsys", "tabnanny"}, {"fractions"}]
    assert {who: modules & set(names) for who, names in worker.asked.items() if modules & set(names)} == {
        ALL: {"decimal", "pstats"},
        "test_a.py": {"fractions"},
    }
