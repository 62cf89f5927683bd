from __future__ import annotations

import shlex
from argparse import Namespace
from pathlib import Path

import pytest

from pytest_speedacc.live.workers.arguments import SwitchesOff, arguments_of, neutralise, unnarrowed, worker_arguments


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


NARROWING = (
    "-k ranker",
    "-kranker",
    "-m 'not slow'",
    "--deselect tests/test_a.py",
    "--deselect=tests/test_a.py",
    "--ignore=tests --ignore-glob '*_a.py'",
    "--lf --sw --noconftest --testmon --picked=first",
    "-c other.ini",
    "--config-file=other.ini",
    "-o testpaths=tests -otestpaths=tests --override-ini=addopts=-kranker",
    "-o python_files=none.py",
    "--splits 3 --group 1 --num-shards=4 --shard-id=2",
)


@pytest.mark.parametrize("arguments", NARROWING)
def test_what_narrows_is_taken_out_whole(arguments: str) -> None:
    others = ["-p", "plugin", "-q", "--label=a", "-o", "log_level=INFO", "--maxfail", "2"]
    assert unnarrowed([*shlex.split(arguments), *others]) == others
    assert unnarrowed([*others, *shlex.split(arguments)]) == others


def test_joined_options_are_taken_apart() -> None:
    assert unnarrowed(["-xqk", "ranker", "-vmslow", "-xq"]) == ["-xq", "-v", "-xq"]
    assert unnarrowed(["-k"]) == []


def test_a_survey_is_narrowed_by_the_command_line_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "-k ranker -p plugin tests/test_a.py")
    invocation = Namespace(args=("-k", "shown", "tests/test_b.py"))
    option = Namespace(file_or_dir=["tests/test_a.py", "tests/test_b.py"])
    config = Namespace(
        invocation_params=invocation, option=option, pluginmanager=Namespace(has_plugin=lambda name: False)
    )
    arguments = arguments_of(config)
    assert arguments(Path("scratch"), selecting=True)[:5] == ("-p", "plugin", "-k", "shown", "--color=no")
    assert arguments(Path("scratch"))[:3] == ("-p", "plugin", "--color=no")


def test_a_value_that_is_spelt_like_a_path_is_kept_after_the_path() -> None:
    assert kept("tests", "--label", "tests", paths=("tests",)) == ["--label", "tests"]


def test_a_workers_cache_does_not_take_the_place_of_the_users_where_there_is_one() -> None:
    without, with_cache = (
        worker_arguments([], (), has_plugin, Path("scratch")) for has_plugin in ("".__eq__, "cacheprovider".__eq__)
    )
    assert not any("cache_dir" in argument for argument in without)
    assert f"cache_dir={Path('scratch/cache')}" in with_cache


GIVEN = ("-n", "2", "--dist=load", "--cov=.", "--cov-fail-under", "1", "--reruns", "2", "--timeout=3", "-q", "tests")


@pytest.mark.parametrize("plugins", [("xdist", "pytest_cov", "pytest_rerunfailures"), ()])
def test_a_side_that_lacks_a_plugin_does_without_its_options(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, plugins: tuple[str, ...]
) -> None:
    for name in plugins:
        pytest.importorskip(name)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.plugins = [SwitchesOff()]
    config = pytester.parseconfig(*(f"-p{name}" for name in plugins), *GIVEN)
    assert (config.option.file_or_dir, config.option.quiet) == (["tests"], 1)
    options = vars(config.option)
    has = bool(plugins)
    assert (options.get("numprocesses"), options.get("dist")) == ((0, "no") if has else (None, None))
    assert options.get("no_cov") is (True if has else None)
    # Measured coverage would slow a worker down, and is begun while the command line is parsed.
    assert not has or config.pluginmanager.getplugin("_cov")._disabled
    assert "timeout" not in options


def test_an_option_that_no_plugin_is_known_to_have_is_still_refused(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.plugins = [SwitchesOff()]
    with pytest.raises(pytest.UsageError, match="unrecognized arguments: --modle=big"):
        pytester.parseconfig("-n0", "--modle=big", "-q")


@pytest.mark.parametrize("given", [(), ("--confcutdir=.",)])
def test_conftest_files_above_the_project_are_none_of_a_workers(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    project = pytester.mkdir("project")
    (pytester.path / "conftest.py").write_text("raise AssertionError('of another project')\n")
    (project / "pytest.ini").write_text("[pytest]\n")
    (project / "test_it.py").write_text("def test_it():\n    pass\n")
    monkeypatch.chdir(project)
    result = pytester.inline_run(*given, f"--rootdir={project}", "test_it.py", plugins=[SwitchesOff()])
    result.assertoutcome(passed=1)
    # Nor is a folder listed that holds a thousand other things, like the one for temporary files.
    listed = {collector.path for call in result.getcalls("pytest_make_collect_report") if (collector := call.collector)}
    assert pytester.path not in listed


def test_only_options_that_exist_are_set() -> None:
    options = Namespace(maxfail=1, reruns=2, keyword="slow", lf=True, xmlpath="junit.xml", randomly_seed=1, verbose=2)
    neutralise(options, seed=7)
    assert options == Namespace(maxfail=0, reruns=0, keyword="", lf=False, xmlpath=None, randomly_seed=7, verbose=2)
