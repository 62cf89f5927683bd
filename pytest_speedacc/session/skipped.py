"""Gates that belong to a run by their baselines, and were skipped in it: a matrix does that, and an accident too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMED = 3
"""Gates of the one line; whoever skips one by its machine or its Python mostly skips many."""


def reason_of(report: Any) -> str:
    """Why a test or a file was skipped, as its report says."""
    if hasattr(report, "wasxfail"):
        return str(report.wasxfail).removeprefix("reason: ")
    told = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return str(told).partition("\n")[0].removeprefix("Skipped: ")


def skipped_line(gates: Mapping[str, str], fails: bool) -> str:
    """What the summary says of those that have baselines, by the reason of each."""
    named = [f"{test} ({why})" if why else test for test, why in list(gates.items())[:NAMED]]
    more = [f"{len(gates) - NAMED} more"] if len(gates) > NAMED else []
    *first, last = named + more
    which = f"{', '.join(first)} and {last}" if first else last
    what = f"Skipped gates: {which} have baselines" if len(gates) > 1 else f"Skipped gate: {which} has a baseline"
    judged = "were not judged" if len(gates) > 1 else "was not judged"
    verb = "which fails this run" if fails else "as a warning"
    return (
        f'{what} and {judged}, {verb} (skipped = "warn" or "fail"): where that is meant, as without a GPU, run with '
        "--speedacc-skipped=warn, or leave out on the command line what cannot run here (-m, -k, --deselect)."
    )
