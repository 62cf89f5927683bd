"""Which project a command is about: the one that pytest finds from the same folder."""

from __future__ import annotations

import io
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from pytest_speedacc.config.project import find_baselines
from pytest_speedacc.config.pyproject import find_section
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.report.printable import printable_lines


class _Asking:
    """Takes what pytest has found when it is about to start, and keeps it from starting."""

    def __init__(self) -> None:
        self.config: pytest.Config | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> pytest.ExitCode:
        self.config = config
        return pytest.ExitCode.OK


def find_project(here: Path) -> tuple[Path, Path]:
    """The root of the project of the folder ``here``, and the folder of its baselines. Raises ConfigError for none."""
    if find_section(here) is not None:
        return find_baselines(here)
    config = _ask(here)
    root, folder = find_baselines(config.rootpath)
    if config.inipath is None and root == here and not folder.is_dir():
        raise ConfigError(
            f"no project was found in {here} or above it: neither [tool.speedacc], nor a configuration file of pytest, "
            f"nor a folder {folder.name}. Run this in the folder of your project."
        )
    return root, folder


def _ask(here: Path) -> pytest.Config:
    """pytest's own configuration for a run in ``here``. Nothing that it might run or import has a say in that."""
    asking, said = _Asking(), io.StringIO()
    with chdir(here), redirect_stdout(said), redirect_stderr(said):
        pytest.main(["--noconftest", "-o", "addopts=", "-p", "no:cacheprovider"], plugins=[asking])
    if asking.config is None:
        print(printable_lines(said.getvalue()))
        raise ConfigError(f"pytest cannot be configured in {here}, so nobody knows which project it is of: see above.")
    return asking.config
