"""Axes of a user's own, through the public hook and through ``check(metrics=)``, with no other file touched."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scratch_project import PRELUDE, Project, output

from pytest_speedacc.config.project import parse_table
from pytest_speedacc.config.settings import OWN_AXIS
from pytest_speedacc.errors import ConfigError

CONFTEST = """
import numpy as np
from pytest_speedacc import Axis

def joules(model, inputs):
    return getattr(model, "joules", None)

def sureness(model, inputs):
    return np.abs(inputs[:, 0]) if hasattr(model, "joules") else None

def pytest_speedacc_axes():
    return [
        Axis("energy", "J", measure=joules, noise=0.02),
        Axis("sureness", better="higher", per_environment=False, measure=sureness),
    ]
"""
TEST = """
class Model:
    joules = {joules}

    def __call__(self, batch):
        return model(batch)

@pytest.mark.speedacc({marker})
def test_it(speedacc):
    speedacc.check(Model(), inputs, targets{more})
"""


@pytest.fixture
def own(project: Project) -> Project:
    """A project whose conftest has two axes."""
    project.pytester.makeconftest(CONFTEST)
    return project


def write(project: Project, marker: str, joules: object = 3.0, pyproject: str = "", more: str = "") -> None:
    project.write(TEST.format(marker=marker, joules=joules, more=more), pyproject)


def report(project: Project, *options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
    result = project.run("--speedacc-report=report.json", *options)
    return result, json.loads(Path(project.pytester.path, "report.json").read_text("utf-8"))["gates"][0]


def test_a_limit_in_the_marker_holds(own: Project) -> None:
    write(own, "max_energy=2.5, min_sureness=0.5")
    result, gate = report(own)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*failed: energy 3 J (2.94 J to 3.06 J), allowed at most 2.5 J*"])
    checks = {check["setting"]: check for check in gate["checks"]}
    assert checks["max_energy"]["unit"] == "J"
    assert {name: check["outcome"] for name, check in checks.items()} == {
        "max_energy": "failed",
        "min_sureness": "passed",
    }
    measured = {row["metric"]: row for row in gate["measured"]}
    assert (measured["energy"]["observed"], measured["sureness"]["note"]) == (3.0, "mean of 60 samples")


def test_a_limit_in_pyproject_holds_with_or_without_the_unit(own: Project) -> None:
    for limit, outcome in (('"2 J"', "failed"), ("4", "passed")):
        write(own, "", pyproject=f"max_energy = {limit}")
        own.run().assert_outcomes(**{outcome: 1})
    write(own, "", pyproject='max_energy = "4 kWh"')
    own.run().stderr.fnmatch_lines(["*max_energy = '4 kWh' must be a number in J.*"])


def test_within_its_noise_a_limit_is_inconclusive(own: Project) -> None:
    write(own, "max_energy=2.95")
    own.run().stdout.fnmatch_lines(
        ["*energy: 0.05 J over the limit, within the 0.06 J that this figure moves by itself*"]
    )


def test_its_settings_are_listed_and_misspelt_ones_refused(own: Project) -> None:
    own.run("--markers").stdout.fnmatch_lines(["    max_energy=5: largest energy", "    max_energy_incr*"])
    write(own, "max_enrgy=3")
    own.run().stdout.fnmatch_lines(["*unknown key 'max_enrgy'. Did you mean 'max_energy'?*"])


def test_a_baseline_keeps_it_and_is_compared_with(own: Project) -> None:
    tolerances = 'max_energy_increase="10 %", max_sureness_drop="1 %"'
    write(own, tolerances)
    own.run("--speedacc-update").assert_outcomes(passed=1)
    (file,) = Path(own.pytester.path, "speedacc-baselines").glob("*.json")
    stored = json.loads(file.read_text("utf-8"))
    assert stored["metrics"]["sureness"]["value"] == pytest.approx(0.8, abs=0.2)
    (here,) = stored["environments"].values()
    scale = "J, lower is better"
    assert here["metrics"] == {"energy": {"value": 3.0, "band": 0.06, "slices": {}, "scale": scale}}
    own.run().assert_outcomes(passed=1)
    write(own, tolerances, joules=4.0)
    result, gate = report(own)
    result.assert_outcomes(failed=1)
    energy = next(check for check in gate["checks"] if check["metric"] == "energy")
    assert (energy["outcome"], energy["reference"]) == ("failed", 3.0)
    assert energy["reason"] == "+33.3 % against the baseline's 3 J"
    # Accepted like any other.
    own.run("--speedacc-update", "--speedacc-reason=worth it").assert_outcomes(passed=1)
    own.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("before", "after", "scale"),
    [
        ('"energy", "J"', '"energy", "kJ"', "kJ, lower"),
        ('"energy", "J"', '"energy", "J", better="higher"', "J, higher"),
    ],
    ids=["another unit", "the other direction"],
)
def test_what_was_measured_in_other_terms_is_not_compared(
    own: Project, monkeypatch: pytest.MonkeyPatch, before: str, after: str, scale: str
) -> None:
    direction = "drop" if "higher" in scale else "increase"
    write(own, 'max_energy_increase="10 %"')
    own.run("--speedacc-update").assert_outcomes(passed=1)
    own.pytester.makeconftest(CONFTEST.replace(before, after))
    write(own, f'max_energy_{direction}="10 %"')
    monkeypatch.setenv("CI", "true")
    result, gate = report(own)
    result.assert_outcomes(failed=1)
    (check,) = gate["checks"]
    assert check["outcome"] == "not_compared"
    said = f"it was measured in other terms (J, lower is better) than now ({scale} is better): renew the baseline with"
    assert check["reason"].startswith(said)
    assert own.run("--speedacc-update", "--speedacc-reason=a new meter").ret == pytest.ExitCode.OK
    assert own.run().ret == pytest.ExitCode.OK


def test_it_is_traded(own: Project) -> None:
    marker = 'max_energy_increase="1 %", max_model_size_increase="0 %"'
    trade = 'trades = [{ give = { energy = "50 %" }, gain = { sureness = "1.5 x" } }]'
    write(own, marker, pyproject=trade)
    own.run("--speedacc-update").assert_outcomes(passed=1)
    write(own, marker, joules=4.0, pyproject=trade)
    own.run().stdout.fnmatch_lines(["*does not allow this: give energy 50 % for sureness 1.5 x*", "*energy*+33.3 %*"])
    surer = CONFTEST.replace("np.abs(inputs[:, 0])", "np.abs(inputs[:, 0]) * 1.6")
    own.pytester.makeconftest(surer)
    result = own.run()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*allows to give energy 50 % for sureness 1.5 x: given is energy +33.3 %, gained is*"])


def test_a_slice_has_its_own_mean(own: Project) -> None:
    more = ', slices={"small": np.abs(inputs[:, 0]) < 0.1}'
    write(own, "min_sureness=0.5", more=more)
    result, gate = report(own)
    result.assert_outcomes(failed=1)
    assert [(check["slice"], check["outcome"]) for check in gate["checks"]] == [("", "passed"), ("small", "failed")]
    write(own, 'max_energy=5, slices={"small": {"min_accuracy": 0.5}}', more=more)
    _, gate = report(own)
    checks = [(check["setting"], check["slice"], check["outcome"]) for check in gate["checks"]]
    assert checks == [("max_energy", "", "passed"), ("min_accuracy", "small", "passed")]
    write(own, 'min_accuracy=0.5, slices={"small": {"max_energy": 5}}', more=more)
    own.run().stdout.fnmatch_lines(["*energy is one number for all samples: have measure return one number a sample*"])


def test_it_is_drawn_and_tabulated(own: Project) -> None:
    pytest.importorskip("matplotlib")
    write(own, "max_energy=5")
    result = own.run("--speedacc-report=front.svg")
    result.stdout.fnmatch_lines(["*gate*score*median*memory*energy*sureness*verdict*", "*3 J*"])
    drawn = Path(own.pytester.path, "front.svg").read_text("utf-8")
    assert "<!-- energy (log) -->" in drawn


def test_a_check_brings_a_number_of_its_own(project: Project) -> None:
    for value, outcome in (("7.0", "failed"), ("lambda model, inputs: len(inputs) / 20", "passed")):
        write(project, "max_cost=5", more=f', metrics={{"cost": {value}}}')
        project.run().assert_outcomes(**{outcome: 1})
    write(project, 'max_cost_increase="10 %"', more=', metrics={"cost": 3.0}')
    project.run("--speedacc-update").assert_outcomes(passed=1)
    write(project, 'max_cost_increase="10 %"', more=', metrics={"cost": 3.4}')
    project.run().stdout.fnmatch_lines(["*cost 3.4, was 3, allowed worse by at most 10 %*"])


@pytest.mark.parametrize(
    ("marker", "metrics", "said"),
    [
        (
            "max_energy=5",
            '{"enrgy": 3.0}',
            "*'enrgy', which is no axis of yours. Did you mean 'energy'?*",
        ),
        ("max_energy=5", '{"energy": "many"}', "*metrics?'energy'? is 'many', which is no number.*"),
        ("max_energy=5", '{"energy": 1j}', "*metrics?'energy'? is 1j, which is no number.*"),
        ("max_energy=5", '{"energy": float("nan")}', "*metrics?'energy'? is nan, which is no finite number.*"),
        ("max_energy=5", '{"energy": [1.7e308] * 60}', "*metrics?'energy'? is 60 numbers, whose mean is no finite*"),
        (
            "max_energy=5",
            '{"energy": lambda model, inputs: np.full(60, 1.7e308)}',
            "*metrics?'energy'? returned 60 numbers, whose mean is no finite*",
        ),
        ("max_energy=5", '{"energy": np.ones(7)}', "*is an array of shape (7,): give a number, or one for each of 60*"),
        (
            "max_energy=5",
            '{"energy": lambda model, inputs: 1 / 0}',
            "*metrics?'energy'? raised ZeroDivisionError when it was called with the model and the inputs: division*",
        ),
        ("max_energy=5", "{3: 3.0}", "*metrics= names 3, which is no axis of yours.*"),
        ("max_energy=5", "[3.0]", "*metrics=?3.0? must be a mapping of names to numbers.*"),
        ("max_energy=5", '{"energy": None}', "*cannot be measured here: metrics?'energy'? is None, which says*"),
    ],
)
def test_what_is_no_number_of_it_fails(own: Project, marker: str, metrics: str, said: str) -> None:
    # Held in a variable, as nothing tells before the run.
    own.write(f"given = {metrics}\n" + TEST.format(marker=marker, joules=3.0, more=", metrics=given"))
    result = own.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([said])


def test_a_slice_whose_mean_no_float_holds_fails(own: Project) -> None:
    more = ', metrics={"energy": [1.7e308, -1.7e308] * 30}, slices={"even": np.arange(60) % 2 == 0}'
    write(own, "max_energy=5", more=more)
    own.run().stdout.fnmatch_lines(["*metrics?'energy'? is 60 numbers, whose mean is no finite number: their sum*"])


def test_a_measure_that_is_wrong_is_named(own: Project) -> None:
    for joules, said in (
        ("'3'", "the measure of axis energy returned '3', which is no number."),
        ("property(len)", "the measure of axis energy raised TypeError when it was called with the model and the*"),
        ("None", "cannot be measured here: the measure of axis energy returned None, which says*"),
        ("property(lambda self: __import__('asyncio').sleep(0))", "the measure of axis energy is async, and nothing*"),
    ):
        write(own, "max_energy=5", joules=joules)
        result = own.run()
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*{said}*"])


def test_a_measure_that_is_wrong_fails_no_gate_that_nothing_holds_to_it(own: Project) -> None:
    write(own, "min_accuracy=0.5", joules="property(len)")
    result, gate = report(own)
    result.assert_outcomes(passed=1)
    (row,) = (row for row in gate["measured"] if row["metric"] == "energy")
    assert row["observed"] is None
    assert row["note"].startswith("the measure of axis energy raised TypeError")


@pytest.mark.parametrize(
    ("marker", "metrics", "said"),
    [
        ("max_energy='3 J'", "enrgy", "metrics= names 'enrgy', which is no axis of yours. Did you mean 'energy'?"),
        ("max_energy='3 J'", "eenrgy", "metrics= names 'eenrgy', which is no axis of yours. Did you mean 'energy'?"),
        ("max_energy='3 J'", "Energy", "metrics= names 'Energy', which is no axis of yours. Did you mean 'energy'?"),
        ("max_energy='3 J'", "latency", "metrics= names 'latency', and that is an axis of pytest-speedacc: give yours"),
        ("max_energy='3 J'", "enrgy", "If it is another one, put its limit on the marker, or return its Axis from"),
        # What a limit of the test takes up is meant, and so is what is like no other.
        ("max_energy='3 J', max_energy_2=10", "energy_2", ""),
        ("max_energy='3 J', max_energy_2_increase='1 %'", "energy_2", ""),
        ("max_energy='3 J'", "tokens", ""),
    ],
)
def test_a_slip_of_the_name_of_an_axis_is_no_new_axis(own: Project, marker: str, metrics: str, said: str) -> None:
    write(own, marker, joules=2.0, more=f', metrics={{"{metrics}": 9}}')
    result = own.run("--speedacc-not-compared=warn")
    # Nothing was accepted yet, with which the tolerance could be compared.
    word = "failed" if said else "not_compared" if "increase" in marker else "passed"
    assert result.parseoutcomes() == {word: 1}
    assert said in result.stdout.str().replace("\n", " ")


@pytest.mark.parametrize(
    "metrics", ["dict(energy=1.0)", "GIVEN", "{**GIVEN}", "{NAME: 1.0}", "given()", '{"en" + "ergy": 1.0}']
)
def test_a_name_that_does_not_stand_in_the_test_is_not_known_and_the_marker_says_how_it_would_be(
    project: Project, metrics: str
) -> None:
    helpers = 'NAME = "energy"\nGIVEN = {NAME: 1.0}\n\ndef given():\n    return GIVEN\n'
    project.write(helpers + TEST.format(marker="max_energy=3", joules=3.0, more=f", metrics={metrics}"))
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"marker: unknown key 'max_energy'. Did you mean 'max_memory'? {OWN_AXIS}" in result.stdout.str()


@pytest.mark.parametrize(
    ("key", "hinted"),
    [
        ("max_energy", True),
        ("max_energy_increase", True),
        ("min_margin", True),
        ("max_tokens", True),
        ("max_latncy", False),
        ("max_acuracy_drop", False),
        ("min_latency", False),
        ("energy", False),
        ("budgt", False),
    ],
)
def test_how_an_axis_is_added_is_said_of_what_is_no_slip_of_a_known_one(key: str, hinted: bool) -> None:
    with pytest.raises(ConfigError, match=f"unknown key '{key}'") as refused:
        parse_table({key: 1}, "marker")
    assert str(refused.value).endswith(OWN_AXIS) is hinted


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ("[Axis('latency')]", "*the name 'latency' is taken*"),
        ("[Axis('model_size_increase'), Axis('x', better='most')]", "*better='most' must be 'lower' or 'higher'.*"),
        ("[Axis('Energy')]", "*an axis is named in small letters, digits and underscores, not 'Energy'.*"),
        ("[Axis('energy', 'score')]", "*the unit 'score' is for scores and changes*"),
        ("[Axis('energy', noise=2)]", "*noise=2 must be a fraction*"),
        ("[Axis('energy', noise='5 %')]", "*axes of *conftest.py: axis energy: noise='5 %' must be a fraction*"),
        ("['energy']", "*'energy' is not an Axis.*"),
        (
            "Axis('energy')",
            "*speedacc: pytest_speedacc_axes of *conftest.py returned Axis(name='energy'*must return a list*",
        ),
        ("None", "*speedacc: pytest_speedacc_axes of *conftest.py returned None: it must return a list.*"),
        ("'energy'", "*axes of *conftest.py returned 'energy': it must return a list.*"),
        ("[1 / 0]", "*speedacc: pytest_speedacc_axes of *conftest.py raised ZeroDivisionError: division by zero*"),
        ("(1 / 0 for _ in range(3))", "*axes of *conftest.py raised ZeroDivisionError: division by zero*"),
        ("exit('no')", "*axes of *conftest.py raised SystemExit: no*"),
    ],
)
def test_what_is_no_axis_is_refused(project: Project, axes: str, said: str) -> None:
    project.pytester.makeconftest(
        f"from pytest_speedacc import Axis\n\ndef pytest_speedacc_axes():\n    return {axes}\n"
    )
    project.write("def test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([said])
    assert "Traceback" not in output(result)


ADAPTER = """
from pytest_speedacc import Adapter, ParameterCount

