"""Nothing is green because nothing was measured: each mistake with its own sentence and its exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
from scratch_project import Project, assert_says, output

from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.measure.environment import Environment

PASSED, FAILED, USAGE = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.USAGE_ERROR

CHECK = "speedacc.check(model, inputs, targets)"


@dataclass(frozen=True, slots=True)
class Row:
    """One mistake: a test file, the settings and options it runs with, and what must come of it."""

    id: str
    sentence: str
    """What the run says; ``*`` stands for anything."""
    body: str = CHECK
    """Of the test."""
    marker: str = "min_accuracy=0.5"
    """Its keywords; empty for no marker."""
    arguments: str = "speedacc"
    """Of the test."""
    above: str = ""
    """The lines above the test."""
    pyproject: str = ""
    """What stands below ``[tool.speedacc]``."""
    options: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    """Further ones that are loaded."""
    in_ci: bool = False
    accepted: str = ""
    """The body with which ``--speedacc-update`` ran before; empty for no baseline."""
    spoil: Callable[[Path], object] | None = None
    """Damages the baseline file that was written then."""
    needs: str = ""
    """A module without which the row says nothing."""
    exit_code: pytest.ExitCode = FAILED

    def tests(self, body: str) -> str:
        """The test file."""
        marker = f"@pytest.mark.speedacc({self.marker})\n" if self.marker else ""
        return f"{self.above}\n{marker}def test_it({self.arguments}):\n    " + body.replace("\n", "\n    ")


def check(model: str = "model", inputs: str = "inputs", targets: str = "targets", **keywords: str) -> str:
    """The source of a call of ``check``."""
    return f"speedacc.check({', '.join([model, inputs, targets, *(f'{k}={v}' for k, v in keywords.items())])})"


def without_ratio(path: Path) -> None:
    """As written by a gate without a latency tolerance."""
    baseline = json.loads(path.read_text())
    for record in baseline["environments"].values():
        record["yardstick"] = None
    rewrite(path, environments=baseline["environments"])


def as_formerly(path: Path) -> None:
    """As written by a version that knew processors by their name alone."""
    baseline = json.loads(path.read_text())
    (record,) = baseline["environments"].values()
    for field in ("processor", "caches", "hypervisor"):
        del record["environment"][field]
    former = msgspec.convert(record["environment"], Environment)
    rewrite(path, environments={former.key: record})


def rewrite(path: Path, **fields: object) -> None:
    """Change fields of a baseline file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def amend(path: Path, part: str, **fields: object) -> None:
    """Change fields of a part of a baseline file."""
    rewrite(path, **{part: json.loads(path.read_text())[part] | fields})


def rename(path: Path) -> None:
    """Make it the baseline file of another test."""
    rewrite(path, test="test_model.py::test_gone")
    path.rename(baseline_path(path.parent, "test_model.py::test_gone", ""))


def orphan(path: Path) -> None:
    """The same of one that was judged on other samples."""
    rewrite(path, evaluation_set={"samples": 60, "fingerprint": f"sha256:{0:064}"})
    rename(path)


def orphan_damaged(path: Path) -> None:
    """That one, and so that nobody can read it."""
    orphan(path)
    baseline_path(path.parent, "test_model.py::test_gone", "").write_text("{")


def take_out(path: Path) -> None:
    """Leave it, and have a conftest take out the gate that has it."""
    (path.parent.parent / "conftest.py").write_text("def pytest_collection_modifyitems(items):\n    del items[-1]\n")


MEASURED_NOTHING = (
    Row("unused", "speedacc: the test uses the speedacc fixture and measured nothing.", "pass", marker=""),
    Row(
        "unused-with-limits",
        "speedacc: limits are set (min_accuracy) and the test never called check(): "
        "call speedacc.check(model, inputs, targets).",
        "pass",
    ),
    Row(
        "unused-with-limits-of-pyproject",
        "speedacc: limits are set (max_latency) and the test never called check()",
        "pass",
        marker="",
        pyproject='max_latency = "5 s"',
    ),
    Row(
        "without-the-global-lock",
        "this Python runs without the global interpreter lock*Run with PYTHON_GIL=1",
        "import sys\nmonkeypatch.setattr(sys, '_is_gil_enabled', lambda: False, raising=False)\n" + CHECK,
        arguments="speedacc, monkeypatch",
    ),
    Row(
        "only-measured",
        "speedacc: limits are set (min_accuracy) and the test only measured: call speedacc.check(",
        "speedacc.measure(model, inputs, targets)",
    ),
    Row(
        "limit-in-the-call",
        "check() takes no limits, and max_latency is one: write @pytest.mark.speedacc(max_latency='5 ms') above the ",
        "speedacc.check(model, inputs, targets, max_latency='5 ms')",
    ),
    *(
        Row(
            f"{name}-in-the-call",
            f"check() takes no {name}=, which holds for the whole {where}",
            f"speedacc.check(model, inputs, targets, {name}={value})",
        )
        for name, value, where in (
            ("group", "'digits'", "test: write @pytest.mark.speedacc(group='digits') above it, or set it in [tool.sp"),
            ("policy", "'edge'", "test: write @pytest.mark.speedacc(policy='edge') above it"),
            ("accuracy_rule", "'exact'", "test: write @pytest.mark.speedacc(accuracy_rule='exact') above it"),
            ("inconclusive", "'fail'", "run: set it in [tool.speedacc]."),
            ("share", "['data']", "run: set it in [tool.speedacc.live]."),
        )
    ),
    Row(
        "marker-without-fixture",
        "speedacc: the test is marked speedacc and does not use the speedacc fixture: "
        "add it to the arguments and call speedacc.check(model, inputs, targets). "
        "If it is no gate, mark it @pytest.mark.speedacc(gate=False).",
        "pass",
        arguments="",
    ),
    Row(
        "verdict-that-is-swallowed",
        "speedacc failed: accuracy 0, allowed at least 0.5",
        f"try:\n    {check('lambda batch: 1 - model(batch)')}\nexcept BaseException:\n    pytest.skip('not today')",
    ),
    Row(
        "check-that-came-to-no-verdict",
        "speedacc cannot judge test_model.py::test_it: check() came to no verdict: it ended with TypeError: *'inputs'",
        "try:\n    speedacc.check(model)\nexcept TypeError:\n    " + check(name="'other'"),
    ),
    Row(
        "check-in-what-is-no-gate",
        "speedacc: check was called in a test that is marked speedacc(gate=False), where nothing is judged: *",
        marker="gate=False",
    ),
    Row(
        "check-in-what-is-no-gate-that-is-swallowed",
        "speedacc: check was called in a test that is marked speedacc(gate=False), where nothing is judged: *",
        f"try:\n    {CHECK}\nexcept BaseException:\n    pass",
        marker="gate=False",
    ),
    Row(
        "check-after-its-test",
        "check() was called after its test test_model.py::test_it had ended.",
        f"kept.append(speedacc)\n{CHECK}",
        above="kept = []\n"
        "def test_other():\n"
        "    try:\n"
        "        kept[0].check(lambda batch: 1 - model(batch), inputs, targets)\n"
        "    except BaseException:\n"
        "        pass",
        options=("test_model.py::test_it", "test_model.py::test_other"),
    ),
    Row(
        "check-in-a-forked-process",
        "check() was called in a process that its test test_model.py::test_it had forked, where its verdict is lost: *",
        "child = os.fork()\nif not child:\n    try:\n"
        f"        {CHECK}\n    finally:\n        os._exit(0)\nos.waitpid(child, 0)\n" + check(name="'here'"),
        above="import os",
    ),
    Row(
        "fixture-asked-for-late",
        "speedacc: the fixture was asked for while the test ran; name it among the test's arguments.",
        "request.getfixturevalue('speedacc')",
        marker="",
        arguments="request",
    ),
    Row(
        "no-limit",
        "speedacc cannot judge test_model.py::test_it: no limit or tolerance is set for this gate, "
        "so nothing would be judged: add @pytest.mark.speedacc(min_accuracy=..., max_latency=...)",
        marker="",
    ),
    Row(
        "twice-without-a-name",
        "speedacc cannot judge test_model.py::test_it: check() was called twice in one test: "
        "give each check its own name=.",
        f"{CHECK}\n{CHECK}",
    ),
    Row(
        "twice-with-one-name",
        "speedacc cannot judge test_model.py::test_it (a): check(name='a') was called twice in one test",
        check(name="'a'") + "\n" + check(name="'a'"),
    ),
)

