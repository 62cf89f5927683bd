"""The plugin as its users meet it: what a run prints, writes and returns."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from scratch_project import Project, assert_says, output

SOUND = """
@pytest.mark.speedacc(
    min_accuracy=0.9, max_latency="5 s", max_parameters=5, max_model_size="1 MiB", max_memory="1 MiB",
    max_accuracy_drop="0 pp",
)
def test_it(speedacc):
    speedacc.check(regression(), inputs, targets)
"""
WORSE = SOUND.replace("regression()", "regression(strength=0.001)").replace("min_accuracy=0.9, ", "")
UPDATE = 'python -m pytest "test_model.py::test_it" --speedacc-update'


def report(project: Project, *options: str, **keywords: str) -> dict[str, Any]:
    """The JSON report of a run."""
    project.run("--speedacc-report=out.json", *options, **keywords)
    document: dict[str, Any] = json.loads((project.pytester.path / "out.json").read_text())
    return document


def allowed(project: Project, *options: str) -> dict[str, dict[str, str]]:
    """Under which bounds each gate was judged: by test, the setting and what it allows."""
    gates = report(project, *options)["gates"]
    return {
        gate["test"].partition("::")[2]: {check["setting"]: check["allowed"] for check in gate["checks"]}
        for gate in gates
    }


def baselines(project: Project) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(project.pytester.path.glob("speedacc-baselines/*.json"))]


class TestText:
    @pytest.mark.memray
    def test_a_pass_is_one_line_of_the_summary(self, project: Project) -> None:
        project.write(SOUND)
        result = project.run("--speedacc-update")
        result.assert_outcomes(passed=1)
        result.stdout.re_match_lines(
            [
                r"=+ speedacc =+",
                r"gate +score +median +p95 +parameters +model size +memory +verdict",
                r"-+  -+  -+  -+  -+  -+  -+  -+",
                r"test_model\.py::test_it +0\.9\d*, same +\S+ .s +\S+ .?s +5 +\S+ B +\S+ (Ki)?B +passed",
                r"",
                r"note: test_model\.py::test_it: wrote \S+test_it\.json: review it and commit it",
                r"Measured on .+, [\d.]+ cores?, \d+ threads?.*, .+\.",
            ],
            consecutive=True,
        )

    def test_a_failure_reads_from_the_news_to_the_command_that_accepts_it(self, project: Project) -> None:
        project.write(SOUND)
        project.run("--speedacc-update")
        project.write(WORSE)
        result = project.run("-v")
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        result.stdout.re_match_lines(
            [
                r"_+ test_it _+",
                r"speedacc failed: accuracy 0\.\d+ \(0\.\d+ to 0\.\d+\), was 0\.9\d*, allowed worse by at most 0 pp",
                r"",
                r"axis +observed +baseline +allowed +outcome +why",
                r"-+  -+  -+  -+  -+  -+",
                r"accuracy +0\.\d+ .+ 0\.9\d+ +worse by at most 0 pp +failed +-\d+\.?\d* pp against the baseline's "
                r"0\.9\d*; \d+ right-to-wrong, \d+ wrong-to-right of 60, McNemar p = \S+",
                r"latency median +\S+ .s .+ at most 5\.00 s +passed +0 of \d+ calls took longer",
                r"parameters +5 +at most 5 +passed +exactly the limit",
                r"model size +\S+ B +at most 1\.00 MiB +passed +\S+ KiB under the limit",
                r"memory +.+ at most 1\.00 MiB +passed +.+ KiB under the limit",
                r"",
                r"Right before and wrong now:",
                *(5 * [r"  sample \d+: target [01], now predicted [01]"]),
                r"  and \d+ more",
                r"  class [01]: \d+ of \d+ right before, \d+ now",
                r"  target [01] predicted [01]: \d+ now, \d+ before",
                r"",
                r"Also measured, not limited: confidence .+; latency p90 .+; latency p95 .+; .+; whole set .+\.",
                r"",
                r"Measured on .+\.",
                r"",
                rf'If this change is meant, accept it: {re.escape(UPDATE)} --speedacc-reason="why"',
            ],
            consecutive=True,
        )

    def test_several_failures_are_all_news(self, project: Project) -> None:
        project.write("""
