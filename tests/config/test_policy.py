from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_speedacc.config.policy import Policy, join, matches, parse_marker, resolve
from pytest_speedacc.config.project import Table, parse_project
from pytest_speedacc.errors import ConfigError

TEST = "tests/test_ranker.py::test_rank"
NOTHING = Table()


def test_a_gate_without_settings_has_the_defaults():
    policy = resolve(parse_project({}, Path()), TEST, NOTHING)
    assert policy == Policy(bounds=(), accuracy_rule="exact", budget=10)


LAYERS = ("defaults", "policy", "pattern", "later pattern", "marker")
"""From the weakest to the strongest."""


@given(
    st.sets(st.sampled_from(LAYERS), min_size=1),
    st.sets(st.sampled_from(LAYERS), min_size=1),
    st.sets(st.sampled_from(LAYERS), min_size=1),
)
def test_the_strongest_layer_that_sets_a_key_wins_whatever_the_others_set(with_limit, with_rule, with_budget):
    tables = {layer: {} for layer in LAYERS}
    for layer in with_limit:
        tables[layer]["max_parameters"] = LAYERS.index(layer)
    for layer in with_rule:
        # The strongest of these says something that no other says.
        tables[layer]["accuracy_rule"] = "evidence" if layer == strongest(with_rule) else "noninferior"
    for layer in with_budget:
        tables[layer]["budget"] = f"{LAYERS.index(layer) + 1} s"
    policy = resolve_tables(tables)
    assert [bound.value for bound in policy.bounds] == [LAYERS.index(strongest(with_limit))]
    assert policy.accuracy_rule == "evidence"
    assert policy.budget == LAYERS.index(strongest(with_budget)) + 1


def test_different_limits_of_all_layers_add_up():
    policy = resolve_tables(
        {
            "defaults": {"min_accuracy": 0.9},
            "policy": {"max_parameters": 1},
            "pattern": {"max_memory": "1 MiB"},
            "later pattern": {"max_model_size": "1 MiB"},
            "marker": {"max_latency": "1 ms"},
        }
    )
    names = {bound.setting.name for bound in policy.bounds}
    assert names == {"min_accuracy", "max_parameters", "max_memory", "max_model_size", "max_latency"}


def test_both_names_of_the_median_are_one_limit():
    policy = resolve_tables({"defaults": {"max_latency": "1 ms"}, "marker": {"max_latency_p50": "2 ms"}})
    assert [bound.value for bound in policy.bounds] == [0.002]


def test_only_patterns_that_match_count():
    section = {"tests": {"tests/test_other.py::*": {"max_parameters": 1}}}
    assert resolve(parse_project(section, Path()), TEST, NOTHING).bounds == ()


@given(st.sets(st.sampled_from(["defaults", "pattern", "later pattern", "marker"]), min_size=1))
def test_the_strongest_layer_chooses_the_policy(with_policy):
    tables = {layer: {"policy": layer} for layer in with_policy}
    policies = {layer: {"max_parameters": LAYERS.index(layer)} for layer in LAYERS}
    policy = resolve_tables(tables, policies)
    assert [bound.value for bound in policy.bounds] == [LAYERS.index(strongest(with_policy))]


def test_the_command_line_beats_every_budget():
    project = parse_project({"budget": "1 s"}, Path())
    assert resolve(project, TEST, parse_marker((), {"budget": "2 s"}), budget=3).budget == 3


@pytest.mark.parametrize(
    ("policies", "hint"),
    [
        ({"internal": {}, "customer": {}}, "Did you mean 'internal'?"),
        ({"customer": {}}, "Known are customer, customer-facing, internal-analytics."),
        ({}, "Known are customer-facing, internal-analytics."),
    ],
)
def test_an_unknown_policy_is_refused(policies, hint):
    project = parse_project({"policies": policies}, Path())
    with pytest.raises(ConfigError) as refusal:
        resolve(project, TEST, parse_marker((), {"policy": "Intrenal"}))
    message = f"the policy 'Intrenal' is not defined in [tool.speedacc.policies]. {hint}"
    assert str(refusal.value) == message


