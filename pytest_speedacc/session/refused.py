"""A run that is refused ends before its first test, and says why wherever somebody looks for its verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from pytest_speedacc.errors import ConfigError

if TYPE_CHECKING:
    from pytest_speedacc.session.results import Results

RESULTS = "speedacc-results"
"""What the plugin is registered as that tells the run."""


@contextmanager
def refusing(config: pytest.Config) -> Iterator[None]:
    """Have a ``pytest.UsageError`` of the body told as a failure of the run, or at once where none has begun."""
    try:
        yield
    except pytest.UsageError as error:
        results: Results | None = config.pluginmanager.get_plugin(RESULTS)
        problem = str(error).removeprefix("speedacc: ")
        if results is None:
            _tell_at_once(config, problem)
            raise
        results.problems.append(problem)
        # The failure has the text, and all that counts failures counts it.
        raise pytest.UsageError from None


def _tell_at_once(config: pytest.Config, problem: str) -> None:
    """Write the reports of a run that has not begun, and tell the step of GitHub Actions that it is."""
    from pytest_speedacc.live.workers.arguments import SwitchesOff
    from pytest_speedacc.report.summary import RunReport
    from pytest_speedacc.report.writers import WRITERS, report_path
    from pytest_speedacc.session.github import annotation_lines, find_actions, write_summary

    if hasattr(config, "workerinput") or any(isinstance(it, SwitchesOff) for it in config.pluginmanager.get_plugins()):
        return  # the process that started this one tells it
    run, written = RunReport((), problems=(problem,)), []
    for text in config.option.speedacc_report:
        # A path that cannot be written may be the very problem.
        with suppress(ConfigError):
            path = report_path(text)
            WRITERS[path.suffix].write(path, run)
            written.append(path)
    if actions := find_actions():
        with suppress(OSError):
            write_summary(actions, run, written, config.rootpath)
        for command in annotation_lines(actions, run, config.rootpath, lambda _: True):
            print(command)