INTERRUPTED = "The run was interrupted, so gates may be missing that nobody judged: run it again."
ENDED = (
    Row("ended-before-its-check", INTERRUPTED, f"pytest.exit('done', returncode=0)\n{CHECK}"),
    Row("ended-after-its-check", INTERRUPTED, f"{CHECK}\npytest.exit('done', returncode=0)"),
    Row(
        "ended-by-the-test-before",
        INTERRUPTED,
        above="def test_before():\n    pytest.exit('done', returncode=0)\n",
    ),
)

# With CI set, a run that skipped every gate was none; and nobody else would notice a gate that is gone.
SKIPPED = "Every gate was skipped, so this run shows nothing and fails: judge at least one where CI is set."
LOST = (
    Row("skipped-by-mark", SKIPPED, above="pytestmark = pytest.mark.skip", in_ci=True),
    Row("skipped-by-condition", SKIPPED, above="pytestmark = pytest.mark.skipif(True, reason='x')", in_ci=True),
    Row("skipped-while-it-runs", SKIPPED, "pytest.skip('no data')", in_ci=True),
    Row("not-even-run", SKIPPED, above="pytestmark = pytest.mark.xfail(run=False)", in_ci=True),
    Row(
        "skipped-by-a-fixture",
        SKIPPED,
        above="@pytest.fixture(autouse=True)\ndef data():\n    pytest.skip('no data')",
        in_ci=True,
    ),
    Row(
        "parametrised-by-nothing",
        SKIPPED,
        above="pytestmark = pytest.mark.parametrize('size', [])",
        arguments="speedacc, size",
        in_ci=True,
    ),
    Row(
        "one-of-two-skipped",
        "Skipped gate: test_model.py::test_it (no GPU) has a baseline and was not judged, which fails this run "
        '(skipped = "warn" or "fail"): where that is meant, as without a GPU, run with --speedacc-skipped=warn, or *',
        "pytest.skip('no GPU')",
        above="@pytest.mark.speedacc(min_accuracy=0.5)\ndef test_more(speedacc):\n    " + CHECK,
        accepted=CHECK,
        in_ci=True,
    ),
    Row("all-skipped-by-hand", "1 gate was skipped: nothing was judged there.", "pytest.skip()", exit_code=PASSED),
    Row(
        "baseline-without-its-gate",
        "Lost gate: test_model.py::test_gone has a baseline and is not in this run, which fails this run "
        '(removed = "fail"): restore the gate, or remove speedacc-baselines/test_model--test_gone.json with ',
        accepted=CHECK,
        spoil=orphan,
        in_ci=True,
    ),
    Row(
        "baseline-without-its-gate-by-hand",
        "Lost gate: test_model.py::test_gone has a baseline and is not in this run, as a warning: restore the gate",
        accepted=CHECK,
        spoil=orphan,
        exit_code=PASSED,
    ),
    Row(
        "baseline-without-its-gate-as-a-warning",
        "Lost gate: test_model.py::test_gone has a baseline and is not in this run, as a warning: restore the gate",
        accepted=CHECK,
        spoil=orphan,
        in_ci=True,
        pyproject='[tool.speedacc.live]\nremoved = "warn"',
        exit_code=PASSED,
    ),
    Row(
        "damaged-baseline-without-its-gate",
        "Lost gate: the baseline file speedacc-baselines/test_model--test_gone.json cannot be read, and by its name it "
        "may be of test_model.py::test_gone; no gate of this run has it, which fails this run",
        accepted=CHECK,
        spoil=orphan_damaged,
        in_ci=True,
    ),
    Row(
        "gate-that-a-hook-takes-out",
        "Lost gate: test_model.py::test_it was collected, and addopts, PYTEST_ADDOPTS or a hook left it out of this "
        "run, which fails this run",
        above="@pytest.mark.speedacc(min_accuracy=0.5)\ndef test_more(speedacc):\n    " + CHECK,
        accepted=CHECK,
        spoil=take_out,
        in_ci=True,
    ),
    Row(
        "baseline-of-a-renamed-gate",
        "Renamed gate: by its content test_model.py::test_gone is test_model.py::test_it now, and its baseline is not, "
        'which fails this run (removed = "fail"): run --speedacc-missing for the new one, and remove ',
        accepted=CHECK,
        spoil=rename,
        in_ci=True,
    ),
    Row(
        "baseline-without-its-check",
        "Lost gate: test_model.py::test_it (small) has a baseline and is not in this run, which fails this run",
        accepted=f"{CHECK}\n" + check(name="'small'"),
        in_ci=True,
    ),
)

# The limits are settled before the first test, since the whole run shares one error rate.
LATE = "speedacc*: a speedacc marker was added while the test ran, and its limits were settled before the first test: "
NEAR_MARK = "speedacc: unknown mark @pytest.mark.{} on test_model.py::test_it. Did you mean speedacc?"

