"""What leaves gates out of a run: what the command line narrows is meant, and whatever else does is a loss."""

from __future__ import annotations

import shlex
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_speedacc.live.arguments import given_arguments


@dataclass(frozen=True, slots=True)
class Narrowed:
    """How a run of pytest comes to its tests."""

    said: tuple[str, ...]
    """All that leaves tests out, in the words of the command line, wherever it was said."""
    whole: tuple[Path, ...]
    """Files and folders that the command line has collected whole."""
    selects: bool
    """Whether the command line takes only some of what is collected there."""
    judges_none: bool
    """Whether the command line asks for no gate to be judged."""
    recalls: bool
    """Whether the command line takes what failed in the last run, which no other revision knows of."""
    paths: tuple[str, ...]
    """As the command line names them."""

    def collects(self, path: Path) -> bool:
        """Whether all gates in ``path`` would be collected, were it not for the settings."""
        place = path.resolve()
        return any(place.is_relative_to(whole) for whole in self.whole)


def read_narrowed(config: pytest.Config) -> Narrowed:
    """What narrows the run of ``config``."""
    if config.option.help:
        # It ends the parsing where it stands.
        return Narrowed((), (), selects=False, judges_none=False, recalls=False, paths=())
    # The options of a run hold what the ini file adds as well; pytest has no public way to tell the two apart.
    given = config._parser.parse_known_args(given_arguments(config))
    remembers = _remembers(config)
    skips_files = given.ignore or given.ignore_glob or remembers
    return Narrowed(
        said=(*_said(config.option), *(["--lf"] if remembers else [])),
        whole=() if skips_files else tuple(_whole(config, given)),
        selects=any(getattr(given, name, None) for name in ("keyword", "markexpr", "deselect", "stepwise")),
        judges_none=bool(getattr(given, "benchmark_skip", False)),
        recalls=bool(getattr(given, "lf", False) or getattr(given, "stepwise", False)),
        paths=tuple(given.file_or_dir or ()),
    )


def _whole(config: pytest.Config, given: Namespace) -> Iterator[Path]:
    started, source = config.invocation_params.dir, config.args_source
    if given.file_or_dir:
        # A node id is a part of its file.
        yield from ((started / path).resolve() for path in given.file_or_dir if "::" not in path)
    elif source is pytest.Config.ArgsSource.INVOCATION_DIR:
        yield started.resolve()
    else:
        # Whatever testpaths and paths in addopts leave out is the settings' doing.
        yield config.rootpath.resolve()


def _remembers(config: pytest.Config) -> bool:
    """Whether only what failed in the last run is collected."""
    cache = getattr(config, "cache", None)
    return bool(getattr(config.option, "lf", False) and cache and cache.get("cache/lastfailed", {}))


def _said(option: Any) -> Iterator[str]:
    for flag, name in (("-k", "keyword"), ("-m", "markexpr")):
        if text := getattr(option, name, ""):
            yield f"{flag} {shlex.quote(text)}"
    for flag in ("deselect", "ignore", "ignore_glob"):
        for text in getattr(option, flag, None) or ():
            yield f"--{flag.replace('_', '-')}={shlex.quote(text)}"
    for flag in ("stepwise", "benchmark_skip"):
        if getattr(option, flag, False):
            yield f"--{flag.replace('_', '-')}"
    yield from map(shlex.quote, option.file_or_dir or ())
