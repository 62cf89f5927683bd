"""The reports that a run can write: what writes each, by the suffix of its file."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.document import write_json
from pytest_speedacc.report.markdown import write_markdown
from pytest_speedacc.report.page import write_page
from pytest_speedacc.report.plot import write_plot
from pytest_speedacc.report.summary import RunReport


@dataclass(frozen=True, slots=True)
class Writer:
    """What makes one kind of report."""

    write: Callable[[Path, RunReport], None]
    """Raises ConfigError where it cannot."""
    needs: str = ""
    """A library that need not be installed; empty for none."""


_PLOT = Writer(write_plot, "matplotlib")
WRITERS: Mapping[str, Writer] = {
    ".json": Writer(write_json),
    ".md": Writer(write_markdown),
    ".html": Writer(write_page, "jinja2"),
    ".svg": _PLOT,
    ".png": _PLOT,
    ".pdf": _PLOT,
}


def report_path(text: str, asked: str = "--speedacc-report=") -> Path:
    """The file of a report, as ``asked`` names it. Raises ConfigError for one that could not be written."""
    path = Path(text)
    writer = WRITERS.get(path.suffix)
    if writer is None:
        raise ConfigError(
            f"{asked}{text}: a report is JSON, Markdown, a page or a plot: name a file that ends in "
            f"{', '.join(WRITERS)}."
        )
    if path.is_dir():
        raise ConfigError(f"{asked}{text} is a folder: name a file in it.")
    if writer.needs and importlib.util.find_spec(writer.needs) is None:
        raise ConfigError(
            f"{asked}{path.name} needs {writer.needs}, which is not installed: install pytest-speedacc[report]."
        )
    folder = next((folder for folder in path.absolute().parents if folder.exists()), Path.cwd())
    if not folder.is_dir():
        raise ConfigError(f"{asked.removesuffix('=')}: {path} cannot be written: {folder} is no folder to write to.")
    try:
        # What is allowed to whom is not all that decides: there are file systems that nobody can write to.
        with path.open("r+b") if path.exists() else tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigError(f"{asked.removesuffix('=')}: {path} cannot be written: {error.strerror}.") from None
    return path.absolute()
