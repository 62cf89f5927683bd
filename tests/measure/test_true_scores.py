"""Scores against truths that are worked out here sample by sample, on models whose outputs are not plain labels."""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.accuracy import score_predictions
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.score import resolve_score
from pytest_speedacc.measure.subject import CallOptions, prepare

pytest.importorskip("sklearn")

from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    fbeta_score,
    get_scorer,
    log_loss,
    make_scorer,
    mean_squared_error,
    roc_auc_score,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier


def scored(model, inputs, targets, **call_options):
    subject = prepare(model, inputs, targets, CallOptions(**call_options))
    with subject.adapter.running(model):
        return score_predictions(subject.score, targets, subject.evaluate().predictions)


def statics(model, inputs, targets, **call_options):
    subject = prepare(model, inputs, targets, CallOptions(**call_options))
    with subject.adapter.running(model):
        return measure_statics(subject)


# Class labels

DIGITS, DIGIT = load_digits(return_X_y=True)
NAMES = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])


@pytest.mark.parametrize("targets", [DIGIT + 1, NAMES[DIGIT], DIGIT / 2], ids=["1 to 10", "texts", "halves"])
def test_a_column_of_probabilities_is_the_class_that_the_model_says(targets):
    names = [f"d{label}" for label in targets] if targets.dtype.kind == "f" else targets
    model = DecisionTreeClassifier(max_depth=6, random_state=0).fit(DIGITS, names)
    table = model.predict_proba(DIGITS)
    right = sum(model.classes_[row.tolist().index(max(row))] == name for row, name in zip(table, names, strict=True))
    found = scored(model, DIGITS, names, predict="predict_proba")
    assert found.value == right / len(names) > 0.5
    assert found.value == scored(model, DIGITS, names).value
    assert scored(model, DIGITS, names, predict=lambda model, batch: model.predict_proba(batch)).value == found.value


@pytest.mark.parametrize(
    ("targets", "shown"), [([1, 2, 3], "1, 2, 3"), (["a", "b", "c"], "a, b, c"), ([-1, 0, 1], "-1, 0, 1")]
)
@pytest.mark.parametrize("score", ["accuracy", "f1_macro", "log_loss"])
def test_columns_that_nobody_names_are_refused_unless_the_targets_number_them(targets, shown, score):
    table = np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    refusal = (
        rf"scores of 3 classes and does not name them .*targets are {shown}: .*Pass targets from 0 to 2, or predict="
    )
    with pytest.raises(GateError, match=refusal):
        scored(lambda batch: table[batch], [0, 1, 2], targets, score=score)
    expected = -math.log(0.8) if score == "log_loss" else 1.0
    assert scored(lambda batch: table[batch], [0, 1, 2], [0, 1, 2], score=score).value == pytest.approx(expected)


def test_numbers_that_are_kept_as_objects_number_the_columns_too():
    table = np.eye(3)
    assert scored(lambda batch: table[batch], [0, 1, 2], np.array([0, 1, 2], dtype=object)).value == 1


@pytest.mark.parametrize("library", ["lightgbm", "xgboost", "keras"])
def test_a_model_that_numbers_its_classes_is_not_held_against_other_labels(library):
    model = _numbering(library)
    with pytest.raises(GateError, match=r"scores of 3 classes.*targets are 1, 2, 3"):
        scored(model, DIGITS[:90], DIGIT[:90] % 3 + 1)
    assert 0 <= scored(model, DIGITS[:90], DIGIT[:90] % 3).value <= 1
    # Whoever makes the labels calls them what they like.
    own = scored(model, DIGITS[:90], np.full(90, 7), predict=lambda model, batch: np.full(len(batch), 7))
    assert own.value == 1


def _numbering(library):
    if library == "keras":
        pytest.importorskip("torch")
        os.environ.setdefault("KERAS_BACKEND", "torch")  # as the tests of Keras do, whichever come first
        keras = pytest.importorskip("keras")
        return keras.Sequential([keras.Input((64,)), keras.layers.Dense(3), keras.layers.Activation("softmax")])
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        options = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_leaves": 4}
        return lightgbm.train(options, lightgbm.Dataset(DIGITS, DIGIT % 3), num_boost_round=3)
    xgboost = pytest.importorskip("xgboost")
    options = {"objective": "multi:softprob", "num_class": 3, "max_depth": 2}
    return xgboost.train(options, xgboost.DMatrix(DIGITS, DIGIT % 3), num_boost_round=3)


