"""Which scores and axes of its own a test asks for, as far as its text tells before it runs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

CHECKS = ("check", "acheck")
FIXTURE = "speedacc"
DEFAULT = "accuracy"
"""What a check without ``score=`` is judged by."""


def scores_named(function: Callable[..., Any]) -> tuple[str, ...]:
    """The scores of the calls of ``speedacc.check`` in the text of a test; not those that a variable holds."""
    return tuple(filter(None, map(_score, ast.walk(_tree(function)))))


def metrics_named(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names that a test writes out in ``speedacc.check(..., metrics={"energy": joules})``."""
    code = getattr(function, "__code__", None)
    # Most tests have none, and to read a file for every test takes time.
    if code is None or not any("metrics" in const for const in code.co_consts if isinstance(const, tuple)):
        return ()
    return tuple(name for node in ast.walk(_tree(function)) for name in _metrics(node))


def _metrics(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.keyword(arg="metrics", value=ast.Dict(keys=keys)):
            for key in keys:
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value


def _tree(function: Callable[..., Any]) -> ast.AST:
    """Empty for what is made by a program, or not of Python: the check itself will tell."""
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError, ValueError):
        return ast.Module([], [])


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
