"""The command line: one parser a command, and what each of them runs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pytest_speedacc.cli.differences import show_differences
from pytest_speedacc.cli.prune import prune
from pytest_speedacc.cli.reports import export_report, merge_reports
from pytest_speedacc.cli.show import show
from pytest_speedacc.cli.width import terminal_width
from pytest_speedacc.errors import ConfigError, GateError
from pytest_speedacc.report.exports import FORMATS
from pytest_speedacc.report.printable import printable_lines
from pytest_speedacc.report.table import wrapped
from pytest_speedacc.schemas import schema_names, schema_text

DONE, FAILED, REFUSED = 0, 1, 2
"""Exit codes: done; a gate failed, or a baseline cannot be read; what was asked for could not be done."""


def main(arguments: Sequence[str]) -> int:
    """Run one command in the current folder; returns the exit code."""
    # A name may hold half of a character, which no output takes.
    for stream in (sys.stdout, sys.stderr):
        getattr(stream, "reconfigure", lambda **settings: None)(errors="backslashreplace")
    given = _parser().parse_args(arguments)
    try:
        return FAILED if _run(given) else DONE
    except (ConfigError, GateError) as error:
        for line in printable_lines(f"speedacc: {error}").splitlines():
            # Lines to paste stay as they are.
            for part in [line] if line.startswith(" ") else wrapped(line, terminal_width()):
                print(part, file=sys.stderr)
        return REFUSED


def _run(given: argparse.Namespace) -> bool:
    """Run what was asked for; returns whether it shows a failure."""
    here = Path.cwd()
    match given.command:
        case "merge":
            return merge_reports(given.reports, given.output)
        case "export":
            return export_report(given.report, given.format, given.output)
        case "schema":
            print(schema_text(given.name), end="")
            return False
        case "show":
            return show(here)
        case "diff":
            return show_differences(here, given.ref)
        case _:
            return prune(here, deletes=given.yes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pytest_speedacc",
        description="Reports and baselines of model gates. Exit codes: 0 done, 1 a gate failed or a baseline cannot be "
        "read, 2 what was asked for could not be done.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    merge = commands.add_parser("merge", help="make one report of those of a matrix, or of shards")
    merge.add_argument("reports", nargs="+", type=Path, metavar="REPORT.json", help="as --speedacc-report writes them")
    merge.add_argument(
        "-o",
        "--output",
        action="append",
        required=True,
        metavar="PATH",
        help="what to write: .html, .md, .json, .svg, .png or .pdf; may be given several times",
    )

    export = commands.add_parser("export", help="write what was measured for another tool")
    export.add_argument("report", type=Path, metavar="REPORT.json", help="as --speedacc-report writes it")
    export.add_argument("--format", required=True, choices=FORMATS, help="whose format")
    export.add_argument("-o", "--output", type=Path, metavar="PATH", help="the file; without it, the output")

    schema = commands.add_parser("schema", help="print the JSON Schema of reports, baselines or settings")
    schema.add_argument("name", choices=schema_names(), help="of what; settings is the table, pyproject the whole file")

    commands.add_parser("show", help="list the project's baselines, their age, and where they were measured")

    diff = commands.add_parser("diff", help="show what this branch moves in the baseline files, from git alone")
    diff.add_argument("ref", metavar="REF", help="a branch (its merge base with HEAD), a tag or a commit")

    gone = commands.add_parser("prune", help="find baseline files whose gate is gone, by collecting the tests")
    choice = gone.add_mutually_exclusive_group()
    choice.add_argument("--dry-run", action="store_true", help="only list them (the default)")
    choice.add_argument("--yes", action="store_true", help="delete them")
    return parser
