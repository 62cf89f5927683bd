"""Holds what mutmut left alive against the written reasons beside this file: ``tox -e mutants``, by hand.

A survivor without a reason is an error. A reason whose mutant is gone, or is killed by now, is told.
"""

from __future__ import annotations

import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

REASONS = Path(__file__).with_name("survivors.toml")
KILLED = {"killed", "timeout"}

Mutant = tuple[str, str]
"""The function, as ``stats.binomial.at_most``, and what stands in it instead."""


def named(key: str) -> str:
    """``stats.binomial.at_most`` for ``pytest_speedacc.stats.binomial.x_at_most__mutmut_10``, methods likewise."""
    module, _, function = key.removeprefix("pytest_speedacc.").rpartition(".")
    function = function.partition("__mutmut_")[0]
    return f"{module}.{function[1:].strip('ǁ').replace('ǁ', '.') if function.startswith('xǁ') else function[2:]}"


def changed(diff: str) -> str:
    """What a mutant has that the original has not, in one line; what it lacks where it has nothing of its own."""
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++", "@@"))]
    added, removed = (" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "+-")
    return added if added.strip(" )") else f"without: {removed}"


def survivors(counts: Counter[str]) -> Iterator[Mutant]:
    """Every mutant that nothing killed; ``counts`` gets the number of each outcome."""
    for path in walk_mutatable_files():
        data = SourceFileMutationData(path=path)
        data.load()
        for key, code in data.exit_code_by_key.items():
            status = status_by_exit_code[code]
            counts[status] += 1
            if status not in KILLED:
                yield named(key), changed(get_diff_for_mutant(key, path=path))


def main() -> int:
    """Print the counts, by reason too, and what is amiss."""
    reasons = tomllib.loads(REASONS.read_text("utf-8"))
    known = {
        (function, text): reason
        for reason, functions in reasons.items()
        for function, texts in functions.items()
        for text in texts
    }
    counts: Counter[str] = Counter()
    alive = Counter(survivors(counts))
    print(f"{counts.total()} mutants:", ", ".join(f"{number} {status}" for status, number in counts.most_common()))
    by_reason: Counter[str] = Counter()
    for mutant, number in alive.items():
        by_reason[known.get(mutant, "no reason is written")] += number
    for reason, number in by_reason.most_common():
        print(f"{number:5} {reason}")
    unexplained, gone = sorted(alive.keys() - known.keys()), sorted(known.keys() - alive.keys())
    for title, mutants in (("Without a reason:", unexplained), ("A reason, and no such survivor:", gone)):
        if mutants:
            print(title, *(f"  {function}: {text}" for function, text in mutants), sep="\n")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