@pytest.mark.speedacc(min_accuracy=0.999, max_latency="1 ns", max_parameters=4, max_model_size="1 B", max_memory="1 B")
def test_it(speedacc):
    speedacc.check(regression(), inputs, targets)
""")
        result = project.run()
        assert_says(
            result,
            "speedacc failed: accuracy 0.9*, allowed at least 0.999; latency median * allowed at most 1.00 ns; "
            "parameters 5, allowed at most 4; and 2 more",
        )

    def test_an_update_is_not_offered_for_a_limit_that_it_cannot_lift(self, project: Project) -> None:
        project.write(SOUND)
        project.run("--speedacc-update")
        project.write(WORSE.replace("max_parameters=5", "max_parameters=4"))
        assert "accept it" not in output(project.run())

    def test_what_a_model_prints_is_kept_and_noted(self, project: Project) -> None:
        project.write("""
def chatty(batch):
    print("hello from the model")
    return model(batch)

@pytest.mark.speedacc(min_accuracy=2)
def test_it(speedacc):
    speedacc.check(chatty, inputs, targets, score=lambda truth, guess: 1.0, greater_is_better=True)
""")
        result = project.run()
        assert_says(result, "hello from the model")
        assert_says(result, "Note: the model writes to the terminal while it predicts; its times include that.")

    def test_a_run_without_gates_says_nothing_and_loads_nothing(self, project: Project) -> None:
        project.write("""
def test_it(pytestconfig):
    assert not pytestconfig.pluginmanager.has_plugin("speedacc-session")
