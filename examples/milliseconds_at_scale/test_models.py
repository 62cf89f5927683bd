"""Vision transformers of published sizes, gated on their parameters and their time, beside a small trained one."""

import numpy as np
import pytest
from models import BUILD, probabilities, train_small
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pytest_speedacc import count_parameters


@pytest.fixture(scope="module")
def pictures():
    """Four pictures of noise. Time and confidence are those of any picture; which classes they are, nobody knows."""
    return np.random.default_rng(0).normal(size=(4, 3, 224, 224)).astype(np.float32), np.zeros(4, dtype=int)


def published(name, parameters):
    """The limit on parameters is what was published, to the last one."""
    return pytest.param(name, parameters, marks=pytest.mark.speedacc(max_parameters=parameters), id=name)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        published("levit_128s", 7_777_058),
        published("levit_128", 9_213_936),
        published("levit_192", 10_947_069),
        published("levit_256", 18_893_876),
        published("beit_base", 86_530_984),
    ],
)
def test_random_weights(speedacc, pictures, remember, name, parameters):
    model = BUILD[name]()
    remember(name, speedacc.check(model, *pictures, predict=probabilities))
    # The limit forbids more, and fewer would be another model.
    assert count_parameters(model) == parameters


@pytest.mark.speedacc(min_accuracy=0.9, min_confidence=0.8, max_latency="100 ms", max_training_time="5 min")
def test_trained(speedacc, remember):
    pixels, labels = load_digits(return_X_y=True)
    pixels = (pixels / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    images, test_images, labels, test_labels = train_test_split(
        pixels, labels, test_size=0.2, random_state=0, stratify=labels
    )
    model = speedacc.fit(lambda: train_small(images, labels))
    remember("trained, digits", speedacc.check(model, test_images, test_labels, predict=probabilities))
