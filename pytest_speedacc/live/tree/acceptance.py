"""``--speedacc-against=baseline``: the commit in which the baselines of a run were last accepted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.base import Base, base_at
from pytest_speedacc.live.tree.choice import AUTO, choose_base
from pytest_speedacc.live.tree.depth import checkout_lines
from pytest_speedacc.live.tree.event import read_event
from pytest_speedacc.live.tree.git import find_commit, git_output, head_of, is_shallow

BASELINE = "baseline"


def last_accepted(root: Path, files: Sequence[Path], variables: Mapping[str, str]) -> Base:
    """The commit that last changed the baseline ``files``: their models, as they were accepted, are in it.

    Not the commit that a file records, which is the one before: an update is committed with what it accepts. What the
    change itself accepts does not count, where a CI service says what it is about (``variables``). Of several commits
    the oldest is the base. Raises ConfigError where there is none, and where this clone does not reach back to it.
    """
    if not files:
        raise ConfigError(
            "--speedacc-against=baseline: no gate of this run has a baseline. Write them with --speedacc-missing, and "
            "commit them."
        )
    head = head_of(root)
    event = read_event(variables)
    start = choose_base(root, AUTO, variables).sha if event is not None and (event.target or event.base) else head
    commits = dict.fromkeys(_of_file(root, file, start, head) for file in files)
    oldest = git_output(root, "merge-base", "--octopus", *commits).strip()
    if len(commits) == 1:
        return base_at(root, BASELINE, oldest, "the commit that last changed the baselines")
    later = (
        f"the baselines of this run were last changed in {len(commits)} commits, and the base is the oldest, or where "
        "they part: what a baseline accepted since then counts as accepted"
    )
    return base_at(root, BASELINE, oldest, "the oldest of the commits that last changed the baselines", (later,))


def _of_file(root: Path, file: Path, start: str, head: str) -> str:
    """The commit before this one that last changed a file; this one where no other did."""
    found = git_output(root, "log", "--format=%H", "--max-count=2", start, "--", f":(literal){file}").split()
    if not found:
        raise ConfigError(
            f"--speedacc-against=baseline: {file.name} is in no commit up to {start[:9]}, so nobody knows what was "
            "accepted: commit it first."
        )
    commit = found[-1] if found[0] == head else found[0]
    # The first commit of a shallow clone seems to have made every file.
    parents = re.findall("^parent ([0-9a-f]+)$", git_output(root, "cat-file", "commit", commit), re.MULTILINE)
    if is_shallow(root) and not all(find_commit(root, parent) for parent in parents):
        raise ConfigError(
            "--speedacc-against=baseline: this clone is shallow and does not reach back to the commit that last "
            f"changed {file.name}. Give the checkout these lines:{checkout_lines(0)}Elsewhere run "
            "`git fetch --unshallow`."
        )
    return commit