""")
        # Named as a dependency, as in every project that uses the plugin; not configured.
        project.pytester.makepyprojecttoml('[project]\nname = "x"\ndependencies = ["pytest-speedacc"]\n')
        result = project.pytester.runpytest_inprocess("-p", "benchmark", "-p", "speedacc")
        result.assert_outcomes(passed=1)
        assert "speedacc" not in re.sub("^plugins: .*$", "", str(result.stdout), flags=re.MULTILINE)

    @pytest.mark.skipif(sys.platform == "win32", reason="terminals are pseudo-terminals elsewhere")
    def test_progress_is_shown_on_a_terminal_only(self, project: Project) -> None:
        project.write(SOUND)
        steps = ("accuracy, parameters, size, memory", "latency, 0 of at most")
        piped = project.run()
        assert piped.parseoutcomes() == {"not_compared": 1}
        assert not any(step in output(piped) for step in steps)
        seen = on_a_terminal(project.pytester.path)
        assert all(f"test_model.py::test_it: {step}" in seen for step in steps)
        # With what stands between saving and restoring the cursor left out, the line is as it always is.
        text = re.sub("\x1b7.*?\x1b8", "", seen)
        assert "test_model.py n".ljust(73) + "[100%]" in text
        assert "\x1b7\x1b[K\x1b8n  " in seen


def on_a_terminal(folder: Path) -> str:
    """What pytest writes in ``folder`` when its output is a terminal."""
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "pytest", "-pbenchmark", "-pspeedacc", "--speedacc-budget=0.05"]
    env = os.environ | {"COLUMNS": "80", "PY_COLORS": "0"}
    with subprocess.Popen(command, cwd=folder, env=env, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        seen = b""
        while chunk := _read(ours):
            seen += chunk
    os.close(ours)
    assert process.returncode == 0, seen.decode()
    return seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 2**16)
    except OSError:  # Linux's way to say that the other end is closed
        return b""


NUMBER, MAYBE = (int, float), (int, float, type(None))
DOCUMENT = {
    "schema": int,
    "date": str,
    "verdict": str,
    "failed": bool,
    "headline": str,
    "commit": (str, type(None)),
    "environment": dict,
    "shard": (dict, type(None)),
    "scale": dict,
    "live": (dict, type(None)),
    "gates": list,
    "groups": list,
    "lost": list,
    "losses_fail": bool,
    "past": list,
    "past_ends": str,
    "remarks": list,
    "problems": list,
}
ENVIRONMENT = {
    "description": str,
    "cpu": str,
    "cpu_flags": str,
    "accelerator": str,
    "system": str,
    "machine": str,
    "cores": NUMBER,
    "threads": int,
    "thread_variables": str,
    "processor": str,
    "caches": str,
    "hypervisor": str,
    "versions": dict,
}
GATE = {
    "test": str,
    "name": str,
    "file": str,
    "line": int,
    "verdict": str,
    "group": str,
    "compared_with": str,
    "error": str,
    "checks": list,
    "measured": list,
    "at_scale": list,
    "suspects": list,
    "explained": list,
    "explained_beside": str,
    "allocated": list,
    "flipped": list,
    "trades": list,
    "notes": list,
    "accept": str,
}
CHECK = {
    "setting": str,
    "metric": str,
    "statistic": str,
    "slice": str,
    "title": str,
    "observed": MAYBE,
    "interval": (list, type(None)),
    "unit": str,
    "limit": MAYBE,
    "reference": MAYBE,
    "allowed": str,
    "outcome": str,
    "reason": str,
    "sides": (list, type(None)),
    "accepted": str,
}
MEASURED = {
    "metric": str,
    "statistic": str,
    "slice": str,
    "observed": MAYBE,
    "interval": (list, type(None)),
    "unit": str,
    "reference": MAYBE,
    "better": str,
    "points": bool,
    "note": str,
}


def assert_fields(value: dict[str, Any], fields: dict[str, Any]) -> None:
    assert list(value) == list(fields)
    wrong = {name: value[name] for name, kind in fields.items() if not isinstance(value[name], kind)}
    assert not wrong


class TestReports:
    def test_json_has_the_documented_fields_and_the_numbers(self, project: Project) -> None:
        project.write(SOUND)
        document = report(project, "--speedacc-update")
        assert_fields(document, DOCUMENT)
        assert document["schema"] == 2
        assert_fields(document["environment"], ENVIRONMENT)
        assert {"python", "numpy", "scikit-learn"} <= document["environment"]["versions"].keys()
        [gate] = document["gates"]
        assert_fields(gate, GATE)
        assert (gate["test"], gate["name"], gate["verdict"]) == ("test_model.py::test_it", "", "passed")
        [note] = gate["notes"]
        assert re.fullmatch(r"wrote speedacc-baselines/.+\.json: review it and commit it", note)
        for check in gate["checks"]:
            assert_fields(check, CHECK)
        for row in gate["measured"]:
            assert_fields(row, MEASURED)
        bounds = [(check["setting"], check["limit"], check["unit"], check["allowed"]) for check in gate["checks"]]
        assert bounds == [
            ("min_accuracy", 0.9, "score", "at least 0.9"),
            ("max_accuracy_drop", None, "score", "worse by at most 0 pp"),
            ("max_latency", 5.0, "s", "at most 5.00 s"),
            ("max_parameters", 5, "count", "at most 5"),
            ("max_model_size", 2**20, "B", "at most 1.00 MiB"),
            ("max_memory", 2**20, "B", "at most 1.00 MiB"),
        ]
        measured = {(row["metric"], row["statistic"]): row["observed"] for row in gate["measured"]}
        for check in gate["checks"]:
            assert check["observed"] == measured[check["metric"], check["statistic"]]
        assert measured["parameters", ""] == 5
        assert 0 < measured["latency", "median"] <= measured["latency", "p99"] < 5

    def test_every_report_that_was_asked_for_is_written_and_named(self, project: Project) -> None:
        project.write(SOUND)
        result = project.run("--speedacc-report=a.json", "--speedacc-report=new/b.json")
        paths = [project.pytester.path / name for name in ("a.json", "new/b.json")]
        assert_says(result, f"Wrote {paths[0]}, {paths[1]}.")
        for name in paths:
            assert len(json.loads((project.pytester.path / name).read_text())["gates"]) == 1

    def test_a_gate_that_could_not_be_judged_is_in_the_report_with_the_reason(self, project: Project) -> None:
        project.write("""
@pytest.fixture
def lost():
    raise OSError("no such model")

@pytest.mark.speedacc(min_accuracy=0.5)
class TestBroken:
    def test_refused(self, speedacc):
        speedacc.check(model, inputs, targets[1:])

    def test_unused(self, speedacc):
        pass

    def test_raised(self, speedacc):
        open("nowhere.bin")

    def test_without_its_model(self, speedacc, lost):
        speedacc.check(lost, inputs, targets)

    def test_without_the_fixture(self):
        pass
