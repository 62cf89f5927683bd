"""The action and the examples for CI: what they name is there, and each step that needs no network is run."""

from __future__ import annotations

import configparser
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from report.report_examples import FULL, GREEN
from test_workflows import missing_files, pytest_options, steps, unknown

from pytest_speedacc.report.document import write_json
from pytest_speedacc.report.shard import Shard
from pytest_speedacc.report.summary import RunReport

yaml = pytest.importorskip("yaml")

# Python's version changes nothing here.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
ACTION = ROOT / "action.yml"
GITLAB = ROOT / "examples/gitlab-ci/.gitlab-ci.yml"
SHELL = ROOT / "examples/shell/gate.sh"
EXAMPLES = sorted(ROOT.glob("examples/github-actions/*.yml"))
USERS = [*ROOT.glob(".github/workflows/*.yml"), ACTION, *EXAMPLES, ROOT / "README.md", ROOT / "docs/ci.md"]
EXPRESSION = re.compile(r"\$\{\{ (.*?) \}\}")
PYTHON = f"""#!/bin/bash
if [ "$1" = -m ]; then
    printf '%s\\n' "$*" >> "$CALLS"
    case "$2 $3" in
        "pip show") exit "${{MISSING:-0}}" ;;
        pip*) exit 0 ;;
        pytest_speedacc*) exec {shlex.quote(sys.executable)} "$@" ;;
    esac
    for argument; do
        case "$argument" in --speedacc-report=*) [ -n "${{LEAVES:-}}" ] || echo '{{}}' > "${{argument#*=}}" ;; esac
    done
    exit "${{FAILS:-0}}"
fi
exec {shlex.quote(sys.executable)} "$@"
"""
"""Notes how it is called; it installs nothing, and runs as pytest does that fails, or leaves before its report."""
GH = """#!/bin/bash
printf '%s\\n' "$*" >> "$CALLS"
case "$*" in
    *--method\\ GET*) echo "$PULLS" ;;
    *--paginate*) echo "$COMMENTS" ;;
esac | if [ "${@: -2:1}" = --jq ]; then jq -r "${@: -1}"; fi
"""
"""Notes how it is called, and knows some pull requests and comments."""


