import sys
from argparse import Namespace
from pathlib import Path

import pytest

from pytest_speedacc.config.project import Project
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.session.options import Options, read_options

NOT_GIVEN = {
    "speedacc_update": False,
    "speedacc_missing": False,
    "speedacc_profile": None,
    "speedacc_reason": None,
    "speedacc_report": [],
    "speedacc_budget": None,
    "speedacc_inconclusive": None,
    "speedacc_not_compared": None,
    "speedacc_skipped": None,
    "speedacc_against": None,
    "speedacc_base_python": None,
    "speedacc_shard": None,
}


@pytest.fixture(autouse=True)
def _outside_ci(monkeypatch):
    monkeypatch.delenv("CI", raising=False)


def test_nothing_given_is_nothing_asked():
    assert read() == Options(
        writes="",
        reason="",
        reports=(),
        budget=None,
        inconclusive=None,
        not_compared=None,
        skipped=None,
        against="",
        base_python="",
        profile=None,
        in_ci=False,
    )


def test_everything_given_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = read(
        update=True,
        reason="new data",
        report=["a.json", "b/c.json"],
        budget="0.5",
        inconclusive="fail",
        not_compared="warn",
        skipped="warn",
        profile="profiles",
    )
    assert options == Options(
        writes="update",
        reason="new data",
        # Absolute, for a test may change the working directory.
        reports=(tmp_path / "a.json", tmp_path / "b" / "c.json"),
        budget=0.5,
        inconclusive="fail",
        not_compared="warn",
        skipped="warn",
        against="",
        base_python="",
        profile=tmp_path / "profiles",
        in_ci=False,
    )


def test_missing_baselines_alone_can_be_written():
    options = read(missing=True, reason="first")
    assert (options.writes, options.reason) == ("missing", "first")


SECONDS = "must be a number of seconds above zero, such as 5 or 0.5."
JSON = "a report is JSON, Markdown, a page or a plot: name a file that ends in .json, .md, .html, .svg, .png, .pdf."
UNWRITTEN = (
    "--speedacc-reason is recorded with a baseline, and none is written: add --speedacc-update or --speedacc-missing."
)
UNNAMED = (
    "--speedacc-against names no revision, so nothing would be compared: is a variable of the command empty? "
    "Name a branch, a tag or a commit, such as origin/main."
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"update": True, "missing": True},
            "--speedacc-update writes every baseline and --speedacc-missing only missing ones: give one.",
        ),
        ({"reason": "why"}, UNWRITTEN),
        ({"reason": ""}, UNWRITTEN),
        ({"budget": "0"}, f"--speedacc-budget=0 {SECONDS}"),
        ({"budget": "-1"}, f"--speedacc-budget=-1 {SECONDS}"),
        ({"budget": "nan"}, f"--speedacc-budget=nan {SECONDS}"),
        ({"budget": "inf"}, f"--speedacc-budget=inf {SECONDS}"),
        ({"budget": "5 s"}, f"--speedacc-budget=5 s {SECONDS}"),
        ({"budget": ""}, f"--speedacc-budget= {SECONDS}"),
        ({"report": ["ok.json", "out.xml"]}, f"--speedacc-report=out.xml: {JSON}"),
        ({"report": ["out"]}, f"--speedacc-report=out: {JSON}"),
        ({"report": [""]}, f"--speedacc-report=: {JSON}"),
        ({"against": ""}, UNNAMED),
        ({"against": " "}, UNNAMED),
        ({"against": "main", "base_python": ""}, "--speedacc-base-python= is not an interpreter that can be run."),
    ],
)
def test_what_means_nothing_is_refused(given, message):
    with pytest.raises(ConfigError) as refusal:
        read(**given)
    assert str(refusal.value) == message


def test_a_report_cannot_replace_a_folder(tmp_path):
    folder = tmp_path / "folder.json"
    folder.mkdir()
    with pytest.raises(ConfigError) as refusal:
        read(report=[str(folder)])
    assert str(refusal.value) == f"--speedacc-report={folder} is a folder: name a file in it."


@pytest.mark.parametrize(
    ("value", "in_ci"),
    [
        ("true", True),
        ("1", True),
        ("yes", True),
        ("", False),
        ("0", False),
        ("false", False),
        ("False", False),
    ],
)
def test_ci_is_what_the_environment_says(monkeypatch, value, in_ci):
    monkeypatch.setenv("CI", value)
    assert read().in_ci is in_ci


@pytest.mark.parametrize(
    ("outcome", "in_ci", "pyproject", "command_line", "fails"),
    [
        ("passed", True, "fail", "fail", False),
        ("failed", False, "warn", "warn", True),
        ("an outcome that is new", False, "warn", "warn", True),
        ("inconclusive", False, None, None, False),
        ("inconclusive", True, None, None, False),
        ("inconclusive", False, "fail", None, True),
        ("inconclusive", False, "fail", "warn", False),
        ("inconclusive", False, "warn", "fail", True),
        ("not_compared", False, None, None, False),
        ("not_compared", True, None, None, True),
        ("not_compared", True, "warn", None, False),
        ("not_compared", True, "warn", "fail", True),
        ("not_compared", True, "fail", "warn", False),
        ("not_compared", False, "fail", None, True),
        ("skipped", False, None, None, False),
        ("skipped", True, None, None, True),
        ("skipped", True, "warn", None, False),
        ("skipped", True, "fail", "warn", False),
    ],
)
def test_what_fails_a_test(monkeypatch, outcome, in_ci, pyproject, command_line, fails):
    if in_ci:
        monkeypatch.setenv("CI", "true")
    project = Project(Path(), Path(), inconclusive=pyproject, not_compared=pyproject, skipped=pyproject)
    options = read(inconclusive=command_line, not_compared=command_line, skipped=command_line)
    assert options.fails(outcome, project) is fails


@pytest.mark.parametrize("outcome", ["inconclusive", "not_compared", "skipped"])
def test_each_outcome_obeys_its_own_option(outcome):
    project = Project(Path(), Path(), **{outcome: "fail"})
    other = {"inconclusive": "not_compared", "not_compared": "skipped", "skipped": "inconclusive"}[outcome]
    assert read().fails(outcome, project)
    assert not read().fails(other, project)
    assert read(**{outcome: "fail"}).fails(outcome, Project(Path(), Path()))
    assert not read(**{outcome: "fail"}).fails(other, Project(Path(), Path()))


def read(**given) -> Options:
    """Read a command line with these options; the others are as the plugin leaves them when not given."""
    return read_options(Namespace(**NOT_GIVEN | {f"speedacc_{name}": value for name, value in given.items()}))


def test_a_base_is_read(monkeypatch):
    options = read(against="main", base_python=sys.executable)
    assert (options.against, options.base_python) == ("main", sys.executable)


def test_a_live_run_beside_parallel_workers_is_refused():
    with pytest.raises(ConfigError, match=r"--speedacc-against times two revisions .* run it without -n"):
        read_options(Namespace(**NOT_GIVEN | {"speedacc_against": "main"}, numprocesses=2))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"base_python": "python3"}, "--speedacc-base-python is the base's interpreter, and there is none: "),
        ({"against": "main", "base_python": "no/such/python"}, "--speedacc-base-python=no/such/python is not an "),
    ],
)
def test_a_base_interpreter_must_make_sense(given, message):
    with pytest.raises(ConfigError) as refusal:
        read(**given)
    assert str(refusal.value).startswith(message)


def test_a_live_run_accepts_with_a_reason():
    options = read(against="main", update=True, reason="twice the features")
    assert (options.against, options.writes, options.reason) == ("main", "update", "twice the features")


@pytest.mark.parametrize("reason", [None, "", "  "])
def test_a_live_run_accepts_nothing_without_a_reason(reason):
    with pytest.raises(ConfigError, match=r'a reviewer will want to know why: add --speedacc-reason="why"\.$'):
        read(against="main", update=True, reason=reason)


@pytest.mark.parametrize("reason", ["", "  "])
@pytest.mark.parametrize("writes", ["update", "missing"])
def test_an_empty_reason_is_refused(writes, reason):
    with pytest.raises(ConfigError, match=r"^--speedacc-reason is empty, .* a variable of the command empty\?"):
        read(**{writes: True}, reason=reason)


def test_first_baselines_accept_nothing_of_a_live_run():
    with pytest.raises(ConfigError, match="--speedacc-missing writes the first baselines, which accept nothing"):
        read(against="main", missing=True, reason="why")
