"""What a gate measures, from the marker to the message: slices, churn, confidence, training, seeds, streams."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.errors import GateError

PASSED, FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED

GATE = """
@pytest.mark.speedacc({limits})
def test_it(speedacc):
    {body}
"""


def gate(limits: str, body: str) -> str:
    return GATE.format(limits=limits, body=body)


def report(project: Project) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((project.pytester.path / "out.json").read_text())
    return document["gates"][0]


SLICED = """
def slow_at_night(batch):
    return np.where(batch[:, 1] > 0, 0, model(batch))

night = inputs[:, 1] > 0
"""


class TestSlices:
    def test_a_slice_that_got_worse_fails_though_the_whole_does_not(self, project: Project) -> None:
        body = 'speedacc.check(slow_at_night, inputs, targets, slices={"night": night, "day": ~night})'
        project.write(SLICED + gate("min_accuracy=0.6", body))
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: accuracy [night] 0.*, allowed at least 0.6")
        outcomes = {check["slice"]: check["outcome"] for check in report(project)["checks"]}
        assert outcomes == {"": "passed", "night": "failed", "day": "passed"}

    def test_limits_of_a_slice_live_in_the_marker_and_in_pyproject(self, project: Project) -> None:
        body = 'speedacc.check(slow_at_night, inputs, targets, slices={"night": night})'
        project.write(
            SLICED + gate('slices={"night": {"min_accuracy": 0.2}}', body),
            'min_accuracy = 0.6\n[tool.speedacc.slices.night]\nmin_accuracy = 0.5\nmax_accuracy_drop = "1 pp"\n',
        )
        result = project.run("--speedacc-not-compared=warn", "--speedacc-report=out.json")
        assert result.ret == PASSED
        allowed = {(check["slice"], check["allowed"]): check["outcome"] for check in report(project)["checks"]}
        assert allowed == {
            ("", "at least 0.6"): "passed",
            ("night", "at least 0.2"): "passed",
            ("night", "worse by at most 1 pp"): "not_compared",
        }

    @pytest.mark.parametrize(
        ("pyproject", "sentence"),
        [
            ("slices.night.max_latency = '1 ms'", "[tool.speedacc]: slices.night: a slice of the samples can have"),
            ("slices.night.min_acuracy = 1", "unknown key 'min_acuracy'. Did you mean 'min_accuracy'?"),
            ("slices = 1", "[tool.speedacc]: slices must be a table, not 1."),
        ],
    )
    def test_what_a_slice_cannot_have_is_refused(self, project: Project, pyproject: str, sentence: str) -> None:
        project.write(gate("min_accuracy=0.5", "speedacc.check(model, inputs, targets)"), pyproject)
        result = project.run()
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        assert_says(result, sentence)

    def test_a_slice_is_compared_with_the_stored_predictions(self, project: Project) -> None:
        body = 'speedacc.check({model}, inputs, targets, slices={"night": night})'
        limits = 'max_accuracy_drop="30 pp"'
        project.write(SLICED + gate(limits, body.replace("{model}", "model")))
        assert project.run("--speedacc-update").ret == PASSED
        project.write(SLICED + gate(limits, body.replace("{model}", "slow_at_night")))
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        outcomes = {check["slice"]: check["outcome"] for check in report(project)["checks"]}
        assert outcomes == {"": "passed", "night": "failed"}
        assert not any(line.startswith("slice ") for line in report(project)["flipped"])

    def test_a_limit_of_a_slice_says_what_the_slice_was(self, project: Project) -> None:
        body = 'speedacc.check({model}, inputs, targets, slices={"night": night, "day": ~night})'
        limits = "min_accuracy=0.6"
        project.write(SLICED + gate(limits, body.replace("{model}", "model")))
        assert project.run("--speedacc-update").ret == PASSED
        project.write(SLICED + gate(limits, body.replace("{model}", "slow_at_night")))
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        (line,) = report(project)["flipped"]
        assert line.startswith("slice night: 1 before, 0.")
        assert_says(result, line)


class TestChurn:
    def test_the_same_score_with_other_mistakes_fails(self, project: Project) -> None:
        wrong = "\ndef wrong_at(places):\n    def predict(batch):\n        labels = model(batch)\n"
        wrong += "        if len(batch) == 60:\n            labels[places] = 1 - labels[places]\n"
        wrong += "        return labels\n    return predict\n"
        limits = 'max_accuracy_drop="0 pp", max_churn="5 %"'
        project.write(wrong + gate(limits, "speedacc.check(wrong_at([0, 1, 2]), inputs, targets)"))
        assert project.run("--speedacc-update").ret == PASSED
        project.write(wrong + gate(limits, "speedacc.check(wrong_at([3, 4, 5]), inputs, targets)"))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: churn 10 %, allowed changed in at most 5 %")
        assert_says(result, "6 of 60 predictions are not those of the baseline; 3 right-to-wrong, 3 wrong-to-right")
        assert_says(result, "If this change is meant, accept it: *")
        assert project.run("--speedacc-update", "--speedacc-reason=new features").ret == PASSED
        assert project.run().ret == PASSED


class TestConfidence:
    def test_a_classifier_that_is_less_sure_fails(self, project: Project) -> None:
        pytest.importorskip("sklearn")
        project.write(gate("min_confidence=0.7", "speedacc.check(regression(0.001), inputs, targets)"))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: confidence 0.5*, allowed at least 0.7")

    def test_a_function_has_none(self, project: Project) -> None:
        project.write(gate("min_confidence=0.7", "speedacc.check(model, inputs, targets)"))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "cannot be measured here: the model gives no probabilities")


@pytest.mark.memray
class TestTraining:
    def test_training_is_limited_measured_and_recorded(self, project: Project) -> None:
        pytest.importorskip("sklearn")
        body = "speedacc.check(speedacc.fit(regression), inputs, targets)"
        project.write(gate('max_training_time="1 min", max_training_memory="1 GiB", min_accuracy=0.5', body))
        assert project.run("--speedacc-update").ret == PASSED
        [path] = project.pytester.path.glob("speedacc-baselines/*.json")
        (record,) = json.loads(path.read_text())["environments"].values()
        assert record["training"]["seconds"] > 0
        assert record["training"]["peak"] > 0
        result = project.run("--speedacc-report=out.json")
        assert result.ret == PASSED
        measured = {row["metric"]: row for row in report(project)["measured"]}
        assert measured["training_time"]["reference"] == record["training"]["seconds"]
        assert measured["training_memory"]["observed"] > 0

    def test_training_that_takes_too_much_fails(self, project: Project) -> None:
        train = "\ndef train():\n    kept = np.ones(2**22)\n    return model\n"
        project.write(
            train + gate('max_training_memory="16 MiB"', "speedacc.check(speedacc.fit(train), inputs, targets)")
        )
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: training memory 32.0 MiB *, allowed at most 16.0 MiB")

    def test_a_model_that_was_never_fitted_here_fails_its_limit(self, project: Project) -> None:
        project.write(gate('max_training_time="1 s"', "speedacc.check(model, inputs, targets)"))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "the model was not trained by speedacc.fit(train) in this test")

    def test_each_of_two_models_has_its_own_training(self, project: Project) -> None:
        pytest.importorskip("sklearn")
        body = """weak, strong = speedacc.fit(lambda: regression(0.1)), speedacc.fit(regression)
    speedacc.check(strong, inputs, targets, name="strong")
    speedacc.check(weak, inputs, targets, name="weak")
    speedacc.check(model, inputs, targets, name="neither")"""
        project.write(gate('max_training_time="1 min"', body))
        result = project.run()
        assert_says(result, "speedacc.fit trained several models, and none of them is, or two of them are, this one")
        assert output(result).count("cannot be measured here") == 1

    def test_training_that_goes_on_is_the_tests_failure(self, project: Project) -> None:
        source = """
