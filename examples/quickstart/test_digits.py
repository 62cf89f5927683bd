"""One gate for one model: a scikit-learn pipeline that reads handwritten digits."""

import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


@pytest.fixture(scope="module")
def digits():
    """1797 images of 8 x 8 pixels, of which 360 are kept for the evaluation."""
    images, labels = load_digits(return_X_y=True)
    # The seed fixes the evaluation set: scores on different samples cannot be compared.
    return train_test_split(images, labels, test_size=0.2, random_state=0, stratify=labels)


@pytest.fixture(scope="module")
def model(digits):
    """What is gated. In a real project this would load the model that the project trains or ships."""
    train_images, _, train_labels, _ = digits
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(train_images, train_labels)


# Limits that hold on their own, without a baseline. One image takes well under a millisecond on a laptop; the limit
# leaves room for slow shared CI machines, since it holds on every machine that runs the test.
@pytest.mark.speedacc(min_accuracy=0.95, max_latency="10 ms", max_parameters=1_000, max_memory="1 MiB")
def test_digits(speedacc, model, digits):
    _, test_images, _, test_labels = digits
    speedacc.check(model, test_images, test_labels)
