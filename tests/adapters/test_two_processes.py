"""Count, size and memory of a model of every framework are the same in two processes, and memory is the known truth."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import pytest

pytest.importorskip("memray")
pytestmark = pytest.mark.slow

MIB = 2**20

PRELUDE = """
import json, os, sys
os.environ["KERAS_BACKEND"] = "torch"
import numpy as np
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.subject import CallOptions, prepare
from pytest_speedacc.measure.training import fit

inputs = np.random.default_rng(0).normal(size=(4096, 32)).astype(np.float32)
targets = (inputs[:, 0] > 0).astype(int)

def report(model, score="accuracy", **call_options):
    statics = measure_statics(prepare(model, x, y, CallOptions(score, batch_size=4096, **call_options)))
    amounts = [
        statics.parameters if isinstance(statics.parameters, Unavailable) else statics.parameters.total,
        statics.model_size, statics.memory if isinstance(statics.memory, Unavailable) else statics.memory.peak,
        0 if isinstance(statics.memory, Unavailable) else statics.memory.band,
    ]
    print(json.dumps([str(each) if isinstance(each, Unavailable) else each for each in amounts]))
"""

MODELS = {
    # What a call allocates at its peak, in MiB, from the shapes of 4,096 samples: 0.5 for the float32 inputs.
    "sklearn": (
        """
from sklearn.pipeline import make_pipeline
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer
# 32 copies of the inputs side by side, of four bytes each.
def wide(batch):
    return np.tile(batch, (1, 32))

report(make_pipeline(FunctionTransformer(wide), LogisticRegression(max_iter=5)).fit(x, y))
""",
        (16, 20),
    ),
    "lightgbm": (
        """
import lightgbm
# The raw scores and probabilities of ten classes in float64.
model = lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(x, np.arange(4096) % 10)
report(model)
""",
        (4096 * 10 * 8 / MIB, 4),
    ),
    "xgboost": (
        """
import xgboost
model = xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(x, np.arange(4096) % 10)
report(model)
""",
        (4096 * 10 * 4 / MIB, 6),
    ),
    "torch": (
        """
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
# Its hidden layer is 4,096 x 2,048 float32, before and after its activation: 32 MiB each.
report(torch.nn.Sequential(torch.nn.Linear(32, 2048), torch.nn.ReLU(), torch.nn.Linear(2048, 2)))
""",
        (64, 66),
    ),
    "keras": (
        """
import torch, keras
torch.set_num_threads(1)
keras.utils.set_random_seed(0)
layers = [keras.Input((32,)), keras.layers.Dense(2048, activation="relu"), keras.layers.Dense(2)]
report(keras.Sequential(layers), "accuracy")
""",
        (64, 100),
    ),
    "onnx": (
        """
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
weights = [np.ones((32, 2048), np.float32), np.ones((2048, 2), np.float32)]
graph = helper.make_graph(
    [helper.make_node("MatMul", ["x", "a"], ["h"]), helper.make_node("MatMul", ["h", "b"], ["out"])],
    "g",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 32])],
    [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 2])],
    [numpy_helper.from_array(w, n) for w, n in zip(weights, "ab")],
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
# Without its arena, which keeps what the first call allocated, the hidden layer of 32 MiB is allocated in every call.
options.enable_cpu_mem_arena = False
options.enable_mem_pattern = False
report(onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]))
""",
        (32, 34),
    ),
    "transformers": (
        """
import torch, transformers
torch.set_num_threads(1)
torch.manual_seed(0)
config = transformers.BertConfig(vocab_size=8, hidden_size=32, num_hidden_layers=1, num_attention_heads=2,
                                 intermediate_size=64, max_position_embeddings=32)
x = (np.abs(x[:64, :16]) % 8).astype(np.int64)
y = y[:64]
model = transformers.BertForSequenceClassification(config)
statics = measure_statics(prepare(model, {"input_ids": x}, y, CallOptions(batch_size=64)))
print(json.dumps([statics.parameters.total, statics.model_size, statics.memory.peak, statics.memory.band]))
""",
        (64 * 16 * 32 * 4 / MIB, 8),
    ),
    "callable": (
        """