""")
        gates = report(project)["gates"]
        assert {gate["verdict"] for gate in gates} == {"failed"}
        errors = {gate["test"].rpartition("::")[2]: gate["error"] for gate in gates}
        assert errors == {
            "test_refused": "there are 60 inputs and 59 targets: they must belong together one to one.",
            "test_unused": "limits are set (min_accuracy) and the test never called check(): "
            "call speedacc.check(model, inputs, targets).",
            "test_raised": "FileNotFoundError: [Errno 2] No such file or directory: 'nowhere.bin'",
            "test_without_its_model": "OSError: no such model",
            "test_without_the_fixture": "the test is marked speedacc and does not use the speedacc fixture: "
            "add it to the arguments and call speedacc.check(model, inputs, targets). "
            "If it is no gate, mark it @pytest.mark.speedacc(gate=False).",
        }

    def test_the_verdict_stands_when_the_test_fails_for_a_reason_of_its_own(self, project: Project) -> None:
        project.write("""
@pytest.mark.speedacc(min_accuracy=0.5)
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
    assert model is None
""")
        [gate] = report(project)["gates"]
        assert (gate["verdict"], gate["error"]) == ("passed", "")

    def test_junit_gets_a_property_for_the_verdict_and_for_each_number(self, project: Project) -> None:
        project.write(SOUND)
        project.run("--junitxml=junit.xml")
        [case] = ElementTree.parse(project.pytester.path / "junit.xml").iter("testcase")
        properties = {it.get("name"): it.get("value") for it in case.iter("property")}
        assert properties["speedacc.verdict"] == "not_compared"
        assert properties["speedacc.parameters"] == "5"
        assert 0.9 < float(properties["speedacc.accuracy"] or 0) <= 1
        axes = {
            "accuracy",
            "confidence",
            "evaluation",
            "parameters",
            "model_size",
            "memory",
            *(f"latency.{q}" for q in ("median", "p90", "p95", "p99")),
        }
        assert properties.keys() == {"speedacc.verdict", *(f"speedacc.{axis}" for axis in axes)}


class TestHelp:
    def test_markers_list_every_limit_with_an_example(self, project: Project) -> None:
        result = project.run("--markers")
        assert_says(result, "@pytest.mark.speedacc(policy=..., accuracy_rule=..., budget=..., max_latency=..., ...): ")
        assert '    max_latency="2 ms": largest median time of a call' in result.outlines
        listed = [line for line in result.outlines if line.startswith(("    max_", "    min_"))]
        assert len(listed) > 20
        assert max(map(len, listed)) <= 120

    def test_fixtures_explain_check_and_measure(self, project: Project) -> None:
        result = project.run("--fixtures", "-v")
        assert_says(result, "``speedacc.check(model, inputs, targets)`` fails the test where a limit is violated.")
        assert_says(result, "``speedacc.measure(model, inputs, targets)``")

    def test_help_has_every_option_in_a_group_of_its_own(self, project: Project) -> None:
        text = output(project.run("--help"))
        [group] = re.findall(r"performance regression gates for models.*?\n\n", text, flags=re.DOTALL)
        for name in ("update", "missing", "reason", "against", "report", "budget", "inconclusive", "not-compared"):
            assert re.search(rf"^  --speedacc-{name}\b", group, flags=re.MULTILINE), name

    def test_the_marker_is_known_to_strict_runs(self, project: Project) -> None:
        project.write(SOUND)
        assert project.run("--strict-markers").parseoutcomes() == {"not_compared": 1}


class TestWhatHolds:
    def test_each_named_check_of_a_test_is_a_gate_of_its_own(self, project: Project) -> None:
        project.write("""
@pytest.mark.speedacc(min_accuracy=0.5)
def test_it(speedacc):
    assert speedacc.check(model, inputs, targets, name="good").outcome.word == "passed"
    speedacc.check(lambda batch: 1 - model(batch), inputs, targets, name="bad")
