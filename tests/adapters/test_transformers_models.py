"""Models and pipelines of transformers, small ones that are built here and trained on nothing."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("transformers")
pytest.importorskip("torch")

import tokenizers
import torch
import transformers

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, prepare

WORDS = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "the", "film", "was", "good", "bad", "long", "short", "very", "not"]
TEXTS = ["the film was good", "bad", "the film was very very long and not good", "not short and not bad at all"] * 3


@pytest.fixture(scope="module")
def tokenizer():
    words = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    words.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    )


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        id2label={0: "bad", 1: "good", 2: "neither"},
        label2id={"bad": 0, "good": 1, "neither": 2},
        pad_token_id=1,
    )
    return transformers.BertForSequenceClassification(config).eval()


@pytest.fixture(scope="module")
def pipeline(model, tokenizer):
    return transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device=-1)


@pytest.fixture(scope="module")
def labels(model, tokenizer):
    with torch.no_grad():
        return model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits.argmax(dim=1).numpy()


def test_a_tokenizers_mapping_is_unpacked(model, tokenizer, labels):
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pt")
    subject = prepare(model, encoded, labels, CallOptions(batch_size=2))
    statics = measure_statics(subject)
    assert statics.accuracy.value == 1
    assert {name: len(value) for name, value in subject.batches[0].items()} == dict.fromkeys(encoded, 2)
    assert statics.parameters.total == sum(weight.numel() for weight in model.parameters())
    assert statics.unstable == 0


def test_arrays_of_tokens_are_a_mapping_too(model, tokenizer, labels):
    encoded = tokenizer(TEXTS, padding=True, return_tensors="np")
    assert measure_statics(prepare(model, dict(encoded), labels, CallOptions())).accuracy.value == 1


def test_a_stream_of_collated_batches(model, tokenizer, labels):
    def batches():
        for start in range(0, len(TEXTS), 4):
            encoded = tokenizer(TEXTS[start : start + 4], padding=True, return_tensors="pt")
            yield {**encoded, "labels": torch.tensor(labels[start : start + 4])}

    assert measure_statics(prepare(model, batches(), None, CallOptions())).accuracy.value == 1


def test_a_pipeline_takes_texts_of_any_length_one_at_a_time(pipeline, model, labels):
    names = [model.config.id2label[label] for label in labels.tolist()]
    subject = prepare(pipeline, TEXTS, names, CallOptions())
    statics = measure_statics(subject)
    assert statics.accuracy.value == 1
    assert subject.batches[0] == [TEXTS[0]]
    assert statics.parameters.total == count_parameters(model)
    assert statics.model_size == model_size(model)


def test_a_pipeline_gives_probabilities_in_the_order_of_its_labels(pipeline, model, tokenizer):
    subject = prepare(
        pipeline, TEXTS, ["bad"] * len(TEXTS), CallOptions(predict="predict_proba", score=score, greater_is_better=True)
    )
    with torch.no_grad():
        logits = model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits
    expected = torch.softmax(logits, dim=1).numpy()
    evaluation = subject.evaluate()
    assert evaluation.predictions == pytest.approx(expected, abs=1e-5)
    assert evaluation.largest == pytest.approx(expected.max(axis=1), abs=1e-5)


def score(targets, predictions):
    return float(np.mean(predictions))


def test_a_pipeline_without_labels_asks_for_predict(model, tokenizer):
    features = transformers.pipeline("feature-extraction", model=model.bert, tokenizer=tokenizer, device=-1)
    with pytest.raises(GateError, match="the feature-extraction pipeline returns no labels"):
        prepare(features, TEXTS, [0] * len(TEXTS), CallOptions()).evaluate()
    means = [float(np.mean(features(text))) for text in TEXTS]
    call_options = CallOptions(
        score="r2", predict=lambda pipeline, batch: [float(np.mean(each)) for each in pipeline(batch)]
    )
    assert prepare(features, TEXTS, means, call_options).evaluate().predictions == pytest.approx(means, abs=1e-5)


def test_quantised_weights_are_refused(model, tokenizer):
    import copy

    broken = copy.deepcopy(model)
    broken.classifier.register_buffer("qweight", torch.zeros(4, dtype=torch.int32))
    for each in (broken, transformers.pipeline("text-classification", model=broken, tokenizer=tokenizer, device=-1)):
        with pytest.raises(GateError, match="keeps the buffer qweight"):
            count_parameters(each)


def test_framework_names(model, pipeline):
    assert find_adapter(model).framework == "transformers"
    assert find_adapter(pipeline).framework == "transformers pipelines"


def test_samples_of_different_lengths_say_what_to_do(model):
    with pytest.raises(GateError, match="samples of 2 different shapes cannot become one: pad them, or pass predict="):
        prepare(model, [torch.tensor([1, 2]), torch.tensor([1])], [0, 1], CallOptions())
