import tomllib
from pathlib import Path

import pytest

from pytest_speedacc.config.project import Project, load_project, parse_project
from pytest_speedacc.errors import ConfigError

ROOT = Path("/project")


def test_a_whole_section_is_read():
    project = read(
        """
        [tool.speedacc]
        baselines = "accepted"
        inconclusive = "fail"
        not_compared = "warn"
        max_accuracy_drop = "0.2 pp"
        accuracy_rule = "evidence"
        budget = "20 s"
        policy = "customer-facing"

        [tool.speedacc.policies.customer-facing]
        max_latency_p95 = "20 ms"

        [tool.speedacc.tests."tests/test_ranker.py::*"]
        min_accuracy = 0.9

        [tool.speedacc.tests."tests/test_other.py::*"]
        max_latency_p50 = "1 ms"
        """
    )
    assert (project.root, project.baselines) == (ROOT, ROOT / "accepted")
    assert (project.inconclusive, project.not_compared) == ("fail", "warn")
    defaults = project.defaults
    assert (set(defaults.bounds), defaults.accuracy_rule) == ({"max_accuracy_drop"}, "evidence")
    assert (defaults.budget, defaults.policy) == (20, "customer-facing")
    assert project.policies["customer-facing"].bounds["max_latency_p95"].value == pytest.approx(0.02)
    (first, ranker), (second, other) = project.tests
    assert (first, second) == ("tests/test_ranker.py::*", "tests/test_other.py::*")
    assert ranker.bounds["min_accuracy"].value == 0.9
    # Found under the name it shares, and printed under the name it was given.
    assert other.bounds["max_latency"].setting.name == "max_latency_p50"


TOP = "[tool.speedacc]"
LENIENCIES = "must be one of 'warn', 'fail'."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("baselines = 3", f"{TOP}: baselines = 3 must be a text that is not empty."),
        ('baselines = ""', f"{TOP}: baselines = '' must be a text that is not empty."),
        ('inconclusive = "ignore"', f"{TOP}: inconclusive = 'ignore' {LENIENCIES}"),
        ("not_compared = false", f"{TOP}: not_compared = False {LENIENCIES}"),
        ("not_compared = ['warn']", f"{TOP}: not_compared = ['warn'] {LENIENCIES}"),
        (
            'accuracy_rule = "exakt"',
            f"{TOP}: accuracy_rule = 'exakt' must be one of 'exact', 'evidence', 'noninferior'.",
        ),
        ('budget = "0 s"', f"{TOP}: budget = '0 s' must be above zero."),
        (
            "budget = 5",
            f'{TOP}: budget = 5 has no unit; it takes one of ns, us, \u00b5s, ms, s, min, h, as in "5 ms".',
        ),
        ("policy = 1", f"{TOP}: policy = 1 must be a text that is not empty."),
        (
            "min_accuracy = true",
            f"{TOP}: min_accuracy = True must be the score itself, a plain number such as 0.95.",
        ),
        # Keys that nobody knows.
        ('max_latncy = "5 ms"', f"{TOP}: unknown key 'max_latncy'. Did you mean 'max_latency'?"),
        ('baseline = "x"', f"{TOP}: unknown key 'baseline'. Did you mean 'baselines'?"),
        ('inconclusve = "fail"', f"{TOP}: unknown key 'inconclusve'. Did you mean 'inconclusive'?"),
        ('notcompared = "fail"', f"{TOP}: unknown key 'notcompared'. Did you mean 'not_compared'?"),
        ('accuracyrule = "exact"', f"{TOP}: unknown key 'accuracyrule'. Did you mean 'accuracy_rule'?"),
        ("[tool.speedacc.policy.x]", f"{TOP}: policy = {{'x': {{}}}} must be a text that is not empty."),
        ("[tool.speedacc.policie.x]", f"{TOP}: unknown key 'policie'. Did you mean 'policies'?"),
        ("[tool.speedacc.test.x]", f"{TOP}: unknown key 'test'. Did you mean 'tests'?"),
        (
            "[tool.speedacc.policies.a]\nmin_acuracy = 1",
            "[tool.speedacc.policies.a]: unknown key 'min_acuracy'. Did you mean 'min_accuracy'?",
        ),
        (
            '[tool.speedacc.tests."a::*"]\nbudgt = "1 s"',
            "[tool.speedacc.tests.\"a::*\"]: unknown key 'budgt'. Did you mean 'budget'?",
        ),
        # Keys in the wrong place.
        (
            '[tool.speedacc.tests."a::*"]\nnot_compared = "warn"',
            '[tool.speedacc.tests."a::*"]: not_compared holds for the whole run: move it to [tool.speedacc].',
        ),
        (
            '[tool.speedacc.policies.a]\npolicy = "b"',
            "[tool.speedacc.policies.a]: a policy cannot choose another policy: write its limits here.",
        ),
        # One limit under both of its names.
        (
            'max_latency = "5 ms"\nmax_latency_p50 = "6 ms"',
            f"{TOP}: max_latency and max_latency_p50 are the same limit: keep one.",
        ),
        (
            'max_latency_p50 = "6 ms"\nmax_latency = "5 ms"',
            f"{TOP}: max_latency_p50 and max_latency are the same limit: keep one.",
        ),
        # What is no table.
        ("policies = 3", "[tool.speedacc.policies] must be a table, not 3."),
        ("policies.a = 3", "[tool.speedacc.policies.a] must be a table, not 3."),
        ("tests = []", "[tool.speedacc.tests] must be a table, not []."),
        ("tests.min_accuracy = 0.9", '[tool.speedacc.tests."min_accuracy"] must be a table, not 0.9.'),
    ],
)
def test_a_wrong_section_is_refused_with_its_place(text, message):
    with pytest.raises(ConfigError) as refusal:
        read(f"{TOP}\n{text}")
    assert str(refusal.value) == message