def test_a_network_ranks_two_numbers_and_no_two_texts():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    model = torch.nn.Linear(64, 1)
    even = DIGIT % 2
    expected = scored(model, DIGITS, even, score="roc_auc").value
    assert scored(model, DIGITS, even * 2 - 1, score="roc_auc").value == expected
    with pytest.raises(GateError, match="targets are even, odd"):
        scored(model, DIGITS, np.where(even == 1, "odd", "even"), score="roc_auc")


# Several labels a sample

SEVERAL = make_multilabel_classification(n_samples=160, random_state=0)
OF_SEVERAL = {
    "multi-output": MultiOutputClassifier(LogisticRegression(max_iter=500)),
    "neighbours": KNeighborsClassifier(),
    "forest": RandomForestClassifier(8, random_state=0),
}


@pytest.mark.parametrize("model", OF_SEVERAL.values(), ids=OF_SEVERAL)
def test_a_model_of_several_labels_has_every_score(model):
    inputs, targets = SEVERAL
    model.fit(inputs[:100], targets[:100])
    inputs, targets = inputs[100:], targets[100:]
    predicted = model.predict(inputs)
    whole = sum(list(row) == list(truth) for row, truth in zip(predicted, targets, strict=True)) / len(targets)
    assert scored(model, inputs, targets).value == whole > 0
    assert scored(model, inputs, targets, score="f1_macro").value == f1_score(targets, predicted, average="macro")
    tables = model.predict_proba(inputs)
    areas = [_area([row[1] for row in table], truth) for table, truth in zip(tables, targets.T, strict=True)]
    assert scored(model, inputs, targets, score="roc_auc").value == pytest.approx(sum(areas) / len(areas))
    assert scored(model, inputs, targets, score="average_precision").value == pytest.approx(
        get_scorer("average_precision")(model, inputs, targets)
    )
    assert "they are of several labels" in statics(model, inputs, targets).confidence.reason


def _area(scores, truth):
    """ROC AUC by its definition: how often a positive sample is ranked above a negative one."""
    positive = [score for score, label in zip(scores, truth, strict=True) if label]
    negative = [score for score, label in zip(scores, truth, strict=True) if not label]
    wins = sum((p > n) + (p == n) / 2 for p in positive for n in negative)
    return wins / len(positive) / len(negative)


class Unsure(ClassifierMixin, BaseEstimator):
    """Predicts, and cannot say how sure it is."""

    def predict(self, inputs):
        return (inputs[:, 0] > 0).astype(int)

    def predict_proba(self, inputs):
        raise NotImplementedError("not without calibration")


def test_a_confidence_that_cannot_be_had_is_no_matter_of_the_score():
    inputs = np.array([[1.0], [-1.0], [2.0]])
    for confident in (False, True):
        found = statics(Unsure(), inputs, [1, 0, 0], confident=confident)
        assert found.accuracy.value == 2 / 3
        assert found.confidence == Unavailable(
            "predict_proba of Unsure raised NotImplementedError: not without calibration"
        )


# Shapes


@pytest.mark.parametrize("column", ["predictions", "targets"])
def test_a_column_and_a_row_are_compared_sample_by_sample(column):
    torch = pytest.importorskip("torch")
    inputs, targets = load_diabetes(return_X_y=True)
    torch.manual_seed(0)
    linear = torch.nn.Linear(10, 1)
    model = linear if column == "predictions" else torch.nn.Sequential(linear, torch.nn.Flatten(0))
    with torch.no_grad():
        outputs = linear(torch.tensor(inputs, dtype=torch.float32)).ravel().tolist()
    truth = math.fsum((target - output) ** 2 for target, output in zip(targets, outputs, strict=True)) / len(targets)
    against = targets if column == "predictions" else targets[:, None]

    def squared(targets, predictions):
        return ((targets - predictions) ** 2).mean()

    found = statics(model, inputs, against, score=squared, greater_is_better=False)
    assert found.accuracy.value == pytest.approx(truth, rel=1e-6)
    table = squared(targets[:, None], np.array(outputs))
    assert table != pytest.approx(truth, rel=1e-6)  # what it would be of every sample with every other
    (note,) = found.notes
    assert "were scored in the shape of the targets" in note
    assert scored(model, inputs, against, score="mse").value == pytest.approx(truth, rel=1e-6)


