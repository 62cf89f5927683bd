"""One model against another in one test: what one process can show, and what fresh ones do."""

from __future__ import annotations

import json
import math
from importlib.util import find_spec
from typing import Any

import pytest
from scratch_project import SIZED, Project, assert_says, output

from pytest_speedacc.check import explanation
from pytest_speedacc.check.comparison import parse_terms
from pytest_speedacc.config.trades import parse_gain
from pytest_speedacc.errors import ConfigError
from pytest_speedacc.judge.speedup import judge_speedup
from pytest_speedacc.judge.verdict import Outcome
from pytest_speedacc.measure.launches import PairTimes

PASSED, FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED

WORK = """
def repeated(times, wrong=0):
    def predict(batch):
        for _ in range(times):
            sum(range(2_000))
        labels = model(batch)
        if len(batch) == 60:
            labels[:wrong] = 1 - labels[:wrong]
        return labels
    return predict

def test_it(speedacc):
    speedacc.compare({models}, inputs, targets, {terms})
"""


def write(project: Project, models: str, terms: str) -> None:
    project.write(WORK.format(models=models, terms=terms))


def gate(project: Project) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project.pytester.path / "out.json").read_text())
    return document["gates"][0]


@pytest.mark.slow
class TestOneProcess:
    def test_a_clear_speed_up_passes_and_says_what_it_rests_on(self, project: Project) -> None:
        write(project, "repeated(5), repeated(50)", 'min_speedup="2 x", max_accuracy_drop="0 pp"')
        result = project.run("--speedacc-report=out.json")
        assert result.ret == PASSED, output(result)
        drop, speedup = gate(project)["checks"]
        assert (drop["outcome"], drop["reference"]) == ("passed", 1.0)
        assert (speedup["setting"], speedup["outcome"]) == ("min_speedup", "passed")
        assert speedup["observed"] == pytest.approx(-0.9, abs=0.05)
        assert speedup["allowed"] == "faster by at least 2 x"
        assert speedup["reason"].endswith("one process, whose times may be a quarter off")
        assert gate(project)["compared_with"] == "other"
        assert any("launches=8 measures in fresh ones" in note for note in gate(project)["notes"])

    def test_too_little_of_one_fails(self, project: Project) -> None:
        write(project, "repeated(40), repeated(50)", 'min_speedup="2 x"')
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: latency median -* %, allowed faster by at least 2 x")

    def test_a_close_one_is_inconclusive(self, project: Project) -> None:
        write(project, "repeated(24), repeated(50)", 'min_speedup="2 x"')
        result = project.run("--speedacc-report=out.json")
        assert result.ret == PASSED
        assert gate(project)["verdict"] == "inconclusive"
        assert_says(result, "one process, whose times may be a quarter off: too close to call; pass launches=8")

    def test_samples_are_paired(self, project: Project) -> None:
        terms = 'max_accuracy_drop="1 pp", max_churn="1 %"'
        write(project, "repeated(5, wrong=3), repeated(5)", terms)
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        drop, churn = gate(project)["checks"]
        assert "3 right-to-wrong, 0 wrong-to-right of 60" in drop["reason"]
        assert churn["reason"].startswith("3 of 60 predictions are not those of the other")

    # Looked for and not imported: pytester would forget it, and a process can import it only once.
    @pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")
    def test_half_the_width_against_the_original(self, project: Project) -> None:
        """A float32 network and its twin of half the width: fewer parameters, and what the score pays for them."""
        project.write(
            """
import torch

def network(width):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 2))
    x, y = torch.from_numpy(inputs).float(), torch.from_numpy(targets)
    optimiser = torch.optim.Adam(net.parameters(), 0.05)
    for _ in range(60):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net

def test_it(speedacc):
    full, half = network(512), network(256)
    speedacc.compare(half, full, inputs.astype(np.float32), targets, max_accuracy_drop="2 pp",
                     max_parameters_increase="0 %", max_model_size_increase="0 %")
    speedacc.compare(full, half, inputs.astype(np.float32), targets, max_parameters_increase="0 %", name="back")
"""
        )
        result = project.run_apart("--speedacc-report=out.json")
        assert result.ret == FAILED
        gates = json.loads((project.pytester.path / "out.json").read_text())["gates"]
        forth, back = ({check["setting"]: check for check in each["checks"]} for each in gates)
        assert {check["outcome"] for check in forth.values()} == {"passed"}
        parameters = forth["max_parameters_increase"]
        assert (parameters["observed"], parameters["reference"]) == (256 * 7 + 2, 512 * 7 + 2)
        assert back["max_parameters_increase"]["outcome"] == "failed"

    def test_a_trade_excuses_a_worse_score(self, project: Project) -> None:
        source = """
def test_it(speedacc):
    speedacc.compare(Sized(10, 1), Sized(10_000, 0), inputs, targets, max_accuracy_drop="0 pp",
                     trades=[{"give": {"accuracy": "2 pp"}, "gain": {"model_size": "10 x"}}])
"""
        project.write(SIZED + source)
        assert project.run().ret == PASSED

    @pytest.mark.parametrize(
        ("terms", "sentence"),
        [
            ("", "compare() has nothing to judge: add min_speedup=, max_accuracy_drop= or another tolerance."),
            ('max_latency="1 ms"', "compare(): max_latency is a limit, and compare holds one model against another"),
            ('max_acuracy_drop="1 pp"', "unknown keyword 'max_acuracy_drop'. Did you mean 'max_accuracy_drop'?"),
            (
                'metrics={"energy": 1}, max_energy_increase="1 %"',
                "compare() has no metrics=: an axis of yours is measured",
            ),
            ('min_speedup="2"', "compare(): min_speedup = '2' has no unit"),
            ('min_speedup="1 x"', "min_speedup = '1 x' must be above 1"),
            ('max_churn="1 %", launches=3', "compare(): launches=3 must be a whole number from 4."),
            ('max_latency_increase="5 %"', "max_latency_increase needs launches=8, say"),
            ('max_latency_p95_increase="20 %", launches=8', "compares medians"),
            ('max_churn="1 %", trades=[{}]', "compare(): trades[0] must have give and gain"),
        ],
    )
    def test_what_cannot_be_compared_is_said(self, project: Project, terms: str, sentence: str) -> None:
        write(project, "repeated(1), repeated(1)", terms)
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, sentence)

    def test_limits_of_the_marker_want_a_check(self, project: Project) -> None:
        compare = 'speedacc.compare(model, model, inputs, targets, max_churn="0 %")'
        source = "@pytest.mark.speedacc(min_accuracy=0.5)\ndef test_it(speedacc):\n    "
        project.write(source + compare)
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "limits are set (min_accuracy) and the test only called compare(), which has its own")
        project.write(f"{source}speedacc.check(model, inputs, targets)\n    {compare}")
        assert project.run().ret == PASSED
        # What holds for every gate of the project is no reason to refuse a comparison.
        project.write(f"def test_it(speedacc):\n    {compare}", "min_accuracy = 0.5")
        assert project.run().ret == PASSED

    def test_a_name_is_used_once(self, project: Project) -> None:
        twice = '\n    speedacc.compare(model, model, inputs, targets, max_churn="0 %")'
        project.write("\ndef test_it(speedacc):" + twice + twice)
        assert_says(project.run(), "name='compare' was used twice in one test: give each call its own name=.")