def test_without_a_near_miss_the_known_keys_are_listed():
    with pytest.raises(ConfigError, match=r"^\[tool\.speedacc\]: unknown key 'zzz'\. Known are ") as refusal:
        read("[tool.speedacc]\nzzz = 1")
    listed = str(refusal.value).partition("Known are ")[2].rstrip(".").split(", ")
    assert {"max_latency", "accuracy_rule", "budget", "policy", "baselines", "tests"} <= set(listed)


@pytest.mark.parametrize("text", [None, "", "[project]\nname = 'x'", "[tool.pytest]", "[tool.speedacc]"])
def test_a_project_without_settings_has_the_defaults(tmp_path, text):
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)
    assert load_project(tmp_path) == Project(tmp_path, tmp_path / "speedacc-baselines")


def test_pyproject_is_found_in_the_root(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[tool.speedacc]\nmax_memory = "1 MiB"')
    assert load_project(tmp_path).defaults.bounds["max_memory"].value == 1024**2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[tool.speedacc", "{path} is not valid TOML: Expected ']' at the end of a table declaration"),
        (b'x = "\xff"', "{path} is not valid TOML: 'utf-8' codec can't decode byte 0xff in position 5"),
        (b"tool = 3", "[tool] must be a table, not 3."),
        (b"[tool]\nspeedacc = 3", "[tool.speedacc] must be a table, not 3."),
        (b"[[tool.speedacc]]", "[tool.speedacc] must be a table, not [{{}}]."),
    ],
)
def test_a_broken_pyproject_is_refused(tmp_path, content, message):
    path = tmp_path / "pyproject.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as refusal:
        load_project(tmp_path)
    assert str(refusal.value).startswith(message.format(path=path))


def test_an_unreadable_pyproject_is_refused(tmp_path):
    path = tmp_path / "pyproject.toml"
    path.mkdir()
    with pytest.raises(ConfigError) as refusal:
        load_project(tmp_path)
    assert str(refusal.value).startswith(f"{path} cannot be read: ")


def read(text: str) -> Project:
    return parse_project(tomllib.loads(text)["tool"]["speedacc"], ROOT)
