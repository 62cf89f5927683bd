import ast
import tomllib

import pytest

from pytest_speedacc.axes import SETTINGS
from pytest_speedacc.axes.axis import statistic_name
from pytest_speedacc.config.settings import Unit, parse_bound, suggestion
from pytest_speedacc.errors import ConfigError

AVAILABLE = list(SETTINGS.values())


@pytest.mark.parametrize("setting", AVAILABLE, ids=lambda setting: setting.name)
def test_every_example_is_valid_in_the_marker_and_in_pyproject(setting):
    written = ast.literal_eval(setting.example)
    assert tomllib.loads(f"value = {setting.example}") == {"value": written}
    assert parse_bound(setting.name, written, "marker").setting is setting


@pytest.mark.parametrize(
    ("name", "written", "value", "unit"),
    [
        ("min_accuracy", 0.95, 0.95, Unit.PLAIN),
        ("min_accuracy", 1, 1, Unit.PLAIN),
        ("min_accuracy", -3.5, -3.5, Unit.PLAIN),  # a negated error
        ("max_error", 0, 0, Unit.PLAIN),
        ("max_latency", "2 ms", 0.002, Unit.PLAIN),
        ("max_latency_p99", "1 s", 1, Unit.PLAIN),
        ("max_parameters", 0, 0, Unit.PLAIN),
        ("max_parameters", 25e6, 25_000_000, Unit.PLAIN),
        ("max_model_size", "1 KiB", 1024, Unit.PLAIN),
        ("max_memory", "1 MB", 1_000_000, Unit.PLAIN),
        ("max_accuracy_drop", "0.2 pp", 0.002, Unit.POINTS),
        ("max_accuracy_drop", "0 pp", 0, Unit.POINTS),
        ("max_accuracy_drop", "2 %", 0.02, Unit.RELATIVE),
        ("max_accuracy_drop", 0.2, 0.2, Unit.PLAIN),  # of a score with a unit of its own
        ("max_latency_increase", "3 %", 0.03, Unit.RELATIVE),
        ("max_latency_p95_increase", "150 %", 1.5, Unit.RELATIVE),
        ("max_parameters_increase", "0 %", 0, Unit.RELATIVE),
        ("max_model_size_increase", "1 %", 0.01, Unit.RELATIVE),
        ("max_memory_increase", "5 %", 0.05, Unit.RELATIVE),
    ],
)
def test_bounds_are_read_into_one_unit(name, written, value, unit):
    bound = parse_bound(name, written, "marker")
    assert (bound.value, bound.unit) == (pytest.approx(value), unit)


IN_PER_CENT = 'it takes one of %, as in "5 %".'
DROPS = (
    'write "0.2 pp" for points of a score within 0 to 1, '
    "\"1 %\" for a share of the baseline's score, or a bare number in the score's own unit."
)
SCORE = "must be the score itself, a plain number such as 0.95."
COUNT = "must be a whole number such as 50_000."