class Growing:
    weights = 0
    def predict(self, batch):
        return model(batch)

growing = Growing()

def train():
    growing.weights += 1
    return growing
"""
        body = "speedacc.check(speedacc.fit(train), inputs, targets)"
        project.write(source + gate('max_training_memory="1 GiB"', body))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "train() goes on training a model that it has trained before")


COIN = """
def coin(batch):
    return np.where(np.random.random(len(batch)) < 0.9, model(batch), 1 - model(batch))
"""


class TestRandomness:
    def test_a_random_model_is_named(self, project: Project) -> None:
        project.write(COIN + gate("min_accuracy=0.5", "speedacc.check(coin, inputs, targets)"))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "cannot be judged: the model is random")

    def test_it_is_judged_over_seeds(self, project: Project) -> None:
        body = "speedacc.check(coin, inputs, targets, repeats=30)"
        limits = 'min_accuracy=0.8, max_accuracy_drop="10 pp"'
        project.write(COIN + gate(limits, body))
        assert project.run("--speedacc-update").ret == PASSED
        [path] = project.pytester.path.glob("speedacc-baselines/*.json")
        stored = json.loads(path.read_text())["accuracy"]
        assert stored["repeats"] == 30
        assert stored["spread"] > 0.01
        result = project.run("--speedacc-report=out.json")
        assert result.ret == PASSED
        limit, drop = report(project)["checks"]
        assert (limit["outcome"], drop["outcome"]) == ("passed", "passed")
        assert drop["reference"] == stored["value"]
        project.write(COIN.replace("0.9", "0.6") + gate(limits, body))
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: accuracy 0.* (0.* to 0.*), allowed at least 0.8; accuracy *")


class TestStreams:
    def test_a_stream_is_judged_and_compared(self, project: Project) -> None:
        stream = "\ndef batches():\n    for start in range(0, 60, 20):\n"
        stream += "        yield inputs[start:start + 20], targets[start:start + 20]\n"
        project.write(stream + gate('max_accuracy_drop="0 pp", max_churn="0 %"', "speedacc.check(model, batches())"))
        assert project.run("--speedacc-update").ret == PASSED
        assert project.run().ret == PASSED
        project.write(
            stream + gate('max_accuracy_drop="0 pp"', "speedacc.check(lambda batch: 1 - model(batch), batches())")
        )
        result = project.run()
        assert result.ret == FAILED
        assert_says(result, "speedacc failed: accuracy 0 *, was 1, allowed worse by at most 0 pp")

    def test_an_executor_evaluates_the_set(self, project: Project) -> None:
        pool = "\nfrom concurrent.futures import ThreadPoolExecutor\n"
        body = "speedacc.check(model, inputs, targets, executor=ThreadPoolExecutor(2))"
        project.write(pool + gate("min_accuracy=1", body))
        assert project.run().ret == PASSED


@pytest.mark.slow
class TestExplanations:
    def test_a_lost_score_names_the_samples_and_the_classes(self, project: Project) -> None:
        wrong = "\ndef wrong(batch):\n    labels = model(batch)\n    if len(batch) == 60:\n"
        wrong += "        labels[:7] = 1 - labels[:7]\n    return labels\n"
        project.write(wrong + gate('max_accuracy_drop="0 pp"', "speedacc.check(model, inputs, targets)"))
        assert project.run("--speedacc-update").ret == PASSED
        project.write(wrong + gate('max_accuracy_drop="0 pp"', "speedacc.check(wrong, inputs, targets)"))
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        assert_says(result, "Right before and wrong now:")
        lines = report(project)["flipped"]
        assert [line.partition(":")[0] for line in lines[:5]] == [f"sample {number}" for number in range(5)]
        assert lines[5] == "and 2 more"
        classes = [line for line in lines[6:] if line.startswith("class ") and line.endswith(" now")]
        lost = [int(line.split()[2]) - int(line.split()[-2]) for line in classes]
        assert sum(lost) == 7
        assert lost == sorted(lost, reverse=True)
        # Of two classes each is taken for the other one.
        taken = [int(line.split()[4]) for line in lines[6 + len(classes) :] if line.endswith(" now, 0 before")]
        assert taken == lost

    def test_a_model_that_is_too_slow_shows_where_its_time_goes(self, project: Project) -> None:
        source = """
