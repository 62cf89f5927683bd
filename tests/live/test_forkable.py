"""Whether a process can be forked after what its tests have done to it."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pytest_speedacc.live.workers import forkable
from pytest_speedacc.live.workers.forkable import DoneByTests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


@contextmanager
def idle_thread() -> Iterator[None]:
    """A thread that waits."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def comes_to_nothing(done: DoneByTests) -> bool:
    """Whether nothing rules a fork out, once the system has forgotten threads that have ended."""
    end = time.monotonic() + 20
    while done.why_no_fork() and time.monotonic() < end:
        time.sleep(0.001)
    return not done.why_no_fork()


def test_threads_that_the_tests_start_are_left_out_of_a_child_and_so_rule_it_out() -> None:
    done = DoneByTests()
    with idle_thread(), done.watching():
        # As that of a plugin, which waits for the workers of pytest-xdist.
        assert done.why_no_fork() == ""
    with done.watching(), idle_thread():
        pass
    assert comes_to_nothing(done)
    with ExitStack() as stack:
        with done.watching():
            stack.enter_context(idle_thread())
        assert done.why_no_fork() == "collecting the tests starts 1 thread"
    assert comes_to_nothing(done)


def test_variables_that_the_tests_change_are_those_of_hooks_between_the_stretches_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("REMOVED", "1")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    for name in ("TOKENIZERS_PARALLELISM", "SKLEARN_ASSUME_FINITE", "PYTEST_CURRENT_TEST", "FOR_A_MOMENT"):
        monkeypatch.delenv(name, raising=False)
    done = DoneByTests()
    with done.watching():
        monkeypatch.setenv("KERAS_BACKEND", "torch")
        monkeypatch.setenv("FOR_A_MOMENT", "1")
    # As in the `pytest_configure` of a conftest, which comes before any test file.
    monkeypatch.setenv("SKLEARN_ASSUME_FINITE", "1")
    done.end()
    # As in that of a plugin, which comes after it.
    monkeypatch.setenv("MEMRAY_RESULT_PATH", str(os.getpid()))
    with done.watching():
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
        monkeypatch.setenv("PYTEST_CURRENT_TEST", "this one")
        monkeypatch.delenv("REMOVED")
        monkeypatch.delenv("FOR_A_MOMENT")
    assert done.environment == {
        "KERAS_BACKEND": "torch",
        "SKLEARN_ASSUME_FINITE": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "REMOVED": None,
    }
    assert os.environ["KEPT"] == "1"


def test_what_a_fixture_sets_is_told_from_what_libraries_and_pytest_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_HUB_OFFLINE", "KMP_INIT_AT_FORK", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)
    done = DoneByTests()
    with done.watching():
        pass
    monkeypatch.setenv("KMP_INIT_AT_FORK", "FALSE")
    monkeypatch.setenv("PYTEST_CURRENT_TEST", "this one")
    assert done.is_environment_kept
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert not done.is_environment_kept


def test_an_accelerator_in_use_and_other_systems_rule_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Any device file stands for one of an accelerator, which is seen only while it is open.
    monkeypatch.setattr(forkable, "_ACCELERATORS", ("/dev/full",))
    assert DoneByTests().why_no_fork() == ""
    with Path("/dev/full").open("w"):
        why = DoneByTests().why_no_fork()
    assert why == "/dev/full is in use when the tests are imported, and a driver does not survive a fork"
    monkeypatch.setattr(forkable.psutil, "LINUX", False)
    assert DoneByTests().why_no_fork() == "this system does not fork processes safely"
