"""Options that come from a file or the environment: refused, listed, or said, and never unseen."""

from __future__ import annotations

from pathlib import Path

import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.session.hidden_options import Hidden, addopts_of, hidden_options, new_since, parsed, refuse_in_ci

PASSED, USAGE = pytest.ExitCode.OK, pytest.ExitCode.USAGE_ERROR
GATE = """
@pytest.mark.speedacc(max_accuracy_drop="0 pp")
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
"""
UPDATE = Hidden("speedacc_update", "", "addopts")
WARN = Hidden("not_compared", "warn", "addopts")


def ini(addopts: str) -> str:
    return f"[tool.pytest.ini_options]\naddopts = {addopts!r}\n"


@pytest.mark.parametrize(
    ("addopts", "environment", "given", "hidden"),
    [
        ("", "", [], []),
        ("--speedacc-not-compared=warn", "", [], [WARN]),
        ("--speedacc-not-compared warn", "", [], [WARN]),
        ("--speedacc-not-compared=warn", "", ["--speedacc-not-compared=warn"], []),
        ("--speedacc-not-compared=warn", "", ["--speedacc-not-compared", "warn"], []),
        ("--speedacc-not-compared=warn", "", ["--speedacc-not-compared=fail"], []),
        ("--speedacc-not-compared=fail --speedacc-inconclusive=fail", "", [], []),
        ("", "--speedacc-inconclusive=warn", [], [Hidden("inconclusive", "warn", "PYTEST_ADDOPTS")]),
        # Of two files the last one holds.
        ("--speedacc-budget=1", "--speedacc-budget=2", [], [Hidden("budget", "2", "PYTEST_ADDOPTS")]),
        ("--speedacc-update", "", [], [UPDATE]),
        ("--speedacc-update", "", ["--speedacc-update"], []),
        ("--speedacc-missing --speedacc-reason=why", "", [], [Hidden("speedacc_missing", "", "addopts")]),
        ("--speedacc-against=HEAD", "", [], [Hidden("against", "HEAD", "addopts")]),
        ("--speedacc-against=HEAD", "", ["--speedacc-against=main"], []),
        (
            "--speedacc-against=main --speedacc-base-python=python",
            "",
            ["--speedacc-against=main"],
            [Hidden("base_python", "python", "addopts")],
        ),
        # What says nothing of a verdict.
        ("--speedacc-report=out.json --speedacc-profile", "", [], []),
    ],
)
def test_what_the_command_line_does_not_show(
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    addopts: str,
    environment: str,
    given: list[str],
    hidden: list[Hidden],
) -> None:
    pytester.makepyprojecttoml(ini(addopts))
    monkeypatch.setenv("PYTEST_ADDOPTS", environment)
    config = pytester.parseconfig(*given)
    assert list(hidden_options(config)) == hidden


def test_a_value_at_the_beginning_of_another_source_is_still_not_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyprojecttoml(ini("--speedacc-not-compared"))
    config = pytester.parseconfig("warn")
    assert list(hidden_options(config)) == [WARN]


@pytest.mark.parametrize("how", ["conftest", "arguments"])
def test_what_code_or_a_file_of_arguments_sets_is_not_shown_either(pytester: pytest.Pytester, how: str) -> None:
    pytester.makeconftest("def pytest_configure(config):\n    config.option.speedacc_not_compared = 'warn'\n")
    (pytester.path / "arguments").write_text("--speedacc-not-compared=warn\n")
    config = pytester.parseconfig(*(["@arguments", "--noconftest"] if how == "arguments" else []))
    if how == "conftest":
        config._do_configure()
    (found,) = hidden_options(config)
    assert (str(found), found.source) == ("--speedacc-not-compared=warn", "a conftest.py, a plugin or a file")
    # Nor by another value on the command line.
    other = pytester.parseconfig("--speedacc-not-compared=fail")
    other.option.speedacc_not_compared = "warn"
    assert [str(each) for each in hidden_options(other)] == ["--speedacc-not-compared=warn"]


