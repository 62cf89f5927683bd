"""Calls of checks that no test could be told of where they were made: after their test, or in a forked process."""

from __future__ import annotations

import mmap
import os
from dataclasses import dataclass, field

ROOM = 4096
"""Bytes of a sentence that comes from another process, and of the one that says that it is there."""


@dataclass(frozen=True, slots=True)
class Stray:
    """One call, which came to nothing."""

    text: str
    """Why."""
    raised: BaseException | None
    """What it raised; None in another process."""


@dataclass(frozen=True, slots=True)
class Strays:
    """Those of one session that no test was failed for so far."""

    here: list[Stray] = field(default_factory=list)
    process: int = field(default_factory=os.getpid)
    shared: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, ROOM))
    """What this process and those that it forks write to is one memory."""

    def note(self, text: str, raised: BaseException) -> None:
        """Keep a call for the session to take, in whatever process this is."""
        if os.getpid() == self.process:
            self.here.append(Stray(text, raised))
        elif not self.shared[0]:
            # One of them fails the run, and names the test.
            told = text.encode("utf-8", "backslashreplace")[: ROOM - 1]
            self.shared[1 : 1 + len(told)] = told
            self.shared[0] = 1

    def take(self) -> list[Stray]:
        """All that there are; each is given once, to the process that judges."""
        if os.getpid() != self.process:
            return []
        found = list(self.here)
        self.here.clear()
        if self.shared[0]:
            told = self.shared[1:].rstrip(b"\0").decode("utf-8", "replace")
            self.shared[:] = bytes(ROOM)
            found.append(Stray(told, None))
        return found