MARKERS = (
    *(
        Row(
            f"marker-that-is-called-{name}",
            NEAR_MARK.format(name),
            "assert True",
            marker="",
            arguments="",
            above=f"@pytest.mark.{name}(min_accuracy=2)",
            exit_code=USAGE,
        )
        for name in ("speedac", "speedaccc", "SpeedAcc", "speed_acc", "sppedacc", "pytest_speedacc")
    ),
    Row(
        "misspelt-marker-of-a-gate",
        NEAR_MARK.format("speedac"),
        above="@pytest.mark.speedac(min_accuracy=2)",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-marker-of-a-gate-with-limits-of-pyproject",
        NEAR_MARK.format("speedac"),
        marker="",
        above="@pytest.mark.speedac(min_accuracy=2)",
        pyproject="max_parameters = 1000",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-marker-of-the-module",
        NEAR_MARK.format("speedac"),
        above="pytestmark = pytest.mark.speedac(min_accuracy=2)",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-marker-of-a-parameter",
        "speedacc: unknown mark @pytest.mark.speedac on test_model.py::test_it[1]. Did you mean speedacc?",
        arguments="speedacc, size",
        above="@pytest.mark.parametrize('size', [pytest.param(1, marks=pytest.mark.speedac(min_accuracy=2))])",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-marker-of-a-test-that-is-deselected-for-it",
        NEAR_MARK.format("speedac"),
        marker="",
        above="@pytest.mark.speedac(min_accuracy=2)",
        options=("-m", "speedacc"),
        exit_code=USAGE,
    ),
    Row(
        "misspelt-marker-that-is-registered",
        "speedacc: @pytest.mark.speedac on test_model.py::test_it has policy=, which speedacc reads. Did you mean",
        above="@pytest.mark.speedac(policy='edge')",
        options=("-o", "markers=speedac: silences a warning"),
        exit_code=USAGE,
    ),
    Row(
        "limits-in-an-unknown-marker",
        "speedacc: unknown mark @pytest.mark.gate on test_model.py::test_it has min_accuracy=, which speedacc reads. "
        "Did you mean speedacc? If it is your own, register it (markers).",
        marker="",
        above="@pytest.mark.gate(min_accuracy=2)",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-marker-added-while-the-test-runs",
        NEAR_MARK.format("speedac").replace("speedacc:", "speedacc cannot judge test_model.py::test_it:", 1),
        f"request.node.add_marker(pytest.mark.speedac(min_accuracy=2))\n{CHECK}",
        arguments="speedacc, request",
    ),
    Row(
        "marker-added-before-the-check",
        LATE,
        f"request.node.add_marker(pytest.mark.speedacc(min_accuracy=2))\n{CHECK}",
        arguments="speedacc, request",
    ),
    Row(
        "only-marker-added-before-the-check",
        LATE,
        f"request.node.add_marker(pytest.mark.speedacc(min_accuracy=0.5))\n{CHECK}",
        arguments="speedacc, request",
        marker="",
    ),
    Row(
        "marker-added-after-the-check",
        LATE,
        f"{CHECK}\nrequest.node.add_marker(pytest.mark.speedacc(min_accuracy=2))",
        arguments="speedacc, request",
    ),
    Row(
        "marker-added-by-a-fixture",
        LATE,
        above="@pytest.fixture(autouse=True)\n"
        "def strict(request):\n"
        "    request.node.add_marker(pytest.mark.speedacc(min_accuracy=2))",
    ),
    Row(
        "marker-added-to-a-comparison",
        LATE,
        "request.node.add_marker(pytest.mark.speedacc(min_accuracy=2))\n"
        "speedacc.compare(model, model, inputs, targets, max_churn='0 %')",
        arguments="speedacc, request",
        marker="",
    ),
)

BAD_INPUT = (
    Row("no-inputs", "the inputs are empty: nothing can be measured on 0 samples.", check(inputs="inputs[:0]")),
    Row("no-targets", "the targets are empty: nothing can be measured on 0 samples.", check(targets="[]")),
    Row(
        "no-samples",
        "the inputs must be an array, a DataFrame, a tensor, a list of samples or a mapping of these, not a int.",
        check(inputs="7"),
    ),
    Row(
        "lengths-that-differ",
        "there are 60 inputs and 59 targets: they must belong together one to one.",
        check(targets="targets[1:]"),
    ),
    Row("no-batch", "batch_size=0 must be a whole number from 1 to the 60 samples given.", check(batch_size="0")),
    Row(
        "unknown-score",
        "score='acuracy' is not a scikit-learn scorer. Did you mean 'accuracy'?",
        check(score="'acuracy'"),
    ),
    Row(
        "function-without-direction",
        "score=mine is a function, so its direction must be said: pass greater_is_better=True or False.",
        check(score="mine"),
        above="def mine(truth, guess):\n    return 1.0",
    ),
    Row(
        "contradicting-direction",
        "greater_is_better=False contradicts score='accuracy', where higher is better.",
        check(greater_is_better="False"),
    ),
    Row(
        "score-of-nan",
        "the score '<lambda>' is nan on this evaluation set: it must be a finite number.",
        check(score="lambda truth, guess: float('nan')", greater_is_better="True"),
    ),
    Row(
        "score-that-raises",
        "the score '<lambda>' raised ZeroDivisionError: division by zero",
        check(score="lambda truth, guess: 1 / 0", greater_is_better="True"),
    ),
)