""")
        result = project.run("--speedacc-report=out.json")
        result.assert_outcomes(failed=1)
        assert_says(result, "test_model.py::test_it (good)  1 * passed")
        assert_says(result, "test_model.py::test_it (bad)   0 * failed")
        gates = json.loads((project.pytester.path / "out.json").read_text())["gates"]
        assert [(gate["name"], gate["verdict"]) for gate in gates] == [("good", "passed"), ("bad", "failed")]

    def test_named_checks_have_baselines_of_their_own(self, project: Project) -> None:
        project.write("""
@pytest.mark.speedacc(max_accuracy_drop="0 pp")
def test_it(speedacc):
    speedacc.check(model, inputs, targets, name="all")
    speedacc.check(model, inputs[:9], targets[:9], name="few")
""")
        project.run("--speedacc-update").assert_outcomes(passed=1)
        assert {(it["name"], it["evaluation_set"]["samples"]) for it in baselines(project)} == {("all", 60), ("few", 9)}
        project.run("--speedacc-not-compared=fail").assert_outcomes(passed=1)

    def test_a_parametrised_gate_is_one_a_parameter_and_brackets_are_literal(self, project: Project) -> None:
        project.write(
            """
@pytest.mark.parametrize("threshold", [0, 9])
@pytest.mark.speedacc(max_latency="5 s")
def test_it(speedacc, threshold):
    speedacc.check(lambda batch: (batch[:, 0] > threshold).astype(int), inputs, targets)
""",
            """
tests."test_model.py::test_it[[]0]".min_accuracy = 0.1
tests."test_model.py::test_it[9]".min_accuracy = 0.9
""",
        )
        result = project.run()
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert_says(result, '[tool.speedacc.tests."test_model.py::test_it[[]0]"] matches no gate of this run')
        project.pytester.makepyprojecttoml('[tool.speedacc]\ntests."test_model.py::test_it[9]".min_accuracy = 0.9\n')
        assert allowed(project) == {
            "test_it[0]": {"max_latency": "at most 5.00 s"},
            "test_it[9]": {"max_latency": "at most 5.00 s", "min_accuracy": "at least 0.9"},
        }
        project.run().assert_outcomes(passed=1, failed=1)

    def test_the_nearest_marker_wins_key_by_key(self, project: Project) -> None:
        project.write("""
pytestmark = pytest.mark.speedacc(min_accuracy=0.1, max_latency="1 s")

@pytest.mark.speedacc(min_accuracy=0.2)
class TestModels:
    def test_class(self, speedacc):
        speedacc.check(model, inputs, targets)

    @pytest.mark.speedacc(min_accuracy=0.3)
    def test_method(self, speedacc):
        speedacc.check(model, inputs, targets)

def test_module(speedacc):
    speedacc.check(model, inputs, targets)
""")
        assert {test: bounds["min_accuracy"] for test, bounds in allowed(project).items()} == {
            "TestModels::test_class": "at least 0.2",
            "TestModels::test_method": "at least 0.3",
            "test_module": "at least 0.1",
        }
        assert {bounds["max_latency"] for bounds in allowed(project).values()} == {"at most 1.00 s"}

    def test_marker_beats_pattern_beats_policy_beats_project(self, project: Project) -> None:
        project.write(
            """
