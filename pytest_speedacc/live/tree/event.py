"""What a CI service says that it runs for: read from its variables and its event file, which are data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.depth import GITLAB_LINES, checkout_lines

MOST_BYTES = 32 * 1024**2
"""Of an event file: GitHub sends none of more than 25 MB."""
NOBODY = re.compile("0{40}|0{64}")
"""The commit before the first one of a branch."""

Sha = Annotated[str, msgspec.Meta(pattern=r"\A(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]
T = TypeVar("T")
Name = Annotated[str, msgspec.Meta(pattern=r"\A[^\x00-\x20\x7f]{1,255}\Z")]


@dataclass(frozen=True, slots=True)
class Event:
    """What a CI job runs for."""

    name: str
    """As messages call it."""
    base: str
    """The commit that was there before; empty where there was none, or where nobody says."""
    how: str
    """What the service calls that commit."""
    change: str = ""
    """The head of the change that asks to be merged; empty where none does."""
    target: str = ""
    """The branch that the change asks to be merged into, where the job has its merge checked out."""
    deeper: str = checkout_lines(0)
    """What to paste so that the whole history is there."""


class _Commit(msgspec.Struct, frozen=True):
    sha: Sha
    ref: Name


class _PullRequest(msgspec.Struct, frozen=True):
    base: _Commit
    head: _Commit


class _OfPullRequest(msgspec.Struct, frozen=True):
    pull_request: _PullRequest


class _MergeGroup(msgspec.Struct, frozen=True):
    base_sha: Sha


class _OfMergeGroup(msgspec.Struct, frozen=True):
    merge_group: _MergeGroup


class _Push(msgspec.Struct, frozen=True):
    before: Sha


def read_event(variables: Mapping[str, str]) -> Event | None:
    """What ``variables``, the environment, say; None where no CI service that is known here says anything.

    Raises ConfigError where what they say is damaged.
    """
    name = variables.get("GITHUB_EVENT_NAME", "")
    # pull_request_target and pull_request_review name a pull request as well.
    if name.startswith("pull_request"):
        asked = _payload(variables, name, _OfPullRequest).pull_request
        return Event(name, asked.base.sha, "pull_request.base.sha", asked.head.sha, asked.base.ref)
    if name == "merge_group":
        return Event(name, _payload(variables, name, _OfMergeGroup).merge_group.base_sha, "base_sha of the merge group")
    if name == "push":
        return Event(name, _somebody(_payload(variables, name, _Push).before), "what was there before the push")
    if name:
        return Event(name, "", "")
    return _gitlab(variables) if variables.get("GITLAB_CI") else None


def _payload(variables: Mapping[str, str], name: str, kind: type[T]) -> T:
    path = Path(variables.get("GITHUB_EVENT_PATH", ""))
    where = f"GITHUB_EVENT_NAME is {name}, and the event file {path} (GITHUB_EVENT_PATH)"
    advice = "name the base yourself, for example --speedacc-against=origin/main."
    try:
        if not path.is_file():
            raise ConfigError(f"{where} is not there: a container or tox must be given both. Else {advice}")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise ConfigError(f"{where} has {size:,} bytes, and at most {MOST_BYTES:,} are read: {advice}")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise ConfigError(f"{where} cannot be read, {error.strerror}: {advice}") from None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"{where} is not what GitHub writes, {error}: {advice}") from None


def _gitlab(variables: Mapping[str, str]) -> Event:
    def commit(name: str) -> str:
        found = variables.get(name, "")
        try:
            return _somebody(msgspec.convert(found, Sha)) if found else ""
        except msgspec.ValidationError:
            raise ConfigError(
                f"{name} is {found!a}, which is no commit: name the base yourself, for example "
                "--speedacc-against=origin/main."
            ) from None

    if variables.get("CI_MERGE_REQUEST_IID"):
        name, head = "the merge request", commit("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA") or commit("CI_COMMIT_SHA")
        # Only of a pipeline for merged results, whose merge was made with a later commit than the branch left.
        if merged := commit("CI_MERGE_REQUEST_TARGET_BRANCH_SHA"):
            return Event(name, merged, "the target branch of the merge request", head, deeper=GITLAB_LINES)
        found = commit("CI_MERGE_REQUEST_DIFF_BASE_SHA")
        return Event(name, found, "merge base of the merge request", head, deeper=GITLAB_LINES)
    return Event("push", commit("CI_COMMIT_BEFORE_SHA"), "what was there before the push", deeper=GITLAB_LINES)


def _somebody(sha: str) -> str:
    return "" if NOBODY.fullmatch(sha) else sha