class TableAdapter(Adapter):
    framework, counted, serialisation = "tables", "every entry", "the entries"

    def recognises(self, names):
        return any(name.endswith(".Table") for name in names)

    def count_parameters(self, model):
        return ParameterCount(2)

    def serialise(self, model):
        return b"xy"

    {method}

def pytest_speedacc_adapters():
    return {adapters}
"""
TABLE = """
class Table:
    def predict(self, batch):
        return model(batch)

@pytest.mark.speedacc(max_parameters=5, max_model_size="9 B")
def test_it(speedacc):
    speedacc.check(Table(), inputs, targets)
"""


@pytest.mark.parametrize(
    ("adapters", "said"),
    [
        ("TableAdapter()", "adapters of *conftest.py returned <*TableAdapter object at *>: it must return a list."),
        ("None", "pytest_speedacc_adapters of *conftest.py returned None: it must return a list."),
        ("[TableAdapter]", "*conftest.py: TableAdapter is a class: bring an object of it, TableAdapter()."),
        ("[3]", "*conftest.py: 3 is no pytest_speedacc.Adapter: derive its class from that."),
        ("[Adapter()]", "pytest_speedacc_adapters of *conftest.py raised TypeError: Can't instantiate abstract class*"),
    ],
)
def test_what_is_no_adapter_is_refused(project: Project, adapters: str, said: str) -> None:
    project.pytester.makeconftest(ADAPTER.format(method="", adapters=adapters))
    project.write(TABLE)
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*speedacc: *{said}"])
    assert "Traceback" not in output(result)


@pytest.mark.parametrize(
    ("method", "said"),
    [
        (
            "def count_parameters(self, model): return 2",
            "count_parameters returned 2, and must return a ParameterCount",
        ),
        ("def serialise(self, model): return 'xy'", "serialise returned 'xy', and must return bytes"),
        ("def recognises(self, names): return names[0]", "recognises of the adapter TableAdapter raised TypeError"),
        (
            "def check_usable(self, model): model.entries",
            "check_usable of the adapter TableAdapter raised AttributeErr",
        ),
    ],
)
def test_an_adapter_that_is_wrong_is_named(project: Project, method: str, said: str) -> None:
    project.pytester.makeconftest(ADAPTER.format(method=method, adapters="[TableAdapter()]"))
    project.write(TABLE)
    result = project.run()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"*{said}*"])


def test_a_hook_further_down_that_is_wrong_ends_the_run_too(project: Project) -> None:
    folder = project.pytester.mkdir("deep")
    (folder / "conftest.py").write_text("def pytest_speedacc_axes(): pass")
    (folder / "test_deep.py").write_text("def test_it(): pass")
    result = project.run(".")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines(["*speedacc: pytest_speedacc_axes of *conftest.py returned None: it must return a l*"])


def test_a_plugin_without_a_name_is_named_by_its_class(project: Project) -> None:
    project.pytester.makeconftest(
        """
        class Metered:
            def pytest_speedacc_axes(self):
                return None

        def pytest_configure(config):
            config.pluginmanager.register(Metered())
        """
    )
    project.write("def test_it(): pass")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*speedacc: pytest_speedacc_axes of Metered returned None: it must return a list.*"])


def test_who_has_taken_a_name_is_named(own: Project) -> None:
    folder = own.pytester.mkdir("deep")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_deep.py").write_text("def test_it(): pass")
    own.write("def test_it(): pass")
    result = own.run(".")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    top, below = (f"pytest_speedacc_axes of {path / 'conftest.py'}" for path in (own.pytester.path, folder))
    said = f"{below}: the name 'energy' is taken by {top}: give the axis another one."
    assert said in result.stdout.str()


def test_it_goes_with_the_run_that_brought_it(own: Project) -> None:
    write(own, "max_energy=5")
    own.run().assert_outcomes(passed=1)
    own.pytester.makeconftest("")
    own.run().stdout.fnmatch_lines(["*unknown key 'max_energy'.*"])


def test_a_conftest_further_down_is_asked_too(project: Project) -> None:
    folder = project.pytester.mkdir("deep")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_deep.py").write_text(PRELUDE + TEST.format(marker="max_energy=2", joules=3.0, more=""))
    project.run(".").assert_outcomes(failed=1)
