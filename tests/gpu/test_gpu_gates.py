"""Gates of models on a CUDA device, from the marker to the verdict and the baseline."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from gpu_models import needs_gpu
from scratch_project import Project, assert_says

from pytest_speedacc.adapters.torch import TorchAdapter
from pytest_speedacc.baseline import baseline_path

# Outside of the runs below, which would forget it, and it cannot come twice.
importlib.import_module("torch._dynamo")

pytestmark = [pytest.mark.gpu, needs_gpu]
MODELS = """
import torch
from torch import nn

def trained():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 256), nn.ReLU(), nn.Linear(256, 2)).cuda()
    x, y = torch.from_numpy(inputs).float().cuda(), torch.from_numpy(targets).cuda()
    optimiser = torch.optim.Adam(net.parameters(), 0.02)
    for _ in range(80):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    return net
"""
LIMITS = (
    'min_accuracy=0.9, max_latency="50 ms", max_latency_p95="100 ms", max_memory="1 MiB", max_parameters=2000, '
    'max_model_size="10 kB"'
)


def gate(marker: str, check: str = "trained(), inputs, targets") -> str:
    return f"{MODELS}\n@pytest.mark.speedacc({marker})\ndef test_it(speedacc):\n    speedacc.check({check})\n"


def stored() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        baseline_path(Path("speedacc-baselines"), "test_model.py::test_it", "").read_text("utf-8")
    )
    return found


def test_a_gate_passes_and_its_baseline_and_report_name_the_device(project: Project) -> None:
    project.write(gate(f'{LIMITS}, max_churn="5 %"'))
    result = project.run("--speedacc-update", "--speedacc-report=report.json")
    result.assert_outcomes(passed=1)
    name = torch.cuda.get_device_name(0)
    assert_says(result, f"*, {name}, *")
    assert [each["environment"]["accelerator"] for each in stored()["environments"].values()] == [name]
    report = json.loads(Path("report.json").read_text("utf-8"))
    assert report["environment"]["accelerator"] == name
    project.run().assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("marker", "said"),
    [
        ('max_latency="1 us"', "latency median *, allowed at most 1.00 µs"),
        ('max_latency_p95="1 us"', "latency p95 *, allowed at most 1.00 µs"),
        ('max_memory="100 B"', "memory *, allowed at most 100 B"),
        ("min_accuracy=1.0, max_parameters=10", "parameters 1,794, allowed at most 10"),
    ],
)
def test_a_gate_fails(project: Project, marker: str, said: str) -> None:
    project.write(gate(marker))
    result = project.run()
    result.assert_outcomes(failed=1)
    assert_says(result, said)
    if "memory" in said:
        assert_says(result, "an accelerator's allocator keeps no record of it")


def test_a_baseline_of_another_device_is_of_another_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(gate('min_accuracy=0.9, max_memory_increase="5 %"'))
    with monkeypatch.context() as there:
        there.setattr(TorchAdapter, "device_name", lambda self, model: "Other GPU")
        project.run("--speedacc-update").assert_outcomes(passed=1)
    project.run("--speedacc-report=report.json")
    (found,) = json.loads(Path("report.json").read_text("utf-8"))["gates"]
    (check,) = [each for each in found["checks"] if each["setting"] == "max_memory_increase"]
    assert check["outcome"] == "not_compared"
    assert "Other GPU" in check["reason"]


def test_a_graph_that_answers_in_one_buffer_is_gated(project: Project) -> None:
    project.write(gate(LIMITS, "InGraph(trained().eval()), inputs, targets") + "\nfrom gpu_models import InGraph\n")
    result = project.run(budget="0.5")
    result.assert_outcomes(passed=1)


def test_so_is_what_torch_compiles_into_graphs(project: Project) -> None:
    project.write(gate(LIMITS, 'torch.compile(trained(), mode="reduce-overhead"), inputs, targets'))
    # Apart, as compilers come in many modules, which come once.
    result = project.run_apart(budget="0.5")
    result.assert_outcomes(passed=1)


def test_dropout_that_stays_on_is_evaluated_several_times(project: Project) -> None:
    project.write(
        MODELS
        + """
class Noisy(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = trained()

    def forward(self, batch):
        return self.net(nn.functional.dropout(batch, 0.3))

@pytest.mark.speedacc(min_accuracy=0.6)
def test_it(speedacc):
    speedacc.check(Noisy(), inputs, targets, repeats=10)
"""
    )
    result = project.run()
    result.assert_outcomes(passed=1)


def test_a_pipeline_and_a_model_of_transformers(project: Project) -> None:
    pytest.importorskip("transformers")
    project.write(
        """
tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
words = ["[UNK]", "[PAD]", "the", "film", "was", "good", "bad", "long", "very", "not"]
texts = ["the film was good", "bad", "the film was very very long and not good", "not long and not bad at all"] * 3

@pytest.fixture(scope="module")
def tokenizer():
    level = tokenizers.models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="[UNK]")
    rules = tokenizers.Tokenizer(level)
    rules.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=rules, unk_token="[UNK]", pad_token="[PAD]")

@pytest.fixture(scope="module")
def bert():
    import torch
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=32, id2label={0: "bad", 1: "good"}, label2id={"bad": 0, "good": 1}, pad_token_id=1,
    )
    return transformers.BertForSequenceClassification(config).eval()

@pytest.fixture(scope="module")
def labels(bert, tokenizer):
    return bert(**tokenizer(texts, padding=True, return_tensors="pt")).logits.argmax(dim=1).tolist()

LIMITS = dict(min_accuracy=0.9, max_latency="1 s", max_memory="20 MiB", max_parameters=10_000)

@pytest.mark.speedacc(**LIMITS)
def test_pipeline(speedacc, bert, tokenizer, labels):
    pipeline = transformers.pipeline("text-classification", model=bert, tokenizer=tokenizer, device=0)
    speedacc.check(pipeline, texts, [["bad", "good"][label] for label in labels])
    assert bert.device.type == "cuda"

@pytest.mark.speedacc(**LIMITS)
def test_model(speedacc, bert, tokenizer, labels):
    speedacc.check(bert.cuda(), tokenizer(texts, padding=True, return_tensors="pt"), labels)

@pytest.mark.speedacc(max_churn="1 %", max_latency="1 s", max_memory="20 MiB")
def test_step(speedacc, bert, tokenizer):
    speedacc.check(bert.bert.cuda(), dict(tokenizer(texts, padding=True, return_tensors="np")), score=None)
"""
    )
    result = project.run_apart("--speedacc-report=report.json", "--speedacc-update")
    result.assert_outcomes(passed=3)
    assert json.loads(Path("report.json").read_text("utf-8"))["environment"]["accelerator"] == (
        torch.cuda.get_device_name(0)
    )
