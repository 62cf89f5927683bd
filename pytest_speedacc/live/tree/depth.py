"""What to paste where a clone does not reach back far enough."""

from __future__ import annotations


def checkout_lines(depth: int) -> str:
    """What to give actions/checkout, as a paragraph of its own."""
    return f"\n\n    with:\n      fetch-depth: {depth}\n\n"


ENOUGH = (
    "In GitHub Actions two commits are enough for --speedacc-against=auto on a pull request; give actions/checkout "
    f"these lines:{checkout_lines(2)}"
)
"""For whoever asked for a revision that is not there."""
GITLAB_LINES = '\n\n    variables:\n      GIT_DEPTH: "0"\n\n'
"""For a job of GitLab CI, as a paragraph of its own."""
