"""What the documentation shows is true: generated tables are current, examples are valid, links lead somewhere."""

from __future__ import annotations

import ast
import json
import math
import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from argparse import Namespace
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from scratch_project import Project
from sybil import Document
from sybil.parsers.markdown import CodeBlockParser

from pytest_speedacc.adapters.registry import _adapters
from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.baseline import baseline_path, load_baseline, load_predictions
from pytest_speedacc.config.live_settings import LiveSettings, parse_live
from pytest_speedacc.config.policy import parse_marker
from pytest_speedacc.config.project import load_project, parse_project
from pytest_speedacc.config.settings import parse_bound
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.latency import judge_increase
from pytest_speedacc.judge.stored import judge_stored_increase
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.latency import Latency
from pytest_speedacc.measure.yardstick import Ratios
from pytest_speedacc.session.options import _against

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    ROOT / "examples" / "README.md",
    *sorted(ROOT.glob("examples/*/README.md")),
    ROOT / "benchmarks" / "README.md",
]
EXTENDING = ROOT / "docs" / "extending.md"
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/pyproject.toml"))


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return [example.parsed for example in Document.parse(str(page), CodeBlockParser(language, lambda example: None))]


def every(language: str) -> list[object]:
    """Of every page but the one whose examples are run as they are."""
    pages = (page for page in PAGES if page != EXTENDING)
    return [pytest.param(block, id=page.name) for page in pages for block in blocks(page, language)]


def generate(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(folder / "generate.py"), *options], capture_output=True, text=True, cwd=ROOT
    )


class TestGenerated:
    @pytest.fixture(autouse=True)
    def todays_schemas(self) -> None:
        """Former releases of msgspec write a schema otherwise, which means the same."""
        pytest.importorskip("msgspec", minversion="0.22")

    def test_pages_are_current(self) -> None:
        checked = generate(ROOT / "docs", "--check")
        assert (checked.returncode, checked.stderr) == (0, "")

    def test_a_stale_page_is_named_and_renewed(self, tmp_path: Path) -> None:
        docs = Path(shutil.copytree(ROOT / "docs", tmp_path / "docs"))
        page = docs / "settings.md"
        page.write_text(page.read_text("utf-8").replace("largest 95th percentile", "something else"), "utf-8")
        checked = generate(docs, "--check")
        assert (checked.returncode, checked.stderr) == (
            1,
            "settings.md is not current: run python docs/generate.py\n",
        )
        generate(docs)
        assert page.read_bytes() == (ROOT / "docs" / "settings.md").read_bytes()

    def test_every_setting_has_its_place(self) -> None:
        page = (ROOT / "docs" / "settings.md").read_text("utf-8")
        assert [name for name in SETTINGS if f"`{name}`" not in page] == []

    def test_every_live_setting_has_its_true_default(self) -> None:
        page = (ROOT / "docs" / "settings.md").read_text("utf-8")
        rows = re.search(r"<!-- generated: live -->(.*?)<!-- end -->", page, re.DOTALL)[1].splitlines()[4:]
        defaults = {
            name.strip(" `"): value.strip(" `") for _, name, value, *_ in (row.split("|") for row in rows if row)
        }
        assert set(defaults) == {field.name for field in fields(LiveSettings)}
        written = "\n".join(f"{name} = {value}" for name, value in defaults.items() if value != "none")
        assert parse_live(tomllib.loads(written)) == LiveSettings()

    def test_every_framework_has_its_row(self) -> None:
        documented = runpy.run_path(str(ROOT / "docs" / "generate.py"))["ADAPTERS"]
        assert {type(adapter) for adapter in _adapters} <= set(documented)


