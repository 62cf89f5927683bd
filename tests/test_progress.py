"""What a run tells of itself while it goes on, where there is no terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_speedacc.session import progress
from pytest_speedacc.session.progress import LATEST, SOONEST, long_progress
from pytest_speedacc.session.progress import progress as short_progress


class Log:
    """pytest's reporter where its output is a file."""

    isatty = False
    _tw = SimpleNamespace(fullwidth=80)

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write_line(self, text: str, **how: Any) -> None:
        self.lines.append(text)


def told(monkeypatch: pytest.MonkeyPatch, *, verbosity: int = 0, word: str = "launch", **config: Any) -> list[str]:
    """The lines of a run that says something every ten seconds for ten minutes, and clears it at its end."""
    log, now = Log(), [1000.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    plugins = SimpleNamespace(get_plugin={"terminalreporter": log}.get)
    say = long_progress(
        SimpleNamespace(pluginmanager=plugins, get_verbosity=lambda: verbosity, **config),  # type: ignore[arg-type]
        "against \x1b[2Jmain",
    )
    for number in range(60):
        say(f"{word} {number}")
        now[0] += 10
    say("")
    return log.lines


def test_the_first_text_is_a_line_and_then_one_ever_more_rarely(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (SOONEST, LATEST) == (20, 120)
    lines = told(monkeypatch)
    assert [line.rpartition(" ")[2] for line in lines] == ["0", "2", "6", "14", "26", "38", "50"]
    assert lines[0] == r"speedacc, against \x1b[2Jmain: launch 0"


def test_a_line_is_no_wider_than_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = told(monkeypatch, word="launch " * 20)
    assert max(map(len, lines)) <= 80
    assert lines[1].startswith("  launch launch ")


@pytest.mark.parametrize("silent", [{"verbosity": -1}, {"workerinput": {}}], ids=["-q", "worker of xdist"])
def test_who_wants_no_words_gets_none(monkeypatch: pytest.MonkeyPatch, silent: dict[str, Any]) -> None:
    assert told(monkeypatch, **silent) == []


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_writer_of_pytest_8_has_its_line_too(encoding: str) -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding)
    writer = SimpleNamespace(fullwidth=80, width_of_current_line=10, _file=file)
    reporter = SimpleNamespace(isatty=True, _tw=writer)
    plugins = SimpleNamespace(get_plugin={"terminalreporter": reporter}.get)
    short_progress(SimpleNamespace(pluginmanager=plugins), "test_it")("3 µs")  # type: ignore[arg-type]
    unit = "µs" if encoding == "utf-8" else "?s"
    assert file.buffer.getvalue().decode(encoding) == f"\x1b7  test_it: 3 {unit}\x1b[K\x1b8"
