"""A scratch repository, and the git command line in it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Repository:
    """A scratch repository, and the git command line in it."""

    path: Path

    def git(self, *arguments: str) -> str:
        """Run git, and return what it prints."""
        who = (
            "-c",
            "user.name=Someone",
            "-c",
            "user.email=someone@example.org",
            "-c",
            "commit.gpgsign=false",
        )
        command = ["git", *who, "-c", "protocol.file.allow=always", *arguments]
        done = subprocess.run(command, cwd=self.path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, **files: str) -> None:
        """Write files; a name's double underscores stand for slashes, and its last single one for the dot."""
        for name, text in files.items():
            folder, _, last = name.rpartition("__")
            path = self.path.joinpath(*filter(None, folder.split("__")), ".".join(last.rsplit("_", 1)))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    def commit(self, message: str, **files: str) -> str:
        """Commit everything after writing ``files``, and return the commit's name."""
        self.write(**files)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def worktrees(self) -> list[str]:
        """What git still knows of other worktrees."""
        return self.git("worktree", "list", "--porcelain").split("\n\n")[1:]


def start_repository(path: Path) -> Repository:
    """An empty repository whose branch is main."""
    path.mkdir(parents=True)
    repository = Repository(path)
    repository.git("init", "--quiet", "--initial-branch=main")
    return repository
