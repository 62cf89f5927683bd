"""Quantised ONNX models, made by onnxruntime's own tools: as many numbers as before, told apart by their bits."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
import onnxruntime.quantization as quantization
from onnx import TensorProto, helper, numpy_helper

from pytest_speedacc.adapters import find_adapter
from pytest_speedacc.errors import GateError

WEIGHTS, BIASES = 32 * 16 + 16 * 4, 16 + 4
CONVOLVED = 4 * 3 * 3 * 3
IR = 10


def of(product):
    session = onnxruntime.InferenceSession(product, providers=["CPUExecutionProvider"])
    count = find_adapter(session).count_parameters(session)
    return count.total, {name: number for name, number in count.details.items() if "bits" in name}


def value(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def saved(path, nodes, weights, shape, opset=21):
    random = np.random.default_rng(0)
    tensors = [
        numpy_helper.from_array(random.normal(size=size).astype("float32"), name) for name, size in weights.items()
    ]
    graph = helper.make_graph(nodes, "graph", [value("x", shape)], [value("y", None)], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=IR), path)
    return str(path)


@pytest.fixture
def dense(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w1"], ["m"]),
        helper.make_node("Add", ["m", "b1"], ["h"]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("MatMul", ["r", "w2"], ["n"]),
        helper.make_node("Add", ["n", "b2"], ["y"]),
    ]
    return saved(tmp_path / "dense.onnx", nodes, {"w1": (32, 16), "b1": (16,), "w2": (16, 4), "b2": (4,)}, [None, 32])


@pytest.fixture
def convolution(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "w", "b"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["s"]),
        helper.make_node("GlobalAveragePool", ["s"], ["y"]),
    ]
    return saved(tmp_path / "convolution.onnx", nodes, {"w": (4, 3, 3, 3), "b": (4,)}, [1, 3, 8, 8])


class Samples(quantization.CalibrationDataReader):
    def __init__(self, shape):
        self._left = iter([{"x": np.random.default_rng(0).normal(size=shape).astype("float32")}] * 2)

    def get_next(self):
        return next(self._left, None)


def static(path, shape, **options):
    product = path.replace(".onnx", ".static.onnx")
    quantization.quantize_static(path, product, Samples(shape), **options)
    return product


def test_before_it_is_quantised(dense, convolution):
    assert of(dense) == (WEIGHTS + BIASES, {})
    assert of(convolution) == (CONVOLVED + 4, {})


@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_that_are_quantised_at_run_time(dense, per_channel, tmp_path):
    product = str(tmp_path / "dynamic.onnx")
    quantization.quantize_dynamic(dense, product, per_channel=per_channel)
    assert of(product) == (WEIGHTS + BIASES, {"in 8 bits": WEIGHTS})


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_weights_that_were_quantised_on_samples(dense, convolution, form):
    form = quantization.QuantFormat[form]
    total, details = of(static(dense, (1, 32), quant_format=form))
    # A bias may become an integer of eight bits as well, where the tool makes its addition a quantised one.
    assert total == WEIGHTS + BIASES
    assert details in ({"in 8 bits": WEIGHTS}, {"in 8 bits": WEIGHTS + BIASES})
    # Of a convolution the bias becomes one of 32 bits, which is no shape.
    assert of(static(convolution, (1, 3, 8, 8), quant_format=form)) == (CONVOLVED + 4, {"in 8 bits": CONVOLVED})


def test_four_bits_of_which_two_share_a_byte():
    # Of 32 numbers for each of 16 outputs, blocks of 16 share a scale, and two numbers a byte.
    weights = {
        "w": np.zeros((16, 2, 8), "uint8"),
        "scales": np.ones(16 * 2, "float32"),
        "zeros": np.zeros((16, 1), "uint8"),
    }
    node = helper.make_node(
        "MatMulNBits", ["x", *weights], ["y"], domain="com.microsoft", K=32, N=16, bits=4, block_size=16
    )
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph([node], "graph", [value("x", [None, 32])], [value("y", None)], tensors)
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=IR)
    assert of(model.SerializeToString()) == (32 * 16, {"in 4 bits": 32 * 16})


def test_four_bits_of_onnx_itself(tmp_path):
    weight = helper.make_tensor("w", TensorProto.INT4, [8, 2], np.arange(-8, 8).tolist())
    scale = numpy_helper.from_array(np.array(0.1, "float32"), "s")
    nodes = [
        helper.make_node("DequantizeLinear", ["w", "s"], ["d"]),
        helper.make_node("MatMul", ["x", "d"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "graph", [value("x", [None, 8])], [value("y", None)], [weight, scale])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=IR)
    assert of(model.SerializeToString()) == (16, {"in 4 bits": 16})


def test_constants_and_branches_are_quantised_too():
    def branch(name):
        scale = helper.make_node("Constant", [], [f"{name}s"], value=numpy_helper.from_array(np.array(0.1, "float32")))
        weight = helper.make_node("Constant", [], [f"{name}w"], value=numpy_helper.from_array(np.ones((8, 2), "int8")))
        read = helper.make_node("DequantizeLinear", [f"{name}w", f"{name}s"], [name])
        return helper.make_graph([scale, weight, read], name, [], [value(name, [8, 2])])

    yes = helper.make_node("Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True)))
    choice = helper.make_node("If", ["yes"], ["d"], then_branch=branch("a"), else_branch=branch("b"))
    nodes = [yes, choice, helper.make_node("MatMul", ["x", "d"], ["y"])]
    graph = helper.make_graph(nodes, "graph", [value("x", [None, 8])], [value("y", None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=IR)
    assert of(model.SerializeToString()) == (32, {"in 8 bits": 32})


def test_other_operators_of_onnxruntimes_domain_are_refused():
    nodes = [helper.make_node("FusedMatMul", ["x", "w"], ["y"], domain="com.microsoft")]
    weight = numpy_helper.from_array(np.ones((8, 2), "float32"), "w")
    graph = helper.make_graph(nodes, "graph", [value("x", [None, 8])], [value("y", None)], [weight])
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    with pytest.raises(GateError, match=r"the operator com\.microsoft\.FusedMatMul may hold weights"):
        of(helper.make_model(graph, opset_imports=opsets, ir_version=IR).SerializeToString())