@pytest.mark.parametrize(
    ("base", "said"),
    [
        (["--speedacc-not-compared=warn"], []),
        (["-ra", "--speedacc-not-compared", "warn"], []),
        (
            ["--speedacc-not-compared=fail"],
            ["--speedacc-not-compared=warn holds by addopts, and the command line does not show it"],
        ),
        ([], ["--speedacc-not-compared=warn holds by addopts, and the command line does not show it"]),
    ],
)
def test_what_the_base_s_settings_say_as_well_is_no_news(base: list[str], said: list[str]) -> None:
    assert new_since([WARN], base) == said
    # The environment is no file of the base.
    (always,) = new_since([Hidden("budget", "1", "PYTEST_ADDOPTS")], ["--speedacc-budget=1"])
    assert always.startswith("--speedacc-budget=1 holds by PYTEST_ADDOPTS")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = '-ra --speedacc-update'"),
        ("pyproject.toml", "[tool.pytest.ini_options]\naddopts = ['-ra', '--speedacc-update']"),
        ("pyproject.toml", "[tool.pytest]\naddopts = ['-ra', '--speedacc-update']"),
        ("pytest.toml", "[pytest]\naddopts = ['-ra', '--speedacc-update']"),
        ("pytest.ini", "[pytest]\naddopts =\n  -ra\n  # why\n  --speedacc-update\n"),
        ("tox.ini", "[tox]\n[pytest]\naddopts = -ra --speedacc-update"),
        ("setup.cfg", "[tool:pytest]\naddopts = -ra --speedacc-update"),
    ],
)
def test_addopts_are_read_from_every_file_that_can_hold_them(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    assert addopts_of(path) == ["-ra", "--speedacc-update"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("pyproject.toml", b"[tool"),
        ("pyproject.toml", b"tool = 3"),
        ("pyproject.toml", b"[tool.pytest.ini_options]\naddopts = 3"),
        ("pyproject.toml", b"\xff"),
        ("pytest.ini", b"addopts = --speedacc-update"),
        ("pytest.ini", b"[pytest]\naddopts = 'unclosed"),
        ("pytest.ini", b"[pytest]\naddopts"),
        ("setup.cfg", b"[pytest]\naddopts = --speedacc-update"),
    ],
)
def test_a_file_of_the_base_that_cannot_be_read_holds_none(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert addopts_of(tmp_path / name) == []
    assert addopts_of(tmp_path / "missing.ini") == addopts_of(None) == []


@pytest.mark.parametrize(
    ("name", "option", "what"),
    [
        ("speedacc_update", "--speedacc-update", "write baselines"),
        ("speedacc_selfcheck", "--speedacc-selfcheck", "leave the tests out"),
        ("collectonly", "--collect-only", "leave the tests out"),
    ],
)
def test_what_writes_or_leaves_the_tests_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, option: str, what: str
) -> None:
    hidden = [WARN, Hidden(name, "", "PYTEST_ADDOPTS")]
    monkeypatch.delenv("CI", raising=False)
    refuse_in_ci(hidden)
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.UsageError) as refusal:
        refuse_in_ci(hidden)
    assert str(refusal.value) == (
        f"speedacc: {option} comes from PYTEST_ADDOPTS, and where CI is set nothing but the command line may {what}: "
        "give it there, or take it out."
    )
    refuse_in_ci([WARN])


@pytest.mark.parametrize(
    "option", ["--co", "--setup-only", "--setup-plan", "--fixtures", "--fixtures-per-test", "--markers", "-h", "-V"]
)
def test_pytest_s_own_ways_to_run_no_test_count_on_the_command_line_only(
    project: Project, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    monkeypatch.setenv("CI", "true")
    project.write(GATE)
    assert project.run(option).ret == PASSED
    project.write(GATE, ini(option))
    refused = project.run()
    assert refused.ret == USAGE
    assert_says(refused, "comes from addopts, and where CI is set nothing but the command line may leave the tests out")
    assert project.run(option).ret == PASSED


def test_the_last_of_one_source_holds() -> None:
    assert parsed(["--speedacc-budget=1", "-x", "--speedacc-budget", "2", "tests"]) == {"budget": "2"}


def test_a_run_in_ci_says_what_its_command_line_does_not_show(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(GATE, ini("--speedacc-not-compared=warn"))
    assert project.run().ret == PASSED
    assert "does not show" not in output(project.run())
    monkeypatch.setenv("CI", "true")
    result = project.run()
    assert result.ret == PASSED
    assert_says(result, "Options that the command line does not show: --speedacc-not-compared=warn (addopts).")


def test_outside_ci_addopts_may_write(project: Project) -> None:
    project.write(GATE, ini("--speedacc-update"))
    assert project.run().ret == PASSED
    assert list(project.pytester.path.glob("speedacc-baselines/*.json"))
