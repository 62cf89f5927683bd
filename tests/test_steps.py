"""Steps without a score, in stored runs: real vectorizers, tokenizers, frames and modules."""

from __future__ import annotations

import contextlib
import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from scratch_project import Project, assert_says

from pytest_speedacc.baseline import baseline_path
from pytest_speedacc.baseline.archive import decode_predictions
from pytest_speedacc.measure import outputs

for name in ("pandas", "sklearn", "torch", "transformers"):
    # Outside of the runs below, which would forget them, and compiled modules cannot come twice.
    with contextlib.suppress(ImportError):
        importlib.import_module(name)

TEXTS = """
import pytest
texts = [" ".join(f"word{place * step % 37}" for step in range(1, 4 + place % 9)) for place in range(40)]
churn = pytest.mark.speedacc(max_churn="10 %")
"""

SKLEARN = (
    TEXTS
    + """
import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

pandas = pytest.importorskip("pandas")
numbers = np.random.default_rng(0).normal(size=(40, 5))
frame = pandas.DataFrame({"income": 1e6 + 1e5 * numbers[:, 0], "ratio": numbers[:, 1], "kind": list("xyzw") * 10})

@pytest.mark.speedacc(max_churn="10 %", max_parameters_increase="0 %", max_model_size="1 MiB")
def test_vectorizer(speedacc):
    speedacc.check(TfidfVectorizer(ngram_range=(1, 2 if CHANGED else 1)).fit(texts), texts, score=None)

@churn
def test_pipeline(speedacc):
    model = make_pipeline(StandardScaler(with_std=not CHANGED), PCA(2)).fit(numbers)
    speedacc.check(model, numbers, score=None, batch_size=4)

@churn
def test_columns(speedacc):
    encode = OneHotEncoder(drop="first" if CHANGED else None, sparse_output=False)
    model = ColumnTransformer([("scale", StandardScaler(), ["income", "ratio"]), ("encode", encode, ["kind"])])
    model = model.set_output(transform="pandas").fit(frame)
    speedacc.check(model, frame, score=None, batch_size=8)

@churn
def test_rounding(speedacc):
    scaler = StandardScaler().fit(numbers)
    scaler.mean_ = scaler.mean_ + 1e-9 * CHANGED
    speedacc.check(scaler, numbers, score=None)
"""
)

TOKENIZER = (
    TEXTS
    + """
import tokenizers
import torch
import transformers

def tokenizer(*more):
    words = ["[UNK]", "[PAD]", *(f"word{place}" for place in range(37 if CHANGED else 30))]
    model = tokenizers.models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="[UNK]", pad_token="[PAD]")

@churn
def test_tokens(speedacc):
    speedacc.check(tokenizer(), texts, score=None)

@churn
def test_padded(speedacc):
    padded = lambda model, batch: model(batch, padding=True, return_tensors="pt")
    speedacc.check(tokenizer(), texts, score=None, predict=padded, batch_size=3)

@pytest.mark.speedacc(max_churn="10 %", max_parameters=100)
def test_module(speedacc):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Dropout(), torch.nn.Linear(6, 3))
    inputs = torch.randn(40, 4)
    with torch.no_grad():
        module[2].bias += 0.5 * CHANGED
    speedacc.check(module, inputs, score=None)
"""
)


def write(project: Project, source: str, changed: bool) -> None:
    project.pytester.makepyfile(test_model=f"CHANGED = {changed}\n{source}")


def gates(project: Project) -> dict[str, dict[str, Any]]:
    document = json.loads((project.pytester.path / "report.json").read_text())
    return {gate["test"].partition("::")[2]: gate for gate in document["gates"]}


