"""The command line of a worker: the user's own, without what makes no sense there."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Generator, Sequence
from copy import copy
from pathlib import Path
from typing import Any

import pytest

OWN_PREFIX = "--speedacc-"
_SELECTING = ("-k", "-m", "--deselect")
"""Node ids select the tests of a worker; and the value of one of these may look like a path."""
OWN_FLAGS = ("--speedacc-update", "--speedacc-missing", "--speedacc-selfcheck", "--speedacc-profile")

_NARROWING_BY_VALUE = {
    *("-k", "-m", "--deselect", "--ignore", "--ignore-glob", "-c", "--config-file", "--confcutdir"),
    *("--splits", "--group", "--num-shards", "--shard-id"),
}
_NARROWING = {"--lf", "--last-failed", "--sw", "--stepwise", "--noconftest", "--testmon", "--picked"}
"""Options of pytest, pytest-split, pytest-shard, pytest-testmon and pytest-picked that leave tests out."""
_INI = {"-o", "--override-ini"}
_COLLECTS = re.compile(r"(addopts|testpaths|norecursedirs|python_(files|classes|functions)|collect_\w+)\s*=")
"""Settings that say what is collected."""
_JOINED = re.compile(r"(-[lqsvx]+)([kmco].*)")
"""Short options in one word, as in ``-xk ranker``."""

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
    before = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    shown = [str(argument) for argument in config.invocation_params.args]
    paths, has_plugin = config.option.file_or_dir or (), config.pluginmanager.has_plugin

    def arguments(scratch: Path, *, selecting: bool = False) -> tuple[str, ...]:
        # What a survey looks for is what was left out without the command line's saying so.
        given = [*(unnarrowed(before) if selecting else before), *shown]
        return worker_arguments(given, paths, has_plugin, scratch, selecting=selecting)

    return arguments


def unnarrowed(arguments: Sequence[str]) -> list[str]:
    """The arguments without those that leave tests out, or have the settings do it."""
    kept: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if joined := _JOINED.fullmatch(argument):
            kept.append(joined[1])
            argument = f"-{joined[2]}"
        name, separator, value = argument.partition("=")
        if not argument.startswith("--"):
            # A short option may have its value attached.
            name, separator, value = argument[:2], argument[2:], argument[2:].removeprefix("=")
        takes_value = name in _NARROWING_BY_VALUE or name in _INI
        with_value = [argument]
        if takes_value and not separator and waiting:
            value = waiting.pop(0)
            with_value.append(value)
        narrows = name in _NARROWING_BY_VALUE or name in _NARROWING or (name in _INI and _COLLECTS.match(value))
        kept += [] if narrows else with_value
    return kept


def is_named(name: str, wanted: str) -> bool:
    """Whether the test ``name`` of a file is what a node id names with ``wanted`` after the file, or a part of it."""
    return not wanted or name == wanted or name.startswith((f"{wanted}::", f"{wanted}["))


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
    # pytest has chosen by now how far up the tree it looks for conftest files and collects folders.
    known = copy(config.option)
    known.confcutdir = config.known_args_namespace.confcutdir
    config.known_args_namespace = parser.parse_known_args(arguments, namespace=known)


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
