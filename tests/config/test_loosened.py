from pathlib import Path

import pytest

from pytest_speedacc.axes import AXES, SETTINGS, TRADED, with_axes
from pytest_speedacc.axes.axis import Axis
from pytest_speedacc.config.loosened import Loosened, find_loosened, loosened_policy, loosened_project
from pytest_speedacc.config.policy import Policy, resolve, with_live_default
from pytest_speedacc.config.project import Table, parse_project
from pytest_speedacc.config.settings import parse_bound

ROOT = Path("root")


def policy(rule="exact", **bounds):
    return Policy(tuple(parse_bound(name, value, "marker") for name, value in bounds.items()), rule, 10.0)


@pytest.mark.parametrize(
    ("base", "candidate", "said"),
    [
        ({"min_accuracy": 0.95}, {"min_accuracy": 0.95}, []),
        ({"min_accuracy": 0.95}, {"min_accuracy": 0.96}, []),
        ({"min_accuracy": 0.95}, {"min_accuracy": 0.94}, ["min_accuracy was 0.95 and is 0.94"]),
        ({"max_latency": "5 ms"}, {"max_latency": "4 ms"}, []),
        ({"max_latency": "5 ms"}, {"max_latency": "6 ms"}, ["max_latency was 5.00 ms and is 6.00 ms"]),
        ({"max_parameters": 100}, {}, ["max_parameters was 100 and is gone"]),
        ({}, {"max_parameters": 100}, []),
        # Two names of one limit.
        ({"max_latency": "5 ms"}, {"max_latency_p50": "5 ms"}, []),
        ({"max_latency": "5 ms"}, {"max_latency_p50": "6 ms"}, ["max_latency_p50 was 5.00 ms and is 6.00 ms"]),
        (
            {"max_accuracy_drop": "0.2 pp"},
            {"max_accuracy_drop": "0.3 pp"},
            ["max_accuracy_drop was 0.2 pp and is 0.3 pp"],
        ),
        (
            {"max_accuracy_drop": "0.2 pp"},
            {"max_accuracy_drop": "0.1 %"},
            ["max_accuracy_drop was 0.2 pp and is 0.1 %"],
        ),
        ({"max_memory_increase": "5 %"}, {"max_memory_increase": "4 %"}, []),
    ],
)
def test_a_bound_that_allows_more_is_told(base, candidate, said):
    assert loosened_policy(policy(**base), policy(**candidate)) == said


@pytest.mark.parametrize(
    ("base", "candidate", "told"),
    [
        ("exact", "evidence", True),
        ("noninferior", "exact", True),
        ("evidence", "exact", False),
        ("exact", "exact", False),
    ],
)
def test_a_rule_that_asks_for_less_is_told(base, candidate, told):
    assert bool(loosened_policy(policy(base), policy(candidate))) is told


def test_gains_that_need_no_bound_any_more_are_told():
    trades = [{"give": {"memory": "50 %"}, "gain": {"accuracy": "1 pp"}}]

    def traded(**rule):
        return resolve(parse_project({"max_memory_increase": "5 %", "trades": trades} | rule, ROOT), "t.py::t", Table())

    said = "accuracy_rule = 'exact' is new, so that a trade takes a gain of score as it is measured"
    assert loosened_policy(traded(), traded(accuracy_rule="exact")) == [said]
    assert loosened_policy(traded(accuracy_rule="exact"), traded(accuracy_rule="exact")) == []
    assert loosened_policy(traded(accuracy_rule="exact"), traded()) == []
    assert loosened_policy(policy(), resolve(parse_project({"accuracy_rule": "exact"}, ROOT), "t.py::t", Table())) == []


@pytest.mark.parametrize(
    ("base", "candidate", "said"),
    [
        ({}, {}, []),
        ({}, {"not_compared": "warn"}, ["not_compared was 'fail' in CI and is 'warn'"]),
        ({"not_compared": "warn"}, {}, []),
        ({}, {"skipped": "warn"}, ["skipped was 'fail' in CI and is 'warn'"]),
        ({"inconclusive": "fail"}, {}, ["inconclusive was 'fail' in CI and is 'warn'"]),
        # How the base is run is the base's to say, and told where it is read.
        ({}, {"live": {"removed": "warn"}}, []),
        ({}, {"baselines": "other"}, ["the baselines moved from speedacc-baselines to other"]),
        ({}, {"baselines": "../other"}, ["the baselines moved from speedacc-baselines to ../other"]),
        ({}, {"baselines": "/other"}, ["the baselines moved from speedacc-baselines to /other"]),
    ],
)
def test_a_switch_that_became_lenient_is_told(base, candidate, said):
    assert loosened_project(parse_project(base, ROOT), parse_project(candidate, ROOT)) == said