SLOW = """
def slow(batch):
    np.linspace(0, 1, 1 << 19).sum()
    return model(batch)
"""
"""Takes over half a millisecond."""
REMEMBERING = f"""{SLOW}
answers = {{}}

def remembering(batch):
    key = batch.tobytes()
    if key not in answers:
        answers[key] = slow(batch)
    return answers[key].copy()
"""
SET_CLOCK = """
from pytest_speedacc.measure import clocks

GOOD = clocks.CLOCKS.witness, clocks.CLOCKS.tick

def set_clock(monkeypatch, read):
    monkeypatch.setattr(clocks, "CLOCKS", clocks.Clocks(read, *GOOD))
"""
BAD_MODELS = (
    Row(
        "nan",
        "20 of 60 predictions are NaN, infinite or None, the first at sample 40: look for ",
        check("lambda batch: np.where(np.arange(len(batch)) < 40, 1.0, np.nan)"),
    ),
    Row(
        "infinity",
        "60 of 60 predictions are NaN, infinite or None, the first at sample 0: look for ",
        check("lambda batch: np.full(len(batch), -np.inf)"),
    ),
    Row(
        "raises",
        "the model raised RuntimeError while predicting samples 0 to 59: out of tune",
        check("broken"),
        above="def broken(batch):\n    raise RuntimeError('out of tune')",
    ),
    Row(
        "stops-an-iteration",
        "the model raised StopIteration while predicting samples 0 to 59",
        check("broken"),
        above="def broken(batch):\n    next(iter(()))",
    ),
    Row(
        "stops-an-iteration-on-a-thread",
        "the model raised StopIteration while predicting samples 0 to 59: used up",
        check("broken", executor="ThreadPoolExecutor(1)"),
        above="from concurrent.futures import ThreadPoolExecutor\n"
        "def broken(batch):\n    raise StopIteration('used up')",
    ),
    *(
        Row(
            f"raises-{id}",
            f"the model raised {name.rpartition('.')[2]} while predicting samples 0 to 59{text}",
            check("broken"),
            above=f"import asyncio\nclass Mute(Exception):\n    def __str__(self):\n        raise ValueError\n"
            f"{kind} broken(batch):\n    raise {name}",
        )
        for id, kind, name, text in (
            ("what-cannot-be-shown", "def", "Mute", ": <Mute that cannot be shown: its __str__ raised ValueError>"),
            ("the-end-of-python", "def", "SystemExit", ""),
            ("the-end-of-a-generator", "def", "GeneratorExit", ""),
            ("the-end-of-its-task", "def", "asyncio.CancelledError", ""),
            ("the-end-of-its-task-in-a-loop", "async def", "asyncio.CancelledError", ""),
        )
    ),
    Row(
        "exits-in-an-event-loop",
        "the model raised SystemExit in its event loop: 0",
        check("broken", concurrency="2"),
        above="async def broken(batch):\n    raise SystemExit(0)",
    ),
    Row(
        "raises-on-single-samples",
        "the model raised ValueError on a batch of 1 while its memory was measured: too few",
        check("broken"),
        above="def broken(batch):\n"
        "    if len(batch) == 1:\n"
        "        raise ValueError('too few')\n"
        "    return model(batch)",
    ),
    Row(
        "changes-its-inputs",
        "the model changes its inputs in place, so no two of its calls get the same samples: let it work on a copy.",
        check("greedy"),
        above="def greedy(batch):\n    batch += 1\n    return model(batch)",
    ),
    Row(
        "another-length",
        "the model returned 59 predictions for 60 samples: one a sample is needed.",
        check("lambda batch: model(batch)[1:]"),
    ),
    Row(
        "one-number",
        "predict returned one int for the whole batch, not one prediction a sample.",
        check("lambda batch: 1"),
    ),
    Row(
        "another-shape",
        "predictions have the shape (60, 2, 1) and targets (60,): they must be the same.",
        check("lambda batch: np.ones((len(batch), 2, 1))"),
    ),
    Row(
        "not-fitted",
        "LogisticRegression is not fitted. Fit it before the check, or pass the model that was fitted.",
        check("LogisticRegression()"),
        above="from sklearn.linear_model import LogisticRegression",
    ),
    Row("class-for-a-model", "Echo is a class, not a model.", check("Echo"), above="class Echo:\n    pass"),
    Row(
        "coroutine",
        "the model is no async function and returned a coroutine: declare it with async def.",
        check("lambda batch: soon(batch)"),
        above="async def soon(batch):\n    return model(batch)",
    ),
    Row(
        "nothing-when-timed",
        "the timed calls answered something else than the scored ones: None for sample *",
        check("lambda batch: model(batch) if len(batch) > 1 else None"),
    ),
    Row(
        "constant-when-timed",
        "the timed calls answered something else than the scored ones: always 1, where * samples got another. Their ",
        check("lambda batch: model(batch) if len(batch) > 1 else [1]"),
    ),
    Row(
        "another-length-when-timed",
        "the timed calls answered something else than the scored ones: list (3 predictions) for sample *",
        check("lambda batch: model(batch) if len(batch) > 1 else [1, 1, 1]"),
    ),
    Row(
        "first-answer-kept",
        "the timed calls answered something else than the scored ones: always *, where * samples got another. Their ",
        check("quick"),
        above="first = []\n"
        "def quick(batch):\n"
        "    if len(batch) == 1:\n"
        "        first or first.append(model(batch))\n"
        "        return first[0]\n"
        "    return model(batch)",
    ),
    Row(
        "answers-that-are-remembered",
        "the model remembers its answers: a batch that it has met takes * and a new one *, and the timed calls met *",
        check("remembering", inputs="inputs[:8]", targets="targets[:8]"),
        above=REMEMBERING,
        marker='max_latency="1 s"',
    ),
    Row(
        "faster-by-what-is-remembered",
        "the model remembers its answers: a batch that it has met takes * and a new one *, and the timed *",
        "speedacc.compare(remembering, slow, inputs[:8], targets[:8], min_speedup='2 x')",
        above=REMEMBERING,
        marker="",
    ),
    Row(
        "lazy-answers",
        "the model answers with test_model's Lazy, which may do its work only when it is looked at, so that no timed *",
        check("lambda batch: Lazy(batch)"),
        above="class Lazy:\n    def __init__(self, batch):\n        self.batch = batch\n"
        "    def __array__(self, dtype=None, copy=None):\n        return model(self.batch)",
    ),
    Row(
        "lazy-answers-when-timed",
        "the timed calls answered something else than the scored ones: Later (the model answers with test_model's *",
        check("later"),
        above="class Later:\n    def __init__(self, batch):\n        self.batch = batch\n"
        "    def __array__(self, dtype=None, copy=None):\n        return model(self.batch)\n"
        "def later(batch):\n    return model(batch) if len(batch) > 1 else Later(batch)",
    ),
    Row(
        "futures-for-answers",
        "the model answers with concurrent's Future, which may do its work only when it is looked at, so that no *",
        check("later", score="taken", greater_is_better="True"),
        above="from concurrent.futures import ThreadPoolExecutor\npool = ThreadPoolExecutor(1)\n"
        "def taken(truth, futures):\n    return np.mean([each.result() for each in futures] == truth)\n"
        "def later(batch):\n    return [pool.submit(lambda row: int(row[0] > 0), row) for row in batch]",
    ),
    Row(
        "outputs-of-an-accelerator",
        "the model answers with test_model's Tensor, which may do its work only when it is looked at, so that no *",
        "speedacc.check(lambda batch: {'hidden': Tensor(batch)}, inputs, score=None)",
        above="from types import SimpleNamespace\nclass Tensor:\n    device = SimpleNamespace(type='cuda')\n"
        "    def __init__(self, batch):\n        self.batch = batch\n"
        "    def __array__(self, dtype=None, copy=None):\n        return self.batch",
        marker='max_latency="1 s"',
    ),
    Row(
        "clock-that-goes-backwards",
        "the clock went backwards while the model was *: no time from this run can be trusted.",
        f"set_clock(monkeypatch, iter(range(10**12, 0, -10**4)).__next__)\n{CHECK}",
        arguments="speedacc, monkeypatch",
        above=SET_CLOCK,
    ),
    Row(
        "clock-that-stands-still",
        "the clock stood still before the model was timed, as under freezegun: call check() outside of it.",
        f"set_clock(monkeypatch, lambda: 7)\n{CHECK}",
        arguments="speedacc, monkeypatch",
        above=SET_CLOCK,
    ),
    Row(
        "slow-clock",
        "two clocks of this machine disagree: while the model was * one counted * s and the other * s, so no time",
        f"set_clock(monkeypatch, lambda: GOOD[0]() // 2)\n{CHECK}",
        arguments="speedacc, monkeypatch",
        above=SET_CLOCK,
    ),
    Row(
        "clock-set-by-the-test",
        "speedacc failed: latency median *, allowed at most 2.00 µs",
        f"monkeypatch.setattr('time.perf_counter_ns', lambda: 1)\n{check('slow')}",
        arguments="speedacc, monkeypatch",
        above=SLOW,
        marker='max_latency="2 us"',
    ),
    Row(
        "clock-set-by-freezegun",
        "speedacc failed: latency median *, allowed at most 2.00 µs",
        # All but transformers, which imports each of its models when its attributes are looked at.
        f"with freezegun.freeze_time('2020-01-01', ignore=['transformers']):\n    {check('slow')}",
        above=f"import freezegun\n{SLOW}",
        marker='max_latency="2 us"',
        needs="freezegun",
    ),
)

