"""What runs inside tests need not find out anew (tests/quick_starts.py), and what they say all the same."""

from __future__ import annotations

import os
import subprocess
from importlib.metadata import version
from typing import Any

import pytest
from scratch_project import Project, assert_says

from pytest_speedacc.measure.lock import lock_path


def test_a_run_names_its_plugins_and_asks_no_other_program_for_them(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("def test_it(speedacc):\n    pass\n")
    started, start = [], subprocess.Popen.__init__

    def note(process: Any, command: Any, *options: Any, **how: Any) -> None:
        started.append(command)
        start(process, command, *options, **how)

    monkeypatch.setattr(subprocess.Popen, "__init__", note)
    result = project.run()
    assert_says(result, f"plugins: benchmark-{version('pytest-benchmark')}, speedacc-{version('pytest-speedacc')}")
    # Our own questions to git, and none of pytest-benchmark's.
    assert [command for command in started if "core.hooksPath=/dev/null" not in command] == []


def test_gates_of_two_workers_wait_for_each_other_in_no_test(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert lock_path().is_relative_to(tmp_path_factory.getbasetemp())
    assert os.environ["TMPDIR"] == str(lock_path().parent)
