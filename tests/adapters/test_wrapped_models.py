"""Models of transformers that something wraps, and classifiers of other frameworks that name their classes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.subject import CallOptions, prepare

SAMPLES = 12


def scored(model, inputs, targets, **call_options):
    subject = prepare(model, inputs, targets, CallOptions(**call_options))
    with subject.adapter.running(model):
        return score_predictions(subject.score, targets, subject.evaluate().predictions).value


@pytest.fixture(scope="module")
def bert():
    pytest.importorskip("torch").manual_seed(0)
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=20,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
        initializer_range=1.0,
        # Not in the order of the alphabet, which is what is known of labels without the model's word for it.
        id2label={0: "sad", 1: "good", 2: "neither"},
        label2id={"sad": 0, "good": 1, "neither": 2},
    )
    return transformers.BertForSequenceClassification(config).eval()


@pytest.fixture(scope="module")
def tokens():
    torch = pytest.importorskip("torch")
    ids = torch.arange(SAMPLES * 5).reshape(SAMPLES, 5) * 7 % 20
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


@pytest.fixture(scope="module")
def probabilities(bert, tokens):
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        return bert(**tokens).logits.softmax(dim=1).tolist()


def compiled(model):
    # Without a compiler, which is another matter than how the model is called.
    return pytest.importorskip("torch").compile(model, backend="eager")


def parallel(model):
    return pytest.importorskip("torch").nn.DataParallel(model)


def adapted(model):
    import copy

    peft = pytest.importorskip("peft")
    return peft.get_peft_model(copy.deepcopy(model), peft.LoraConfig(target_modules=["query"]))


@pytest.mark.parametrize("wrap", [compiled, parallel, adapted, lambda model: compiled(adapted(model))])
def test_a_wrapped_model_gets_its_mapping_as_keywords(bert, tokens, probabilities, wrap):
    labels = [row.index(max(row)) for row in probabilities]
    assert scored(wrap(bert), tokens, labels) == 1


def test_a_module_of_ones_own_gets_its_mapping_whole(bert, tokens, probabilities):
    torch = pytest.importorskip("torch")

    class Own(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bert = bert

        def forward(self, batch):
            return self.bert(**batch).logits

    assert scored(Own(), tokens, [row.index(max(row)) for row in probabilities]) == 1


def test_a_pipelines_probabilities_are_scored_by_the_names_of_its_labels(bert):
    tokenizers, transformers = pytest.importorskip("tokenizers"), pytest.importorskip("transformers")
    words = [f"w{number}" for number in range(20)]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="w0")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=made, unk_token="w0", pad_token="w1")
    pipeline = transformers.pipeline("text-classification", model=bert, tokenizer=tokenizer, device=-1)
    texts = [f"w{number} w{number * 3 % 20}" for number in range(2, 2 + SAMPLES)]
    numbers = [number % 3 for number in range(SAMPLES)]
    names = [bert.config.id2label[number] for number in numbers]
    tables = [{each["label"]: each["score"] for each in pipeline(text, top_k=3)} for text in texts]
    truth = -math.fsum(math.log(table[name]) for table, name in zip(tables, names, strict=True)) / SAMPLES
    assert abs(truth - math.log(3)) > 0.1  # and not as good as nothing
    assert scored(pipeline, texts, names, score="log_loss") == pytest.approx(truth, rel=1e-4)
    assert scored(pipeline, texts, numbers, score="log_loss") == pytest.approx(truth, rel=1e-4)


@pytest.mark.parametrize("zipmap", [True, False])
def test_a_converted_classifiers_probabilities_are_scored_by_its_labels(zipmap):
    onnxruntime, skl2onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("skl2onnx")
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    inputs, targets = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[targets]
    original = LogisticRegression(max_iter=200).fit(inputs, names)
    document = skl2onnx.to_onnx(original, inputs[:1].astype("float32"), options={"zipmap": zipmap})
    session = onnxruntime.InferenceSession(document.SerializeToString(), providers=["CPUExecutionProvider"])
    table = original.predict_proba(inputs)
    right = [row[original.classes_.tolist().index(name)] for row, name in zip(table, names, strict=True)]
    truth = -math.fsum(map(math.log, right)) / len(names)
    assert scored(session, inputs, names, score="log_loss") == pytest.approx(truth, rel=1e-3)


def test_an_exported_network_serves_scores_of_probabilities_where_it_gives_them():
    onnxruntime, onnx = pytest.importorskip("onnxruntime"), pytest.importorskip("onnx")
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")

    def session(*operators):
        names = ["x", *(f"y{place}" for place in range(len(operators)))]
        nodes = [
            helper.make_node(operator, [name, "w"] if operator == "MatMul" else [name], [following])
            for operator, name, following in zip(operators, names, names[1:], strict=False)
        ]
        value = helper.make_tensor_value_info
        graph = helper.make_graph(
            nodes,
            "network",
            [value("x", onnx.TensorProto.FLOAT, [None, 4])],
            [value(names[-1], onnx.TensorProto.FLOAT, [None, 3])],
            [numpy_helper.from_array(weights, "w")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
        return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])

    inputs, targets = np.random.default_rng(1).normal(size=(SAMPLES, 4)), np.arange(SAMPLES) % 3
    scores = np.exp(inputs.astype("float32") @ weights)
    truth = -np.log((scores / scores.sum(axis=1, keepdims=True))[np.arange(SAMPLES), targets]).mean()
    assert scored(session("MatMul", "Softmax"), inputs, targets, score="log_loss") == pytest.approx(truth, rel=1e-4)
    with pytest.raises(GateError, match="needs probabilities, and the model returned numbers from"):
        scored(session("MatMul"), inputs, targets, score="log_loss")