IMMEASURABLE = (
    Row(
        "bytecodes-of-an-async-model",
        "cannot be measured here: the event loop of an async model executes bytecodes of its own",
        check("waits"),
        above="async def waits(batch):\n    return model(batch)",
        marker="max_bytecodes=5",
    ),
    Row(
        "parameters-of-a-function",
        "cannot be measured here: the parameters of the function model cannot be counted",
        marker="max_parameters=5",
    ),
    Row(
        "size-of-a-function",
        "cannot be measured here: the function model has no size",
        marker='max_model_size="1 MiB"',
    ),
    Row(
        "parameters-of-neighbours",
        "cannot be measured here: KNeighborsClassifier",
        check("KNeighborsClassifier().fit(inputs, targets)"),
        above="from sklearn.neighbors import KNeighborsClassifier",
        marker="max_parameters=5",
    ),
    Row(
        "parameters-that-pytorch-does-not-see",
        "cannot be measured here: Hiding.parts['a'][0] is a Linear with weights, and PyTorch does not see them there",
        check("Hiding()", inputs="torch.tensor(inputs, dtype=torch.float32)"),
        above="import torch\n"
        "class Hiding(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.parts = {'a': [torch.nn.Linear(4, 2)]}\n"
        "    def forward(self, batch):\n"
        "        return self.parts['a'][0](batch)",
        marker="max_parameters=5",
        needs="torch",
    ),
    Row(
        "tail-of-a-call-too-short",
        "one call is too short for this machine's clock, so * calls are timed together and there is no tail to judge",
        check("echo", inputs="[0, 1]", targets="[0, 1]"),
        above="def echo(batch):\n    return batch",
        marker='max_latency_p95="1 s"',
    ),
)

TOLERANCE = 'max_accuracy_drop="0 pp"'
MEND = "Restore it from version control, or write it anew with --speedacc-update."
BASELINES = (
    Row(
        "no-baseline",
        "not compared: test_model.py::test_it: accuracy: no baseline yet: "
        'create it with python -m pytest "test_model.py::test_it" --speedacc-update, and commit it',
        marker=TOLERANCE,
        exit_code=PASSED,
    ),
    Row(
        "no-baseline-in-ci",
        "speedacc not compared: accuracy 1, allowed worse by at most 0 pp",
        marker=TOLERANCE,
        in_ci=True,
    ),
    Row(
        "latency-tolerance-in-ci",
        "speedacc not compared: latency median *, allowed worse by at most 3 %",
        marker='max_latency_increase="3 %"',
        in_ci=True,
        accepted=CHECK,
        spoil=without_ratio,
    ),
    Row(
        "processors-known-by-their-name-alone",
        "*memory: the baseline has nothing of this environment (it knows * (from a version that knew "
        "processors by their name alone)): add it with *",
        marker='max_memory_increase="5 %"',
        in_ci=True,
        accepted=CHECK,
        spoil=as_formerly,
        needs="memray",
    ),
    Row(
        "truncated",
        f"the baseline file *.json is damaged at line *: it is not JSON (*). {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: path.write_bytes(path.read_bytes()[:100]),
    ),
    Row(
        "not-json",
        f"*.json is damaged at line 1, column 1: it is not JSON (Expecting value). {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: path.write_text("accuracy: 1.0\n"),
    ),
    Row(
        "newer-schema",
        "*.json was written by a newer pytest-speedacc: it has schema 2, and this version reads up to 1.",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: rewrite(path, schema=2),
    ),
    Row(
        "another-tests",
        f"*.json is another check's: $.test is 'test_other.py::test', not 'test_model.py::test_it'. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: rewrite(path, test="test_other.py::test"),
    ),
    Row(
        "predictions-missing",
        f"*.npz is missing, and *.json refers to it ($.predictions). Was it committed? {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: [file.unlink() for file in path.parent.glob("*.npz")],
    ),
    Row(
        "score-by-hand",
        f"*.json is damaged at $.accuracy.value: it is 0.5, and the predictions of the same file come to 1.0. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: amend(path, "accuracy", value=0.5),
    ),
    Row(
        "score-by-hand-of-more-seeds",
        f"*.json does not fit this gate at $.accuracy.repeats: it is 5, and the gate evaluates once (*). {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: amend(path, "accuracy", value=0.5, repeats=5),
    ),
    Row(
        "score-by-hand-without-predictions",
        f"*.json is damaged at $.predictions: there are none, and an update writes them with the score. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: (amend(path, "accuracy", value=0.5), rewrite(path, predictions=None)),
    ),
    Row(
        "score-by-hand-of-another-scikit-learn",
        "*.json is damaged at $.accuracy.value: it is 0.5, and the predictions of the same file come to 1.0 by "
        f"scikit-learn *, not 9.9.9. {MEND}",
        check(score="'f1'"),
        marker=TOLERANCE,
        needs="sklearn",
        accepted=check(score="'f1'"),
        spoil=lambda path: (
            amend(path, "accuracy", value=0.5),
            amend(path, "versions", **{"scikit-learn": "9.9.9"}),
        ),
    ),
    Row(
        "date-that-is-none",
        f"*.json is damaged at $.updated.date: it is 'yesterday', and no date such as *. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: amend(path, "updated", date="yesterday"),
    ),
    Row(
        "score-out-of-range",
        f"*.json is damaged at $.accuracy.value: it is 2, and accuracy lies within 0 to 1. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: amend(path, "accuracy", value=2),
    ),
    Row(
        "negative-size",
        f"*.json is damaged at $.model_size: Expected `int` >= 0. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: rewrite(path, model_size=-1),
    ),
    Row(
        "predictions-of-another-shape",
        f"*.npz is damaged: its shape is (60,), for 59 samples. {MEND}",
        marker=TOLERANCE,
        accepted=CHECK,
        spoil=lambda path: amend(path, "evaluation_set", samples=59),
    ),
    Row(
        "reason-that-is-no-text",
        r"speedacc: --speedacc-reason='\udcff' holds bytes that are no text in this terminal's encoding.",
        options=("--speedacc-update", "--speedacc-reason=\udcff"),
        exit_code=USAGE,
    ),
    Row(
        "changed-evaluation-set",
        "the evaluation set is not the one of the baseline (60 samples now, 50 then): "
        "scores on different samples cannot be compared. If the change is meant: "
        'python -m pytest "test_model.py::test_it" --speedacc-update --speedacc-reason="why"',
        marker=TOLERANCE,
        accepted=check(inputs="inputs[:50]", targets="targets[:50]"),
    ),
    Row(
        "another-score",
        "the baseline holds the score 'f1' (*) and this gate asks for 'accuracy' (*). If the change is meant:",
        marker=TOLERANCE,
        accepted=check(score="'f1'"),
    ),
    Row(
        "folder-that-is-a-file",
        "the baseline *.json cannot be written (*), and was left as it was",
        pyproject='baselines = "pyproject.toml"',
        options=("--speedacc-update",),
    ),
    Row(
        "read-only-folder",
        "the baseline *.json cannot be written (Read-only file system), and was left as it was: "
        "make room or make the folder writable, then run the update again.",
        f"monkeypatch.setattr('pathlib.Path.open', read_only)\n{CHECK}",
        arguments="speedacc, monkeypatch",
        above="import errno\n"
        "def read_only(path, mode='r', **keywords):\n"
        "    if 'speedacc-baselines' in path.parts and 'w' in mode:\n"
        "        raise OSError(errno.EROFS, 'Read-only file system')\n"
        "    return open(path, mode, **keywords)",
        options=("--speedacc-update",),
    ),
    Row(
        "full-disk",
        "the baseline *.json cannot be written (No space left on device), and was left as it was",
        f"monkeypatch.setattr('os.fsync', full)\n{CHECK}",
        arguments="speedacc, monkeypatch",
        above="def full(file):\n    raise OSError(28, 'No space left on device')",
        options=("--speedacc-update",),
    ),
)

