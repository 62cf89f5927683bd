"""Names, labels, reasons and messages are data: hostile ones in a whole run, and what its reader sees."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from scratch_project import Project, assert_says, output

HOSTILE = "\x1b[2J\r\n::error::all is well\n##[group]\u202e"
SHOWN = r"\x1b[2J\r\n::error::all is well\n\x23#[group]\u202e"
GATES = f"""
HOSTILE = {HOSTILE!r}
words = np.where(targets, "yes" + HOSTILE, "no")

def raising(batch):
    raise RuntimeError("first\\n::error::second\\n" + HOSTILE)

def named(batch):
    return words[[list(inputs[:, 0]).index(first) for first in batch[:, 0]]]

def other_way(batch):
    return np.where(named(batch) == "no", "yes" + HOSTILE, "no")

LIMITS = {{"min_accuracy": 0.9, "max_accuracy_drop": "0 pp"}}

@pytest.mark.speedacc(**LIMITS, slices={{HOSTILE: {{"min_accuracy": 0.8}}}}, group=HOSTILE)
def test_it(speedacc):
    speedacc.check(MODEL, inputs, words, name=HOSTILE, slices={{HOSTILE: np.arange(60) < 30}})

@pytest.mark.speedacc(min_accuracy=0.9, max_latency_p99="1 h", group=HOSTILE)
def test_undecided(speedacc):
    speedacc.check(named, inputs, words, name="other")

@pytest.mark.speedacc(min_accuracy=0.9)
def test_raising(speedacc):
    speedacc.check(raising, inputs, targets)
"""


def assert_commands_nothing(text: str) -> None:
    """No line of a log that a terminal or a CI service would obey."""
    unprintable = {char for char in text if not (char.isprintable() or char == "\n")}
    assert unprintable == set()
    assert not re.search(r"(?m)^\s*::|##\w*\[", text)


def test_nothing_of_a_hostile_run_is_obeyed(project: Project) -> None:
    project.write(GATES.replace("MODEL", "named"))
    first = project.run("--speedacc-update", f"--speedacc-reason={HOSTILE}", budget="0.001")
    assert first.parseoutcomes() == {"passed": 1, "inconclusive": 1, "failed": 1}
    project.write(GATES.replace("MODEL", "other_way"))
    result = project.run("--speedacc-report=out.json", "--speedacc-report=\x1b[2J.svg", "--tb=short", budget="0.001")
    assert result.parseoutcomes() == {"inconclusive": 1, "failed": 2}
    for run in (first, result):
        assert_commands_nothing(output(run))
    assert_says(result, f"test_model.py::test_it ({SHOWN})*failed")
    assert_says(result, f"accuracy [{SHOWN}]*failed")
    assert_says(result, f"Alternatives for {SHOWN}:")
    assert_says(result, f"*now predicted yes{SHOWN}")
    # An error of several lines stays one, below the news.
    assert_says(result, "speedacc cannot judge test_model.py::test_raising: the model raised RuntimeError *: first")
    assert_says(result, r"  \x3a:error::second")
    gates = {gate["test"]: gate for gate in json.loads((project.pytester.path / "out.json").read_text())["gates"]}
    assert gates["test_model.py::test_it"]["name"] == HOSTILE
    assert {check["slice"] for check in gates["test_model.py::test_it"]["checks"]} == {"", HOSTILE}


def test_settings_that_are_refused_are_shown_and_not_obeyed(project: Project) -> None:
    hostile = json.dumps(HOSTILE)
    project.write("\ndef test_it(speedacc):\n    pass\n", f"tests.{hostile}.min_accuracy = 0.5")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert_commands_nothing(output(result))
    assert_says(result, "matches no gate of this run")


@pytest.mark.parametrize("options", [(), ("-n1",)], ids=["alone", "parallel"])
def test_half_of_a_character_is_carried_exactly_and_is_valid_json(project: Project, options: tuple[str, ...]) -> None:
    pytest.importorskip("xdist")
    project.write(
        """
def raising(batch):
    raise OSError("no such file: weights-\\udcff.bin")

@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check(raising, inputs, targets)
"""
    )
    result = project.run("--speedacc-report=out.json", *options, plugins=("xdist",) if options else ())
    result.assert_outcomes(failed=1)
    assert_says(result, r"while predicting samples 0 to 59: no such file: weights-\udcff.bin")
    [gate] = json.loads((project.pytester.path / "out.json").read_bytes().decode("utf-8"))["gates"]
    assert gate["error"].endswith("no such file: weights-\udcff.bin")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (r"'\ud800'", r"name='\\ud800' holds half of a character (a lone surrogate), as no file can."),
        ("7", "name=7 must be a text."),
    ],
)
@pytest.mark.parametrize("call", ["check(model, ", "compare(model, model, "], ids=["check", "compare"])
def test_a_name_that_is_no_text_is_refused(project: Project, call: str, name: str, sentence: str) -> None:
    project.write(
        f"""
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.{call}inputs, targets, name={name})
"""
    )
    result = project.run("--speedacc-update", "--speedacc-report=out.json")
    result.assert_outcomes(failed=1)
    assert_says(result, f"speedacc cannot judge test_model.py::test_it: {sentence}".replace("\\\\", "\\"))
    assert "Traceback" not in output(result)
    assert "UnicodeEncodeError" not in output(result)


def test_what_no_file_can_hold_is_refused_before_it_is_written(project: Project) -> None:
    project.write(
        """
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    mine = lambda truth, guess: 1.0
    mine.__name__ = "\\ud800"
    speedacc.check(model, inputs, targets, score=mine, greater_is_better=True)