def found(base_root, markers, settings="", *, candidate=None, **tests):
    """What is loosened in the candidate, whose gates have these markers; ``settings`` are the base's."""
    (base_root / "pyproject.toml").write_text(f"[tool.speedacc]\n{settings}\n", "utf-8")
    project = parse_project(candidate or {}, ROOT)
    policies = {}
    for test, limits in tests.items():
        marker = Table({name: parse_bound(name, value, "marker") for name, value in limits.items()})
        policies[test] = with_live_default(resolve(project, test, marker))
    return find_loosened(base_root, markers, project, policies)


def test_what_is_loosened_is_told_of_each_gate_and_of_pyproject(tmp_path):
    markers = {"test_a": [{"max_latency": "5 ms"}], "test_b": [{"max_latency": "5 ms"}]}
    loosened = found(
        tmp_path,
        markers,
        candidate={"not_compared": "warn"},
        test_a={"max_latency": "6 ms"},
        test_b={"max_latency": "5 ms"},
    )
    assert loosened == Loosened(
        (
            "pyproject.toml: not_compared was 'fail' in CI and is 'warn'",
            "test_a: max_latency was 5.00 ms and is 6.00 ms",
        )
    )


@pytest.mark.parametrize(
    ("loosened", "kept", "said"),
    [
        (1, 1, "test_0"),
        (2, 1, "test_0, test_1"),
        (2, 0, "both gates"),
        (3, 0, "all 3 gates"),
        (5, 1, "test_0, test_1, test_2 and 2 more gates"),
    ],
)
def test_a_setting_of_several_gates_is_one_sentence(tmp_path, loosened, kept, said):
    names = [f"test_{number}" for number in range(loosened + kept)]
    now = [{"max_parameters": 20}] * loosened + [{"max_parameters": 10}] * kept
    markers = {name: [{"max_parameters": 10}] for name in names}
    told = found(tmp_path, markers, **dict(zip(names, now, strict=True))).said
    assert told == (f"{said}: max_parameters was 10 and is 20",)


def test_the_nearest_marker_of_the_base_holds_before_its_settings(tmp_path):
    markers = {"test_a": [{"min_accuracy": 0.8}, {"min_accuracy": 0.9, "max_parameters": 10}]}
    loosened = found(tmp_path, markers, 'min_accuracy = 0.95\nmax_memory = "1 MiB"', test_a={"min_accuracy": 0.7})
    assert loosened.said == (
        "test_a: max_memory was 1.00 MiB and is gone",
        "test_a: max_parameters was 10 and is gone",
        "test_a: min_accuracy was 0.8 and is 0.7",
    )


@pytest.mark.parametrize(
    ("base", "candidate", "said"),
    [
        ([{}], {}, ()),
        ([], {}, ()),
        ([{}], {"max_latency_increase": "5 %"}, ("test_a: max_latency_increase was 3 % and is 5 %",)),
        ([{"max_latency_increase": "1 %"}], {}, ("test_a: max_latency_increase was 1 % and is 3 %",)),
        ([{"max_latency_increase": "5 %"}], {}, ()),
    ],
)
def test_what_a_live_run_allows_by_itself_holds_on_both_sides(tmp_path, base, candidate, said):
    assert found(tmp_path, {"test_a": base}, test_a=candidate) == Loosened(said)


def test_a_gate_that_is_new_has_loosened_nothing(tmp_path):
    assert found(tmp_path, {}, "max_parameters = 10", test_a={"max_parameters": 20}) == Loosened()


def test_a_gate_whose_limits_in_the_base_cannot_be_read_is_named_and_the_others_compared(tmp_path):
    markers = {"test_a": [{"speed": 1}], "test_b": [{"max_parameters": 10}]}
    loosened = found(tmp_path, markers, test_a={}, test_b={"max_parameters": 20})
    assert loosened.said == ("test_b: max_parameters was 10 and is 20",)
    (unread,) = loosened.unread
    assert unread.startswith("whether this change loosens test_a is not known: in the base, marker: unknown key")
    assert not unread.endswith(".")


@pytest.mark.parametrize(
    ("settings", "why"),
    [("speed = 1", "[tool.speedacc]: unknown key 'speed'"), ("= 1", "pyproject.toml is not valid TOML")],
)
def test_settings_of_the_base_that_cannot_be_read_are_no_error(tmp_path, settings, why):
    loosened = found(tmp_path, {"test_a": [{"max_parameters": 10}]}, settings, test_a={"max_parameters": 20})
    assert loosened.said == ()
    (unread,) = loosened.unread
    assert unread.startswith(f"whether this change loosens limits is not known: in the base, {why}")