SETTINGS = (
    Row(
        "bare-drop",
        "speedacc: test_model.py::test_it: max_accuracy_drop = 0.002 has no unit, and 'accuracy' lies within 0 to 1: "
        'write "0.2 pp"',
        marker="max_accuracy_drop=0.002",
        exit_code=USAGE,
    ),
    Row(
        "bare-drop-of-a-named-score",
        "max_accuracy_drop = 2 has no unit, and 'auc' lies within 0 to 1: write \"200 pp\"",
        check("regression()", score="'auc'"),
        pyproject="max_accuracy_drop = 2",
        needs="sklearn",
        exit_code=USAGE,
    ),
    Row(
        "bare-drop-of-a-score-in-a-variable",
        "max_accuracy_drop = 0.002 has no unit, and 'accuracy' lies within 0 to 1",
        check(score="SCORE"),
        marker="max_accuracy_drop=0.002",
        above="SCORE = 'accuracy'",
    ),
    Row(
        "bare-drop-in-a-comparison",
        "compare(): max_accuracy_drop = 0.002 has no unit, and 'accuracy' lies within 0 to 1",
        "speedacc.compare(model, model, inputs, targets, max_accuracy_drop=0.002)",
        marker="",
    ),
    Row(
        "no-unit",
        "speedacc: test_model.py::test_it: marker: max_latency = '5' has no unit; it takes one of ns, us, ",
        marker='max_latency="5"',
        exit_code=USAGE,
    ),
    Row(
        "bare-number",
        "marker: max_latency = 5 has no unit; it takes one of ns, us, ",
        marker="max_latency=5",
        exit_code=USAGE,
    ),
    Row(
        "unit-of-another-axis",
        "marker: max_memory = '5 ms' has the unit 'ms'; it takes one of B, ",
        marker='max_memory="5 ms"',
        exit_code=USAGE,
    ),
    Row(
        "per-cent-for-a-score", "the score 'accuracy' lies within 0 to 1: did you mean 0.95?", marker="min_accuracy=95"
    ),
    Row(
        "limit-of-the-other-direction",
        "higher is better for the score 'accuracy': use min_accuracy",
        marker="max_error=0.1",
    ),
    Row(
        "misspelt-limit",
        "test_model.py::test_it: marker: unknown key 'max_latancy'. Did you mean 'max_latency'?",
        marker='max_latancy="5 ms"',
        exit_code=USAGE,
    ),
    Row(
        "positional-marker",
        '@pytest.mark.speedacc takes keywords only, such as max_latency="5 ms", not 0.9.',
        marker="0.9",
        exit_code=USAGE,
    ),
    Row(
        "limits-of-what-is-no-gate",
        "marker: gate=False says that the test is no gate, and min_accuracy= is for one: keep one of the two.",
        marker="gate=False, min_accuracy=0.5",
        exit_code=USAGE,
    ),
    Row(
        "axis-that-only-a-variable-names",
        "metrics= names 'energy', which is no axis of yours. No axis was added to this run. An axis of yours is known",
        above='given = {"energy": 3.0}',
        body=check(metrics="given"),
    ),
    Row(
        "limit-of-an-axis-that-only-a-variable-names",
        "marker: unknown key 'max_energy'. Did you mean 'max_memory'? An axis of yours is known where",
        marker="max_energy=2",
        above='given = {"energy": 3.0}',
        body=check(metrics="given"),
        exit_code=USAGE,
    ),
    Row(
        "number-for-a-built-in-axis",
        "metrics= names 'latency', and that is an axis of pytest-speedacc: give yours another name.",
        body=check(metrics='{"latency": 3.0}'),
    ),
    Row(
        "trade-that-contradicts-itself",
        "test_model.py::test_it: marker: trades[0] contradicts itself: it gives and gains latency.",
        marker='trades=[{"give": {"latency": "5 %"}, "gain": {"latency": "9 %"}}]',
        exit_code=USAGE,
    ),
    Row(
        "unknown-policy",
        "the policy 'custmer' is not defined in [tool.speedacc.policies]. Did you mean 'customer'?",
        marker='policy="custmer"',
        pyproject="policies.customer.min_accuracy = 0.5",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-key",
        "speedacc: [tool.speedacc]: unknown key 'min_acuracy'. Did you mean 'min_accuracy'?",
        pyproject="min_acuracy = 0.5",
        exit_code=USAGE,
    ),
    Row(
        "misspelt-key-of-the-run",
        "speedacc: [tool.speedacc]: unknown key 'baseline'. Did you mean 'baselines'?",
        pyproject='baseline = "here"',
        exit_code=USAGE,
    ),
    Row(
        "no-unit-in-pyproject",
        "[tool.speedacc]: max_latency = 5 has no unit",
        pyproject="max_latency = 5",
        exit_code=USAGE,
    ),
    Row(
        "pattern-without-a-gate",
        '[tool.speedacc.tests."test_modle.py::*"] matches no gate of this run: mend the pattern, or remove it.',
        pyproject='tests."test_modle.py::*".min_accuracy = 0.5',
        exit_code=USAGE,
    ),
    Row(
        "pattern-without-a-gate-in-testpaths",
        '[tool.speedacc.tests."test_modle.py::*"] matches no gate of this run: mend the pattern, or remove it.',
        pyproject='tests."test_modle.py::*".min_accuracy = 0.5\n[tool.pytest.ini_options]\ntestpaths = ["."]',
        exit_code=USAGE,
    ),
    Row(
        "table-of-nearly-our-name",
        "speedacc: */pyproject.toml: nothing reads [tool.pytest-speedacc]. Did you mean [tool.speedacc]?",
        pyproject="[tool.pytest-speedacc]\nmin_accuracy = 2",
        exit_code=USAGE,
    ),
    Row(
        "no-budget-in-pyproject",
        "[tool.speedacc]: budget = '0 s' must be above zero.",
        pyproject='budget = "0 s"',
        exit_code=USAGE,
    ),
    Row(
        "no-budget-in-the-marker",
        "marker: budget = '0 s' must be above zero.",
        marker='min_accuracy=0.5, budget="0 s"',
        exit_code=USAGE,
    ),
)

