"""The whole pipeline is gated, from the raw frame to the answer, with weights that git does not know."""

import joblib
import pytest
from pipeline import tumours
from train import WEIGHTS


@pytest.fixture(scope="module")
def held_out():
    """The tumours that the model was not trained on."""
    frame, benign = tumours()
    return frame[1::2], benign[1::2]


def test_tumours(speedacc, held_out):
    # A frame of ten rows is what a request has.
    speedacc.check(joblib.load(WEIGHTS), *held_out, batch_size=10)
