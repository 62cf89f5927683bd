"""Which files git leaves out of a commit without a word, and by which rule."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.live.tree.git import run_git

GIT_SECONDS = 10.0


def ignored(folder: Path, paths: Iterable[Path]) -> dict[Path, str]:
    """Those of ``paths``, in ``folder``, that git ignores and does not have yet, each with the rule and where it is.

    They need not exist. Nothing without git, or outside a repository.
    """
    asked = {str(path): path for path in paths}
    try:
        command = ("check-ignore", "--verbose", "-z", "--stdin")
        finished = run_git(folder, *command, timeout=GIT_SECONDS, given="".join(f"{name}\0" for name in asked))
    except (ConfigError, OSError):
        return {}
    # <file of the rule>, <line>, <rule>, <path>, each with a NUL behind it
    fields = finished.output.split("\0")[:-1] if finished.code == 0 else []
    rows = zip(*[iter(fields)] * 4, strict=True)
    # A rule that begins so takes its files out again.
    return {asked[name]: f"`{rule}` ({file}:{line})" for file, line, rule, name in rows if not rule.startswith("!")}


def add_command(path: Path, root: Path) -> str:
    """What puts an ignored file under version control, typed in ``root``."""
    shown = path.relative_to(root) if path.is_relative_to(root) else path
    return f"`git add -f {shlex.quote(shown.as_posix())}`"
