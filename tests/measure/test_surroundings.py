"""A model that changes what its process shares is named, with what it was and is; one that does not is not."""

from __future__ import annotations

import locale
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from scratch_project import Project, output

from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.surroundings import LEAK, moved, surroundings

FOLDER = Path(__file__).parent
LEFT: list[object] = []


def let_go() -> None:
    """End what a change has left."""
    for left in LEFT:
        match left:
            case int():
                os.close(left)
            case threading.Event():
                left.set()
            case subprocess.Popen():
                left.communicate()
    LEFT.clear()


@pytest.fixture(autouse=True)
def restored(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All is as before afterwards."""
    monkeypatch.setenv("GATE_TEST", "a")
    monkeypatch.setattr(sys, "path", [*sys.path])
    folder, cores = Path.cwd(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    states, handler = (random.getstate(), np.random.get_state()), signal.getsignal(signal.SIGTERM)
    errors, limit, timeout = np.geterr(), sys.getrecursionlimit(), socket.getdefaulttimeout()
    language = locale.setlocale(locale.LC_ALL)
    with warnings.catch_warnings():
        yield
    let_go()
    os.chdir(folder)
    if cores is not None:
        os.sched_setaffinity(0, cores)
    random.setstate(states[0])
    np.random.set_state(states[1])
    signal.signal(signal.SIGTERM, handler)
    np.seterr(**errors)
    sys.setrecursionlimit(limit)
    socket.setdefaulttimeout(timeout)
    locale.setlocale(locale.LC_ALL, language)


def leave_threads() -> None:
    end = threading.Event()
    LEFT.append(end)
    for _ in range(LEAK):
        threading.Thread(target=end.wait, daemon=True).start()


def leave_files() -> None:
    LEFT.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(LEAK))


def leave_child() -> None:
    LEFT.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))


def handle(number: int, frame: object) -> None:
    pass


CHANGES: dict[str, tuple[Callable[[], object], str]] = {
    "folder": (lambda: os.chdir(FOLDER), f"the working directory .* -> {str(FOLDER)[:60]}"),
    "variable": (lambda: os.environ.update(GATE_TEST="b"), "the environment variable GATE_TEST changed"),
    "new variable": (lambda: os.environ.update(GATE_NEW="b"), "the environment variable GATE_NEW set"),
    "no variable": (lambda: os.environ.pop("GATE_TEST"), "the environment variable GATE_TEST unset"),
    "path": (lambda: sys.path.insert(0, "/nowhere"), r"sys.path \+ /nowhere"),
    "order of path": (lambda: sys.path.reverse(), "sys.path in another order"),
    "signal": (lambda: signal.signal(signal.SIGTERM, handle), "the handler of SIGTERM .* -> handle"),
    "warnings": (lambda: warnings.filterwarnings("ignore", "of a gate"), r"the filters of warnings \+ "),
    "seed": (lambda: np.random.seed(7), "numpy's random state"),
    "errstate": (lambda: np.seterr(divide="raise"), "numpy.errstate's divide warn -> raise"),
    "recursion": (lambda: sys.setrecursionlimit(5000), "the recursion limit .* -> 5000"),
    "sockets": (lambda: socket.setdefaulttimeout(7), "the timeout of sockets unset -> 7"),
    "locale": (lambda: locale.setlocale(locale.LC_ALL, "C"), "the locale .* -> C"),
    "threads": (leave_threads, r"threads \d+ -> \d+"),
    "files": (leave_files, r"open files \d+ -> \d+"),
    "child": (leave_child, r"child processes \+ \d+"),
}
if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
    CHANGES["cores"] = (lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}), "the cores that it may run on")


@pytest.mark.skipif(sys.platform != "linux", reason="files and children are counted in /proc")
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_is_named_with_what_it_was(name: str) -> None:
    change, says = CHANGES[name]
    if name == "locale":
        try:
            locale.setlocale(locale.LC_ALL, "C.UTF-8")
        except locale.Error:
            pytest.skip("no other locale here")
    before = surroundings()
    change()
    [sentence] = moved(before)
    assert sentence.startswith("something in this process is not as it was before the model was measured: ")

    assert re.search(says, sentence), sentence
    assert sentence.count(";") == 0


def test_what_torch_shares_is_looked_at() -> None:
    torch = pytest.importorskip("torch")
    threads, kind = torch.get_num_threads(), torch.get_default_dtype()
    before = surroundings()
    try:
        torch.set_num_threads(threads + 1)
        torch.set_default_dtype(torch.float64)
        torch.rand(1)
        [sentence] = moved(before)
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(kind)
    assert f"torch's threads {threads} -> {threads + 1}; " in sentence
    assert "torch's default type torch.float32 -> torch.float64; torch's random state" in sentence


def test_measuring_itself_changes_nothing() -> None:
    samples = np.arange(40.0).reshape(20, 2)
    before = surroundings()
    measure_statics(prepare(lambda batch: batch[:, 0], samples, samples[:, 0], CallOptions()))
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("error")
    os.close(os.open(os.devnull, os.O_RDONLY))
    assert moved(before) == ()


GATE = """
import os

def moves(batch):
    os.environ["LEFT_BEHIND"] = "yes"
    return model(batch)

@pytest.mark.speedacc(min_accuracy=0.5, max_latency="1 h")
def test_it(speedacc):
    speedacc.check({model}, inputs, targets)
"""


@pytest.mark.parametrize("name", ["model", "moves"])
def test_it_is_a_remark_at_the_gate_and_fails_nothing(
    project: Project, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LEFT_BEHIND", raising=False)
    project.write(GATE.replace("{model}", name))
    result = project.run_apart()
    assert result.ret == pytest.ExitCode.OK
    said = (
        "something in this process is not as it was before the model was measured: the environment variable LEFT_BEHIND"
    )
    assert (said in output(result)) == (name == "moves")
    assert ("something in this process" in output(result)) == (name == "moves")
