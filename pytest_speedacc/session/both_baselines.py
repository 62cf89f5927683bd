"""What the baseline files of both sides of a live run say: what was accepted since the base, and renamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from pytest_speedacc.baseline import SinceBase, baseline_path, kept, read_folder, since_base
from pytest_speedacc.config.former_axes import base_project
from pytest_speedacc.config.project import Project
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.measure.launches import Key, LiveRun


def base_settings(rootdir: Path, folder: Path) -> Project | None:
    """The settings of the base; None where they cannot be read, so that nobody knows where its baselines are."""
    try:
        with base_project(rootdir, folder) as project:
            return project
    except ConfigError:
        return None


def find_renamed(own: Project, base: Project | None, run: LiveRun, elsewhere: Iterable[str]) -> Mapping[str, str]:
    """Gates of the base that have another name here, by the content of their baselines; with that name.

    Every shard tells what is lost, and so all of them must know of those that are now ``elsewhere``.
    """
    tests = [test for (test, _), gate in run.gates.items() if gate.is_new]
    new = {own.named(test): test for test in [*tests, *(test for test in elsewhere if test not in run.base_gates)]}
    now = {kept(baseline): new[baseline.test] for _, baseline in read_folder(own.baselines) if baseline.test in new}
    if base is None or not now:
        return {}
    former = {base.named(test): test for test in run.base_gates}
    return {
        former[baseline.test]: now[kept(baseline)]
        for _, baseline in read_folder(base.baselines)
        if baseline.test in former and kept(baseline) in now
    }


def since_reader(own: Project, base: Project | None, foreign: Callable[[str], str]) -> Callable[[Key], SinceBase]:
    """Reads the baseline file of a check in ``own`` beside the base's, once a check."""

    @cache
    def since(key: Key) -> SinceBase:
        test, name = own.named(key[0]), key[1]
        path = baseline_path(own.baselines, test, name)
        if base is None:
            return since_base(path, None, test, name)
        former = base.named(key[0])
        return since_base(path, baseline_path(base.baselines, former, name), test, name, former).believed(foreign)

    return since
