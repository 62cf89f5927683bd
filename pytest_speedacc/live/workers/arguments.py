"""The command line of a worker: the user's own, without what makes no sense there."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Generator, Sequence
from copy import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest

OWN_PREFIX = "--speedacc-"
_SELECTING = ("-k", "-m", "--deselect")
"""Node ids select the tests of a worker; and the value of one of these may look like a path."""
OWN_FLAGS = ("--speedacc-update", "--speedacc-missing", "--speedacc-selfcheck", "--speedacc-profile")

# These two act before a worker's plugin is configured. Given last they win over the command line, PYTEST_ADDOPTS and
# the ini file alike; blocking the plugins instead would make their options in addopts unknown.
_EARLY = {"xdist": ("--numprocesses=0", "--dist=no"), "pytest_cov": ("--no-cov",)}

_SWITCHED_OFF = re.compile(
    r"-n(\d*|auto|logical)|--(numprocesses|maxprocesses|max-worker-restart|dist|tx|cov|no-cov|cov-.+|no-cov-.+|html"
    r"|self-contained-html|report-log|json-report.*|csv|alluredir|reruns|reruns-.+|timeout|timeout-.+|memray|codspeed"
    r"|benchmark-.+|randomly-.+)"
)
"""Options of other plugins that mean nothing in a worker: one whose environment lacks the plugin does without them."""

# Everything else is set once the command line is parsed, where the option exists.
_NEUTRAL: dict[str, Any] = {
    # A base in which one file cannot be collected still has its other gates.
    "continue_on_collection_errors": True,
    "keyword": "",
    "markexpr": "",
    "deselect": None,
    "maxfail": 0,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "stepwise": False,
    "usepdb": False,
    "trace": False,
    "xmlpath": None,
    "htmlpath": None,
    "report_log": None,
    "json_report": False,
    "csv_path": None,
    "allure_report_dir": None,
    "reruns": 0,
    "timeout": 0,
    "memray": False,
    "codspeed": False,
    "benchmark_only": False,
    "benchmark_skip": False,
    "benchmark_disable": True,
    "benchmark_enable": False,
    "benchmark_json": None,
    "benchmark_save": None,
    "benchmark_autosave": False,
    "benchmark_compare": [],
    "benchmark_compare_fail": None,
    "benchmark_histogram": [],
}


def worker_arguments(
    given: Sequence[str],
    paths: Sequence[str],
    has_plugin: Callable[[str], bool],
    scratch: Path,
    *,
    selecting: bool = False,
) -> tuple[str, ...]:
    """The arguments for a worker from those ``given`` to this run, whose test paths were ``paths``.

    What selects tests stays where it is ``selecting``.
    """
    kept: list[str] = []
    unplaced = list(paths)
    is_value = is_kept = False
    for argument in given:
        if is_value:
            kept += [argument] if is_kept else []
            is_value = is_kept = False
        elif argument.startswith(OWN_PREFIX):
            is_value = "=" not in argument and argument not in OWN_FLAGS
        elif argument in _SELECTING:
            is_value, is_kept = True, selecting
            kept += [argument] if selecting else []
        elif argument in unplaced:
            unplaced.remove(argument)
        else:
            kept.append(argument)
    # What a worker writes goes to its log, where its last words are looked for: a capture would die with it. A log file
    # and the cache of the last run belong to the user's own runs.
    kept += ["--color=no", "--no-header", "-q", "--capture=no", "-o", "log_file="]
    if has_plugin("cacheprovider"):
        kept += ["-o", f"cache_dir={scratch / 'cache'}"]
    return tuple(kept)


def arguments_of(config: Any) -> Callable[..., tuple[str, ...]]:
    """``worker_arguments`` for the pytest run of ``config``, given a scratch folder."""
    given = given_arguments(config)
    return partial(worker_arguments, given, config.option.file_or_dir or (), config.pluginmanager.has_plugin)


def is_named(name: str, wanted: str) -> bool:
    """Whether the test ``name`` of a file is what a node id names with ``wanted`` after the file, or a part of it."""
    return not wanted or name == wanted or name.startswith((f"{wanted}::", f"{wanted}["))


def given_arguments(config: Any) -> list[str]:
    """The command line of a run, after what the environment puts before it."""
    return [*shlex.split(os.environ.get("PYTEST_ADDOPTS", "")), *map(str, config.invocation_params.args)]


def switch_off(config: pytest.Config, parser: pytest.Parser, arguments: list[str]) -> None:
    """Change the ``arguments`` of a worker, in place, to what its own environment has, once its plugins are loaded."""
    _, unknown = parser.parse_known_and_unknown_args(arguments)
    for option in unknown:
        if _SWITCHED_OFF.fullmatch(option.partition("=")[0]):
            place = arguments.index(option)
            # Test paths were taken out, and options of every worker follow: a bare word after it is its value.
            has_value = not arguments[place + 1].startswith("-")
            del arguments[place : place + 1 + has_value]
    for plugin, off in _EARLY.items():
        if config.pluginmanager.has_plugin(plugin):
            arguments += off
    config.known_args_namespace = parser.parse_known_args(arguments, namespace=copy(config.option))


class SwitchesOff:
    """What every plugin of a worker does as soon as the plugins of its environment are loaded."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config, parser: pytest.Parser, args: list[str]
    ) -> Generator[None, object, object]:
        """Before plugins that act on their options here."""
        switch_off(early_config, parser, args)
        return (yield)


def neutralise(options: Any, seed: int, *, selecting: bool = False) -> None:
    """Set every option that makes no sense in a worker to its neutral value; those that select tests may stay."""
    neutral = {**_NEUTRAL, "randomly_seed": seed}
    kept = {"keyword", "markexpr", "deselect"} if selecting else set()
    for name in (neutral.keys() & vars(options).keys()) - kept:
        setattr(options, name, neutral[name])
