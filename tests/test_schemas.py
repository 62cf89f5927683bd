"""The JSON Schemas, held against real files, the package's own readers of them, and other people's tools."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from baseline.baseline_examples import BASELINE as STORED
from baseline.baseline_examples import SLOWER
from msgspec.structs import replace
from report.report_examples import FULL, GREEN, OF_EIGHT
from schema_checks import BASELINE, REPORT, faults_of, is_one, validator
from scratch_project import SIZED, Project

from pytest_speedacc.baseline.document import decode_document, encode_document
from pytest_speedacc.baseline.schema import StoredMetric, StoredRatio, StoredTraining
from pytest_speedacc.cli.main import main
from pytest_speedacc.errors import ConfigError, GateError
from pytest_speedacc.report.document import run_document
from pytest_speedacc.report.merging import merge
from pytest_speedacc.report.reading import read_report
from pytest_speedacc.report.summary import RunReport
from pytest_speedacc.schemas import schema_names, schema_text

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(ROOT.glob("examples/*/pyproject.toml"))
SCRIPTS = Path(sysconfig.get_path("scripts"))
Place = tuple[str | int, ...]


@pytest.mark.parametrize("name", schema_names())
class TestEach:
    def test_it_is_a_schema_that_says_what_it_is(self, name: str) -> None:
        schema = json.loads(schema_text(name))
        validator(name).check_schema(schema)
        assert schema["$id"] == f"https://pytest-speedacc.invalid/schemas/{name}.json"
        assert schema["title"]
        assert schema["description"]

    def test_the_command_line_prints_it(self, name: str, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["schema", name]) == 0
        assert capsys.readouterr().out == schema_text(name)


def test_every_part_and_every_field_of_a_report_is_explained() -> None:
    for name in (REPORT, BASELINE):
        parts = json.loads(schema_text(name))["$defs"]
        assert [part for part, schema in parts.items() if "description" not in schema] == []
    parts = json.loads(schema_text(REPORT))["$defs"].values()
    assert [name for part in parts for name, field in part["properties"].items() if "description" not in field] == []


def places(document: object) -> list[Place]:
    """Where something stands in a document, from the inside out; of those that only the place in a list tells apart,
    one."""
    names = {tuple(key for key in place if isinstance(key, str)): place for place in _walk(document)}
    return list(names.values())


def _walk(value: object) -> Iterator[Place]:
    inner: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield from ((key, *rest) for rest in _walk(each))
        yield (key,)


def changed_at(document: Any, place: Place, *value: object) -> Any:
    """The document with another value at a place, or without it."""
    again = copy.deepcopy(document)
    inner = again
    for key in place[:-1]:
        inner = inner[key]
    if value:
        (inner[place[-1]],) = value
    else:
        del inner[place[-1]]
    return again


def fields_of(document: Any) -> list[Place]:
    """The places that have a name."""
    return [place for place in places(document) if isinstance(place[-1], str)]


def told(run: RunReport) -> Any:
    """The report, as a program reads it."""
    return json.loads(json.dumps(run_document(run)))


class TestReports:
    def test_what_tells_everything_is_one_and_so_is_what_tells_nothing(self) -> None:
        assert faults_of(told(OF_EIGHT), REPORT) == []
        assert faults_of(told(GREEN), REPORT) == []
        assert faults_of(told(merge({"3.11": FULL, "3.12": FULL})), REPORT) == []
        assert faults_of(told(RunReport(())), REPORT) == []

    def test_no_field_may_be_missing(self) -> None:
        whole = told(OF_EIGHT)
        # What is by a name of the user's: facts of an environment, libraries, policies.
        named = [place for place in fields_of(whole) if not {"environment", "choices"}.intersection(place[:-1])]
        kept = [place for place in named if is_one(changed_at(whole, place), REPORT)]
        assert (len(named) > 80, kept) == (True, [])

    def test_what_its_reader_refuses_is_refused(self, tmp_path: Path) -> None:
        """Something that fits nowhere, in the place of each value."""
        whole, path = told(OF_EIGHT), tmp_path / "report.json"
        for place in places(whole):
            wrong = changed_at(whole, place, [[{}]])
            path.write_text(json.dumps(wrong), "utf-8")
            with pytest.raises(ConfigError):
                read_report(path)
            assert not is_one(wrong, REPORT), place

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("gates", 0, "test"), "x" * 10_001),
            (("gates", 0, "notes"), ["x"] * 10_001),
            (("gates", 0, "checks", 0, "observed"), 1e301),
            (("gates", 0, "checks", 0, "outcome"), "fine"),
            (("gates", 0, "checks", 0, "interval"), [1]),
            (("gates", 0, "line"), -1),
            (("gates", 0, "measured", 0, "better"), None),
            (("live", "base"), "main; rm -rf /"),
            (("live", "base"), "a" * 41 + " "),
            (("scale", "requests"), []),
            (("scale",), None),
            (("verdict",), None),
        ],
    )
    def test_the_wrong_values_of_its_fields_are_refused(self, tmp_path: Path, place: Place, value: object) -> None:
        wrong, path = changed_at(told(OF_EIGHT), place, value), tmp_path / "report.json"
        path.write_text(json.dumps(wrong), "utf-8")
        with pytest.raises(ConfigError):
            read_report(path)
        assert not is_one(json.loads(path.read_text("utf-8")), REPORT)

    def test_an_older_report_is_none_of_this_version(self) -> None:
        assert not is_one({**told(OF_EIGHT), "schema": 1}, REPORT)

    def test_that_of_a_run_with_slices_trades_groups_and_axes_of_its_own_is_one(self, project: Project) -> None:
        """Failing, with a baseline beside it that is one as well. Those of live runs are checked wherever they run."""
        project.pytester.makeconftest(AXES)
        project.write(OWN.format(built="Sized(100_000, 0)"), SETTINGS)
        assert project.run("--speedacc-update").ret == pytest.ExitCode.OK
        project.write(OWN.format(built="Sized(1_000, 3)"), SETTINGS)
        assert project.run("--speedacc-report=out.json").ret == pytest.ExitCode.TESTS_FAILED
        document = json.loads((project.pytester.path / "out.json").read_text("utf-8"))
        assert faults_of(document, REPORT) == []
        (gate,) = document["gates"]
        assert (gate["verdict"], gate["group"]) == ("failed", "signs")
        assert gate["trades"]
        assert gate["at_scale"]
        assert {row["slice"] for row in gate["measured"]} == {"", "night"}
        assert {row["unit"] for row in gate["measured"]} >= {"J", "s", "B", "count", "score"}
        (stored,) = (project.pytester.path / "speedacc-baselines").glob("*.json")
        assert faults_of(json.loads(stored.read_text("utf-8")), BASELINE) == []


AXES = """
from pytest_speedacc import Axis

