"""Keras models on the torch backend: published counts, weights that hide, and the same answers in two processes."""

from __future__ import annotations

import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("torch")
os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras")

import keras

from pytest_speedacc.adapters import count_parameters, find_adapter, model_size
from pytest_speedacc.adapters.keras import KerasAdapter
from pytest_speedacc.errors import GateError

layers = keras.layers
JAX_DEVICES = [("cpu", "TFRT CPU"), ("gpu", "Fast GPU"), ("gpu", "Fast GPU")]


def mnist_mlp():
    return keras.Sequential(
        [
            keras.Input((784,)),
            layers.Dense(512, "relu"),
            layers.Dropout(0.2),
            layers.Dense(512, "relu"),
            layers.Dropout(0.2),
            layers.Dense(10, "softmax"),
        ]
    )


def mnist_cnn():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
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


def small(*last):
    return keras.Sequential([keras.Input((8,)), layers.Dense(4, "relu"), *last])


@pytest.mark.parametrize(("build", "published"), [(mnist_mlp, 669_706), (mnist_cnn, 1_199_882)])
def test_published_counts(build, published):
    model = build()
    assert type(find_adapter(model)) is KerasAdapter
    assert count_parameters(model) == published
    # Four bytes each, and a header.
    assert 0 < model_size(model) - 4 * published < 400
    assert find_adapter(model).weights_bytes(model) == 4 * published


def test_the_optimizers_state_and_seeds_are_not_counted():
    model = small(layers.BatchNormalization(), layers.Dropout(0.5), layers.Dense(2, "softmax"))
    expected = (8 * 4 + 4) + 4 * 4 + (4 * 2 + 2)
    before = model_size(model)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(np.zeros((8, 8)), np.zeros(8), verbose=0)
    count = find_adapter(model).count_parameters(model)
    assert (count.total, count.details["trainable"]) == (expected, expected - 2 * 4)
    assert model_size(model) == before


def test_what_normalisation_counts_is_counted_as_keras_does():
    model = keras.Sequential([keras.Input((3,)), layers.Normalization(), layers.Dense(2)])
    # A mean and a variance for each feature, and one number of batches, which is an integer.
    assert count_parameters(model) == (3 + 3 + 1) + (3 * 2 + 2) == model.count_params()
    model.layers[0].adapt(np.random.default_rng(0).normal(size=(9, 3)))
    assert count_parameters(model) == 15
    assert model_size(model) == 4 * 15 + model_size_of_the_header(model)


def model_size_of_the_header(model):
    return 8 + int.from_bytes(find_adapter(model).serialise(model)[:8], "little")


@pytest.mark.slow
def test_the_published_count_of_a_model_that_normalises():
    """Keras's page of applications says 5.3M; its own summary gives the exact figure."""
    assert count_parameters(keras.applications.EfficientNetB0(weights=None)) == 5_330_571


def test_a_layer_used_twice_counts_once():
    shared = layers.Dense(8)
    inputs = keras.Input((8,))
    model = keras.Model(inputs, shared(shared(inputs)))
    assert count_parameters(model) == 8 * 8 + 8


def test_quantised_weights_are_refused():
    model = small(layers.Dense(2))
    model.quantize("int8")
    with pytest.raises(GateError, match=r"keeps .*kernel as int8: its weights are quantised or packed"):
        count_parameters(model)


def test_a_model_without_weights_yet_is_refused():
    with pytest.raises(GateError, match=r"is not built: .* Call the model on one batch"):
        count_parameters(keras.Sequential([layers.Dense(2)]))


def test_a_parameter_of_the_backend_is_refused():
    import torch

    class Hiding(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)
            self.scale = torch.nn.Parameter(torch.ones(5))

        def call(self, inputs):
            return self.dense(inputs)

    model = Hiding()
    model(np.zeros((1, 3), "float32"))
    for refused in (count_parameters, model_size):
        with pytest.raises(GateError, match=r"Hiding\.scale is a torch\.nn\.Parameter that Keras does not count"):
            refused(model)


@pytest.mark.parametrize(
    ("last", "response", "shape"),
    [
        (("softmax", 3), "predict", (5,)),
        (("softmax", 3), "predict_proba", (5, 3)),
        (("sigmoid", 1), "predict", (5,)),
        (("sigmoid", 1), "predict_proba", (5, 2)),
        ((None, 2), "decision_function", (5,)),
        ((None, 3), "predict", (5, 3)),
        (("sigmoid", 3), "predict", (5, 3)),
    ],
)
def test_what_the_output_stands_for(last, response, shape):
    activation, units = last
    model = small(layers.Dense(units, activation))
    adapter = find_adapter(model)
    inputs = adapter.inputs(model, np.random.default_rng(0).normal(size=(5, 8)))
    with adapter.running(model):
        raw = adapter.call(model, response)(inputs)
    assert not raw.requires_grad
    found = adapter.predictions(model, raw, response)
    assert found.shape == shape
    if response == "predict_proba":
        assert found.sum(axis=1) == pytest.approx(np.ones(5))
    if shape == (5,) and response == "predict":
        assert np.issubdtype(found.dtype, np.integer)


def test_training_behaviour_is_off():
    model = small(layers.Dropout(0.9))
    adapter = find_adapter(model)
    inputs = adapter.inputs(model, np.ones((50, 8)))
    call = adapter.call(model, "predict")
    assert adapter.predictions(model, call(inputs), "predict") == pytest.approx(
        adapter.predictions(model, call(inputs), "predict")
    )


