"""Which scores a test asks for, as far as its own text tells before it runs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

CHECKS = ("check", "acheck")
FIXTURE = "speedacc"
DEFAULT = "accuracy"
"""What a check without ``score=`` is judged by."""


def scores_named(function: Callable[..., Any]) -> tuple[str, ...]:
    """The scores of the calls of ``speedacc.check`` in the text of a test; not those that a variable holds."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError, ValueError):
        return ()  # made by a program, or not of Python: the check itself will tell
    return tuple(filter(None, map(_score, ast.walk(tree))))


def _score(node: ast.AST) -> str:
    """The name of the score of a check; empty for what is none, or whose score is not written out."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=attribute), keywords=keywords):
            given = {keyword.arg: keyword.value for keyword in keywords}
            if name != FIXTURE or attribute not in CHECKS or None in given:
                return ""
            score = given.get("score", ast.Constant(DEFAULT))
            return score.value if isinstance(score, ast.Constant) and isinstance(score.value, str) else ""
        case _:
            return ""
