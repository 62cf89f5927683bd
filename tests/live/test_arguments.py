from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import pytest

from pytest_speedacc.live.arguments import neutralise, worker_arguments


def kept(*given: str, paths: tuple[str, ...] = (), plugins: tuple[str, ...] = ()) -> list[str]:
    """What a worker gets of these arguments, before what every worker gets."""
    arguments = list(worker_arguments(given, paths, plugins.__contains__, Path("scratch")))
    return arguments[: arguments.index("--color=no")]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["-q", "--model=big"], ["-q", "--model=big"]),
        (["-p", "no:cacheprovider"], ["-p", "no:cacheprovider"]),
        (["tests", "-v"], ["-v"]),
        (["--ignore", "tests/slow", "tests"], ["--ignore", "tests/slow"]),
        (["--speedacc-against=main", "-v"], ["-v"]),
        (["--speedacc-against", "main", "-v"], ["-v"]),
        (["--speedacc-update", "-v"], ["-v"]),
        (["-k", "tests", "tests"], []),
        (["-m", "not slow", "--deselect", "tests", "tests"], []),
    ],
)
def test_paths_selections_and_own_options_do_not_reach_a_worker(given: list[str], expected: list[str]) -> None:
    assert kept(*given, paths=("tests",)) == expected


def test_a_survey_selects_as_the_command_line_does() -> None:
    given = ["-k", "tests", "-m", "not slow", "--deselect", "tests", "tests", "--speedacc-against", "main", "-q"]
    arguments = worker_arguments(given, ("tests",), lambda name: False, Path("scratch"), selecting=True)
    assert arguments[:7] == ("-k", "tests", "-m", "not slow", "--deselect", "tests", "-q")
    options = Namespace(keyword="slow", markexpr="gate", deselect=["a"], lf=True, stepwise=True)
    neutralise(options, seed=7, selecting=True)
    assert options == Namespace(keyword="slow", markexpr="gate", deselect=["a"], lf=False, stepwise=False)


def test_a_value_that_is_spelt_like_a_path_is_kept_after_the_path() -> None:
    assert kept("tests", "--label", "tests", paths=("tests",)) == ["--label", "tests"]


def test_plugins_that_act_before_any_hook_are_told_on_the_command_line() -> None:
    def has_plugin(name: str) -> bool:
        return name == "xdist"

    arguments = worker_arguments(["-n2"], (), has_plugin, Path("scratch"))
    assert arguments.index("-n2") < arguments.index("--numprocesses=0")
    assert "--no-cov" not in arguments
    # A worker's cache would take the place of the user's, where there is one.
    assert not any("cache_dir" in argument for argument in arguments)
    assert f"cache_dir={Path('scratch/cache')}" in worker_arguments([], (), "cacheprovider".__eq__, Path("scratch"))


def test_only_options_that_exist_are_set() -> None:
    options = Namespace(maxfail=1, reruns=2, keyword="slow", lf=True, xmlpath="junit.xml", randomly_seed=1, verbose=2)
    neutralise(options, seed=7)
    assert options == Namespace(maxfail=0, reruns=0, keyword="", lf=False, xmlpath=None, randomly_seed=7, verbose=2)
