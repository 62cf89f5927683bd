"""``merge`` and ``export``: reports in, another report out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.document import write_text
from pytest_speedacc.report.exports import FORMATS
from pytest_speedacc.report.merging import merge
from pytest_speedacc.report.news import headline
from pytest_speedacc.report.printable import printable
from pytest_speedacc.report.reading import read_report
from pytest_speedacc.report.writers import WRITERS, report_path
from pytest_speedacc.session.github import find_actions, write_summary


def merge_reports(reports: Sequence[Path], outputs: Sequence[str]) -> bool:
    """Write one report of all, in GitHub Actions the job summary as well; returns whether it failed."""
    targets = [report_path(output, "--output=") for output in outputs]
    labels = _labels(reports)
    run = merge({label: read_report(path) for label, path in zip(labels, reports, strict=True)})
    for target in targets:
        WRITERS[target.suffix].write(target, run)
    print(printable(headline(run).replace("`", "")))
    for target in targets:
        print(f"Wrote {printable(str(target))}.")
    if (actions := find_actions()) is not None:
        try:
            write_summary(actions, run, targets, Path.cwd())
        except OSError as error:
            print(f"The job summary could not be written: {error.strerror}.")
    return run.failed


def export_report(report: Path, name: str, output: Path | None) -> bool:
    """Write what was measured in the format of this name. A gate that failed is the run's to tell."""
    text = FORMATS[name](read_report(report))
    if output is None:
        print(text, end="")
    else:
        write_text(output, text)
        print(f"Wrote {printable(str(output))}.")
    return False


def _labels(reports: Sequence[Path]) -> list[str]:
    """What tells reports apart: the names of their files, with as many of their folders as it takes."""
    places = [path.resolve().with_suffix("").parts for path in reports]
    if twice := [path for path, count in Counter(places).items() if count > 1]:
        raise ConfigError(f"the report {Path(*twice[0])} is given twice.")
    deepest = max(map(len, places))
    return next(
        labels
        for depth in range(1, deepest + 1)
        if len(set(labels := ["/".join(place[-depth:]) for place in places])) == len(places)
    )