@dataclass(frozen=True)
class Runner:
    """What runs the steps of a job: a folder, and programs that note how they are called."""

    folder: Path

    def run(
        self, step: Mapping[str, Any], values: Mapping[str, str] | None = None, **variables: str
    ) -> tuple[int, str]:
        """The exit code of a step with its expressions filled in, and what it wrote."""

        def filled(text: object) -> str:
            return EXPRESSION.sub(lambda found: (values or {})[found[1]], str(text))

        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", filled(step["run"])],
            cwd=self.folder,
            env={**self.environment(), **{k: filled(v) for k, v in step.get("env", {}).items()}, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return done.returncode, done.stdout

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "CALLS": str(self.folder / "calls"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary.md"),
        }

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text("utf-8").splitlines()

    @property
    def summary(self) -> str:
        return (self.folder / "summary.md").read_text("utf-8")


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose workspace has the example's script where the examples look for it."""
    (tmp_path / "bin").mkdir()
    for name, text in {"python": PYTHON, "gh": GH}.items():
        (tmp_path / "bin" / name).write_text(text, "utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / ".github").mkdir()
    script = ROOT / "examples/github-actions/speedacc_comment.py"
    (tmp_path / ".github" / script.name).write_bytes(script.read_bytes())
    (tmp_path / "reports").mkdir()
    return Runner(tmp_path)


def action() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(ACTION.read_text("utf-8"))
    return loaded


def given(**inputs: str) -> dict[str, str]:
    """The expressions of the action, with its defaults."""
    defaults = {name: entry["default"] for name, entry in action()["inputs"].items()}
    assert inputs.keys() <= defaults.keys()
    return {f"inputs.{name}": value for name, value in {**defaults, **inputs}.items()} | {
        "github.action_path": "/the action",
        "steps.upload.outputs.artifact-url": "https://github.com/o/r/actions/runs/1/artifacts/2",
    }


def step_of_action(name: str) -> dict[str, Any]:
    (step,) = [step for step in action()["runs"]["steps"] if step["name"] == name]
    return step


def runs(name: str) -> list[dict[str, Any]]:
    """What every job of an example runs itself."""
    jobs = steps((ROOT / "examples/github-actions" / name).read_text("utf-8"))
    return [
        dict(step.content) | {"run": step.filled(step.content["run"])}
        for job in jobs
        for step in job
        if "run" in step.content
    ]


def test_there_are_examples() -> None:
    assert [path.name for path in EXAMPLES] == [
        "comment.yml",
        "main.yml",
        "matrix.yml",
        "pull-request.yml",
        "shards.yml",
    ]


def test_the_linters_are_given_every_one() -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "tox.ini")
    lint = parser["testenv:lint"]
    names = {path.relative_to(ROOT).as_posix() for path in EXAMPLES}
    assert set(lint["examples"].replace("\\", "").split()) == names
    commands = lint["commands"].splitlines()
    for tool in ("vendor.github-workflows", "zizmor"):
        assert [tool in line for line in commands if "{[testenv:lint]examples}" in line].count(True) == 1
    assert any("actionlint" in line and '"examples/github-actions/*.yml"' in line for line in commands)
    assert any("vendor.github-actions action.yml" in line for line in commands)
    assert any(f"vendor.gitlab-ci {GITLAB.relative_to(ROOT)}" in line for line in commands)


def test_every_action_is_pinned_and_to_one_version() -> None:
    pins: dict[str, set[str]] = {}
    for path in USERS:
        for used in re.findall(r"uses: (\S+?)@(\S+ # v[\d.]+)", path.read_text("utf-8")):
            pins.setdefault(used[0], set()).add(used[1])
        unpinned = re.findall(
            r"uses: (?!\./|OWNER/)\S+@(?![0-9a-f]{40} # v\d+\.\d+\.\d+$)\S+", path.read_text("utf-8"), re.M
        )
        assert unpinned == []
    assert {name: len(versions) for name, versions in pins.items()} == dict.fromkeys(pins, 1)


@pytest.mark.parametrize("path", [*EXAMPLES, GITLAB, SHELL], ids=lambda path: path.name)
def test_every_option_exists(path: Path) -> None:
    commands = [shlex.split(line.strip(" -")) for line in path.read_text("utf-8").splitlines() if "-m pytest " in line]
    words = [word for command in commands for word in command[command.index("pytest") + 1 :]]
    assert unknown([word for word in words if word != "$@"], pytest_options()) == []
    assert commands or path.name == "comment.yml"


def test_the_action_hands_on_what_the_plugin_says_of_the_run() -> None:
    outputs = {name: entry["value"] for name, entry in action()["outputs"].items()}
    link = outputs.pop("artifact-url")
    assert outputs == {
        name: f"${{{{ steps.gates.outputs.{name} }}}}" for name in ("verdict", "failed", "inconclusive", "report")
    }
    assert link == "${{ steps.upload.outputs.artifact-url }}"
    assert step_of_action("Upload the report")["with"]["path"] == "${{ inputs.report }}"


class TestActionInstalls:
    def test_what_it_is_told_to_an_argument_a_line(self, runner: Runner) -> None:
        values = given(install="--editable=.[test]\n\n--constraint=my constraints.txt; rm -rf $HOME\n")
        assert runner.run(step_of_action("Install"), values) == (0, "")
        assert runner.calls == [
            "-m pip install --editable=.[test] --constraint=my constraints.txt; rm -rf $HOME",
            "-m pip show --quiet pytest-speedacc",
        ]

    def test_its_own_copy_where_the_project_names_none(self, runner: Runner) -> None:
        assert runner.run(step_of_action("Install"), given(), MISSING="1") == (0, "")
        assert runner.calls == ["-m pip show --quiet pytest-speedacc", "-m pip install /the action[live]"]


class TestActionRuns:
    def test_what_it_is_told_to_an_argument_a_line(self, runner: Runner) -> None:
        values = given(tests="tests/a folder\ntests/other\n", options="-k=not slow\n", report="out.json")
        assert runner.run(step_of_action("Run the gates"), values) == (0, "")
        assert runner.calls == [
            "-m pytest tests/a folder tests/other -k=not slow --speedacc-against=auto --speedacc-report=out.json"
        ]

    def test_without_a_base(self, runner: Runner) -> None:
        assert runner.run(step_of_action("Run the gates"), given(against="")) == (0, "")
        assert runner.calls == ["-m pytest --speedacc-report=speedacc.json"]

    def test_a_failure_is_its_failure(self, runner: Runner) -> None:
        assert runner.run(step_of_action("Run the gates"), given(), FAILS="1") == (1, "")

    def test_a_report_of_an_earlier_run_is_none_of_this_one(self, runner: Runner) -> None:
        (runner.folder / "speedacc.json").write_text("{}")
        assert runner.run(step_of_action("Run the gates"), given(), LEAVES="early") == (1, "")

    @pytest.mark.parametrize("run", [GREEN, FULL], ids=["passed", "failed"])
    def test_a_page_is_made_of_the_report_once_the_gates_have_run(self, runner: Runner, run: RunReport) -> None:
        pytest.importorskip("jinja2")
        write_json(runner.folder / "speedacc.json", run)
        outputs = runner.folder / "outputs"
        variables = {"GITHUB_OUTPUT": str(outputs), "GITHUB_ACTIONS": "true"}
        code, _ = runner.run(step_of_action("Make the page"), given(), **variables)
        assert code == 0
        assert runner.calls == [
            "-m pip install --quiet jinja2 matplotlib",
            "-m pytest_speedacc merge speedacc.json --output speedacc.html",
        ]
        assert outputs.read_text() == "page=speedacc.html\n"
        assert (runner.folder / "speedacc.html").read_text("utf-8").startswith("<!doctype html>")
        # The run wrote it.
        assert not (runner.folder / "summary.md").exists()

    def test_no_page_of_an_earlier_run_is_uploaded(self, runner: Runner) -> None:
        (runner.folder / "speedacc.json").write_text("{}")
        (runner.folder / "speedacc.html").write_text("of yesterday")
        code, said = runner.run(step_of_action("Make the page"), given(), GITHUB_OUTPUT=str(runner.folder / "outputs"))
        assert (code, "is no report of --speedacc-report" in said) == (1, True)
        assert not (runner.folder / "outputs").exists()

    @pytest.mark.parametrize("report", ["speedacc.html", "speedacc.json"])
    def test_what_is_a_page_already_or_not_there_is_left_as_it_is(self, runner: Runner, report: str) -> None:
        outputs = runner.folder / "outputs"
        step = step_of_action("Make the page")
        assert runner.run(step, given(report=report), GITHUB_OUTPUT=str(outputs)) == (0, "")
        assert outputs.read_text() == f"page={report}\n"
        assert not (runner.folder / "calls").exists()

    def test_the_report_is_linked(self, runner: Runner) -> None:
        (runner.folder / "summary.md").write_text("### All gates passed\n")
        assert runner.run(step_of_action("Link the report"), given()) == (0, "")
        link = "[The whole report](https://github.com/o/r/actions/runs/1/artifacts/2)"
        assert runner.summary == f"### All gates passed\n\n{link}\n"


REPORT = {
    "schema": 1,
    "live": {
        "base": "1" * 40,
        "removed": [],
        "loosened": ["test_it.py::test_it: 3 % was 1 %"],
        "changed_baselines": [],
    },
    "gates": [
        {
            "test": "tests/test_it.py::test_it",
            "name": "",
            "verdict": "failed",
            "error": None,
            "checks": [
                {
                    "metric": "latency",
                    "statistic": "median",
                    "slice": None,
                    "observed": 0.206,
                    "unit": "change",
                    "allowed": "worse by at most 3 %",
                    "outcome": "failed",
                    "reason": "179 µs in the last launch",
                },
                {"outcome": "passed"},
            ],
        },
        {"test": "tests/test_it.py::test_other", "name": "small", "verdict": "passed", "error": None, "checks": []},
    ],
}
COMMENT = """<!-- speedacc -->
### ❌ Model gates: failure

2 gates: 1 failed, 1 passed.
[The run](https://github.com/o/r/actions/runs/1)

* compared with 111111111111
* **loosened**: `test_it.py::test_it: 3 % was 1 %`

| gate | axis | observed | allowed | verdict |
|---|---|--:|---|---|
| `tests/test_it.py::test_it` | `latency median` | +20.6% | `worse by at most 3 %` | ❌ `179 µs in the last launch` |
"""
TRUSTED = {
    "github.event.workflow_run.conclusion": "failure",
    "github.event.workflow_run.html_url": "https://github.com/o/r/actions/runs/1",
    "github.event.workflow_run.head_branch": "feature",
    "github.event.workflow_run.head_repository.owner.login": "somebody",
    "github.event.workflow_run.head_sha": "2" * 40,
    "github.repository": "o/r",
    "github.token": "secret",
}


def report_of(runner: Runner, content: object) -> None:
    text = content if isinstance(content, str) else json.dumps(content)
    (runner.folder / "reports/speedacc.json").write_text(text, "utf-8", "surrogatepass")


def change(place: str, value: object) -> dict[str, Any]:
    """The report with another value at a place, as in ``gates.0.test``."""
    changed: dict[str, Any] = json.loads(json.dumps(REPORT))
    *path, last = place.split(".")
    inner: Any = changed
    for key in path:
        inner = inner[int(key) if key.isdigit() else key]
    inner[last] = value
    return changed


class TestComment:
    def test_it_says_what_the_report_holds(self, runner: Runner) -> None:
        report_of(runner, REPORT)
        say, _ = runs("comment.yml")
        assert runner.run(say, TRUSTED) == (0, "")
        assert (runner.folder / "comment.md").read_text("utf-8") == COMMENT

    def test_what_was_lost_or_refused_is_why_a_run_failed(self, runner: Runner) -> None:
        refused = {"schema": 2, "live": None, "gates": [], "lost": [], "problems": ["HEAD is `shallow`.\n\n    with:"]}
        report_of(runner, refused)
        say, _ = runs("comment.yml")
        assert runner.run(say, TRUSTED) == (0, "")
        text = (runner.folder / "comment.md").read_text("utf-8")
        assert "0 gates: none." in text
        assert "* **problem**: `HEAD is 'shallow'.      with:`\n" in text
        lost = {
            **change("live.removed", ["t.py::a"]),
            "schema": 2,
            "lost": ["Lost gate: t.py::a", "Lost gate: t.py::b"],
        }
        report_of(runner, lost)
        assert runner.run(say, TRUSTED) == (0, "")
        told = [line for line in (runner.folder / "comment.md").read_text("utf-8").splitlines() if "lost" in line]
        # That of a live run is one of them.
        assert told == ["* **lost**: `Lost gate: t.py::a`", "* **lost**: `Lost gate: t.py::b`"]

    @pytest.mark.parametrize(
        "place", ["gates.0.test", "gates.0.checks.0.reason", "gates.0.checks.0.metric", "gates.0.error"]
    )
    def test_a_text_stays_between_its_backticks(self, runner: Runner, place: str) -> None:
        hostile = (
            "`x` | @everyone \\| ![](https://evil/x.png) <img src=x>\n\n# Approved\r\u202e\ud800 [a](javascript:b) #1"
        )
        report_of(runner, change(place, hostile))
        say, _ = runs("comment.yml")
        assert runner.run(say, TRUSTED) == (0, "")
        text = (runner.folder / "comment.md").read_text("utf-8")
        shown = "'x' ¦ @everyone /¦ ![](https://evil/x.png) <img src=x>  # Approved    [a](javascript:b) #1"
        assert f"`{shown}" in text
        for outside in re.sub("`[^`]*`", "", text).splitlines():
            assert not re.search("@|evil|<img|Approved|javascript", outside)
        rows = [line for line in text.splitlines() if line.startswith("| `")]
        assert rows
        assert {row.count("|") for row in rows} == {6}

    def test_it_is_short_whatever_the_report_holds(self, runner: Runner) -> None:
        (gate, *_) = REPORT["gates"]
        report = change("gates", [{**gate, "test": "x" * 10_000}] * 2_000)
        report["live"]["loosened"] = ["y" * 10_000] * 50
        report_of(runner, report)
        say, _ = runs("comment.yml")
        code, said = runner.run(say, TRUSTED)
        assert (code, "has more than 8,388,608 bytes" in said) == (1, True)
        report["gates"] = report["gates"][:500]
        report_of(runner, report)
        assert runner.run(say, TRUSTED) == (0, "")
        text = (runner.folder / "comment.md").read_text("utf-8")
        assert len(text) < 40_000
        assert "* and 21 more" in text
        assert "| and 470 more |" in text

    @pytest.mark.parametrize(
        ("content", "why"),
        [
            ("", "is no JSON"),
            ("[" * 100_000, "is no JSON"),
            ("[]", "the report is no dict"),
            ('{"schema": NaN}', "NaN is no number"),
            (change("schema", 99), "a schema that is not known here"),
            (change("gates", {}), "gates is no list"),
            (change("gates", [1]), "gates is no dict"),
            (change("gates", [{}] * 5_001), "gates has 5,001 entries"),
            (change("gates.0.verdict", "approved"), "verdict is none of failed, not_compared, inconclusive, passed"),
            (change("gates.0.test", ["x"]), "test is no str"),
            (change("gates.0.checks.0.observed", "0.1"), "observed is no number"),
            (change("gates.0.checks.0.observed", True), "observed is no number"),
            (change("gates.0.checks.0.observed", 10**400), "observed is no number"),
            (change("gates.0.checks.0.unit", 5), "unit is no"),
            (change("live.base", "main"), "live.base is no commit"),
            (change("live.removed", "x"), "live.removed is no list"),
            (change("live.removed", [1]), "live.removed is no str"),
        ],
        ids=lambda value: value if isinstance(value, str) and len(value) < 60 else "",
    )
    def test_what_is_no_report_is_refused(
        self, runner: Runner, content: object, why: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        report_of(runner, content)
        main = runpy.run_path(str(runner.folder / ".github/speedacc_comment.py"))["main"]
        assert main([str(runner.folder / "reports/speedacc.json")]) == 1
        written = capsys.readouterr()
        assert written.out == ""
        assert why in written.err

    def test_a_refusal_ends_the_job(self, runner: Runner) -> None:
        report_of(runner, "")
        say, _ = runs("comment.yml")
        assert runner.run(say, TRUSTED) == (1, "speedacc_comment: reports/speedacc.json is no JSON: JSONDecodeError\n")


@pytest.mark.skipif(shutil.which("jq") is None, reason="gh has a jq of its own, which jq stands in for")
class TestPost:
    def post(self, runner: Runner, branch: str = "feature", head: str = "2" * 40, comments: object = ()) -> str:
        """Post the comment where one pull request has this head; returns what it says."""
        _, step = runs("comment.yml")
        pulls = [{"number": 6, "head": {"sha": "3" * 40}}, {"number": 7, "head": {"sha": head}}]
        values = TRUSTED | {"github.event.workflow_run.head_branch": branch}
        code, said = runner.run(step, values, PULLS=json.dumps(pulls), COMMENTS=json.dumps(comments))
        assert code == 0, said
        return said

    def test_it_is_written_to_the_pull_request_whose_head_was_run(self, runner: Runner) -> None:
        somebody = {"id": 41, "user": {"login": "somebody"}, "body": "<!-- speedacc -->"}
        other = {"id": 42, "user": {"login": "github-actions[bot]"}, "body": "Thank you <!-- speedacc -->"}
        empty = {"id": 43, "user": {"login": "github-actions[bot]"}, "body": None}
        assert self.post(runner, comments=[somebody, other, empty]) == ""
        found, listed, written = runner.calls
        assert found.startswith("api --method GET repos/o/r/pulls -f state=open -f head=somebody:feature --jq ")
        assert listed.startswith("api --paginate repos/o/r/issues/7/comments --jq ")
        assert written == "api --silent --method POST repos/o/r/issues/7/comments -F body=@comment.md"

    def test_it_is_written_once_and_then_renewed(self, runner: Runner) -> None:
        own = [{"id": each, "user": {"login": "github-actions[bot]"}, "body": COMMENT} for each in (44, 45)]
        assert self.post(runner, comments=own) == ""
        assert runner.calls[-1] == "api --silent --method PATCH repos/o/r/issues/comments/44 -F body=@comment.md"

    def test_a_pull_request_that_moved_on_gets_none(self, runner: Runner) -> None:
        said = self.post(runner, head="4" * 40)
        assert said == f"No open pull request has {'2' * 40} as its head: it has moved on, or is closed.\n"
        assert len(runner.calls) == 1

    def test_a_branch_is_data(self, runner: Runner) -> None:
        hostile = '$(touch owned)";`touch owned`'
        self.post(runner, branch=hostile)
        assert f"head=somebody:{hostile}" in runner.calls[0]
        assert not (runner.folder / "owned").exists()


class TestOtherExamples:
    @pytest.mark.parametrize("name", ["pull-request.yml", "main.yml"])
    def test_the_gates_are_run_against_what_was_there_before(self, runner: Runner, name: str) -> None:
        for step in runs(name):
            assert runner.run(step) == (0, "")
        assert runner.calls == [
            "-m pip install -e .[test]",
            "-m pytest tests --speedacc-against=auto --speedacc-report=speedacc.json",
        ]
        assert runner.run(runs(name)[-1], FAILS="1")[0] == 1

    def test_a_matrix_says_in_one_place_what_all_of_it_found(self, runner: Runner) -> None:
        *gates, say, decide = runs("matrix.yml")
        for step in gates:
            assert runner.run(step) == (0, "")
        reports = [call.rpartition("=")[2] for call in runner.calls if "pytest tests" in call]
        assert reports == ["speedacc-3.11.json", "speedacc-3.12.json", "speedacc-3.13.json"]
        for report in reports:
            write_json(runner.folder / "reports" / report, FULL)
        code, said = runner.run(say, GITHUB_ACTIONS="true")
        assert code == 1
        assert "6 of 9 model gates failed: digits (small, speedacc-3.11) has f1 [night] 0.95" in said
        assert runner.summary.startswith("### ❌ 6 of 9 model gates failed: `digits (small, speedacc-3.11)`")
        assert "| `digits (small, speedacc-3.12)` | f1 \\[night\\] | 0.96 | 0.95 |" in runner.summary
        assert (runner.folder / "speedacc.html").read_text("utf-8").startswith("<!doctype html>")
        assert runner.run(decide, {"needs.gate.result": "failure"})[0] == 1
        assert runner.run(decide, {"needs.gate.result": "success"}) == (0, "")

    def test_a_matrix_that_passed_passes(self, runner: Runner) -> None:
        for version in ("3.11", "3.12"):
            write_json(runner.folder / f"reports/speedacc-{version}.json", GREEN)
        say = runs("matrix.yml")[-2]
        code, said = runner.run(say)
        assert (code, said.splitlines()[0]) == (0, "2 model gates passed")

    def test_a_matrix_without_a_report_fails(self, runner: Runner) -> None:
        say = runs("matrix.yml")[-2]
        code, said = runner.run(say)
        assert code == 2
        assert "cannot be read: No such file or directory" in said

    def test_shards_are_one_report_and_a_missing_one_fails_it(self, runner: Runner) -> None:
        *gates, say, decide = runs("shards.yml")
        for step in gates:
            assert runner.run(step) == (0, "")
        called = [call.split()[3:] for call in runner.calls if "pytest tests" in call]
        assert [words[1] for words in called] == [f"--speedacc-shard={part}/4" for part in (1, 2, 3, 4)]
        for part, words in enumerate(called, start=1):
            report = runner.folder / "reports" / words[-1].rpartition("=")[2]
            verdicts = tuple(replace(each, test=f"{each.test}_{part}") for each in GREEN.verdicts)
            write_json(report, replace(GREEN, verdicts=verdicts, shard=Shard(part, 4, 1, 4, "0123")))
        code, said = runner.run(say, GITHUB_ACTIONS="true")
        assert (code, said.splitlines()[0]) == (0, "4 model gates passed")
        assert runner.run(decide, {"needs.gate.result": "success"}) == (0, "")
        report.unlink()
        code, said = runner.run(say)
        assert code == 1
        assert "The report of shard 4 of 4 is missing" in said

    def test_gitlab_runs_the_same(self, runner: Runner) -> None:
        job = yaml.safe_load(GITLAB.read_text("utf-8"))["models"]
        assert runner.run({"run": "\n".join(job["script"])}) == (0, "")
        assert runner.calls[-1] == "-m pytest tests --speedacc-against=auto --speedacc-report=speedacc.json"
        assert job["artifacts"]["paths"] == ["speedacc.json"]

    def test_the_files_that_the_examples_name_are_there(self) -> None:
        names = re.findall(r"\]\((\.\./examples/[^)]+)\)", (ROOT / "docs/ci.md").read_text("utf-8"))
        assert missing_files([name.removeprefix("../") for name in names]) == []
        assert {Path(name).name for name in names} >= {path.name for path in (*EXAMPLES, GITLAB, SHELL)}


class TestPlainShell:
    @pytest.fixture
    def clone(self, runner: Runner) -> Path:
        """A clone with one commit of a branch, whose origin has main."""

        def git(*arguments: str, folder: Path) -> None:
            who = ("-c", "user.name=S", "-c", "user.email=s@example.org", "-c", "commit.gpgsign=false")
            subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)

        origin = runner.folder / "origin"
        origin.mkdir()
        git("init", "--initial-branch=main", folder=origin)
        for message in ("one", "two"):
            git("commit", "--allow-empty", "-m", message, folder=origin)
        git("switch", "--create", "feature", folder=origin)
        git("commit", "--allow-empty", "-m", "three", folder=origin)
        git("clone", "--depth=1", "--branch=feature", origin.as_uri(), "clone", folder=runner.folder)
        return runner.folder / "clone"

    def test_it_fetches_the_base_and_runs_the_gates(self, runner: Runner, clone: Path) -> None:
        (clone / "speedacc.json").write_text("{}")
        assert runner.run({"run": f"cd clone && '{SHELL}' -k fast"}) == (0, "")
        assert runner.calls == [
            "-m pytest tests --speedacc-against=origin/main --speedacc-report=speedacc.json -k fast"
        ]
        assert runner.run({"run": "cd clone && git merge-base HEAD origin/main"})[0] == 0

    @pytest.mark.parametrize("variables", [{"FAILS": "1"}, {"LEAVES": "early"}, {"BASE": "origin/none"}])
    def test_what_fails_or_comes_to_nothing_fails(
        self, runner: Runner, clone: Path, variables: Mapping[str, str]
    ) -> None:
        (clone / "speedacc.json").write_text("{}")
        assert runner.run({"run": f"cd clone && '{SHELL}'"}, **variables)[0] != 0