@pytest.mark.parametrize(
    ("name", "written", "problem"),
    [
        ("min_accuracy", "95 %", f"= '95 %' {SCORE}"),
        ("min_accuracy", "0.95", f"= '0.95' {SCORE}"),
        ("min_accuracy", True, f"= True {SCORE}"),
        ("min_accuracy", float("nan"), f"= nan {SCORE}"),
        ("min_accuracy", float("inf"), f"= inf {SCORE}"),
        ("min_accuracy", 10**400, f"= 1{'0' * 400} {SCORE}"),
        ("max_error", None, "= None must be the score itself, a plain number such as 3.2."),
        ("max_latency", "0 ms", "= '0 ms' must be above zero."),
        ("max_latency", True, '= True must be a number with its unit, as in "5 ms".'),
        ("max_memory", "0 B", "= '0 B' must be above zero."),
        ("max_parameters", "50_000", f"= '50_000' {COUNT}"),
        ("max_parameters", True, f"= True {COUNT}"),
        ("max_parameters", 0.5, f"= 0.5 {COUNT}"),
        ("max_parameters", -1, f"= -1 {COUNT}"),
        ("max_parameters", float("nan"), f"= nan {COUNT}"),
        ("max_parameters", float("inf"), f"= inf {COUNT}"),
        ("max_accuracy_drop", "0.2", f"= '0.2' has no unit; {DROPS}"),
        ("max_accuracy_drop", "0.2 points", f"= '0.2 points' has the unit 'points'; {DROPS}"),
        ("max_accuracy_drop", -0.2, "= -0.2 must be finite and not negative."),
        ("max_accuracy_drop", "-0.2 pp", "= '-0.2 pp' must be finite and not negative."),
        ("max_accuracy_drop", True, '= True must be a number with its unit, as in "0.2 pp".'),
        ("max_accuracy_drop", float("nan"), '= nan must be a number with its unit, as in "0.2 pp".'),
        ("max_latency_increase", "0.2", f"= '0.2' has no unit; {IN_PER_CENT}"),
        ("max_latency_increase", 0.03, f"= 0.03 has no unit; {IN_PER_CENT}"),
        ("max_latency_increase", "3 pp", f"= '3 pp' has the unit 'pp'; {IN_PER_CENT}"),
        ("max_parameters_increase", 10, f"= 10 has no unit; {IN_PER_CENT}"),
        ("max_memory_increase", "1 MiB", f"= '1 MiB' has the unit 'MiB'; {IN_PER_CENT}"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_right(name, written, problem):
    assert refusal(name, written) == f"marker: {name} {problem}"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("max_latncy", "max_latency"),
        ("Max_Latency", "max_latency"),
        ("MAX_LATENCY", "max_latency"),
        ("max-latency", "max_latency"),
        ("latency", "max_latency"),
        ("max_latency_95", "max_latency_p95"),
        ("min_acuracy", "min_accuracy"),
        ("max_parameter", "max_parameters"),
        ("max_modelsize", "max_model_size"),
        ("max_accuracy_drops", "max_accuracy_drop"),
    ],
)
def test_a_near_miss_is_named(written, meant):
    assert suggestion(written, SETTINGS) == f"Did you mean {meant!r}?"


def test_a_suggestion_is_spelt_as_the_name_is():
    assert suggestion("customer", ["Customer", "internal"]) == "Did you mean 'Customer'?"


def test_without_a_near_miss_all_names_are_listed():
    assert suggestion("zzz", ("min_accuracy", "max_error")) == "Known are min_accuracy, max_error."


@pytest.mark.parametrize(("quantile", "name"), [(0.5, "median"), (0.9, "p90"), (0.95, "p95"), (0.99, "p99")])
def test_statistics_have_the_names_of_the_field(quantile, name):
    assert statistic_name(quantile) == name


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda setting: setting.name)
def test_a_setting_is_consistent_with_its_name(setting):
    assert setting.name.startswith("min_") == (setting.role == "at least")
    assert setting.name.endswith(("_increase", "_drop", "_churn")) == setting.is_tolerance
    assert (setting.quantile is not None) == setting.is_noisy == (setting.metric == "latency")
    written = next((part for part in setting.name.split("_") if part in ("p50", "p90", "p95", "p99")), "p50")
    assert setting.statistic in ("", written.replace("p50", "median"))


def refusal(name: str, written: object) -> str:
    with pytest.raises(ConfigError) as error:
        parse_bound(name, written, "marker")
    return str(error.value)


def test_a_tail_tolerance_that_no_run_could_resolve_is_refused():
    assert parse_bound("max_latency_p95_increase", "20 %", "marker").value == 0.2
    with pytest.raises(ConfigError, match="finer than tails can be told apart: allow 20% or more"):
        parse_bound("max_latency_p95_increase", "19 %", "marker")
