"""Which processes of a live run are forked: the workers of a launch from one, and each gate from its worker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

import psutil

from pytest_speedacc.live.workers.side import Shared, Side
from pytest_speedacc.measure.launches import Key

MOST_MORE = 1.0
"""Seconds of setup in a launch that processes of their own may cost, besides what is usual for each."""
USUALLY_MORE = 0.2
"""Seconds for a gate: what its libraries do at their first call, they do in each process."""
_KEPT = "\0"
"""In the place of a variable that a side's tests leave as it was, which is not to remove it."""


@dataclass(slots=True)
class CommonStart:
    """What the workers of a launch are forked from, learnt in the first launch."""

    shared: Shared | None
    """None where each is a process of its own from the start."""
    why_not: str = ""
    """Why they are not forked, or from a process that has imported nothing; empty where all is well."""
    given_up: bool = False
    """Whether that was found out when it was tried."""
    _started_with: frozenset[str] = frozenset()
    """Modules that every worker imports before it comes to the user's files."""
    _asked: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Packages that a file, a test, or everything that is run ("") has asked for."""

    @classmethod
    def of(cls, candidate: Side, base: Side) -> CommonStart:
        """Before the first launch."""
        if not psutil.LINUX:
            return cls(None, "this system does not fork processes safely")
        if candidate.python != base.python or not base.sys_path:
            return cls(None, "the base has an interpreter of its own")
        if not base.one_thread:
            return cls(None, "libraries that use several threads start them when they are imported")
        return cls(Shared())

    def learn(
        self,
        imported: tuple[dict[str, str], dict[str, str]],
        environments: tuple[Mapping[str, str | None], Mapping[str, str | None]],
        started_with: frozenset[str] = frozenset(),
    ) -> None:
        """Have what both sides import, from the same files, imported once; of both, as the first launch tells."""
        self._started_with = started_with
        (ours, theirs), (environment, other) = imported, environments
        if self.shared is None or self.why_not:
            return
        if environment != other:
            self.given_up = True
            unlike = (
                name
                for name in sorted({*environment, *other})
                if environment.get(name, _KEPT) != other.get(name, _KEPT)
            )
            self.why_not = f"their tests, being collected, leave {', '.join(unlike)} with different values"
            return
        both = {name: file for name, file in ours.items() if theirs.get(name) == file}
        self.shared = Shared(both, environment=environment)

    def learn_asked(self, asked: Mapping[str, Set[str]]) -> None:
        """Learn what a file or a test needs, as any launch shows; of a test, one in which it had its own process."""
        for who, names in asked.items():
            self._asked[who] |= names

    def shared_by(self, tests: Sequence[str]) -> Shared | None:
        """What these tests need of what is shared: all of it while one of them is not known yet."""
        if self.shared is None or not all(test in self._asked for test in tests):
            return self.shared and replace(self.shared, wanted=tuple(self.shared.modules))
        needed = self._asked[""].union(*(self._asked[test] | self._asked[test.split("::")[0]] for test in tests))
        wanted = (
            name for name in self.shared.modules if name.partition(".")[0] in needed or name in self._started_with
        )
        return replace(self.shared, wanted=tuple(wanted))

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a run says of it where it was meant to work and did not."""
        if not self.given_up:
            return ()
        return (f"both sides imported their packages apart, so launches differ more: {self.why_not}",)

    def give_up(self, why: str) -> None:
        """The last launch could not be forked: the next one does without imports, and then without a common start."""
        self.given_up = True
        self.why_not = why
        self.shared = Shared() if self.shared and self.shared.modules else None


@dataclass(slots=True)
class OwnProcesses:
    """Whether each gate gets a process of its own: not where it would build anew what the gates of a file share.

    Decided anew before each gate of a live run; once they are ruled out they stay so.

    The first launch has none: it shows what the setup of a gate costs where they share one. The second shows what it
    costs where they do not; later ones may import less beforehand, and cannot be compared.
    """

    why_not: str = ""
    """Why there are none from now on; empty while there are."""
    shares: bool = False
    """Whether the reason is what the gates share, which is nothing to mend."""
    _usual: dict[Key, float] = field(default_factory=dict)
    """Seconds of setup in the first launch, by check."""
    _launches: int = 0
    """That are over."""
    needy: str = ""
    """The node id of a test that fails in one, for want of what an earlier gate leaves; empty for none."""
    _alone: set[str] = field(default_factory=set)
    """Node ids of the tests that have come to their checks in one."""
    _spare: float = MOST_MORE
    """Seconds that the second launch may still cost more."""

    @property
    def wanted(self) -> bool:
        """Whether the next gate gets one."""
        return self._launches > 0 and not self.why_not

    @property
    def sentences(self) -> tuple[str, ...]:
        """What a run says of it where it was meant to work and did not."""
        if not self.why_not or self.shares:
            return ()
        return (f"the gates of a launch shared a process, so launches may differ more: {self.why_not}",)

    def learn(self) -> None:
        """A launch is over."""
        self._launches += 1

    def rule_out(self, why: str) -> None:
        """There are none from now on, unless there is no reason (an empty ``why``)."""
        self.why_not = self.why_not or why

    def ends(self, test: str, why_not: str) -> bool:
        """Take into account how a test ended in one; whether it failed for want of what others leave in theirs."""
        if not why_not:
            self._alone.add(test)
        if not why_not or test in self._alone:
            return False
        # It came to its checks in the first launch: the next one runs it as that did, and tells whether this was why.
        self.needy = test
        self.rule_out(f"{test} fails without the gates before it: {why_not}")
        return True

    def count(self, key: Key, seconds: float) -> None:
        """Take into account that the setup of a check took so long."""
        if self._launches == 0:
            self._usual[key] = seconds
        if self._launches != 1:
            return
        usual = self._usual.get(key, seconds)
        self._spare -= max(0.0, seconds - 1.25 * usual - USUALLY_MORE)
        if self._spare < 0:
            self.shares = True
            self.rule_out(
                f"each gate would build again what they share (a setup of {seconds:.1f} s, {usual:.1f} s before)"
            )