@pytest.mark.parametrize(
    ("source", "needs", "same", "different"),
    [
        (
            SKLEARN,
            "sklearn",
            {"test_rounding"},
            {"test_vectorizer", "test_pipeline", "test_columns"},
        ),
        (TOKENIZER, "transformers", set(), {"test_tokens", "test_padded", "test_module"}),
    ],
    ids=["sklearn", "transformers"],
)
@pytest.mark.slow
def test_a_step_that_answers_otherwise_fails(
    project: Project, source: str, needs: str, same: set[str], different: set[str]
) -> None:
    pytest.importorskip(needs)
    pytest.importorskip("torch" if needs == "transformers" else "pandas")
    write(project, source, False)
    assert project.run("--speedacc-update").ret == pytest.ExitCode.OK
    unchanged = project.run("--speedacc-report=report.json")
    unchanged.assert_outcomes(passed=len(same | different))
    assert {gate["checks"][0]["observed"] for gate in gates(project).values()} == {0.0}
    write(project, source, True)
    project.run("--speedacc-report=report.json")
    found = gates(project)
    for name, gate in found.items():
        churn = next(check for check in gate["checks"] if check["setting"] == "max_churn")
        assert churn["outcome"] == ("passed" if name in same else "failed"), name
        assert {"accuracy", "confidence"}.isdisjoint(row["metric"] for row in gate["measured"])
        assert {"latency", "memory"} <= {row["metric"] for row in gate["measured"]}
    assert set(found) == same | different


BOTH = """
def split(batch):
    return [text.split() for text in batch]

def scored(batch):
    return [len(text) % 2 for text in batch]

parities = [len(text) % 2 for text in texts]
"""


def step(*lines: str, marker: str = 'max_churn="10 %"', options: str = "score=None") -> str:
    body = lines or (f"speedacc.check(split, texts, {options})",)
    return f"{TEXTS}{BOTH}\n@pytest.mark.speedacc({marker})\ndef test_it(speedacc):\n    " + "\n    ".join(body)


