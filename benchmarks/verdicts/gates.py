"""The suite that is measured. Copied into two trees, whose ``amount.json`` alone differ.

A call does the same inner work n times in the base and n + k times in the candidate, so that a slow-down of k/n is
exact on any machine. No call sleeps.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Work = Callable[[Any], Any]
"""Takes rows of features, shape (samples, 64), and gives a class for each."""

SAMPLES = 16
"""Inputs that a gate cycles through."""


def python_counting() -> Work:
    """A dictionary of counts for each row."""

    def work(rows: Any) -> list[int]:
        labels = []
        for row in rows.tolist():
            counts: dict[float, int] = {}
            for value in row:
                counts[value] = counts.get(value, 0) + 1
            labels.append(max(counts.values()) % 10)
        return labels

    return work


def python_trees() -> Work:
    """Thirty binary trees of depth five, walked in Python."""
    random = np.random.default_rng(0)

    def grow(depth: int) -> Any:
        if depth == 0:
            return int(random.integers(10))
        return int(random.integers(64)), float(random.integers(1, 12)), grow(depth - 1), grow(depth - 1)

    trees = [grow(5) for _ in range(30)]

    def work(rows: Any) -> list[int]:
        labels = []
        for row in rows.tolist():
            votes = 0
            for node in trees:
                while isinstance(node, tuple):
                    feature, threshold, low, high = node
                    node = low if row[feature] < threshold else high
                votes += node
            labels.append(votes % 10)
        return labels

    return work


def python_distances() -> Work:
    """The nearest of ten prototypes, pixel by pixel."""
    inputs, targets = digits()
    prototypes = [(row.tolist(), int(label)) for row, label in zip(inputs[:10], targets[:10], strict=True)]

    def work(rows: Any) -> list[int]:
        return [
            min((sum((a - b) ** 2 for a, b in zip(row, other, strict=True)), label) for other, label in prototypes)[1]
            for row in rows.tolist()
        ]

    return work


def python_text() -> Work:
    """Each row written as JSON, read again, and its words counted."""

    def work(rows: Any) -> list[int]:
        labels = []
        for row in rows.tolist():
            words = " ".join(f"{place}:{value}" for place, value in enumerate(json.loads(json.dumps(row)))).split()
            labels.append(len({word.partition(":")[2] for word in words}) % 10)
        return labels

    return work


def numpy_spectrum() -> Work:
    """The strongest of the frequencies."""
    return lambda rows: np.abs(np.fft.rfft2(rows.reshape(-1, 8, 8))).reshape(len(rows), -1)[:, 1:].argmax(axis=1) % 10


def numpy_ranks() -> Work:
    """The brightest pixels, sorted and averaged."""
    return lambda rows: (np.sort(rows, axis=1)[:, -16:].mean(axis=1) * np.median(rows, axis=1)).astype(int) % 10


def numpy_network() -> Work:
    """Two dense layers."""
    random = np.random.default_rng(0)
    first, second = (random.normal(size=shape).astype(np.float32) for shape in ((64, 128), (128, 10)))
    return lambda rows: (np.maximum(rows @ first, 0) @ second).argmax(axis=1)


def numpy_neighbours() -> Work:
    """The nearest of 100 prototypes."""
    inputs, targets = digits()
    prototypes, labels = inputs[:100], targets[:100]
    return lambda rows: labels[((prototypes - rows[:, None]) ** 2).sum(axis=2).argmin(axis=1)]


def sklearn_logistic() -> Work:
    """A scaler and a logistic regression."""
    from sklearn.linear_model import LogisticRegression

    return _pipeline(LogisticRegression(max_iter=20))


def sklearn_ridge() -> Work:
    """A scaler and a linear classifier."""
    from sklearn.linear_model import RidgeClassifier

    return _pipeline(RidgeClassifier())


def sklearn_bayes() -> Work:
    """A scaler and Gaussian naive Bayes."""
    from sklearn.naive_bayes import GaussianNB

    return _pipeline(GaussianNB())


def sklearn_svm() -> Work:
    """A scaler and a kernel machine."""
    from sklearn.svm import SVC

    return _pipeline(SVC())


def lightgbm_booster(leaves: int = 15) -> Work:
    """Twenty small trees."""
    import lightgbm

    inputs, targets = digits()
    data = lightgbm.Dataset(inputs[:500], targets[:500] > 4)
    options = {"objective": "binary", "num_leaves": leaves, "num_threads": 1, "verbose": -1}
    booster = lightgbm.train(options, data, 20)
    return lambda rows: booster.predict(rows, num_threads=1) > 0.5


def xgboost_booster(depth: int = 4) -> Work:
    """Twenty small trees, asked for without a copy of the inputs."""
    import xgboost

    inputs, targets = digits()
    data = xgboost.DMatrix(inputs[:500], targets[:500] > 4)
    booster = xgboost.train({"objective": "binary:logistic", "max_depth": depth, "nthread": 1}, data, 20)
    return lambda rows: booster.inplace_predict(rows) > 0.5


def torch_dense() -> Work:
    """Two dense layers."""
    from torch import nn

    return _network(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))


def torch_deep() -> Work:
    """Four dense layers."""
    from torch import nn

    hidden = [layer for _ in range(3) for layer in (nn.Linear(64, 64), nn.ReLU())]
    return _network(*hidden, nn.Linear(64, 10))


def torch_cnn(width: int) -> Work:
    """One convolution of the digits' 8 by 8 pixels."""
    from torch import nn

    convolution = (nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, width, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    return _network(*convolution, nn.Linear(9 * width, 10))


def numpy_similarity() -> Work:
    """The closest of 20,000 vectors: a product with 1.3 MB, whose speed depends on where they lie."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20_000, 16)).astype(np.float32)
    return lambda rows: [int((vectors @ row[16:32]).argmax()) % 10 for row in rows]


def sklearn_neighbours() -> Work:
    """The nearest of all digits, compared with each of them."""
    from sklearn.neighbors import KNeighborsClassifier

    return _classifier(KNeighborsClassifier(algorithm="brute"))


def sklearn_forest() -> Work:
    """A hundred deep trees, several megabytes of them."""
    from sklearn.ensemble import RandomForestClassifier

    return _classifier(RandomForestClassifier(100, random_state=0))


def torch_wide() -> Work:
    """Two dense layers of 4 MB, more than a core's own cache."""
    from torch import nn

    return _network(nn.Linear(64, 2048), nn.ReLU(), nn.Linear(2048, 512), nn.Linear(512, 10))


def _classifier(classifier: Any) -> Work:
    import sklearn

    sklearn.set_config(assume_finite=True)
    inputs, targets = digits()
    predict: Work = classifier.fit(inputs, targets).predict
    return predict


def _pipeline(classifier: Any) -> Work:
    import sklearn
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    # As a service would that asks for one row at a time: checking it costs as much as predicting it.
    sklearn.set_config(assume_finite=True)
    inputs, targets = digits()
    predict: Work = make_pipeline(StandardScaler(), classifier).fit(inputs[:300], targets[:300]).predict
    return predict


def _network(*layers: Any) -> Work:
    import torch

    torch.manual_seed(0)
    network = torch.nn.Sequential(*layers).eval()

    def work(rows: Any) -> Any:
        with torch.inference_mode():
            return network(torch.from_numpy(rows)).argmax(1).numpy()

    return work


def digits() -> tuple[Any, Any]:
    """The digits that come with scikit-learn: pixels, shape (1797, 64), and classes."""
    with np.load(Path(__file__).with_name("digits.npz")) as kept:
        return kept["inputs"], kept["targets"]


ONE_THREAD: dict[str, tuple[Callable[[], Work], int]] = {
    "python_counting": (python_counting, 100),
    "python_trees": (python_trees, 40),
    "numpy_network": (numpy_network, 100),
    "numpy_neighbours": (numpy_neighbours, 20),
    "sklearn_logistic": (sklearn_logistic, 10),
    "sklearn_svm": (sklearn_svm, 10),
    "lightgbm_booster": (lightgbm_booster, 20),
    "xgboost_booster": (xgboost_booster, 10),
    "torch_dense": (torch_dense, 20),
    "torch_cnn": (partial(torch_cnn, 8), 20),
}
"""What to build, and how much of it makes a call of about a millisecond; a scikit-learn pipeline needs several."""

SECOND: dict[str, tuple[Callable[[], Work], int]] = {
    "python_distances": (python_distances, 20),
    "python_text": (python_text, 20),
    "numpy_spectrum": (numpy_spectrum, 40),
    "numpy_ranks": (numpy_ranks, 40),
    "sklearn_ridge": (sklearn_ridge, 10),
    "sklearn_bayes": (sklearn_bayes, 10),
    "lightgbm_deep": (partial(lightgbm_booster, 31), 20),
    "xgboost_deep": (partial(xgboost_booster, 6), 10),
    "torch_deep": (torch_deep, 20),
    "torch_cnn_wide": (partial(torch_cnn, 16), 20),
}
"""A second suite of the same kinds."""

MEMORY: dict[str, tuple[Callable[[], Work], int]] = {
    "numpy_similarity": (numpy_similarity, 20),
    "sklearn_neighbours": (sklearn_neighbours, 10),
    "sklearn_forest": (sklearn_forest, 1),
    "torch_wide": (torch_wide, 10),
}
"""What reads more than a core's own caches hold, and so is faster or slower by where it lies."""

ALL_THREADS: dict[str, tuple[Callable[[], Work], int]] = {
    f"torch_cnn_{width}": (partial(torch_cnn, width), 20) for width in (8, 12, 16, 20, 24, 32, 40, 48, 56, 64)
}
"""The same for the run with as many threads as there are cores."""

WORKLOADS = {**ONE_THREAD, **SECOND, **MEMORY, **ALL_THREADS}


def repeats(gate: str, percent: int) -> tuple[int, int]:
    """How often a call does the inner work: in the base, and in a candidate that is slower by ``percent``."""
    choices = (WORKLOADS[gate][1], 20, 50)
    for inner in choices:
        if inner * percent % 100 == 0:
            return inner, inner + inner * percent // 100
    raise ValueError(f"a slow-down of {percent} % is not exact with {' or '.join(map(str, choices))} repeats")


def repeated(work: Work, times: int) -> Work:
    """A model whose call does the work ``times`` times."""

    def model(rows: Any) -> Any:
        for _ in range(times):
            answer = work(rows)
        return answer

    return model


@pytest.mark.parametrize("gate", WORKLOADS)
def test_gate(gate: str, speedacc: Any) -> None:
    amount = json.loads(Path(__file__).with_name("amount.json").read_text("utf-8"))
    times = repeats(gate, amount["percent"])[amount["is_candidate"]]
    inputs, targets = (part[:SAMPLES] for part in digits())
    speedacc.check(repeated(WORKLOADS[gate][0](), times), inputs, targets)