OPTIONS = (
    Row(
        "no-budget",
        "speedacc: --speedacc-budget=0 must be a number of seconds above zero, such as 5 or 0.5.",
        options=("--speedacc-budget=0",),
        exit_code=USAGE,
    ),
    Row(
        "no-such-shard",
        "speedacc: --speedacc-shard=5/4 is none of the 4 parts: they are 1/4 to 4/4.",
        options=("--speedacc-shard=5/4",),
        exit_code=USAGE,
    ),
    Row("misspelt-option", "unrecognized arguments: --speedacc-updat", options=("--speedacc-updat",), exit_code=USAGE),
    Row(
        "reason-alone",
        "speedacc: --speedacc-reason is recorded with a baseline, and none is written: "
        "add --speedacc-update or --speedacc-missing.",
        options=("--speedacc-reason=why",),
        exit_code=USAGE,
    ),
    Row(
        "two-ways-to-write",
        "speedacc: --speedacc-update writes every baseline and --speedacc-missing only missing ones: give one.",
        options=("--speedacc-update", "--speedacc-missing"),
        exit_code=USAGE,
    ),
    Row(
        "report-of-another-kind",
        "speedacc: --speedacc-report=out.xml: a report is JSON, Markdown, a page or a plot: name a file that ends in *",
        options=("--speedacc-report=out.xml",),
        exit_code=USAGE,
    ),
    Row(
        "report-that-cannot-be-written",
        "speedacc: --speedacc-report: *report.json cannot be written: *pyproject.toml is no folder to write to.",
        options=("--speedacc-report=pyproject.toml/report.json",),
        exit_code=USAGE,
    ),
    Row(
        "unknown-leniency",
        "argument --speedacc-inconclusive: invalid choice: 'maybe'",
        options=("--speedacc-inconclusive=maybe",),
        exit_code=USAGE,
    ),
    Row(
        "base-python-alone",
        "speedacc: --speedacc-base-python is the base's interpreter, and there is none: add --speedacc-against=REF.",
        options=("--speedacc-base-python=python",),
        exit_code=USAGE,
    ),
    Row(
        "base-to-be-found-outside-a-repository",
        "speedacc: * is not in a git repository, so there is no other revision to compare with: ",
        options=("--speedacc-against=auto",),
        exit_code=USAGE,
    ),
    Row(
        "no-base-named",
        "speedacc: --speedacc-against names no revision, so nothing would be compared: is a variable of the command ",
        options=("--speedacc-against=",),
        exit_code=USAGE,
    ),
    Row(
        "no-base-named-and-no-gate-left",
        "speedacc: --speedacc-against names no revision, so nothing would be compared: is a variable of the command ",
        "pass",
        marker="",
        arguments="",
        options=("--speedacc-against=",),
        exit_code=USAGE,
    ),
)

SMUGGLED = tuple(
    Row(
        f"{option.strip('-')}-by-addopts-in-ci",
        f"speedacc: {option} comes from addopts, and where CI is set nothing but the command line "
        f"may {what}: give it there, or take it out.",
        pyproject=f'[tool.pytest.ini_options]\naddopts = "{option}"',
        in_ci=True,
        exit_code=USAGE,
    )
    for option, what in (
        ("--speedacc-update", "write baselines"),
        ("--speedacc-missing", "write baselines"),
        ("--speedacc-selfcheck", "leave the tests out"),
        ("--speedacc-shard=1/9", "leave the tests out"),
        ("--collect-only", "leave the tests out"),
    )
)

# A limit on p99 takes hundreds of calls to be shown, and this budget has room for ten or so of a real model.
UNDECIDED = ("--speedacc-budget=0.001",)
UNDECIDABLE = (
    Row(
        "inconclusive",
        "inconclusive: test_model.py::test_it: latency p99: 0 of * calls took longer: "
        "too close to call in the budget; raise --speedacc-budget, or move the limit",
        check("regression()"),
        marker='max_latency_p99="1 h"',
        options=UNDECIDED,
        exit_code=PASSED,
    ),
    Row(
        "inconclusive-that-fails",
        "speedacc inconclusive: latency p99 *, allowed at most 3600 s",
        check("regression()"),
        marker='max_latency_p99="1 h"',
        options=(*UNDECIDED, "--speedacc-inconclusive=fail"),
    ),
    Row(
        "nothing-decided-in-ci",
        "Every latency check was inconclusive, so this run shows nothing and fails: the lines above say what helps.",
        check("regression()"),
        marker='max_latency_p99="1 h"',
        options=UNDECIDED,
        in_ci=True,
    ),
)

STEP = "speedacc.check(model, inputs, score=None)"
CHURN = 'max_churn="1 %"'

