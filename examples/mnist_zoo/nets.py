"""Five nets that read MNIST, as their authors built them, and how each one is trained."""

import os

# Keras computes with PyTorch, so that one framework is enough. It must be known before Keras is imported.
os.environ.setdefault("KERAS_BACKEND", "torch")

import keras
import torch
from keras import layers
from torch import nn

# For images this small, several threads would wait for each other longer than they compute.
torch.set_num_threads(1)


def keras_mlp():
    """Keras's mnist_mlp.py."""
    return keras.Sequential(
        [
            keras.Input((1, 28, 28)),
            layers.Flatten(),
            layers.Dense(512, "relu"),
            layers.Dropout(0.2),
            layers.Dense(512, "relu"),
            layers.Dropout(0.2),
            layers.Dense(10, "softmax"),
        ]
    )


def keras_cnn():
    """Keras's mnist_cnn.py."""
    return keras.Sequential(
        [
            keras.Input((1, 28, 28)),
            layers.Reshape((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, "relu"),
            layers.Dropout(0.5),
            layers.Dense(10, "softmax"),
        ]
    )


def torch_classic():
    """PyTorch's mnist_hogwild/main.py."""
    return nn.Sequential(
        nn.Conv2d(1, 10, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),
        nn.Dropout2d(),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(320, 50),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(50, 10),
    )


def without_dense_head():
    """The same with a convolution and a mean in place of both linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 10, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(10, 20, 5),
        nn.Dropout2d(0.2),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(20, 10, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def small_net():
    """The smallest of the article. It says that the first kernel is 5 x 5; its 518 parameters are those of 3 x 3."""
    return nn.Sequential(
        nn.Conv2d(1, 5, 3),
        nn.BatchNorm2d(5),
        nn.LeakyReLU(),
        nn.MaxPool2d(3),
        nn.Conv2d(5, 8, 3),
        nn.LeakyReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 10),
    )


def train_keras(images, labels, build, epochs):
    keras.utils.set_random_seed(0)
    net = build()
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(images, labels, epochs=epochs, batch_size=32, verbose=0)
    return net


def train_torch(images, labels, build, epochs, rate):
    torch.manual_seed(0)
    net, images, labels = build(), torch.from_numpy(images), torch.from_numpy(labels)
    optimiser = torch.optim.Adam(net.parameters())
    steps = -(-len(images) // 32)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, epochs=epochs, steps_per_epoch=steps)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(32):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(images[batch]), labels[batch]).backward()
            optimiser.step()
            schedule.step()
    return net