def test_the_users_own_function_gets_tables_as_they_are():
    table = np.array([[0.2, 0.8], [0.6, 0.4]])

    def shape(targets, predictions):
        return float(predictions.shape == (2, 2) and targets.shape == (2,))

    found = statics(lambda batch: table[batch], [0, 1], [1, 0], score=shape, greater_is_better=True)
    assert (found.accuracy.value, found.notes) == (1.0, ())


# Scorers and names


def test_a_scorer_is_taken_with_its_options_and_its_direction():
    inputs, targets = load_breast_cancer(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(inputs, targets)
    predicted = model.predict(inputs).tolist()
    pairs = list(zip(targets.tolist(), predicted, strict=True))
    hits, missed, alarms = pairs.count((1, 1)), pairs.count((1, 0)), pairs.count((0, 1))
    found = scored(model, inputs, targets, score=make_scorer(fbeta_score, beta=2))
    assert found.value == pytest.approx(5 * hits / (5 * hits + 4 * missed + alarms))
    assert (found.score, found.greater_is_better, found.within_unit) == ("fbeta_score(beta=2)", True, True)
    ranked = scored(model, inputs, targets, score=make_scorer(_gap, response_method="predict_proba"))
    probabilities = model.predict_proba(inputs)[:, 1]
    assert ranked.value == pytest.approx(probabilities[targets == 1].mean() - probabilities[targets == 0].mean())


def _gap(targets, probabilities):
    return probabilities[targets == 1].mean() - probabilities[targets == 0].mean()


def test_an_error_of_a_scorer_is_positive_and_lower_is_better():
    error = make_scorer(mean_squared_error, greater_is_better=False)
    found = scored(lambda batch: np.array(batch) + 2.0, [1.0, 5.0], [1.0, 5.0], score=error)
    assert (found.score, found.value, found.greater_is_better) == ("mean_squared_error", 4.0, False)
    with pytest.raises(GateError, match="greater_is_better=True contradicts score=mean_squared_error, where lower is"):
        resolve_score(error, True)


@pytest.mark.parametrize(
    ("metric", "options", "within"),
    [(accuracy_score, {}, True), (accuracy_score, {"normalize": False}, False), (mean_squared_error, {}, False)],
)
def test_a_scorer_lies_within_0_to_1_only_with_the_options_that_leave_it_there(metric, options, within):
    assert resolve_score(make_scorer(metric, **options), None).within_unit is within


@pytest.mark.parametrize(
    ("alias", "name", "truth"),
    [
        ("rmse", "root_mean_squared_error", math.sqrt(2.5)),
        ("RMSE", "root_mean_squared_error", math.sqrt(2.5)),
        ("mse", "mean_squared_error", 2.5),
        ("mae", "mean_absolute_error", 1.5),
        ("mape", "mean_absolute_percentage_error", 0.75),
    ],
)
def test_a_score_goes_by_the_name_that_people_call_it(alias, name, truth):
    found = scored(lambda batch: np.array([2.0, 4.0])[batch], [0, 1], [1.0, 2.0 + 0.0 * len(alias)], score=alias)
    expected = {"mape": (1 / 1 + 2 / 2) / 2, "mae": 1.5}.get(alias, truth)
    assert (found.score, found.value) == (name, pytest.approx(expected))
    assert not found.greater_is_better


# Probabilities of what has no predict_proba

TUMOURS, BENIGN = load_breast_cancer(return_X_y=True)
CERTAIN = 1 / (1 + np.exp(-(TUMOURS[:, 0] - 14.5) / -2))
OUTPUTS = {
    "a number": lambda batch: CERTAIN[batch],
    "a column": lambda batch: CERTAIN[batch, None],
    "a table": lambda batch: np.column_stack([1 - CERTAIN[batch], CERTAIN[batch]]),
}


@pytest.mark.parametrize("kind", OUTPUTS)
@pytest.mark.parametrize("framework", ["function", "torch"])
def test_what_returns_probabilities_serves_every_score_of_them(kind, framework):
    model = OUTPUTS[kind] if framework == "function" else _module(OUTPUTS[kind])
    places = np.arange(len(BENIGN))
    truths = {
        "auc": _area(CERTAIN.tolist(), BENIGN.tolist()),
        "logloss": -math.fsum(math.log(p if y else 1 - p) for p, y in zip(CERTAIN, BENIGN, strict=True)) / len(BENIGN),
        "brier": math.fsum((p - y) ** 2 for p, y in zip(CERTAIN, BENIGN, strict=True)) / len(BENIGN),
    }
    found = {name: scored(model, places, BENIGN, score=name).value for name in truths}
    assert found == pytest.approx(truths, rel=1e-6)


def _module(function):
    torch = pytest.importorskip("torch")

    class Module(torch.nn.Module):
        def forward(self, batch):
            return torch.tensor(function(batch.numpy()))

    return Module()


@pytest.mark.parametrize(
    ("output", "what"),
    [
        (lambda batch: batch > 0, "labels"),
        (lambda batch: (batch > 0).astype(int), "labels"),
        (lambda batch: batch, r"numbers from -2 to 2"),
        (lambda batch: np.abs(np.column_stack([batch, batch, batch])) / 4, "rows that do not add up to one"),
    ],
)
def test_what_is_no_probability_is_not_taken_for_one(output, what):
    inputs = np.array([-2.0, 2.0, 1.0, -1.0])
    with pytest.raises(GateError, match=f"'log_loss': the score needs probabilities, and the model returned {what}"):
        scored(output, inputs, [0, 1, 1, 0], score="log_loss")


def test_two_logits_of_a_function_are_ranked_by_their_difference():
    logits = np.array([[5.0, 6.0], [0.0, 2.0], [9.0, 7.0], [1.0, 0.5]])
    truth = _area([1.0, 2.0, -2.0, -0.5], [1, 1, 0, 1])
    found = scored(lambda batch: logits[batch], np.arange(4), [1, 1, 0, 1], score="roc_auc")
    assert found.value == truth != _area(logits[:, 1].tolist(), [1, 1, 0, 1])


def test_probabilities_that_are_all_but_certain_keep_their_order():
    certain = np.array([1e-20, 3e-20, 2e-20, 4e-20])
    found = scored(
        lambda batch: np.column_stack([1 - certain, certain])[batch], np.arange(4), [0, 1, 0, 1], score="roc_auc"
    )
    assert found.value == 1


def test_labels_rank_nothing():
    with pytest.raises(GateError, match="returned labels, and the score ranks the samples: return a probability"):
        scored(lambda batch: (batch > 0).astype(int), np.array([-1.0, 1.0]), [0, 1], score="roc_auc")
    counts = np.array([3, 1, 2, 0])
    assert scored(lambda batch: counts[batch], np.arange(4), [1, 0, 1, 0], score="roc_auc").value == 1


# predict= decides


def _texts():
    torch = pytest.importorskip("torch")

    class Texts(torch.nn.Module):
        """Takes texts by a method of its own, as sentence encoders do."""

        def __init__(self):
            super().__init__()
            self.letters = torch.nn.EmbeddingBag(256, 3)

        def encode(self, texts):
            assert all(isinstance(text, str) for text in texts)
            return torch.stack([self.letters(torch.tensor([list(text.encode())]))[0] for text in texts])

    torch.manual_seed(0)
    return Texts()


@pytest.mark.parametrize("kind", ["list", "array", "Series"])
def test_a_module_gets_texts_where_predict_takes_them(kind):
    texts = ["a", "bc", "def"]
    given = {"list": list, "array": np.array, "Series": pytest.importorskip("pandas").Series}[kind](texts)
    model = _texts()
    expected = model.encode(texts).argmax(dim=1).tolist()
    assert scored(model, given, expected, predict="encode").value == 1
    with pytest.raises(GateError, match="cannot become one"):
        scored(model, given, expected)


def test_a_sentence_transformer_encodes_texts():
    sentences = pytest.importorskip("sentence_transformers.sentence_transformer.modules")
    library = pytest.importorskip("sentence_transformers")
    bag = sentences.BoW(vocab=["the", "film", "good"])
    model = library.SentenceTransformer(modules=[bag], device="cpu")
    assert scored(model, ["the", "film", "good"], [0, 1, 2], predict="encode").value == 1


def test_samples_of_several_shapes_reach_a_function_that_takes_a_list():
    torch = pytest.importorskip("torch")
    model = torch.nn.EmbeddingBag(9, 3)
    samples = [torch.tensor([1, 2]), torch.tensor([3]), torch.tensor([4, 5, 6])]

    def each(model, batch):
        return torch.stack([model(sample[None])[0] for sample in batch])

    with torch.no_grad():
        expected = each(model, samples).argmax(dim=1).tolist()
    assert scored(model, samples, expected, predict=each).value == 1


@pytest.mark.parametrize("model", [{"factor": 3.0}, ["factor", 3.0]])
def test_what_cannot_be_called_is_a_model_where_predict_calls_it(model):
    def times(model, batch):
        factor = model["factor"] if isinstance(model, dict) else model[1]
        return [factor * value for value in batch]

    assert scored(model, [1.0, 2.0], [3.0, 7.0], predict=times, score="mae").value == 0.5
    with pytest.raises(GateError, match=r"is not a model: .*cannot be called and has no predict"):
        scored(model, [1.0], [3.0])
    with pytest.raises(GateError, match="NoneType is not a model"):
        scored(None, [1.0], [3.0], predict=times)


def test_a_method_of_the_modules_own_is_found_by_its_name():
    torch = pytest.importorskip("torch")

    class Sure(torch.nn.Linear):
        def predict_proba(self, batch):
            return self(batch).softmax(dim=1)

    torch.manual_seed(0)
    model, inputs = Sure(2, 2), np.random.default_rng(0).normal(size=(30, 2)).astype("float32")
    with torch.no_grad():
        probabilities = model.predict_proba(torch.tensor(inputs)).tolist()
    labels = np.arange(30) % 2
    truth = -math.fsum(math.log(row[label]) for row, label in zip(probabilities, labels, strict=True)) / 30
    found = scored(model, inputs, labels, predict="predict_proba", score="log_loss")
    assert found.value == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("direction", [None, True])
def test_a_function_of_scikit_learns_that_ranks_is_given_what_it_ranks_by(direction):
    """Of labels it would say something as well: the mean of the two classes' recall."""
    inputs, targets = load_breast_cancer(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(inputs[::2], targets[::2])
    chances = model.predict_proba(inputs)[:, 1]
    above = chances[targets == 1][:, None] - chances[targets == 0]
    truth = ((above > 0) + (above == 0) / 2).mean()
    assert abs(truth - roc_auc_score(targets, model.predict(inputs))) > 0.005
    for each in (model, lambda batch: model.predict_proba(batch)[:, 1]):
        found = scored(each, inputs, targets, score=roc_auc_score, greater_is_better=direction)
        assert found.value == pytest.approx(truth)


def test_another_function_of_scikit_learns_is_given_labels_and_a_direction():
    inputs, targets = load_breast_cancer(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(inputs[::2], targets[::2])
    found = scored(model, inputs, targets, score=f1_score, greater_is_better=True)
    assert found.value == f1_score(targets, model.predict(inputs))
    with pytest.raises(GateError, match="its direction must be said"):
        scored(model, inputs, targets, score=f1_score)
    with pytest.raises(GateError, match="contradicts score=log_loss"):
        scored(model, inputs, targets, score=log_loss, greater_is_better=True)
