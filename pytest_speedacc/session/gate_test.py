"""What the ``speedacc`` fixture of one test asks of the run, and how it tells pytest of a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_speedacc.check.case import Judged
from pytest_speedacc.check.strays import Strays
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.report.document import environment_document
from pytest_speedacc.report.text import brief_text, verdict_text
from pytest_speedacc.session.interop import feed_benchmark
from pytest_speedacc.session.payload import note_content, note_verdict
from pytest_speedacc.session.progress import progress

if TYPE_CHECKING:
    from pytest_speedacc.session.session import Session


TOLD_IN_FULL = 3
"""Failed gates of a run of which everything is told that matters: of further ones nobody reads more than the news."""


class GateTest:
    """The ``Host`` of a fixture: it knows the run and pytest, of which the fixture knows nothing."""

    def __init__(self, session: Session, request: pytest.FixtureRequest) -> None:
        self._session = session
        self._request = request
        self._item: pytest.Item = request.node
        self.say = progress(session.config, self._item.nodeid)

    def recall(self, name: str) -> Judged | Verdict | None:
        """What this check already came to in this run."""
        return self._session.done.get((self._item.nodeid, name))

    def late(self) -> str:
        """Why the limits do not hold any more with which this test began; empty while they do."""
        return self._session.late(self._item)

    def live(self, name: str) -> LiveComparison | None:
        """What the live run found out about this check; None without a live run."""
        live = self._session.live
        return None if live is None else live.comparison(self._item.nodeid, name)

    def ratios(self, name: str) -> Ratios:
        """This check as a multiple of the yardstick."""
        return self._session.solo.ratios(self._item.nodeid, name, self.say)

    def differences(self, name: str, launches: int) -> tuple[PairTimes, ...]:
        """The two models of a comparison, timed in so many fresh processes."""
        return self._session.solo.differences(self._item.nodeid, name, launches, self.say)

    def conclude(self, result: Judged | Verdict) -> None:
        """Note what a check came to, and end the test where it must fail."""
        session, item = self._session, self._item
        if isinstance(result, Verdict):
            verdict, environment = result, {}
        else:
            verdict, environment = result.verdict, environment_document(result.environment)
            feed_benchmark(self._request, result)
            result = replace(result, latency=None)
        session.done[item.nodeid, verdict.name] = result
        note_verdict(item, verdict, environment)
        if isinstance(result, Judged):
            note_content(item, result.content)
        if session.options.fails(verdict.outcome.word, session.project):
            pytest.fail(self._failure(verdict, environment.get("description", "")), pytrace=False)

    def _failure(self, verdict: Verdict, environment: str) -> str:
        session, config = self._session, self._session.config
        width, is_verbose = config.get_terminal_writer().fullwidth, config.get_verbosity() > 0
        session.told += 1
        if session.told > TOLD_IN_FULL and not is_verbose:
            return brief_text(verdict, width)
        return verdict_text(verdict, environment, session.project.scale, width=width, is_verbose=is_verbose)


class NoGate:
    """The fixture in a test that is marked ``gate=False``, which an autouse fixture asks for all the same."""

    def __init__(self, strays: Strays) -> None:
        self._strays = strays

    def __getattr__(self, name: str) -> Any:
        """Nothing can be asked of it."""
        if name.startswith("__"):
            raise AttributeError(name)
        why = (
            f"speedacc: {name} was called in a test that is marked speedacc(gate=False), where nothing is judged: "
            "remove gate=False, or the call."
        )
        failure = pytest.fail.Exception(why, pytrace=False)
        self._strays.note(why, failure)
        raise failure