"""
    )
    result = project.run("--speedacc-update")
    result.assert_outcomes(failed=1)
    assert_says(
        result, r"no baseline can be written of a name or a reason that holds half of a character ('\ud800', a lone"
    )
    assert "Traceback" not in output(result)
    assert "UnicodeEncodeError" not in output(result)
    reason = project.run("--speedacc-update", "--speedacc-reason=\udcff")
    assert reason.ret == pytest.ExitCode.USAGE_ERROR
    assert_says(reason, r"--speedacc-reason='\udcff' holds bytes that are no text in this terminal's encoding.")


LONG = "x" * 500


def test_a_long_id_leaves_the_verdict_in_sight(project: Project) -> None:
    project.write(
        f"""
@pytest.mark.parametrize("wrong", [False, True], ids=["{LONG}-right", "{LONG}-wrong"])
@pytest.mark.speedacc(max_accuracy_drop="0 pp", max_latency="5 s")
def test_it(speedacc, wrong):
    speedacc.check((lambda batch: 1 - model(batch)) if wrong else model, inputs, targets)

@pytest.mark.speedacc(min_accuracy=0.9)
def test_{LONG}(speedacc):
    speedacc.check(model, inputs, targets[1:])
"""
    )
    result = project.run("--speedacc-update", "--speedacc-report=out.json")
    ours = str(result.stdout).partition("= speedacc =")[2].partition("= short test summary")[0]
    rows = [line for line in ours.splitlines() if re.search("(passed|failed)$", line)]
    assert len(rows) == 3
    assert max(map(len, rows)) < 200
    assert_says(result, "test_model.py::test_it[xxx*...xxx*-wrong]  0, same * passed")
    told = [line for line in output(result).splitlines() if line.startswith("speedacc cannot judge")]
    assert told
    assert max(line.index("there are 60 inputs") for line in told) < 200
    gates = json.loads((project.pytester.path / "out.json").read_text())["gates"]
    assert f"test_model.py::test_it[{LONG}-right]" in [gate["test"] for gate in gates]


def test_the_command_that_accepts_obeys_nothing_in_a_name(project: Project) -> None:
    project.write(
        """
@pytest.mark.parametrize("value", [1], ids=["$(touch owned)`touch owned`"])
@pytest.mark.speedacc(max_accuracy_drop="0 pp")
def test_it(speedacc, value):
    speedacc.check(model, inputs, targets)
"""
    )
    [command] = re.findall(r"create it with python -m (pytest .*) --speedacc-update,", output(project.run()))
    folder = project.pytester.path
    script = f"pytest() {{ printf '%s' \"$1\"; }}; {command}"
    shown = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert shown == "test_model.py::test_it[$(touch owned)`touch owned`]"
    assert not (folder / "owned").exists()


def test_entries_properties_and_files_have_names_that_can_be_printed(project: Project) -> None:
    project.write(
        f"""
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check(model, inputs, targets, name={HOSTILE!r})
"""
    )
    result = project.run("--benchmark-json=bench.json", "--junitxml=junit.xml", "--speedacc-profile=profiles")
    result.assert_outcomes(passed=1)
    files = [path.name for path in (project.pytester.path / "profiles").iterdir()]
    assert all(re.fullmatch(r"[\w.@\[\]-]+", name, re.ASCII) for name in files)
    assert_commands_nothing(output(result))
    [entry] = json.loads((project.pytester.path / "bench.json").read_text())["benchmarks"]
    assert entry["name"] == f"test_it[{SHOWN}]"
    assert f"speedacc.{SHOWN}.verdict" in (project.pytester.path / "junit.xml").read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="terminals are pseudo-terminals elsewhere")
def test_progress_stays_in_sight_and_obeys_nothing(project: Project) -> None:
    import pty

    project.write(
        f"""
@pytest.mark.parametrize("value", [1], ids=["{LONG}"])
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc, value):
    speedacc.check(model, inputs, targets)
"""
    )
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-pbenchmark", "-pspeedacc", "--speedacc-budget=0.05"]
    env = os.environ | {"COLUMNS": "80", "PY_COLORS": "0"}
    with subprocess.Popen(command, cwd=project.pytester.path, env=env, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)
    assert process.returncode == 0
    assert re.search(rb"\x1b7  test_model.py::[^\x1b]*\.\.\.[^\x1b]*: latency, 0 of at most", seen)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 2**16)
    except OSError:  # Linux's way to say that the other end is closed
        return b""