# What has no score is held to its other axes, and to none that needs one.
STEPS = (
    Row("step-with-a-limit-of-a-score", "score=None has no score, and min_accuracy is set for this gate: *", STEP),
    Row(
        "step-with-a-limit-of-a-score-in-pyproject",
        "score=None has no score, and max_accuracy_drop, min_confidence is set for this gate: take it out of",
        STEP,
        marker=CHURN,
        pyproject='max_accuracy_drop = "1 pp"\nmin_confidence = 0.5',
    ),
    Row(
        "step-with-a-limit-of-a-slice",
        "score=None has no score, and max_error is set for this gate",
        STEP,
        marker=f"{CHURN}, slices={{'night': {{'max_error': 0.5}}}}",
    ),
    Row(
        "step-without-a-limit",
        "no limit or tolerance is set for this gate, so nothing would be judged",
        STEP,
        marker="",
    ),
    Row(
        "step-with-targets",
        "score=None looks at no targets: leave them out, or name a score.",
        check(score="None"),
        marker=CHURN,
    ),
    Row(
        "step-with-seeds",
        "repeats= evaluates the score of a random model, and score=None has none: seed the step.",
        STEP.replace("None", "None, repeats=5"),
        marker=CHURN,
    ),
    Row(
        "step-with-a-direction",
        "greater_is_better= is the direction of a score, and score=None has none.",
        STEP.replace("None", "None, greater_is_better=True"),
        marker=CHURN,
    ),
    Row(
        "closeness-of-a-score",
        "closeness=0.1 is for score=None: it says how outputs are compared.",
        check(closeness="0.1"),
    ),
    *(
        Row(
            f"closeness-{given}",
            f"closeness={given} must be a number from 1e-06 to below 1.",
            STEP.replace("None", f"None, closeness={given}"),
            marker=CHURN,
        )
        for given in ("0.0", "1.0", "'1 %'", "True")
    ),
    Row(
        "step-of-a-stream",
        "the inputs must be an array, a DataFrame, a tensor, a list of samples or a mapping of these, not a generator.",
        STEP.replace("inputs", "(batch for batch in [inputs])"),
        marker=CHURN,
    ),
    Row(
        "step-that-cannot-be-called",
        "object is not a model: it is of no known framework, cannot be called and has no predict method.",
        STEP.replace("model", "object()"),
        marker=CHURN,
    ),
    Row(
        "step-that-only-fits",
        "TSNE has neither predict nor transform: pass predict= with what is called.",
        STEP.replace("model", "TSNE(perplexity=5).fit(inputs)"),
        marker=CHURN,
        above="from sklearn.manifold import TSNE",
        needs="sklearn",
    ),
    Row(
        "step-that-is-not-fitted",
        "StandardScaler is not fitted. Fit it before the check, or pass the model that was fitted.",
        STEP.replace("model", "StandardScaler()"),
        marker=CHURN,
        above="from sklearn.preprocessing import StandardScaler",
        needs="sklearn",
    ),
    Row(
        "step-that-does-its-work-later",
        "the step returned one generator for 1 samples: one output each is needed",
        STEP.replace("model", "lambda batch: (row for row in batch)"),
        marker=CHURN,
    ),
    Row(
        "step-that-answers-more",
        "the step returned 2 outputs for 1 samples: one each is needed.",
        STEP.replace("model", "lambda batch: [*batch, *batch]"),
        marker=CHURN,
    ),
    Row(
        "step-that-answers-unlike-when-timed",
        "the timed calls answered something else than the scored ones: * samples got another output, the first of them",
        STEP.replace("model", "lambda batch: next(answers)"),
        marker=f"{CHURN}, max_latency='5 s'",
        above="import itertools\nanswers = itertools.chain([[0]] * 121, itertools.repeat([1]))",
    ),
    Row(
        "step-that-raises",
        "the model raised ValueError while predicting samples 0 to 0: no",
        STEP.replace("model", "refuse"),
        marker=CHURN,
        above="def refuse(batch):\n    raise ValueError('no')",
    ),
    Row(
        "random-step",
        "cannot be judged: the step is random: asked twice about the first samples, it gave 60 of them two different",
        STEP.replace("model", "lambda batch: np.random.random(len(batch))"),
        marker=CHURN,
        accepted=STEP,
    ),
    Row("step-without-a-baseline", "*churn: no baseline yet: *", STEP, marker=CHURN, in_ci=True),
    Row(
        "step-without-outputs",
        "*churn: the baseline does not hold it: add it with *",
        STEP,
        marker=CHURN,
        in_ci=True,
        accepted=STEP,
        spoil=lambda path: rewrite(path, predictions=None),
    ),
    Row(
        "step-whose-outputs-are-gone",
        f"*.npz is missing, and *.json refers to it ($.predictions). Was it committed? {MEND}",
        STEP,
        marker=CHURN,
        accepted=STEP,
        spoil=lambda path: [file.unlink() for file in path.parent.glob("*.npz")],
    ),
    Row(
        "step-that-had-a-score",
        "the baseline holds the score 'accuracy' and this gate asks for none. If the change is meant: ",
        STEP,
        marker=CHURN,
        accepted=CHECK,
    ),
    Row(
        "score-that-was-a-step",
        "the baseline is of score=None and this gate asks for 'accuracy'. If the change is meant: ",
        marker=CHURN,
        accepted=STEP,
    ),
    Row(
        "comparison-of-steps-by-score",
        "compare(): score=None has no score, and max_accuracy_drop is set for this gate",
        "speedacc.compare(model, model, inputs, score=None, max_accuracy_drop='1 pp')",
        marker="",
    ),
)

# In a parallel run tests are collected by the workers, whose errors must reach the terminal and the exit code.
IN_PARALLEL = {"options": ("-n1",), "plugins": ("xdist",), "needs": "xdist"}
PARALLEL = (
    Row(
        "limit-in-parallel",
        "speedacc failed: accuracy 0, allowed at least 0.5",
        check("lambda batch: 1 - model(batch)"),
        **IN_PARALLEL,
    ),
    Row(
        "misspelt-limit-in-parallel",
        "speedacc: marker: unknown key 'max_latancy'. Did you mean 'max_latency'?",
        marker='max_latancy="5 ms"',
        **IN_PARALLEL,
    ),
    *(
        Row(
            f"misspelt-marker-of-{what}-in-parallel",
            NEAR_MARK.format("speedac"),
            body,
            marker="",
            arguments=arguments,
            above="@pytest.mark.speedac(min_accuracy=2)",
            exit_code=USAGE,
            **IN_PARALLEL,
        )
        for what, body, arguments in (("a-gate", CHECK, "speedacc"), ("a-test", "pass", ""))
    ),
    Row(
        "limits-of-what-is-no-gate-in-parallel",
        "speedacc: test_model.py::test_it: marker: gate=False says that the test is no gate, and min_accuracy= is ",
        "pass",
        marker="gate=False, min_accuracy=0.5",
        arguments="",
        exit_code=USAGE,
        **IN_PARALLEL,
    ),
    Row(
        "misspelt-key-in-parallel",
        "speedacc: [tool.speedacc]: unknown key 'min_acuracy'. Did you mean 'min_accuracy'?",
        pyproject="min_acuracy = 0.5",
        exit_code=USAGE,
        **IN_PARALLEL,
    ),
    Row(
        "pattern-without-a-gate-in-parallel",
        'speedacc: [tool.speedacc.tests."nowhere.py::*"] matches no gate of this run: mend the pattern, or remove it.',
        pyproject='tests."nowhere.py::*".min_accuracy = 0.5',
        exit_code=USAGE,
        **IN_PARALLEL,
    ),
    Row(
        "report-that-cannot-be-written-in-parallel",
        "speedacc: --speedacc-report: *report.json cannot be written: *pyproject.toml is no folder to write to.",
        options=("-n1", "--speedacc-report=pyproject.toml/report.json"),
        plugins=("xdist",),
        needs="xdist",
        exit_code=USAGE,
    ),
    Row(
        "parallel-live-run",
        "speedacc: --speedacc-against times two revisions on one core in turn, and -n runs tests beside each other: "
        "run it without -n (-n0 overrides an addopts).",
        options=("-n1", "--speedacc-against=main"),
        plugins=("xdist",),
        needs="xdist",
        exit_code=USAGE,
    ),
)

ROWS = (
    *MEASURED_NOTHING,
    *ENDED,
    *LOST,
    *MARKERS,
    *BAD_INPUT,
    *BAD_MODELS,
    *IMMEASURABLE,
    *BASELINES,
    *SETTINGS,
    *OPTIONS,
    *SMUGGLED,
    *UNDECIDABLE,
    *STEPS,
    *PARALLEL,
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_mistake(row: Row, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    if row.needs:
        pytest.importorskip(row.needs)
    if row.accepted:
        project.write(row.tests(row.accepted), row.pyproject)
        assert project.run("--speedacc-update").ret == PASSED
        path, *_ = project.pytester.path.glob("speedacc-baselines/*it.json")
        if row.spoil:
            row.spoil(path)
    if row.in_ci:
        monkeypatch.setenv("CI", "true")
    project.write(row.tests(row.body), row.pyproject)
    result = project.run(*row.options, plugins=row.plugins)
    assert result.ret == row.exit_code
    assert_says(result, row.sentence)
    assert "INTERNALERROR" not in output(result)
