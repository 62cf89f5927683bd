"""The reference has every public name, and the docstrings that fill it describe every argument and field."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import pytest_speedacc
from pytest_speedacc import hooks
from pytest_speedacc.fixture import Options, Speedacc

PAGE = (Path(__file__).parents[1] / "docs" / "api.md").read_text("utf-8")
FILLED = re.findall(r"^\.\. auto\w+:: ([\w.]+)", PAGE, re.MULTILINE)
"""What the page is filled with when the site is made."""
CALLS = ("check", "acheck", "measure", "compare", "fit", "stage")
"""What a test asks of the fixture."""


def found(name: str) -> Any:
    """What a dotted name leads to."""
    module, _, rest = name.partition(".")
    thing: Any = import_module(module)
    for part in rest.split("."):
        if not hasattr(thing, part):
            import_module(f"{thing.__name__}.{part}")
        thing = getattr(thing, part)
    return thing


def described(call: Any) -> set[str]:
    """The arguments that a docstring lists."""
    return set(re.findall(r"^:param (\w+): ", inspect.getdoc(call) or "", re.MULTILINE))


def taken(call: Any) -> set[str]:
    return set(inspect.signature(call).parameters) - {"self", "unknown"}


def fields(cls: type) -> Iterator[tuple[str, bool]]:
    """The annotated fields of a class, and whether a docstring stands below each."""
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(declared, ast.ClassDef)
    for field, below in pairwise([*declared.body, ast.Pass()]):
        if isinstance(field, ast.AnnAssign):
            yield ast.unparse(field.target), isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant)


def test_every_public_name_is_in_it() -> None:
    things = [found(name) for name in FILLED]
    assert [name for name in pytest_speedacc.__all__ if getattr(pytest_speedacc, name) not in things] == []
    assert [name for name in CALLS if getattr(Speedacc, name) not in things] == []
    assert [name for name, hook in inspect.getmembers(hooks, inspect.isfunction) if hook not in things] == []
    assert [name for name in CALLS if f"### speedacc.{name}\n" not in PAGE] == []


def test_every_argument_is_described() -> None:
    check = described(Speedacc.check)
    assert check == taken(Speedacc.check)
    assert described(Speedacc.compare) <= taken(Speedacc.compare) <= check | described(Speedacc.compare)
    assert described(Speedacc.fit) == taken(Speedacc.fit)
    # Which say that theirs are those of check.
    assert taken(Speedacc.measure) | set(Options.__annotations__) | taken(Speedacc.acheck) <= check | {"options"}


@pytest.mark.parametrize("name", [name for name in FILLED if isinstance(found(name), type)])
def test_every_class_and_each_of_its_fields_is_described(name: str) -> None:
    cls = found(name)
    assert cls.__doc__
    assert [field for field, has_text in fields(cls) if not has_text] == []
