"""Damaged, newer, foreign and hostile files: each an error that names the file, the field and what to do."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from baseline_examples import BASELINE, SLOWER, TEST, environment
from msgspec.structs import replace

from pytest_speedacc.baseline import load_baseline, save_baseline
from pytest_speedacc.baseline.document import encode_document
from pytest_speedacc.errors import GateError

KEY = environment().key
HERE = f"$.environments.{KEY}"
RATIO = {"version": 1, "log_ratio": 1.5, "spread": 1.0, "launches": 5, "parts_spread": 1.0}
TEXT = encode_document(BASELINE).decode()


def changed(change: Callable[[dict[str, Any]], Any]) -> str:
    document = json.loads(TEXT)
    change(document)
    return json.dumps(document)


def put(*place: str, value: Any) -> str:
    """The document with one field set."""

    def change(document: dict[str, Any]) -> None:
        *parents, field = place
        for parent in parents:
            document = document[parent]
        document[field] = value

    return changed(change)


def drop(*place: str) -> str:
    """The document without one field."""

    def change(document: dict[str, Any]) -> None:
        *parents, field = place
        for parent in parents:
            document = document[parent]
        del document[field]

    return changed(change)


def accepting(field: str, value: Any) -> str:
    """The document with one accepted slow-down, of which one field is set."""
    document = json.loads(encode_document(replace(BASELINE, accepted=(SLOWER,))))
    document["accepted"][0][field] = value
    return json.dumps(document)


def profiled(field: str, value: Any) -> str:
    """The document with one field of its profiled function set."""
    document = json.loads(TEXT)
    document["profile"]["functions"][0][field] = value
    return json.dumps(document)


def nested(depth: int) -> str:
    return put("name", value="NEST").replace('"NEST"', "[" * depth + "]" * depth)


DAMAGED = {
    "empty": ("", "at line 1, column 1: it is not JSON"),
    "truncated": (TEXT[: len(TEXT) // 2], "it is not JSON"),
    "trailing text": (TEXT + "x", "it is not JSON (Extra data)"),
    "merge conflict": ("<<<<<<< ours\n" + TEXT, "at line 1, column 1: it is not JSON"),
    "not UTF-8": (b"\xff\xfe{}", "it is not JSON ('utf-8' codec"),
    "an array": ("[]", "at $: it is not an object"),
    "no schema": (drop("schema"), "at $.schema: it must be 1, not None"),
    "schema as text": (put("schema", value="1"), "at $.schema: it must be 1, not '1'"),
    "schema as truth": (put("schema", value=True), "at $.schema: it must be 1, not True"),
    "schema zero": (put("schema", value=0), "at $.schema: it must be 1, not 0"),
    "unknown field": (put("speed", value=1), "at $: Object contains unknown field `speed`"),
    "missing field": (drop("parameters"), "at $: Object missing required field `parameters`"),
    "missing inner field": (
        drop("evaluation_set", "samples"),
        "at $.evaluation_set: Object missing required field `samples`",
    ),
    "wrong type": (put("parameters", value="650"), "at $.parameters: Expected `int | null`, got `str`"),
    "truth for a count": (
        put("parameters", value=True),
        "at $.parameters: Expected `int | null`, got `bool`",
    ),
    "fraction for a count": (put("parameters", value=1.5), "at $.parameters: Expected `int | null`"),
    "null": (put("test", value=None), "at $.test: Expected `str`, got `null`"),
    "negative": (put("model_size", value=-1), "at $.model_size: Expected `int` >= 0"),
    "no samples": (
        put("evaluation_set", "samples", value=0),
        "at $.evaluation_set.samples: Expected `int` >= 1",
    ),
    "huge": (put("parameters", value=10**30), "at $.parameters: "),
    "more digits than a number has": (
        TEXT.replace('"parameters": 650', '"parameters": ' + "9" * 5000),
        "it is not JSON (Exceeds the limit",
    ),
    "fingerprint": (
        put("evaluation_set", "fingerprint", value="md5:0"),
        "at $.evaluation_set.fingerprint: Expected `str` matching regex",
    ),
    "not a number": (
        put("accuracy", "value", value=float("nan")),
        "at $.accuracy.value: it is not a finite number",
    ),
    "infinite": (
        put("environments", KEY, "latency", "p95", value=float("inf")),
        f"at {HERE}.latency.p95: it is not a finite number",
    ),
    "overflow": (
        TEXT.replace("0.9733333333333334", "1e999"),
        "at $.accuracy.value: it is not a finite number",
    ),
    "environment: wrong type": (
        put("environments", KEY, "latency", "p95", value="3 ms"),
        f"at {HERE}.latency.p95: Expected `float | null`, got `str`",
    ),
    "environment: negative": (
        put("environments", KEY, "latency", "median", value=-0.1),
        f"at {HERE}.latency.median: Expected `float` >= 0",
    ),
    "environment: unknown field": (
        put("environments", KEY, "environment", "gpu", value=""),
        f"at {HERE}.environment: Object contains unknown field `gpu`",
    ),
    "environment: edited": (
        put("environments", KEY, "environment", "cores", value=64.0),
        f"at {HERE}: this is not the key of that environment",
    ),
    "environment: a band beyond its peak": (
        put("environments", KEY, "memory", "band", value=10**15),
        f"at {HERE}.memory.band: it is 1000000000000000, and a peak of 4096 moves by 4096 at the most",
    ),
    "environment: a band of an own axis beyond its value": (
        put("environments", KEY, "metrics", value={"energy": {"value": -2.0, "band": 1e9}}),
        f"at {HERE}.metrics.energy.band: it is 1000000000.0, and -2.0 moves by no more than itself",
    ),
    "a band of an own axis beyond its value": (
        put("metrics", value={"energy": {"value": 0.0, "band": 0.1}}),
        "at $.metrics.energy.band: it is 0.1, and 0.0 moves by no more than itself",
    ),
    **{
        f"environment: a {name} that no launches have": (
            put("environments", KEY, "yardstick", value=RATIO | {name: 1.01}),
            f"at {HERE}.yardstick.{name}: Expected `float` <= 1",
        )
        for name in ("spread", "parts_spread")
    },
    "environment: an option for a commit": (
        put("environments", KEY, "commit", value="--help"),
        f"at {HERE}.commit: Expected `str` matching regex",
    ),
    "updated: an option for a commit": (
        put("updated", "commit", value="--help"),
        "at $.updated.commit: Expected `str` matching regex",
    ),
    "updated: half a commit": (
        put("updated", "commit", value="1a2b3c4"),
        "at $.updated.commit: Expected `str` matching regex",
    ),
    "updated: no date": (
        put("updated", "date", value="yesterday"),
        "at $.updated.date: it is 'yesterday', and no date such as 2026-01-02T03:04:05+00:00. Restore",
    ),
    "environment: no date": (
        put("environments", KEY, "date", value=""),
        f"at {HERE}.date: it is '', and no date such as",
    ),
    "updated: an escape sequence in a date": (
        put("updated", "date", value="2026-01-02\x1b03:04:05"),
        "at $.updated.date: it is '2026-01-02\\x1b03:04:05', and no date",
    ),
    "updated: a month that no year has": (
        put("updated", "date", value="2026-13-02T03:04:05+00:00"),
        "at $.updated.date: it is '2026-13-02T03:04:05+00:00', and no date",
    ),
    "accepted: no date": (accepting("date", ""), "at $.accepted[0].date: it is '', and no date"),
    "environments as a list": (
        put("environments", value=[]),
        "at $.environments: Expected `object`, got `array`",
    ),
    "environment as text": (
        put("environments", KEY, value="fast"),
        f"at {HERE}: Expected `object`, got `str`",
    ),
    "accepted: another axis": (accepting("metric", "parameters"), "at $.accepted[0].metric: Invalid enum value"),
    "accepted: another statistic": (accepting("statistic", "p59"), "at $.accepted[0].statistic: Invalid enum value"),
    "accepted: a gain": (accepting("ratio", 0.5), "at $.accepted[0].ratio: Expected `float` >= 1"),
    "accepted: infinite": (accepting("ratio", float("inf")), "at $.accepted[0].ratio: it is not a finite number"),
    "accepted: half an interval": (accepting("interval", [1.0]), "at $.accepted[0].interval: Expected `array` of"),
    "accepted: short base": (accepting("base", "1a2b3c4"), "at $.accepted[0].base: Expected `str` matching regex"),
    "accepted: no reason": (accepting("reason", ""), "at $.accepted[0].reason: Expected `str` of length >= 1"),
    "accepted: unknown field": (accepting("by", "me"), "at $.accepted[0]: Object contains unknown field `by`"),
    "profile: another clock": (put("profile", "clock", value="sun"), "at $.profile.clock: Invalid enum value 'sun'"),
    "profile: no calls": (put("profile", "calls", value=0), "at $.profile.calls: Expected `int` >= 1"),
    "profile: a share over all": (profiled("share", 1.01), "at $.profile.functions[0].share: Expected `float` <= 1"),
    "profile: negative calls": (profiled("calls", -1), "at $.profile.functions[0].calls: Expected `float` >= 0"),
    "profile: a line": (profiled("line", 41), "at $.profile.functions[0]: Object contains unknown field `line`"),
    "profile: too many functions": (
        put("profile", "functions", value=9 * json.loads(TEXT)["profile"]["functions"]),
        "at $.profile.functions: Expected `array` of length <= 8",
    ),
    "field twice": (TEXT.replace('"name": ""', '"name": "", "name": "x"'), "the field 'name' is there twice"),
    "nested": (nested(400), "at $.name: Expected `str`, got `array`"),
    "nested without end": (nested(100_000), "it is nested too deeply"),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "baseline.json"


@pytest.mark.parametrize(("content", "message"), DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named_with_its_place(path: Path, content: str | bytes, message: str) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(GateError) as error:
        load_baseline(path, TEST, "")
    assert f"the baseline file {path} is damaged" in str(error.value)
    assert message in str(error.value)
    assert str(error.value).endswith("Restore it from version control, or write it anew with --speedacc-update.")


def test_the_undamaged_text_is_read(path: Path) -> None:
    path.write_text(TEXT)
    assert load_baseline(path, TEST, "") == BASELINE


@pytest.mark.parametrize(
    "content",
    [
        put("updated", "commit", value=None),
        put("updated", "commit", value="0" * 40 + "-dirty"),
        put("updated", "commit", value="0" * 64),
        # The band of a peak that can hardly be told from nothing, and of one that races.
        put("environments", KEY, "memory", value={"peak": 0, "band": 1024}),
        put("environments", KEY, "memory", value={"peak": 10**7, "band": 10**7}),
        # Bytecodes of a model that once did nothing, and an axis of the user's own that was nothing.
        put("environments", KEY, "metrics", value={"bytecodes": {"value": 700, "band": 700.0}}),
        put("metrics", value={"energy": {"value": 0.0, "band": 0.0}}),
    ],
)
def test_whatever_an_update_may_write_is_read(path: Path, content: str) -> None:
    path.write_text(content)
    assert load_baseline(path, TEST, "") is not None


def test_a_file_from_before_anything_could_be_accepted_is_read(path: Path) -> None:
    path.write_text(drop("accepted"))
    assert load_baseline(path, TEST, "") == BASELINE


def test_a_file_from_before_there_were_profiles_is_read(path: Path) -> None:
    path.write_text(drop("profile"))
    assert load_baseline(path, TEST, "") == replace(BASELINE, profile=None)


def test_a_newer_schema_asks_for_an_upgrade(path: Path) -> None:
    path.write_text(changed(lambda document: document.update(schema=2, something_new=1)))
    with pytest.raises(GateError, match=r"written by a newer pytest-speedacc: it has schema 2.*Upgrade"):
        load_baseline(path, TEST, "")


@pytest.mark.parametrize(
    ("test", "name", "message"),
    [
        ("tests/test_other.py::test_svm", "", f"$.test is {TEST!r}, not 'tests/test_other.py::test_svm'"),
        (TEST, "small", "$.name is '', not 'small'"),
    ],
)
def test_a_foreign_file_is_refused(path: Path, test: str, name: str, message: str) -> None:
    save_baseline(path, BASELINE, None)
    with pytest.raises(GateError, match=re.escape(f"the baseline file {path} is another check's: {message}")):
        load_baseline(path, test, name)


def test_a_huge_file_is_not_read(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(5 * 2**20)
    with pytest.raises(GateError, match="it is larger than 4 MiB"):
        load_baseline(path, TEST, "")


def test_a_folder_or_a_pipe_is_not_read(path: Path) -> None:
    path.mkdir()
    with pytest.raises(GateError, match="it is not an ordinary file"):
        load_baseline(path, TEST, "")
    if hasattr(os, "mkfifo"):
        pipe = path.with_name("pipe.json")
        os.mkfifo(pipe)
        with pytest.raises(GateError, match="it is not an ordinary file"):
            load_baseline(pipe, TEST, "")


def test_a_link_to_nothing_is_damage_and_not_absence(path: Path) -> None:
    path.symlink_to(path.with_name("gone.json"))
    with pytest.raises(GateError, match="it is a link to nothing"):
        load_baseline(path, TEST, "")


def test_a_folder_of_baselines_that_is_a_file(path: Path) -> None:
    path.write_text("not a folder")
    with pytest.raises(GateError, match=r"it cannot be read \(Not a directory\)"):
        load_baseline(path / "baseline.json", TEST, "")
