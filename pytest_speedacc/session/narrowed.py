"""What leaves gates out of a run: what the command line narrows is meant, and whatever else does is a loss."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import pytest

from pytest_speedacc.live.workers.arguments import is_named
from pytest_speedacc.session.selection import Selection

_SELECTING_PLUGINS = {
    "splits": "--splits",
    "num_shards": "--num-shards",
    "testmon": "--testmon",
    "picked": "--picked",
}
"""Options of pytest-split, pytest-shard, pytest-testmon and pytest-picked, which select tests in ways of their own."""


@dataclass(frozen=True, slots=True)
class Narrowed:
    """How the command line of a run of pytest comes to its tests; its settings and PYTEST_ADDOPTS are not asked."""

    said: tuple[str, ...] = ()
    """All that leaves tests out, in the words of the command line."""
    whole: tuple[Path, ...] = ()
    """Files and folders that it has collected whole."""
    tests: tuple[tuple[Path, str], ...] = ()
    """Tests and classes that it names: their file, and their name in it."""
    ignored: tuple[Path, ...] = ()
    """Files and folders that it ignores."""
    globs: tuple[str, ...] = ()
    """Patterns of those."""
    selection: Selection = field(default_factory=Selection)
    """What it takes of what is collected."""
    judges_none: bool = False
    """Whether it asks for no gate to be judged."""
    recalls: bool = False
    """Whether it takes what failed in the last run, which no other revision knows of."""
    paths: tuple[str, ...] = ()
    """As it names them."""

    def collects(self, path: Path, name: str = "") -> bool:
        """Whether the test ``name`` in ``path``, or all in it, would be collected, were it not for the settings."""
        place = path.resolve()
        asked = any(place.is_relative_to(whole) for whole in self.whole) or any(
            place == file and is_named(name, wanted) for file, wanted in self.tests
        )
        return asked and not self.ignores(path)

    def ignores(self, path: Path) -> bool:
        """Whether something of what lies in ``path`` is ignored."""
        place = path.resolve()
        if any(place.is_relative_to(each) or each.is_relative_to(place) for each in self.ignored):
            return True
        if self.globs and place.is_dir():
            return True
        return any(fnmatch(str(each), pattern) for each in (path, *path.parents) for pattern in self.globs)


def read_narrowed(config: pytest.Config) -> Narrowed:
    """What narrows the run of ``config``."""
    if config.option.help:
        # It ends the parsing where it stands.
        return Narrowed()
    # The options of a run hold what the ini file adds as well; pytest has no public way to tell the two apart.
    given = config._parser.parse_known_args([str(argument) for argument in config.invocation_params.args])
    started = config.invocation_params.dir
    remembers = _remembers(config, given)
    steps = bool(getattr(given, "stepwise", False))
    return Narrowed(
        said=(*_said(given), *(["--lf"] if remembers else [])),
        whole=() if remembers else tuple(_whole(config, given)),
        tests=() if remembers else tuple(_tests(started, given)),
        ignored=tuple((started / path).resolve() for path in given.ignore or ()),
        globs=tuple(str(started / pattern) for pattern in given.ignore_glob or ()),
        selection=Selection(
            keyword=given.keyword or "",
            markexpr=given.markexpr or "",
            deselect=tuple(given.deselect or ()),
            is_beyond=remembers or steps or any(given_to_plugins(given)),
        ),
        judges_none=bool(getattr(given, "benchmark_skip", False)),
        recalls=steps or bool(getattr(given, "lf", False)),
        paths=tuple(given.file_or_dir or ()),
    )


def _whole(config: pytest.Config, given: Namespace) -> Iterator[Path]:
    started, source = config.invocation_params.dir, config.args_source
    if given.file_or_dir:
        yield from ((started / path).resolve() for path in given.file_or_dir if "::" not in path)
    elif source is pytest.Config.ArgsSource.INVOCATION_DIR:
        yield started.resolve()
    else:
        # Whatever testpaths and paths in addopts leave out is the settings' doing.
        yield config.rootpath.resolve()


def _tests(started: Path, given: Namespace) -> Iterator[tuple[Path, str]]:
    for path in given.file_or_dir or ():
        file, separator, name = path.partition("::")
        if separator:
            yield (started / file).resolve(), name


def _remembers(config: pytest.Config, given: Namespace) -> bool:
    """Whether only what failed in the last run is collected."""
    cache = getattr(config, "cache", None)
    return bool(getattr(given, "lf", False) and cache and cache.get("cache/lastfailed", {}))


def _said(given: Namespace) -> Iterator[str]:
    for flag, name in (("-k", "keyword"), ("-m", "markexpr")):
        if text := getattr(given, name, ""):
            yield f"{flag} {_quoted(text)}"
    for flag in ("deselect", "ignore", "ignore_glob"):
        for text in getattr(given, flag, None) or ():
            yield f"--{flag.replace('_', '-')}={_quoted(text)}"
    for flag in ("stepwise", "benchmark_skip"):
        if getattr(given, flag, False):
            yield f"--{flag.replace('_', '-')}"
    yield from given_to_plugins(given)
    yield from map(_quoted, given.file_or_dir or ())


def given_to_plugins(given: Namespace) -> Iterator[str]:
    """What has another plugin select tests in a way of its own, as it is written."""
    for name, flag in _SELECTING_PLUGINS.items():
        value = getattr(given, name, None)
        # One part is all of it.
        if value is True or (value and value != 1):
            yield flag if value is True else f"{flag}={_quoted(str(value))}"


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    # A sentence ends after it.
    return f"'{text}'" if quoted.endswith(".") else quoted
