"""The JSON Schema of ``[tool.speedacc]`` beside the plugin's own reader: what the one takes, the other takes."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schema_checks import validator

from pytest_speedacc.axes import AXES, BUILT_IN, SETTINGS, TRADED, add_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.axes.units import UNITS, Kind
from pytest_speedacc.config.builtin import BUILT_IN as POLICIES
from pytest_speedacc.config.project import parse_project
from pytest_speedacc.config.settings import DROP_UNITS, parse_bound
from pytest_speedacc.config.trades import parse_trades, term_units
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.schemas.settings import settings_schema

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*/README.md"))]
SCHEMA = validator("settings")
TRADE = "trades = [{{ give = {{ {} }}, gain = {{ {} }} }}]"


def by_schema(table: Any) -> bool:
    return bool(SCHEMA.is_valid(table))


def by_reader(table: Any) -> bool:
    try:
        parse_project(table, ROOT)
    except ConfigError:
        return False
    return True


def verdicts(text: str) -> tuple[bool, bool]:
    """Of the schema, and of the reader."""
    table = tomllib.loads(text)
    return by_schema(table), by_reader(table)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "min_accuracy = 1",
        "min_accuracy = -3.5",
        "max_error = 0",
        'max_accuracy_drop = "0 pp"',
        "max_accuracy_drop = 0",
        "max_accuracy_drop = 0.3",
        'max_latency = "2ms"',
        'max_latency = " 1_000.5  us "',
        'max_latency = "+.5 h"',
        'max_latency = "2e-3 min"',
        'max_latency = "5 \u00b5s"',
        'max_latency = "5 \u03bcs"',
        "max_parameters = 0",
        "max_parameters = 25e6",
        'max_model_size = "1 KB"',
        'max_parameters_increase = "0 %"',
        'max_latency_p95_increase = "150 %"',
        'baselines = "accepted"',
        'inconclusive = "fail"\nnot_compared = "warn"\nskipped = "fail"\nprofile_clock = "cpu"',
        "requests = [1, 1_000_000]\nprice_per_hour = 0.9",
        'accuracy_rule = "noninferior"\nbudget = "20 s"\npolicy = "customer-facing"\ngroup = "digits"',
        'slices."the night".min_accuracy = 0.9\nslices.day.max_churn = "3 %"',
        'policies.shop.extends = "customer-facing"\npolicies.shop.max_memory = "5 MiB"',
        'tests."test_*.py::*".policy = "internal-analytics"\ntests."x".budget = "1 s"',
        "trades = []",
        TRADE.format('accuracy = "0.5 pp"', 'latency = "30 %", model_size = "2 x"'),
        TRADE.format('error = "8 %"', 'latency_p95 = "5x"'),
        TRADE.format("accuracy = 0.5", 'bytecodes = "5 %"'),
        'live.share = ["data", "a/b"]\nlive.setup = "make model"\nlive.launches = 4\nlive.budget = "20 min"',
        'live.timeout = "1 h"\nlive.threads = "all"\nlive.allow_slow_setup = true\nlive.removed = "warn"',
    ],
)
def test_what_is_right_is_taken_by_both(text: str) -> None:
    assert verdicts(text) == (True, True)


@pytest.mark.parametrize(
    "text",
    [
        # Values.
        'min_accuracy = "0.95"',
        "min_accuracy = true",
        "max_accuracy_drop = -0.2",
        'max_accuracy_drop = "0.2"',
        'max_accuracy_drop = "0.2 points"',
        'max_accuracy_drop = "-0.2 pp"',
        "max_latency = 5",
        "max_latency = true",
        'max_latency = "5"',
        'max_latency = "5 m"',
        'max_latency = "5 MS"',
        'max_latency = "-5 ms"',
        'max_latency = "0 ms"',
        'max_latency = "0_0.00e5 ms"',
        'max_latency = "1__0 ms"',
        'max_latency = "5 ms and more"',
        'max_latency = ["5 ms"]',
        "max_latency = 2026-01-01",
        'max_memory = "5 ms"',
        'max_memory = "5 mib"',
        "max_parameters = -1",
        "max_parameters = 0.5",
        'max_parameters = "50_000"',
        "max_latency_increase = 0.03",
        'max_latency_increase = "3 pp"',
        'max_churn = "3"',
        'baselines = ""',
        'inconclusive = "ignore"',
        "not_compared = false",
        'profile_clock = "sun"',
        "requests = []",
        "requests = [0]",
        "requests = 100",
        "price_per_hour = 0",
        "price_per_hour = 1e12",
        'accuracy_rule = "exakt"',
        "budget = 5",
        'budget = "0 s"',
        "policy = 1",
        'group = ""',
        # Names, and places.
        'max_latncy = "5 ms"',
        'baseline = "x"',
        "policy.x = {}",
        "policie.x = {}",
        "policies = 3",
        "policies.a = 3",
        "policies.a.min_acuracy = 1",
        'policies.a.policy = "b"',
        "policies.a.extends = 1",
        "policies.a.live = {}",
        'extends = "a"',
        "tests = []",
        "tests.min_accuracy = 0.9",
        'tests."a::*".budgt = "1 s"',
        'tests."a::*".not_compared = "warn"',
        'tests."a::*".extends = "customer-facing"',
        'slices.night.max_latency = "5 ms"',
        'slices.night.budget = "5 s"',
        "slices.night = 0.9",
        "slices.night.min_accuracy = true",
        # Trades.
        "trades = {}",
        "trades = [1]",
        'trades = [{ give = { accuracy = "1 pp" } }]',
        'trades = [{ give = { accuracy = "1 pp" }, gain = { latency = "5 %" }, if = 1 }]',
        TRADE.format("", 'latency = "5 %"'),
        TRADE.format('acuracy = "1 pp"', 'latency = "5 %"'),
        TRADE.format('max_memory = "5 %"', 'latency = "5 %"'),
        TRADE.format("latency = 5", 'accuracy = "1 pp"'),
        TRADE.format('latency = "5 ms"', 'accuracy = "1 pp"'),
        TRADE.format('latency = "5 pp"', 'accuracy = "1 pp"'),
        TRADE.format('accuracy = "2 x"', 'latency = "5 %"'),
        TRADE.format('accuracy = "0 pp"', 'latency = "5 %"'),
        TRADE.format("accuracy = 0", 'latency = "5 %"'),
        # Live runs.
        "live = 3",
        "live.lanches = 5",
        "live.launches = 3",
        "live.launches = true",
        'live.budget = "0 s"',
        "live.timeout = 5",
        'live.threads = "two"',
        'live.removed = "ignore"',
        'live.share = "data"',
        'live.share = [""]',
        'live.setup = ""',
        'live.allow_slow_setup = "yes"',
    ],
)
def test_what_is_wrong_is_refused_by_both(text: str) -> None:
    assert verdicts(text) == (False, False)


@pytest.mark.parametrize(
    "text",
    [
        # How large an amount may be.
        'max_latency_p95_increase = "19 %"',
        'max_latency = "1e999 ms"',
        "max_error = inf",
        TRADE.format('accuracy = "1 pp"', 'latency = "100 %"'),
        TRADE.format('accuracy = "101 pp"', 'latency = "5 %"'),
        TRADE.format('accuracy = "1 pp"', 'latency = "1 x"'),
        # A whole number that is written with a point.
        "live.launches = 4.0",
        "requests = [1.0]",
        # What several values say together.
        'max_latency = "5 ms"\nmax_latency_p50 = "6 ms"',
        TRADE.format('latency = "5 %"', 'latency = "9 %"'),
        'policies.a.extends = "b"',
        'policies.a.extends = "a"',
        # Axes of the user's own.
        'max_energy = "3 J"',
        TRADE.format('energy = "1 %"', 'latency = "5 %"'),
    ],
)
def test_what_a_schema_cannot_know_only_the_reader_refuses(text: str) -> None:
    """All of it: whatever else the reader refuses belongs into the table above."""
    assert verdicts(text) == (True, False)


class TestAxesOfYourOwn:
    NAMES = ("energy", "cost", "tokens", "turns", "fluency", "page_faults", "bias", "gpu_memory", "recall", "carbon")

    @pytest.fixture(autouse=True)
    def added(self) -> Iterator[None]:
        axes = [Axis(name, "J") for name in self.NAMES[:-1]]
        take_back = add_axes([*axes, Axis(self.NAMES[-1], better="higher")], "test")
        yield
        take_back()

    @pytest.mark.parametrize(
        "text",
        [
            *(f"max_{name} = 5" for name in NAMES[:-1]),
            'max_energy = "3 J"',
            "max_energy = 1e3",
            'max_energy_increase = "5 %"',
            'min_carbon = 0.5\nmax_carbon_drop = "5 %"',
            'slices.night.max_energy = "-3 J"',
            "policies.green.max_energy = 3",
            'tests."x".max_energy = 3',
            TRADE.format('energy = "5 %"', 'carbon = "2 x"'),
        ],
    )
    def test_their_limits_are_taken_by_both(self, text: str) -> None:
        assert verdicts(text) == (True, True)

    @pytest.mark.parametrize("text", ["max_energy = true", 'max_energy = "much"', "max_energy = [3]"])
    def test_what_is_no_number_is_refused_by_both(self, text: str) -> None:
        assert verdicts(text) == (False, False)

    def test_they_are_no_part_of_the_schema_that_is_published(self) -> None:
        assert "max_energy" in SETTINGS
        assert SCHEMA.schema == settings_schema()


def test_a_slip_is_never_taken_for_an_axis_of_your_own() -> None:
    """Of one letter that is left out, doubled, another or swapped with the next, in every name of a setting."""
    slips = {
        slip
        for name in SETTINGS
        for place in range(len(name))
        for slip in (
            name[:place] + name[place + 1 :],
            name[:place] + name[place] + name[place:],
            f"{name[:place]}q{name[place + 1 :]}",
            name[:place] + name[place + 1 : place + 2] + name[place] + name[place + 2 :],
        )
    }
    taken = [slip for slip in slips - set(SETTINGS) if SCHEMA.is_valid({slip: 1})]
    assert len(slips) > 1000
    assert taken == []


def test_every_setting_and_every_axis_that_can_be_traded_has_its_place() -> None:
    definitions = SCHEMA.schema["definitions"]
    assert AXES.keys() == {axis.name for axis in BUILT_IN}
    for table in (SCHEMA.schema, definitions["limits"], definitions["limits_of_policy"]):
        assert SETTINGS.keys() <= table["properties"].keys()
    assert definitions["terms"]["properties"].keys() == TRADED.keys()
    assert all(definitions[name]["description"] for name in SETTINGS)


class TestWhatIsDocumented:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
    def test_every_table_and_every_value_of_the_pages_is_taken(self, page: Path) -> None:
        text = page.read_text("utf-8")
        for block in re.findall(r"^```toml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
            assert by_schema(tomllib.loads(block).get("tool", {}).get("speedacc", {})), block
        for value in shown(text):
            assert verdicts(value) == (True, True), value

    def test_the_settings_have_enough_of_them(self) -> None:
        """So that the test above is about something."""
        text = (ROOT / "docs" / "settings.md").read_text("utf-8")
        assert {name_of(value) for value in shown(text)} >= SETTINGS.keys()

    @pytest.mark.parametrize("name", POLICIES)
    def test_the_policies_of_the_plugin_are_taken(self, name: str) -> None:
        assert by_schema({"policies": {name: POLICIES[name]}})

    def test_the_defaults_are_taken(self) -> None:
        properties = SCHEMA.schema["properties"]
        defaults = {name: form["default"] for name, form in properties.items() if "default" in form}
        live = SCHEMA.schema["definitions"]["live"]["properties"]
        table = {**defaults, "live": {name: form["default"] for name, form in live.items() if "default" in form}}
        assert (by_schema(table), by_reader(table)) == (True, True)
        assert live.keys() - table["live"].keys() == {"setup", "environment"}


def shown(text: str) -> list[str]:
    """The settings with their values in the running text and the tables of a page."""
    found = re.findall(r"`(\w+ = [^`]+)`", text)
    return [value for value in found if name_of(value) in SCHEMA.schema["properties"] and is_toml(value)]


def name_of(value: str) -> str:
    return value.split(" = ")[0]


def is_toml(text: str) -> bool:
    try:
        return bool(tomllib.loads(text))
    except tomllib.TOMLDecodeError:
        return False


NUMBERS = st.one_of(
    st.integers(0, 10**12).map(str),
    st.integers(1000, 10**9).map(lambda number: f"{number:_}"),
    st.floats(0, 1e12, allow_subnormal=False).map(repr),
    st.decimals(0, 1000, places=2).map(str),
)
KINDS = [*UNITS.values(), dict.fromkeys(map(str, DROP_UNITS), 1.0), dict.fromkeys(("x", "J", "", "m", "Ms"), 1.0)]
WRITTEN = st.one_of(
    st.builds(
        "{}{}{}".format, NUMBERS, st.sampled_from(["", " ", "  "]), st.sampled_from([u for kind in KINDS for u in kind])
    ),
    st.text("0123456789._+-eE %pxmsuhnBkKMGi\u00b5\u03bc", max_size=9),
)
# Nobody writes 0 with a sign: a reader that knows numbers takes it, and an expression would have to know them too.
VALUES = (
    WRITTEN.filter(lambda text: not text.strip().startswith("-"))
    | st.integers(-5, 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
)


def refusal(read: Callable[..., object], *arguments: object) -> str:
    """What the reader says; empty where it takes the value."""
    try:
        read(*arguments)
    except ConfigError as error:
        return str(error)
    return ""


def agree(said: str, table: Any, beyond: tuple[str, ...]) -> bool:
    """Whether the schema and the reader take the same, but for a refusal that has these words: of how large it is."""
    return by_schema(table) is (not said) or any(words in said for words in beyond)


class TestProperties:
    @settings(max_examples=200)
    @given(st.sampled_from(sorted(SETTINGS)), VALUES)
    def test_the_schema_and_the_reader_take_the_same_values(self, name: str, value: object) -> None:
        said = refusal(parse_bound, name, value, "test")
        assert agree(said, {name: value}, ("finer than tails", "must be finite", "must be above zero"))

    @settings(max_examples=200)
    @given(st.sampled_from(sorted(TRADED)), VALUES)
    def test_and_the_same_amounts_of_a_trade(self, axis: str, amount: object) -> None:
        other = "memory" if axis != "memory" else "latency"
        trades = [{"give": {axis: amount}, "gain": {other: "10 %"}}]
        said = refusal(parse_trades, trades, "test")
        assert agree(
            said, {"trades": trades}, ("can never happen", "must be finite", "must be above 1", "trades nothing")
        )


def test_the_units_of_the_tests_are_those_of_the_reader() -> None:
    assert {Kind.TIME, Kind.SIZE, Kind.FRACTION} == set(UNITS)
    assert set(term_units("accuracy")) | set(term_units("latency")) == {"pp", "%", "x"}
