"""Options of this run that its command line does not show: they come from a file that a change may have written."""

from __future__ import annotations

import argparse
import configparser
import os
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ADDOPTS = "addopts"
ENVIRONMENT = "PYTEST_ADDOPTS"
WRITES, LEAVES_OUT = "may write baselines", "may leave the tests out"
FLAGS = {
    "speedacc_update": (WRITES, "--speedacc-update"),
    "speedacc_missing": (WRITES, "--speedacc-missing"),
    "speedacc_selfcheck": (LEAVES_OUT, "--speedacc-selfcheck"),
    # pytest's own ways to end well without a test.
    "collectonly": (LEAVES_OUT, "--collect-only", "--collectonly", "--co"),
    "setupplan": (LEAVES_OUT, "--setup-plan"),
    "setuponly": (LEAVES_OUT, "--setup-only"),
    "showfixtures": (LEAVES_OUT, "--fixtures", "--funcargs"),
    "show_fixtures_per_test": (LEAVES_OUT, "--fixtures-per-test"),
    "markers": (LEAVES_OUT, "--markers"),
    "help": (LEAVES_OUT, "--help", "-h"),
    "version": (LEAVES_OUT, "--version", "-V"),
}
"""What nothing but the command line may ask for where CI is set: what that does, and how it is written."""
SHARD = "shard"
VALUES = ("not_compared", "inconclusive", "skipped", "budget", "against", "base_python", SHARD)
"""What makes a verdict milder or another, or leaves most tests to others; ``fail`` makes none."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """An option that holds and is not on the command line."""

    name: str
    """A key of FLAGS, or one of VALUES."""
    value: str
    """Empty for a flag."""
    source: str
    """Where it comes from."""

    def __str__(self) -> str:
        return FLAGS[self.name][1] if self.name in FLAGS else f"{_option(self.name)}={self.value}"


def hidden_options(config: pytest.Config) -> tuple[Hidden, ...]:
    """What holds in the run of ``config`` and is not on its command line."""
    sources = {
        ENVIRONMENT: parsed(shlex.split(os.environ.get(ENVIRONMENT, ""))),
        ADDOPTS: parsed(config.getini("addopts")),
    }
    given = parsed([str(argument) for argument in config.invocation_params.args])
    return tuple(_hidden(vars(config.option), given, sources))


def _hidden(
    options: Mapping[str, Any], given: Mapping[str, str], sources: Mapping[str, Mapping[str, str]]
) -> Iterator[Hidden]:
    for name in (*FLAGS, *VALUES):
        value = options.get(name if name in FLAGS else f"speedacc_{name}")
        if value in (None, False, 0, "fail") or (name == "setuponly" and options.get("setupplan")):
            # The plan switches the other on by itself.
            continue
        text = "" if name in FLAGS else str(value)
        if given.get(name) != text:
            # The last one wins, and whatever is neither was put there by code or read from a file of arguments.
            source = next((it for it, found in sources.items() if name in found), "a conftest.py, a plugin or a file")
            yield Hidden(name, text, source)


def parsed(arguments: Sequence[str]) -> dict[str, str]:
    """The options that matter among the arguments, by name; a flag's value is empty."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name, (_, *written) in FLAGS.items():
        parser.add_argument(*written, dest=name, action="store_const", const="")
    for name in VALUES:
        # The value may stand at the beginning of another source.
        parser.add_argument(_option(name), dest=name, nargs="?", const="")
    found, _ = parser.parse_known_args(list(arguments))
    return {name: value for name, value in vars(found).items() if value is not None}


def in_ci() -> bool:
    """Whether ``CI`` is set."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def refuse_in_ci(hidden: Sequence[Hidden]) -> None:
    """Raises pytest.UsageError for what nothing but the command line may ask for where CI is set."""
    for each in hidden:
        what = LEAVES_OUT if each.name == SHARD else FLAGS[each.name][0] if each.name in FLAGS else ""
        if what and in_ci():
            raise pytest.UsageError(
                "speedacc: "
                f"{each} comes from {each.source}, and where CI is set nothing but the command line "
                f"{what}: give it there, or take it out."
            )


def new_since(hidden: Sequence[Hidden], base: Sequence[str]) -> list[str]:
    """What of it the base's ``addopts`` do not say as well, a sentence each."""
    known = parsed(base)
    return [
        f"{each} holds by {each.source}, and the command line does not show it"
        for each in hidden
        if each.source != ADDOPTS or known.get(each.name) != each.value
    ]


def addopts_of(ini_file: Path | None) -> list[str]:
    """The ``addopts`` of a configuration file of pytest; none where it is missing or cannot be read."""
    try:
        if ini_file is None or not ini_file.is_file():
            return []
        if ini_file.suffix == ".toml":
            document = tomllib.loads(ini_file.read_text("utf-8"))
            table = document.get("tool", document).get("pytest", {})
            value = table.get("ini_options", table).get("addopts", "")
        else:
            parser = configparser.ConfigParser(interpolation=None, strict=False, allow_no_value=True)
            parser.read_string(ini_file.read_text("utf-8"))
            section = "tool:pytest" if ini_file.suffix == ".cfg" else "pytest"
            value = parser.get(section, "addopts", fallback="") or ""
        return shlex.split(value) if isinstance(value, str) else [str(argument) for argument in value]
    except (OSError, ValueError, AttributeError, TypeError, configparser.Error):
        # Then nothing is known to have held before, and all of it is told.
        return []


def _option(name: str) -> str:
    return f"--speedacc-{name.replace('_', '-')}"
