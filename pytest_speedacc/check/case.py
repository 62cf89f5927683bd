"""One check that is about to be judged, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import Clock
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.judge.reference import LiveComparison
from pytest_speedacc.judge.verdict import Verdict
from pytest_speedacc.measure.environment import Environment
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.subject import Subject
from pytest_speedacc.measure.training import Training
from pytest_speedacc.measure.yardstick import Ratios

SUITE_ALPHA = 0.01
"""How often a whole run of sound models may fail on a latency limit: shared among the noisy checks of the run."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What holds for every gate of a run."""

    baselines: Path
    """The folder of the baseline files."""
    writes: str
    """``update`` writes every baseline, ``missing`` those that are not there, empty none."""
    reason: str
    """Recorded with each baseline that is written."""
    noisy_checks: int
    """Latency limits in the suite, of which this run may be a shard: the false alarm rate is shared among them."""
    root: Path
    """The repository, for the commit that is recorded."""
    base: str = ""
    """The base revision of a live run, as the user wrote it; empty without one."""
    profiles: Path | None = None
    """The folder for the profile of every gate; None for profiles of what is too slow, in the message alone."""
    clock: Clock = "wall"
    """Of profiles."""
    shared: Mapping[str, str] = field(default_factory=dict)
    """Digests of what live runs share with the base, for the baselines that are written."""
    named: Callable[[str], str] = str
    """A node id as it reads from the folder of the settings, which is the name that a baseline is filed under."""

    @property
    def alpha(self) -> float:
        """False alarm rate of one latency limit of a test, over all checks of that test."""
        return SUITE_ALPHA / max(1, self.noisy_checks)


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, with what other tools want of the measurement."""

    verdict: Verdict
    latency: Latency | None
    """None once they have it: every timed call of every gate would otherwise be held to the end of the run."""
    environment: Environment
    content: tuple[str, str, float] = ("", "", 0.0)
    """What it was judged on: fingerprint of the evaluation set, name and value of the score."""


@dataclass(frozen=True, slots=True)
class Case:
    """One check that is about to be judged."""

    run: Run
    policy: Policy
    test: str
    """The node id."""
    name: str
    """``check(name=...)``; empty for the only one."""
    subject: Subject
    live: LiveComparison | None
    """The base revision's run of it; None without a live run."""
    ratios: Callable[[], Ratios]
    """Measures it as a multiple of the yardstick; raises GateError where that cannot be done."""
    training: Training | Unavailable
    """What ``speedacc.fit`` took for it."""
    number: int = 1
    """Among the checks of its test."""

    @property
    def alpha(self) -> float:
        """False alarm rate of one latency limit of this check.

        Nobody knows how many checks a test will come to, so the first has half of the test's rate, the second a sixth,
        the third a twelfth: all that may follow add up to it.
        """
        return self.run.alpha / (self.number * (self.number + 1))

    @property
    def path(self) -> Path:
        """Its baseline file."""
        return baseline_path(self.run.baselines, self.filed, self.name)

    @property
    def filed(self) -> str:
        """The name that its baseline is filed under."""
        return self.run.named(self.test)
