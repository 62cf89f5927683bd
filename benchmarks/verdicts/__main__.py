"""``python -m benchmarks.verdicts measure`` and ``report``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from itertools import chain, product
from pathlib import Path

from .gates import ALL_THREADS, MEMORY, ONE_THREAD, SECOND, WORKLOADS, repeats
from .measure import measure, run_suites
from .record import Cell
from .report import report

DATA = Path(__file__).parents[1] / "data"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    measuring = commands.add_parser("measure", help="run suites until there are so many; run again to go on")
    measuring.add_argument("--suites", type=int, required=True, help="complete runs wanted of every combination")
    measuring.add_argument("--slowdown", type=int, nargs="+", default=[0], metavar="PERCENT", help="0 for unchanged")
    measuring.add_argument("--condition", nargs="+", choices=("quiet", "noisy"), default=["quiet"])
    measuring.add_argument("--threads", choices=("one", "all"), default="one", help="all: ten torch gates")
    measuring.add_argument("--gates", nargs="+", choices=WORKLOADS, metavar="NAME", help="other gates than the usual")
    measuring.add_argument("--all-launches", type=int, metavar="N", help="N launches whatever was decided")
    measuring.add_argument("--swapped", action="store_true", help="the trees exchanged, and the base's path longer")
    measuring.add_argument("--hours", type=float, default=float("inf"), help="start no suite after so many hours")

    reporting = commands.add_parser("report", help="replay every rule on what was measured")
    reporting.add_argument("--out", type=Path, required=True, help="a .md file; .json and .svg are written beside it")

    for command in (measuring, reporting):
        command.add_argument("--data", type=Path, default=DATA, help="folder of the raw data")
    options = parser.parse_args(arguments)

    if options.command == "report":
        report(options.data, options.out)
        return
    one_thread = (tuple(ONE_THREAD), tuple(SECOND), tuple(MEMORY))
    usual = one_thread if options.threads == "one" else (tuple(ALL_THREADS),)
    suites = (tuple(options.gates),) if options.gates else usual
    try:
        for percent, gate in product(options.slowdown, chain(*suites)):
            repeats(gate, percent)
    except ValueError as error:
        parser.error(str(error))
    groups = [
        tuple(
            Cell(percent, condition, options.threads, gates, options.all_launches, options.swapped) for gates in suites
        )
        for percent, condition in product(options.slowdown, options.condition)
    ]
    say = partial(print, flush=True)
    measure(groups, options.suites, options.data, hours=options.hours, run=run_suites, say=say)


if __name__ == "__main__":
    main()
