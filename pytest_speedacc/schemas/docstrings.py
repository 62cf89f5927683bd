"""What the fields of a class mean: the text below each of them."""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise


def meanings(declared: type) -> dict[str, str]:
    """By field, its docstring as one line of Markdown; Python itself forgets it."""
    (statement,) = ast.parse(textwrap.dedent(inspect.getsource(declared))).body
    assert isinstance(statement, ast.ClassDef)
    return {
        ast.unparse(field.target): " ".join(text.value.value.split()).replace("``", "`")
        for field, text in pairwise(statement.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }
