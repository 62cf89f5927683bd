"""What leaves gates out of a run without a base: the command line's own doing is said, and all else is a loss."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from scratch_project import PRELUDE, Project, assert_says, output

GATES = """
@pytest.mark.speedacc(min_accuracy=0.5)
@pytest.mark.parametrize("size", [20, 40, 60])
def test_ranker(speedacc, size):
    speedacc.check(model, inputs[:size], targets[:size])

@pytest.mark.speedacc(min_accuracy=0.5)
def test_other(speedacc):
    speedacc.check(model, inputs[:30], targets[:30])
"""
OTHER = "tests/gates/test_model.py::test_other"
LOST = "tests/gates/test_model.py::test_ranker[20] has a baseline and is not in this run"
EVERY = 4


def told(result: pytest.RunResult, sentence: str) -> int:
    """How many lines begin with it: pytest's short summary names it once more."""
    return sum(line.startswith(sentence) for line in output(result).splitlines())


@pytest.fixture(scope="module")
def accepted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs them leaves the gates and their baselines for the others."""
    return tmp_path_factory.mktemp("accepted") / "gates"


@pytest.fixture
def gates(project: Project, accepted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The top of a project with accepted gates in a folder, and tests beside it, run where CI is set."""
    top = project.pytester.path
    monkeypatch.setenv("CI", "true")
    if accepted.exists():
        shutil.copytree(accepted, top, dirs_exist_ok=True)
        return top
    (top / "tests/gates").mkdir(parents=True)
    (top / "tests/gates/test_model.py").write_text(PRELUDE + GATES)
    (top / "tests/test_unit.py").write_text("def test_unit():\n    pass\n")
    settings(top)
    with monkeypatch.context() as by_hand:
        by_hand.delenv("CI")
        assert project.run("--speedacc-update").ret == pytest.ExitCode.OK
    shutil.copytree(top, accepted)
    return top


ALL = "every gate that was asked for"


def settings(top: Path, pytest_ini: str = "", speedacc: str = "") -> None:
    """Write the tables of pyproject.toml."""
    top.joinpath("pyproject.toml").write_text(
        f"[tool.pytest.ini_options]\n{pytest_ini}\n[tool.speedacc]\n[tool.speedacc.live]\n{speedacc}\n"
    )


def rewrite(top: Path, old: str, new: str) -> None:
    """Change the file of the gates."""
    path = top / "tests/gates/test_model.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


DOCUMENTED = ((), ("tests/gates",), ("tests",), (".",), ("tests/gates/test_model.py",), ("-p", "no:cacheprovider"))


@pytest.mark.parametrize("arguments", DOCUMENTED, ids=" ".join)
def test_a_gate_that_is_gone_fails_the_run_that_should_have_had_it(
    gates: Path, project: Project, arguments: tuple[str, ...]
) -> None:
    assert project.run(*arguments).ret == pytest.ExitCode.OK
    rewrite(gates, "[20, 40, 60]", "[40, 60]")
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, LOST)
    assert told(result, "Lost gate: ") == 1


@pytest.mark.parametrize(
    ("ini", "lost"),
    [
        ('addopts = "--ignore=tests/gates"', EVERY),
        ('addopts = "--ignore-glob=*model*"', EVERY),
        ('addopts = "tests/test_unit.py"', EVERY),
        ('testpaths = ["tests/test_unit.py"]', EVERY),
        ('python_files = ["test_u*.py"]', EVERY),
        ('python_functions = ["test_u*", "test_o*"]', EVERY - 1),
    ],
)
def test_settings_that_leave_gates_out_fail_the_run(gates: Path, project: Project, ini: str, lost: int) -> None:
    settings(gates, ini)
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, LOST)
    assert told(result, "Lost gate: ") == lost


@pytest.mark.parametrize(
    ("arguments", "judged", "says"),
    [
        (("-k", "ranker"), "3 of 4 gates", "-k ranker"),
        (("-kranker and not 20",), "2 of 4 gates", "-k 'ranker and not 20'"),
        (("-m", "not gate"), ALL, "-m 'not gate'"),
        (
            ("--deselect=tests/gates/test_model.py::test_other",),
            "3 of 4 gates",
            "--deselect=tests/gates/test_model.py::test_other",
        ),
        (
            ("tests/gates/test_model.py::test_other",),
            ALL,
            "tests/gates/test_model.py::test_other",
        ),
        (
            ("tests/test_unit.py", "tests/gates", "-k", "other or unit"),
            "1 of 4 gates",
            "-k 'other or unit' tests/test_unit.py tests/gates",
        ),
    ],
)
def test_what_the_command_line_narrows_is_said_in_one_line(
    gates: Path, project: Project, arguments: tuple[str, ...], judged: str, says: str
) -> None:
    result = project.run(*arguments, "-o", "markers=gate")
    assert result.ret == pytest.ExitCode.OK
    assert_says(result, f"Judged {judged}: {says}.")
    assert "Lost gate" not in output(result)


@pytest.mark.parametrize(
    "arguments",
    [
        ("tests/test_unit.py",),
        ("--ignore=tests/gates",),
        ("--ignore-glob=*model*",),
        ("-k", "unit"),
        ("-m", "not slow"),
        ("--collect-only",),
        ("--benchmark-skip", "-k", "unit"),
    ],
    ids=" ".join,
)
def test_a_run_of_other_tests_loses_nothing(gates: Path, project: Project, arguments: tuple[str, ...]) -> None:
    rewrite(gates, "[20, 40, 60]", "[40, 60]")
    result = project.run(*arguments, "-o", "markers=slow")
    assert result.ret == pytest.ExitCode.OK, output(result)
    assert "Lost gate" not in output(result)


def test_a_run_that_was_started_below_loses_nothing_that_lies_elsewhere(
    gates: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (gates / "tests/gates/test_model.py").unlink()
    (gates / "tests/more").mkdir()
    (gates / "tests/more/test_more.py").write_text("def test_more():\n    pass\n")
    monkeypatch.chdir(gates / "tests/more")
    assert "Lost gate" not in output(project.run())
    monkeypatch.chdir(gates / "tests")
    assert_says(project.run(), LOST)


def test_what_failed_last_is_run_again_without_a_loss(gates: Path, project: Project) -> None:
    (gates / "tests/test_unit.py").write_text("def test_unit():\n    assert False\n")
    assert project.run("--lf").ret == pytest.ExitCode.TESTS_FAILED
    (gates / "tests/test_unit.py").write_text("def test_unit():\n    pass\n")
    result = project.run("--lf")
    assert result.ret == pytest.ExitCode.OK
    assert "Lost gate" not in output(result)
    # Where nothing failed, everything is collected.
    (gates / "tests/gates/test_model.py").unlink()
    assert_says(project.run("--lf"), LOST)


def test_a_file_that_is_skipped_or_broken_is_no_loss_and_no_success(gates: Path, project: Project) -> None:
    path = gates / "tests/gates/test_model.py"
    path.write_text("import pytest\npytest.importorskip('nowhere_to_be_found')\n")
    result = project.run()
    assert "Lost gate" not in output(result)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, "Every gate was skipped, so this run shows nothing and fails")
    path.write_text("import nowhere_to_be_found\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert "Lost gate" not in output(result)


def test_a_loss_is_named_once_in_a_parallel_run(gates: Path, project: Project) -> None:
    pytest.importorskip("xdist")
    rewrite(gates, "[20, 40, 60]", "[40, 60]")
    result = project.run("-n2", plugins=("xdist",))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert told(result, "Lost gate: ") == 1
    assert_says(project.run("-n1", "-k", "ranker", plugins=("xdist",)), "Judged 2 of 3 gates: -k ranker.")


def test_losing_every_gate_is_noticed_without_settings(gates: Path, project: Project) -> None:
    (gates / "tests/gates/test_model.py").unlink()
    (gates / "pyproject.toml").unlink()
    result = project.run("--rootdir=.")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, LOST)


def test_a_renamed_gate_is_recognised_by_what_it_is_judged_on(gates: Path, project: Project) -> None:
    rewrite(gates, "test_other", "test_another")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(
        result,
        "Renamed gate: by its content tests/gates/test_model.py::test_other is "
        "tests/gates/test_model.py::test_another now, and its baseline is not, which fails this run",
    )
    # With a baseline of its own it is a gate like any other.
    for arguments in (("--speedacc-missing",), ()):
        result = project.run(*arguments)
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        assert_says(result, f"Lost gate: {OTHER} has a baseline and is not in this run")
        assert "Renamed gate" not in output(result)
    (gates / "speedacc-baselines/tests-gates-test_model--test_other.json").unlink()
    assert project.run().ret == pytest.ExitCode.OK


def test_a_gate_with_a_baseline_of_its_own_is_no_other_one_that_was_renamed(project: Project) -> None:
    twin = "def test_NAME(speedacc):\n    speedacc.check(model, inputs, targets)\n"
    check = "    speedacc.check(model, inputs, targets, name='more')\n"
    limit = "min_accuracy = 0.5"
    first, second = (twin.replace("NAME", name) for name in ("first", "second"))
    project.write(first + second + check, limit)
    assert project.run("--speedacc-update").ret == pytest.ExitCode.OK
    project.write(first, limit)
    result = project.run()
    assert "Renamed gate" not in output(result)
    assert told(result, "Lost gate: test_model.py::test_second") == 2
    # Nor is a check that is gone another gate, while its own gate is there.
    project.write(first + second + twin.replace("NAME", "third"), limit)
    result = project.run()
    assert "Renamed gate" not in output(result)
    assert_says(result, "Lost gate: test_model.py::test_second (more) has a baseline and is not in this run")


TAKES_OTHER = """
def pytest_collection_modifyitems(config, items):
    taken = [item for item in items if "other" in item.name]
    REPORTED
    items[:] = [item for item in items if item not in taken]
"""
TAKEN = f"Lost gate: {OTHER} was collected, and addopts, PYTEST_ADDOPTS or a hook left it out of this run"
SELECTING = ("-k ranker", f"--deselect={OTHER}", "-m 'not slow'")


def take(top: Path, where: str, options: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have something other than the command line leave the other gate out."""
    rewrite(top, "@pytest.mark.speedacc(min_accuracy=0.5)\ndef", "@pytest.mark.slow\n@pytest.mark.speedacc()\ndef")
    if where == "PYTEST_ADDOPTS":
        monkeypatch.setenv(where, options)
    elif where == "conftest.py":
        (top / where).write_text(TAKES_OTHER.replace("REPORTED", options))
    elif where == "pyproject.toml":
        settings(top, f'addopts = "{options}"')
    else:
        section = "tool:pytest" if where == "setup.cfg" else "pytest"
        (top / "pyproject.toml").write_text("[tool.speedacc]\n")
        (top / where).write_text(f"[{section}]\naddopts = {options}\n")


@pytest.mark.parametrize(
    ("where", "options"),
    [
        *(("pyproject.toml", options) for options in SELECTING),
        *((where, SELECTING[0]) for where in ("pytest.ini", "tox.ini", "setup.cfg", "PYTEST_ADDOPTS")),
        ("conftest.py", ""),
        ("conftest.py", "config.hook.pytest_deselected(items=taken)"),
    ],
)
def test_a_collected_gate_that_something_else_takes_out_is_lost(
    gates: Path, project: Project, monkeypatch: pytest.MonkeyPatch, where: str, options: str
) -> None:
    take(gates, where, options, monkeypatch)
    result = project.run("tests/gates", "-o", "markers=slow")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, f"{TAKEN}, which fails this run")
    assert told(result, "Lost gate: ") == 1
    assert_says(result, "Judged 3 of 4 gates: tests/gates.")


def test_what_is_taken_out_has_a_baseline_and_is_excused_by_the_command_line(
    gates: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(gates, "conftest.py", "", monkeypatch)
    for narrowed in ("-k ranker", f"--deselect={OTHER}", "-mnot slow"):
        result = project.run(narrowed, "-o", "markers=slow")
        assert result.ret == pytest.ExitCode.OK, output(result)
    # Nor does it excuse what it selects.
    result = project.run("-k", "other or 20", "-o", "markers=slow")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, TAKEN)
    assert told(result, "Lost gate: ") == 1
    # Of one without a baseline nobody has said that it belongs to every run.
    (gates / "speedacc-baselines/tests-gates-test_model--test_other.json").unlink()
    assert "Lost gate" not in output(project.run())


@pytest.mark.parametrize("on_command_line", [True, False])
def test_a_plugin_that_splits_a_run_is_meant_where_the_command_line_says_so(
    gates: Path, project: Project, on_command_line: bool
) -> None:
    option = "\ndef pytest_addoption(parser):\n    parser.addoption('--splits', type=int)\n"
    (gates / "conftest.py").write_text(TAKES_OTHER.replace("REPORTED", "") + option)
    if not on_command_line:
        settings(gates, 'addopts = "--splits=2"')
    result = project.run(*["--splits=2"] * on_command_line)
    assert result.ret == (pytest.ExitCode.OK if on_command_line else pytest.ExitCode.TESTS_FAILED)
    assert_says(result, "Judged 3 of 4 gates: --splits=2." if on_command_line else TAKEN)


def test_a_gate_that_a_hook_takes_out_of_a_parallel_run_is_lost(
    gates: Path, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("xdist")
    take(gates, "conftest.py", "", monkeypatch)
    result = project.run("-n1", "-o", "markers=slow", plugins=("xdist",))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert told(result, TAKEN) == 1
    result = project.run("-n1", "-kranker", "-o", "markers=slow", plugins=("xdist",))
    assert result.ret == pytest.ExitCode.OK, output(result)


@pytest.mark.parametrize(
    ("arguments", "lost"),
    [
        (("tests/gates", "--ignore=docs"), True),
        (("--ignore=tests/test_unit.py",), True),
        (("--ignore-glob=docs/*",), True),
        (("--deselect=tests/test_unit.py",), True),
        (("tests/gates/test_model.py::test_ranker",), True),
        (("tests/gates/test_model.py::test_other",), False),
        (("--ignore=tests/gates/test_model.py",), False),
        (("--ignore-glob=*/gates",), False),
        (("--deselect=tests/gates/test_model.py::test_ranker",), False),
    ],
)
def test_the_command_line_excuses_what_it_names_and_no_more(
    gates: Path, project: Project, arguments: tuple[str, ...], lost: bool
) -> None:
    rewrite(gates, "[20, 40, 60]", "[40, 60]")
    path = gates / "speedacc-baselines/tests-gates-test_model--test_ranker[20].json"
    for line in (LOST, "speedacc-baselines/tests-gates-test_model--test_ranker[[]20].json cannot be read"):
        result = project.run(*arguments)
        assert result.ret == (pytest.ExitCode.TESTS_FAILED if lost else pytest.ExitCode.OK), output(result)
        assert told(result, "Lost gate: ") == lost
        if lost:
            assert_says(result, line.replace("[[]", "["))
        path.write_text("{")


@pytest.mark.parametrize("name", ["tests-gates-test_model--test_ranker[20].JSON", "anything.json"])
def test_a_baseline_under_another_name_tells_the_same(gates: Path, project: Project, name: str) -> None:
    rewrite(gates, "[20, 40, 60]", "[40, 60]")
    folder = gates / "speedacc-baselines"
    (folder / "tests-gates-test_model--test_ranker[20].json").rename(folder / name)
    result = project.run("tests/gates")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert_says(result, LOST)


def test_a_damaged_file_is_left_to_the_gate_that_has_it(gates: Path, project: Project) -> None:
    folder = gates / "speedacc-baselines"
    (folder / "tests-gates-test_model--test_other.json").write_text("{")
    result = project.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "Lost gate" not in output(result)
    (folder / "notes.json").write_text("[]")
    assert_says(
        project.run(),
        "Lost gate: the baseline file speedacc-baselines/notes.json cannot be read, and its name does not tell whose",
    )
    assert "Lost gate" not in output(project.run("tests/gates"))
    assert "Lost gate" not in output(project.run("tests/test_unit.py"))


def test_skipped_gates_are_not_judged(gates: Path, project: Project) -> None:
    (gates / "tests/gates/test_more.py").write_text(
        PRELUDE + GATES.rpartition("\n\n")[2].replace("test_other", "test_more")
    )
    path = gates / "tests/gates/test_model.py"
    path.write_text("import pytest\npytest.importorskip('nowhere_to_be_found')\n")
    result = project.run("tests/gates")
    assert_says(result, "4 gates were skipped: nothing was judged there.")
    assert_says(result, "Judged 1 of 5 gates: tests/gates.")


def test_an_error_of_usage_is_told_alone(gates: Path, project: Project) -> None:
    for arguments, said in (
        (("--speedacc-against=nowhere", "tests/gates"), "not in a git repository"),
        (("tests/gates",), "max_latency"),
    ):
        if said == "max_latency":
            rewrite(gates, "min_accuracy=0.5)\n@", "max_latency=5)\n@")
        result = project.run(*arguments)
        assert result.ret == pytest.ExitCode.USAGE_ERROR, output(result)
        assert_says(result, said)
        assert "Judged" not in output(result)
        assert "Lost gate: " not in output(result)


def test_a_path_that_ends_in_a_full_stop_is_told_from_the_sentence(gates: Path, project: Project) -> None:
    assert_says(project.run("."), "Judged every gate that was asked for: '.'.")


LATE_CONFTEST = """
import pytest

@pytest.hookimpl(HOOK)
def pytest_collection_modifyitems(items):
    for item in items:
        if "unit" in item.name or "other" in item.name:
            item.add_marker(pytest.mark.speedacc(min_accuracy=2), append=False)
"""


@pytest.mark.parametrize("hook", ["tryfirst=True", "", "trylast=True"])
def test_a_marker_that_a_conftest_adds_is_applied(gates: Path, project: Project, hook: str) -> None:
    (gates / "conftest.py").write_text(LATE_CONFTEST.replace("HOOK", hook))
    result = project.run()
    result.assert_outcomes(passed=3, failed=2)
    assert_says(result, "speedacc failed: accuracy 1, allowed at least 2")
    assert_says(result, "speedacc: the test is marked speedacc and does not use the speedacc fixture")


def test_a_marker_makes_a_gate_of_a_lone_test_however_late(project: Project) -> None:
    project.pytester.makeconftest(LATE_CONFTEST.replace("HOOK", "trylast=True"))
    project.pytester.makepyfile("def test_unit():\n    pass\n")
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, "speedacc: the test is marked speedacc and does not use the speedacc fixture")


def test_a_late_marker_is_refused_at_collection_where_it_is_wrong(gates: Path, project: Project) -> None:
    (gates / "conftest.py").write_text(LATE_CONFTEST.replace("HOOK", "trylast=True").replace("min_acc", "min_ac"))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(result, "marker: unknown key 'min_acuracy'. Did you mean 'min_accuracy'?")


def test_a_refused_marker_writes_no_baseline(project: Project) -> None:
    project.write("""
def test_it(speedacc, request):
    request.node.add_marker(pytest.mark.speedacc(min_accuracy=0.1))
    speedacc.check(model, inputs, targets)
""")
    project.run("--speedacc-update").assert_outcomes(failed=1)
    assert not list(project.pytester.path.glob("speedacc-baselines/*"))
