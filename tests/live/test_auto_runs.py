"""Live runs in a CI job: of a pull request against its base, and of a commit against itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hub import start_hub
from live_project import ARRAYS, GATE, ONE_LAUNCH, LiveProject, start_project
from scratch_repository import Repository

from pytest_speedacc.live.tree.choice import choose_base
from pytest_speedacc.session.both_sides import _is_itself

FAILED, USAGE = pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR
COMMENT = Path(__file__).parents[2] / "examples/github-actions/speedacc_comment.py"
SIZED = """
from arrays import *
from model import SPEED
import pytest

@pytest.mark.speedacc(max_parameters_increase="0 %")
def test_it(speedacc):
    speedacc.check(Model(100, weights=SPEED), x, y)
"""
"""A model that the pull request's first commit makes larger, and its second does not."""


def in_checkout(clone: Repository, folder: Path) -> LiveProject:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    return LiveProject(clone, clone.path, scratch)


@pytest.mark.slow
def test_a_pull_request_is_compared_with_its_base_and_not_with_itself(tmp_path: Path) -> None:
    hub = start_hub(
        tmp_path,
        moved=True,
        _gitignore="__pycache__/\n.pytest_cache/\n",
        arrays_py=ARRAYS,
        conftest_py="",
        pyproject_toml=f"[tool.speedacc.live]\n{ONE_LAUNCH}\n",
        test_it_py=SIZED,
    )
    event = hub.event("pull_request") | {"CI": "true"}
    live = in_checkout(hub.checkout(2, credentials=False), tmp_path)
    run = live.run("--speedacc-against=auto", **event)
    assert run.code == FAILED, run.output
    assert run.check("test_it.py::test_it", "max_parameters_increase")["outcome"] == "failed"
    assert f"Base: {hub.main[:7]} Speak of the weather (first parent of the merge): " in run.words
    assert f"Note: the event's pull_request.base.sha is {hub.event_base[:9]}, and main had moved on" in run.words
    assert "--speedacc-update --speedacc-against=auto --speedacc-reason" in run.words
    said = subprocess.run([sys.executable, COMMENT, run.report], capture_output=True, text=True, check=True).stdout
    assert f"* compared with {hub.main[:12]}" in said
    assert (
        "| `test_it.py::test_it` | `parameters` | 2 | `worse by at most 0 %` | ❌ `+100 % against the base's 1` |"
        in said
    )

    live.repository.git("remote", "set-url", "origin", hub.bare.path.as_uri())
    live.repository.git("fetch", "--quiet", "--depth=2", "origin", hub.head)
    live.repository.git("checkout", "--quiet", "--detach", "FETCH_HEAD")
    run = live.run("--speedacc-against=HEAD^1", **event)
    assert run.code == USAGE, run.output
    assert "is the head of pull_request, so that a parent of it may be a part of the change" in run.words


@pytest.mark.slow
def test_a_commit_is_not_compared_with_itself_where_ci_is_set(tmp_path: Path) -> None:
    live = start_project(tmp_path)
    live.commit(test_it_py=GATE.replace('="60 %"', '="60 %", max_parameters_increase="0 %"'))
    run = live.run(CI="true")
    assert run.code == FAILED, run.output
    for setting in ("max_latency_increase", "max_parameters_increase"):
        check = run.check("test_it.py::test_it", setting)
        assert check["outcome"] == "not_compared"
        assert "the base is this checkout's own commit, which shows nothing where CI is set" in check["reason"]


def test_what_is_not_committed_is_beside_the_commit_where_it_is_named(repository: Repository) -> None:
    def is_itself(ref: str) -> bool:
        return _is_itself(choose_base(repository.path, ref, {}))

    assert not is_itself("main")
    assert is_itself("HEAD")
    repository.write(untracked_txt="")
    assert is_itself("HEAD")
    repository.write(model_py="SPEED = 4  # what CI made of it\n")
    assert not is_itself("HEAD")
    # Nobody asks auto for what is not committed.
    repository.git("switch", "--quiet", "main", "--discard-changes")
    repository.write(model_py="SPEED = 4  # what CI made of it\n")
    assert is_itself("auto")
