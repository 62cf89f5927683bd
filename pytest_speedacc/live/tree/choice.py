"""``--speedacc-against``: the base that was asked for, or with ``auto`` the one that this run is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import Base, base_at, resolve_base
from pytest_speedacc.live.tree.depth import ENOUGH, checkout_lines
from pytest_speedacc.live.tree.event import Event, read_event
from pytest_speedacc.live.tree.git import described, find_commit, git_output, head_of, is_shallow, run_git

AUTO = "auto"
ANCESTOR = re.compile("(.+?)[~^]")
"""A revision that is counted from another one."""


def choose_base(root: Path, ref: str, variables: Mapping[str, str]) -> Base:
    """The commit to compare with; ``variables``, the environment, say what a CI job runs for.

    Raises ConfigError where there is no such commit, or where it would not be what was there before the change.
    """
    if ref != AUTO:
        base = resolve_base(root, ref)
        _refuse_part_of_change(root, base, variables)
        return base
    head = head_of(root)
    event = read_event(variables)
    if event is not None and event.target:
        return _before_merge(root, event, head)
    if event is not None and event.base:
        if find_commit(root, event.base) is None:
            raise ConfigError(_gone(root, event))
        return base_at(root, ref, event.base, event.how)
    branch, why = _left_branch(root, event)
    base = resolve_base(root, branch)
    return base_at(root, ref, base.sha, f"{base.how}, {why}")


def _refuse_part_of_change(root: Path, base: Base, variables: Mapping[str, str]) -> None:
    start, head = ANCESTOR.match(base.ref), head_of(root)
    # Counted from what is checked out, in whichever of its names.
    is_counted = start is not None and find_commit(root, start[1]) == head
    try:
        event = read_event(variables)
    except ConfigError:
        if is_counted:
            raise
        return
    if event is None or not event.change:
        return
    if is_counted:
        _first_parent(root, event, head)
    if base.sha == event.change and not base.is_head:
        raise ConfigError(
            f"--speedacc-against={base.ref} leads to {base.description}, the head of {event.name} itself, so that all "
            "that the change made slower is in both: name the branch that it is to be merged into, or leave the choice "
            "to --speedacc-against=auto."
        )


def _before_merge(root: Path, event: Event, head: str) -> Base:
    parent = _first_parent(root, event, head)
    if find_commit(root, parent) is None:
        raise ConfigError(
            f"HEAD is the merge of the pull request, and its first parent {parent[:9]}, the base, is not in this "
            f"clone, which is shallow. Two commits are enough; give the checkout these lines:{checkout_lines(2)}"
            f"Where it kept its credentials, `git fetch --depth=2 origin {head}` gets it as well."
        )
    moved = (
        f"the event's {event.how} is {event.base[:9]}, and {event.target} had moved on when this merge was made: its "
        f"first parent {parent[:9]} is the base"
    )
    return base_at(root, AUTO, parent, "first parent of the merge", () if parent == event.base else (moved,))


def _first_parent(root: Path, event: Event, head: str) -> str:
    """The first parent of HEAD, which need not be in this clone.

    Raises ConfigError where HEAD is not the merge of the change that the event is about: its parents are then commits
    of the change itself, and what they made worse would be in both.
    """
    # The commit itself, since `git rev-parse` hides the parents that a shallow clone lacks.
    header = git_output(root, "cat-file", "commit", head).partition("\n\n")[0]
    parents: list[str] = re.findall("^parent ([0-9a-f]+)$", header, re.MULTILINE)
    if len(parents) == 2 and parents[1] == event.change:
        return parents[0]
    whose = "is the head" if head == event.change else f"is not the merge of {event.change[:9]}, the head"
    target = f"origin/{event.target}" if event.target else "origin/main"
    raise ConfigError(
        f"HEAD, {described(root, head)}, {whose} of {event.name}, so that a parent of it may be a part of the change, "
        "and as slow: let actions/checkout check out the merge, as it does without `ref:`, or compare with where the "
        f"change began, by --speedacc-against={target} and `fetch-depth: 0`."
    )


def _gone(root: Path, event: Event) -> str:
    """The sentence for an event's base that is not in this clone."""
    fetch = f"`git fetch --depth=1 origin {event.base}`"
    if is_shallow(root):
        return (
            f"{event.base[:9]}, {event.how}, is not in this clone, which is shallow. Two commits are enough for one "
            f"merge; for what brought several commits give the checkout these lines:{event.deeper}"
            f"Where it kept its credentials, {fetch} gets that commit alone."
        )
    return (
        f"{event.base[:9]}, {event.how}, is not in this clone: a forced push removed it from its branch. {fetch} may "
        "still get it; else name another base, such as a tag."
    )


def _left_branch(root: Path, event: Event | None) -> tuple[str, str]:
    """The branch that this one left, and how it is known."""
    own = run_git(root, "symbolic-ref", "--quiet", "--short", "HEAD").output.strip()
    upstream = run_git(root, "rev-parse", "--abbrev-ref", "--symbolic-full-name", "@{upstream}")
    # A branch that was pushed follows its own copy, which says nothing of where it came from.
    if upstream.code == 0 and not (found := upstream.output.strip()).endswith(f"/{own}"):
        return found, f"the upstream of {own}"
    remotes = git_output(root, "remote").split()
    for remote in sorted(remotes, key=lambda name: (name != "upstream", name != "origin")):
        default = run_git(root, "rev-parse", "--abbrev-ref", f"{remote}/HEAD")
        names = [default.output.strip()] if default.code == 0 else [f"{remote}/main", f"{remote}/master"]
        for name in names:
            if find_commit(root, f"refs/remotes/{name}"):
                return name, f"where {remote} keeps what was merged"
    for name in ("main", "master"):
        if not remotes and find_commit(root, f"refs/heads/{name}"):
            return name, "in a repository without a remote"
    if event is not None and is_shallow(root):
        raise ConfigError(
            f"--speedacc-against=auto finds nothing that was there before: {event.name} names no commit, and in this "
            "clone, which is shallow, there is no branch that HEAD left. For a branch that is new, give the checkout "
            f"these lines:{event.deeper}A job by a schedule or by hand has nothing before it: name what it is compared "
            "with, such as the last release, by --speedacc-against=REF."
        )
    if is_shallow(root):
        raise ConfigError(
            "--speedacc-against=auto finds no event of a CI service that says what was there before, and in this "
            f"clone, which is shallow, no branch that HEAD left. {ENOUGH}Elsewhere name the base, and fetch it."
        )
    raise ConfigError(
        "--speedacc-against=auto finds no branch that HEAD left: run `git remote set-head origin --auto` or `git "
        "branch --set-upstream-to=origin/main`, or name a revision instead."
    )