def test_noisy_checks_are_those_of_times():
    keywords = {"min_accuracy": 0.9, "max_memory": "1 MiB", "max_latency": "1 ms", "max_latency_p95": "2 ms"}
    assert resolve(parse_project({}, Path()), TEST, parse_marker((), keywords)).noisy_checks == 2


@pytest.mark.parametrize(
    ("pattern", "test", "is_match"),
    [
        (TEST, TEST, True),
        ("tests/test_ranker.py::*", TEST, True),
        ("tests/*", TEST, True),
        ("*::test_rank", TEST, True),
        ("tests/test_ranker.py::test_ran?", TEST, True),
        ("tests/test_ranker.py", TEST, False),
        ("test_ranker.py::test_rank", TEST, False),
        ("Tests/*", TEST, False),
        ("", TEST, False),
        # Brackets, as parametrised tests have them, are no character classes.
        ("a.py::t[cpu]", "a.py::t[cpu]", True),
        ("a.py::t[cpu]", "a.py::tc", False),
        ("a.py::t[!c]", "a.py::t[!c]", True),
        ("a.py::t[*]", "a.py::t[cpu-1]", True),
        ("a.py::t[[]", "a.py::t[[]", True),
        # Nothing else is special either.
        ("a.py::t", "aXpy::t", False),
        ("a.py::t[x|y]", "a.py::t[x|y]", True),
        ("a.py::*", "a.py::t[line\nbreak]", True),
    ],
)
def test_patterns_know_two_wildcards(pattern, test, is_match):
    assert matches(pattern, test) is is_match


@given(st.text())
def test_a_node_id_matches_itself(test):
    assert matches(test, test)


@pytest.mark.parametrize(
    ("arguments", "keywords", "message"),
    [
        (
            (0.95,),
            {},
            '@pytest.mark.speedacc takes keywords only, such as max_latency="5 ms", not 0.95.',
        ),
        ((), {"max_latncy": "5 ms"}, "marker: unknown key 'max_latncy'. Did you mean 'max_latency'?"),
        ((), {"Max_Latency": "5 ms"}, "marker: unknown key 'Max_Latency'. Did you mean 'max_latency'?"),
        (
            (),
            {"baselines": "x"},
            "marker: baselines holds for the whole run: move it to [tool.speedacc].",
        ),
        ((), {"policy": None}, "marker: policy = None must be a text that is not empty."),
        (
            (),
            {"max_latency": "5"},
            "marker: max_latency = '5' has no unit; it takes one of ns, us, \u00b5s, ms, s, min, h, as in \"5 ms\".",
        ),
    ],
)
def test_a_wrong_marker_is_refused(arguments, keywords, message):
    with pytest.raises(ConfigError) as refusal:
        parse_marker(arguments, keywords)
    assert str(refusal.value) == message


def test_tables_are_joined_key_by_key():
    weak = parse_marker((), {"max_parameters": 1, "min_accuracy": 0.9, "policy": "a", "budget": "1 s"})
    strong = parse_marker((), {"max_parameters": 2, "accuracy_rule": "evidence", "policy": "b"})
    joined = join(weak, strong)
    assert {name: bound.value for name, bound in joined.bounds.items()} == {
        "max_parameters": 2,
        "min_accuracy": 0.9,
    }
    assert (joined.policy, joined.budget, joined.accuracy_rule) == ("b", 1, "evidence")
    assert join() == NOTHING


def strongest(layers: set[str]) -> str:
    return max(layers, key=LAYERS.index)


def resolve_tables(tables: dict[str, dict], policies: dict[str, dict] | None = None) -> Policy:
    """The policy of TEST; without ``policies`` its own one is chosen by ``[tool.speedacc]``."""
    section = {
        **({"policy": "own"} if policies is None else {}),
        **tables.get("defaults", {}),
        "policies": {"own": tables.get("policy", {})} if policies is None else policies,
        "tests": {"*::test_rank": tables.get("pattern", {}), "tests/*": tables.get("later pattern", {})},
    }
    return resolve(parse_project(section, Path()), TEST, parse_marker((), tables.get("marker", {})))