def pytest_speedacc_axes():
    energy = Axis("energy", "J", measure=lambda model, inputs: [3.0] * len(inputs))
    return [energy, Axis("margin", better="higher", noise=0.1)]
"""
SETTINGS = """
max_accuracy_drop = "0 pp"
max_energy = "4 J"
max_latency = "10 s"
min_margin = 0.1
requests = [1_000]
price_per_hour = 3.6
slices.night.min_accuracy = 0.5
trades = [{ give = { accuracy = "1 pp" }, gain = { model_size = "50 x" } }]
"""
OWN = f"""{SIZED}
@pytest.mark.speedacc(group="signs")
def test_it(speedacc):
    night = inputs[:, 1] > 0
    brought = {{{{"margin": abs(inputs[:, 0])}}}}
    speedacc.check({{built}}, inputs, targets, slices={{{{"night": night}}}}, metrics=brought)
"""


class TestBaselines:
    @pytest.mark.parametrize(
        "path", sorted(ROOT.glob("examples/*/speedacc-baselines/*.json")), ids=lambda path: path.stem
    )
    def test_every_committed_one_is_one(self, path: Path) -> None:
        assert faults_of(json.loads(path.read_text("utf-8")), BASELINE) == []

    def test_what_holds_everything_is_one(self) -> None:
        assert faults_of(everything(), BASELINE) == []

    def test_a_field_may_be_missing_where_its_reader_can_do_without(self) -> None:
        whole = everything()
        kept = [place for place in fields_of(whole) if is_one(changed_at(whole, place), BASELINE)]
        assert kept == [place for place in fields_of(whole) if is_read(changed_at(whole, place))]
        assert len(kept) < len(fields_of(whole)) / 2

    def test_what_its_reader_refuses_is_refused(self) -> None:
        """Something that fits nowhere, in the place of each value, and a field that nobody knows, beside each."""
        whole = everything()
        wrong = [changed_at(whole, place, [[{}]]) for place in places(whole)]
        wrong += [changed_at(whole, (*place[:-1], "odd"), [[{}]]) for place in fields_of(whole)]
        assert [document for document in wrong if is_read(document) or is_one(document, BASELINE)] == []

    @pytest.mark.parametrize(
        ("place", "value"),
        [
            (("schema",), 2),
            (("schema",), True),
            (("parameters",), -1),
            (("predictions",), "sha256:0"),
            (("updated", "commit"), "0" * 39),
            (("accepted", 0, "ratio"), 0.9),
            (("accepted", 0, "reason"), ""),
            (("accuracy", "value"), 1e101),
            (("profile", "functions", 0, "share"), 1.1),
        ],
    )
    def test_the_wrong_values_of_its_fields_are_refused(self, place: Place, value: object) -> None:
        wrong = changed_at(everything(), place, value)
        assert not is_read(wrong)
        assert not is_one(wrong, BASELINE)


@cache
def everything() -> Any:
    """A baseline in which every field is written."""
    metric = StoredMetric(value=3.0, band=0.1, slices={"night": 2.0})
    ratio = StoredRatio(version=1, log_ratio=0.1, spread=0.01, launches=5, parts=(0.0, 0.1, -0.1), parts_spread=0.01)
    ((key, record),) = STORED.environments.items()
    record = replace(
        record, yardstick=ratio, training=StoredTraining(seconds=1.0, peak=100), metrics={"energy": metric}
    )
    full = replace(
        STORED,
        accepted=(SLOWER,),
        shared={"data": "sha256:" + "0" * 64},
        metrics={"tokens": metric},
        predictions="sha256:" + "0" * 64,
        environments={key: record},
    )
    return json.loads(encode_document(full))


def is_read(document: object) -> bool:
    try:
        decode_document(Path("a.json"), json.dumps(document).encode())
    except GateError:
        return False
    return True


WRONG = '[project]\nname = "x"\nversion = "1"\n[tool.speedacc]\nmax_latncy = "5 ms"\n'
"""A slip in a file that is otherwise in order."""


def tool(name: str, *arguments: str, file: Path) -> subprocess.CompletedProcess[str]:
    command = [SCRIPTS / name, *arguments, file.name]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=file.parent)


class TestOtherTools:
    """Each takes the examples, and names what is wrong where a setting is misspelt."""

    def test_validate_pyproject_finds_the_table_by_the_entry_point(self, tmp_path: Path) -> None:
        path = tmp_path / "pyproject.toml"
        path.write_text(WRONG, "utf-8")
        command = [sys.executable, "-m", "validate_pyproject", *EXAMPLES, path]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        verdicts = [line.split(":")[0] for line in said.stdout.splitlines() if line]
        assert verdicts == [*["Valid file"] * len(EXAMPLES), "Invalid file"]
        assert "`tool.speedacc` must not contain {'max_latncy'} properties" in said.stderr

    def test_even_better_toml_takes_the_schema_of_the_whole_file(self, tmp_path: Path) -> None:
        path, directive = tmp_path / "pyproject.toml", "#:schema ./speedacc.json\n"
        (tmp_path / "speedacc.json").write_text(schema_text("pyproject"), "utf-8")
        for text in map(Path.read_text, EXAMPLES):
            path.write_text(directive + text, "utf-8")
            right = tool("taplo", "check", file=path)
            assert right.returncode == 0, right.stderr
        path.write_text(directive + WRONG, "utf-8")
        wrong = tool("taplo", "check", file=path)
        assert (wrong.returncode, "('max_latncy' was unexpected)" in wrong.stderr) == (1, True), wrong

    def test_tombi_takes_the_schema_of_the_table_as_the_documentation_has_it(self, tmp_path: Path) -> None:
        page = (ROOT / "docs" / "settings.md").read_text("utf-8")
        (shown,) = re.findall(r"```toml\n([^`]*tool\.tombi[^`]*)```", page)
        path = tmp_path / "pyproject.toml"
        (tmp_path / "speedacc-settings.json").write_text(schema_text("settings"), "utf-8")
        path.write_text(shown, "utf-8")
        right = tool("tombi", "lint", "--offline", file=path)
        assert right.returncode == 0, right.stderr
        path.write_text(shown.replace("max_latency", "max_latncy"), "utf-8")
        wrong = tool("tombi", "lint", "--offline", file=path)
        assert (wrong.returncode, "pyproject.toml:2:1" in wrong.stderr) == (1, True), wrong
