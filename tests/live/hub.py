"""A bare repository that plays pull request merges, and what a CI job checks out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scratch_repository import Repository, start_repository


@dataclass(frozen=True)
class Hub:
    """A repository as GitHub keeps it: main, a pull request of two commits, and the merge of both that is tested."""

    bare: Repository
    work: Repository
    """A clone of the one who merges."""
    folder: Path
    """For checkouts and event files."""
    event_base: str
    """What main was when the pull request's event was made."""

    @property
    def main(self) -> str:
        return self.bare.git("rev-parse", "main")

    @property
    def head(self) -> str:
        return self.bare.git("rev-parse", "refs/pull/7/head")

    @property
    def merge(self) -> str:
        return self.bare.git("rev-parse", "refs/pull/7/merge")

    def checkout(self, depth: int, revision: str = "", *, credentials: bool = True) -> Repository:
        """What actions/checkout leaves: a detached HEAD with ``depth`` commits, 0 for all and every branch.

        Without ``credentials`` nothing can be fetched afterwards, as from a private repository.
        """
        clone = start_repository(self.folder / "runner")
        clone.git("remote", "add", "origin", self.bare.path.as_uri())
        named = f"+{revision or self.merge}:refs/remotes/pull/7/merge"
        branches = ("+refs/heads/*:refs/remotes/origin/*",) if depth == 0 else ()
        shallow = (f"--depth={depth}",) if depth else ()
        clone.git("fetch", "--quiet", "--no-tags", *shallow, "origin", *branches, named)
        clone.git("checkout", "--quiet", "--detach", "refs/remotes/pull/7/merge")
        if not credentials:
            clone.git("remote", "set-url", "origin", (self.folder / "forbidden").as_uri())
        return clone

    def event(self, name: str, payload: Mapping[str, object] | None = None) -> dict[str, str]:
        """The variables of a job that runs for an event; of the pull request where no ``payload`` is given."""
        of_pull_request = {
            "number": 7,
            "pull_request": {
                "title": "Faster `features` %0A::error::",
                "base": {"ref": "main", "sha": self.event_base, "repo": {"id": 1}},
                "head": {"ref": "feature", "sha": self.head},
            },
        }
        file = self.folder / "event.json"
        file.write_text(json.dumps(of_pull_request if payload is None else payload), "utf-8")
        return {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}


def start_hub(folder: Path, *, moved: bool = False, **files: str) -> Hub:
    """The model of main is a little slow; each of the pull request's two commits makes it slower.

    With ``moved`` main went on after the event was made. ``files`` are beside it on every branch.
    """
    work = start_repository(folder / "work")
    work.commit("Start", model_py="SPEED = 1\n", **files)
    began = work.commit("Retrain on May data", other_py="1\n")
    work.git("switch", "--quiet", "--create", "feature")
    work.commit("Read one more column", model_py="SPEED = 2\n")
    work.commit("Mend a typing mistake", model_py="SPEED = 2  # columns\n")
    work.git("switch", "--quiet", "main")
    if moved:
        work.commit("Speak of the weather", weather_txt="fine\n")
    bare = folder / "hub.git"
    work.git("clone", "--quiet", "--bare", work.path.as_uri(), str(bare))
    work.git("remote", "add", "origin", bare.as_uri())
    hub = Hub(Repository(bare), work, folder, began)
    work.git("push", "--quiet", "origin", "feature:refs/pull/7/head")
    work.git("switch", "--quiet", "--detach", "main")
    work.git("merge", "--quiet", "--no-ff", "-m", "Merge feature into main", "feature")
    work.git("push", "--quiet", "origin", "HEAD:refs/pull/7/merge")
    work.git("switch", "--quiet", "main")
    return hub
