from pathlib import Path

import pytest

from pytest_speedacc.config.loosened import loosened_policy, loosened_project
from pytest_speedacc.config.policy import Policy
from pytest_speedacc.config.project import parse_project
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


@pytest.mark.parametrize(
    ("base", "candidate", "said"),
    [
        ({}, {}, []),
        ({}, {"not_compared": "warn"}, ["not_compared was 'fail' in CI and is 'warn'"]),
        ({"not_compared": "warn"}, {}, []),
        ({"inconclusive": "fail"}, {}, ["inconclusive was 'fail' in CI and is 'warn'"]),
        ({}, {"live": {"removed": "warn"}}, ["removed was 'fail' in CI and is 'warn'"]),
        ({}, {"baselines": "other"}, ["the baselines moved from speedacc-baselines to other"]),
    ],
)
def test_a_switch_that_became_lenient_is_told(base, candidate, said):
    assert loosened_project(parse_project(base, ROOT), parse_project(candidate, ROOT)) == said
