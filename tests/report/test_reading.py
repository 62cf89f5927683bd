"""A report that is read back: exactly what was written, or a refusal that names what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from report_examples import FULL, GREEN, OF_EIGHT

from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.verdict import Check, Outcome, Verdict
from pytest_speedacc.report import reading
from pytest_speedacc.report.document import run_document, write_json
from pytest_speedacc.report.markdown import markdown
from pytest_speedacc.report.page import page
from pytest_speedacc.report.reading import read_report
from pytest_speedacc.report.summary import BaseLine, RunReport

Damage = Callable[[dict[str, Any]], object]


def document() -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(run_document(OF_EIGHT)))
    return plain


def written(folder: Path, content: object) -> Path:
    path = folder / "report.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return path


def old(plain: dict[str, Any]) -> dict[str, Any]:
    """The document as schema 1 had it."""
    for name in (
        "date",
        "verdict",
        "failed",
        "headline",
        "commit",
        "scale",
        "lost",
        "losses_fail",
        "remarks",
        "problems",
    ):
        del plain[name]
    for name in ("past", "past_ends"):
        del plain[name]
    for name in ("ref", "how", "description", "launches", "seconds", "canary", "new", "loosened_fails"):
        del plain["live"][name]
    for gate in plain["gates"]:
        for name in ("file", "line", "explained_beside", "accept"):
            del gate[name]
        for check in gate["checks"]:
            del check["title"], check["sides"]
        for row in gate["measured"]:
            del row["better"], row["points"]
    return {**plain, "schema": 1}


class TestRoundTrip:
    def test_what_was_written_is_what_is_read(self, tmp_path: Path) -> None:
        write_json(tmp_path / "report.json", OF_EIGHT)
        again = read_report(tmp_path / "report.json")
        assert again == OF_EIGHT
        assert markdown(again) == markdown(OF_EIGHT)

    def test_a_page_of_it_is_the_same(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("jinja2")
        # A picture has random names in it.
        monkeypatch.setattr("pytest_speedacc.report.page.has_plot", lambda run: False)
        write_json(tmp_path / "report.json", OF_EIGHT)
        assert page(read_report(tmp_path / "report.json")) == page(OF_EIGHT)

    def test_the_example_has_nothing_at_its_default(self) -> None:
        """So that a field that is added and not written shows in the test above."""
        seen: set[str] = set()
        known: set[str] = set()

        def walk(value: Any) -> Iterator[Any]:
            if is_dataclass(value):
                yield value
                for field in fields(value):
                    yield from walk(getattr(value, field.name))
            elif isinstance(value, tuple):
                for each in value:
                    yield from walk(each)

        for value in walk(OF_EIGHT):
            for field in fields(value):
                place = f"{type(value).__name__}.{field.name}"
                known.add(place)
                default = field.default_factory() if field.default_factory is not MISSING else field.default
                if getattr(value, field.name) != default:
                    seen.add(place)
        assert {"RunReport.fails", "Verdict.accept", "Check.title", "Observation.points", "BaseLine.how"} <= known
        assert known - seen == set()

    def test_half_of_a_character_survives(self, tmp_path: Path) -> None:
        run = RunReport(verdicts=(Verdict("test_it.py::test_it[\udc80]", "", (), (), (), error="no"),), fails=True)
        write_json(tmp_path / "report.json", run)
        assert read_report(tmp_path / "report.json") == run


class TestSchemaOne:
    def test_it_is_read_with_what_it_tells(self, tmp_path: Path) -> None:
        run = read_report(written(tmp_path, old(document())))
        assert isinstance(run.base, BaseLine)
        assert (run.base.sha, run.base.description, run.base.launches) == ("a" * 40, "a" * 12, 0)
        assert run.loosened == FULL.loosened
        assert [verdict.outcome for verdict in run.verdicts] == [each.outcome for each in FULL.verdicts]
        text = markdown(run)
        assert "launches in turn" not in text
        assert "Base `aaaaaaaaaaaa`" in text

    @pytest.mark.parametrize(("outcome", "fails"), [("not_compared", True), ("inconclusive", False)])
    def test_what_fails_in_ci_counts_as_failed(self, tmp_path: Path, outcome: str, fails: bool) -> None:
        plain = old(document())
        [gate] = plain["gates"] = plain["gates"][1:2]
        gate["verdict"] = gate["checks"][0]["outcome"] = outcome
        plain["groups"] = []
        assert read_report(written(tmp_path, plain)).failed is fails


def put(*place: str | int, value: object) -> Damage:
    def damage(plain: dict[str, Any]) -> None:
        *path, last = place
        inner: Any = plain
        for key in path:
            inner = inner[key]
        inner[last] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (put("gates", value={}), "at $.gates: Expected `array`, got `object`"),
        (put("gates", 0, "test", value=7), "at $.gates[0].test: Expected `str`, got `int`"),
        (put("gates", 0, "test", value="x" * 10_001), "at $.gates[0].test: Expected `str` of length <= 10000"),
        (put("gates", 0, "notes", value=["x"] * 10_001), "at $.gates[0].notes: Expected `array` of"),
        (put("gates", 0, "checks", 0, "observed", value="1"), "at $.gates[0].checks[0].observed: Expected"),
        (put("gates", 0, "checks", 0, "observed", value=1e301), "at $.gates[0].checks[0].observed: Expected"),
        (put("gates", 0, "checks", 0, "outcome", value="fine"), "outcome: Invalid enum value 'fine'"),
        (put("gates", 0, "checks", 0, "outcome", value="\x1b[31m"), r"Invalid enum value '\x1b[31m'"),
        (put("past", 0, "moments", 0, "values", 0, "value", value="1"), "moments[0].values[0].value: Expected"),
        (put("gates", 0, "line", value=-1), "at $.gates[0].line: Expected `int` >= 0"),
        (put("live", "base", value="main; rm -rf /"), "at $.live.base: Expected `str` matching regex"),
        (put("verdict", value="passed"), "at $.verdict: it is passed, and its gates make failed"),
        (put("gates", 0, "verdict", value="passed"), "at $.gates[0].verdict: it is passed, and the checks: failed"),
        (put("groups", 0, "group", value="other"), "at $.groups: no such group or gate: 'other'"),
        (put("schema", value="2"), "at $.schema: Expected `int`, got `str`"),
        (lambda plain: plain.pop("gates"), "Object missing required field `gates`"),
        (lambda plain: plain["gates"][0].pop("checks"), "at $.gates[0]: Object missing required field `checks`"),
    ],
)
def test_what_is_no_report_is_refused_by_its_place(tmp_path: Path, damage: Damage, said: str) -> None:
    plain = document()
    damage(plain)
    path = written(tmp_path, plain)
    with pytest.raises(ConfigError) as refused:
        read_report(path)
    assert str(refused.value).startswith(f"{path} is no report of --speedacc-report")
    assert said in str(refused.value)
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it is empty. Did the run that was to write it end before? Its log says why."),
        ("\n", "it is empty."),
        ("{", "it is not JSON"),
        ("[]", "Expected `object`, got `array`"),
        ('{"schema": NaN}', "NaN is no number"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"schema": ' + "1" * 5000 + "}", "it is not JSON"),
        ('{"schema": 3}', "was written by a newer pytest-speedacc: it has schema 3, and this version reads up to 2"),
        ('{"schema": "\x1b[31m"}', "it is not JSON"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_report(written(tmp_path, text))
    assert said in str(refused.value)
    assert str(refused.value).isprintable()


def test_a_file_that_is_not_there_or_too_large_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"none\.json cannot be read: No such file or directory\. Did the run that "):
        read_report(tmp_path / "none.json")
    monkeypatch.setattr(reading, "LARGEST", 2**20)
    with pytest.raises(ConfigError, match="it is larger than 1 MiB"):
        read_report(written(tmp_path, '"' + "x" * 2**20 + '"'))


def test_a_gate_that_failed_its_test_fails_the_run() -> None:
    check = Check("max_latency", "latency", "", "", "s", None, None, None, None, "", Outcome.INCONCLUSIVE, "")
    verdict = Verdict("test_it", "", (check,), (), ())
    assert not RunReport((verdict,)).failed
    assert RunReport((verdict,), fails=True).failed
    assert not GREEN.failed
