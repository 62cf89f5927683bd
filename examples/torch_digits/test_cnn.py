"""A small convolutional network in PyTorch, trained on scikit-learn's digits before the gate judges it."""

import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

EPOCHS = 12


@pytest.fixture(scope="module")
def digits():
    """1797 images as tensors of shape (samples, 1, 8, 8) with pixels within 0 to 1, 360 kept for the evaluation."""
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    return train_test_split(images, torch.tensor(labels), test_size=0.2, random_state=0, stratify=labels)


@pytest.fixture(scope="module")
def model(digits):
    images, _, labels, _ = digits
    torch.manual_seed(0)
    # For images this small, several threads would wait for each other longer than they compute.
    torch.set_num_threads(1)
    network = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(images)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(images[batch]), labels[batch]).backward()
            optimiser.step()
    return network


# Generous on purpose: a call takes a fraction of a millisecond on a laptop, and slow shared CI machines must hold
# the limit too. The parameters are exact: 16 x 9 + 16, 32 x 16 x 9 + 32, and 128 x 10 + 10.
@pytest.mark.speedacc(
    min_accuracy=0.95, max_latency="20 ms", max_parameters=6_090, max_model_size="32 KiB", max_memory="1 MiB"
)
def test_cnn(speedacc, model, digits):
    _, images, _, labels = digits
    speedacc.check(model, images, labels)
