"""The numbers in an ONNX document that may be learned, those of quantised weights told apart by their bits."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_speedacc.adapters.base import ParameterCount, in_few_bits
from pytest_speedacc.errors import GateError

_KNOWN_DOMAINS = ("", "ai.onnx", "ai.onnx.ml")
_FLOATING = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "COMPLEX64", "COMPLEX128")
_INTEGERS = ("INT32", "INT64", "UINT32", "UINT64", "INT16", "UINT16", "BOOL", "STRING")
"""Shapes, indices and vocabularies; anything narrower is a packed weight, or is refused."""

_QUANTISED: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "ConvInteger": ((0, 1), (2, 3)),
    "DequantizeLinear": ((0,), (1, 2)),
    "DynamicQuantizeLSTM": ((1, 2, 3, 7), (8, 9, 10, 11)),
    "DynamicQuantizeLinear": ((0,), ()),
    "DynamicQuantizeMatMul": ((0, 1, 4), (2, 3)),
    "MatMulInteger": ((0, 1), (2, 3)),
    "MatMulIntegerToFloat": ((0, 1, 6), (2, 3, 4, 5)),
    "MatMulNBits": ((0, 5), (2, 3, 4)),
    "QAttention": ((0, 1, 2), (3, 4, 6, 7)),
    "QGemm": ((0, 3, 6), (1, 2, 4, 5, 7, 8)),
    "QLinearAdd": ((0, 3), (1, 2, 4, 5, 6, 7)),
    "QLinearAveragePool": ((0,), (1, 2, 3, 4)),
    "QLinearConv": ((0, 3, 8), (1, 2, 4, 5, 6, 7)),
    "QLinearGlobalAveragePool": ((0,), (1, 2, 3, 4)),
    "QLinearLeakyRelu": ((0,), (1, 2, 3, 4)),
    "QLinearMatMul": ((0, 3), (1, 2, 4, 5, 6, 7)),
    "QLinearMul": ((0, 3), (1, 2, 4, 5, 6, 7)),
    "QLinearSigmoid": ((0,), (1, 2, 3, 4)),
    "QLinearSoftmax": ((0,), (1, 2, 3, 4)),
    "QuantizeLinear": ((0,), (1, 2)),
}
"""Which inputs of an operator are quantised numbers, and which say how to read them (scales, zero points, an order)."""


@dataclass(frozen=True, slots=True)
class _Roles:
    """What the operators read each named tensor as."""

    numbers: set[str] = field(default_factory=set)
    settings: set[str] = field(default_factory=set)
    packed: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Several numbers in one element: how many there are, and the bits of each."""


def count_document(document: Any) -> ParameterCount:
    """Every floating-point number, and every quantised one by its bits.

    Raises `GateError` with the reason for what cannot be counted whole.
    """
    found = list(_of_graph(document.graph, _roles(_all_nodes(document.graph.node))))
    for function in document.functions:
        found += _of_nodes(function.node, _roles(_all_nodes(function.node)))
    total = sum(numbers for numbers, _ in found)
    return ParameterCount(total, {"operators": len(document.graph.node), **in_few_bits(found)})


def _all_nodes(nodes: Any) -> Iterator[Any]:
    for node in nodes:
        yield node
        for graph in _subgraphs(node):
            yield from _all_nodes(graph.node)


def _subgraphs(node: Any) -> Iterator[Any]:
    for attribute in node.attribute:
        yield from attribute.graphs
        if attribute.HasField("g"):
            yield attribute.g


def _roles(nodes: Iterator[Any]) -> _Roles:
    roles = _Roles()
    scales_of_inputs: set[str] = set()
    for node in nodes:
        inputs = dict(enumerate(node.input))
        numbers, settings = _QUANTISED.get(node.op_type, ((), ()))
        roles.numbers.update(inputs[place] for place in numbers if place in inputs)
        roles.settings.update(inputs[place] for place in settings if place in inputs)
        if node.op_type == "MatMulNBits":
            given = {attribute.name: attribute.i for attribute in node.attribute}
            roles.packed[node.input[1]] = (given["K"] * given["N"], given.get("bits", 4))
        if node.op_type == "DynamicQuantizeLinear":
            scales_of_inputs.add(node.output[1])
        # The scale of a weight meets that of its input in a multiplication, before the product is made a number again.
        if node.op_type == "Mul" and scales_of_inputs.intersection(node.input):
            roles.settings.update(node.input)
    return roles


def _of_graph(graph: Any, roles: _Roles) -> Iterator[tuple[int, int]]:
    """How many numbers each part of a graph holds at most, and the bits of each."""
    for tensor in graph.initializer:
        yield _of_tensor(tensor, tensor.name, roles)
    for sparse in graph.sparse_initializer:
        yield _of_tensor(sparse.values, sparse.values.name, roles)
    yield from _of_nodes(graph.node, roles)


def _of_nodes(nodes: Any, roles: _Roles) -> Iterator[tuple[int, int]]:
    for node in nodes:
        is_known = node.domain in _KNOWN_DOMAINS or node.domain.startswith(("local", "pkg."))
        if not is_known and not (node.domain == "com.microsoft" and node.op_type in _QUANTISED):
            raise GateError(f"the operator {node.domain}.{node.op_type} may hold weights in a form of its own")
        name = node.output[0] if node.op_type == "Constant" else ""
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield _of_tensor(attribute.t, name, roles)
            if attribute.HasField("sparse_tensor"):
                yield _of_tensor(attribute.sparse_tensor.values, name, roles)
            for tensor in attribute.tensors:
                yield _of_tensor(tensor, name, roles)
            yield len(attribute.floats), 32
            if node.domain == "ai.onnx.ml":
                yield len(attribute.ints), 64
        for graph in _subgraphs(node):
            yield from _of_graph(graph, roles)


def _of_tensor(tensor: Any, name: str, roles: _Roles) -> tuple[int, int]:
    import onnx

    kind = onnx.TensorProto.DataType.Name(tensor.data_type)
    bits = int((re.findall(r"\d+", kind) or ["32"])[0])
    if name in roles.settings:
        return 0, bits
    if name in roles.packed:
        return roles.packed[name]
    if kind in _FLOATING or name in roles.numbers:
        return math.prod(tensor.dims), bits
    if kind in _INTEGERS:
        return 0, bits
    raise GateError(f"{tensor.name or 'a constant'} is of type {kind.lower()}")
