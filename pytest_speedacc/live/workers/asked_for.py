"""Which packages the user's code asks for, and on whose behalf: of a file, of a test, or of all."""

from __future__ import annotations

import builtins
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

ALL = ""
"""Who asks while neither a file is imported nor a test runs: a conftest, say."""


@dataclass(slots=True)
class AskedFor:
    """The import statements that are come to while they are watched, whether or not the package is there already.

    So it is seen what each test needs, also where another has imported it before. What importlib imports is not seen.
    """

    names: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Packages (the part before the first dot), by the node id of a file or a test, and by ALL."""
    _who: str = ALL
    _watches: list[tuple[Any, Any]] = field(default_factory=list)
    """What import statements call, and what they called before, the last one last."""

    @contextmanager
    def watching(self, who: str) -> Iterator[None]:
        """What is asked for meanwhile, ``who`` asks for."""
        imports, before = builtins.__import__, self._who

        def watched(name: str, *rest: Any, **named: Any) -> Any:
            self.names[self._who].add(name.partition(".")[0])
            return imports(name, *rest, **named)

        self._who, builtins.__import__ = who, watched
        self._watches.append((watched, imports))
        try:
            yield
        finally:
            self._who = before
            self._watches.pop()
            # Unless somebody else has put something around it meanwhile.
            if builtins.__import__ is watched:
                builtins.__import__ = imports

    @contextmanager
    def resting(self) -> Iterator[None]:
        """Nothing is watched meanwhile: what is timed must call what it usually does."""
        if not self._watches or builtins.__import__ is not self._watches[-1][0]:
            yield
            return
        watched, usual = builtins.__import__, self._watches[0][1]
        builtins.__import__ = usual
        try:
            yield
        finally:
            if builtins.__import__ is usual:
                builtins.__import__ = watched