def test_project(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(policy="strict")
def test_policy(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(policy="strict")
def test_pattern(speedacc):
    speedacc.check(model, inputs, targets)

@pytest.mark.speedacc(policy="strict", min_accuracy=0.4)
def test_marker(speedacc):
    speedacc.check(model, inputs, targets)
""",
            """
min_accuracy = 0.1
max_latency = "1 s"
policies.strict.min_accuracy = 0.2
policies.strict.max_latency = "2 s"
tests."*::test_pattern".min_accuracy = 0.25
tests."*::test_?a*".min_accuracy = 0.3
""",
        )
        assert allowed(project) == {
            "test_project": {"min_accuracy": "at least 0.1", "max_latency": "at most 1.00 s"},
            "test_policy": {"min_accuracy": "at least 0.2", "max_latency": "at most 2.00 s"},
            "test_pattern": {"min_accuracy": "at least 0.3", "max_latency": "at most 2.00 s"},
            "test_marker": {"min_accuracy": "at least 0.4", "max_latency": "at most 2.00 s"},
        }

    def test_a_pattern_may_match_nothing_in_a_run_of_a_part(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project.write(SOUND + "\ndef test_other():\n    pass\n", 'tests."*::test_it".min_accuracy = 0.5')
        project.run("test_model.py::test_other").assert_outcomes(passed=1)
        project.run("-k", "other").assert_outcomes(passed=1, deselected=1)
        project.run("--ignore=test_model.py").assert_outcomes()
        folder = project.pytester.mkdir("part")
        (folder / "test_part.py").write_text("def test_part():\n    pass\n")
        monkeypatch.chdir(folder)
        project.run().assert_outcomes(passed=1)

    def test_an_expected_failure_is_one(self, project: Project) -> None:
        project.write("""
@pytest.mark.xfail(strict=True)
@pytest.mark.speedacc(min_accuracy=0.9)
class TestKnown:
    def test_bad(self, speedacc):
        speedacc.check(lambda batch: 1 - model(batch), inputs, targets)

    def test_good(self, speedacc):
        speedacc.check(model, inputs, targets)
""")
        result = project.run("--speedacc-report=out.json")
        result.assert_outcomes(xfailed=1, failed=1)
        assert "skipped" not in output(result)
        gates = json.loads((project.pytester.path / "out.json").read_text())["gates"]
        assert [gate["verdict"] for gate in gates] == ["failed", "passed"]

    def test_measure_gives_the_same_numbers_for_assertions(self, project: Project) -> None:
        project.write("""
def test_it(speedacc):
    m = speedacc.measure(regression(), inputs, targets)
    assert m.accuracy > 0.9
    assert m.parameters == 5
    assert 0 < m.latency.median <= m.latency.p95 < 5
    assert m.model_size > 0 and m.memory >= 0
""")
        result = project.run("--speedacc-report=out.json")
        result.assert_outcomes(passed=1)
        assert json.loads((project.pytester.path / "out.json").read_text())["gates"] == []

    def test_a_skipped_gate_is_mentioned(self, project: Project) -> None:
        project.write("""
@pytest.mark.skip
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
""")
        result = project.run()
        result.assert_outcomes(skipped=1)
        assert_says(result, "1 gate was skipped: nothing was judged there.")


class TestBaselines:
    def test_a_story(self, project: Project) -> None:
        project.write(SOUND)
        first = project.run()
        assert first.parseoutcomes() == {"not_compared": 1}
        assert_says(first, f"not compared: test_model.py::test_it: accuracy: no baseline yet: create it with {UPDATE}")
        assert baselines(project) == []

        created = project.run("--speedacc-update", "--speedacc-reason=the first one")
        created.assert_outcomes(passed=1)
        [stored] = baselines(project)
        assert (stored["test"], stored["updated"]["reason"]) == ("test_model.py::test_it", "the first one")
        assert stored["parameters"] == 5

        project.run("--speedacc-not-compared=fail").assert_outcomes(passed=1)
        assert baselines(project) == [stored]

        project.write(WORSE)
        worse = project.run()
        worse.assert_outcomes(failed=1)
        assert_says(worse, f"accept it: {UPDATE}")
        project.run("--speedacc-missing").assert_outcomes(failed=1)
        assert baselines(project) == [stored]

        project.run("--speedacc-update", "--speedacc-reason=smaller is enough").assert_outcomes(passed=1)
        [accepted] = baselines(project)
        assert accepted["updated"]["reason"] == "smaller is enough"
        assert accepted["accuracy"]["value"] < stored["accuracy"]["value"]
        project.run("--speedacc-not-compared=fail").assert_outcomes(passed=1)

        project.write(SOUND)
        project.run("--speedacc-not-compared=fail").assert_outcomes(passed=1)

    def test_an_update_does_not_accept_what_violates_a_limit(self, project: Project) -> None:
        project.write(SOUND.replace("max_parameters=5", "max_parameters=4"))
        result = project.run("--speedacc-update")
        result.assert_outcomes(failed=1)
        assert_says(result, "Note: speedacc-baselines*.json was not written, because a limit is violated.")
        assert baselines(project) == []

    def test_an_update_that_is_not_written_shows_no_baseline_that_does_not_exist(self, project: Project) -> None:
        def gate(at_least: float, wrong: int) -> str:
            marker = f'@pytest.mark.speedacc(min_accuracy={at_least}, max_accuracy_drop="50 pp")'
            wrongly = f"np.where(batch[:, 1] < np.sort(inputs[:, 1])[{wrong}], 1 - model(batch), model(batch))"
            return f"{marker}\ndef test_it(speedacc):\n    speedacc.check(lambda batch: {wrongly}, inputs, targets)\n"

        def shown() -> tuple[float | None, dict[str, str], dict[str, str]]:
            [failed] = report(project, "--speedacc-update")["gates"]
            [former] = [row["reference"] for row in failed["measured"] if row["metric"] == "accuracy"]
            assert any("was not written, because a limit is violated" in note for note in failed["notes"])
            outcomes, reasons = (
                {each["setting"]: each[field] for each in failed["checks"]} for field in ("outcome", "reason")
            )
            return former, outcomes, reasons

        project.write(gate(0.9, wrong=45))
        former, outcomes, _ = shown()
        assert former is None
        assert outcomes == {"min_accuracy": "failed", "max_accuracy_drop": "not_compared"}
        project.write(gate(0.9, wrong=0))
        project.run("--speedacc-update").assert_outcomes(passed=1)
        before = baselines(project)
        project.write(gate(0.9, wrong=45))
        former, outcomes, _ = shown()
        assert former == 1
        assert outcomes == {"min_accuracy": "failed", "max_accuracy_drop": "failed"}
        assert baselines(project) == before
        [path] = project.pytester.path.glob("speedacc-baselines/*.json")
        path.write_text("{}")
        _, outcomes, reasons = shown()
        assert outcomes == {"min_accuracy": "failed", "max_accuracy_drop": "not_compared"}
        assert "is damaged at $.schema" in reasons["max_accuracy_drop"]

    def test_an_update_with_nothing_new_leaves_the_file_and_its_reason(self, project: Project) -> None:
        folder = project.pytester.path / "speedacc-baselines"

        def files() -> dict[str, tuple[bytes, int]]:
            return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}

        project.write(SOUND)
        project.run("--speedacc-update", "--speedacc-reason=the first one").assert_outcomes(passed=1)
        before = files()
        again = project.run("--speedacc-update", "--speedacc-reason=another")
        again.assert_outcomes(passed=1)
        assert_says(again, "test_it.json was not written: nothing that is compared has changed")
        assert files() == before
        [arrays] = folder.glob("*.npz")
        arrays.write_bytes(b"")
        project.run("--speedacc-update", "--speedacc-reason=mended").assert_outcomes(passed=1)
        assert baselines(project)[0]["updated"]["reason"] == "mended"
        assert files()[arrays.name][0] == before[arrays.name][0]

    def test_missing_writes_only_what_is_missing(self, project: Project) -> None:
        project.write(SOUND)
        project.run("--speedacc-update", "--speedacc-reason=old")
        project.write(SOUND + SOUND.replace("test_it", "test_new"))
        project.run("--speedacc-missing", "--speedacc-reason=new").assert_outcomes(passed=2)
        reasons = {it["test"]: it["updated"]["reason"] for it in baselines(project)}
        assert reasons == {"test_model.py::test_it": "old", "test_model.py::test_new": "new"}

    def test_an_update_mends_a_damaged_file(self, project: Project) -> None:
        project.write(SOUND)
        project.run("--speedacc-update")
        [path] = project.pytester.path.glob("speedacc-baselines/*.json")
        path.write_text("{")
        project.run().assert_outcomes(failed=1)
        project.run("--speedacc-update").assert_outcomes(passed=1)
        project.run("--speedacc-not-compared=fail").assert_outcomes(passed=1)

    @pytest.mark.parametrize("option", ["--collect-only", "--setup-plan"])
    def test_a_run_that_runs_no_test_writes_none(self, project: Project, option: str) -> None:
        project.write(SOUND)
        assert project.run(option, "--speedacc-update").ret == pytest.ExitCode.OK
        assert baselines(project) == []


# The budget has room for ten calls or so of this model, and p99 needs hundreds; its median is plain to see.
UNDECIDED = """
@pytest.mark.speedacc(max_latency_p99="1 h")
def test_undecided(speedacc):
    speedacc.check(regression(), inputs, targets)
"""
DECIDED = """
@pytest.mark.speedacc(max_latency="1 h")
def test_decided(speedacc):
    speedacc.check(regression(), inputs, targets)
"""


@pytest.mark.parametrize(("tolerance", "is_said"), [("", True), ('max_accuracy_drop="0 pp", ', False)])
def test_a_baseline_that_holds_nothing_says_so(project: Project, tolerance: str, is_said: bool) -> None:
    project.write(DECIDED.replace("max_latency", f"{tolerance}max_latency"))
    result = project.run("--speedacc-update")
    result.assert_outcomes(passed=1)
    assert ("no tolerance is set, so no later change is held against" in output(result)) == is_said


class TestInconclusive:
    def test_it_is_counted_as_that_and_passes(self, project: Project) -> None:
        project.write(UNDECIDED)
        result = project.run(budget="0.001")
        assert result.ret == pytest.ExitCode.OK
        assert result.parseoutcomes() == {"inconclusive": 1}
        assert_says(result, "test_model.py i *")
        assert_says(result, "inconclusive: test_model.py::test_undecided: latency p99: *")
        # Once in the table and once with its reason.
        assert "warnings summary" not in str(result.stdout)

    def test_each_test_has_its_word(self, project: Project) -> None:
        named = UNDECIDED.replace("inputs, targets)", 'inputs, targets, name="a: name.verdict")')
        project.write(named + SOUND.replace("test_it", "test_new") + DECIDED + "def test_plain(): pass")
        result = project.run("-v", budget="0.001")
        assert result.parseoutcomes() == {"inconclusive": 1, "not_compared": 1, "passed": 2}
        for line in ("test_undecided INCONCLUSIVE *", "test_new NOT_COMPARED *", "test_decided PASSED *"):
            assert_says(result, f"test_model.py::{line}")

    def test_properties_of_others_are_none_of_ours(self, project: Project) -> None:
        project.write(
            DECIDED
            + """
def test_plain(record_property):
    record_property(1, [2])
    record_property(None, "failed")
"""
        )
        assert project.run(budget="0.001").parseoutcomes() == {"passed": 2}

    def test_what_is_expected_to_fail_and_what_is_told_to_fail_keep_their_words(self, project: Project) -> None:
        project.write(UNDECIDED + "@pytest.mark.xfail" + UNDECIDED.replace("test_undecided", "test_expected"))
        assert project.run(budget="0.001").parseoutcomes() == {"inconclusive": 1, "xpassed": 1}
        failing = project.run("--speedacc-inconclusive=fail", budget="0.001")
        assert failing.parseoutcomes() == {"failed": 1, "xfailed": 1}

    def test_in_ci_it_is_enough_that_something_was_decided(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        project.write(UNDECIDED + DECIDED)
        result = project.run(budget="0.001")
        assert result.ret == pytest.ExitCode.OK
        assert result.parseoutcomes() == {"inconclusive": 1, "passed": 1}

    def test_in_ci_a_run_without_latency_limits_is_not_undecided(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CI", "true")
        project.write("""
@pytest.mark.speedacc(min_accuracy=0.9)
def test_it(speedacc):
    speedacc.check(model, inputs, targets)
""")
        assert project.run(budget="0.001").ret == pytest.ExitCode.OK

    @pytest.mark.parametrize("option", [(), ("--speedacc-inconclusive=warn",)], ids=["pyproject", "overruled"])
    def test_pyproject_decides_unless_the_command_line_does(self, project: Project, option: tuple[str, ...]) -> None:
        project.write(UNDECIDED, 'inconclusive = "fail"')
        assert project.run(*option, budget="0.001").ret == (0 if option else 1)


def test_a_printed_command_works_where_the_user_stands(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write(SOUND, 'max_parameters_increase = "0 %"')
    above = project.pytester.path.parent
    monkeypatch.chdir(above)
    folder = project.pytester.path
    result = project.run(f"--rootdir={folder}", f"-c{folder / 'pyproject.toml'}", str(folder))
    # Node ids start from pytest's root directory, which is not where this run was started.
    assert_says(result, f'python -m pytest "{folder.name}/test_model.py::test_it" --speedacc-update')
