"""What a gate's test says to the end of the run: it travels on pytest's reports, also from one process to another."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from sys import intern
from typing import Any

import msgspec
import pytest

from pytest_speedacc.baseline import Content
from pytest_speedacc.judge.verdict import Outcome, Verdict
from pytest_speedacc.report.printable import printable
from pytest_speedacc.report.text import news_of

Status = tuple[str, str, str | tuple[str, dict[str, bool]]]
"""What pytest counts a test as, its letter, and its word, which may have a colour."""

_PAYLOAD = pytest.StashKey[dict[str, Any]]()


def note_verdict(item: pytest.Item, verdict: Verdict, environment: dict[str, Any]) -> None:
    """Note what a check came to, for the report of its test and for junit."""
    payload = _payload_of(item)
    file, line, _ = item.location
    payload["verdicts"].append(msgspec.to_builtins(replace(verdict, file=file, line=0 if line is None else line + 1)))
    payload["environment"] = environment or payload["environment"]
    prefix = f"speedacc.{printable(verdict.name)}." if verdict.name else "speedacc."
    # pytest holds them to the end of the run, under names that are the same in every gate.
    item.user_properties.append((intern(f"{prefix}verdict"), verdict.outcome.word))
    for row in verdict.observations:
        if row.observed is not None:
            key = ".".join(filter(None, (row.metric, row.statistic, printable(row.slice))))
            item.user_properties.append((intern(prefix + key), row.observed))


def status_of(report: pytest.TestReport) -> Status | None:
    """What pytest counts a gate as that was not decided and does not fail, and what it shows of a failure of no test.

    None of any other test.
    """
    if hasattr(report, "speedacc_is_late"):
        return report.outcome, "", ""
    if report.when != "call" or not report.passed or hasattr(report, "wasxfail"):
        return None
    # Others record what they like, under keys that need not be text.
    words = [value for key, value in report.user_properties if re.fullmatch(r"speedacc\.(.*\.)?verdict", str(key))]
    worst = max((outcome for outcome in Outcome if outcome.word in words), default=Outcome.PASSED)
    if worst in (Outcome.PASSED, Outcome.FAILED):
        return None
    return worst.word, worst.word[0], (worst.word.upper(), {"yellow": True})


def note_content(item: pytest.Item, content: Content) -> None:
    """Note what a check was judged on, by which a renamed gate is known again."""
    _payload_of(item)["contents"].append(content)


def hand_over(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Put on the report of a gate's test all that was noted, once."""
    payload = _payload_of(item)
    if not payload["verdicts"] and report.failed and report.when != "teardown" and call.excinfo:
        # Named in the summary and the report all the same: a gate that is missing there looks like none.
        note_verdict(item, Verdict(item.nodeid, "", (), (), (), error=_news(call.excinfo)), {})
    # As ASCII: what a parallel run sends as UTF-8 cannot hold every text of a model's.
    report.speedacc = json.dumps(payload)  # type: ignore[attr-defined]
    del item.stash[_PAYLOAD]


def shorten(item: pytest.Item, call: pytest.CallInfo[None], report: pytest.TestReport) -> None:
    """Have a verdict's failure stand where the test asked for it, with its headline alone in pytest's short summary."""
    failure = call.excinfo
    if failure is None or not isinstance(failure.value, pytest.fail.Exception):
        return
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is None or not str(failure.value).startswith("speedacc"):
        return
    lines = [entry.lineno + 1 for entry in failure.traceback if Path(entry.path) == item.path]
    if lines:
        crash.path, crash.lineno = str(item.path), lines[-1]
    crash.message = news_of(str(failure.value))
    if item.config.option.tbstyle == "line":
        # pytest prints what a failure says for itself, and then its line.
        for traceback, *_ in report.longrepr.chain:  # type: ignore[union-attr]
            traceback.reprentries = []


def _payload_of(item: pytest.Item) -> dict[str, Any]:
    return item.stash.setdefault(_PAYLOAD, {"verdicts": [], "environment": {}, "contents": []})


def _news(failure: pytest.ExceptionInfo[BaseException]) -> str:
    """What ended a test, in one line."""
    text = str(failure.value) if isinstance(failure.value, pytest.fail.Exception) else failure.exconly()
    return news_of(text).removeprefix("speedacc: ")