EXPLAINED = """
def clean(batch):
    for _ in range(100):
        sum(range(2_000))
    return batch

def cleaned(batch):
    return model(clean(batch))

def wide(batch):
    return np.ones(2**20)[: len(batch)] * model(batch)

def careless(batch):
    labels = model(batch)
    if len(batch) == 60:
        labels[np.flatnonzero(labels)[:3]] = 0
    return labels

def test_it(speedacc):
    speedacc.compare({models}, inputs, targets, {terms})
"""


@pytest.mark.slow
class TestExplained:
    def explained(self, project: Project, models: str, terms: str, *options: str) -> pytest.RunResult:
        project.write(EXPLAINED.format(models=models, terms=terms))
        return project.run("--speedacc-report=out.json", *options)

    def test_what_takes_longer_than_in_the_other_is_named(self, project: Project) -> None:
        failed = self.explained(project, "cleaned, model", 'min_speedup="2 x"')
        assert failed.ret == FAILED
        assert_says(failed, "What takes longer than in the other, by a profile taken afterwards:")
        assert_says(failed, "  clean (test_model.py:15): +* of * more, called once, and not at all in the other")

    def test_of_a_model_that_is_only_not_fast_enough_it_is_where_the_time_goes(self, project: Project) -> None:
        failed = self.explained(project, "cleaned, cleaned", 'min_speedup="2 x"')
        assert_says(failed, "Where the time goes, by a profile taken afterwards:")
        assert_says(failed, "  clean (test_model.py:15): *%, *, called once for each call of the model")

    @pytest.mark.memray
    def test_what_holds_more_than_in_the_other_is_named(self, project: Project) -> None:
        failed = self.explained(project, "wide, model", 'max_memory_increase="10 %"')
        assert failed.ret == FAILED
        assert_says(failed, "  wide (test_model.py:24): +8.00 MiB of 8.00 MiB more, *, and none in the other")
        assert not gate(project)["explained"]

    def test_the_samples_that_flipped_are_named(self, project: Project) -> None:
        failed = self.explained(project, "careless, model", 'max_accuracy_drop="1 pp"')
        assert_says(failed, "Right by the other and wrong now:")
        assert_says(failed, "* class 1: * right by the other, * now*")

    def test_of_two_like_models_nothing_is_named_and_both_profiles_are_kept(self, project: Project) -> None:
        passed = self.explained(project, "cleaned, cleaned", 'max_churn="0 %"', "--speedacc-profile=kept")
        assert passed.ret == PASSED
        assert gate(project)["explained"] == []
        kept = sorted(path.name for path in (project.pytester.path / "kept").iterdir())
        assert kept == [
            f"test_model--test_it@compare{end}" for end in (".callgrind", ".other.callgrind", ".other.pstat", ".pstat")
        ]

    def test_no_profile_is_taken_that_nobody_asks_for(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*arguments: object, **options: object) -> None:
            raise AssertionError("profiled")

        monkeypatch.setattr(explanation, "attempt_profile", refuse)
        monkeypatch.setattr(explanation, "find_allocations", refuse)
        terms = 'max_memory_increase="10 %", min_speedup="2 x"'
        assert self.explained(project, "model, cleaned", terms).ret == PASSED


