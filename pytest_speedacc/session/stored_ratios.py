"""The stored base within a pytest run: ratios to the yardstick, for gates that write or meet a stored one."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.live.compared import run_paired
from pytest_speedacc.live.ratio_launches import SoloRun, run_solo
from pytest_speedacc.live.workers.arguments import arguments_of
from pytest_speedacc.live.workers.side import Side
from pytest_speedacc.measure.launches import PairTimes
from pytest_speedacc.measure.yardstick import Ratios, ratios_of


class SoloSession:
    """Measures all gates together when the first one asks: imports and fixtures are then paid once a launch."""

    def __init__(self, config: pytest.Config, timeout: float) -> None:
        self.tests: tuple[str, ...] = ()
        """Node ids of the gates that are measured together, once they are collected."""
        self._config = config
        self._timeout = timeout
        self._run: SoloRun | None = None

    def ratios(self, test: str, name: str, say: Callable[[str], None]) -> Ratios:
        """Of one check. Raises GateError where they could not be measured."""
        if hasattr(self._config, "workerinput"):
            raise GateError("tests that run beside each other (-n) disturb the yardstick")
        if self._run is None:
            self._run = self._measure(say)
        found = self._run.ratios.get((test, name))
        if found is None:
            raise GateError(self._run.lost.partition("\n")[0] or "not every launch of the test came to this check")
        return ratios_of(found)

    def differences(self, test: str, name: str, launches: int, say: Callable[[str], None]) -> tuple[PairTimes, ...]:
        """Of the two models of one ``compare``, a launch each. Raises GateError where they could not be measured."""
        if hasattr(self._config, "workerinput"):
            raise GateError("tests that run beside each other (-n) disturb the launches of compare(): run without -n")
        with self._side() as (side, scratch):
            arguments = arguments_of(self._config)(scratch)
            return run_paired(side, (test, name), launches, arguments, scratch=scratch, timeout=self._timeout, say=say)

    def _measure(self, say: Callable[[str], None]) -> SoloRun:
        with self._side() as (side, scratch):
            arguments = arguments_of(self._config)(scratch)
            return run_solo(side, self.tests, arguments, scratch=scratch, timeout=self._timeout, say=say)

    @contextmanager
    def _side(self) -> Iterator[tuple[Side, Path]]:
        """How workers of this checkout are started, and their scratch folder."""
        config = self._config
        with tempfile.TemporaryDirectory(prefix="speedacc-solo-") as folder:
            scratch = Path(folder)
            side = Side(
                label="candidate",
                root=config.rootpath,
                # There is none from which anything could be imported by mistake.
                other_root=scratch / "none",
                folder=config.invocation_params.dir,
                python=sys.executable,
                sys_path=tuple(sys.path),
                one_thread=True,
                rootdir=config.rootpath,
                ini_file=config.inipath,
            )
            yield side, scratch