class TestBaseline:
    def test_it_holds_no_score_and_a_few_bytes(self, project: Project) -> None:
        project.pytester.makepyfile(test_model=step())
        assert project.run("--speedacc-update").ret == pytest.ExitCode.OK
        path = baseline_path(project.pytester.path / "speedacc-baselines", "test_model.py::test_it", "")
        stored = json.loads(path.read_text())
        assert stored["accuracy"] is None
        assert stored["predictions"].startswith("sha256:")
        (kept,) = path.parent.glob("*.npz")
        assert kept.stat().st_size < 40 * 25 + 500
        # Nothing is news, so nothing is written again.
        result = project.run("--speedacc-update")
        assert_says(result, "was not written: nothing that is compared has changed")

    def test_an_update_accepts_the_change(self, project: Project) -> None:
        project.pytester.makepyfile(test_model=step())
        project.run("--speedacc-update")
        project.pytester.makepyfile(test_model=step().replace("text.split()", "text.split(',')"))
        failed = project.run()
        assert_says(failed, "40 of 40 outputs are not those of the baseline, the first: samples 0, 1, 2, 3, 4")
        assert_says(failed, '"test_model.py::test_it" --speedacc-update --speedacc-reason="why"')
        assert project.run("--speedacc-update", "--speedacc-reason=commas").ret == pytest.ExitCode.OK
        assert project.run().ret == pytest.ExitCode.OK

    def test_its_absence_is_loud(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CI", "1")
        project.pytester.makepyfile(test_model=step())
        result = project.run()
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        assert_says(result, "churn: no baseline yet: create it with")

    def test_slices_have_their_own(self, project: Project) -> None:
        sliced = step(options='score=None, slices={"long": lambda texts, targets: [len(t) > 40 for t in texts]}')
        project.pytester.makepyfile(test_model=sliced)
        project.run("--speedacc-update")
        project.pytester.makepyfile(test_model=sliced.replace("text.split()", "text.split()[:8]"))
        project.run("--speedacc-report=report.json")
        whole, part = gates(project)["test_it"]["checks"]
        assert (part["slice"], part["outcome"]) == ("long", "failed")
        assert part["observed"] > whole["observed"] > 0

    def test_closeness_is_the_test_s(self, project: Project) -> None:
        scaled = step(
            "speedacc.check(lambda batch: [FACTOR * len(text) for text in batch], texts, score=None, closeness=1e-2)"
        )
        project.pytester.makepyfile(test_model=f"FACTOR = 1.0\n{scaled}")
        project.run("--speedacc-update")
        project.pytester.makepyfile(test_model=f"FACTOR = 1.005\n{scaled}")
        assert project.run().ret == pytest.ExitCode.OK
        project.pytester.makepyfile(test_model=f"FACTOR = 1.02\n{scaled}")
        assert project.run().ret == pytest.ExitCode.TESTS_FAILED

    def test_of_too_many_numbers_it_holds_digests(self, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outputs, "MOST_NUMBERS", 39)
        counted = step("speedacc.check(lambda batch: [FACTOR * len(text) for text in batch], texts, score=None)")
        project.pytester.makepyfile(test_model=f"FACTOR = 1.0\n{counted}")
        project.run("--speedacc-update")
        (kept,) = project.pytester.path.glob("speedacc-baselines/*.npz")
        assert decode_predictions(kept.read_bytes(), 40).shape == (40, outputs.DIGEST)
        assert project.run().ret == pytest.ExitCode.OK
        project.pytester.makepyfile(test_model=f"FACTOR = 1.000001\n{counted}")
        assert_says(project.run(), "40 of 40 outputs are not those of the baseline, *; to the last bit, for a baseline")


class TestReports:
    @pytest.fixture
    def both(self, project: Project) -> Project:
        pytest.importorskip("matplotlib")
        source = step(marker='max_latency="5 s", group="words"') + (
            '\n@pytest.mark.speedacc(max_latency="5 s", group="words")\n'
            '@pytest.mark.parametrize("place", [0, 1])\n'
            "def test_scored(speedacc, place):\n    speedacc.check(scored, texts, parities)\n"
        )
        project.pytester.makepyfile(test_model=source)
        return project

    def test_it_is_left_out_of_alternatives_with_a_sentence(self, both: Project) -> None:
        result = both.run("--speedacc-report=report.json")
        assert result.ret == pytest.ExitCode.OK
        assert_says(result, "test_it: it is left out of the alternatives for words, which are ranked by score")
        (group,) = json.loads((both.pytester.path / "report.json").read_text())["groups"]
        assert [each["gate"] for each in group["alternatives"]] == [
            f"test_model.py::test_scored[{place}]" for place in (0, 1)
        ]

    def test_it_is_left_out_of_the_plot(self, both: Project) -> None:
        assert both.run("--speedacc-report=plot.svg").ret == pytest.ExitCode.OK
        drawn = (both.pytester.path / "plot.svg").read_text()
        assert "test_scored" in drawn
        assert "test_it" not in drawn


def test_two_steps_are_compared(project: Project) -> None:
    compared = step(
        'spaced = lambda batch: [text.split(" ") for text in batch]',
        'speedacc.compare(split, spaced, texts, score=None, max_churn="0 %")',
        'speedacc.compare(split, scored, texts, score=None, max_churn="5 %", name="other")',
        marker="",
    )
    project.pytester.makepyfile(test_model=compared.replace("@pytest.mark.speedacc()\n", ""))
    result = project.run()
    assert_says(result, "40 of 40 outputs are not those of the other")
    assert result.parseoutcomes() == {"failed": 1}


def test_numbers_for_the_test_s_own_assertions(project: Project) -> None:
    project.pytester.makepyfile(
        test_model=step(
            "found = speedacc.measure(split, texts, score=None)",
            "assert 0 < found.latency.median < 1 and str(found).startswith('latency median')",
            "with pytest.raises(Exception, match='score=None has no accuracy'):",
            "    found.accuracy",
            marker="",
        ).replace("@pytest.mark.speedacc()\n", "")
    )
    assert project.run().ret == pytest.ExitCode.OK


@pytest.mark.slow
def test_the_documented_example(project: Project) -> None:
    pytest.importorskip("sklearn")
    pytest.importorskip("pandas")
    page = (Path(__file__).parents[1] / "docs" / "measures.md").read_text("utf-8")
    example = page.partition("## Steps without a score")[2].partition("```python\n")[2].partition("```")[0]
    project.pytester.makepyfile(test_model=example)
    project.run("--speedacc-update").assert_outcomes(passed=3)
