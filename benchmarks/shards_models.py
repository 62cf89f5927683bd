"""The models of the suite that ``shards.py`` times, each call of which takes 0.3 to 3 ms. Copied into its project."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.svm import SVC

try:
    from lightgbm import LGBMClassifier
except ImportError:
    LGBMClassifier = None

Data = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]
Gate = tuple[Any, Data, int]
"""A model, the samples that it is judged on, and how many of them a call takes."""

DIGITS: Data = load_digits(return_X_y=True)
CANCER: Data = load_breast_cancer(return_X_y=True)


def neighbours(number: int) -> Gate:
    """numpy: the nearest of a few hundred digits."""
    inputs, targets = DIGITS
    known = 200 + number
    return lambda rows: targets[((inputs[:known] - rows[:, None]) ** 2).sum(axis=2).argmin(axis=1)], DIGITS, 32


def network(number: int) -> Gate:
    """numpy: two dense layers."""
    random = np.random.default_rng(number)
    first, second = random.normal(size=(64, 512 + number)), random.normal(size=(512 + number, 10))
    return lambda rows: (np.maximum(rows @ first, 0) @ second).argmax(axis=1), DIGITS, 256


def support_vectors(number: int) -> Gate:
    """scikit-learn: a kernel machine for digits."""
    return _fitted(DIGITS, number, StandardScaler(), SVC()), DIGITS, 8


def bayes(number: int) -> Gate:
    """scikit-learn: naive Bayes for digits."""
    return _fitted(DIGITS, number, StandardScaler(), GaussianNB()), DIGITS, 64


def logistic(number: int) -> Gate:
    """scikit-learn: ranks and a regression for tumours."""
    return _fitted(CANCER, number, QuantileTransformer(n_quantiles=100), LogisticRegression()), CANCER, 64


def forest(number: int) -> Gate:
    """scikit-learn: ten trees for tumours."""
    return _fitted(CANCER, number, StandardScaler(), RandomForestClassifier(10, random_state=0)), CANCER, 64


def booster(number: int) -> Gate:
    """LightGBM: twenty trees for tumours."""
    return _fitted(CANCER, number, LGBMClassifier(n_estimators=20, n_jobs=1, verbose=-1)), CANCER, 64


MAKERS: list[Callable[[int], Gate]] = [neighbours, network, support_vectors, bayes, logistic, forest]
if LGBMClassifier is not None:
    MAKERS.append(booster)


def _fitted(data: Data, number: int, *steps: Any) -> Any:
    """So many samples fewer, so that no two gates have one and the same model."""
    inputs, targets = data
    return make_pipeline(*steps).fit(inputs[number:], targets[number:])


def gate(number: int) -> Gate:
    """One gate of the suite."""
    return MAKERS[number % len(MAKERS)](number)