class TestExtending:
    """The examples are projects, each a test file with the conftest.py that stands before it."""

    def examples(self) -> list[tuple[str, str]]:
        found, conftest = [], ""
        text = EXTENDING.read_text("utf-8")
        for what, block in re.findall(r"<!-- run: ([^>]*) -->\n```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            if what == "conftest.py":
                conftest = block
            else:
                found.append((conftest, block))
        return found

    @pytest.mark.parametrize("number", range(3))
    def test_the_examples_pass(self, project: Project, number: int) -> None:
        examples = self.examples()
        assert (len(examples), len(blocks(EXTENDING, "python"))) == (3, 5)
        conftest, block = examples[number]
        project.pytester.makeconftest(conftest)
        project.pytester.makepyfile(test_example=block)
        project.run().assert_outcomes(passed=1)

    def test_every_field_of_an_axis_is_told(self) -> None:
        page = EXTENDING.read_text("utf-8")
        told = ("name", "unit", "better", "measure", "per_environment", "noise")
        assert [field.name for field in fields(Axis)][: len(told)] == list(told)
        assert [name for name in told if f"| `{name}` |" not in page] == []


class TestExamplesInPages:
    @pytest.mark.parametrize("block", every("toml"))
    def test_toml_is_accepted(self, block: str) -> None:
        project = parse_project(tomllib.loads(block)["tool"]["speedacc"], ROOT)
        assert project.defaults.bounds or project.live.environment

    @pytest.mark.parametrize("block", every("python"))
    def test_markers_are_accepted(self, block: str) -> None:
        markers = [
            node
            for node in ast.walk(ast.parse(block))
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.speedacc"
        ]
        # A whole file, which begins with its name, may leave them to its pyproject.toml.
        assert markers or block.startswith("# ")
        for marker in markers:
            assert parse_marker((), {k.arg or "": ast.literal_eval(k.value) for k in marker.keywords}).bounds

    def test_the_readme_has_one_of_each(self) -> None:
        assert {language: len(blocks(README, language)) for language in ("python", "toml", "yaml")} == {
            "python": 1,
            "toml": 0,
            "yaml": 1,
        }

    @pytest.mark.slow
    def test_the_readme_example_passes(self, project: Project) -> None:
        pytest.importorskip("sklearn")
        project.pytester.makepyfile(test_readme=blocks(README, "python")[0])
        assert project.run_apart(budget="2").parseoutcomes() == {"not_compared": 1}
        project.run_apart("--speedacc-update", budget="2").assert_outcomes(passed=1)
        project.run_apart(budget="2").assert_outcomes(passed=1)

    def test_the_readme_names_every_framework_that_is_taken(self) -> None:
        names = {adapter.framework for adapter in _adapters}
        frameworks = {name for name in names if not name.startswith("any ") and name != "transformers pipelines"}
        (taken,) = re.findall(
            r"^(\S+(?:, \S+)* and \S+) models are taken\sas they are", README.read_text("utf-8"), re.MULTILINE
        )
        assert set(re.split(", | and ", taken)) == frameworks

    def test_the_workflow_is_the_one_of_this_repository(self) -> None:
        ours = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
        gate = ours[ours.index("  gate:\n") :]
        shown = blocks(README, "yaml")[0]
        jobs = [re.sub(r"- run: .*", "- run:", text[text.index("  gate:\n") :]) for text in (gate, shown)]
        assert jobs[0] == jobs[1]


def finds_no_slow_down_in_stored_times() -> bool:
    times, then = Latency(np.full(64, 0.5), 1, 1, 32.0), Ratios(0.0, 0.0, 5, (0.0, 0.0, 0.0), 0.0)
    asked = parse_bound("max_stored_latency_increase", "3 %", "test")
    slower = replace(then, mean=math.log(1.1))
    return (
        judge_increase(times, parse_bound("max_latency_increase", "3 %", "test"), "").outcome is Outcome.NOT_COMPARED
        and judge_stored_increase(asked, slower, then, 0.01).outcome is Outcome.INCONCLUSIVE
    )


def compares_with_no_base_beside_other_tests() -> bool:
    options = dict.fromkeys(REF_AND_WRITES) | {"speedacc_against": "main", "numprocesses": 2}
    with pytest.raises(ConfigError, match="run it without -n"):
        _against(Namespace(**options))
    return True


def measures_no_memory_on_windows() -> bool:
    needs = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    (marker,) = (Requirement(each).marker for each in needs if each.startswith("memray"))
    return marker.evaluate({"sys_platform": "linux"}) and not marker.evaluate({"sys_platform": "win32"})


REF_AND_WRITES = ("speedacc_missing", "speedacc_update", "speedacc_reason")
NOT_DONE = {
    "It finds no slow-down in stored times.": finds_no_slow_down_in_stored_times,
    "It compares with no base revision beside other tests.": compares_with_no_base_beside_other_tests,
    "It measures no memory on Windows.": measures_no_memory_on_windows,
}
"""What the README says is not done, each with the trial that shows it."""


def test_what_the_readme_says_is_not_done_is_not_done() -> None:
    section = README.read_text("utf-8").split("## What it does not do\n")[1].split("\nIt lives beside")[0]
    assert re.findall(r"^\* \*\*(.*?)\*\*", section, re.MULTILINE) == list(NOT_DONE)
    assert [sentence for sentence, holds in NOT_DONE.items() if not holds()] == []


def test_every_option_is_documented_and_exists(project: Project) -> None:
    project.write("")
    offered = set(re.findall(r"(?m)^  (--speedacc-[a-z-]+)", str(project.run("--help").stdout)))
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    assert offered == set(re.findall(r"^\| `(--speedacc-[a-z-]+)", page, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", outside_blocks(page)):
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)", outside_blocks(target), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings]
            assert anchor in slugs, link


def outside_blocks(page: Path) -> str:
    """A page without its code, in which a comment is no heading."""
    return re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def test_the_site_has_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    entries = [
        entry for block in blocks(index, "{toctree}") for entry in block.splitlines() if entry[:1] not in ("", ":")
    ]
    named = [(index.parent / f"{entry.rpartition('<')[2].rstrip('>')}.md").resolve() for entry in entries]
    assert sorted(named) == sorted({*PAGES} - {README, index})


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
class TestExampleFolders:
    def test_settings_are_accepted(self, folder: Path) -> None:
        project = load_project(folder)
        assert project.defaults.bounds or project.tests

    def test_baselines_hold_nothing_of_one_machine(self, folder: Path) -> None:
        files = sorted(folder.glob("speedacc-baselines/*.json"))
        project = load_project(folder)
        tables = (project.defaults, *(table for _, table in project.tests))
        compares = any(bound.setting.is_tolerance for table in tables for bound in table.bounds.values())
        assert bool(files) is compares
        for path in files:
            test = json.loads(path.read_text("utf-8"))["test"]
            baseline = load_baseline(baseline_path(path.parent, test, ""), test, "")
            assert baseline is not None
            assert baseline.environments == {}
            assert load_predictions(path, baseline) is not None
