"""The accuracy pass: real models of every framework, the types users pass, and predictions that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_speedacc.errors import GateError
from pytest_speedacc.measure.accuracy import labels, score_predictions, to_numpy
from pytest_speedacc.measure.evaluation import CHUNK
from pytest_speedacc.measure.score import resolve_score
from pytest_speedacc.measure.subject import CallOptions, prepare

pytest.importorskip("sklearn")

from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score


def scored(model, inputs, targets, **call_options):
    subject = prepare(model, inputs, targets, CallOptions(**call_options))
    return score_predictions(subject.score, targets, subject.evaluate().predictions)


@pytest.fixture(scope="module")
def flowers():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def tumours():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module")
def linear(flowers):
    return LogisticRegression(max_iter=300).fit(*flowers)


def test_correct_samples_are_kept_beside_the_score(linear, flowers):
    inputs, kinds = flowers
    accuracy = scored(linear, inputs, kinds)
    assert accuracy.value == accuracy_score(kinds, linear.predict(inputs)) == accuracy.correct.mean()
    assert accuracy.correct.tolist() == (linear.predict(inputs) == kinds).tolist()
    assert (accuracy.score, accuracy.greater_is_better, accuracy.within_unit) == ("accuracy", True, True)
    assert scored(linear, inputs, kinds, score="f1_macro").correct is None


@pytest.mark.parametrize("kind", ["list", "tuple", "Series", "column", "tensor", "polars", "text", "text Series"])
def test_targets_of_every_kind_give_the_same_score(linear, flowers, kind):
    inputs, kinds = flowers
    model, targets = linear, kinds
    match kind:
        case "list" | "tuple":
            targets = kinds.tolist() if kind == "list" else tuple(kinds.tolist())
        case "Series":
            targets = pytest.importorskip("pandas").Series(kinds, index=range(len(kinds), 0, -1))
        case "column":
            targets = pytest.importorskip("pandas").DataFrame({"kind": kinds})
        case "tensor":
            targets = pytest.importorskip("torch").tensor(kinds)
        case "polars":
            targets = pytest.importorskip("polars").Series(kinds)
        case _:
            names = np.array(["setosa", "versicolor", "virginica"])[kinds]
            model = LogisticRegression(max_iter=300).fit(inputs, names)
            targets = names.tolist() if kind == "text" else pytest.importorskip("pandas").Series(names)
    assert scored(model, inputs, targets).value == accuracy_score(kinds, linear.predict(inputs)) > 0.9


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_native_boosters_are_scored_by_labels_and_by_probabilities(library, tumours):
    booster, probabilities = _booster(library, *tumours)
    inputs, targets = tumours
    assert scored(booster, inputs, targets).value == accuracy_score(targets, probabilities > 0.5)
    assert scored(booster, inputs, targets, score="f1").value == f1_score(targets, probabilities > 0.5)
    assert scored(booster, inputs, targets, score="roc_auc").value == pytest.approx(
        roc_auc_score(targets, probabilities)
    )
    assert scored(booster, inputs, targets, score="log_loss").value == pytest.approx(
        log_loss(targets, probabilities.astype(float)), rel=1e-6
    )


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_what_predict_returns_for_a_booster_is_scored_as_it_is(library, tumours):
    booster, probabilities = _booster(library, *tumours)
    inputs, targets = tumours
    names = np.array(["malignant", "benign"])

    def name(model, batch):
        return names[(_raw(library, model, batch) > 0.9).astype(int)]

    assert scored(booster, inputs, names[targets], predict=name).value == accuracy_score(targets, probabilities > 0.9)


def test_a_booster_of_class_numbers_beside_targets_of_text_is_refused(tumours):
    booster, _ = _booster("lightgbm", *tumours)
    with pytest.raises(GateError, match="the targets are texts and the predictions are numbers"):
        scored(booster, tumours[0], np.where(tumours[1] == 1, "benign", "malignant"))


def _booster(library, inputs, targets):
    if library == "lightgbm":
        lightgbm = pytest.importorskip("lightgbm")
        options = {"objective": "binary", "verbose": -1, "num_leaves": 4}
        booster = lightgbm.train(options, lightgbm.Dataset(inputs, targets), num_boost_round=5)
    else:
        xgboost = pytest.importorskip("xgboost")
        options = {"objective": "binary:logistic", "max_depth": 2}
        booster = xgboost.train(options, xgboost.DMatrix(inputs, targets), num_boost_round=5)
    return booster, _raw(library, booster, inputs)


def _raw(library, booster, inputs):
    return booster.predict(inputs) if library == "lightgbm" else booster.inplace_predict(inputs)


@pytest.fixture(scope="module")
def network(flowers):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)


def test_a_torch_classifier_is_scored_by_its_largest_logit(network, flowers):
    torch = pytest.importorskip("torch")
    inputs, kinds = flowers
    with torch.no_grad():
        expected = network(torch.tensor(inputs, dtype=torch.float32)).argmax(1).numpy()
    assert scored(network, inputs, kinds).value == accuracy_score(kinds, expected)
    assert scored(network, inputs, kinds, score="f1_macro").value == f1_score(kinds, expected, average="macro")


def test_a_single_logit_is_no_label(tumours):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(30, 1)
    for score in ("accuracy", "f1"):
        with pytest.raises(GateError, match=rf"fractional numbers, and {score} compares labels: pass predict=lambda"):
            scored(model, *tumours, score=score)


def test_a_single_logit_ranks_and_can_be_made_a_label(tumours):
    torch = pytest.importorskip("torch")
    inputs, targets = tumours
    model = torch.nn.Linear(30, 1)
    with torch.no_grad():
        logits = model(torch.tensor(inputs, dtype=torch.float32))[:, 0]
    assert scored(model, inputs, targets, score="roc_auc").value == roc_auc_score(targets, logits)
    labelled = scored(model, inputs, targets, predict=lambda model, batch: model(batch) > 0)
    assert labelled.value == accuracy_score(targets, logits > 0)


def test_a_torch_model_without_probabilities_says_how_to_give_them(network, flowers):
    inputs, kinds = flowers
    refusal = (
        r"'log_loss': the score needs probabilities, and the model returned numbers from .* predict= with a callable"
    )
    with pytest.raises(GateError, match=refusal):
        scored(network, inputs, kinds, score="log_loss")
    given = scored(network, inputs, kinds, score="log_loss", predict=lambda model, batch: model(batch).softmax(1))
    torch = pytest.importorskip("torch")
    with torch.no_grad():
        expected = network(torch.tensor(inputs, dtype=torch.float32)).softmax(1).double().numpy()
    assert given.value == pytest.approx(log_loss(kinds, expected), rel=1e-5)


def test_a_torch_regression_of_one_output_is_scored():
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(2, 1)
    inputs = np.random.default_rng(0).normal(size=(40, 2))
    with torch.no_grad():
        exact = model(torch.tensor(inputs, dtype=torch.float32))[:, 0].numpy()
    targets = exact + 0.5
    assert scored(model, inputs, targets, score="mean_absolute_error").value == pytest.approx(0.5)
    with pytest.raises(GateError, match="'r2' raised ValueError"):  # two outputs are no two classes
        scored(torch.nn.Linear(2, 2), inputs, targets, score="r2")


def test_half_precision_of_brains_can_be_scored(flowers):
    torch = pytest.importorskip("torch")
    model = torch.nn.Linear(4, 3).bfloat16()
    assert 0 <= scored(model, *flowers).value <= 1
    assert 0 <= scored(model, *flowers, predict=lambda model, batch: model(batch)).value <= 1
    assert to_numpy(torch.ones(2, dtype=torch.bfloat16)).tolist() == [1, 1]


def test_a_data_frame_reaches_the_model_as_one_in_every_call():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": range(2 * CHUNK), "y": 1})
    seen = []

    def double(batch):
        seen.append((type(batch), len(batch), list(batch.columns)))
        return batch["x"] % 2

    subject = prepare(double, frame, (frame["x"] % 2).tolist(), CallOptions(batch_size=3))
    assert score_predictions(subject.score, subject.targets, subject.evaluate().predictions).value == 1
    for batch in subject.batches[:2]:
        subject.call(batch)
    assert seen == [(pandas.DataFrame, size, ["x", "y"]) for size in (CHUNK, CHUNK, 3, 3)]


def test_several_labels_a_sample_count_as_scikit_learn_counts_them():
    targets = np.array([[1, 0], [1, 1], [0, 0], [0, 1]])
    predictions = np.array([[1, 0], [1, 0], [0, 0], [1, 1]])
    accuracy = scored(lambda batch: predictions[: len(batch)], np.zeros((4, 1)), targets)
    assert accuracy.value == accuracy_score(targets, predictions) == 0.5
    assert accuracy.correct.tolist() == [True, False, True, False]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (lambda batch: batch[:-1], "the model returned 2 predictions for 3 samples: one a sample is needed"),
        (lambda batch: 1.0, "returned one float for the whole batch"),
        (lambda batch: [*batch, 0], "returned 4 predictions for 3 samples"),
        (lambda batch: [1.0, float("nan"), float("inf")], "2 of 3 predictions are NaN, infinite or None.* sample 1"),
        (lambda batch: [1, None, 2], "1 of 3 predictions are NaN, infinite or None, the first at sample 1"),
        (lambda batch: [[1], [2, 3], [4]], "rows of different lengths"),
        (lambda batch: {}["key"], "the model raised KeyError while predicting samples 0 to 2: 'key'"),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(model, message):
    with pytest.raises(GateError, match=message):
        scored(model, [0, 1, 2], [0, 1, 2])


def test_a_refusal_of_the_users_own_code_is_passed_on():
    def refuse(batch):
        raise GateError("not without a licence")

    with pytest.raises(GateError, match=r"^not without a licence$"):
        scored(refuse, [0], [0])


def test_a_model_whose_outputs_change_their_shape_is_refused():
    def widen(batch):
        return np.zeros((len(batch), 1 if len(batch) == CHUNK else 2))

    with pytest.raises(GateError, match=r"the shape \(2,\) for samples 1024 to 1029 and \(1,\) before"):
        scored(widen, np.zeros(CHUNK + 6), np.zeros(CHUNK + 6), score="r2")


def test_chunks_are_joined_in_order_whatever_is_left_over():
    sizes = []

    def echo(batch):
        sizes.append(len(batch))
        return batch

    samples = 2 * CHUNK + 1
    numbers = np.arange(samples)
    assert prepare(echo, numbers, numbers, CallOptions()).evaluate().predictions.tolist() == numbers.tolist()
    assert sizes == [CHUNK, CHUNK, 1]


def test_predictions_of_text_can_be_stored_without_pickle():
    words = ["yes", "no"]
    subject = prepare(lambda batch: np.array(batch, dtype=object), words, words, CallOptions())
    predictions = subject.evaluate().predictions
    assert predictions.dtype.kind == "U"
    assert predictions.tolist() == ["yes", "no"]


@pytest.mark.parametrize("targets", [[1.0, float("nan")], [1, None]])
def test_targets_that_are_missing_are_refused(targets):
    with pytest.raises(GateError, match="1 of 2 targets are NaN or None: leave those samples out"):
        scored(lambda batch: batch, [1, 0], targets)


def test_a_score_that_is_no_finite_number_is_refused():
    for value in (float("nan"), float("inf")):
        with pytest.raises(GateError, match=r"the score 'constant' is (nan|inf) on this evaluation set"):
            scored(lambda batch: batch, [1], [1], score=_constant(value), greater_is_better=True)
    with pytest.raises(GateError, match="the score 'constant' raised TypeError"):
        scored(lambda batch: batch, [1], [1], score=_constant(None), greater_is_better=True)


def _constant(value):
    def constant(targets, predictions):
        return value

    return constant


@pytest.mark.parametrize(
    ("predictions", "truth", "expected"),
    [
        ([[0.1, 0.9], [0.8, 0.2]], [1, 0], [1, 0]),
        ([[1.0], [0.0]], [1, 0], [1, 0]),
        ([1, 0], [[1], [0]], [1, 0]),
        ([[1, 0], [0, 1]], [[1, 0], [0, 0]], [[1, 0], [0, 1]]),
        ([True, False], [1, 0], [True, False]),
    ],
)
def test_labels_of_class_scores(predictions, truth, expected):
    assert labels(np.array(predictions), np.array(truth), resolve_score("accuracy", None)).tolist() == expected


def test_predictions_of_another_shape_than_the_targets_are_refused():
    with pytest.raises(GateError, match=r"predictions have the shape \(2,\) and targets \(2, 2\)"):
        labels(np.zeros(2), np.zeros((2, 2)), resolve_score("accuracy", None))