@pytest.mark.slow
class TestLaunches:
    @pytest.mark.parametrize(
        ("models", "terms", "code"),
        [
            ("repeated(20), repeated(50)", 'min_speedup="2 x", launches=4', PASSED),
            pytest.param(
                "repeated(60), repeated(50)",
                'max_latency_increase="5 %", launches=8',
                FAILED,
                marks=pytest.mark.thorough,
            ),
        ],
    )
    def test_fresh_processes_decide(self, project: Project, models: str, terms: str, code: pytest.ExitCode) -> None:
        write(project, models, terms)
        result = project.run_apart("--speedacc-report=out.json")
        assert result.ret == code, output(result)
        (check,) = gate(project)["checks"]
        assert check["interval"] is not None
        assert "fresh processes" in check["reason"] or "launches" in check["reason"]

    def test_a_test_that_does_not_come_to_it_is_named(self, project: Project) -> None:
        project.write(
            """
import os

def test_it(speedacc):
    if "MALLOC_TOP_PAD_" in os.environ:
        raise RuntimeError("not in a worker")
    speedacc.compare(model, model, inputs, targets, max_latency_increase="50 %", launches=4)
"""
        )
        result = project.run_apart()
        assert result.ret == FAILED
        assert_says(result, "launch 1 did not come to compare(): RuntimeError: not in a worker")


def launches(ratio: float, spread: float = 0.01, count: int = 8) -> list[PairTimes]:
    return [PairTimes(math.log(ratio) + spread * (-1) ** place, 0.01, None, 0, 1.0, 1.0, 0.1) for place in range(count)]


@pytest.mark.parametrize(
    ("ratio", "spread", "outcome"),
    [
        (0.4, 0.01, Outcome.PASSED),
        (0.48, 0.1, Outcome.INCONCLUSIVE),
        (0.52, 0.1, Outcome.INCONCLUSIVE),
        (0.6, 0.01, Outcome.FAILED),
        (1.5, 0.01, Outcome.FAILED),
    ],
)
def test_a_speed_up_is_shown_or_refuted_by_its_launches(ratio: float, spread: float, outcome: Outcome) -> None:
    check = judge_speedup(parse_gain("latency", "2 x", "x"), 0.0, launches(ratio, spread))
    assert check.outcome is outcome
    assert check.observed == pytest.approx(ratio - 1, abs=0.01)


@pytest.mark.parametrize(
    ("ratio", "outcome"),
    [(0.39, Outcome.PASSED), (0.41, Outcome.INCONCLUSIVE), (0.62, Outcome.INCONCLUSIVE), (0.63, Outcome.FAILED)],
)
def test_one_process_leaves_a_quarter_open(ratio: float, outcome: Outcome) -> None:
    assert judge_speedup(parse_gain("latency", "2 x", "x"), math.log(ratio), ()).outcome is outcome


def test_terms_that_are_no_terms_are_refused() -> None:
    with pytest.raises(ConfigError, match="launches=True must be a whole number"):
        parse_terms({"max_churn": "1 %"}, None, None, True, None)