def costly(batch):
    return sum(number * number for number in range(20_000))

def slow(batch):
    costly(batch)
    return model(batch)
"""
        project.write(source + gate('max_latency="1 us"', "speedacc.check(slow, inputs, targets)"))
        result = project.run("--speedacc-report=out.json", "--speedacc-profile=profiles")
        assert result.ret == FAILED
        assert_says(result, "Where the time goes, by a profile taken afterwards:")
        assert "costly" in report(project)["explained"][0]
        kept = sorted(path.suffix for path in (project.pytester.path / "profiles").iterdir())
        assert kept == [".callgrind", ".pstat"]

    def test_a_model_that_is_fast_enough_is_not_profiled(self, project: Project) -> None:
        project.write(gate('max_latency="5 s"', "speedacc.check(model, inputs, targets)"))
        assert project.run("--speedacc-report=out.json").ret == PASSED
        assert report(project)["explained"] == []

    @pytest.mark.memray
    def test_a_peak_that_is_too_high_names_who_holds_it(self, project: Project) -> None:
        source = """
def widen(batch):
    return np.ones((len(batch), 2**18))

def large(batch):
    return model(batch) * widen(batch)[:, 0].astype(int)
"""
        project.write(source + gate('max_memory="1 MiB"', "speedacc.check(large, inputs, targets)"))
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        assert_says(result, "What holds the peak, from a pass of its own:")
        (line,) = report(project)["allocated"]
        assert re.fullmatch(r"widen \(test_model.py:\d+\): 2.00 MiB, 100 %, \d+ allocations?", line)

    @pytest.mark.memray
    def test_a_peak_above_the_baselines_names_who_holds_it(self, project: Project) -> None:
        source = """
def copies(batch, times):
    return np.tile(batch, (1, times))

def model_of(times):
    return lambda batch: model(copies(batch, times))
"""
        limits = 'max_memory_increase="5 %"'
        project.write(source + gate(limits, "speedacc.check(model_of(2000), inputs, targets)"))
        assert project.run("--speedacc-update", "--speedacc-report=out.json").ret == PASSED
        assert report(project)["allocated"] == []
        project.write(source + gate(limits, "speedacc.check(model_of(4000), inputs, targets)"))
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        assert report(project)["allocated"][0].startswith("copies (test_model.py:")

    def test_a_peak_that_cannot_be_looked_into_fails_all_the_same(
        self, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(subject: object, root: object) -> None:
            raise GateError("there is no room for it")

        monkeypatch.setattr("pytest_speedacc.check.explanation.find_allocations", refuse)
        project.write(
            gate('max_memory="1 KiB"', "speedacc.check(lambda batch: model(batch.repeat(999, 1)), inputs, targets)")
        )
        result = project.run("--speedacc-report=out.json")
        assert result.ret == FAILED
        assert_says(result, "Note: there is no room for it.")
        assert report(project)["allocated"] == []
