"""What a test waits for before its check: which fixture takes longest, which every launch pays again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class SetupCosts:
    """Of one test: the seconds of each of its fixtures that was set up for it, without those of others inside."""

    now: Callable[[], float]
    """A clock, in seconds, that stands still for what the next launch will not pay."""
    began: float = field(init=False)
    fixtures: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    _inside: float = 0.0
    """Seconds of fixtures that were set up within the present one."""

    def __post_init__(self) -> None:
        self.began = self.now()

    @contextmanager
    def of(self, fixture: str) -> Iterator[None]:
        """Count what is done meanwhile for ``fixture``."""
        began, around = self.now(), self._inside
        self._inside = 0.0
        try:
            yield
        finally:
            took = self.now() - began
            self.fixtures[fixture] += took - self._inside
            self._inside = around + took

    @property
    def seconds(self) -> float:
        """Since the test began."""
        return self.now() - self.began

    @property
    def costliest(self) -> tuple[str, float]:
        """The fixture that took longest and its seconds; "" is the test itself, before its check."""
        own = self.seconds - sum(self.fixtures.values())
        name, seconds = max(self.fixtures.items(), key=lambda each: each[1], default=("", 0.0))
        return (name, seconds) if seconds >= own else ("", own)