def test_count_and_size_do_not_depend_on_what_was_built_before():
    def figures():
        model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)])
        return count_parameters(model), model_size(model)

    first = figures()
    for _ in range(120):  # Keras numbers its layers by the process
        keras.layers.Dense(1)
    assert figures() == first


class Holder(keras.Model):
    """Two dense layers that Keras sees, and whatever a test hangs on it."""

    def __init__(self, **held):
        super().__init__()
        self.body = [layers.Dense(3), {"a": layers.Dense(2)}]
        for name, value in held.items():
            setattr(self, name, value)

    def call(self, batch):
        return self.body[1]["a"](self.body[0](batch))


HELD = (4 * 3 + 3) + (3 * 2 + 2)
NUMBERS = np.random.default_rng(0).normal(size=(4, 4)).astype("float32")


def built(model):
    model(np.zeros((1, 4), "float32"))
    return model


def out_of_sight(layer):
    """A layer past Keras's own `__setattr__`, which would see it."""
    model = Holder()
    layer(np.zeros((1, 4), "float32"))
    object.__setattr__(model, "heads", {"b": [layer]})
    return model


def closed(numbers, default=None):
    return lambda batch, more=default: batch @ keras.ops.convert_to_tensor(numbers)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Holder(w=NUMBERS), r"Holder\.w holds 16 numbers that may be learned.*self\.add_weight"),
        (lambda: Holder(ws={"a": [NUMBERS]}), r"Holder\.ws\['a'\]\[0\] holds 16 numbers"),
        (lambda: Holder(w=keras.ops.convert_to_tensor(NUMBERS)), r"Holder\.w holds 16 numbers"),
        (lambda: Holder(f=closed(NUMBERS)), r"Holder\.f\.numbers holds 16 numbers"),
        (lambda: out_of_sight(layers.Dense(7)), r"Holder\.heads\['b'\]\[0\] is a Dense with weights"),
        (lambda: keras.Sequential([Holder(w=NUMBERS)]), r"Sequential\.holder\w*\.w holds 16 numbers"),
        (
            lambda: keras.Sequential([layers.Lambda(closed(NUMBERS))]),
            r"Sequential\.lambda\w*\.function\.numbers holds 16",
        ),
        (
            lambda: keras.Sequential([layers.Lambda(closed(np.eye(4, dtype="float32"), NUMBERS))]),
            r"\.function\.__defaults__\[0\] holds 16",
        ),
    ],
)
def test_weights_that_keras_does_not_see_are_refused_by_path(build, message):
    model = built(build())
    for refused in (count_parameters, model_size):
        with pytest.raises(GateError, match=message):
            refused(model)


def test_what_keras_sees_or_nobody_learned_is_not_refused():
    model = built(
        Holder(mean=np.array([0.485, 0.456, 0.406]), steps=np.arange(9), grid=np.linspace(0, 1, 50), name="a")
    )
    object.__setattr__(model, "also", [model.body, model.body[0].kernel])
    model.compile("adam", "mse", metrics=["mae"], loss_weights=[0.3])
    model.fit(np.zeros((8, 4)), np.zeros((8, 2)), verbose=0)
    assert count_parameters(model) == HELD == model.count_params()
    assert model_size(model) > 4 * HELD
    object.__setattr__(model, "acts", [layers.ReLU(), layers.Dropout(0.5)])
    assert count_parameters(model) == HELD


def test_on_jax_a_call_waits_for_its_answer_and_the_device_is_named(monkeypatch):
    model = small()
    finished = []
    monkeypatch.setattr("pytest_speedacc.adapters.keras._backend", lambda: "jax")
    monkeypatch.setattr("pytest_speedacc.adapters.keras._on_torch", lambda model: False)
    monkeypatch.setitem(
        sys.modules, "jax", SimpleNamespace(block_until_ready=lambda answer: finished.append(answer) or answer)
    )
    adapter = find_adapter(model)
    batch = adapter.inputs(model, np.ones((3, 8)))
    raw = adapter.call(model, "predict")(batch)
    assert finished[0] is raw
    devices = [[SimpleNamespace(platform=platform, device_kind=kind)] for platform, kind in JAX_DEVICES]
    weights = [SimpleNamespace(value=SimpleNamespace(devices=lambda each=each: each)) for each in devices]
    monkeypatch.setattr("pytest_speedacc.adapters.keras._weights", lambda model: weights)
    assert adapter.device_name(model) == "Fast GPU"
    with pytest.raises(GateError, match="memory on Fast GPU is not measured: jax keeps no peak that can be set back"):
        adapter.device_memory(model)


def test_on_tensorflow_an_accelerator_is_refused(monkeypatch):
    model = small()
    monkeypatch.setattr("pytest_speedacc.adapters.keras._backend", lambda: "tensorflow")
    monkeypatch.setattr("pytest_speedacc.adapters.keras._on_torch", lambda model: False)
    adapter = find_adapter(model)
    for device, name in (("CPU:0", ""), ("GPU:1", "GPU")):
        value = SimpleNamespace(device=f"/job:localhost/replica:0/task:0/device:{device}")
        monkeypatch.setattr(
            "pytest_speedacc.adapters.keras._weights", lambda model, value=value: [SimpleNamespace(value=value)]
        )
        assert adapter.device_name(model) == name
        if name:
            with pytest.raises(GateError, match="nothing is known that waits for TensorFlow's GPU, so that no call"):
                adapter.synchronise(model)
        else:
            assert adapter.synchronise(model) is None
