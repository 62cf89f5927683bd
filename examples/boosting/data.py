"""Three kinds of data, each as (training inputs, test inputs, training targets, test targets)."""

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split


def dense():
    """Wisconsin breast cancer: 569 tumours with 30 measurements each."""
    return split(*load_breast_cancer(return_X_y=True))


def sparse(messages=1_500, words=2_000, length=40):
    """Generated messages as counts of their words, most of them zero: one in two has ten words more often."""
    random = np.random.default_rng(0)
    often = 1 / np.arange(1, words + 1)
    told = np.where(np.isin(np.arange(words), random.choice(300, 10, replace=False)), 3, 1) * often
    targets = random.integers(0, 2, messages)
    counts = [random.multinomial(length, p / p.sum()) for p in (told if target else often for target in targets)]
    return split(csr_matrix(np.array(counts, dtype=np.float32)), targets)


def categorical(customers=1_500):
    """Generated customers: town, plan and device as categories of pandas beside an age."""
    random = np.random.default_rng(0)
    towns, plans, devices = (random.integers(0, size, customers) for size in (25, 4, 6))
    age = random.normal(45, 15, customers).round()
    inclined = random.normal(0, 1.5, 25)[towns] + 0.8 * (plans == 2) + (devices == 1) * (age < 40)
    targets = (inclined + random.logistic(0, 0.5, customers) > 0.5).astype(int)
    frame = pd.DataFrame(
        {
            "town": pd.Categorical.from_codes(towns, [f"town {number}" for number in range(25)]),
            "plan": pd.Categorical.from_codes(plans, ["free", "small", "large", "firm"]),
            "device": pd.Categorical.from_codes(devices, ["phone", "tablet", "laptop", "desktop", "watch", "set"]),
            "age": age,
        }
    )
    return split(frame, targets)


def split(inputs, targets):
    return train_test_split(inputs, targets, test_size=0.3, random_state=0, stratify=targets)