def test_a_base_without_settings_has_the_defaults(tmp_path):
    candidate = parse_project({"not_compared": "warn"}, ROOT)
    assert find_loosened(tmp_path, {}, candidate, {}).said == (
        "pyproject.toml: not_compared was 'fail' in CI and is 'warn'",
    )


@pytest.mark.parametrize(
    ("settings", "marker", "now", "said"),
    [
        # Dropped or renamed in this checkout, wherever the base bounds it;
        ('max_energy = "3 J"', {}, {}, ["max_energy was 3 J and is gone"]),
        ("max_energy = 3", {}, {}, ["max_energy was 3 and is gone"]),
        ("", {"max_energy": "3 J"}, {}, ["max_energy was 3 J and is gone"]),
        (
            "",
            {"max_energy": 3, "max_energy_increase": "5 %"},
            {},
            ["max_energy was 3 and is gone", "_increase was 5 %"],
        ),
        ('max_energy = "3 J"', {"max_energy": 2}, {}, ["max_energy was 2 J and is gone"]),
        ("min_margin = 0.5", {"max_margin_drop": "1 %"}, {}, ["min_margin was 0.5", "max_margin_drop was 1 %"]),
        ('max_wait = "5 ms"', {"max_held": "2 KiB"}, {}, ["max_wait was 5.00 ms", "max_held was 2.00 KiB"]),
        ('max_heat = "3.5 W/m2"', {}, {}, ["max_heat was 3.5 W/m2 and is gone"]),
        ('max_rain_drop = "3 mm"', {}, {}, ["max_rain_drop was 3 mm and is gone"]),
        ('slices.night.max_energy = "3 J"', {}, {}, ["in the slice 'night', max_energy was 3 J and is gone"]),
        ('policy = "green"\npolicies.green.max_energy = 3', {}, {}, ["max_energy was 3 and is gone"]),
        ('tests."test_*".max_energy = 3', {}, {}, ["max_energy was 3 and is gone"]),
        (
            'max_energy_increase = "1 %"\ntrades = [{ give = { energy = "5 %" }, gain = { charm = "2 x" } }]',
            {},
            {},
            ["max_energy_increase was 1 % and is gone"],
        ),
        # measured in another unit, or in the other direction;
        ('max_cost = "3 EUR"', {}, {"max_cost": "3 USD"}, ["max_cost was 3 EUR and is 3 USD"]),
        ('max_cost = "3 USD"', {}, {"max_cost": 4}, ["max_cost was 3 USD and is 4 USD"]),
        ("min_cost = 3", {}, {"max_cost": 4}, ["min_cost was 3 and is gone"]),
        # and nothing is said of what is as it was.
        ("max_cost = 3", {}, {"max_cost": "3 USD"}, []),
    ],
)
def test_axes_that_only_the_base_has_hide_nothing(tmp_path, settings, marker, now, said):
    before = dict(AXES), dict(SETTINGS), dict(TRADED)
    with with_axes([Axis("cost", "USD")], "a test"):
        loosened = found(
            tmp_path,
            {"test_a": [{"max_parameters": 10, **marker}]},
            f'inconclusive = "fail"\n{settings}',
            test_a={"max_parameters": 20, **now},
        )
    first, *others = loosened.said
    assert (first, loosened.unread) == ("pyproject.toml: inconclusive was 'fail' in CI and is 'warn'", ())
    assert "test_a: max_parameters was 10 and is 20" in others
    assert len(others) == 1 + len(said)
    assert all(any(sentence in other for other in others) for sentence in said)
    assert (dict(AXES), dict(SETTINGS), dict(TRADED)) == before


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ('max_model_size_drop = "1 %"', "unknown key 'max_model_size_drop'"),
        ("max_latency = 3", "max_latency = 3 has no unit"),
        ("max_energy = []", "max_energy = [] must be a number"),
        ('max_error_increase = "1 %"', "the base: the name 'error' is taken"),
        ("max_energy = 3\nmin_energy = 3", "unknown key"),
    ],
)
def test_what_is_no_limit_of_any_axis_is_not_made_one(tmp_path, settings, why):
    (unread,) = found(tmp_path, {"test_a": [{}]}, settings, test_a={}).unread
    assert unread.startswith("whether this change loosens limits is not known: in the base, ")
    assert why in unread
