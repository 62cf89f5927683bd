"""Which commit ``--speedacc-against=auto`` is about, and the sentence for each reason why that is not known."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hub import Hub, start_hub
from scratch_repository import Repository

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree import event as events
from pytest_speedacc.live.tree.base import Base
from pytest_speedacc.live.tree.choice import choose_base

NOBODY = "0" * 40
NO_NAME = json.dumps({"pull_request": {"base": {"ref": "a\n::x", "sha": NOBODY}, "head": {"ref": "x", "sha": NOBODY}}})


@pytest.fixture(scope="module")
def one_hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return start_hub(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def hub(one_hub: Hub, tmp_path: Path) -> Hub:
    """One for all tests, which check out of it and change nothing."""
    return replace(one_hub, folder=tmp_path)


def auto(clone: Repository, variables: dict[str, str] | None = None) -> Base:
    return choose_base(clone.path, "auto", variables or {})


def refusal(clone: Repository, variables: dict[str, str], ref: str = "auto") -> str:
    with pytest.raises(ConfigError) as error:
        choose_base(clone.path, ref, variables)
    return str(error.value)


class TestPullRequest:
    @pytest.mark.parametrize("credentials", [True, False], ids=["with-credentials", "without"])
    @pytest.mark.parametrize("depth", [2, 0])
    def test_the_first_parent_of_the_merge_is_the_base(self, hub: Hub, depth: int, credentials: bool) -> None:
        base = auto(hub.checkout(depth, credentials=credentials), hub.event("pull_request"))
        assert (base.sha, base.how, base.is_head) == (hub.main, "first parent of the merge", False)
        assert base.description.endswith(" Retrain on May data")
        assert base.notes == ()

    @pytest.mark.parametrize("credentials", [True, False], ids=["with-credentials", "without"])
    def test_one_commit_is_too_few_and_the_lines_that_help_are_given(self, hub: Hub, credentials: bool) -> None:
        clone, event = hub.checkout(1, credentials=credentials), hub.event("pull_request")
        message = refusal(clone, event)
        assert message == (
            f"HEAD is the merge of the pull request, and its first parent {hub.main[:9]}, the base, is not in this "
            "clone, which is shallow. Two commits are enough; give the checkout these lines:\n\n"
            "    with:\n      fetch-depth: 2\n\n"
            f"Where it kept its credentials, `git fetch --depth=2 origin {hub.merge}` gets it as well."
        )
        (command,) = re.findall("`git (.*?)`", message)
        if credentials:
            clone.git(*command.split())
            assert auto(clone, event).sha == hub.main
        else:
            with pytest.raises(AssertionError, match="does not appear to be a git repository"):
                clone.git(*command.split())

    def test_main_that_moved_on_is_noticed(self, tmp_path: Path) -> None:
        hub = start_hub(tmp_path, moved=True)
        base = auto(hub.checkout(2), hub.event("pull_request"))
        assert base.sha == hub.main != hub.event_base
        assert base.notes == (
            f"the event's pull_request.base.sha is {hub.event_base[:9]}, and main had moved on when this merge was "
            f"made: its first parent {hub.main[:9]} is the base",
        )

    @pytest.mark.parametrize("name", ["pull_request", "pull_request_target", "pull_request_review"])
    def test_the_parent_of_what_is_no_merge_is_refused(self, hub: Hub, name: str) -> None:
        clone, event = hub.checkout(0, hub.head), hub.event(name)
        for ref in ("auto", "HEAD^1", "HEAD~1", "@^", "HEAD~2", "pull/7/merge~1", f"{hub.head}^"):
            assert refusal(clone, event, ref) == (
                f"HEAD, {hub.head[:7]} Mend a typing mistake, is the head of {name}, so that a parent of it may be a "
                "part of the change, and as slow: let actions/checkout check out the merge, as it does without `ref:`, "
                "or compare with where the change began, by --speedacc-against=origin/main and `fetch-depth: 0`."
            )
        assert choose_base(clone.path, "origin/main", event).sha == hub.main

    def test_a_merge_of_main_into_the_change_is_not_the_merge_of_the_change(self, tmp_path: Path) -> None:
        hub = start_hub(tmp_path)
        hub.work.commit("Speak of the weather", weather_txt="fine\n")
        hub.work.git("switch", "--quiet", "feature")
        hub.work.git("merge", "--quiet", "-m", "Merge main into feature", "main")
        hub.work.git("push", "--quiet", "origin", "HEAD:feature")
        later = hub.work.git("rev-parse", "HEAD")
        clone = hub.checkout(2, later)
        for ref in ("auto", "HEAD^1"):
            assert f"is not the merge of {hub.head[:9]}, the head of pull_request, so that" in refusal(
                clone, hub.event("pull_request"), ref
            )

    @pytest.mark.parametrize("ref", ["HEAD^1", "HEAD~1"])
    def test_the_parent_of_the_merge_is_taken_by_its_name_too(self, hub: Hub, ref: str) -> None:
        assert choose_base(hub.checkout(2).path, ref, hub.event("pull_request")).sha == hub.main

    @pytest.mark.parametrize("ref", ["HEAD^2", "origin/feature"])
    def test_the_head_of_the_change_is_no_base_of_its_merge(self, hub: Hub, ref: str) -> None:
        clone = hub.checkout(0)
        assert refusal(clone, hub.event("pull_request"), ref).startswith(
            f"--speedacc-against={ref} leads to {hub.head[:7]} Mend a typing mistake, the head of pull_request itself, "
            "so that all that the change made slower is in both: name the branch"
        )
        # What is checked out may be compared with what is not committed.
        assert choose_base(hub.work.path, "HEAD", hub.event("pull_request")).is_head

    def test_a_parent_is_what_it_is_where_no_change_asks_to_be_merged(self, hub: Hub) -> None:
        clone = hub.checkout(0, hub.head)
        for variables in ({}, hub.event("push", {"before": hub.main})):
            assert choose_base(clone.path, "HEAD^1", variables).description.endswith("Read one more column")


class TestOtherEvents:
    def test_a_merge_group_is_compared_with_what_it_starts_from(self, hub: Hub) -> None:
        event = hub.event("merge_group", {"merge_group": {"base_sha": hub.main, "head_sha": hub.merge}})
        base = auto(hub.checkout(2), event)
        assert (base.sha, base.how) == (hub.main, "base_sha of the merge group")

    def test_a_push_is_compared_with_what_was_there_before(self, hub: Hub) -> None:
        base = auto(hub.checkout(2), hub.event("push", {"before": hub.main}))
        assert (base.sha, base.how) == (hub.main, "what was there before the push")

    def test_a_push_of_more_commits_than_were_fetched_says_what_helps(self, hub: Hub) -> None:
        clone, event = hub.checkout(2, hub.head), hub.event("push", {"before": hub.main})
        message = refusal(clone, event)
        assert message == (
            f"{hub.main[:9]}, what was there before the push, is not in this clone, which is shallow. Two commits are "
            "enough for one merge; for what brought several commits give the checkout these lines:\n\n"
            "    with:\n      fetch-depth: 0\n\n"
            f"Where it kept its credentials, `git fetch --depth=1 origin {hub.main}` gets that commit alone."
        )
        clone.git(*re.findall("`git (.*?)`", message)[0].split())
        assert auto(clone, event).sha == hub.main

    def test_a_forced_push_is_told_from_a_shallow_clone(self, hub: Hub) -> None:
        gone = "1" * 40
        message = refusal(hub.checkout(0), hub.event("push", {"before": gone}))
        assert message.startswith(
            f"{gone[:9]}, what was there before the push, is not in this clone: a forced push removed it from its "
            f"branch. `git fetch --depth=1 origin {gone}` may still get it"
        )

    def test_a_new_branch_is_compared_with_where_it_left_main(self, hub: Hub) -> None:
        base = auto(hub.checkout(0, hub.head), hub.event("push", {"before": NOBODY}))
        assert (base.sha, base.how) == (hub.main, "merge base with origin/main, where origin keeps what was merged")

    def test_an_event_that_names_no_base_on_main_itself_is_the_commit_itself(self, hub: Hub) -> None:
        base = auto(hub.checkout(0, hub.main), hub.event("schedule", {}))
        assert base.is_head

    def test_an_event_that_names_no_base_in_a_shallow_clone(self, hub: Hub) -> None:
        clone = hub.checkout(1)
        for name, payload in (("workflow_dispatch", {}), ("schedule", {}), ("push", {"before": NOBODY})):
            message = refusal(clone, hub.event(name, payload))
            assert f"nothing that was there before: {name} names no commit, and in this clone" in message
            # More of one branch would not help a job that has nothing before it.
            assert "\n\n    with:\n      fetch-depth: 0\n\nA job by a schedule or by hand has nothing before" in message
            assert "fetch-depth: 2" not in message

    def test_no_event_in_a_shallow_clone(self, hub: Hub) -> None:
        message = refusal(hub.checkout(1), {})
        assert "in this clone, which is shallow, no branch that HEAD left." in message
        assert "\n\n    with:\n      fetch-depth: 2\n\n" in message


class TestEventFile:
    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[]",
            "{",
            '{"pull_request": null}',
            '{"pull_request": {"base": {"ref": "main", "sha": "main"}, "head": {"ref": "x", "sha": "y"}}}',
            "[" * 100_000,
            NO_NAME,
            '{"pull_request": "\udcff"}',
        ],
        ids=["empty", "list", "torn", "null", "no-commits", "deep", "no-name", "no-text"],
    )
    def test_a_damaged_one_is_refused(self, hub: Hub, content: str) -> None:
        clone, event = hub.checkout(2), hub.event("pull_request")
        Path(event["GITHUB_EVENT_PATH"]).write_text(content, "utf-8", "surrogateescape")
        message = refusal(clone, event)
        assert re.search("is not what GitHub writes, .*: name the base yourself, for example", message)

    def test_a_commit_is_a_whole_name_and_nothing_else(self, hub: Hub) -> None:
        for sha in (hub.main[:10], f"{hub.main}\n", "--output=x", hub.main.upper()):
            assert "is not what GitHub writes" in refusal(hub.work, hub.event("push", {"before": sha}))

    def test_a_missing_one_says_what_hides_it(self, hub: Hub) -> None:
        for variables in ({}, {"GITHUB_EVENT_PATH": "/nowhere"}, {"GITHUB_EVENT_PATH": "/dev/zero"}):
            message = refusal(hub.work, {"GITHUB_EVENT_NAME": "push", **variables})
            assert "is not there: a container or tox must be given both. Else name the base yourself" in message

    def test_a_huge_one_is_not_read(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(events, "MOST_BYTES", 10)
        assert "bytes, and at most 10 are read" in refusal(hub.work, hub.event("pull_request"))

    def test_a_base_that_is_named_needs_none(self, hub: Hub) -> None:
        damaged = {"GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": "/nowhere"}
        assert choose_base(hub.checkout(0).path, "origin/main", damaged).sha == hub.main


class TestGitLab:
    def variables(self, hub: Hub, **more: str) -> dict[str, str]:
        return {"GITLAB_CI": "true", "CI_COMMIT_SHA": hub.head, "CI_COMMIT_BEFORE_SHA": NOBODY, **more}

    def test_a_merge_request_is_compared_with_its_merge_base(self, hub: Hub) -> None:
        own = self.variables(hub, CI_MERGE_REQUEST_IID="7", CI_MERGE_REQUEST_DIFF_BASE_SHA=hub.main)
        clone = hub.checkout(0, hub.head)
        base = auto(clone, own)
        assert (base.sha, base.how) == (hub.main, "merge base of the merge request")
        assert f"HEAD, {hub.head[:7]} Mend a typing mistake, is the head of the merge" in refusal(clone, own, "HEAD^1")

    def test_merged_results_are_compared_with_the_target_branch(self, tmp_path: Path) -> None:
        hub = start_hub(tmp_path, moved=True)
        own = self.variables(
            hub,
            CI_MERGE_REQUEST_IID="7",
            CI_COMMIT_SHA=hub.merge,
            CI_MERGE_REQUEST_DIFF_BASE_SHA=hub.event_base,
            CI_MERGE_REQUEST_SOURCE_BRANCH_SHA=hub.head,
            CI_MERGE_REQUEST_TARGET_BRANCH_SHA=hub.main,
        )
        clone = hub.checkout(2)
        assert auto(clone, own).sha == choose_base(clone.path, "HEAD^1", own).sha == hub.main

    def test_a_push_is_compared_with_what_was_there_before(self, hub: Hub) -> None:
        own = self.variables(hub, CI_COMMIT_BEFORE_SHA=hub.main)
        assert auto(hub.checkout(0, hub.head), own).sha == hub.main

    def test_a_new_branch_is_compared_with_where_it_left_main(self, hub: Hub) -> None:
        assert auto(hub.checkout(0, hub.head), self.variables(hub)).how.startswith("merge base with origin/main")

    def test_a_shallow_clone_says_what_helps_there(self, hub: Hub) -> None:
        own = self.variables(hub, CI_MERGE_REQUEST_IID="7", CI_MERGE_REQUEST_DIFF_BASE_SHA=hub.main)
        assert '\n\n    variables:\n      GIT_DEPTH: "0"\n\n' in refusal(hub.checkout(1, hub.head), own)

    def test_what_is_no_commit_is_refused(self, hub: Hub) -> None:
        message = refusal(hub.work, self.variables(hub, CI_COMMIT_BEFORE_SHA="--all\n"))
        assert message.startswith(r"CI_COMMIT_BEFORE_SHA is '--all\n', which is no commit: name the base yourself")


class TestLocally:
    def test_a_branch_is_compared_with_where_it_left_the_default_branch(self, hub: Hub, tmp_path: Path) -> None:
        hub.bare.git("clone", "--quiet", hub.bare.path.as_uri(), str(tmp_path / "mine"))
        mine = Repository(tmp_path / "mine")
        assert auto(mine).is_head
        mine.git("switch", "--quiet", "--create", "topic/x")
        mine.commit("Mine", mine_py="")
        expected = (hub.main, "merge base with origin/main, where origin keeps what was merged")
        assert ((base := auto(mine)).sha, base.how) == expected
        # Its own published copy says nothing of where it came from.
        mine.git("update-ref", "refs/remotes/origin/topic/x", "HEAD")
        mine.git("branch", "--quiet", "--set-upstream-to=origin/topic/x")
        assert ((base := auto(mine)).sha, base.how) == expected

    def test_a_branch_on_top_of_another_is_compared_with_that_one(self, tmp_path: Path) -> None:
        hub = start_hub(tmp_path)
        hub.work.git("switch", "--quiet", "--create", "stacked", "--track", "feature")
        hub.work.commit("Mine", mine_py="")
        base = auto(hub.work)
        assert (base.sha, base.how) == (hub.head, "merge base with feature, the upstream of stacked")

    def test_a_repository_without_a_remote_has_main(self, repository: Repository) -> None:
        base = auto(repository)
        assert (base.sha, base.how) == (
            repository.git("rev-parse", "main"),
            "merge base with main, in a repository without a remote",
        )

    def test_nothing_to_compare_with(self, repository: Repository) -> None:
        repository.git("branch", "--quiet", "--move", "main", "trunk")
        assert refusal(repository, {}) == (
            "--speedacc-against=auto finds no branch that HEAD left: run `git remote set-head origin --auto` or `git "
            "branch --set-upstream-to=origin/main`, or name a revision instead."
        )


def test_the_hub_is_what_it_says(hub: Hub) -> None:
    assert hub.bare.git("rev-parse", f"{hub.merge}^1", f"{hub.merge}^2").split() == [hub.main, hub.head]
    assert json.loads((hub.folder / Path(hub.event("pull_request")["GITHUB_EVENT_PATH"])).read_text("utf-8"))
