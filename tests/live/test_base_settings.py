"""Who says how a live run is made: the base, and a change only where the base says nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from scratch_repository import Repository, start_repository

from pytest_speedacc.config.live_settings import LiveSettings
from pytest_speedacc.live.base_settings import LiveRules, live_rules
from pytest_speedacc.live.tree.base import resolve_base

BEFORE = "pyproject.toml: [tool.speedacc.live]"
AFTER = "; this run goes by the base's"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return start_repository(tmp_path / "für alle")


def rules(repository: Repository, table: str, own: LiveSettings, folder: str = "") -> LiveRules:
    """Of a change that says ``own``, whose base has ``table`` in its pyproject.toml."""
    root = repository.path / folder
    Repository(root).write(pyproject_toml=table)
    repository.commit("base")
    # What is not committed is the change's.
    Repository(root).write(pyproject_toml="[tool.speedacc.live]\nsetup = 'curl evil'\n")
    return live_rules(resolve_base(repository.path, "HEAD"), own, root)


def test_the_base_s_settings_hold_and_each_difference_is_told(repository: Repository) -> None:
    table = '[tool.speedacc.live]\nsetup = "make model"\nshare = ["data"]\nbudget = "20 min"'
    own = LiveSettings(setup="curl evil", share=("data", "weights"), threads="all", removed="warn", timeout=900.0)
    found = rules(repository, table, own)
    assert found.settings == LiveSettings(setup="make model", share=("data",), budget=1200.0)
    assert found.said == (
        f'{BEFORE} share was ["data"] and is ["data", "weights"]{AFTER}',
        f'{BEFORE} setup was "make model" and is "curl evil"{AFTER}',
        f'{BEFORE} budget was "1200 s" and is "900 s"{AFTER}',
        f'{BEFORE} threads was "one" and is "all"{AFTER}',
        f'{BEFORE} removed was "fail" and is "warn"{AFTER}',
    )
    assert found.stricter == (f'{BEFORE} timeout was "120 s" and is "900 s"{AFTER}',)
    assert found.unread == ()


MILDER = {"launches": 5, "budget": 1.0, "timeout": 1.0, "threads": "all", "allow_slow_setup": True, "removed": "warn"}
STRICTER = {"launches": 30, "budget": 1e4, "timeout": 1e4, "loosened": "fail"}
EITHER = {"share": ("x",), "setup": "x", "environment": "same"}
"""What the base is given, and how, is for a reviewer."""


@pytest.mark.parametrize(
    ("name", "value", "stricter"),
    [
        *((name, value, False) for name, value in {**MILDER, **EITHER}.items()),
        *((name, value, True) for name, value in STRICTER.items()),
    ],
)
def test_what_can_only_see_more_is_a_note_and_no_loosening(
    repository: Repository, name: str, value: object, stricter: bool
) -> None:
    found = rules(repository, "[tool.speedacc.live]\n", LiveSettings(**{name: value}))
    assert (len(found.said), len(found.stricter)) == ((0, 1) if stricter else (1, 0))


@pytest.mark.parametrize("name", LiveSettings.__dataclass_fields__)
def test_no_setting_is_the_change_s_to_choose(repository: Repository, name: str) -> None:
    own = LiveSettings(**{name: {**STRICTER, **MILDER, **EITHER}[name]})
    found = rules(repository, "[tool.speedacc.live]\n", own)
    assert found.settings == LiveSettings()
    assert [sentence.split()[2] for sentence in (*found.said, *found.stricter)] == [name]


def test_what_is_equal_says_nothing(repository: Repository) -> None:
    own = LiveSettings(launches=8)
    assert rules(repository, "[tool.speedacc.live]\nlaunches = 8", own) == LiveRules(own)


def test_a_change_that_takes_the_table_away_is_told(repository: Repository) -> None:
    found = rules(repository, '[tool.speedacc.live]\nsetup = "make"', LiveSettings())
    assert found.settings.setup == "make"
    assert found.said == (f'{BEFORE} setup was "make" and is not set{AFTER}',)


@pytest.mark.parametrize("table", ["", "[tool.other]\n", "[tool.speedacc]\nbaselines = 'x'\n"])
def test_the_first_table_of_a_repository_holds_and_is_said(repository: Repository, table: str) -> None:
    own = LiveSettings(setup="make model", removed="warn")
    found = rules(repository, table, own)
    assert found.settings == own
    assert found.said == (
        f'{BEFORE} is new, and holds for the base as well in this run: setup = "make model", removed = "warn"',
    )
    # One that says nothing but what holds anyway is no news.
    assert rules(repository, table, LiveSettings()) == LiveRules(LiveSettings())


def test_a_base_without_a_pyproject_has_no_table(repository: Repository) -> None:
    repository.commit("base")
    repository.write(pyproject_toml="[tool.speedacc.live]\n")
    own = LiveSettings(threads="all")
    assert live_rules(resolve_base(repository.path, "HEAD"), own, repository.path).settings == own


def test_a_project_below_the_top_has_its_own_file(repository: Repository) -> None:
    repository.write(pyproject_toml="[tool.speedacc.live]\nlaunches = 99\n")
    found = rules(repository, "[tool.speedacc.live]\nlaunches = 8", LiveSettings(), folder="Prüfstand 1")
    assert found.settings.launches == 8


def test_no_change_gets_away_from_the_base_s_table_by_moving_where_the_search_starts(repository: Repository) -> None:
    repository.write(pyproject_toml="[tool.speedacc.live]\nlaunches = 8\n")
    found = rules(repository, "[tool.pytest.ini_options]\n", LiveSettings(removed="warn"), folder="tests/gates")
    assert found.settings == LiveSettings(launches=8)


def test_where_the_root_directory_leads_to_no_table_the_folder_of_the_start_does(repository: Repository) -> None:
    repository.write(pyproject_toml="[tool.speedacc.live]\nlaunches = 8\n")
    repository.commit("base")
    base, elsewhere = resolve_base(repository.path, "HEAD"), repository.path.parent
    assert live_rules(base, LiveSettings(), elsewhere, repository.path).settings.launches == 8


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("[tool.speedacc.live]\nlaunch = 8", "[tool.speedacc.live]: unknown key 'launch'. Did you mean 'launches'?"),
        ("tool = 3", "'speedacc' stands in no table"),
        ("[tool", "Expected "),
    ],
)
def test_a_table_of_the_base_that_cannot_be_read_is_a_note(repository: Repository, table: str, why: str) -> None:
    own = LiveSettings(launches=8)
    found = rules(repository, table, own)
    (unread,) = found.unread
    assert unread.startswith(
        f"the base's [tool.speedacc.live] cannot be read, so this checkout's holds for both: {why}"
    )
    assert (found.settings, found.said) == (own, ())
