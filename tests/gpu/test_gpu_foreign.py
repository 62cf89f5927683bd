"""Arrays of other libraries on a CUDA device: those that may still be under way are refused, and Keras is waited for.

Each in a process of its own, since JAX takes the device for itself, and Keras has one backend a process.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import pytest

pytest.importorskip("torch")

import torch
from gpu_models import needs_gpu

pytestmark = [pytest.mark.gpu, needs_gpu]
PRELUDE = """
import json, statistics, time
import numpy as np
from pytest_speedacc.errors import GateError
from pytest_speedacc.facts import Unavailable
from pytest_speedacc.measure.latency import time_calls, warm_up
from pytest_speedacc.measure.measurement import measure_statics
from pytest_speedacc.measure.subject import CallOptions, prepare

inputs = np.random.default_rng(0).normal(size=(2048, 4096)).astype(np.float32)
targets = np.zeros(2048)
step = CallOptions(score=None, batch_size=2048)

def refusal(call, score="mae"):
    try:
        measure_statics(prepare(call, inputs[:8], targets[:8] if score else None, CallOptions(score=score)))
    except GateError as error:
        return str(error)
    return ""

def median(model):
    subject = prepare(model, inputs, None, step)
    with subject.adapter.running(model):
        work = subject.workload()
        warm_up(work, 0.5)
        return time_calls(work, 1, 15).median

def seconds(call):
    found = []
    for _ in range(15):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return statistics.median(found)

def finish(**found):
    print(json.dumps(found))
"""
ARRAYS = {
    "jax": """
import jax, jax.numpy as jnp
weights = jnp.ones((4096, 4096)) / 4096
@jax.jit
def deep(batch):
    for _ in range(16):
        batch = batch @ weights
    return batch
there = jnp.asarray(inputs)
deep(there).block_until_ready()
computed = seconds(lambda: deep(there).block_until_ready())
launched = seconds(lambda: deep(there))
deep(there).block_until_ready()
under_way = lambda batch: deep(jnp.asarray(batch))[:, 0]
fetched = lambda batch: np.asarray(deep(jnp.asarray(batch))[:, 0])
""",
    "cupy": """
import cupy
weights = cupy.ones((4096, 4096), dtype=cupy.float32) / 4096
def deep(batch):
    for _ in range(16):
        batch = batch @ weights
    return batch
there = cupy.asarray(inputs)
wait = cupy.cuda.get_current_stream().synchronize
deep(there), wait()
computed = seconds(lambda: (deep(there), wait()))
began = time.perf_counter()
deep(there)
launched = time.perf_counter() - began
wait()
under_way = lambda batch: deep(cupy.asarray(batch))[:, 0]
fetched = lambda batch: cupy.asnumpy(deep(cupy.asarray(batch))[:, 0])
""",
}


def run(code: str, **variables: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env=os.environ | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} | variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(found)
    return found


@pytest.mark.parametrize("library", ARRAYS)
def test_arrays_that_are_under_way_are_refused_and_fetched_ones_are_timed(library: str) -> None:
    if find_spec(library) is None:
        pytest.skip(f"needs {library}")
    found = run(
        ARRAYS[library]
        + "finish(scored=refusal(under_way), step=refusal(under_way, None), fine=refusal(fetched),"
        + " median=median(fetched), computed=computed, launched=launched)"
    )
    for refused in (found["scored"], found["step"]):
        assert refused.startswith("the model answers with ")
        assert "which may do its work only when it is looked at" in refused
    assert found["fine"] == ""
    assert found["launched"] < found["computed"] / 2
    assert found["median"] > 0.8 * found["computed"]


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_keras_is_waited_for_and_its_device_named(backend: str) -> None:
    if find_spec("keras") is None or find_spec(backend) is None:
        pytest.skip(f"needs Keras and {backend}")
    found = run(
        """
import keras
model = keras.Sequential([keras.Input((4096,)), *(keras.layers.Dense(4096) for _ in range(8))])
subject = prepare(model, inputs, None, step)
if keras.backend.backend() == "jax":
    import jax
    wait = jax.block_until_ready
else:
    import torch
    wait = lambda answer: torch.cuda.synchronize()
batch = subject.batches[0]
with subject.adapter.running(model):
    wait(model(batch, training=False))
    computed = seconds(lambda: wait(model(batch, training=False)))
    statics = measure_statics(prepare(model, inputs[:64], None, CallOptions(score=None, batch_size=8)))
memory = statics.memory
finish(computed=computed, median=median(model), device=subject.adapter.device_name(model),
       memory=memory.reason if isinstance(memory, Unavailable) else memory.peak, parameters=statics.parameters.total)
""",
        KERAS_BACKEND=backend,
    )
    assert found["device"] == torch.cuda.get_device_name(0)
    assert found["median"] == pytest.approx(found["computed"], rel=0.3)
    assert found["parameters"] == 8 * (4096 * 4096 + 4096)
    if backend == "jax":
        assert found["memory"].startswith("memory on ")
    else:
        assert found["memory"] >= 2 * 8 * 4096 * 4
