"""Failures of a run that no test could have: told to pytest as reports, so that everything that counts them does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from pytest_speedacc.report.printable import printable, printable_lines
from pytest_speedacc.report.table import wrapped

RUN = "speedacc::run"
"""What a failure of the run as a whole is filed under."""
LOOSENED = "speedacc::loosened"
"""What one is filed under that allows what the base does not."""


@dataclass(frozen=True, slots=True)
class _Place:
    """What pytest asks of a failure for its short summary and for junit."""

    path: str
    message: str
    lineno: int = 0


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A failure in one sentence."""

    text: str
    reprcrash: _Place = field(kw_only=True)

    def toterminal(self, terminal: Any) -> None:
        """Print it, as pytest asks of a failure."""
        for line in self.text.splitlines():
            for part in wrapped(line, terminal.fullwidth):
                terminal.line(part)

    def __str__(self) -> str:
        return self.text


def tell_failed(session: pytest.Session, nodeid: str, sentence: str, news: str = "") -> None:
    """Report ``nodeid``, which no test of this run is, as failed: pytest, junit, ``-q``, xdist and editors count it.

    ``news`` is what the short summary says of it: by itself the beginning of the sentence.
    """
    text, name = printable_lines(sentence), printable(nodeid)
    file = name.partition("::")[0]
    report = pytest.TestReport(
        nodeid=name,
        location=(file, None, name),
        keywords={},
        outcome="failed",
        # What to do stands in the failure itself.
        longrepr=_Sentence(text, reprcrash=_Place(file, printable(news) or text.partition(",")[0])),  # type: ignore[arg-type]
        when="call",
    )
    # Told so, it is no dot in a line that ended with the last test.
    report.speedacc_is_late = True  # type: ignore[attr-defined]
    session.config.hook.pytest_runtest_logreport(report=report)
    del report.speedacc_is_late
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
