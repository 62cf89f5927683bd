"""Where memory lies, in a process that is started as a worker is."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys

import pytest

from pytest_speedacc.live.workers import allocator

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the system's allocator is another one")
PLACES = """
import ctypes, json, sys
from pytest_speedacc.live.workers.allocator import steady

malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, malloc.argtypes, free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]

def place(size):
    # As what came before has it: a block of another length each time.
    before = malloc(len(kept) * 16 + 24)
    kept.append(before)
    return malloc(size)

kept = [] if sys.argv[1] == "short" else [malloc(1000)]
models = [place(size) % 4096 for size in (1 << 18, 1 << 20, 1 << 24)]
with steady():
    first = malloc(1 << 20)
    free(first)
    second = malloc(1 << 20)
    free(second)
again = place(1 << 20) % 4096
json.dump({"models": models, "kept": first == second, "in page": first % 4096, "again": again}, sys.stdout)
"""


@pytest.mark.parametrize("paths", ["short", "long"])
def test_a_model_lies_at_the_beginning_of_a_page_whatever_came_before(paths: str) -> None:
    environment = {**os.environ, **allocator.ENVIRONMENT}
    done = subprocess.run([sys.executable, "-c", PLACES, paths], env=environment, capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["models"] == [16, 16, 16]
    assert found["again"] == 16


def test_what_a_call_takes_lies_where_the_last_one_left_it() -> None:
    environment = {**os.environ, **allocator.ENVIRONMENT}
    done = subprocess.run([sys.executable, "-c", PLACES, "short"], env=environment, capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert found["kept"]
    # On the heap: a block of its own begins 16 bytes behind a page.
    assert found["in page"] != 16


def test_without_such_an_allocator_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allocator, "_library", lambda: None)
    with allocator.steady():
        pass