class Doubler:
    weights = np.ones(1000)
    def __call__(self, batch):
        return (np.repeat(batch, 16, axis=1).sum(axis=1) > 0).astype(int)
report(Doubler())
""",
        (8, 9),
    ),
}
TRAINING = {
    # The most that a training holds, in MiB, from what it must: 4,096 x 32 float32 inputs are 0.5.
    "sklearn": (
        """
from sklearn.linear_model import LinearRegression
train = lambda: LinearRegression().fit(x.astype(np.float64), y)
""",
        (2, 6),
    ),
    "lightgbm": (
        """
import lightgbm
# Its data set holds a byte or so for each of the 131,072 binned values.
train = lambda: lightgbm.LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1).fit(x, y)
""",
        (0.25, 12),
    ),
    "xgboost": (
        """
import xgboost
train = lambda: xgboost.XGBClassifier(n_estimators=5, n_jobs=1).fit(x, y)
""",
        (0.5, 16),
    ),
    "torch": (
        """
import torch
torch.set_num_threads(1)
def train():
    torch.manual_seed(0)
    # A million weights, their gradients, and two moments of Adam each: 16 MB.
    net = torch.nn.Sequential(torch.nn.Linear(32, 30_000), torch.nn.ReLU(), torch.nn.Linear(30_000, 2))
    optimiser = torch.optim.Adam(net.parameters())
    for _ in range(2):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.from_numpy(x[:4])), torch.from_numpy(y[:4])).backward()
        optimiser.step()
    return net
""",
        (4 * 4 * 1_050_002 / MIB, 30),
    ),
    "keras": (
        """
import torch, keras
torch.set_num_threads(1)
def train():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((32,)), keras.layers.Dense(30_000, "relu"), keras.layers.Dense(2)])
    net.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    net.fit(x[:4], y[:4], epochs=2, verbose=0)
    return net
""",
        (4 * 4 * 1_050_002 / MIB, 60),
    ),
}
GROUPS = [["sklearn", "callable"], ["lightgbm"], ["xgboost"], ["onnx"], ["torch", "transformers", "keras"]]
"""Which models share their two processes: those that would load the same libraries first."""
NEEDS = {"onnx": "onnxruntime", "callable": "numpy"}


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_two_processes_find_the_same(group: list[str]) -> None:
    installed = [name for name in group if find_spec(NEEDS.get(name, name)) is not None]
    if not installed:
        pytest.skip(f"{' and '.join(group)} are not installed")
    said = iter(zip(*_run_twice(installed), strict=True))
    for framework in installed:
        (count, size, peak, band), (other_count, other_size, other_peak, other_band) = next(said)
        least, most = MODELS[framework][1]
        assert (count, size) == (other_count, other_size), framework
        assert framework == "callable" or count > 0, framework
        assert abs(peak - other_peak) <= max(band, other_band), framework
        assert least * MIB <= peak <= most * MIB, framework
        if framework in TRAINING:
            ((first,), (second,)), (least, most) = next(said), TRAINING[framework][1]
            assert least * MIB <= first <= most * MIB, framework
            # One peak each, and no repeats to see how far a table that grows or a thread that races moves it.
            assert abs(first - second) <= max(2**18, 0.05 * first), framework
    assert not list(said)


def _run_twice(frameworks: list[str]) -> list[list[list[int]]]:
    """What two processes of different hash seeds print of models and of training them, a list for each.

    They run at the same time: nothing here is timed.
    """
    code = PRELUDE
    for framework in frameworks:
        code += f"\nx, y = np.copy(inputs), np.copy(targets)\n{MODELS[framework][0]}"
        if framework in TRAINING:
            code += f"{TRAINING[framework][0]}\nprint(json.dumps([fit(train, twice=True)[1].peak]))\n"
    path = os.pathsep.join(sys.path)
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
        )
        for seed in ("1", "2")
    ]
    said = [process.communicate() for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    return [[json.loads(line) for line in out.splitlines() if line.startswith("[")] for out, _ in said]
