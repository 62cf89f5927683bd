"""``--speedacc-against=baseline``: what was last accepted, so that many small slow-downs are one large one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hub import Hub, start_hub
from live_project import start_project
from scratch_repository import Repository, start_repository

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.acceptance import last_accepted
from pytest_speedacc.live.tree.base import Base

FIRST, SECOND = "b/first.json", "b/second.json"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """The first baseline in its first commit, the second in its third, and a change after each."""
    found = start_repository(tmp_path / "own")
    found.commit("accepted first", b__first_json="1", code_py="1")
    found.commit("slower", code_py="2")
    found.commit("accepted second", b__second_json="1", code_py="3")
    found.commit("slower again", code_py="4")
    return found


def base(repository: Repository, *files: str, variables: dict[str, str] | None = None) -> Base:
    return last_accepted(repository.path, [repository.path / file for file in files], variables or {})


def refusal(repository: Repository, *files: str) -> str:
    with pytest.raises(ConfigError) as error:
        base(repository, *files)
    return str(error.value)


def test_the_commit_that_last_changed_a_baseline_is_the_base(repository: Repository) -> None:
    found = base(repository, SECOND)
    assert found.description.endswith(" accepted second")
    assert (found.ref, found.how, found.notes) == ("baseline", "the commit that last changed the baselines", ())


def test_of_several_the_oldest_is_and_that_is_said(repository: Repository) -> None:
    found = base(repository, SECOND, FIRST)
    assert found.description.endswith(" accepted first")
    assert found.notes == (
        "the baselines of this run were last changed in 2 commits, and the base is the oldest, or where they part: "
        "what a baseline accepted since then counts as accepted",
    )


def test_what_is_accepted_here_is_held_against_what_was_accepted_before(repository: Repository) -> None:
    repository.commit("accepted again", b__first_json="2")
    assert base(repository, FIRST).description.endswith(" accepted first")
    repository.commit("next", code_py="5")
    assert base(repository, FIRST).description.endswith(" accepted again")
    # Not committed yet.
    repository.write(b__first_json="3")
    assert base(repository, FIRST).description.endswith(" accepted again")


def test_the_first_commit_of_a_baseline_is_its_own_base(repository: Repository) -> None:
    repository.commit("a new one", b__third_json="1")
    assert base(repository, "b/third.json").is_head


def test_what_nobody_committed_nobody_accepted(repository: Repository) -> None:
    repository.write(b__third_json="1")
    assert "third.json is in no commit up to " in refusal(repository, "b/third.json")
    assert "no gate of this run has a baseline" in refusal(repository)


def test_a_shallow_clone_that_does_not_reach_back_is_refused(repository: Repository, tmp_path: Path) -> None:
    clone = start_repository(tmp_path / "clone")
    clone.git("fetch", "--quiet", "--depth=2", repository.path.as_uri(), "main")
    clone.git("checkout", "--quiet", "FETCH_HEAD")
    # Its first commit seems to have made everything, this file too, which it did change; the other it did not.
    for file in (FIRST, SECOND):
        assert "this clone is shallow" in refusal(clone, file)
        assert "fetch-depth: 0" in refusal(clone, file)
    clone.git("fetch", "--quiet", "--depth=3", repository.path.as_uri(), "main")
    assert base(clone, SECOND).description.endswith(" accepted second")


class TestPullRequest:
    @pytest.fixture(scope="class")
    def one_hub(self, tmp_path_factory: pytest.TempPathFactory) -> Hub:
        return start_hub(tmp_path_factory.mktemp("hub"))

    def test_what_the_change_accepts_does_not_count(self, one_hub: Hub, tmp_path: Path) -> None:
        hub = replace(one_hub, folder=tmp_path)
        clone = hub.checkout(0)
        changed = clone.git("diff", "--name-only", "HEAD^1", "HEAD").splitlines()
        common = [file for file in changed if clone.git("log", "--format=%H", "HEAD^1", "--", file)]
        assert common, "the pull request of this hub changes a file that main has"
        found = base(clone, common[0], variables=hub.event("pull_request"))
        assert clone.git("merge-base", "--is-ancestor", found.sha, hub.main) == ""
        assert base(clone, common[0]).sha != found.sha


@pytest.mark.thorough
def test_two_slow_downs_that_each_passed_fail_together(tmp_path: Path) -> None:
    project = start_project(tmp_path)
    project.settings("launches = 4")
    gate = """
import pytest
from arrays import *

@pytest.mark.speedacc(max_latency_increase="80 %")
def test_it(speedacc):
    speedacc.check(Model(WORK), x, y)
"""
    project.commit(test_it_py=gate.replace("WORK", "2000"))
    updated = project.run("--speedacc-update", "--speedacc-reason=first")
    assert updated.code == 0, updated.output
    project.commit()
    project.commit(test_it_py=gate.replace("WORK", "3000"))
    project.commit(test_it_py=gate.replace("WORK", "4500"))
    assert project.run("--speedacc-against=HEAD~1").code == 0
    run = project.run("--speedacc-against=baseline")
    assert run.code == 1, run.output
    assert (run.live["ref"], run.live["how"]) == ("baseline", "the commit that last changed the baselines")
